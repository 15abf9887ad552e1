//! What every kind does with a change: its document read, its answer made.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Failure};
use crate::types::{Change, Observation, Progress, Target};

/// A document that came from the host, in the kind's own terms.
pub fn document<D: DeserializeOwned>(value: &Value) -> Result<D, Error> {
    D::deserialize(value).map_err(|error| Error::other("DOCUMENT_INVALID", error.to_string()))
}

/// What is there, as an observation.
///
/// # Panics
///
/// When the document has a map whose keys are no texts.
pub fn present(address: &str, remote_id: &str, document: &impl Serialize) -> Observation {
    let document =
        serde_json::to_value(document).expect("a document holds only texts, numbers, lists and maps of texts");
    Observation::present(address, remote_id, document)
}

/// The same error for each of the targets.
pub fn unreadable(targets: Vec<Target>, error: &Error) -> Vec<Observation> {
    targets.into_iter().map(|target| Observation::unreadable(target.address, error.clone())).collect()
}

/// The failure of a change whose thing exists all the same.
pub fn failure(remote_id: &str) -> impl Fn(Error) -> Failure + '_ {
    move |error| Failure::existing(error, remote_id)
}

/// The remote id a change cannot do without.
pub fn remote_id(change: &Change) -> Result<&str, Error> {
    change.remote_id.as_deref().ok_or_else(|| {
        Error::other("REMOTE_ID_MISSING", format!("`{}` has no remote id to change it by", change.address))
    })
}

/// What a delete has come to that is answered at once: what is not found is gone.
pub fn gone<A>(change: &Change, answer: Result<A, Error>) -> Result<Progress, Failure> {
    match answer {
        Err(error) if !error.is_not_found() => Err(Failure { error, remote_id: change.remote_id.clone() }),
        _ => Ok(Progress::Done(Observation::absent(&change.address))),
    }
}

/// White space and the order of members are no difference between two JSON texts.
pub fn same_json(a: &str, b: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    a == b || parse(a).is_some_and(|a| Some(a) == parse(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_already_is_deleted_and_what_is_not_keeps_its_id() {
        let change = Change::new("a.b.c", "a.b", Value::Null).remote_id("b-1".to_owned());
        let done = Ok(Progress::Done(Observation::absent("a.b.c")));
        assert_eq!(gone(&change, Ok(())), done);
        assert_eq!(gone(&change, Err::<(), _>(Error::NotFound("b-1".to_owned()))), done);
        let busy = Error::Conflict("in use".to_owned());
        assert_eq!(gone(&change, Err::<(), _>(busy.clone())), Err(Failure::existing(busy, "b-1")));
    }

    #[test]
    fn json_texts_are_compared_by_what_they_say() {
        assert!(same_json("{\"a\": 1, \"b\": []}", "{\"b\":[],\"a\":1}"));
        assert!(same_json("not json", "not json"));
        assert!(!same_json("[1, 2]", "[2, 1]") && !same_json("not json", "nor this"));
    }
}
