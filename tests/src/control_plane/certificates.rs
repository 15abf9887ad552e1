//! The certificates of one control plane, new at each start.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// A certificate and its key, as PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// What a control plane needs.
pub(super) struct Certificates {
    /// Signs all others, and what the controller manager is asked to sign.
    pub(super) authority: Pair,
    /// The API server's.
    pub(super) server: Pair,
    /// A client's in the group `system:masters`.
    pub(super) admin: Pair,
    /// Signs service account tokens.
    pub(super) service_account_key: String,
    /// Checks service account tokens.
    pub(super) service_account_public_key: String,
}

impl Certificates {
    /// Makes all of them.
    pub(super) fn new() -> Result<Self> {
        let authority_key = key()?;
        let mut parameters = named(Vec::new(), &[(DnType::CommonName, "nic-test-ca")])?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = parameters.self_signed(&authority_key).context("cannot sign the CA certificate")?.pem();
        let authority = Pair { certificate, key: authority_key.serialize_pem() };
        let issuer = Issuer::new(parameters, authority_key);

        let hosts = ["127.0.0.1", "localhost", "kubernetes.default", "kubernetes.default.svc"];
        let mut server = named(hosts.map(str::to_owned).to_vec(), &[(DnType::CommonName, "kube-apiserver")])?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let mut admin =
            named(Vec::new(), &[(DnType::OrganizationName, "system:masters"), (DnType::CommonName, "nic-test-admin")])?;
        admin.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let service_account = key()?;
        Ok(Self {
            server: signed(&server, &issuer)?,
            admin: signed(&admin, &issuer)?,
            service_account_key: service_account.serialize_pem(),
            service_account_public_key: service_account.public_key_pem(),
            authority,
        })
    }
}

fn key() -> Result<KeyPair> {
    KeyPair::generate().context("cannot make a key")
}

fn named(hosts: Vec<String>, name: &[(DnType, &str)]) -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new(hosts).context("cannot name a certificate")?;
    parameters.distinguished_name = DistinguishedName::new();
    for (kind, value) in name {
        parameters.distinguished_name.push(kind.clone(), *value);
    }
    Ok(parameters)
}

fn signed(parameters: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Result<Pair> {
    let key = key()?;
    let certificate = parameters.signed_by(&key, issuer).context("cannot sign a certificate")?.pem();
    Ok(Pair { certificate, key: key.serialize_pem() })
}
