//! The provider: honest, but for what the script says.

mod answers;
mod change;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use nic_sdk::description::Description;
use nic_sdk::provider::{Facts, Provider};
use nic_sdk::runtime::block_on;
use nic_sdk::types::{
    Answer, Change, Context, Diagnostic, Fact, Locator, Observation, Outdated, Progress, Query, Recorded, Resource,
    Severity, Target,
};
use nic_sdk::{Error, Failure, report};
use serde::Deserialize;
use serde_json::{Value, json};

use self::answers::{falsified, grown, lies, with_findings};
use self::change::Work;
use crate::behaviour::fail_late::FailLate;
use crate::behaviour::lie::How;
use crate::behaviour::overgrow::{Overgrow, What};
use crate::behaviour::pend::Operation;
use crate::behaviour::{Behaviour, Place};
use crate::script::{Script, Steps, When};
use crate::section::{self, Cluster, Section};
use crate::thing;

/// The provider.
#[derive(Debug)]
pub struct Scripted;

impl Provider for Scripted {
    fn describe() -> Description {
        let description = Description::new("scripted", env!("CARGO_PKG_VERSION"))
            .kinds(thing::kinds())
            .setting("place", "/scripted/place");
        section::schemas().into_iter().fold(description, |whole, (key, schema)| whole.section(key, schema))
    }

    fn upgrade_document(_context: &Context, outdated: Outdated) -> Result<Value, Error> {
        thing::Kind::of(&outdated.kind).upgrade(outdated.from_version, outdated.document)
    }

    fn validate(_context: &Context, config: &Value) -> Result<Vec<Diagnostic>, Error> {
        let Some(section) = Section::of(config)? else { return Ok(Vec::new()) };
        let (steps, _) = act_within(&section, "validate", config)?;
        let told = grown(&steps, What::Diagnostics).map_or(0, Overgrow::count);
        Ok((0..told).map(diagnostic).collect())
    }

    fn desired(_context: &Context, config: &Value, facts: &Facts) -> Result<Answer, Error> {
        let Some(section) = Section::of(config)? else { return Ok(Answer::Ready(Vec::new())) };
        let (steps, _) = act_within(&section, "desired", config)?;
        let unknown = |name: &&String| facts.get(name).is_none() || lies(&steps).any(|lie| lie.how == How::AskAgain);
        let asked: Vec<Query> = section.facts.iter().filter(unknown).map(|name| query(name, &section)).collect();
        if !asked.is_empty() {
            return Ok(Answer::Need(asked));
        }
        let mut resources = section.resources(config, |name| facts.get(name).cloned())?;
        lies(&steps).for_each(|lie| lie.falsify_graph(&mut resources));
        if let Some(growth) = grown(&steps, What::Resources) {
            let more = |number| {
                let document = json!({ "name": format!("n{number}"), "script": section.script() });
                Resource::new(format!("scripted.thing.n{number}"), "scripted.thing", document)
            };
            resources.extend((0..growth.count()).map(more));
        }
        if let (Some(growth), Some(resource)) = (grown(&steps, What::Document), resources.first_mut()) {
            resource.document["value"] = growth.text().into();
        }
        Ok(Answer::Ready(resources))
    }

    fn outputs(context: &Context, config: &Value, records: &[Recorded]) -> Result<Value, Error> {
        let Some(section) = Section::of(config)? else {
            return Ok(json!({ "scripted": { "settings": context.settings } }));
        };
        let (steps, _) = act_within(&section, "outputs", config)?;
        let ids: BTreeMap<&str, &Option<String>> =
            records.iter().map(|record| (record.address.as_str(), &record.remote_id)).collect();
        let mut outputs = json!({ "scripted": { "ids": ids } });
        if !context.settings.is_empty() {
            outputs["scripted"]["settings"] = json!(context.settings);
        }
        if let Some(growth) = grown(&steps, What::Document) {
            outputs["scripted"]["blob"] = growth.text().into();
        }
        Ok(outputs)
    }

    async fn lookup(_context: &Context, queries: Vec<Query>) -> Result<Vec<Fact>, Error> {
        let answers = queries.into_iter().map(|query| async move {
            let script = Script::parse(&query.arguments)?;
            let place = Place { server: &script.server, config: &Value::Null };
            script.within("lookup")?.act(When::Before, &place).await?;
            Ok(Fact::new(query.key, script.server.fact(&query.name).await?))
        });
        join_all(answers).await.into_iter().collect()
    }

    async fn read(context: &Context, targets: Vec<Target>) -> Result<Vec<Observation>, Error> {
        let seen = join_all(targets.into_iter().map(|target| read::read(context, target))).await;
        Ok(seen.into_iter().collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect())
    }

    async fn discover(context: &Context, records: Vec<Recorded>) -> Result<Vec<Observation>, Error> {
        // Without a record there is nobody to say where the cloud is.
        let Some(script) = records.first().and_then(|record| Script::of(&record.attributes).ok()) else {
            return Ok(Vec::new());
        };
        let place = Place { server: &script.server, config: &script.loot };
        script.within("discover")?.act(When::Before, &place).await?;
        let known: BTreeSet<&str> = records.iter().filter_map(|record| record.remote_id.as_deref()).collect();
        let ours = script.server.find("prefix", &thing::owner(context, "")).await?;
        let unknown = ours.iter().filter(|thing| !known.contains(thing["id"].as_str().unwrap_or_default()));
        let address =
            |thing: &Value| thing["owner"].as_str().and_then(|owner| owner.rsplit('/').next()).map(str::to_owned);
        Ok(unknown.filter_map(|thing| Some(thing::observed(&address(thing)?, thing, &Value::Null))).collect())
    }

    async fn preflight(_context: &Context, config: &Value, _summary: &Value) -> Result<Vec<Diagnostic>, Error> {
        if let Some(section) = Section::of(config)? {
            let server = section.server();
            section.within("preflight")?.act(When::Before, &Place { server: &server, config }).await?;
        }
        Ok(Vec::new())
    }

    async fn create(context: &Context, change: Change) -> Result<Progress, Failure> {
        let work = Work::begin("create", &change).await?;
        let thing = work.script.server.create(&thing::create_body(context, &change)).await?;
        let id = thing["id"].as_str().unwrap_or_default().to_owned();
        let untold = work.steps.behaviours().any(|one| matches!(one, Behaviour::KeepQuiet(_)));
        if !untold {
            report::created(&id).map_err(|error| Failure::existing(error, id.as_str()))?;
            lies(&work.steps).for_each(|lie| lie.tell(&id));
        }
        work.end(&change, &id, thing::observed(&change.address, &thing, &change.document["script"])).await
    }

    async fn update(_context: &Context, change: Change) -> Result<Progress, Failure> {
        let work = Work::begin("update", &change).await?;
        let id = change.remote_id.clone().ok_or_else(|| Error::other("NO_REMOTE_ID", "nothing to update"))?;
        let thing = work.script.server.replace(&id, &thing::replace_body(&change.document)).await?;
        work.end(&change, &id, thing::observed(&change.address, &thing, &change.document["script"])).await
    }

    async fn delete(_context: &Context, change: Change) -> Result<Progress, Failure> {
        let work = Work::begin("delete", &change).await?;
        let id = change.remote_id.clone().ok_or_else(|| Error::other("NO_REMOTE_ID", "nothing to delete"))?;
        work.script.server.delete(&id).await?;
        work.end(&change, &id, Observation::absent(&change.address)).await
    }

    async fn poll(_context: &Context, change: Change, operation: Value) -> Result<Progress, Failure> {
        let script = Script::of(&change.document)?;
        let operation =
            Operation::deserialize(operation).map_err(|error| Error::other("OPERATION_LOST", error.to_string()))?;
        let steps = script.on("poll")?;
        let place = Place { server: &script.server, config: &script.loot };
        let findings = steps.act(When::Before, &place).await?;
        if let Some(still) = operation.clone().polled() {
            return Ok(still.waiting());
        }
        if let Some(failure) = FailLate::told(&operation.failure, &operation.id) {
            return Err(failure);
        }
        let done = match script.server.get(&operation.id).await? {
            Some(thing) if operation.of != "delete" => {
                thing::observed(&change.address, &thing, &change.document["script"])
            }
            _ => Observation::absent(&change.address),
        };
        Ok(Progress::Done(falsified(&steps, with_findings(done, &findings))))
    }

    fn cluster(_context: &Context, config: &Value, _records: &[Recorded]) -> Result<Option<Locator>, Error> {
        let Some(section) = Section::of(config)? else { return Ok(None) };
        let (steps, _) = act_within(&section, "cluster", config)?;
        let own = steps.behaviours().find_map(|one| match one {
            Behaviour::Exfiltrate(theft) => theft.locator(),
            _ => None,
        });
        let honest = || section.cluster.map(Cluster::locator);
        let locator = own.or_else(honest);
        Ok(lies(&steps).fold(locator, |locator, lie| lie.falsify_locator(locator)))
    }
}

/// Acts in a call that may not wait for anything, where waiting is tried all the same.
fn act_within(section: &Section, call: &str, config: &Value) -> Result<(Steps, Vec<String>), Error> {
    let (steps, server) = (section.within(call)?, section.server());
    let findings = block_on(steps.act(When::Before, &Place { server: &server, config }))?;
    Ok((steps, findings))
}

fn query(name: &str, section: &Section) -> Query {
    Query::new(name, name, section.script())
}

fn diagnostic(number: usize) -> Diagnostic {
    Diagnostic::new(Severity::Info, "SCRIPTED", "One of too many", number.to_string())
}

#[cfg(test)]
mod tests;
