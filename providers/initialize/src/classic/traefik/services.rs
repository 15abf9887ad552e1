//! `TraefikService`, `ServersTransport`, and the service that routes and middlewares name.

use serde_json::Value;

use super::schema::{flag, list, long, members, one_of, required, text, whole, whole_or_text};

/// A service of HTTP, with what else its place allows.
pub(super) fn service(more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let always = [
        ("kind", one_of(&["Service", "TraefikService"])),
        ("name", text()),
        ("namespace", text()),
        ("nativeLB", flag()),
        ("passHostHeader", flag()),
        ("port", whole_or_text()),
        ("responseForwarding", members([("flushInterval", text())])),
        ("scheme", text()),
        ("serversTransport", text()),
        ("sticky", sticky()),
        ("strategy", text()),
        ("weight", whole()),
    ];
    required(members(always.into_iter().chain(more)), &["name"])
}

fn sticky() -> Value {
    let cookie = members([("httpOnly", flag()), ("name", text()), ("sameSite", text()), ("secure", flag())]);
    members([("cookie", cookie)])
}

/// Services with weights, or with mirrors.
pub(super) fn traefik_service() -> Value {
    let mirror = service([("percent", whole())]);
    members([
        ("mirroring", service([("maxBodySize", long()), ("mirrors", list(mirror))])),
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
