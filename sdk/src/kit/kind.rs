//! Kinds of resources, and which code stands for which.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Marks;
use crate::description;
use crate::error::{Error, Failure};
use crate::types::{Change, Observation, Progress, Target};

/// The cloud of one call, as the provider knows it: its clients, its region, whatever its kinds ask. What this says of it is all that the
/// kit has to know.
pub trait Cloud {
    /// What people call it, in messages.
    const NAME: &'static str;

    /// The member of a document that holds labels, as the cloud calls them: `tags`, `labels`.
    const LABELS: &'static str;

    /// How NIC knows its own.
    fn marks(&self) -> &Marks;
}

/// One kind of resource: what it is, how it is read, and how it is changed.
///
/// Which of a provider's kinds is meant is sorted out by what [`kinds!`](crate::kinds) makes.
#[expect(async_fn_in_trait, reason = "components are single-threaded; no Send bound is wanted")]
pub trait Kind {
    /// Where it is.
    type Cloud;

    /// What the host knows of it.
    fn describe() -> description::Kind;

    /// What is there, one observation for each target: together, where the cloud has one request for all.
    async fn read(cloud: &Self::Cloud, targets: Vec<Target>) -> Vec<Observation>;

    /// Makes one.
    async fn create(cloud: &Self::Cloud, change: &Change) -> Result<Progress, Failure>;

    /// Changes one in place.
    async fn update(cloud: &Self::Cloud, change: &Change) -> Result<Progress, Failure>;

    /// Deletes one; what is gone already is done.
    async fn delete(cloud: &Self::Cloud, change: &Change) -> Result<Progress, Failure>;

    /// How a change is doing that was answered with [`Progress::Pending`].
    async fn poll(cloud: &Self::Cloud, change: &Change, operation: Value) -> Result<Progress, Failure>;
}

/// Sorts the changes and reads of a provider by kind.
///
/// Each line is the name of a kind, which is a constant, and the type that stands for it, in the order in which things are created. Made
/// are `ALL`, the names, and the functions `describe`, `read`, `create`, `update`, `delete` and `poll`, which
/// [`Provider`](crate::Provider) has by the same names.
///
/// ```
/// # use nic_sdk::kit::{Kind, Marks};
/// # use nic_sdk::types::{Change, Observation, Progress, Target};
/// # use nic_sdk::{description, Failure};
/// # use serde_json::Value;
/// /// A bucket.
/// pub const BUCKET: &str = "buckets.bucket";
///
/// /// Whom the calls of one instance go to.
/// pub struct Buckets;
///
/// struct Bucket;
///
/// impl Kind for Bucket {
///     type Cloud = Buckets;
///     // ...
/// #   fn describe() -> description::Kind { unreachable!() }
/// #   async fn read(_: &Buckets, targets: Vec<Target>) -> Vec<Observation> {
/// #       targets.into_iter().map(|target| Observation::absent(target.address)).collect()
/// #   }
/// #   async fn create(_: &Buckets, _: &Change) -> Result<Progress, Failure> { unreachable!() }
/// #   async fn update(_: &Buckets, _: &Change) -> Result<Progress, Failure> { unreachable!() }
/// #   async fn delete(_: &Buckets, _: &Change) -> Result<Progress, Failure> { unreachable!() }
/// #   async fn poll(_: &Buckets, _: &Change, _: Value) -> Result<Progress, Failure> { unreachable!() }
/// }
///
/// nic_sdk::kinds! {
///     cloud: Buckets,
///     BUCKET => Bucket,
/// }
///
/// # nic_sdk::runtime::block_on(async {
/// let target = |kind: &str| Target::new(format!("{kind}.main"), kind, Value::Null);
/// let seen = read(&Buckets, vec![target("buckets.bucket"), target("buckets.lid")]).await;
/// assert_eq!(seen[0], Observation::absent("buckets.bucket.main"));
/// assert_eq!(seen[1].address, "buckets.lid.main");
/// assert_eq!(ALL, ["buckets.bucket"]);
/// # });
/// ```
#[macro_export]
macro_rules! kinds {
    (cloud: $cloud:ty, $($name:path => $kind:ty),+ $(,)?) => {
        /// Every kind, in the order they are created in.
        pub const ALL: &[&str] = &[$($name),+];

        /// The descriptions of all kinds.
        pub fn describe() -> ::std::vec::Vec<$crate::description::Kind> {
            ::std::vec![$(<$kind as $crate::kit::Kind>::describe()),+]
        }

        /// Reads everything at once, the targets of one kind together.
        pub async fn read(
            cloud: &$cloud,
            targets: ::std::vec::Vec<$crate::types::Target>,
        ) -> ::std::vec::Vec<$crate::types::Observation> {
            let reads = $crate::kit::by_kind(targets).into_iter().map(|(kind, targets)| async move {
                match kind.as_str() {
                    $($name => <$kind as $crate::kit::Kind>::read(cloud, targets).await,)+
                    _ => $crate::kit::change::unreadable(targets, &$crate::kit::unknown_kind(&kind)),
                }
            });
            $crate::private::join_all(reads).await.concat()
        }

        $crate::kinds!(@change create, "Creates one resource.", $cloud, $($name => $kind),+);
        $crate::kinds!(@change update, "Changes one resource in place.", $cloud, $($name => $kind),+);
        $crate::kinds!(@change delete, "Deletes one resource.", $cloud, $($name => $kind),+);

        /// Asks how a change is doing.
        pub async fn poll(
            cloud: &$cloud,
            change: &$crate::types::Change,
            operation: $crate::private::Value,
        ) -> ::std::result::Result<$crate::types::Progress, $crate::Failure> {
            match change.kind.as_str() {
                $($name => <$kind as $crate::kit::Kind>::poll(cloud, change, operation).await,)+
                unknown => Err($crate::kit::unknown_kind(unknown).into()),
            }
        }
    };
    (@change $operation:ident, $what:literal, $cloud:ty, $($name:path => $kind:ty),+) => {
        #[doc = $what]
        pub async fn $operation(
            cloud: &$cloud,
            change: &$crate::types::Change,
        ) -> ::std::result::Result<$crate::types::Progress, $crate::Failure> {
            match change.kind.as_str() {
                $($name => <$kind as $crate::kit::Kind>::$operation(cloud, change).await,)+
                unknown => Err($crate::kit::unknown_kind(unknown).into()),
            }
        }
    };
}

/// The targets of each kind, in the order they were given in.
pub fn by_kind(targets: Vec<Target>) -> BTreeMap<String, Vec<Target>> {
    let mut by_kind = BTreeMap::<String, Vec<Target>>::new();
    for target in targets {
        by_kind.entry(target.kind.clone()).or_default().push(target);
    }
    by_kind
}

/// The answer to a kind that the provider does not have.
pub fn unknown_kind(kind: &str) -> Error {
    Error::other("KIND_UNKNOWN", format!("this provider has no kind `{kind}`"))
}
