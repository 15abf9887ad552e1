//! ECR, repaired: names and repositories that are not there.
//!
//! ministack accepts capitals in a name. moto has hosts of the standard partition in every one. Both refuse to delete a repository that holds
//! images, as AWS does.

use super::Shared;
use super::answer::{Answer, Fault, Outcome};
use super::call::Call;
use super::partition::Partition;

/// Answers a call to ECR.
pub(crate) async fn handle(shared: &Shared, call: &Call) -> Outcome<Answer> {
    if call.action == "CreateRepository" {
        check_name(call.json["repositoryName"].as_str().unwrap_or_default())?;
    }
    let mut answer = shared.upstream.forward(call).await?;
    let region = shared.upstream.region();
    let suffix = Partition::of(region).suffix;
    if suffix != "amazonaws.com" {
        let host = |suffix: &str| format!(".{region}.{suffix}/");
        answer.body = String::from_utf8_lossy(&answer.body).replace(&host("amazonaws.com"), &host(suffix)).into();
    }
    Ok(answer)
}

/// Words of small letters and digits, with one `.`, `_` or `-` between two, and slashes between such names.
fn check_name(name: &str) -> Outcome<()> {
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = (2..=256).contains(&name.len()) && name.split('/').all(|part| part.split(['.', '_', '-']).all(word));
    if fits {
        return Ok(());
    }
    Err(Fault::bad(
        "InvalidParameterException",
        format!(
            "Invalid parameter at 'repositoryName' failed to satisfy constraint: '{name}' is not a repository name"
        ),
    ))
}
