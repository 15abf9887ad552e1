//! What environment and profile say of the way to AWS, beside the credentials: endpoints, FIPS, IPv6, certificates.

use std::path::Path;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use nic_core::error::ProviderError;
use serde_json::json;
use url::Url;

use super::endpoints::EndpointOverrides;
use super::variants::{self, Variant};
use super::{catalogue, endpoints};
use crate::egress::Authorities;
use crate::scheme::Destination;

/// A setting by its variable and its key in the profile.
type Names = (&'static str, &'static str);

const FIPS: Names = ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
const DUAL_STACK: Names = ("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
const CA_BUNDLE: Names = ("AWS_CA_BUNDLE", "ca_bundle");
const ENDPOINT: Names = ("AWS_ENDPOINT_URL", "endpoint_url");

/// A service of which no setting speaks.
const NO_SERVICE: &str = "nic";

/// The settings, read once.
#[derive(Debug, Default)]
pub struct Settings {
    endpoints: EndpointOverrides,
    fips: bool,
    dual_stack: bool,
    authorities: Option<Arc<Authorities>>,
}

impl Settings {
    /// What the loaded configuration says, where there is one, beside what the environment put in place of services.
    ///
    /// # Errors
    /// `ENDPOINT_INVALID`, `CA_BUNDLE_INVALID`.
    pub fn of(config: Option<&SdkConfig>, mut endpoints: EndpointOverrides) -> Result<Self, ProviderError> {
        let Some(config) = config else { return Ok(Self { endpoints, ..Self::default() }) };
        for service_id in catalogue::service_ids() {
            if let Some(url) = configured(config, service_id, ENDPOINT).filter(|url| !url.is_empty()) {
                let added = endpoints.or_for(service_id, &url);
                added.map_err(|error| invalid(error.to_string(), endpoints::HINT))?;
            }
        }
        let bundle = configured(config, NO_SERVICE, CA_BUNDLE).filter(|path| !path.is_empty());
        let said_by = if std::env::var_os(CA_BUNDLE.0).is_some_and(|path| !path.is_empty()) {
            CA_BUNDLE.0.to_owned()
        } else {
            format!("`{}` of the AWS profile", CA_BUNDLE.1)
        };
        let authorities = bundle.map(|path| Authorities::read(Path::new(&path), &said_by)).transpose()?.map(Arc::new);
        Ok(Self { endpoints, fips: wanted(config, FIPS)?, dual_stack: wanted(config, DUAL_STACK)?, authorities })
    }

    /// What the user put in place of a service.
    pub fn endpoint(&self, service_id: &str) -> Option<&Url> {
        self.endpoints.of(service_id)
    }

    /// What is trusted in place of the machine's certificates.
    pub fn authorities(&self) -> Option<Arc<Authorities>> {
        self.authorities.clone()
    }

    /// The host of a destination of the sort that the user asked for.
    ///
    /// # Errors
    /// `ENDPOINT_INVALID`: there is none of that sort, or the user also put something in its place: what would hold is nobody's guess.
    pub fn host(&self, destination: &Destination) -> Result<String, ProviderError> {
        let Some(variant) = Variant::of(self.fips, self.dual_stack) else { return Ok(destination.host.clone()) };
        let Destination { service_id, region, .. } = destination;
        let asked = self.asked();
        if self.endpoints.of(service_id).is_some() {
            let message = format!(
                "{asked} and an endpoint in the place of {service_id} cannot both hold, for AWS's own tools neither"
            );
            let hint = "take one of them away; an endpoint of your own that is what you want needs no other setting \
                        (docs/networks.md)";
            return Err(invalid(message, hint));
        }
        let found = endpoints::partition(region).ok().and_then(|partition| {
            variants::host(service_id, partition.id, variant).map(|template| template.replace("{region}", region))
        });
        found.ok_or_else(|| {
            let message = format!("{asked} asks for another host of {service_id} in {region}, and AWS has none there");
            invalid(message, "take the setting away for this region (docs/networks.md)")
        })
    }

    /// By which names the user asked.
    fn asked(&self) -> String {
        let names = [(self.fips, FIPS.0), (self.dual_stack, DUAL_STACK.0)].into_iter();
        names.filter(|(wanted, _)| *wanted).map(|(_, name)| format!("`{name}`")).collect::<Vec<_>>().join(" with ")
    }
}

/// The value of a setting, of a service or of all of them: the variables before the profile.
fn configured(config: &SdkConfig, service_id: &str, (env, profile): Names) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service_id).env(env).profile(profile).build().ok()?;
    config.service_config()?.load_config(key)
}

/// Whether a setting is on. The SDK would take what it cannot read for "off".
fn wanted(config: &SdkConfig, names: Names) -> Result<bool, ProviderError> {
    let text = configured(config, NO_SERVICE, names).unwrap_or_default();
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "false" => Ok(false),
        "true" => Ok(true),
        _ => {
            let (env, profile) = names;
            let message = format!("`{env}`, or `{profile}` of the AWS profile, is neither `true` nor `false`");
            Err(invalid(message, "write `true` or `false`"))
        }
    }
}

fn invalid(message: String, hint: &str) -> ProviderError {
    ProviderError::Other { code: "ENDPOINT_INVALID".to_owned(), message, detail: json!({ "hint": hint }) }
}
