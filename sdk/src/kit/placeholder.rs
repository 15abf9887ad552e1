//! What people leave in a file for somebody to fill in.

/// Words that stand for a value, without `-` and `_`.
const WORDS: [&str; 6] = ["changeme", "replaceme", "fixme", "todo", "tbd", "placeholder"];

/// Marks around a name that stands for a value.
const BRACKETS: [(&str, &str); 3] = [("<", ">"), ("${", "}"), ("{{", "}}")];

/// The letters that are written instead of digits.
const CROSSES: &str = "xxxx";

/// The part of a text that stands for a value, if any does: `<account>`, `${REGION}`, `CHANGEME`, `your-key`, `xxxx`. For texts that
/// are ids, accounts, regions or the like, and no prose.
///
/// ```
/// use nic_sdk::kit::placeholder;
///
/// assert_eq!(placeholder("projects/<project>/keys/main"), Some("<project>"));
/// assert_eq!(placeholder("network-xxxxxxxx"), Some("network-xxxxxxxx"));
/// assert_eq!(placeholder("projects/my-project/keys/main"), None);
/// ```
pub fn placeholder(text: &str) -> Option<&str> {
    bracketed(text).or_else(|| text.split([':', '/', ' ', ',']).find(|word| stands_for_something(word)))
}

fn bracketed(text: &str) -> Option<&str> {
    BRACKETS.iter().find_map(|(open, close)| {
        let begin = text.find(open)?;
        let end = begin + text[begin..].find(close)? + close.len();
        Some(&text[begin..end])
    })
}

fn stands_for_something(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let bare: String = word.chars().filter(|c| !matches!(c, '-' | '_')).collect();
    let yours = ["your-", "your_"].iter().any(|start| word.starts_with(start));
    yours || WORDS.contains(&bare.as_str()) || word.contains(CROSSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_value_is_told_from_values() {
        for (text, part) in [
            ("<region>", "<region>"),
            ("us-${AREA}-1", "${AREA}"),
            ("a:b:{{ account }}:key/x", "{{ account }}"),
            ("a:b:123456789012:policy/CHANGE_ME", "CHANGE_ME"),
            ("a:b:XXXXXXXXXXXX:policy/b", "XXXXXXXXXXXX"),
            ("a:b:your-account-id:policy/b", "your-account-id"),
            ("net-xxxxxxxx", "net-xxxxxxxx"),
            ("TODO", "TODO"),
        ] {
            assert_eq!(placeholder(text), Some(part), "{text}");
        }
        for value in ["us-west-2", "network-0123456789abcdef0", "a:b:123456789012:policy/todo-app", "a > b < c", "$"] {
            assert_eq!(placeholder(value), None, "{value}");
        }
    }
}
