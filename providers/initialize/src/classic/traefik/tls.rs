//! `TLSOption`, `TLSStore`.

use serde_json::Value;

use super::routes::domain;
use super::schema::{flag, list, members, one_of, required, text};

/// Parameters of connections.
pub(super) fn option() -> Value {
    let kinds = [
        "NoClientCert",
        "RequestClientCert",
        "RequireAnyClientCert",
        "VerifyClientCertIfGiven",
        "RequireAndVerifyClientCert",
    ];
    members([
        ("alpnProtocols", list(text())),
        ("cipherSuites", list(text())),
        ("clientAuth", members([("clientAuthType", one_of(&kinds)), ("secretNames", list(text()))])),
        ("curvePreferences", list(text())),
        ("maxVersion", text()),
        ("minVersion", text()),
        ("preferServerCipherSuites", flag()),
        ("sniStrict", flag()),
    ])
}

/// Certificates.
pub(super) fn store() -> Value {
    let certificate = || required(members([("secretName", text())]), &["secretName"]);
    members([
        ("certificates", list(certificate())),
        ("defaultCertificate", certificate()),
        ("defaultGeneratedCert", members([("domain", domain()), ("resolver", text())])),
    ])
}
