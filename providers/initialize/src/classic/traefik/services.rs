//! `TraefikService`, `ServersTransport`, and the service that routes and middlewares name.

use serde_json::Value;

use super::schema::{any_members, flag, list, members, text, whole, whole_or_text};

/// A service of HTTP, with what else its place allows.
pub(super) fn service(more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let always = [
        ("healthCheck", health_check()),
        ("kind", text()),
        ("name", text()),
        ("namespace", text()),
        ("nativeLB", flag()),
        ("passHostHeader", flag()),
        ("port", whole_or_text()),
        // Nebari's definitions have a mirror's `percent` and `weight` in here.
        ("responseForwarding", members([("flushInterval", text()), ("percent", whole()), ("weight", whole())])),
        ("scheme", text()),
        ("serversTransport", text()),
        ("sticky", sticky()),
        ("strategy", text()),
        ("weight", whole()),
    ];
    members(always.into_iter().chain(more))
}

/// How it is seen whether a server is well: of Traefik 2.1, and still in Nebari's definitions.
fn health_check() -> Value {
    members([
        ("headers", any_members()),
        ("host", text()),
        ("intervalSeconds", whole()),
        ("path", text()),
        ("scheme", text()),
        ("timeoutSeconds", whole()),
    ])
}

fn sticky() -> Value {
    let cookie = members([("httpOnly", flag()), ("name", text()), ("sameSite", text()), ("secure", flag())]);
    members([("cookie", cookie)])
}

/// Services with weights, or with mirrors.
pub(super) fn traefik_service() -> Value {
    let mirror = service([("percent", whole())]);
    members([
        ("mirroring", service([("maxBodySize", whole()), ("mirrors", list(mirror))])),
        ("weighted", members([("services", list(service([]))), ("sticky", sticky())])),
    ])
}

/// How servers are reached.
pub(super) fn transport() -> Value {
    let timeouts = ["dialTimeout", "idleConnTimeout", "pingTimeout", "readIdleTimeout", "responseHeaderTimeout"];
    members([
        ("certificatesSecrets", list(text())),
        ("disableHTTP2", flag()),
        ("forwardingTimeouts", members(timeouts.map(|name| (name, whole_or_text())))),
        ("insecureSkipVerify", flag()),
        ("maxIdleConnsPerHost", whole()),
        ("peerCertURI", text()),
        ("rootCAsSecrets", list(text())),
        ("serverName", text()),
    ])
}
