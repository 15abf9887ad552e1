//! The nine definitions of Traefik 2 (`traefik.containo.us/v1alpha1`), with the fields that Traefik 2.11 publishes for them, and those that
//! Nebari's own definitions have besides.
//!
//! A field that a schema does not know is dropped by the API server, so the schemas are whole; later stages' objects rely on it. What
//! Nebari's accept is accepted: nothing is required, no number or word refused, that they let pass.

mod middlewares;
mod routes;
mod schema;
mod services;
mod tls;

use nic_sdk::types::Resource;
use serde_json::{Value, json};

use self::schema::{members, text};
use super::Site;
use crate::object::{after, object};

const GROUP: &str = "traefik.containo.us";

/// The definitions. They need the cluster and nothing in it.
pub fn traefik_definitions(site: &Site<'_>) -> Vec<Resource> {
    let definitions = [
        ("IngressRoute", "ingressroutes", routes::http()),
        ("IngressRouteTCP", "ingressroutetcps", routes::tcp()),
        ("IngressRouteUDP", "ingressrouteudps", routes::udp()),
        ("Middleware", "middlewares", middlewares::http()),
        ("MiddlewareTCP", "middlewaretcps", middlewares::tcp()),
        ("ServersTransport", "serverstransports", services::transport()),
        ("TLSOption", "tlsoptions", tls::option()),
        ("TLSStore", "tlsstores", tls::store()),
        ("TraefikService", "traefikservices", services::traefik_service()),
    ];
    let resources = definitions.map(|(kind, plural, spec)| {
        let rest = json!({ "spec": definition(kind, plural, spec) });
        let address = site.address("custom-resource-definition", plural);
        let name = format!("{plural}.{GROUP}");
        let resource = object(address, "apiextensions.k8s.io/v1", "CustomResourceDefinition", (None, &name), rest);
        after(resource, site.cluster)
    });
    resources.into()
}

fn definition(kind: &str, plural: &str, spec: Value) -> Value {
    let whole =
        members([("apiVersion", text()), ("kind", text()), ("metadata", json!({ "type": "object" })), ("spec", spec)]);
    json!({
        "group": GROUP,
        "names": {
            "kind": kind,
            "listKind": format!("{kind}List"),
            "plural": plural,
            "singular": kind.to_lowercase(),
        },
        "scope": "Namespaced",
        "versions": [{
            "name": "v1alpha1",
            "served": true,
            "storage": true,
            "schema": { "openAPIV3Schema": whole },
        }],
    })
}
