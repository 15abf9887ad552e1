//! What is sent with a request to a host that a grant names, and how.

use std::ffi::OsString;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::{HeaderName, HeaderValue, header};
use nic_core::error::ProviderError;
use nic_system::files;

use super::SecretString;
use super::refusal::Refusal;
use crate::grant::Grants;

/// Largest credential that is read from a file.
const MAX_BYTES: usize = 64 * 1024;

/// Why a host is refused that no grant names with that credential.
pub(super) const NOT_LISTED: &str = "the grant does not list it for this credential";

/// How a secret goes into a request.
enum Way {
    Bearer,
    /// The secret is `name:password`.
    Basic,
    Header(HeaderName),
}

/// The login of one request; none for hosts that want none.
pub(super) struct HostLogin(Option<(Way, SecretString)>);

impl HostLogin {
    /// The credential of that name for that origin, read now from where the user said that it is.
    pub(super) fn read(grants: &Grants, scheme: &str, credential: &str, origin: &str) -> Result<Self, ProviderError> {
        let way = match (scheme, scheme.strip_prefix("header:")) {
            ("none", _) => return Ok(Self(None)),
            ("bearer", _) => Way::Bearer,
            ("basic", _) => Way::Basic,
            (_, Some(name)) => Way::Header(name.parse().map_err(|_| Refusal::SchemeNotImplemented(scheme.to_owned()))?),
            _ => return Err(Refusal::SchemeNotImplemented(scheme.to_owned()).into()),
        };
        let from = grants.credential_at(scheme, credential, origin);
        let Some(from) = from else {
            // Whether it may go there is told by whoever looks at the grant.
            return if grants.allows_origin(scheme, credential, origin) {
                Err(missing(credential, "nobody has said where it is"))
            } else {
                Err(Refusal::Host { host: origin.to_owned(), why: NOT_LISTED.to_owned() }.into())
            };
        };
        Ok(Self(Some((way, secret(credential, from, |name| std::env::var_os(name))?))))
    }

    /// The header that the host adds.
    pub(super) fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, ProviderError> {
        let Some((way, secret)) = &self.0 else { return Ok(None) };
        let (name, text) = match way {
            Way::Bearer => (header::AUTHORIZATION, bearer(secret.expose())),
            Way::Basic => (header::AUTHORIZATION, basic(secret.expose())),
            Way::Header(name) => (name.clone(), secret.expose().to_owned()),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            ProviderError::other("CREDENTIALS_INVALID", "the credential for a host is not a header value")
        })?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }

    /// What no answer may repeat: the credential, and what of it is sent.
    pub(super) fn secrets(&self) -> Vec<String> {
        let Some((way, secret)) = &self.0 else { return Vec::new() };
        let secret = secret.expose();
        let mut all = vec![secret.to_owned()];
        match way {
            // A token may be too short to be looked for; with what it is sent behind, it never is.
            Way::Bearer => all.push(bearer(secret)),
            Way::Basic => {
                all.push(basic(secret));
                // Others write it without the word before it, and without the padding.
                all.extend([&STANDARD_NO_PAD, &URL_SAFE_NO_PAD].map(|alphabet| alphabet.encode(secret)));
                all.extend(secret.split_once(':').map(|(_, password)| password.to_owned()));
            }
            Way::Header(_) => {}
        }
        all
    }
}

fn basic(name_and_password: &str) -> String {
    format!("Basic {}", STANDARD.encode(name_and_password))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn missing(credential: &str, why: &str) -> ProviderError {
    ProviderError::Other {
        code: "CREDENTIALS_MISSING".to_owned(),
        message: format!("the credential `{credential}` is not there: {why}"),
        detail: serde_json::json!({
            "hint": format!("set it, or say where it is: `nic provider add FILE --credential {credential}=env:VARIABLE`"),
        }),
    }
}

/// What the user said is the credential. No error tells any of it.
fn secret(
    credential: &str,
    from: &str,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<SecretString, ProviderError> {
    let text = match from.split_once(':') {
        Some(("file", path)) => {
            let unusable = |why: &dyn std::fmt::Display| missing(credential, &format!("`{path}`: {why}"));
            let bytes = files::read_at_most(Path::new(path), MAX_BYTES).map_err(|error| unusable(&error))?;
            if bytes.len() > MAX_BYTES {
                return Err(unusable(&"it is larger than any credential"));
            }
            String::from_utf8(bytes).map_err(|_| unusable(&"it is no text"))?
        }
        Some(("env", name)) => match variable(name).map(OsString::into_string) {
            Some(Ok(value)) => value,
            Some(Err(_)) => return Err(missing(credential, &format!("`{name}` is not UTF-8 text"))),
            None => return Err(missing(credential, &format!("`{name}` is not set"))),
        },
        _ => return Err(missing(credential, "nobody has said where it is")),
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() { Err(missing(credential, "it is empty")) } else { Ok(SecretString::new(text)) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_credential_that_cannot_be_used_is_not_told() {
        let variable = |value: &'static [u8]| move |_: &str| Some(OsString::from_vec(value.to_vec()));
        assert_eq!(secret("c", "env:TOKEN", variable(b"s3cr3t\n")).unwrap().expose(), "s3cr3t");
        let refused = secret("c", "env:TOKEN", variable(b"s3cr3t\xff")).err().unwrap();
        assert_eq!(refused.code(), "CREDENTIALS_MISSING");
        assert_eq!(refused.to_string(), "the credential `c` is not there: `TOKEN` is not UTF-8 text");
        assert!(!format!("{refused:?}").contains("s3cr3t"), "{refused:?}");
        let unset = secret("c", "env:TOKEN", |_| None).err().unwrap();
        assert_eq!(unset.to_string(), "the credential `c` is not there: `TOKEN` is not set");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, b"s3cr3t\xff").unwrap();
        let refused = secret("c", &format!("file:{}", path.display()), |_| None).err().unwrap();
        assert!(!format!("{refused:?}").contains("s3cr3t"), "{refused:?}");
    }

    #[test]
    fn what_is_sent_is_looked_for_and_long_enough() {
        let secrets = |way, secret: &str| HostLogin(Some((way, SecretString::new(secret)))).secrets();
        assert_eq!(
            secrets(Way::Basic, "admin:adm?n"),
            ["admin:adm?n", "Basic YWRtaW46YWRtP24=", "YWRtaW46YWRtP24", "YWRtaW46YWRtP24", "adm?n"]
        );
        assert_eq!(secrets(Way::Bearer, "abc"), ["abc", "Bearer abc"]);
    }

    #[test]
    fn a_credential_in_a_file_is_text_of_bounded_size_and_waits_for_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let read = || secret("vault", &format!("file:{}", path.display()), |_| None);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        assert!(read().unwrap_err().to_string().contains("no regular file"));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "hunter2\r\n").unwrap();
        assert_eq!(read().unwrap().expose(), "hunter2");
        for (bytes, why) in [(vec![b'x'; MAX_BYTES + 1], "larger"), (vec![0xff], "no text"), (vec![b'\n'], "empty")] {
            fs::write(&path, bytes).unwrap();
            assert!(read().unwrap_err().to_string().contains(why), "{why}");
        }
    }
}
