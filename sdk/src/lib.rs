//! Write NIC providers in Rust.
//!
//! A provider is a WASI component that knows a cloud and owns nothing: the host (`nic`) holds config, state, locks,
//! credentials and clocks, and asks the provider what it must know. The whole of the contract is `wit/`; this crate turns it
//! into one trait, [`Provider`], with JSON already parsed and errors already sorted.
//!
//! # A whole provider
//!
//! ```
//! use nic_sdk::cloud_http::{Request, Scheme, send};
//! use nic_sdk::description::{CreateSafety, Description, Kind};
//! use nic_sdk::provider::Facts;
//! use nic_sdk::schema::{object, string};
//! use nic_sdk::types::{Answer, Change, Context, Observation, Progress, Recorded, Resource, Target};
//! use nic_sdk::{Error, Failure, Provider, register_provider};
//! use serde_json::{Value, json};
//!
//! struct Buckets;
//!
//! /// What the user is shown, and asked for.
//! const WANTED: &str = r#"{
//!     "name": "buckets",
//!     "version": "0.1.0",
//!     "wit": "nic:plugin@0.1.0",
//!     "world": "provider",
//!     "grants": [
//!         {"capability": "config", "sections": ["buckets"], "reason": "Reads how the bucket is called"},
//!         {"capability": "hosts", "hosts": ["buckets.example.com"], "scheme": "bearer", "credential": "default",
//!          "reason": "Looks at buckets"},
//!         {"capability": "kinds", "kinds": {"buckets.bucket": ["POST buckets.example.com/*", "DELETE buckets.example.com/*"]},
//!          "reason": "Creates and deletes buckets"}
//!     ]
//! }"#;
//!
//! register_provider!(Buckets, manifest = WANTED);
//!
//! const API: &str = "https://buckets.example.com/v1/buckets";
//!
//! impl Provider for Buckets {
//!     fn describe() -> Description {
//!         let bucket = object().required("name", string().immutable()).optional("url", string().computed());
//!         let bucket = Kind::new("buckets.bucket", "Bucket", "cloud.buckets[]", CreateSafety::Named, bucket);
//!         Description::new("buckets", "0.1.0")
//!             .section("buckets", object().required("name", string()).build())
//!             .kinds([bucket.protected().time_limits(60, 60, 60).read_batch(20)])
//!     }
//!
//!     fn desired(_: &Context, config: &Value, _: &Facts) -> Result<Answer, Error> {
//!         let document = json!({ "name": config["buckets"]["name"] });
//!         Ok(Answer::Ready(vec![Resource::new("buckets.bucket.main", "buckets.bucket", document)]))
//!     }
//!
//!     fn outputs(_: &Context, _: &Value, records: &[Recorded]) -> Result<Value, Error> {
//!         Ok(json!({ "bucket": records.first().map(|record| &record.attributes["url"]) }))
//!     }
//!
//!     async fn read(_: &Context, targets: Vec<Target>) -> Result<Vec<Observation>, Error> {
//!         // All at once: a plan costs one round trip, not one per bucket.
//!         Ok(futures::future::join_all(targets.into_iter().map(read_one)).await)
//!     }
//!
//!     async fn create(_: &Context, change: Change) -> Result<Progress, Failure> {
//!         let request = Request::new("POST", API).scheme(Scheme::bearer()).json(&change.document);
//!         let answer = send(request).await?;
//!         match answer.status {
//!             201 => {
//!                 let (name, bucket) = (change.document["name"].as_str().unwrap_or_default(), answer.json()?);
//!                 Ok(Progress::Done(Observation::present(change.address, name, bucket)))
//!             }
//!             409 => Err(Error::Conflict("the bucket exists already".into()).into()),
//!             status => Err(refused(status).into()),
//!         }
//!     }
//!
//!     async fn delete(_: &Context, change: Change) -> Result<Progress, Failure> {
//!         let name = change.document["name"].as_str().unwrap_or_default();
//!         let answer = send(Request::new("DELETE", format!("{API}/{name}")).scheme(Scheme::bearer())).await?;
//!         match answer.status {
//!             // What is gone already is done.
//!             204 | 404 => Ok(Progress::Done(Observation::absent(change.address))),
//!             status => Err(refused(status).into()),
//!         }
//!     }
//! }
//!
//! fn refused(status: u16) -> Error {
//!     Error::Remote { status, code: "BUCKETS".into(), message: String::new() }
//! }
//!
//! async fn read_one(target: Target) -> Observation {
//!     let name = target.document["name"].as_str().unwrap_or_default();
//!     match send(Request::get(format!("{API}/{name}")).scheme(Scheme::bearer())).await {
//!         Ok(answer) if answer.status == 404 => Observation::absent(target.address),
//!         Ok(answer) if answer.is_success() => match answer.json() {
//!             Ok(bucket) => Observation::present(&target.address, name, bucket),
//!             Err(error) => Observation::unreadable(target.address, error),
//!         },
//!         // What cannot be read is neither absent nor present.
//!         Ok(answer) => Observation::unreadable(target.address, refused(answer.status)),
//!         Err(error) => Observation::unreadable(target.address, error),
//!     }
//! }
//!
//! // Natively it is plain functions over a fake cloud.
//! use nic_sdk::runtime::block_on;
//! use nic_sdk::testing::{FakeCloud, Reply, check_manifest, with_cloud};
//!
//! check_manifest(WANTED, &Buckets::describe());
//! let cloud = FakeCloud::new()
//!     .on("*", "GET /v1/buckets/a", Reply::json(200, &json!({ "name": "a", "url": "https://a.example.com" })))
//!     .on("*", "GET /v1/buckets/*", Reply::new(404, ""));
//! let target = |name: &str| Target::new(format!("buckets.bucket.{name}"), "buckets.bucket", json!({ "name": name }));
//! let seen = with_cloud(&cloud, || block_on(Buckets::read(&Context::default(), vec![target("a"), target("b")])));
//! assert_eq!(seen.unwrap()[1], Observation::absent("buckets.bucket.b"));
//! assert_eq!(cloud.elapsed(), 1, "both reads took one round trip");
//! ```
//!
//! The crate is a `cdylib` (and depends on `futures` too), and is built by `cargo build --release --target wasm32-wasip2`; the file is the
//! component.
//!
//! # Guarantees
//!
//! - Every call runs on a fresh instance; what a `static` holds is gone afterwards.
//! - Retries, time limits, locks and the journal are the host's. A provider answers what it saw, once.
//! - A secret never reaches a provider: it sees `{"$secret": "<name>"}` and passes it on.
//!
//! # Where things are
//!
//! - [`provider`] the trait; [`types`] the values; [`description`] and [`schema`] what a provider says about itself;
//! - [`kit`] what providers of clouds have in common;
//! - [`cloud_http`], [`kubernetes`], [`report`] what the host offers; [`mod@aws`] the AWS SDK crates over it (feature `aws`);
//! - [`runtime`] how futures are driven; `testing` the fakes, natively only;
//! - [`manifest`] what a component wants to be granted.

#![warn(missing_docs)]

pub mod adapter;
#[cfg(feature = "aws")]
pub mod aws;
#[doc(hidden)]
pub mod bindings;
pub mod cloud_http;
mod convert;
pub mod description;
pub mod error;
pub mod findings;
pub mod kit;
pub mod kubernetes;
pub mod manifest;
pub mod provider;
pub mod report;
pub mod runtime;
pub mod schema;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod types;

pub use error::{Error, Failure};
pub use provider::Provider;

/// What the crate's macros name, whatever the provider depends on.
#[doc(hidden)]
pub mod private {
    pub use futures::future::join_all;
    pub use serde_json::Value;
}
