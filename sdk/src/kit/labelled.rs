//! Kinds without a unique name: they are found by their id, else by NIC's mark.

use futures::future::{join, join_all};
use serde_json::Value;

use super::change::{document, failure, gone, present, remote_id};
use super::named::of_another_state;
use super::settle::{Found, Labelled, SETTLE_ATTEMPTS, Settles, complete, poll, settle};
use super::{Claim, Cloud, Kind, LabelEdits, Labels, Scope, labels_of};
use crate::error::{Error, Failure};
use crate::types::{Change, Observation, Progress, Status, Target};
use crate::{description, report};

/// Which things to list.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    /// These, as far as they exist. A missing one is no error.
    Ids(&'a [String]),
    /// All that bear a mark of NIC, whosever.
    Marked,
}

/// What makes one kind without a unique name different from another. It is a [`Kind`] then, and [`Settles`].
#[expect(async_fn_in_trait, reason = "components are single-threaded; no Send bound is wanted")]
pub trait LabelledKind {
    /// Where it is.
    type Cloud: Cloud;
    /// The document.
    type Document: Labelled;
    /// One call of an update.
    type Step;

    /// How often it is looked at, every two seconds, until it shows a change.
    const ATTEMPTS: u32 = SETTLE_ATTEMPTS;

    /// What the host knows of it.
    fn describe() -> description::Kind;

    /// Lists things.
    async fn list(cloud: &Self::Cloud, selection: Selection<'_>) -> Result<Vec<Found<Self::Document>>, Error>;

    /// The call that brings it into being; gives what is there then.
    async fn make(
        cloud: &Self::Cloud,
        change: &Change,
        desired: &Self::Document,
        labels: &Labels,
    ) -> Result<Found<Self::Document>, Error>;

    /// The calls that lead from what is shown to what is desired, labels aside, as far as the scope goes.
    fn steps(observed: &Self::Document, desired: &Self::Document, scope: &Scope<'_>) -> Vec<Self::Step>;

    /// Makes one of them.
    async fn take(cloud: &Self::Cloud, id: &str, step: Self::Step) -> Result<(), Error>;

    /// Writes and takes away labels.
    async fn edit_labels(cloud: &Self::Cloud, id: &str, edits: &LabelEdits) -> Result<(), Error>;

    /// Deletes it; not found is an answer. `last` is what it looked like when it was last seen, if that is known.
    async fn remove(cloud: &Self::Cloud, id: &str, last: Option<Self::Document>) -> Result<(), Error>;

    /// Something that is in the way of a create although it bears no mark.
    async fn stranger(_cloud: &Self::Cloud, _target: &Target) -> Result<Option<String>, Error> {
        Ok(None)
    }
}

impl<K: LabelledKind> Settles for K {
    type Cloud = K::Cloud;
    type Document = K::Document;
    type Step = K::Step;

    const ATTEMPTS: u32 = <K as LabelledKind>::ATTEMPTS;

    async fn look(cloud: &K::Cloud, id: &str) -> Result<Option<Found<K::Document>>, Error> {
        Ok(K::list(cloud, Selection::Ids(&[id.to_owned()])).await?.into_iter().next())
    }

    fn steps(observed: &K::Document, desired: &K::Document, scope: &Scope<'_>) -> Vec<K::Step> {
        <K as LabelledKind>::steps(observed, desired, scope)
    }

    // The futures themselves: one around each would be as much code again in every kind.
    fn take(cloud: &K::Cloud, id: &str, step: K::Step) -> impl Future<Output = Result<(), Error>> {
        <K as LabelledKind>::take(cloud, id, step)
    }

    fn edit_labels(cloud: &K::Cloud, id: &str, edits: &LabelEdits) -> impl Future<Output = Result<(), Error>> {
        <K as LabelledKind>::edit_labels(cloud, id, edits)
    }
}

impl<K: LabelledKind> Kind for K {
    type Cloud = K::Cloud;

    fn describe() -> description::Kind {
        <K as LabelledKind>::describe()
    }

    async fn read(cloud: &K::Cloud, targets: Vec<Target>) -> Vec<Observation> {
        let (known, sought): (Vec<_>, Vec<_>) = targets.into_iter().partition(|target| target.remote_id.is_some());
        let (known, sought) = join(read_known::<K>(cloud, known), seek::<K>(cloud, sought)).await;
        known.into_iter().chain(sought).collect()
    }

    async fn create(cloud: &K::Cloud, change: &Change) -> Result<Progress, Failure> {
        let desired: K::Document = document(&change.document)?;
        let made = K::make(cloud, change, &desired, &cloud.marks().mark(desired.labels(), &change.address)).await?;
        report::created(&made.id).map_err(failure(&made.id))?;
        complete::<K>(cloud, change, made).await
    }

    async fn update(cloud: &K::Cloud, change: &Change) -> Result<Progress, Failure> {
        settle::<K>(cloud, change, remote_id(change)?).await
    }

    async fn delete(cloud: &K::Cloud, change: &Change) -> Result<Progress, Failure> {
        let id = remote_id(change)?;
        gone(change, K::remove(cloud, id, document(&change.prior).ok()).await)
    }

    async fn poll(cloud: &K::Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
        poll::<K>(cloud, change, &operation).await
    }
}

async fn read_known<K: LabelledKind>(cloud: &K::Cloud, targets: Vec<Target>) -> Vec<Observation> {
    if targets.is_empty() {
        return Vec::new();
    }
    let ids: Vec<String> = targets.iter().filter_map(|target| target.remote_id.clone()).collect();
    let found = K::list(cloud, Selection::Ids(&ids)).await;
    observe_recorded(targets, &found, |address, found| present(address, &found.id, &found.document))
}

/// One observation for each target, whose remote ids are known, from what the cloud lists.
pub fn observe_recorded<D>(
    targets: Vec<Target>,
    found: &Result<Vec<Found<D>>, Error>,
    observe: impl Fn(&str, &Found<D>) -> Observation,
) -> Vec<Observation> {
    let of = |target: Target| match found {
        Err(error) => Observation::unreadable(target.address, error.clone()),
        Ok(found) => match found.iter().find(|found| Some(&found.id) == target.remote_id.as_ref()) {
            Some(found) => observe(&target.address, found),
            None => Observation::absent(target.address),
        },
    };
    targets.into_iter().map(of).collect()
}

/// Looks for things whose id is not known.
async fn seek<K: LabelledKind>(cloud: &K::Cloud, targets: Vec<Target>) -> Vec<Observation> {
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
                    (Claim::AnotherState, [one, ..]) => of_another_state(cloud, &target.address, &one.id, &one.labels),
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
    Observation::absent(target.address).status(Status::Ambiguous(ids))
}

async fn stranger<K: LabelledKind>(cloud: &K::Cloud, target: Target) -> Observation {
    match K::stranger(cloud, &target).await {
        Ok(None) => Observation::absent(target.address),
        Ok(Some(text)) => Observation::foreign(target.address, text),
        Err(error) => Observation::unreadable(target.address, error),
    }
}

/// All that bear a mark of NIC, whosever: kind, id, and labels.
pub async fn marked<K: LabelledKind>(
    cloud: &K::Cloud,
    kind: &'static str,
) -> Result<Vec<(&'static str, String, Labels)>, Error> {
    let found = K::list(cloud, Selection::Marked).await?;
    Ok(found.into_iter().map(|found| (kind, found.id, found.labels)).collect())
}

/// Those with the surest claim to the target's address, and which that is.
pub fn claimed<'a, C: Cloud, D>(cloud: &C, target: &Target, found: &'a [Found<D>]) -> (Claim, Vec<&'a Found<D>>) {
    let wanted = labels_of(&target.document, C::LABELS);
    let claims = found.iter().map(|found| (cloud.marks().claim(&found.labels, &target.address, &wanted), found));
    let claims: Vec<_> = claims.filter(|(claim, _)| *claim != Claim::Foreign).collect();
    let surest = claims.iter().map(|(claim, _)| *claim).max();
    let found = claims.into_iter().filter(|(claim, _)| Some(*claim) == surest).map(|(_, found)| found).collect();
    (surest.unwrap_or(Claim::Foreign), found)
}

#[cfg(test)]
mod tests;
