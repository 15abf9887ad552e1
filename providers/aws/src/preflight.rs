//! Checks just before the first mutation: what would otherwise fail minutes later, half of the platform made.
//!
//! Each check is about what the plan is going to do. What makes a deploy fail is an error; a check that could not be made is
//! told, as a warning, and stops nothing: the deploy itself will find out. Quotas alone are a courtesy: who may not read them is not
//! told so. What got no answer is checked again first, when the host asks once more.

mod account;
mod ask;
mod cluster;
mod nodes;
mod volume;

use futures::future::join_all;
use futures::join;
use nic_sdk::error::Error;
use nic_sdk::types::{Context, Diagnostic, Severity, Status};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::config::{self, Config};
use crate::discover::named;
use crate::kinds::read;
use crate::names::Names;

/// What the plan is going to do, by address.
struct Summary<'a>(&'a Value);

impl Summary<'_> {
    fn addresses(&self, verb: &str) -> impl Iterator<Item = &str> {
        self.0.get(verb).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// What comes into being, again or for the first time.
    fn made(&self) -> impl Iterator<Item = &str> {
        self.addresses("create").chain(self.addresses("replace"))
    }

    fn makes(&self, address: &str) -> bool {
        self.made().any(|made| made == address)
    }

    /// Whether the attribute at `pointer` is about to change in place.
    fn changes(&self, address: &str, pointer: &str) -> bool {
        let pointers = self.0.get("differences").and_then(|all| all.get(address)).and_then(Value::as_array);
        let named = pointers.into_iter().flatten().any(|path| path == pointer);
        named && self.addresses("update").any(|updated| updated == address)
    }

    /// Whether there is anything but deletions.
    fn brings_anything(&self) -> bool {
        self.made().chain(self.addresses("update")).next().is_some()
    }
}

/// Everything that is found wrong.
pub async fn preflight(
    context: &Context,
    cloud: &Cloud,
    config: &Value,
    summary: &Value,
) -> Result<Vec<Diagnostic>, Error> {
    let summary = Summary(summary);
    // What cannot be typed was refused by `validate`.
    let names = Names::new(context);
    let parsed = config::parse(config, names.topology).0;
    let Some(config) = parsed.filter(|_| summary.brings_anything()) else { return Ok(Vec::new()) };
    let (names, account, cluster, nodes, volume) = join!(
        Box::pin(names_taken(cloud, &names, &summary)),
        Box::pin(account::check(cloud, &config, &summary)),
        Box::pin(cluster::check(cloud, &config, &names, &summary)),
        Box::pin(nodes::check(cloud, &config, &summary)),
        Box::pin(volume::check(cloud, &config, &summary)),
    );
    let mut found = [names, account, cluster, nodes, volume].concat();
    // What stops the deploy is told first.
    found.sort_by_key(|diagnostic| diagnostic.severity != Severity::Error);
    Ok(found)
}

/// One diagnostic for each name that is taken by something of somebody else's.
async fn names_taken(cloud: &Cloud, names: &Names, summary: &Summary<'_>) -> Vec<Diagnostic> {
    let mut targets = named(names);
    targets.retain(|target| summary.addresses("create").any(|address| address == target.address));
    let taken = read(cloud, targets).await.into_iter().filter_map(|observation| match observation.status {
        Status::Foreign(text) => Some(Diagnostic {
            hints: vec![
                "choose another `project_name` or `namespace`, or delete what is there and not needed".to_owned(),
            ],
            ..problem(
                "NAME_TAKEN",
                "A name is taken by something that is not NIC's",
                format!("{}: {text}", observation.address),
            )
        }),
        Status::Unreadable(error) => {
            Some(unchecked(&format!("whether the name of `{}` is free", observation.address), &error))
        }
        _ => None,
    });
    taken.collect()
}

/// Makes several checks at once.
async fn all<C: Future<Output = Vec<Diagnostic>>>(checks: impl IntoIterator<Item = C>) -> Vec<Diagnostic> {
    join_all(checks).await.concat()
}

/// What would make the deploy fail.
fn problem(code: &str, summary: &str, detail: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: code.to_owned(),
        summary: summary.to_owned(),
        detail,
        pointer: None,
        hints: Vec::new(),
    }
}

/// A check that could not be made.
fn unchecked(what: &str, error: &Error) -> Diagnostic {
    let (code, summary) = if may_pass(error) {
        ("PREFLIGHT_UNANSWERED", "A check got no answer")
    } else {
        ("PREFLIGHT_INCOMPLETE", "A check could not be made")
    };
    Diagnostic { severity: Severity::Warning, ..problem(code, summary, format!("{what} is not known: {error}")) }
}

/// Whether the same question may get an answer a little later.
fn may_pass(error: &Error) -> bool {
    matches!(error, Error::Throttled(_) | Error::TimedOut(_) | Error::Remote { status: 500.., .. })
}

/// Where a key of the config stands.
fn at(key: &str) -> String {
    format!("/{}/{key}", config::SECTION)
}

/// The zones that a network of its own is going to stand in.
async fn zones(cloud: &Cloud, config: &Config) -> Result<Vec<String>, Error> {
    if config.availability_zones.len() >= 2 {
        return Ok(config.availability_zones.clone());
    }
    Ok(crate::facts::first_two(crate::facts::availability_zones(cloud).await?))
}
