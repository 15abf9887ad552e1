//! `TLSOption`, `TLSStore`.

use serde_json::Value;

use super::routes::domain;
use super::schema::{flag, list, members, one_of, text};

/// Parameters of connections.
pub(super) fn option() -> Value {
    let kinds = [
        "NoClientCert",
        "RequestClientCert",
        "RequireAnyClientCert",
        "VerifyClientCertIfGiven",
        "RequireAndVerifyClientCert",
    ];
    // Nebari's definitions have two flags of the option's in here.
    let client = [
        ("clientAuthType", one_of(&kinds)),
        ("preferServerCipherSuites", flag()),
        ("secretNames", list(text())),
        ("sniStrict", flag()),
    ];
    members([
        ("alpnProtocols", list(text())),
        ("cipherSuites", list(text())),
        ("clientAuth", members(client)),
        ("curvePreferences", list(text())),
        ("maxVersion", text()),
        ("minVersion", text()),
        ("preferServerCipherSuites", flag()),
        ("sniStrict", flag()),
    ])
}

/// Certificates.
pub(super) fn store() -> Value {
    let certificate = || members([("secretName", text())]);
    members([
        ("certificates", list(certificate())),
        ("defaultCertificate", certificate()),
        ("defaultGeneratedCert", members([("domain", domain()), ("resolver", text())])),
    ])
}
