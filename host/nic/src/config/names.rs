//! What a platform is called: `project_name` and `namespace`.

use nic_core::diagnostic::Diagnostic;

use super::problems::{Problems, invalid_value};

/// `project_name`, which has to be there.
pub(super) fn project_name(problems: &mut Problems<'_>) -> Option<String> {
    name(problems, "project_name", None, |c, first| {
        c.is_ascii_alphanumeric() && !(first && c.is_ascii_digit()) || !first && matches!(c, '-' | '_')
    })
}

/// `namespace`, `dev` when absent.
pub(super) fn namespace(problems: &mut Problems<'_>) -> Option<String> {
    let legal = |c: char, first: bool| c.is_ascii_alphabetic() || !first && matches!(c, '-' | '_');
    name(problems, "namespace", Some("dev"), legal)
}

fn name(
    problems: &mut Problems<'_>,
    key: &str,
    default: Option<&str>,
    legal: fn(char, bool) -> bool,
) -> Option<String> {
    let pointer = format!("/{key}");
    let Some(text) = problems.said(key).map(|node| node.text().map(str::to_owned)) else {
        if default.is_none() {
            let diagnostic =
                Diagnostic::error("CONFIG_MISSING_KEY", "A required key is missing", format!("`{key}` is not there"));
            problems.tell(diagnostic.hint(format!("add `{key}: my-nebari` at the top level")), "");
        }
        return default.map(str::to_owned);
    };
    let Some(text) = text.filter(|text| {
        let last = text.chars().last();
        text.len() >= 3 - usize::from(key == "namespace")
            && text.chars().enumerate().all(|(i, c)| legal(c, i == 0))
            && last.is_some_and(|c| c.is_ascii_alphanumeric())
    }) else {
        let expected = match key {
            "project_name" => {
                "3 to 16 letters, digits, `-` or `_`, beginning with a letter and ending with a letter or digit"
            }
            _ => "letters, `-` or `_`, beginning and ending with a letter",
        };
        let diagnostic = invalid_value(format!("`{key}` must be {expected}"));
        problems.tell(diagnostic, &pointer);
        return None;
    };
    if key == "project_name" && text.len() > 16 {
        // Older Nebari accepted longer names and deployed them: they must stay deployable.
        let detail = format!("`{text}` has {} characters; today's Nebari allows 16", text.len());
        problems.tell(Diagnostic::warning("CONFIG_LONG_NAME", "The project name is long", detail), &pointer);
    }
    Some(text)
}
