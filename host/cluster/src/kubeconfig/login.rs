//! The login of a user: what of it goes into a kubeconfig for others, and what is lent when somebody asks.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nic_core::error::ProviderError;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::address::{bare, same};
use super::found::{Chosen, file, unusable};
use super::members::plugin_config;
use super::plain::may_hold_a_secret;
use super::plugin::Plugin;
use crate::exec::credential;

/// How long what was lent is used before it is asked for again: files that hold it are written anew, and nobody says when.
const LENT_FOR: Duration = Duration::minutes(5);

/// How a user logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginKind {
    /// Not at all.
    None,
    /// By a token or a certificate.
    Static,
    /// By a plugin that anybody may call as it stands.
    Plugin,
    /// By a plugin whose arguments or variables may be secret.
    SecretPlugin,
    /// In a way that only the user's own client knows.
    Unlendable(&'static str),
}

impl LoginKind {
    /// Of a user as kubeconfig has it.
    pub(super) fn of(user: &Value) -> Self {
        let has = |member: &str| user.get(member).is_some_and(|value| !value.is_null());
        let is_static = ["token", "tokenFile", "client-certificate", "client-certificate-data"].into_iter().any(has);
        match user.get("exec") {
            _ if is_static => Self::Static,
            Some(exec) if may_hold_a_secret(exec) => Self::SecretPlugin,
            Some(_) => Self::Plugin,
            None if has("auth-provider") => Self::Unlendable("an `auth-provider`"),
            None if has("password") => Self::Unlendable("a name and a password"),
            None => Self::None,
        }
    }

    /// The same, for a file that keeps nothing of the cluster's extensions: a plugin that reads its configuration there is called by nic.
    pub(super) fn for_others(self, chosen: &Chosen) -> Self {
        let exec = chosen.user.as_ref().and_then(|(_, user)| user.exec.as_ref());
        match self {
            Self::Plugin if exec.is_some_and(|exec| exec.provide_cluster_info) && plugin_config(chosen).is_some() => {
                Self::SecretPlugin
            }
            login => login,
        }
    }
}

/// The `ExecCredential` of a context, read now.
pub(super) async fn lend(chosen: &Chosen) -> Result<Value, ProviderError> {
    let nobody = || unusable(&format!("the context `{}` has no user who logs in", chosen.name));
    let (name, user) = chosen.user.as_ref().ok_or_else(nobody)?;
    let user = serde_json::to_value(user).map_err(|error| unusable(&error))?;
    let status = match LoginKind::of(&user) {
        LoginKind::None => return Err(nobody()),
        LoginKind::Static => read(name, &user)?,
        LoginKind::Plugin | LoginKind::SecretPlugin => Plugin::of(chosen, name, &user["exec"])?.call().await?.into(),
        LoginKind::Unlendable(by) => return Err(unlendable(name, by)),
    };
    Ok(credential(&status))
}

/// A login is for one cluster: what another one is reached by by now gets none of it.
pub(super) fn leads_to(chosen: &Chosen, server: &str) -> Result<(), ProviderError> {
    if same(chosen.server(), server) {
        return Ok(());
    }
    let meant = bare(server).map_or_else(|| "a server that is no URL".to_owned(), |bare| format!("`{}`", bare.url));
    let (name, now) = (&chosen.name, chosen.server());
    Err(ProviderError::Other {
        code: "KUBECONFIG_LOGIN_NOT_LENT".to_owned(),
        message: format!(
            "the context `{name}` leads to `{now}` by now, and its login was asked for {meant}: it goes to no other"
        ),
        detail: json!({ "hint": "run `nic deploy` or `nic kubeconfig` again, which make a kubeconfig for the cluster of now; \
                                 or let KUBECONFIG name the files of before" }),
    })
}

/// The error when such a login is asked for.
pub(super) fn unlendable(user: &str, by: &str) -> ProviderError {
    ProviderError::Other {
        code: "KUBECONFIG_LOGIN_NOT_LENT".to_owned(),
        message: format!("the user `{user}` of the kubeconfig logs in by {by}, which cannot be lent to others"),
        detail: json!({ "hint": "give the user a token, a client certificate or an `exec` plugin, or use the kubeconfig itself" }),
    }
}

/// A token, a certificate with its key, or both.
fn read(name: &str, user: &Value) -> Result<Value, ProviderError> {
    let text = |member: &str| user[member].as_str();
    let mut status = Map::new();
    let ends = (OffsetDateTime::now_utc() + LENT_FOR).replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    status.insert("expirationTimestamp".to_owned(), ends.format(&Rfc3339).unwrap_or_default().into());
    let token = match (text("token"), text("tokenFile")) {
        (Some(token), _) => Some(token.to_owned()),
        (None, Some(path)) => Some(token_in(path)?),
        (None, None) => None,
    };
    status.extend(token.map(|token| ("token".to_owned(), token.into())));
    let pem = |data: &str, path: &str| match (text(data), text(path)) {
        (Some(encoded), _) => {
            let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let wrong = || unusable(&format!("`{data}` of the user `{name}` is no PEM in base64"));
            decoded.ok_or_else(wrong).map(Some)
        }
        (None, Some(path)) => text_of(path).map(Some),
        (None, None) => Ok(None),
    };
    let certificate = pem("client-certificate-data", "client-certificate")?;
    let key = pem("client-key-data", "client-key")?;
    match (certificate, key) {
        (None, None) => {}
        (Some(certificate), Some(key)) => {
            status.insert("clientCertificateData".to_owned(), certificate.into());
            status.insert("clientKeyData".to_owned(), key.into());
        }
        _ => {
            return Err(unusable(&format!(
                "of the user `{name}` there is a client certificate without a key, or a key without one"
            )));
        }
    }
    Ok(Value::Object(status))
}

/// The token that a file holds now.
pub(crate) fn token_in(path: &str) -> Result<String, ProviderError> {
    let text = text_of(path)?;
    match text.trim() {
        "" => Err(unusable(&format!("the token file `{path}` is empty"))),
        token => Ok(token.to_owned()),
    }
}

fn text_of(path: &str) -> Result<String, ProviderError> {
    let bytes = file(Path::new(path)).map_err(|error| unusable(&format!("`{path}`: {error}")))?;
    String::from_utf8(bytes).map_err(|_| unusable(&format!("`{path}` is not UTF-8")))
}
