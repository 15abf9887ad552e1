//! A cloud, a cluster and a journal of cardboard, so that a provider's logic is tested natively and fast.
//!
//! ```
//! use nic_sdk::cloud_http::{Request, Scheme, send};
//! use nic_sdk::runtime::block_on;
//! use nic_sdk::testing::{FakeCloud, Reply, with_cloud};
//! use serde_json::json;
//!
//! let cloud = FakeCloud::new().on("things", "GET /v1/things/*", Reply::json(200, &json!({"name": "a"})));
//! let status = with_cloud(&cloud, || {
//!     block_on(async {
//!         let request = Request::get("https://things.example.com/v1/things/7").service_id("things");
//!         send(request).await.unwrap().status
//!     })
//! });
//! assert_eq!(status, 200);
//! assert_eq!(cloud.actions(), ["GET /v1/things/7"]);
//! ```

pub(crate) mod cloud;
pub(crate) mod kubernetes;
mod manifest;
mod reply;
pub(crate) mod report;
mod rest;

pub use cloud::{FakeCloud, action, form, with_cloud};
pub use kubernetes::{FakeCluster, with_cluster};
pub use manifest::check_manifest;
pub use reply::Reply;
pub use report::{Reported, with_report};
pub use rest::{Asked, Rest};
