//! Whether an answer repeats what only the host may know, however it is spelled.
//!
//! A long secret is looked for wherever it may stand. A short one is a word of its own in honest answers (`admin`), or a part of a name
//! (`user` in `user-scheduler`): to withhold those would stop a platform from working, and tell which word the secret is. It counts where it
//! is given away as a login: as the value of what is called a password, a token and the like, or as all of an answer.

mod spelled;

use nic_core::error::ProviderError;

use self::spelled::Spelled;
use super::CloudResponse;

/// Secrets of so many bytes are looked for everywhere: nobody writes as much by chance.
const LONG_SECRET_BYTES: usize = 8;

/// What is part of the names of logins.
const LOGINS: [&str; 10] =
    ["password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "authorization", "bearer", "apikey"];

/// Most bytes between a name and its value, as in `\": \"`.
const MAX_BETWEEN: usize = 8;

/// Most bytes that a name is looked at.
const MAX_NAME: usize = 64;

/// Refuses an answer that repeats what only the host may know.
pub fn check_echo(response: &CloudResponse, secrets: &[&str]) -> Result<(), ProviderError> {
    let is_repeated = |secret: &&str| {
        let spelled = Spelled::new(secret);
        let is_long = secret.len() >= LONG_SECRET_BYTES;
        let is_in = |text: &[u8]| {
            let counts = |(start, end)| is_long || is_given_away(text, start, end);
            spelled.found_in(text).any(counts) || spelled.is_all_of(text.trim_ascii())
        };
        let in_header = |(name, value): &(String, String)| {
            let long = is_long && (is_in(name.as_bytes()) || is_in(value.as_bytes()));
            long || is_login(name) && is_in(value.as_bytes())
        };
        response.headers.iter().any(in_header) || is_in(&response.body)
    };
    if !secrets.iter().filter(|secret| !secret.is_empty()).any(is_repeated) {
        return Ok(());
    }
    let message = format!("an answer with status {} repeated the host's credentials; it is withheld", response.status);
    let hint =
        "what was asked for may have been done; where a password is a word that answers hold anyway, choose another";
    let code = "RESPONSE_HOLDS_SECRET".to_owned();
    Err(ProviderError::Other { code, message, detail: serde_json::json!({ "hint": hint }) })
}

/// Whether what stands there is a whole word, and the value of a login.
fn is_given_away(text: &[u8], start: usize, end: usize) -> bool {
    let (before, after) = (&text[..start], &text[end..]);
    if before.last().is_some_and(|last| is_of_word(*last)) || after.first().is_some_and(|first| is_of_word(*first)) {
        return false;
    }
    let between = before.iter().rev().take(MAX_BETWEEN).take_while(|byte| !is_of_word(**byte)).count();
    let before = &before[..before.len() - between];
    let name = before.iter().rev().take(MAX_NAME).take_while(|byte| is_of_word(**byte)).count();
    is_login(&String::from_utf8_lossy(&before[before.len() - name..]))
}

/// Letters and digits of any script, and what joins them in names.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'-' | b'_' | b'.')
}

fn is_login(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    LOGINS.iter().any(|login| plain.contains(login))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn answer(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> CloudResponse {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        CloudResponse { status: 200, headers, body: body.into() }
    }

    fn is_withheld(secret: &str, response: &CloudResponse) -> bool {
        check_echo(response, &[secret]).is_err()
    }

    /// A text in the ways in which answers write it.
    fn spellings(text: &str) -> Vec<String> {
        let percent = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let lower = percent.split('%').enumerate().map(|(index, part)| match part.get(..2).filter(|_| index > 0) {
            Some(hex) => format!("%{}{}", hex.to_lowercase(), &part[2..]),
            None => part.to_owned(),
        });
        let json = serde_json::Value::from(text).to_string();
        let json = json[1..json.len() - 1].to_owned();
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
        let entities = text.chars().map(|c| format!("&#{};", u32::from(c))).collect::<Vec<_>>().concat();
        vec![
            text.to_owned(),
            lower.collect(),
            percent.replace("%20", "+").replace("%2E", "."),
            json.replace('/', "\\/"),
            json,
            units,
            entities,
            text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
            percent,
        ]
    }

    proptest! {
        #[test]
        fn a_long_secret_is_found_wherever_it_stands(
            secret in "[ -~é日]{8,40}",
            before in "[ -~]{0,20}",
            after in "[ -~]{0,20}",
        ) {
            for spelled in spellings(&secret) {
                let text = format!("{before}{spelled}{after}");
                prop_assert!(is_withheld(&secret, &answer(&[], text.clone())), "{text}");
                prop_assert!(is_withheld(&secret, &answer(&[("x-any", text.as_str())], "")), "{text}");
            }
        }

        #[test]
        fn a_short_secret_is_found_where_it_is_given_away(secret in "[!-~]{1,7}") {
            for name in ["password", "api_token", "ClientSecret", "x-api-key", "Authorization"] {
                for body in [
                    json!({ name: secret }).to_string(),
                    format!("a=1&{name}={}&b=2", utf8_percent_encode(&secret, NON_ALPHANUMERIC)),
                    format!("<{name}>{}</{name}>", secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")),
                ] {
                    prop_assert!(is_withheld(&secret, &answer(&[], body.clone())), "{body}");
                }
                prop_assert!(is_withheld(&secret, &answer(&[(name, secret.as_str())], "")), "{name}");
            }
            let alone = format!("{secret}\n");
            prop_assert!(is_withheld(&secret, &answer(&[], alone)));
        }

        /// As a part of a name it says nothing, nor as a word that is not called a login.
        #[test]
        fn a_short_secret_in_a_name_withholds_nothing(
            secret in "[a-z]{4,7}",
            before in "[a-z]{1,8}[-_.]?",
            after in "[-_.]?[a-z]{1,8}",
        ) {
            prop_assume!(!is_login(&format!("{before}{secret}{after}")));
            for name in [format!("{before}{secret}"), format!("{secret}{after}"), format!("{before}{secret}{after}")] {
                for member in ["name", "password", "tokenName"] {
                    let body = json!({ member: name, "items": [{ "metadata": { "name": name } }] }).to_string();
                    prop_assert!(!is_withheld(&secret, &answer(&[("x-name", name.as_str())], body.clone())), "{body}");
                }
            }
            let word = json!({ "owner": secret, "roles": [secret] }).to_string();
            prop_assert!(!is_withheld(&secret, &answer(&[("x-role", secret.as_str())], word)));
        }
    }

    #[test]
    fn what_basic_authentication_sends_is_found_with_and_without_its_word() {
        let sent = STANDARD.encode("me:hunter2");
        for body in [format!("Basic {sent}"), format!("{{\"auth\": \"{sent}\"}}"), sent.replace('=', "%3d")] {
            assert!(is_withheld(sent.trim_end_matches('='), &answer(&[], body.clone())), "{body}");
        }
    }
}
