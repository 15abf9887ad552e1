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
//!   "world": "provider",
//!   "grants": [
//!     { "capability": "config", "sections": ["amazon_web_services"], "reason": "Reads what the platform should be" },
//!     {
//!       "capability": "cloud-http",
//!       "scheme": "aws-sigv4",
//!       "services": ["ec2"],
//!       "reads": ["ec2:Describe*"],
//!       "reason": "Reads the network"
//!     },
//!     {
//!       "capability": "kinds",
//!       "kinds": { "aws.vpc": ["ec2:CreateVpc", "ec2:DeleteVpc", "ec2:ModifyVpcAttribute"] },
//!       "reason": "Makes, changes and deletes the network"
//!     }
//!   ]
//! }
//! ```
//!
//! What no grant names is refused by its name. A member that the host does not know refuses the component, unless its name begins with
//! `hint-`.
//!
//! | capability | member | means |
//! |---|---|---|
//! | `config` | `sections` | keys at the top level of the config that it is shown; each is one that `describe` gives a schema for |
//! | `kinds` | `kinds` | by kind, what a change of it may ask for beside reads: `ec2:CreateVpc`, `POST api.example.com/v1/things`, with a `*` at the end for anything |
//! | `cloud-http` | `scheme` | how requests are signed: `aws-sigv4` |
//! | | `services` | services by signing name; the host computes their hosts, and lets through the platform's own region |
//! | | `reads` | actions that read, `ec2:Describe*`; every one of the services when absent |
//! | `hosts` | `hosts` | host names; with scheme and port where these are not those of HTTPS |
//! | | `scheme` | how the credential is sent there: `none`, `bearer`, `basic`, `header:NAME` |
//! | | `credential` | which one, by a name; where it is, the user says when it is granted |
//! | | `reads` | `POST api.example.com/v1/search`: what reads though its method does not say so |
//! | `kubernetes` | `verbs`, `kinds` | reads on the cluster: `get`, `list`; `Node`, or `apps/v1/Deployment` |
//! | `kubernetes-objects` | `kinds` | objects that it may declare |
//! | | `namespaces` | in which namespaces, with a `*` at the end for anything; objects of the whole cluster when absent |
//! | `cluster` | `locators` | how it may say where the cluster is: `eks`, `kubeconfig` |
//! | | `contexts` | contexts beside those that the config names in its own sections |
//! | every one | `reason` | why, in the author's words, shown to the user who grants it |

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
