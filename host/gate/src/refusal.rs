//! Why a request is not made, or its answer not given.

use nic_core::error::ProviderError;

use super::action::Class;
use super::{Bounds, Phase};

/// Why the host refuses a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A pure function asked.
    #[error("{0}: no request may be made while a configuration is validated or a graph is made")]
    Pure(String),
    /// The manifest does not ask for this signing scheme, or it was not granted.
    #[error("signing scheme `{0}` is not granted")]
    SchemeNotGranted(String),
    /// Not built yet.
    #[error("not implemented: signing scheme `{0}`")]
    SchemeNotImplemented(String),
    /// The host has no such credential.
    #[error("no credential named `{0}`")]
    UnknownCredential(String),
    /// The catalogue lacks the service.
    #[error("service `{signing_name}` with service id `{service_id}` is not one NIC knows")]
    UnknownService {
        /// As the request names it.
        signing_name: String,
        /// As the request names it.
        service_id: String,
    },
    /// The grant lacks the service.
    #[error("service `{0}` is not granted")]
    ServiceNotGranted(String),
    /// Not the syntax of a region, or of a partition that is not known.
    #[error("`{region}` is not an {cloud} region that NIC knows")]
    Region {
        /// As the request names it.
        region: String,
        /// Whose region it would be.
        cloud: &'static str,
    },
    /// Another host than the one that is meant.
    #[error("requests may not go to `{host}`: {why}")]
    Host {
        /// Where the request wanted to go.
        host: String,
        /// What it may do instead.
        why: String,
    },
    /// Something that an honest client does not send.
    #[error("the request is refused: {0}")]
    Malformed(String),
    /// The catalogue lacks the action.
    #[error("{service}:{what} is not an action NIC knows")]
    UnknownAction {
        service: String,
        /// How the request names the action.
        what: String,
    },
    /// The grant lacks the action.
    #[error("{0} is not granted")]
    ActionNotGranted(String),
    /// Another region than the platform's.
    #[error(
        "requests may not go to the region `{region}`: {}",
        .own.as_ref().map_or_else(|| "the platform names no region".to_owned(), |own| format!("the platform is in `{own}`"))
    )]
    RegionNotGranted {
        /// Where the request wanted to go.
        region: String,
        /// The platform's own.
        own: Option<String>,
    },
    /// The grant has it for another kind, or for none.
    #[error("{action} is not granted for a change of `{kind}`")]
    NotOfThisKind {
        action: String,
        /// What is being changed.
        kind: String,
    },
    /// It says who may do what, and the user did not agree to that in this run.
    #[error("{0} says who may do what, and this run was not asked about it")]
    NotAgreed(String),
    /// A mutation where only reads are allowed.
    #[error("{0} is a mutation; only reads are allowed while planning")]
    Mutation(String),
    /// Secrets are for the host alone.
    #[error("{action} answers a secret ({why}); no component may ask for it")]
    Secret {
        action: String,
        /// What it shows.
        why: String,
    },
}

impl Refusal {
    /// Its stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pure(..) => "NO_REQUEST_IN_THIS_PHASE",
            Self::SchemeNotGranted(..) => "SCHEME_NOT_GRANTED",
            Self::SchemeNotImplemented(..) => "SCHEME_NOT_IMPLEMENTED",
            Self::UnknownCredential(..) => "CREDENTIAL_UNKNOWN",
            Self::UnknownService { .. } => "SERVICE_NOT_IN_CATALOGUE",
            Self::ServiceNotGranted(..) => "SERVICE_NOT_GRANTED",
            Self::Region { .. } => "REGION_INVALID",
            Self::Host { .. } => "HOST_NOT_ALLOWED",
            Self::Malformed(..) => "REQUEST_MALFORMED",
            Self::UnknownAction { .. } => "ACTION_NOT_IN_CATALOGUE",
            Self::ActionNotGranted(..) | Self::NotOfThisKind { .. } => "ACTION_NOT_GRANTED",
            Self::NotAgreed(..) => "IDENTITIES_NOT_AGREED",
            Self::RegionNotGranted { .. } => "REGION_NOT_GRANTED",
            Self::Mutation(..) => "ACTION_IS_A_MUTATION",
            Self::Secret { .. } => "ACTION_ANSWERS_A_SECRET",
        }
    }

    /// Something that an honest client does not send.
    pub fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed(why.into())
    }

    /// Whether the phase allows the class, for a guest.
    pub fn check_phase(phase: Phase, class: Class, action: &str, why: &str) -> Result<(), Self> {
        match (phase, class) {
            (Phase::Pure, _) => Err(Self::Pure(action.to_owned())),
            (_, Class::Secret) => Err(Self::Secret { action: action.to_owned(), why: why.to_owned() }),
            (Phase::Read, Class::Mutate) => Err(Self::Mutation(action.to_owned())),
            (Phase::Read | Phase::Change, Class::Read) | (Phase::Change, Class::Mutate) => Ok(()),
        }
    }

    /// A mutation is one of the kind that is being changed.
    pub fn check_mutation(bounds: &Bounds, action: &str) -> Result<(), Self> {
        match &bounds.kind {
            Some(kind) if bounds.grants.allows_mutation(kind, action) => Ok(()),
            Some(kind) => Err(Self::NotOfThisKind { action: action.to_owned(), kind: kind.to_string() }),
            None => Err(Self::ActionNotGranted(action.to_owned())),
        }
    }
}

/// Whether a request was refused because its call may only read, or reach nothing: what an honest provider never asks for.
pub fn breaks_the_phase(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Denied { code, .. } if ["ACTION_IS_A_MUTATION", "NO_REQUEST_IN_THIS_PHASE"].contains(&code.as_str()))
}

impl From<Refusal> for ProviderError {
    fn from(refusal: Refusal) -> Self {
        Self::denied(refusal.code(), refusal.to_string())
    }
}
