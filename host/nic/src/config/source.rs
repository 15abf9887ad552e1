//! The text of a config, and the places in it that diagnostics are about.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nic_core::diagnostic::Diagnostic;
use nic_system::input;
use serde_json::Value;

use super::encoding;
use super::overrides::variable_of;
use super::yaml::Node;
use crate::error::CommandError;

/// Largest config that is read.
const MAX_CONFIG_BYTES: usize = 4 << 20;

/// Problems of a config, and its text to show them in.
#[derive(Debug, Clone)]
pub struct ConfigError {
    /// What is wrong.
    pub error: CommandError,
    /// Where the pointers and spans lead.
    pub source: Option<ConfigSource>,
}

/// The text of a config, for excerpts.
#[derive(Debug, Clone)]
pub struct ConfigSource {
    /// Its path, as the user gave it.
    pub path: PathBuf,
    pub text: Arc<str>,
    /// For each diagnostic, in order, the bytes it is about.
    pub spans: Vec<Option<Range<usize>>>,
}

impl From<CommandError> for ConfigError {
    fn from(error: CommandError) -> Self {
        Self { error, source: None }
    }
}

/// What a diagnostic is about, if that is in the config: where there is an address, its pointer leads into that resource's document.
pub(super) fn span_of(root: &Node, diagnostic: &Diagnostic) -> Option<Range<usize>> {
    // These are about the key, whatever its value is.
    const OF_KEYS: [&str; 5] =
        ["UNKNOWN_KEY", "CONFIG_UNKNOWN_KEY", "CONFIG_MISLEADING_KEY", "CONFIG_ALIAS_CONFLICT", "KEY_NOT_IN_TOPOLOGY"];
    let pointer = diagnostic.pointer.as_deref().filter(|_| diagnostic.address.is_none())?;
    if variable_of(root, pointer).is_some() {
        return None;
    }
    let key = OF_KEYS.contains(&diagnostic.code.as_str()).then(|| root.key(pointer)).flatten();
    Some(key.unwrap_or_else(|| root.nearest(pointer).0))
}

/// The text of the file.
///
/// # Errors
/// `CONFIG_NOT_FOUND`, `CONFIG_NOT_READABLE`, `CONFIG_NOT_YAML`.
pub(super) fn read(path: &Path) -> Result<String, CommandError> {
    let shown = path.display();
    let unreadable = |detail: String| CommandError::broke("CONFIG_NOT_READABLE", "The config cannot be read", detail);
    let bytes = input::read(path, MAX_CONFIG_BYTES).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let detail = format!("there is no file `{shown}`");
            CommandError::broke("CONFIG_NOT_FOUND", "The config does not exist", detail)
                .hint("give its path with `-f`, or go to the directory where it is")
        }
        ErrorKind::IsADirectory => {
            unreadable(format!("`{shown}` is a directory")).hint("give the path of the file itself with `-f`")
        }
        ErrorKind::TimedOut => unreadable(format!("`{shown}`: {error}"))
            .hint("start what writes the config into it, or give the path of a file with `-f`"),
        _ => unreadable(format!("`{shown}`: {error}")),
    })?;
    if bytes.len() > MAX_CONFIG_BYTES {
        let error = unreadable(format!("`{shown}` is larger than {} MiB", MAX_CONFIG_BYTES >> 20));
        return Err(error.hint("give the path of the config itself with `-f`"));
    }
    encoding::text(bytes).map_err(|error| {
        let end = error.before.len();
        let place = place(path, &error.before, &(end..end));
        let diagnostic = Diagnostic::error("CONFIG_NOT_YAML", "The config is not valid YAML", error.why);
        CommandError::refused(vec![diagnostic.details(place).hint(error.hint)])
    })
}

/// File, line and column for programs; both counted from 1, columns in characters.
pub(super) fn place(path: &Path, source: &str, span: &Range<usize>) -> Value {
    let before = &source[..span.start.min(source.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    serde_json::json!({ "file": path.display().to_string(), "line": line, "column": column })
}
