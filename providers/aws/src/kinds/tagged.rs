//! Kinds without a unique name: EC2's. They are found by their id, else by NIC's mark.

use futures::future::{join, join_all};
use nic_sdk::error::{Error, Failure};
use nic_sdk::types::{Change, Observation, Progress, Status, Target};
use nic_sdk::{description, report};
use serde_json::Value;

use super::named::of_another_state;
use super::settle::{Found, SETTLE_ATTEMPTS, Settles, Tagged, complete, poll, settle};
use super::{Kind, document, failure, gone, present, remote_id};
use crate::cloud::{Cloud, filter};
use crate::scope::Scope;
use crate::tags::{Claim, OWNER_KEY, TagEdits, Tags, of_document};

/// Which things to list.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    /// These, as far as they exist. A missing one is no error.
    Ids(&'a [String]),
    /// All that bear a mark of NIC, whosever.
    Marked,
}

impl Selection<'_> {
    /// The filter that selects them; `id` is the filter's name for the id. Asking for an id outright would fail the whole
    /// request when one of them does not exist.
    pub fn filter(self, id: &str) -> aws_sdk_ec2::types::Filter {
        match self {
            Self::Ids(ids) => filter(id, ids),
            Self::Marked => filter("tag-key", [OWNER_KEY]),
        }
    }
}

/// What makes one kind of EC2 different from another.
pub trait TaggedKind {
    /// The document.
    type Document: Tagged;
    /// One call of an update.
    type Step;

    /// How often it is looked at, every two seconds, until it shows a change.
    const ATTEMPTS: u32 = SETTLE_ATTEMPTS;

    /// What the host knows of it.
    fn describe() -> description::Kind;

    /// Lists things.
    async fn list(cloud: &Cloud, selection: Selection<'_>) -> Result<Vec<Found<Self::Document>>, Error>;

    /// The call that brings it into being; gives what is there then.
    async fn make(
        cloud: &Cloud,
        change: &Change,
        desired: &Self::Document,
        tags: &Tags,
    ) -> Result<Found<Self::Document>, Error>;

    /// The calls that lead from what is shown to what is desired, tags aside, as far as the scope goes.
    fn steps(observed: &Self::Document, desired: &Self::Document, scope: &Scope<'_>) -> Vec<Self::Step>;

    /// Makes one of them.
    async fn take(cloud: &Cloud, id: &str, step: Self::Step) -> Result<(), Error>;

    /// Deletes it; not found is an answer. `last` is what it looked like when it was last seen, if that is known.
    async fn remove(cloud: &Cloud, id: &str, last: Option<Self::Document>) -> Result<(), Error>;

    /// Something that is in the way of a create although it bears no mark.
    async fn stranger(_cloud: &Cloud, _target: &Target) -> Result<Option<String>, Error> {
        Ok(None)
    }
}

impl<K: TaggedKind> Settles for K {
    type Document = K::Document;
    type Step = K::Step;

    const ATTEMPTS: u32 = <K as TaggedKind>::ATTEMPTS;

    async fn look(cloud: &Cloud, id: &str) -> Result<Option<Found<K::Document>>, Error> {
        Ok(K::list(cloud, Selection::Ids(&[id.to_owned()])).await?.into_iter().next())
    }

    fn steps(observed: &K::Document, desired: &K::Document, scope: &Scope<'_>) -> Vec<K::Step> {
        <K as TaggedKind>::steps(observed, desired, scope)
    }

    async fn take(cloud: &Cloud, id: &str, step: K::Step) -> Result<(), Error> {
        <K as TaggedKind>::take(cloud, id, step).await
    }

    async fn edit_tags(cloud: &Cloud, id: &str, edits: &TagEdits) -> Result<(), Error> {
        cloud.edit_ec2_tags(id, edits).await
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
        let made = K::make(cloud, change, &desired, &cloud.marks.mark(desired.tags(), &change.address)).await?;
        report::created(&made.id).map_err(failure(&made.id))?;
        complete::<K>(cloud, change, made).await
    }

    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        settle::<K>(cloud, change, remote_id(change)?).await
    }

    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        gone(change, K::remove(cloud, id, document(&change.prior).ok()).await)
    }

    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        poll::<K>(cloud, change, &operation).await
    }
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
            Ok(found) => {
                let (claim, found) = claimed(cloud, &target, found);
                match (claim, found.as_slice()) {
                    (_, []) => stranger::<K>(cloud, target).await,
                    (Claim::AnotherState, [one, ..]) => of_another_state(&target.address, &one.id, &one.tags),
                    (_, [one]) => present(&target.address, &one.id, &one.document),
                    (_, several) => ambiguous(target, several),
                }
            }
        }
    }))
    .await
}

/// Several things bear one mark.
pub fn ambiguous<D>(target: Target, several: &[&Found<D>]) -> Observation {
    let ids = several.iter().map(|found| found.id.clone()).collect();
    Observation { status: Status::Ambiguous(ids), ..Observation::absent(target.address) }
}

async fn stranger<K: TaggedKind>(cloud: &Cloud, target: Target) -> Observation {
    match K::stranger(cloud, &target).await {
        Ok(None) => Observation::absent(target.address),
        Ok(Some(text)) => Observation { status: Status::Foreign(text), ..Observation::absent(target.address) },
        Err(error) => Observation::unreadable(target.address, error),
    }
}

/// All that bear a mark of NIC, whosever: kind, id, and tags.
pub async fn marked<K: TaggedKind>(
    cloud: &Cloud,
    kind: &'static str,
) -> Result<Vec<(&'static str, String, Tags)>, Error> {
    let found = K::list(cloud, Selection::Marked).await?;
    Ok(found.into_iter().map(|found| (kind, found.id, found.tags)).collect())
}

/// Those with the surest claim to the target's address, and which that is.
pub fn claimed<'a, D>(cloud: &Cloud, target: &Target, found: &'a [Found<D>]) -> (Claim, Vec<&'a Found<D>>) {
    let wanted = of_document(&target.document);
    let claims = found.iter().map(|found| (cloud.marks.claim(&found.tags, &target.address, &wanted), found));
    let claims: Vec<_> = claims.filter(|(claim, _)| *claim != Claim::Foreign).collect();
    let surest = claims.iter().map(|(claim, _)| *claim).max();
    let found = claims.into_iter().filter(|(claim, _)| Some(*claim) == surest).map(|(_, found)| found).collect();
    (surest.unwrap_or(Claim::Foreign), found)
}
