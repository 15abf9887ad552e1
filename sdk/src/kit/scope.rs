//! How much of a resource a change is about.
//!
//! The host names the attributes that an update is for. What else differs is not touched: it may be drift that the user was
//! only told of.

use super::pointer::{escaped, unescaped};

/// The attributes a change is about; all of them when none is named, as in a create.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a>(&'a [String]);

impl<'a> Scope<'a> {
    /// The scope that RFC 6901 pointers name.
    pub fn new(paths: &'a [String]) -> Self {
        Self(paths)
    }

    /// Whether the attribute at `pointer`, or a part of it, or what it is a part of, is meant.
    pub fn touches(&self, pointer: &str) -> bool {
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.0.is_empty() || self.0.iter().any(|path| within(path, pointer) || within(pointer, path))
    }

    /// Whether the member `key` of the object at `pointer` is meant.
    pub fn touches_member(&self, pointer: &str, key: &str) -> bool {
        self.touches(&format!("{pointer}/{}", escaped(key)))
    }

    /// Whether `pointer` itself is named: only then may something be taken away that is not wanted.
    pub fn names(&self, pointer: &str) -> bool {
        self.0.iter().any(|path| path == pointer)
    }

    /// The members of the object at `pointer` that are named one by one.
    pub fn named_members(&self, pointer: &str) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(move |path| path.strip_prefix(pointer)?.strip_prefix('/')).map(unescaped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_parts_and_wholes() {
        let paths = ["/scaling_config/max_size".to_owned(), "/tags/a~1b".to_owned(), "/routes".to_owned()];
        let scope = Scope::new(&paths);
        assert!(scope.touches("/scaling_config") && scope.touches("/routes/0/gateway_id") && scope.touches("/tags"));
        assert!(scope.touches_member("/tags", "a/b") && !scope.touches_member("/tags", "a"));
        assert!(!scope.touches("/route") && !scope.touches("/scaling_config/min_size"));
        assert!(scope.names("/routes") && !scope.names("/tags"));
        assert_eq!(scope.named_members("/tags").collect::<Vec<_>>(), ["a/b"]);
        assert!(Scope::new(&[]).touches("/anything"));
    }
}
