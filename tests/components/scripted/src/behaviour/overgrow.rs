//! `overgrow`: takes or gives without measure, `{do: overgrow, what: memory}`.
//!
//! | in | `what` |
//! |---|---|
//! | anywhere | `memory`, `log`, `print`, `table`, `in-flight`, `request`, `bodies`, `pairs` |
//! | `read`, `create`, `update` | `document`, `remote-id` |
//! | `create`, `update`, `delete` | `operation` |
//! | `read` | `observations` |
//! | `in.desired` | `resources`, `document` |
//! | `in.validate` | `diagnostics` |
//! | `in.outputs` | `document` |
//!
//! `times` says how much, in units that are each too large a thousand times over.

use std::hint::black_box;

use nic_sdk::cloud_http::{Request, Scheme, send};
use nic_sdk::report::{Level, log};
use serde::Deserialize;

use super::{Place, finding};

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Linear memory.
    Memory,
    /// Log lines.
    Log,
    /// Lines on stdout and stderr.
    Print,
    /// Handles of the host.
    Table,
    /// Requests in flight.
    InFlight,
    /// The body of a request.
    Request,
    /// The bodies of requests that are in flight at once, each of so many MiB.
    Bodies,
    /// The parameters of a form.
    Pairs,
    /// A document.
    Document,
    /// A remote id.
    RemoteId,
    /// What `poll` is given.
    Operation,
    /// The answer of `read`.
    Observations,
    /// The desired graph.
    Resources,
    /// The answer of `validate`.
    Diagnostics,
}

const MEBIBYTE: usize = 1024 * 1024;

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overgrow {
    pub(crate) what: What,
    #[serde(default)]
    times: Option<usize>,
    /// Where `bodies` go, if not to the cloud of things.
    #[serde(default)]
    to: Option<String>,
}

impl Overgrow {
    pub(super) async fn act(&self, place: &Place<'_>) -> Option<String> {
        match self.what {
            What::Memory => Some(memory(self.times.unwrap_or(usize::MAX))),
            What::Log => {
                let line = "x".repeat(MEBIBYTE);
                (0..self.times.unwrap_or(1000)).for_each(|_| log(Level::Info, &line));
                None
            }
            What::Print => {
                print(self.times.unwrap_or(1000));
                None
            }
            What::Table => Some(finding("overgrow table", Ok(table(self.times.unwrap_or(1_000_000))))),
            What::InFlight => Some(finding("overgrow in-flight", Ok(in_flight(place, self.times.unwrap_or(1000))))),
            What::Request => {
                let mut request = place.server.request("POST", "/things");
                request.body = vec![b' '; self.times.unwrap_or(64) * MEBIBYTE];
                let answer = send(request).await;
                Some(finding("overgrow request", answer.map(|answer| format!("HTTP {}", answer.status))))
            }
            What::Bodies => {
                Some(finding("overgrow bodies", Ok(bodies(place, self.to.as_deref(), self.times.unwrap_or(4)))))
            }
            What::Pairs => {
                let answer = send(form(self.count())).await;
                Some(finding("overgrow pairs", answer.map(|answer| format!("HTTP {}", answer.status))))
            }
            // Those grow an answer.
            What::Document
            | What::RemoteId
            | What::Operation
            | What::Observations
            | What::Resources
            | What::Diagnostics => None,
        }
    }

    /// Text that is too long.
    pub(crate) fn text(&self) -> String {
        "x".repeat(self.times.unwrap_or(40) * MEBIBYTE)
    }

    /// A number that is too high.
    pub(crate) fn count(&self) -> usize {
        self.times.unwrap_or(100) * 1000
    }
}

fn memory(mebibytes: usize) -> String {
    let mut taken = Vec::new();
    while taken.len() < mebibytes {
        taken.push(black_box(vec![1_u8; MEBIBYTE]));
    }
    finding("overgrow memory", Ok(format!("took {} MiB", taken.len())))
}

fn print(mebibytes: usize) {
    use std::io::Write;

    let line = "x".repeat(MEBIBYTE);
    for _ in 0..mebibytes {
        // Whether the host takes it is what the test is about.
        let _ = writeln!(std::io::stdout(), "{line}");
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// A form that reads, and so many empty parameters more.
fn form(pairs: usize) -> Request {
    let mut request = Request::new("POST", "https://ec2.us-west-2.amazonaws.com/")
        .scheme(Scheme::aws_sigv4("ec2", "us-west-2"))
        .service_id("EC2")
        .header("content-type", "application/x-www-form-urlencoded");
    request.body = format!("Action=DescribeVpcs&Version=2016-11-15{}", "&a".repeat(pairs)).into_bytes();
    request
}

#[cfg(target_arch = "wasm32")]
fn table(handles: usize) -> String {
    let pollables: Vec<_> =
        (0..handles).map(|_| wasip2::clocks::monotonic_clock::subscribe_duration(u64::MAX)).collect();
    format!("took {} handles", black_box(pollables).len())
}

#[cfg(target_arch = "wasm32")]
fn in_flight(place: &Place<'_>, requests: usize) -> String {
    use super::raw::{raw, start};

    let request = raw(place.server.request("GET", "/things?prefix="));
    let mut taken = Vec::new();
    let mut refused = None;
    for _ in 0..requests {
        match start(&request) {
            Ok(handle) => taken.push(handle),
            Err(error) => refused = Some(format!("{error:?}")),
        }
    }
    format!("took {}, then {}", taken.len(), refused.unwrap_or_else(|| "was not refused".to_owned()))
}

/// Starts them until one is refused, and gives them up together, after a while in which the host holds them all.
#[cfg(target_arch = "wasm32")]
fn bodies(place: &Place<'_>, to: Option<&str>, mebibytes: usize) -> String {
    use super::raw::{raw, start};

    let mut request = place.server.request("POST", "/things");
    to.into_iter().for_each(|url| url.clone_into(&mut request.url));
    request.body = vec![b' '; mebibytes * MEBIBYTE];
    // The guest has it once, the host as often as it takes it.
    let request = raw(request);
    let mut taken = Vec::new();
    let refused = loop {
        match start(&request) {
            Ok(handle) => taken.push(handle),
            Err(error) => break format!("{error:?}"),
        }
    };
    wasip2::clocks::monotonic_clock::subscribe_duration(500_000_000).block();
    format!("took {}, then {refused}", taken.len())
}

#[cfg(not(target_arch = "wasm32"))]
fn bodies(_: &Place<'_>, _: Option<&str>, _: usize) -> String {
    "there is no host here".to_owned()
}

#[cfg(not(target_arch = "wasm32"))]
fn table(_: usize) -> String {
    "there are no handles here".to_owned()
}

#[cfg(not(target_arch = "wasm32"))]
fn in_flight(_: &Place<'_>, _: usize) -> String {
    "there is no host here".to_owned()
}
