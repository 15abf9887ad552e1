//! `IngressRoute`, `IngressRouteTCP`, `IngressRouteUDP`.

use serde_json::Value;

use super::schema::{flag, list, members, one_of, reference, required, text, whole, whole_or_text};
use super::services::service;

/// Routes of HTTP.
pub(super) fn http() -> Value {
    let service = service([("kind", one_of(&["Service", "TraefikService"]))]);
    let route = members([
        ("kind", one_of(&["Rule"])),
        ("match", text()),
        ("middlewares", list(reference())),
        ("priority", whole()),
        ("services", list(required(service, &["name"]))),
    ]);
    spec(required(route, &["kind", "match"]), Some(tls([])))
}

/// Routes of TCP.
pub(super) fn tcp() -> Value {
    let service = members([
        ("name", text()),
        ("namespace", text()),
        ("nativeLB", flag()),
        ("port", whole_or_text()),
        ("proxyProtocol", members([("version", whole())])),
        ("terminationDelay", whole()),
        ("weight", whole()),
    ]);
    let route = members([
        ("match", text()),
        ("middlewares", list(reference())),
        ("priority", whole()),
        ("services", list(required(service, &["name", "port"]))),
    ]);
    spec(route, Some(tls([("passthrough", flag())])))
}

/// Routes of UDP.
pub(super) fn udp() -> Value {
    let service = members([
        ("name", text()),
        ("namespace", text()),
        ("nativeLB", flag()),
        ("port", whole_or_text()),
        ("weight", whole()),
    ]);
    spec(members([("services", list(required(service, &["name"])))]), None)
}

fn spec(route: Value, tls: Option<Value>) -> Value {
    let always = [("entryPoints", list(text())), ("routes", list(route))];
    members(always.into_iter().chain(tls.map(|tls| ("tls", tls))))
}

fn tls(more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let always = [
        ("certResolver", text()),
        ("domains", list(domain())),
        ("options", reference()),
        ("secretName", text()),
        ("store", reference()),
    ];
    members(always.into_iter().chain(more))
}

/// A name with others that mean the same.
pub(super) fn domain() -> Value {
    members([("main", text()), ("sans", list(text()))])
}
