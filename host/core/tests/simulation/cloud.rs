//! A cloud in memory: what exists, how it changes with time, what it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nic_core::error::ProviderError;
use nic_core::kind::CreateSafety;
use nic_core::ports::Change;
use nic_core::resource::Status;
use serde_json::{Value, json};

/// What a thing is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    Active,
    Creating,
    /// Towards this document.
    Updating(Value),
    Deleting,
    Broken,
}

/// Something that exists.
#[derive(Debug, Clone)]
pub struct Thing {
    pub kind: String,
    /// The ownership mark: lineage and address. None: somebody else's.
    pub owner: Option<String>,
    pub document: Value,
    pub phase: Phase,
    pub done_at: Duration,
    pub visible_at: Duration,
}

/// The cloud.
#[derive(Debug, Default)]
pub struct Cloud {
    pub things: BTreeMap<String, Thing>,
    tokens: BTreeMap<String, String>,
    under_way: BTreeSet<String>,
    owners: BTreeMap<String, String>,
    made: usize,
    /// Every mutation that was accepted: verb and owner.
    pub log: Vec<(&'static str, String)>,
    /// Creates that made a second thing for one owner.
    pub doubled: Vec<String>,
    /// Creates of this owner break.
    pub breaks: Option<String>,
}

/// How long a kind takes to create, update or delete; zero is at once.
fn takes(kind: &str) -> Duration {
    Duration::from_secs(match kind {
        "sim.cluster" => 600,
        "sim.node-group" | "sim.pool" => 180,
        "sim.queue" => 900,
        _ => 0,
    })
}

fn refused(code: &str, message: String) -> ProviderError {
    ProviderError::Remote { status: 400, code: code.to_owned(), message }
}

impl Cloud {
    /// Lets what is under way come to its end.
    fn advance(&mut self, now: Duration) {
        let done: Vec<String> =
            self.under_way.iter().filter(|id| self.things.get(*id).is_none_or(|t| t.done_at <= now)).cloned().collect();
        for id in done {
            self.under_way.remove(&id);
            let Some(thing) = self.things.get_mut(&id) else { continue };
            match std::mem::replace(&mut thing.phase, Phase::Active) {
                Phase::Creating if thing.kind == "sim.cluster" => thing.document["endpoint"] = json!("https://cluster"),
                Phase::Updating(document) => thing.document = document,
                Phase::Deleting => {
                    let gone = self.things.remove(&id).expect("it was there");
                    let name = gone.document.get("name").filter(|_| gone.kind == "sim.cluster");
                    let part = |t: &Thing| {
                        ["sim.add-on", "sim.object"].contains(&t.kind.as_str()) && t.document.get("cluster") == name
                    };
                    self.things.retain(|_, thing| name.is_none() || !part(thing));
                }
                Phase::Broken => thing.phase = Phase::Broken,
                Phase::Active | Phase::Creating => {}
            }
        }
    }

    fn dependents(&self, id: &str) -> Vec<&String> {
        let thing = &self.things[id];
        let name = thing.document.get("name").and_then(Value::as_str);
        let stands_on = |document: &Value| {
            let text = document.to_string();
            text.contains(&format!("\"{id}\""))
                || (thing.kind == "sim.cluster" && document.get("cluster").and_then(Value::as_str) == name)
        };
        let others = self.things.iter().filter(|(other, t)| {
            *other != id
                && !["sim.address", "sim.add-on", "sim.object"].contains(&t.kind.as_str())
                && stands_on(&t.document)
        });
        others.map(|(other, _)| other).collect()
    }

    fn check_references(&self, document: &Value, now: Duration) -> Result<(), ProviderError> {
        let ids = ["/vpc_id", "/role"].iter().filter_map(|p| document.pointer(p)?.as_str());
        let sets = document.get("subnet_ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for id in ids.chain(sets) {
            match self.things.get(id) {
                None => return Err(refused("InvalidReference", format!("{id} does not exist"))),
                Some(thing) if thing.visible_at > now => return Err(ProviderError::NotFound(id.to_owned())),
                Some(_) => {}
            }
        }
        if let Some(cluster) = document.get("cluster").and_then(Value::as_str) {
            let found = self.things.values().find(|t| t.document.get("name").and_then(Value::as_str) == Some(cluster));
            match found.map(|t| &t.phase) {
                None => return Err(refused("InvalidReference", format!("no cluster {cluster}"))),
                Some(Phase::Active) => {}
                Some(_) => return Err(ProviderError::Conflict(format!("{cluster} is busy"))),
            }
        }
        Ok(())
    }

    /// Somebody begins to change the one thing of a kind, past NIC.
    pub fn by_hand(&mut self, kind: &str, done_at: Duration, edit: impl FnOnce(&mut Value)) {
        let (id, thing) = self.things.iter_mut().find(|(_, thing)| thing.kind == kind).expect("one of that kind");
        let mut document = thing.document.clone();
        edit(&mut document);
        (thing.phase, thing.done_at) = (Phase::Updating(document), done_at);
        self.under_way.insert(id.clone());
    }

    /// Makes a thing, or replays the token's answer.
    pub fn create(
        &mut self,
        change: &Change,
        safety: CreateSafety,
        owner: &str,
        times: (Duration, Duration),
    ) -> Result<String, ProviderError> {
        let (now, invisible) = times;
        self.advance(now);
        if safety == CreateSafety::Token
            && let Some(id) = self.tokens.get(&change.token).filter(|id| self.things.contains_key(*id))
        {
            return Ok(id.clone());
        }
        let name = change.document.get("name");
        if safety == CreateSafety::Named
            && self.things.values().any(|t| t.kind == change.kind && t.document.get("name") == name)
        {
            return Err(ProviderError::Conflict(format!("{} exists already", name.unwrap_or(&Value::Null))));
        }
        if change.remote_id.is_some() {
            return Err(refused("BadRequest", "a create has no remote id".to_owned()));
        }
        self.check_references(&change.document, now)?;
        // A replacement may stand beside the old one under another name.
        let namesake = |id: &String| self.things.get(id).is_some_and(|thing| thing.document.get("name") == name);
        if self.owners.get(owner).is_some_and(namesake) {
            self.doubled.push(owner.to_owned());
        }
        self.made += 1;
        let id = format!("{}-{:06}", change.kind.trim_start_matches("sim."), self.made);
        let mut document = change.document.clone();
        document["id"] = json!(id);
        if change.kind == "sim.vpc" && document["cidr"] == "10.0.3.7/16" {
            document["cidr"] = json!("10.0.0.0/16");
        }
        let wait = takes(&change.kind);
        let broken = self.breaks.as_deref() == Some(owner);
        let phase = if broken {
            Phase::Broken
        } else if wait.is_zero() {
            Phase::Active
        } else {
            Phase::Creating
        };
        let thing = Thing {
            kind: change.kind.clone(),
            owner: Some(owner.to_owned()),
            document,
            phase,
            done_at: now + wait,
            visible_at: now + invisible,
        };
        self.things.insert(id.clone(), thing);
        self.under_way.insert(id.clone());
        self.owners.insert(owner.to_owned(), id.clone());
        self.tokens.insert(change.token.clone(), id.clone());
        self.log.push(("create", owner.to_owned()));
        Ok(id)
    }

    fn idle(&mut self, change: &Change, now: Duration) -> Result<String, ProviderError> {
        self.advance(now);
        let id = change.remote_id.clone().ok_or_else(|| refused("BadRequest", "which one?".to_owned()))?;
        match self.things.get(&id).map(|t| &t.phase) {
            None => Err(ProviderError::NotFound(id)),
            Some(Phase::Active | Phase::Broken) => Ok(id),
            Some(_) => Err(ProviderError::Conflict(format!("{id} is busy"))),
        }
    }

    /// Changes the attributes at the change's paths, and nothing else.
    pub fn update(&mut self, change: &Change, now: Duration) -> Result<String, ProviderError> {
        let id = self.idle(change, now)?;
        self.check_references(&change.document, now)?;
        let thing = self.things.get_mut(&id).unwrap();
        let mut document = thing.document.clone();
        for path in &change.paths {
            let mut wanted = change.document.pointer(path).cloned();
            if ["/cidr", "/name", "/vpc_id", "/role", "/instance_type", "/size"].contains(&path.as_str()) {
                return Err(refused("Immutable", path.clone()));
            }
            if path == "/version" {
                wanted = wanted.map(|wanted| next_version(&document["version"], &wanted));
            }
            set(&mut document, path, wanted);
        }
        let wait = takes(&thing.kind);
        thing.done_at = now + wait;
        if wait.is_zero() {
            thing.document = document;
        } else {
            thing.phase = Phase::Updating(document);
            self.under_way.insert(id.clone());
        }
        self.log.push(("update", thing.owner.clone().unwrap_or_default()));
        Ok(id)
    }

    /// Deletes, unless something stands on it.
    pub fn delete(&mut self, change: &Change, now: Duration) -> Result<String, ProviderError> {
        let id = self.idle(change, now)?;
        let dependents = self.dependents(&id);
        if !dependents.is_empty() {
            return Err(ProviderError::Conflict(format!("DependencyViolation: {dependents:?} stand on {id}")));
        }
        let thing = self.things.get_mut(&id).unwrap();
        self.log.push(("delete", thing.owner.clone().unwrap_or_default()));
        let wait = takes(&thing.kind) / 2;
        thing.phase = Phase::Deleting;
        thing.done_at = now + wait;
        self.under_way.insert(id.clone());
        self.advance(now);
        Ok(id)
    }

    /// A thing as a read shows it.
    pub fn show(&mut self, id: &str, now: Duration) -> Option<(Status, Value)> {
        self.advance(now);
        let thing = self.things.get(id).filter(|t| t.visible_at <= now)?;
        let status = match thing.phase {
            Phase::Active => Status::Present,
            Phase::Creating => Status::InProgress("CREATING".to_owned()),
            Phase::Updating(_) => Status::InProgress("UPDATING".to_owned()),
            Phase::Deleting => Status::InProgress("DELETING".to_owned()),
            Phase::Broken => Status::Failed("CREATE_FAILED".to_owned()),
        };
        Some((status, thing.document.clone()))
    }

    /// When what was begun will be done; none when it is.
    pub fn busy(&mut self, id: &str, now: Duration) -> Option<Duration> {
        self.advance(now);
        let thing = self.things.get(id)?;
        matches!(thing.phase, Phase::Creating | Phase::Updating(_) | Phase::Deleting)
            .then(|| thing.done_at.saturating_sub(now))
    }

    /// Ids of what is visible and passes.
    pub fn find(&mut self, now: Duration, passes: impl Fn(&Thing) -> bool) -> Vec<String> {
        self.advance(now);
        let found = self.things.iter().filter(|(_, t)| t.visible_at <= now && passes(t));
        found.map(|(id, _)| id.clone()).collect()
    }
}

/// Control planes move one minor version at a time.
fn next_version(from: &Value, to: &Value) -> Value {
    let minor = |version: &Value| version.as_str().unwrap().split_once('.').unwrap().1.parse::<u32>().unwrap();
    json!(format!("1.{}", minor(to).min(minor(from) + 1)))
}

fn set(document: &mut Value, pointer: &str, value: Option<Value>) {
    let (above, last) = pointer.rsplit_once('/').expect("a pointer below the root");
    let mut parent = document;
    for token in above.split('/').skip(1) {
        parent = &mut parent[token];
    }
    match value {
        Some(value) => parent[last] = value,
        None => drop(parent.as_object_mut().unwrap().remove(last)),
    }
}
