//! Kinds without a unique name: EC2's. They are found by their id, else by NIC's mark, and made in two or more calls.
//!
//! EC2 shows what it was told with a delay. So after a create or an update the thing is looked at again, and what does not
//! show yet is waited for, a bounded number of times.

use std::time::Duration;

use futures::future::{join, join_all};
use nic_sdk::error::{Error, Failure};
use nic_sdk::types::{Change, Observation, Progress, Status, Target, Waiting};
use nic_sdk::{description, report};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Kind, document, failure, present, remote_id};
use crate::cloud::Cloud;
use crate::error::is_not_found;
use crate::scope::Scope;
use crate::tags::{Claim, TagEdits, Tags, of_document};

/// How long EC2 gets before it is asked again.
const SETTLE_AFTER: Duration = Duration::from_secs(2);

/// How often it is asked. What EC2 does not show after that is taken for what it is.
const SETTLE_ATTEMPTS: u32 = 15;

/// Which things to list.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    /// These, as far as they exist. A missing one is no error.
    Ids(&'a [String]),
    /// All that bear a mark of NIC, whosever.
    Marked,
}

/// A thing as EC2 shows it.
#[derive(Debug)]
pub struct Found<D> {
    /// Its id.
    pub id: String,
    /// All its tags, the mark included.
    pub tags: Tags,
    /// In the kind's terms.
    pub document: D,
}

/// A document with tags.
pub trait Tagged: Serialize + DeserializeOwned {
    /// The tags it shows or wants.
    fn tags(&self) -> &Tags;
}

/// What makes one kind of EC2 different from another.
pub trait TaggedKind {
    /// The document.
    type Document: Tagged;
    /// One call of an update.
    type Step;

    /// What the host knows of it.
    fn describe() -> description::Kind;

    /// Lists things.
    async fn list(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Found<Self::Document>>, Error>;

    /// The call that brings it into being; gives its id.
    async fn make(cloud: &Cloud, change: &Change, desired: &Self::Document, tags: &Tags) -> Result<String, Error>;

    /// The calls that lead from what is shown to what is desired, tags aside.
    fn steps(observed: &Self::Document, desired: &Self::Document, scope: &Scope<'_>) -> Vec<Self::Step>;

    /// Makes one of them.
    async fn take(cloud: &Cloud, id: &str, step: Self::Step) -> Result<(), Error>;

    /// Deletes it; not found is an answer.
    async fn remove(cloud: &Cloud, id: &str, last_known: &Value) -> Result<(), Error>;

    /// Something that is in the way of a create although it bears no mark.
    async fn stranger(_cloud: &Cloud, _target: &Target) -> Result<Option<String>, Error> {
        Ok(None)
    }
}

impl<K: TaggedKind> Kind for K {
    fn describe() -> description::Kind {
        <K as TaggedKind>::describe()
    }

    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
        let (known, sought): (Vec<_>, Vec<_>) = targets.into_iter().partition(|target| target.remote_id.is_some());
        let (known, sought) = join(read_known::<K>(cloud, known), seek::<K>(cloud, sought)).await;
        known.into_iter().chain(sought).collect()
    }

    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: K::Document = document(&change.document)?;
        let id = K::make(cloud, change, &desired, &cloud.marks.mark(desired.tags(), &change.address)).await?;
        report::created(&id).map_err(failure(&id))?;
        settle::<K>(cloud, change, &id, 0).await
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        settle::<K>(cloud, change, remote_id(change)?, 0).await
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        match K::remove(cloud, id, &change.document).await {
            Err(error) if !is_not_found(&error) => Err(failure(id)(error)),
            _ => Ok(Progress::Done(Observation::absent(&change.address))),
        }
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        let Settling { attempt } = document(&operation)?;
        settle::<K>(cloud, change, remote_id(change)?, attempt).await
    }
}

/// What `poll` is given.
#[derive(Debug, Serialize, Deserialize)]
struct Settling {
    attempt: u32,
}

async fn read_known<K: TaggedKind>(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
    if targets.is_empty() {
        return Vec::new();
    }
    let ids: Vec<String> = targets.iter().filter_map(|target| target.remote_id.clone()).collect();
    let found = K::list(cloud, Selection::Ids(&ids)).await;
    let observe = |target: Target| match &found {
        Err(error) => Observation::unreadable(target.address, error.clone()),
        Ok(found) => match found.iter().find(|found| Some(&found.id) == target.remote_id.as_ref()) {
            Some(found) => present(&target.address, &found.id, &found.document),
            None => Observation::absent(target.address),
        },
    };
    targets.into_iter().map(observe).collect()
}

/// Looks for things whose id is not known.
async fn seek<K: TaggedKind>(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
    if targets.is_empty() {
        return Vec::new();
    }
    let found = K::list(cloud, Selection::Marked).await;
    let found = &found;
    join_all(targets.into_iter().map(|target| async move {
        match found {
            Err(error) => Observation::unreadable(target.address, error.clone()),
            Ok(found) => match claimed(cloud, &target, found).as_slice() {
                [] => stranger::<K>(cloud, target).await,
                [one] => present(&target.address, &one.id, &one.document),
                several => Observation {
                    status: Status::Ambiguous(several.iter().map(|found| found.id.clone()).collect()),
                    ..Observation::absent(target.address)
                },
            },
        }
    }))
    .await
}

async fn stranger<K: TaggedKind>(cloud: &Cloud, target: Target) -> Observation {
    match K::stranger(cloud, &target).await {
        Ok(None) => Observation::absent(target.address),
        Ok(Some(text)) => Observation { status: Status::Foreign(text), ..Observation::absent(target.address) },
        Err(error) => Observation::unreadable(target.address, error),
    }
}

/// Those with the surest claim to the target's address.
fn claimed<'a, D>(cloud: &Cloud, target: &Target, found: &'a [Found<D>]) -> Vec<&'a Found<D>> {
    let wanted = of_document(&target.document);
    let claims = found.iter().map(|found| (cloud.marks.claim(&found.tags, &target.address, &wanted), found));
    let claims: Vec<_> = claims.filter(|(claim, _)| *claim != Claim::Foreign).collect();
    let surest = claims.iter().map(|(claim, _)| *claim).max();
    claims.into_iter().filter(|(claim, _)| Some(*claim) == surest).map(|(_, found)| found).collect()
}

/// Leads the thing to what is desired, as far as EC2 shows it yet.
async fn settle<K: TaggedKind>(cloud: &Cloud, change: &Change, id: &str, attempt: u32) -> Result<Progress, Failure> {
    let failed = failure(id);
    let wait = || {
        Progress::Pending(Waiting {
            remote_id: Some(id.to_owned()),
            operation: json!(Settling { attempt: attempt + 1 }),
            poll_after: SETTLE_AFTER,
            message: "EC2 does not show it as it was told yet".to_owned(),
        })
    };
    let ids = [id.to_owned()];
    let look = || async { K::list(cloud, Selection::Ids(&ids)).await.map(|found| found.into_iter().next()) };
    let desired: K::Document = document(&change.document).map_err(&failed)?;
    let scope = Scope::new(&change.paths);
    let left = |found: &Found<K::Document>| {
        let edits = TagEdits::between(found.document.tags(), desired.tags(), &scope);
        let steps = K::steps(&found.document, &desired, &scope);
        Some((edits, steps)).filter(|(edits, steps)| !edits.is_empty() || !steps.is_empty())
    };

    let Some(mut found) = look().await.map_err(&failed)? else {
        if attempt < SETTLE_ATTEMPTS {
            return Ok(wait());
        }
        return Err(failed(Error::NotFound(format!("`{id}` does not exist"))));
    };
    if let Some((edits, steps)) = left(&found) {
        match carry_out::<K>(cloud, id, &edits, steps).await {
            // What was just made, or what it refers to, is not visible everywhere yet.
            Err(error) if is_not_found(&error) && attempt < SETTLE_ATTEMPTS => return Ok(wait()),
            result => result.map_err(&failed)?,
        }
        match look().await.map_err(&failed)? {
            Some(again) if left(&again).is_none() || attempt >= SETTLE_ATTEMPTS => found = again,
            _ => return Ok(wait()),
        }
    }
    Ok(Progress::Done(present(&change.address, &found.id, &found.document)))
}

async fn carry_out<K: TaggedKind>(cloud: &Cloud, id: &str, edits: &TagEdits, steps: Vec<K::Step>) -> Result<(), Error> {
    cloud.edit_ec2_tags(id, edits).await?;
    for step in steps {
        K::take(cloud, id, step).await?;
    }
    Ok(())
}
