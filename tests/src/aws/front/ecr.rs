//! ECR, repaired: names and repositories that are not there.
//!
//! ministack accepts capitals in a name. Both refuse to delete a repository that holds images, as AWS does.

use super::Shared;
use super::answer::{Answer, Fault, Outcome};
use super::call::Call;

/// Answers a call to ECR.
pub(crate) async fn handle(shared: &Shared, call: &Call) -> Outcome<Answer> {
    if call.action == "CreateRepository" {
        check_name(call.json["repositoryName"].as_str().unwrap_or_default())?;
    }
    shared.upstream.forward(call).await
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
