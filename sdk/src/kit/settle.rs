//! Leading a thing to its document, on clouds that show what they were told with a delay.
//!
//! Many services answer a change at once and show it a little later. So after an update the thing is looked at again, and what does
//! not show yet is waited for, a bounded number of times: a provider never sleeps, the host does. What was just created is
//! known without a look: it is what was sent, and what the cloud adds to it.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::change::{document, failure, present, remote_id};
use super::{Cloud, LabelEdits, Labels, Scope};
use crate::error::{Error, Failure};
use crate::types::{Change, Progress, Waiting};

/// How long the cloud gets before it is asked again.
const SETTLE_AFTER: Duration = Duration::from_secs(2);

/// How often it is asked about what usually shows within seconds.
pub const SETTLE_ATTEMPTS: u32 = 15;

/// A thing as the cloud shows it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Found<D> {
    /// Its remote id.
    pub id: String,
    /// All its labels, the mark included.
    pub labels: Labels,
    /// Whether it can be used: some clouds make some things a moment after they have answered.
    pub usable: bool,
    /// In the kind's terms.
    pub document: D,
}

impl<D> Found<D> {
    /// A thing that can be used.
    pub fn new(id: impl Into<String>, labels: Labels, document: D) -> Self {
        Self { id: id.into(), labels, usable: true, document }
    }

    /// Says whether it can be used.
    #[must_use]
    pub fn usable(mut self, usable: bool) -> Self {
        self.usable = usable;
        self
    }
}

/// A document with labels.
pub trait Labelled: Serialize + DeserializeOwned {
    /// The labels it shows or wants.
    fn labels(&self) -> &Labels;
}

/// A kind whose changes are answered at once.
#[expect(async_fn_in_trait, reason = "components are single-threaded; no Send bound is wanted")]
pub trait Settles {
    /// Where it is.
    type Cloud: Cloud;
    /// The document.
    type Document: Labelled;
    /// One call of an update.
    type Step;

    /// How often it is asked. What it does not show after that is taken for what it is.
    const ATTEMPTS: u32 = SETTLE_ATTEMPTS;

    /// What is there under the remote id.
    async fn look(cloud: &Self::Cloud, id: &str) -> Result<Option<Found<Self::Document>>, Error>;

    /// The calls that lead from what is shown to what is desired, labels aside, as far as the scope goes.
    fn steps(observed: &Self::Document, desired: &Self::Document, scope: &Scope<'_>) -> Vec<Self::Step>;

    /// Makes one of them.
    async fn take(cloud: &Self::Cloud, id: &str, step: Self::Step) -> Result<(), Error>;

    /// Writes and takes away labels.
    async fn edit_labels(cloud: &Self::Cloud, id: &str, edits: &LabelEdits) -> Result<(), Error>;
}

/// What `poll` is given. A change that is picked up by another run no longer says what it was about, so this does.
#[derive(Debug, Serialize, Deserialize)]
struct Settling {
    attempt: u32,
    paths: Vec<String>,
    /// Whether everything was told to the cloud, and only has to show.
    #[serde(default)]
    told: bool,
}

impl Settling {
    fn wait<C: Cloud>(self, id: &str) -> Progress {
        let operation = json!(Self { attempt: self.attempt + 1, ..self });
        let message = format!("waiting until {} shows the change", C::NAME);
        Progress::Pending(Waiting::new(operation, SETTLE_AFTER, message).remote_id(id.to_owned()))
    }
}

/// Leads what was just made to what is desired. What the cloud has answered well is taken for done: the next plan looks.
pub async fn complete<K: Settles>(
    cloud: &K::Cloud,
    change: &Change,
    made: Found<K::Document>,
) -> Result<Progress, Failure> {
    let failed = failure(&made.id);
    if !made.usable {
        return Ok(Settling { attempt: 0, paths: Vec::new(), told: false }.wait::<K::Cloud>(&made.id));
    }
    let desired: K::Document = document(&change.document).map_err(&failed)?;
    let steps = K::steps(&made.document, &desired, &Scope::new(&[]));
    carry_out::<K>(cloud, &made.id, &LabelEdits::default(), steps).await.map_err(not_shown_yet).map_err(&failed)?;
    let mut shown = json!(made.document);
    if let (Some(shown), Value::Object(desired)) = (shown.as_object_mut(), json!(desired)) {
        shown.extend(desired);
    }
    Ok(Progress::Done(present(&change.address, &made.id, &shown)))
}

/// What was just made, or what it refers to, is not visible everywhere yet: the same change goes well a little later.
fn not_shown_yet(error: Error) -> Error {
    if error.is_not_found() { Error::Conflict(error.to_string()) } else { error }
}

/// Leads what is there to what is desired.
pub async fn settle<K: Settles>(cloud: &K::Cloud, change: &Change, id: &str) -> Result<Progress, Failure> {
    let failed = failure(id);
    let waiting = |told| Settling { attempt: 0, paths: change.paths.clone(), told }.wait::<K::Cloud>(id);
    let desired: K::Document = document(&change.document).map_err(&failed)?;
    let scope = Scope::new(&change.paths);
    let found = match K::look(cloud, id).await.map_err(&failed)? {
        Some(found) if found.usable => found,
        _ => return Ok(waiting(false)),
    };
    let Some((edits, steps)) = left::<K>(&found, &desired, &scope) else {
        return Ok(Progress::Done(present(&change.address, &found.id, &found.document)));
    };
    carry_out::<K>(cloud, id, &edits, steps).await.map_err(not_shown_yet).map_err(&failed)?;
    match K::look(cloud, id).await.map_err(&failed)? {
        Some(found) if left::<K>(&found, &desired, &scope).is_none() => {
            Ok(Progress::Done(present(&change.address, &found.id, &found.document)))
        }
        _ => Ok(waiting(true)),
    }
}

/// Goes on with it, only looking: a poll may change nothing. What was not told yet, the host asks for when it sees that it is
/// missing.
pub async fn poll<K: Settles>(cloud: &K::Cloud, change: &Change, operation: &Value) -> Result<Progress, Failure> {
    let id = remote_id(change)?;
    let failed = failure(id);
    let now: Settling = document(operation).map_err(&failed)?;
    let last = now.attempt >= K::ATTEMPTS;
    let desired: K::Document = document(&change.document).map_err(&failed)?;
    let shows = |found: &Found<K::Document>| {
        let whole = || left::<K>(found, &desired, &Scope::new(&now.paths)).is_none();
        found.usable && (!now.told || whole())
    };
    match K::look(cloud, id).await.map_err(&failed)? {
        Some(found) if last || shows(&found) => {
            Ok(Progress::Done(present(&change.address, &found.id, &found.document)))
        }
        None if last => Err(failed(Error::NotFound(format!("`{id}` does not exist")))),
        _ => Ok(now.wait::<K::Cloud>(id)),
    }
}

/// What is to be told to the cloud, if anything is.
fn left<K: Settles>(
    found: &Found<K::Document>,
    desired: &K::Document,
    scope: &Scope<'_>,
) -> Option<(LabelEdits, Vec<K::Step>)> {
    let edits =
        LabelEdits::between(found.document.labels(), desired.labels(), scope, &format!("/{}", K::Cloud::LABELS));
    let steps = K::steps(&found.document, desired, scope);
    Some((edits, steps)).filter(|(edits, steps)| !edits.is_empty() || !steps.is_empty())
}

async fn carry_out<K: Settles>(
    cloud: &K::Cloud,
    id: &str,
    edits: &LabelEdits,
    steps: Vec<K::Step>,
) -> Result<(), Error> {
    if !edits.is_empty() {
        K::edit_labels(cloud, id, edits).await?;
    }
    for step in steps {
        K::take(cloud, id, step).await?;
    }
    Ok(())
}
