//! What a component wants to be granted, readable without running it.
//!
//! The manifest is a JSON document in the custom section [`SECTION`] of the core module, put there by
//! [`register_provider!`](crate::register_provider):
//!
//! ```json
//! {
//!   "name": "aws",
//!   "version": "0.1.0",
//!   "wit": "nic:plugin@0.1.0",
//!   "grants": [
//!     {
//!       "capability": "cloud-http",
//!       "schemes": ["aws-sigv4"],
//!       "services": ["ec2", "eks", "iam"],
//!       "reason": "Creates the network, the cluster and its roles"
//!     },
//!     {
//!       "capability": "kubernetes",
//!       "verbs": ["get", "list"],
//!       "kinds": ["Node"],
//!       "reason": "Waits for nodes to be ready"
//!     }
//!   ]
//! }
//! ```
//!
//! | member of a grant | means |
//! |---|---|
//! | `schemes` | how requests may be signed |
//! | `services` | AWS services, by signing name |
//! | `actions` | of those, only these: `ec2:Describe*`; all when absent |
//! | `hosts` | host names, for schemes whose hosts the host does not compute itself |
//! | `verbs`, `kinds` | reads on the cluster: `get`, `list`; `Node`, or `apps/v1/Deployment` |
//! | `reason` | why, in the author's words, shown to the user who grants it |

/// The name of the custom section.
pub const SECTION: &str = "nic:manifest";

/// The boundary this SDK speaks.
pub const WIT_VERSION: &str = "nic:plugin@0.1.0";

/// The bytes of a manifest as an array, which is what a section can hold. For the macro.
///
/// # Panics
///
/// At compile time, when `N` is not the length of the text.
#[doc(hidden)]
pub const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    match text.as_bytes().first_chunk::<N>() {
        Some(bytes) if text.len() == N => *bytes,
        _ => panic!("the length is not the text's"),
    }
}

/// Makes a crate a NIC component: exports the provider over the boundary and stamps the manifest into it.
///
/// The manifest is an expression of type `&str`, a literal or `include_str!("manifest.json")`. On other targets than
/// wasm nothing is exported, so that the crate's native tests link; under `cargo test` one test is added that compares
/// the manifest with [`Provider::describe`](crate::provider::Provider::describe).
///
/// ```ignore
/// nic_sdk::register_provider!(Hello, manifest = include_str!("manifest.json"));
/// ```
#[macro_export]
macro_rules! register_provider {
    ($provider:ty, manifest = $manifest:expr) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Registered = $crate::adapter::Adapter<$provider>;
    $crate::bindings::export_provider!(Registered with_types_in $crate::bindings);

            const MANIFEST: &str = $manifest;
            #[used]
            #[unsafe(link_section = "nic:manifest")]
            static SECTION: [u8; MANIFEST.len()] = $crate::manifest::bytes(MANIFEST);
        };

        #[cfg(all(test, not(target_arch = "wasm32")))]
        #[test]
        fn manifest_agrees_with_describe() {
            $crate::testing::check_manifest($manifest, &<$provider as $crate::provider::Provider>::describe());
        }
    };
}
