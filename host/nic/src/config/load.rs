//! A config is read, parsed and checked as far as the host owns it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use nic_core::diagnostic::Diagnostic;

use super::overrides::{Override, name_variable};
use super::problems::Problems;
use super::source::{ConfigError, ConfigSource, place, read, span_of};
use super::yaml::{self, Node, NodeValue};
use super::{Config, characters, dialect, guards, known_keys, layout, names, provider, storage};
use crate::error::CommandError;

/// What the file says, with what variables set.
pub(super) fn load(path: &Path, overrides: &[Override]) -> Result<Config, ConfigError> {
    let source: Arc<str> = read(path)?.into();
    let mut root = tree(path, &source, overrides.is_empty())?;
    for one in overrides {
        one.apply(&mut root)?;
    }
    let mut problems = Problems::of(&root);
    layout::check(&mut problems);
    characters::check(&mut problems);
    let project_name = names::project_name(&mut problems);
    let namespace = names::namespace(&mut problems);
    guards::check(&mut problems);
    known_keys::check(&mut problems);
    let provider = provider::provider(&mut problems);
    if let Some(provider) = &provider {
        storage::check(&mut problems, provider);
    }
    let (stop, found) = (problems.stop(), problems.found);
    let (Some(project_name), Some(namespace), Some(provider), false) = (project_name, namespace, provider, stop) else {
        return Err(refused(path, source, &root, found));
    };
    let spelling = dialect::spelling(&root, &provider);
    let path = path.to_owned();
    let mut config = Config { path, source, root, project_name, namespace, provider, spelling, warnings: Vec::new() };
    config.warnings = found.into_iter().map(|problem| config.locate(problem)).collect();
    Ok(config)
}

/// The tree of a text that is a map; an empty one only where variables may fill it.
fn tree(path: &Path, source: &Arc<str>, nothing_set: bool) -> Result<Node, ConfigError> {
    let located = |mut diagnostic: Diagnostic, span: Range<usize>| {
        diagnostic.details = place(path, source, &span);
        let source = ConfigSource { path: path.to_owned(), text: source.clone(), spans: vec![Some(span)] };
        ConfigError { error: CommandError::refused(vec![diagnostic]), source: Some(source) }
    };
    if let Some(error) = characters::forbidden(source) {
        let diagnostic = Diagnostic::error("CONFIG_NOT_YAML", "The config is not valid YAML", error.why);
        return Err(located(diagnostic.hint(error.hint), error.span));
    }
    let root = yaml::parse(source).map_err(|error| {
        let diagnostic = Diagnostic::error("CONFIG_NOT_YAML", "The config is not valid YAML", error.why.clone());
        located(diagnostic.hint(error.hint), error.span)
    })?;
    if !matches!(root.value, NodeValue::Mapping(_)) {
        let detail = "expected `key: value` lines at the top level";
        let diagnostic = Diagnostic::error("CONFIG_NOT_A_MAP", "The config is not a map", detail);
        return Err(located(diagnostic, root.span.clone()));
    }
    if nothing_set && root.entries().next().is_none() {
        let detail = format!("`{}`", path.display());
        let diagnostic = Diagnostic::error("CONFIG_MISSING_KEY", "The config is empty", detail);
        return Err(located(diagnostic.hint("a config needs at least `project_name`, see `nic config schema`"), 0..0));
    }
    Ok(root)
}

fn refused(path: &Path, source: Arc<str>, root: &Node, mut problems: Vec<Diagnostic>) -> ConfigError {
    let spans: Vec<_> = problems.iter().map(|problem| span_of(root, problem)).collect();
    for (problem, span) in problems.iter_mut().zip(&spans) {
        if let Some(span) = span {
            problem.details = place(path, &source, span);
        }
        name_variable(root, problem);
    }
    let source = Some(ConfigSource { path: path.to_owned(), text: source, spans });
    ConfigError { error: CommandError::refused(problems), source }
}
