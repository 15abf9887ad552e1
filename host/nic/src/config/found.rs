//! A component says of a wrong number that it found one. The config knows which.

use nic_core::diagnostic::Diagnostic;

use super::scalar::scalar;
use super::yaml::{Node, NodeValue};

/// The code of values that are not of the type that they should be.
const WRONG_TYPE: &str = "VALUE_TYPE";

/// How components end a sentence about such a value.
const FOUND: [&str; 3] = ["found a number", "found true or false", "found nothing"];

/// The largest number of things that a cloud's interface can carry.
const LARGEST: f64 = 2_147_483_647.0;

/// Says what was found, where it is a number, a truth value or null: such a value is no secret, or the component would not have seen it.
pub(super) fn say(root: &Node, diagnostic: &mut Diagnostic) {
    if diagnostic.code != WRONG_TYPE || diagnostic.address.is_some() {
        return;
    }
    let Some(words) = FOUND.into_iter().find(|words| diagnostic.detail.ends_with(*words)) else { return };
    let Some((text, plain)) = diagnostic.pointer.as_deref().and_then(|pointer| at(root, pointer)) else { return };
    let expected = diagnostic.detail.trim_end_matches(words);
    let number = scalar(text, plain, &["number"]).as_f64().filter(|_| words == FOUND[0]);
    let out_of_range = number.is_some_and(|number| number.fract() == 0.0 && !(0.0..=LARGEST).contains(&number));
    let too_large = number.filter(|number| *number > LARGEST).map_or("", |_| ", which is too large");
    let shown = if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") };
    diagnostic.detail = format!("{expected}found {shown}{too_large}");
    if out_of_range {
        "A number is out of its range".clone_into(&mut diagnostic.summary);
    }
    if words == FOUND[2] && !text.is_empty() {
        diagnostic.hints.push(format!("if the text is meant, write `\"{text}\"`"));
    }
}

/// The scalar at an RFC 6901 pointer.
fn at<'n>(root: &'n Node, pointer: &str) -> Option<(&'n str, bool)> {
    let node = root.at(pointer)?;
    match &node.value {
        // The parser has a text for what is not there.
        NodeValue::Scalar { .. } if node.span.is_empty() => Some(("", true)),
        NodeValue::Scalar { text, plain } => Some((text.as_str(), *plain)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse;
    use super::*;

    #[test]
    fn what_was_found_is_said() {
        let root = parse("a: -1\nb: 99999999999999999999\nc: 2.5\nd: true\ne: ~\nf:\ng: '3000000000'\n").unwrap();
        for (pointer, words, summary, detail, hints) in [
            ("/a", FOUND[0], "A number is out of its range", "expected a count, found `-1`", 0),
            (
                "/b",
                FOUND[0],
                "A number is out of its range",
                "expected a count, found `99999999999999999999`, which is too large",
                0,
            ),
            ("/c", FOUND[0], "x", "expected a count, found `2.5`", 0),
            ("/d", FOUND[1], "x", "expected a count, found `true`", 0),
            ("/e", FOUND[2], "x", "expected a count, found `~`", 1),
            ("/f", FOUND[2], "x", "expected a count, found nothing", 0),
            (
                "/g",
                FOUND[0],
                "A number is out of its range",
                "expected a count, found `3000000000`, which is too large",
                0,
            ),
            ("/h", FOUND[0], "x", "expected a count, found a number", 0),
            ("/a", "found a list", "x", "expected a count, found a list", 0),
        ] {
            let mut told = Diagnostic::error(WRONG_TYPE, "x", format!("expected a count, {words}"));
            told.pointer = Some(pointer.to_owned());
            say(&root, &mut told);
            assert_eq!(
                (told.summary.as_str(), told.detail.as_str(), told.hints.len()),
                (summary, detail, hints),
                "{pointer}"
            );
        }
    }
}
