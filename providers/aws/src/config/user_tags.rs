//! The user's tags. Everything gets them, so they have to be such as every service takes.

use std::collections::BTreeMap;

use nic_sdk::findings::Findings;
use nic_sdk::kit::{Reader, child};

use crate::tags::{OWNER_KEY, Tags};

/// The section's tags, and a finding for each that some service refuses.
pub fn read(section: &Reader<'_>, findings: &mut Findings) -> Tags {
    let tags = section.text_map("tags", findings).unwrap_or_default();
    let pointer = section.at("tags");
    let mut seen = BTreeMap::new();
    for (key, value) in &tags {
        let twin = seen.insert(key.to_lowercase(), key);
        let why = match (fault(key, value), twin) {
            (Some(why), _) => why.to_owned(),
            (None, Some(twin)) => format!("IAM tells no case of keys apart, and takes only one of this and `{twin}`"),
            (None, None) => continue,
        };
        findings.error("TAG_INVALID", "A tag is not allowed", format!("`{key}`: {why}"), &child(&pointer, key));
    }
    tags
}

fn fault(key: &str, value: &str) -> Option<&'static str> {
    if key.is_empty() || key.chars().count() > 128 {
        Some("a key has 1 to 128 characters")
    } else if value.chars().count() > 256 {
        Some("a value has at most 256 characters")
    } else if key.to_ascii_lowercase().starts_with("aws:") {
        Some("keys that begin with `aws:` are AWS's own")
    } else if !key.chars().chain(value.chars()).all(is_taken_everywhere) {
        Some("IAM takes letters, digits, spaces and `_.:/=+-@`, and roles get the same tags as everything")
    } else if key.eq_ignore_ascii_case(OWNER_KEY) {
        Some("this key is NIC's own")
    } else {
        None
    }
}

/// EC2 takes anything, IAM and EFS do not.
fn is_taken_everywhere(letter: char) -> bool {
    let space = letter.is_whitespace() && !letter.is_control();
    letter.is_alphanumeric() || space || "_.:/=+-@".contains(letter)
}
