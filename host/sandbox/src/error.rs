//! Why a component cannot be loaded.

use nic_core::error::ProviderError;

/// The code of a component that nobody granted anything, or that it does not say what it needs.
pub const COMPONENT_NOT_GRANTED: &str = "COMPONENT_NOT_GRANTED";

/// Why a component cannot be loaded. Nothing of it has run, except for the two last cases.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PluginError {
    /// The sandbox itself could not be set up.
    #[error("the sandbox could not be started: {0}")]
    Engine(String),
    /// The file is no component.
    #[error("`{name}` is not a WebAssembly component: {why}")]
    NotAComponent {
        /// The file, or the provider's name.
        name: String,
        /// What it is instead.
        why: String,
    },
    /// The file is too large.
    #[error("`{name}` has {bytes} bytes; at most {limit} are loaded")]
    TooLarge {
        /// The file, or the provider's name.
        name: String,
        /// Its size.
        bytes: usize,
        limit: usize,
    },
    /// It has no manifest.
    #[error("`{name}` has no manifest (custom section `nic:manifest`)")]
    NoManifest {
        /// The file, or the provider's name.
        name: String,
    },
    /// Its manifest cannot be used.
    #[error("the manifest of `{name}` is not usable: {why}")]
    BadManifest {
        /// The file, or the provider's name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// It was made for another version of the boundary.
    #[error("`{name}` was made for `{wit}`; this version of NIC speaks `{ours}`")]
    WitUnsupported {
        /// The provider's name.
        name: String,
        /// What it asks for.
        wit: String,
        /// What the host has.
        ours: &'static str,
    },
    /// It is of another world than providers are.
    #[error("`{name}` is of the world `{world}`; only providers are run")]
    WorldUnsupported {
        /// The file, or the provider's name.
        name: String,
        /// What it says it is.
        world: String,
    },
    /// Its manifest or a schema of its says something that this version does not know and may not pass over.
    #[error("`{name}` needs a newer version of NIC: this one does not know {what}")]
    NeedsNewerHost {
        /// The provider's name.
        name: String,
        /// What is not known, with the place.
        what: String,
    },
    /// It manages or reads what nobody granted it.
    #[error("`{name}` {what}")]
    NotGranted {
        /// The provider's name.
        name: String,
        /// What, in words that end with a code.
        what: String,
    },
    /// The bytes do not compile.
    #[error("`{name}` does not compile: {why}")]
    Invalid {
        /// The provider's name.
        name: String,
        /// What the compiler says.
        why: String,
    },
    /// It takes more to compile than any component needs.
    #[error("`{name}` takes too much to compile: {why}")]
    TooExpensive {
        /// The provider's name.
        name: String,
        /// Of what, and how much it may take.
        why: String,
    },
    /// The compiler could not be started, or broke.
    #[error("`{name}` could not be compiled: {why}")]
    CompileFailed {
        /// The provider's name.
        name: String,
        /// What is known of it.
        why: String,
    },
    /// It imports something the host does not have, or in another shape.
    #[error("`{name}` cannot be linked: {why}")]
    NotLinkable {
        /// The provider's name.
        name: String,
        /// What the linker says.
        why: String,
    },
    /// It does not say who it is.
    #[error("`{name}` does not describe itself: {error}")]
    DescribeFailed {
        /// The provider's name.
        name: String,
        /// Why.
        error: ProviderError,
    },
    /// What it says about itself breaks the contract.
    #[error("the description of `{name}` breaks the contract: {why}")]
    BadDescription {
        /// The provider's name.
        name: String,
        /// What is wrong, with the place.
        why: String,
    },
}

impl PluginError {
    /// The stable code, listed in docs/errors.md.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Engine(_) => "PLUGIN_SANDBOX_FAILED",
            Self::NotAComponent { .. } => "PLUGIN_NOT_A_COMPONENT",
            Self::TooLarge { .. } => "PLUGIN_TOO_LARGE",
            Self::NoManifest { .. } => "PLUGIN_NO_MANIFEST",
            Self::BadManifest { .. } => "PLUGIN_BAD_MANIFEST",
            Self::WitUnsupported { .. } => "PLUGIN_WIT_UNSUPPORTED",
            Self::WorldUnsupported { .. } => "PLUGIN_WORLD_UNSUPPORTED",
            Self::NeedsNewerHost { .. } => "COMPONENT_NEEDS_NEWER_HOST",
            Self::NotGranted { .. } => COMPONENT_NOT_GRANTED,
            Self::Invalid { .. } => "PLUGIN_INVALID",
            Self::TooExpensive { .. } => "PLUGIN_TOO_EXPENSIVE_TO_COMPILE",
            Self::CompileFailed { .. } => "PLUGIN_COMPILE_FAILED",
            Self::NotLinkable { .. } => "PLUGIN_NOT_LINKABLE",
            Self::DescribeFailed { .. } => "PLUGIN_DESCRIBE_FAILED",
            Self::BadDescription { .. } => "PLUGIN_BAD_DESCRIPTION",
        }
    }

    /// What the user can do, most useful first.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Engine(_) => {
                "see `ulimit -a`, and whether a security policy keeps programs from making code that they run"
            }
            Self::NotAComponent { .. } => "build it for the target `wasm32-wasip2`: docs/provider-guide.md shows how",
            Self::NoManifest { .. } | Self::BadManifest { .. } => {
                "`register_provider!` of `nic-sdk` writes the manifest; docs/provider-guide.md says what stands in it"
            }
            Self::WitUnsupported { .. }
            | Self::WorldUnsupported { .. }
            | Self::NotLinkable { .. }
            | Self::NeedsNewerHost { .. } => "use a release of the provider for this version of NIC, or update NIC",
            Self::NotGranted { .. } => "`nic provider list` shows what is granted",
            Self::TooLarge { .. } => "build it for release, with debug information stripped",
            Self::Invalid { .. } => "the file may be damaged: fetch it again and compare its digest",
            Self::TooExpensive { .. } => {
                "components compile in seconds, those of Python too: ask its author what is in it, and leave it alone until you know"
            }
            Self::CompileFailed { .. } => {
                "run it again; if it fails again, report it with this component, and use another version of it"
            }
            Self::DescribeFailed { .. } | Self::BadDescription { .. } => "report this to the provider's author",
        };
        vec![hint.to_owned()]
    }
}
