//! The environment of this process, as far as it is text.

/// The variables, without what is not text.
pub(crate) fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The first variable of these whose value is no text. Whoever looks for text would go on as if it were not set.
pub(crate) fn no_text(prefix: &str) -> Option<String> {
    let names = std::env::vars_os()
        .filter(|(_, value)| value.to_str().is_none())
        .filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with(prefix)).min()
}
