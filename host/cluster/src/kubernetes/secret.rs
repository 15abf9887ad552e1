//! Secrets in documents: put in where the request leaves, taken out of every message.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nic_core::document::{secret_name, unescape};
use nic_core::error::ProviderError;
use serde_json::{Map, Value};

use nic_gate::SecretString;

/// Shorter secrets are not looked for in messages: they would blank half of them and are in every text anyway.
const SHORTEST_SCRUBBED: usize = 4;

/// As long as this, nobody writes a secret by chance. A shorter one may be a part of a name, as `user` is of `user-scheduler`: a gap there would
/// take the name from who needs it, and tell the secret to whoever knows the name. It is looked for as a word of its own.
const LONG: usize = 8;

type Find = dyn Fn(&str) -> Option<SecretString> + Send + Sync;

/// Knows what `$secret` references stand for.
#[derive(Clone)]
pub struct SecretResolver(Arc<Find>);

impl fmt::Debug for SecretResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretResolver")
    }
}

/// A document that may leave the host, and what must not be told of it.
pub(super) struct Resolved {
    pub(super) document: Value,
    secrets: Vec<SecretString>,
}

impl SecretResolver {
    /// Asks `find`.
    pub fn new(find: impl Fn(&str) -> Option<SecretString> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// Knows none.
    pub fn empty() -> Self {
        Self::new(|_| None)
    }

    /// The document as plain data with every secret in its place. In a Secret, `stringData` becomes `data`: the server does the same, but
    /// then forgets who owned what.
    pub(super) fn resolve(&self, document: &Value) -> Result<Resolved, ProviderError> {
        let mut secrets = Vec::new();
        let mut resolved = document.clone();
        if is_secret(document)
            && let Some(object) = resolved.as_object_mut()
        {
            let mut data = Map::new();
            for (section, encoded) in [("data", true), ("stringData", false)] {
                let Some(Value::Object(members)) = object.remove(section) else { continue };
                for (key, value) in members {
                    let reference = secret_name(&value).is_some();
                    let plain = self.put_in(value, &mut secrets)?;
                    let text = plain.as_str().unwrap_or_default();
                    let text = if encoded && !reference { text.to_owned() } else { STANDARD.encode(text) };
                    if !reference {
                        secrets.push(SecretString::new(text.clone()));
                    }
                    data.insert(key, text.into());
                }
            }
            object.insert("data".to_owned(), Value::Object(data));
        }
        let document = unescape(self.put_in(resolved, &mut secrets)?);
        Ok(Resolved { document, secrets })
    }

    fn put_in(&self, value: Value, secrets: &mut Vec<SecretString>) -> Result<Value, ProviderError> {
        if let Some(name) = secret_name(&value) {
            let secret = (self.0)(name).ok_or_else(|| {
                ProviderError::other("SECRET_UNKNOWN", format!("the config holds no secret named `{name}`"))
            })?;
            let text = Value::from(secret.expose());
            secrets.push(SecretString::new(STANDARD.encode(secret.expose())));
            secrets.push(secret);
            return Ok(text);
        }
        Ok(match value {
            Value::Object(members) => Value::Object(
                members.into_iter().map(|(key, member)| Ok((key, self.put_in(member, secrets)?))).collect::<Result<
                    _,
                    ProviderError,
                >>(
                )?,
            ),
            Value::Array(elements) => {
                Value::Array(elements.into_iter().map(|e| self.put_in(e, secrets)).collect::<Result<_, _>>()?)
            }
            leaf => leaf,
        })
    }
}

/// Whether all of the object's data is secret.
pub(super) fn is_secret(document: &Value) -> bool {
    document["kind"] == "Secret" && document["apiVersion"] == "v1"
}

impl Resolved {
    /// The error without the secrets that the server may have repeated.
    pub(super) fn scrub(&self, error: ProviderError) -> ProviderError {
        let clean = |text: String| {
            let long = self.secrets.iter().map(SecretString::expose).filter(|secret| secret.len() >= SHORTEST_SCRUBBED);
            long.fold(text, |text, secret| {
                let text = blank(&text, secret);
                let quoted = Value::from(secret).to_string();
                // A server that quotes a value writes it as JSON does.
                blank(&text, &quoted[1..quoted.len() - 1])
            })
        };
        match error {
            ProviderError::Denied { code, message } => ProviderError::Denied { code, message: clean(message) },
            ProviderError::NotFound(text) => ProviderError::NotFound(clean(text)),
            ProviderError::Conflict(text) => ProviderError::Conflict(clean(text)),
            ProviderError::TimedOut(text) => ProviderError::TimedOut(clean(text)),
            ProviderError::Remote { status, code, message } => {
                ProviderError::Remote { status, code, message: clean(message) }
            }
            ProviderError::Other { code, message, detail } => {
                ProviderError::Other { code, message: clean(message), detail }
            }
            other => other,
        }
    }
}

fn blank(text: &str, secret: &str) -> String {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut blanked = String::with_capacity(text.len());
    let mut told = 0;
    for (start, _) in text.match_indices(secret) {
        let (before, after) = (&text[..start], &text[start + secret.len()..]);
        if secret.len() < LONG && (before.ends_with(is_of_word) || after.starts_with(is_of_word)) {
            continue;
        }
        blanked += &text[told..start];
        blanked += "(secret)";
        told = start + secret.len();
    }
    blanked + &text[told..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn resolver() -> SecretResolver {
        SecretResolver::new(|name| (name == "db").then(|| SecretString::new("hunter2")))
    }

    #[test]
    fn secrets_are_put_in_and_encoded_where_the_server_wants_it() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "stringData": {"password": {"$secret": "db"}, "user": "me"}, "data": {"raw": "YQ==", "ref": {"$secret": "db"}}});
        let resolved = resolver().resolve(&secret).unwrap();
        assert_eq!(
            resolved.document["data"],
            json!({"password": "aHVudGVyMg==", "user": "bWU=", "raw": "YQ==", "ref": "aHVudGVyMg=="})
        );
        assert!(resolved.document.get("stringData").is_none());
        let other = json!({"kind": "ConfigMap", "data": {"list": [{"$secret": "db"}]}});
        assert_eq!(resolver().resolve(&other).unwrap().document["data"]["list"], json!(["hunter2"]));
        let unknown = resolver().resolve(&json!({"a": {"$secret": "none"}})).err().unwrap();
        assert_eq!(unknown.code(), "SECRET_UNKNOWN");
    }

    #[test]
    fn messages_do_not_repeat_them() {
        let resolved = resolver().resolve(&json!({"a": {"$secret": "db"}})).unwrap();
        let error = ProviderError::Remote {
            status: 422,
            code: "Invalid".to_owned(),
            message: "invalid value: hunter2 (aHVudGVyMg==)".to_owned(),
        };
        assert_eq!(resolved.scrub(error).to_string(), "Invalid: invalid value: (secret) ((secret))");
        let quoting = SecretResolver::new(|_| Some(SecretString::new("a\"b\nc\\d")));
        let resolved = quoting.resolve(&json!({"a": {"$secret": "db"}})).unwrap();
        let error = ProviderError::other("INVALID", "invalid value: \"a\\\"b\\nc\\\\d\" is too long");
        assert_eq!(resolved.scrub(error).to_string(), "invalid value: \"(secret)\" is too long");
    }

    proptest! {
        #[test]
        fn a_short_secret_is_blanked_as_a_word_and_left_in_names(
            secret in "[a-z0-9]{4,7}",
            before in "[a-z]{1,8}[-_.]?",
            after in "[-_.]?[a-z]{1,8}",
        ) {
            for name in [format!("{before}{secret}"), format!("{secret}{after}"), format!("{before}{secret}{after}")] {
                let text = format!("pods \"{name}\" is forbidden");
                prop_assert_eq!(blank(&text, &secret), text);
                let text = format!("pods \"{name}\" is wrong: {secret}, \"{secret}\"");
                let told = format!("pods \"{name}\" is wrong: (secret), \"(secret)\"");
                prop_assert_eq!(blank(&text, &secret), told);
            }
        }

        #[test]
        fn a_long_secret_is_blanked_wherever_it_stands(secret in "[!-~]{8,20}", before in "[a-z]{0,8}", after in "[a-z]{0,8}") {
            let text = format!("{before}{secret}{after}");
            prop_assert!(!blank(&text, &secret).contains(&secret));
        }
    }
}
