//! The trait a provider implements.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::description::Description;
use crate::error::{Error, Failure};
use crate::types::{
    Answer, Change, Context, Diagnostic, Fact, Locator, Observation, Outdated, Progress, Query, Recorded, Target,
};

/// A provider: pure planning, reads, and single changes.
///
/// Each function runs on a fresh instance of the component, so there is no `self`: what a provider knows is in its
/// arguments. The asynchronous functions may keep several requests in flight (`futures::join!`), which is how a plan of
/// many resources costs few round trips; they are driven by [`crate::runtime::block_on`].
///
/// Functions with a default answer say `OPERATION_NOT_IMPLEMENTED` when the host asks for them all the same.
#[expect(async_fn_in_trait, reason = "components are single-threaded; no Send bound is wanted")]
pub trait Provider: 'static {
    /// Who this is: name, version, config sections, kinds. Constant.
    fn describe() -> Description;

    /// Brings a recorded document of an older schema version to the current one.
    fn upgrade_document(_context: &Context, outdated: Outdated) -> Result<Value, Error> {
        let Outdated { kind, from_version, .. } = outdated;
        Err(Error::other("SCHEMA_UNKNOWN", format!("no schema version {from_version} of `{kind}` is known")))
    }

    /// What is wrong with the config beyond its schema. `config` is an object of the sections this provider owns.
    fn validate(_context: &Context, _config: &Value) -> Result<Vec<Diagnostic>, Error> {
        Ok(Vec::new())
    }

    /// The resources the config asks for, or the facts that are needed to say so.
    fn desired(context: &Context, config: &Value, facts: &Facts) -> Result<Answer, Error>;

    /// This provider's part of outputs.json.
    fn outputs(context: &Context, config: &Value, records: &[Recorded]) -> Result<Value, Error>;

    /// Answers the queries that [`Provider::desired`] asked.
    async fn lookup(_context: &Context, _queries: Vec<Query>) -> Result<Vec<Fact>, Error> {
        Err(Error::not_implemented("lookup"))
    }

    /// What is there now, one observation per target.
    async fn read(context: &Context, targets: Vec<Target>) -> Result<Vec<Observation>, Error>;

    /// Things with our marks that are not recorded.
    async fn discover(_context: &Context, _records: Vec<Recorded>) -> Result<Vec<Observation>, Error> {
        Err(Error::not_implemented("discover"))
    }

    /// Checks before the first mutation.
    async fn preflight(_context: &Context, _config: &Value, _summary: &Value) -> Result<Vec<Diagnostic>, Error> {
        Ok(Vec::new())
    }

    /// Creates one resource.
    async fn create(_context: &Context, change: Change) -> Result<Progress, Failure> {
        Err(Error::not_implemented(&format!("create of {}", change.kind)).into())
    }

    /// Changes one resource in place.
    async fn update(_context: &Context, change: Change) -> Result<Progress, Failure> {
        Err(Error::not_implemented(&format!("update of {}", change.kind)).into())
    }

    /// Deletes one resource; what is already gone is done.
    async fn delete(_context: &Context, change: Change) -> Result<Progress, Failure> {
        Err(Error::not_implemented(&format!("delete of {}", change.kind)).into())
    }

    /// How a pending change is doing.
    async fn poll(_context: &Context, change: Change, _operation: Value) -> Result<Progress, Failure> {
        Err(Error::not_implemented(&format!("poll of {}", change.kind)).into())
    }

    /// How to find the cluster.
    fn cluster(_context: &Context, _config: &Value, _records: &[Recorded]) -> Result<Option<Locator>, Error> {
        Ok(None)
    }
}

/// The answers given so far, by key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Facts(pub std::collections::BTreeMap<String, Value>);

impl FromIterator<(String, Value)> for Facts {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(answers: I) -> Self {
        Self(answers.into_iter().collect())
    }
}

impl Facts {
    /// The answer recorded under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }
}
