//! Calls of the provider against a scripted cloud.

#![allow(dead_code, reason = "each test file takes what it needs")]

use nic_provider_aws::Aws;
use nic_sdk::provider::{Facts, Provider};
use nic_sdk::runtime::block_on;
use nic_sdk::testing::{FakeCloud, with_cloud};
use nic_sdk::types::{Change, Context, Diagnostic, Observation, Progress, Target};
use nic_sdk::{Error, Failure};
use serde_json::{Value, json};

/// The tag key of NIC's mark.
pub const MARK: &str = "nic.nebari.dev/owner";

/// The platform `demo-dev` in us-west-2.
pub fn context() -> Context {
    Context::new("demo", "dev").region("us-west-2".to_owned()).topology("classic").lineage("l-1")
}

/// That no add-on has to move with the control plane, whichever version the config names.
pub fn settled() -> Facts {
    (20..100).map(|minor| (format!("addon_versions_for_1.{minor}"), json!({}))).collect()
}

/// The same, and these facts.
pub fn settled_with(known: impl IntoIterator<Item = (String, Value)>) -> Facts {
    let mut facts = settled();
    facts.0.extend(known);
    facts
}

/// What to read.
pub fn target(address: &str, kind: &str, remote_id: Option<&str>, document: Value) -> Target {
    Target::new(address, kind, document).remote_id(remote_id.map(Into::into))
}

/// A change of everything that differs.
pub fn change(address: &str, kind: &str, remote_id: Option<&str>, document: Value) -> Change {
    Change::new(address, kind, document).remote_id(remote_id.map(Into::into)).token("0123456789abcdef0123456789abcdef")
}

/// Reads one thing.
pub fn read(cloud: &FakeCloud, target: Target) -> Observation {
    with_cloud(cloud, || block_on(Aws::read(&context(), vec![target]))).unwrap().remove(0)
}

pub fn create(cloud: &FakeCloud, change: Change) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::create(&context(), change)))
}

pub fn update_of(cloud: &FakeCloud, change: Change) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::update(&context(), change)))
}

pub fn delete(cloud: &FakeCloud, change: Change) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::delete(&context(), change)))
}

/// Asks how it is doing.
pub fn poll(cloud: &FakeCloud, change: Change, operation: Value) -> Result<Progress, Failure> {
    with_cloud(cloud, || block_on(Aws::poll(&context(), change, operation)))
}

/// Makes the checks before a deploy.
pub fn preflight(cloud: &FakeCloud, config: &Value, summary: &Value) -> Result<Vec<Diagnostic>, Error> {
    with_cloud(cloud, || block_on(Aws::preflight(&context(), config, summary)))
}

/// What a finished change shows.
pub fn done(progress: Result<Progress, Failure>) -> Observation {
    match progress {
        Ok(Progress::Done(observation)) => observation,
        other => panic!("expected it to be done: {other:?}"),
    }
}

/// Operation and message of a change that goes on.
pub fn pending(progress: Result<Progress, Failure>) -> (Value, String) {
    match progress {
        Ok(Progress::Pending(waiting)) => (waiting.operation, waiting.message),
        other => panic!("expected it to be pending: {other:?}"),
    }
}
