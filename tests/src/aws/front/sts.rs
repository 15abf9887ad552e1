//! STS: who the caller is. Both emulators have one account, and a test may want the credentials to be of another.

use super::Shared;
use super::answer::{Answer, Outcome};
use super::call::Call;
use crate::aws::{ACCOUNT, locked};

/// Answers a call to STS.
pub(crate) async fn handle(shared: &Shared, call: &Call) -> Outcome<Answer> {
    let answer = shared.upstream.forward(call).await?;
    let account = locked(&shared.account).clone();
    if call.action != "GetCallerIdentity" || account == ACCOUNT {
        return Ok(answer);
    }
    let body = String::from_utf8_lossy(&answer.body).replace(ACCOUNT, &account);
    Ok(Answer::xml(answer.status, body))
}
