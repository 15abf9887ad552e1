//! NIC provider for AWS: network, roles, EKS, shared storage, registry.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | the section `amazon_web_services`, typed |
//! | [`classic`] | the desired graph of the Classic topology |
//! | [`design`] | the desired graph of the design document's topology |
//! | [`kinds`] | one file for each kind of resource: its document, how it is read and changed |
//! | [`tags`] | Nebari's tags and the mark by which NIC knows its own |
//!
//! What is pure (config, graph, outputs, and which calls an update needs) is a function of values and is tested natively.

pub mod addon_versions;
mod classic;
mod cloud;
pub mod config;
mod describe;
pub mod design;
mod discover;
mod facts;
pub mod kinds;
mod limits;
mod names;
mod outputs;
mod preflight;
pub mod tags;
mod validate;
mod versions;
mod zones;

use nic_sdk::description::Description;
use nic_sdk::error::{Error, Failure};
use nic_sdk::kit::Topology;
use nic_sdk::provider::Facts;
use nic_sdk::types::{
    Answer, Change, Context, Diagnostic, Fact, Locator, Observation, Progress, Query, Recorded, Severity, Target,
};
use nic_sdk::{Provider, register_provider};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::config::Config;
use crate::names::Names;

/// The provider.
#[derive(Debug)]
pub struct Aws;

register_provider!(Aws, manifest = include_str!("manifest.json"));

impl Provider for Aws {
    fn describe() -> Description {
        describe::description()
    }

    fn validate(context: &Context, config: &Value) -> Result<Vec<Diagnostic>, Error> {
        Ok(validate::validate(context, config))
    }

    fn desired(context: &Context, config: &Value, facts: &Facts) -> Result<Answer, Error> {
        match config::parse(config, Topology::of(context)) {
            (Some(config), _) => graph(context, &config, facts),
            (None, found) => {
                Err(Error::Invalid(found.into_iter().filter(|finding| finding.severity == Severity::Error).collect()))
            }
        }
    }

    fn outputs(context: &Context, _config: &Value, records: &[Recorded]) -> Result<Value, Error> {
        Ok(outputs::outputs(&Names::new(context), records))
    }

    async fn lookup(context: &Context, queries: Vec<Query>) -> Result<Vec<Fact>, Error> {
        facts::lookup(&Cloud::new(context)?, queries).await
    }

    async fn read(context: &Context, targets: Vec<Target>) -> Result<Vec<Observation>, Error> {
        Ok(kinds::read(&Cloud::new(context)?, targets).await)
    }

    async fn discover(context: &Context, records: Vec<Recorded>) -> Result<Vec<Observation>, Error> {
        discover::discover(context, &Cloud::new(context)?, &records).await
    }

    async fn preflight(context: &Context, config: &Value, summary: &Value) -> Result<Vec<Diagnostic>, Error> {
        preflight::preflight(context, &Cloud::new(context)?, config, summary).await
    }

    async fn create(context: &Context, change: Change) -> Result<Progress, Failure> {
        kinds::create(&Cloud::new(context)?, &change).await
    }

    async fn update(context: &Context, change: Change) -> Result<Progress, Failure> {
        kinds::update(&Cloud::new(context)?, &change).await
    }

    async fn delete(context: &Context, change: Change) -> Result<Progress, Failure> {
        kinds::delete(&Cloud::new(context)?, &change).await
    }

    async fn poll(context: &Context, change: Change, operation: Value) -> Result<Progress, Failure> {
        kinds::poll(&Cloud::new(context)?, &change, operation).await
    }

    fn cluster(context: &Context, config: &Value, records: &[Recorded]) -> Result<Option<Locator>, Error> {
        let Some(cluster) = records.iter().find(|record| record.kind == kinds::CLUSTER) else { return Ok(None) };
        let named = cluster.attributes.get("name").and_then(Value::as_str);
        let name = cluster.remote_id.as_deref().or(named);
        let written = config.pointer("/amazon_web_services/region").and_then(Value::as_str);
        let region = context.region.as_deref().or(written);
        Ok(name.zip(region).map(|(name, region)| Locator::new("eks", json!({ "region": region, "name": name }))))
    }
}

/// The graph of the context's topology, or what has to be asked before.
fn graph(context: &Context, config: &Config, facts: &Facts) -> Result<Answer, Error> {
    match Topology::of(context) {
        Topology::Classic => classic::desired(context, config, facts),
        Topology::Design => design::desired(context, config, facts),
    }
}
