//! Values that environment variables set: `NEBARI_SECRET__a__b` is `a.b`, as if it stood in the file. Where nobody says what a key is, its
//! value is kept secret.

use std::ffi::OsString;
use std::fmt;

use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::document::pointer_token;
use serde_json::Value;

use super::yaml::{Key, Node, NodeValue};
use crate::error::CommandError;

/// What the names of such variables begin with.
const PREFIX: &str = "NEBARI_SECRET__";

/// What stands between the keys in such a name.
const BETWEEN: &str = "__";

/// A variable that sets a value of the config.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Override {
    variable: String,
    value: String,
}

impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.variable)
    }
}

impl Override {
    /// Of all variables those that set values. Others are nobody's business here, whatever they hold.
    ///
    /// # Errors
    /// `CONFIG_INVALID_VALUE`: what is not UTF-8, and a name that names no key.
    pub(super) fn all(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<Self>, CommandError> {
        let ours = variables.filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()));
        let text = |(name, value): (OsString, OsString)| match (name.to_str(), value.into_string()) {
            (Some(name), Ok(value)) => Self { variable: name.to_owned(), value }.with_keys(),
            _ => Err(refused(&name.to_string_lossy(), "is not UTF-8 text", "set it to UTF-8 text, or unset it")),
        };
        // In the order of their names, so that what leads into another's value is told whatever the environment's order is.
        let mut all: Vec<Self> = ours.map(text).collect::<Result<_, _>>()?;
        all.sort_by(|one, other| one.variable.cmp(&other.variable));
        Ok(all)
    }

    fn with_keys(self) -> Result<Self, CommandError> {
        if self.keys().all(|key| !key.is_empty()) {
            return Ok(self);
        }
        let what = if self.variable == PREFIX { "names no key" } else { "names an empty key" };
        Err(refused(&self.variable, what, "write `NEBARI_SECRET__a__b` for the key `b` below `a`, or unset it"))
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.variable[PREFIX.len()..].split(BETWEEN)
    }

    /// Puts the value in its place. Maps on the way are made, as Nebari does.
    ///
    /// # Errors
    /// `CONFIG_INVALID_VALUE`: the name leads into a value that is no map, or to an element that a list does not have.
    pub(super) fn apply(&self, root: &mut Node) -> Result<(), CommandError> {
        let keys: Vec<&str> = self.keys().collect();
        let mut node = root;
        for (depth, key) in keys.iter().enumerate() {
            let above = keys[..depth].join(".");
            if node.is_null() {
                node.value = NodeValue::Mapping(Vec::new());
            }
            node = match &mut node.value {
                NodeValue::Sequence(elements) => {
                    let count = elements.len();
                    let found = key.parse::<usize>().ok().and_then(|index| elements.get_mut(index));
                    found.ok_or_else(|| {
                        self.leads_nowhere(&format!("`{above}` is a list of {count}, and has no `{key}`"))
                    })?
                }
                NodeValue::Mapping(entries) => member(entries, key),
                NodeValue::Scalar { .. } => return Err(self.leads_nowhere(&format!("`{above}` is no map"))),
            };
        }
        *node = Node::secret(&self.value);
        Ok(())
    }

    fn leads_nowhere(&self, why: &str) -> CommandError {
        refused(&self.variable, &format!("leads nowhere: {why}"), "mend its name, or unset it")
    }
}

/// The value of a key, made where it is not there.
fn member<'a>(entries: &'a mut Vec<(Key, Node)>, key: &str) -> &'a mut Node {
    let index = entries.iter().position(|(known, _)| known.text == key).unwrap_or_else(|| {
        let empty = Node { value: NodeValue::Mapping(Vec::new()), span: 0..0, secret: false };
        entries.push((Key { text: key.to_owned(), span: 0..0 }, empty));
        entries.len() - 1
    });
    &mut entries[index].1
}

fn refused(variable: &str, what: &str, hint: &str) -> CommandError {
    let detail = format!("the environment variable `{variable}` {what}");
    let diagnostic = Diagnostic::error("CONFIG_INVALID_VALUE", "A value is not allowed", detail);
    CommandError::refused(vec![diagnostic.hint(hint)])
}

/// The variable that set what an RFC 6901 pointer leads to, or something above it.
pub(super) fn variable_of(root: &Node, pointer: &str) -> Option<String> {
    let (mut node, mut name) = (root, String::new());
    for token in pointer.split('/').skip(1) {
        let token = pointer_token(token);
        node = match &node.value {
            NodeValue::Mapping(_) => node.get(&token)?,
            NodeValue::Sequence(elements) => elements.get(token.parse::<usize>().ok()?)?,
            NodeValue::Scalar { .. } => return None,
        };
        name = if name.is_empty() { token } else { format!("{name}{BETWEEN}{token}") };
        if node.secret {
            return Some(format!("{PREFIX}{name}"));
        }
    }
    None
}

/// Most variables that one hint names.
const NAMED: usize = 3;

/// Says where a value comes from that does not stand in the file: whoever looks there finds it right. What is wrong with one value may lie
/// in another one of its section.
pub(super) fn name_variable(root: &Node, diagnostic: &mut Diagnostic) {
    let Some(pointer) = diagnostic.pointer.clone().filter(|_| diagnostic.address.is_none()) else { return };
    let Some(variable) = variable_of(root, &pointer) else {
        let is_made = |node: &Node| node.span.is_empty() && matches!(node.value, NodeValue::Mapping(_));
        if diagnostic.severity == Severity::Error || root.at(&pointer).is_some_and(is_made) {
            name_neighbours(root, &pointer, diagnostic);
        }
        return;
    };
    let hint = format!("the value comes from the environment variable `{variable}`: set that to another, or unset it");
    if diagnostic.hints.contains(&hint) {
        return;
    }
    // What is kept secret is handed on as a reference, which is a map.
    diagnostic.detail = diagnostic.detail.replace("found a map", "found what is kept secret");
    diagnostic.hints.insert(0, hint);
    match &mut diagnostic.details {
        Value::Object(details) => {
            details.insert("variable".to_owned(), variable.into());
        }
        details => *details = serde_json::json!({ "variable": variable }),
    }
}

fn name_neighbours(root: &Node, pointer: &str, diagnostic: &mut Diagnostic) {
    let Some(section) = pointer.split('/').nth(1).filter(|section| !section.is_empty()) else { return };
    let mut variables = Vec::new();
    if let Some(node) = root.get(section) {
        collect(node, section, &mut variables);
    }
    if variables.is_empty() {
        return;
    }
    let more = if variables.len() > NAMED { ", and others" } else { "" };
    variables.truncate(NAMED);
    let hint = format!("environment variables set values in `{section}`: `{}`{more}", variables.join("`, `"));
    if !diagnostic.hints.contains(&hint) {
        diagnostic.hints.push(hint);
    }
}

/// The variables that set something here or below.
fn collect(node: &Node, name: &str, found: &mut Vec<String>) {
    if node.secret {
        found.push(format!("{PREFIX}{name}"));
    }
    for (key, member) in node.entries() {
        collect(member, &format!("{name}{BETWEEN}{}", key.text), found);
    }
    for (index, element) in node.elements().enumerate() {
        collect(element, &format!("{name}{BETWEEN}{index}"), found);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;
    use crate::config::yaml;

    #[test]
    fn bytes_that_are_no_text_are_told_of_our_variables_alone() {
        let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let told = |name: &[u8], value: &[u8]| Override::all([(bytes(name), bytes(value))].into_iter());
        assert_eq!(told(b"PS1", b"caf\xe9").unwrap(), []);
        assert_eq!(told(b"caf\xe9", b"x").unwrap(), []);
        let set = Override { variable: "NEBARI_SECRET__a".to_owned(), value: "x".to_owned() };
        assert_eq!(told(b"NEBARI_SECRET__a", b"x").unwrap(), [set]);
        for (name, value) in [(&b"NEBARI_SECRET__a"[..], &b"caf\xe9"[..]), (b"NEBARI_SECRET__a\xe9", b"x")] {
            let error = told(name, value).unwrap_err();
            assert_eq!(error.diagnostics[0].code, "CONFIG_INVALID_VALUE");
            assert!(error.diagnostics[0].detail.contains("NEBARI_SECRET__a"), "{error:?}");
        }
    }

    #[test]
    fn a_name_without_a_key_is_told() {
        for (name, what) in [
            ("NEBARI_SECRET__", "no key"),
            ("NEBARI_SECRET__a____b", "an empty key"),
            ("NEBARI_SECRET__a__", "an empty key"),
        ] {
            let error = Override::all([(name.into(), "hunter2".into())].into_iter()).unwrap_err();
            let [told] = error.diagnostics.as_slice() else { panic!("{error:?}") };
            assert!(told.detail.contains(&format!("`{name}`")) && told.detail.contains(what), "{told:?}");
            assert!(!format!("{told:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_wrong_beside_a_variable_s_value_names_the_variable() {
        let mut root = yaml::parse("section: {zones: [a]}\nother: 1\n").unwrap();
        let one = Override { variable: format!("{PREFIX}section__region"), value: "r".to_owned() };
        one.apply(&mut root).unwrap();
        let hints = |pointer: &str, severity| {
            let wrong =
                Diagnostic { severity, pointer: Some(pointer.to_owned()), ..Diagnostic::error("X_Y", "x", "y") };
            let mut told = wrong;
            name_variable(&root, &mut told);
            name_variable(&root, &mut told);
            told.hints
        };
        let [hint] = hints("/section/zones/0", Severity::Error).try_into().unwrap();
        assert!(hint.contains("`NEBARI_SECRET__section__region`") && hint.contains("`section`"), "{hint}");
        assert!(hints("/other", Severity::Error).is_empty() && hints("/section/zones", Severity::Warning).is_empty());
    }

    #[test]
    fn a_name_that_leads_nowhere_is_told_and_sets_nothing_else() {
        let applied = |variable: &str| {
            let mut root = yaml::parse("name: abc\nnone:\nlist: [a, {b: c}]\n").unwrap();
            let one = Override { variable: format!("{PREFIX}{variable}"), value: "hunter2".to_owned() };
            one.apply(&mut root).map(|()| root)
        };
        for (variable, why) in [
            ("list__2", "`list` is a list of 2, and has no `2`"),
            ("list__b", "`list` is a list of 2, and has no `b`"),
            ("list__0__b", "`list.0` is no map"),
            ("name__first", "`name` is no map"),
        ] {
            let error = applied(variable).unwrap_err();
            assert!(error.diagnostics[0].detail.contains(why), "{error:?}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        for variable in ["list__0", "list__1__b", "none__a__b", "new__a", "name"] {
            let root = applied(variable).unwrap();
            assert_eq!(
                variable_of(&root, &format!("/{}", variable.replace("__", "/"))).unwrap(),
                format!("{PREFIX}{variable}")
            );
        }
    }
}
