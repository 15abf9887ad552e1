//! The table of clouds: a row each.

use std::sync::Arc;

use crate::action::Action;
use crate::aws;
use crate::scheme::{EndpointError, Scheme};

/// What the gate keeps of each cloud without speaking to it.
struct Row {
    name: &'static str,
    /// Whether a parameter is one of a signature: no request of a guest has one.
    is_of_a_signature: fn(&str) -> bool,
    /// Headers of answers that are the host's.
    withheld_headers: &'static [&'static str],
    /// Every action that says who may do what.
    identities: fn() -> Vec<&'static Action>,
}

const CLOUDS: &[Row] = &[Row {
    name: aws::NAME,
    is_of_a_signature: aws::is_of_a_signature,
    withheld_headers: aws::WITHHELD_HEADERS,
    identities: aws::identities::all,
}];

/// Schemes of the URLs by which the clouds' stores are named.
pub const STORES: [&str; 7] = ["s3", "gs", "az", "azblob", "adl", "abfs", "abfss"];

/// Headers that every client sends, of the clouds' SDKs too, and of which the host has its own.
pub(crate) const REPLACED_HEADERS: &[&str] = &["user-agent", aws::USER_AGENT];

/// What to set where a network has certificates of its own.
pub(crate) const OWN_CERTIFICATES: &str = "where a network looks into TLS, its certificate has to be known: let AWS_CA_BUNDLE (or `ca_bundle` \
                                            in the AWS profile) or SSL_CERT_FILE name a file with it (docs/networks.md)";

/// Every cloud, with the credentials and endpoints that the environment names.
///
/// # Errors
/// An endpoint that is none.
pub(crate) fn by_environment() -> Result<Vec<Arc<dyn Scheme>>, EndpointError> {
    Ok(vec![Arc::new(aws::SigV4::by_environment()?)])
}

/// Every cloud as it is without settings.
pub(crate) fn plain() -> Vec<Arc<dyn Scheme>> {
    vec![Arc::new(aws::SigV4::default())]
}

/// What the clouds are called in grants.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CLOUDS.iter().map(|cloud| cloud.name)
}

/// Whether a parameter is one of a signature.
pub(crate) fn is_of_a_signature(parameter: &str) -> bool {
    CLOUDS.iter().any(|cloud| (cloud.is_of_a_signature)(parameter))
}

/// Whether a header of an answer is the host's.
pub(crate) fn is_withheld(header: &str) -> bool {
    CLOUDS.iter().any(|cloud| cloud.withheld_headers.contains(&header))
}

/// Every action that says who may do what, with what grants call its cloud.
pub(crate) fn identities() -> impl Iterator<Item = (&'static str, &'static Action)> {
    CLOUDS.iter().flat_map(|cloud| (cloud.identities)().into_iter().map(|action| (cloud.name, action)))
}
