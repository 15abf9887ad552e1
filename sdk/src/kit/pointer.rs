//! RFC 6901 pointers.

/// Appends one token to a pointer.
pub fn child(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", escaped(token))
}

/// A key as a token of a pointer.
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key that a token stands for.
pub(super) fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_what_is_below_it() {
        assert_eq!(child("/tags", "a/b~c"), "/tags/a~1b~0c");
        assert_eq!(unescaped("a~1b~0c"), "a/b~c");
        assert_eq!(unescaped(&escaped("~1")), "~1");
    }
}
