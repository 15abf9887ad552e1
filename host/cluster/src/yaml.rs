//! YAML of a kubeconfig that this program makes.

use std::fmt::Write as _;

use serde_json::Value;

/// The text of a document.
pub(crate) fn text(document: &Value) -> String {
    let mut text = String::new();
    // A string takes whatever is written to it.
    let _ = write(document, 0, &mut text);
    text
}

/// Block style with JSON scalars, which YAML takes as they are.
fn write(value: &Value, depth: usize, out: &mut String) -> std::fmt::Result {
    let indent = "  ".repeat(depth);
    let nests = |value: &Value| {
        value.as_object().is_some_and(|o| !o.is_empty()) || value.as_array().is_some_and(|a| !a.is_empty())
    };
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                // Words of letters and dashes, as nearly all are; a short one could be YAML's idea of a truth value.
                let plain = key.len() > 3 && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                let key = if plain { key.clone() } else { Value::from(key.as_str()).to_string() };
                if nests(member) {
                    writeln!(out, "{indent}{key}:")?;
                    write(member, depth + 1, out)?;
                } else {
                    writeln!(out, "{indent}{key}: {member}")?;
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                if nests(element) {
                    // The first line of the element follows the dash.
                    let mut block = String::new();
                    write(element, depth + 1, &mut block)?;
                    write!(out, "{indent}- {}", block.trim_start())?;
                } else {
                    writeln!(out, "{indent}- {element}")?;
                }
            }
        }
        leaf => writeln!(out, "{indent}{leaf}")?,
    }
    Ok(())
}
