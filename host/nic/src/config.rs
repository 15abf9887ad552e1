//! nebari-config.yaml: read, checked as far as the host owns it, and handed on by sections.

mod floor;
mod immutable;
mod overrides;
mod schema;
pub mod typed;
pub mod yaml;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nic_core::diagnostic::{Diagnostic, Severity};
use serde_json::{Map, Value};

pub use self::immutable::immutable;
use self::overrides::{Override, name_variable, variable_of};
pub use self::schema::host_schema;
use self::yaml::{Node, NodeValue};
use crate::error::CommandError;

/// Largest config that is read.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// Provider sections and the `provider` that each belongs to.
const PROVIDER_SECTIONS: [(&str, &str); 6] = [
    ("aws", "amazon_web_services"),
    ("gcp", "google_cloud_platform"),
    ("azure", "azure"),
    ("existing", "existing"),
    ("local", "local"),
    ("do", "digital_ocean"),
];

/// The names of `provider` that Nebari knows today.
const PROVIDERS: [&str; 5] = ["aws", "gcp", "azure", "existing", "local"];

/// Top-level keys of later stages and of stage 01: known, and left alone.
const KNOWN_KEYS: [&str; 34] = [
    "project_name",
    "namespace",
    "provider",
    "nebari_version",
    "prevent_deploy",
    "terraform_state",
    "external_container_reg",
    "storage",
    "domain",
    "certificate",
    "ingress",
    "dns",
    "ci_cd",
    "security",
    "theme",
    "profiles",
    "environments",
    "default_images",
    "conda_store",
    "argo_workflows",
    "monitoring",
    "telemetry",
    "jupyterhub",
    "jupyterlab",
    "jhub_apps",
    "ceph",
    "tf_extensions",
    "helm_extensions",
    "infrastructure",
    "qhub_version",
    "extensions",
    "keycloak",
    "kubernetes",
    "retain",
];

/// Spellings of a provider's section that only the design document's dialect has, and those of a node group.
const DESIGN_SPELLINGS: (&[&str], &[&str]) = (
    &["vpc_cidr", "node_pools", "storage", "project_id", "resource_group"],
    &[
        "instance_type",
        "machine_type",
        "vm_size",
        "min_size",
        "max_size",
        "min",
        "max",
        "min_count",
        "max_count",
        "desired_size",
        "disk_size",
    ],
);
/// The same of Classic.
const CLASSIC_SPELLINGS: (&[&str], &[&str]) =
    (&["vpc_cidr_block", "project", "resource_group_name"], &["instance", "min_nodes", "max_nodes"]);
/// The top-level section that only the design document's topology has.
const DESIGN_SECTION: &str = "kubernetes";
/// Where node groups stand in a provider's section.
const NODE_GROUPS: [&str; 2] = ["node_groups", "node_pools"];

/// A config that holds together as far as the host can tell.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its text, for excerpts.
    pub source: Arc<str>,
    /// The tree, overrides applied.
    root: Node,
    /// `project_name`.
    pub project_name: String,
    /// `namespace`, `dev` when absent.
    pub namespace: String,
    /// `provider`, inferred from the one section present when absent.
    pub provider: String,
    /// The topology that the spelling of keys says; used only while the state is empty.
    pub spelling: &'static str,
    /// What should be told although it stops nothing.
    pub warnings: Vec<Diagnostic>,
}

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
    /// Its text.
    pub text: Arc<str>,
    /// For each diagnostic, in order, the bytes it is about.
    pub spans: Vec<Option<Range<usize>>>,
}

impl Config {
    /// Reads, parses and checks a config.
    ///
    /// # Errors
    /// `CONFIG_NOT_FOUND`, `CONFIG_NOT_READABLE`, `CONFIG_NOT_YAML`, `CONFIG_NOT_A_MAP`, `CONFIG_MISSING_KEY`,
    /// `CONFIG_INVALID_VALUE`, `CONFIG_PROVIDER_*`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let overrides = Override::all(std::env::vars_os()).map_err(|error| ConfigError { error, source: None })?;
        Self::load_with(path, &overrides)
    }

    fn load_with(path: &Path, overrides: &[Override]) -> Result<Self, ConfigError> {
        let text = read(path).map_err(|error| ConfigError { error, source: None })?;
        let source: Arc<str> = text.into();
        let located = |mut diagnostic: Diagnostic, span: Range<usize>| {
            diagnostic.details = place(path, &source, &span);
            let spans = vec![Some(span)];
            ConfigError {
                error: CommandError::refused(vec![diagnostic]),
                source: Some(ConfigSource { path: path.to_owned(), text: source.clone(), spans }),
            }
        };
        let mut root = yaml::parse(&source).map_err(|error| {
            let diagnostic = Diagnostic::error("CONFIG_NOT_YAML", "The config is not valid YAML", error.why.clone());
            located(diagnostic.hint("check indentation, quotes and brackets around this place"), error.span)
        })?;
        if overrides.is_empty() && root.entries().next().is_none() && matches!(root.value, NodeValue::Mapping(_)) {
            let diagnostic =
                Diagnostic::error("CONFIG_MISSING_KEY", "The config is empty", format!("`{}`", path.display()));
            return Err(located(
                diagnostic.hint("a config needs at least `project_name`, see `nic config schema`"),
                0..0,
            ));
        }
        if !matches!(root.value, NodeValue::Mapping(_)) {
            let diagnostic = Diagnostic::error(
                "CONFIG_NOT_A_MAP",
                "The config is not a map",
                "expected `key: value` lines at the top level",
            );
            return Err(located(diagnostic, root.span.clone()));
        }
        for one in overrides {
            one.apply(&mut root).map_err(|error| ConfigError { error, source: None })?;
        }
        let mut checker = Checker { root: &root, problems: Vec::new() };
        let identity = checker.identity();
        let problems = checker.problems;
        let errors = problems.iter().any(|p| p.severity == Severity::Error);
        match identity {
            Some((project_name, namespace, provider)) if !errors => {
                let spelling = spelling(&root, &provider);
                let mut config = Self {
                    path: path.to_owned(),
                    source,
                    root,
                    project_name,
                    namespace,
                    provider,
                    spelling,
                    warnings: Vec::new(),
                };
                config.warnings = problems.into_iter().map(|p| config.locate(p)).collect();
                Ok(config)
            }
            _ => {
                let spans: Vec<_> = problems.iter().map(|problem| span_of(&root, problem)).collect();
                let mut problems = problems;
                for (problem, span) in problems.iter_mut().zip(&spans) {
                    if let Some(span) = span {
                        problem.details = place(path, &source, span);
                    }
                    name_variable(&root, problem);
                }
                let source = Some(ConfigSource { path: path.to_owned(), text: source, spans });
                Err(ConfigError { error: CommandError::refused(problems), source })
            }
        }
    }

    /// The sections a provider owns, typed by their schemas, with secret leaves taken out. Absent sections are absent. What a variable sets is
    /// shown where a trusted schema says that it is no secret.
    pub fn sections(
        &self,
        schemas: &std::collections::BTreeMap<String, Value>,
        trusted: bool,
    ) -> (Value, Vec<typed::Secret>) {
        let mut secrets = Vec::new();
        let mut sections = Map::new();
        for (key, schema) in schemas {
            if let Some(node) = self.root.get(key) {
                sections.insert(key.clone(), typed::typed(node, schema, &format!("/{key}"), trusted, &mut secrets));
            }
        }
        (Value::Object(sections), secrets)
    }

    /// Keys at the top level that nobody is known to read: neither NIC, nor a stage of Nebari, nor the provider whose sections these are.
    /// Near misses of known keys are among [`Self::warnings`].
    pub fn unclaimed(&self, sections: &std::collections::BTreeMap<String, Value>) -> Vec<Diagnostic> {
        let unclaimed = self.root.entries().map(|(key, _)| &key.text).filter(|key| {
            !known_keys().any(|known| known == *key) && !sections.contains_key(*key) && meant(key).is_none()
        });
        let tell = |key: &String| {
            let detail = format!("`{key}` is not a key of nebari-config.yaml, and is left alone");
            let hint = "that is as it should be if a plugin of Nebari reads it; else take it out";
            let told = Diagnostic::warning("CONFIG_UNKNOWN_KEY", "A key is unknown", detail).hint(hint);
            Diagnostic { pointer: Some(format!("/{key}")), ..told }
        };
        unclaimed.map(tell).collect()
    }

    /// The region the provider's section names, for clouds that have one. The section of a provider of somebody else's is called as it is.
    pub fn region(&self) -> Option<String> {
        let known = PROVIDER_SECTIONS.iter().find(|(provider, _)| *provider == self.provider);
        let section = known.map_or(self.provider.as_str(), |(_, section)| section);
        self.root.get(section)?.get("region")?.text().map(str::to_owned)
    }

    /// Where the region of the provider's section stands.
    pub fn region_pointer(&self) -> String {
        let section =
            PROVIDER_SECTIONS.iter().find(|(name, _)| *name == self.provider).map_or("", |(_, section)| section);
        format!("/{section}/region")
    }

    /// Where the config says which provider is meant: by its name, or by the one section that is there.
    pub fn provider_pointer(&self) -> String {
        let named = self.root.get("provider").is_some_and(|node| !node.is_null());
        let section = PROVIDER_SECTIONS.iter().find(|(name, _)| *name == self.provider).map(|(_, section)| *section);
        match section.filter(|section| !named && self.root.get(section).is_some()) {
            Some(section) => format!("/{section}"),
            None => "/provider".to_owned(),
        }
    }

    /// What stays when everything else is destroyed: addresses and kinds.
    pub fn retain(&self) -> Vec<String> {
        let elements = self.root.get("retain").into_iter().flat_map(Node::elements);
        elements.filter_map(Node::text).map(str::to_owned).collect()
    }

    /// Whether the config says something at this RFC 6901 pointer.
    pub fn says(&self, pointer: &str) -> bool {
        self.root.key(pointer).is_some()
    }

    /// Whether the config forbids deploying.
    pub fn prevents_deploy(&self) -> bool {
        self.root.get("prevent_deploy").and_then(Node::text).is_some_and(|text| truth(text) == Some(true))
    }

    /// The diagnostic with file, line and column of what its pointer leads to.
    pub fn locate(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        name_variable(&self.root, &mut diagnostic);
        if let Some(span) = span_of(&self.root, &diagnostic) {
            let place = place(&self.path, &self.source, &span);
            match (&mut diagnostic.details, place) {
                (Value::Object(details), Value::Object(place)) => details.extend(place),
                (details, place) => *details = place,
            }
        }
        diagnostic
    }

    /// The text and places to show diagnostics in.
    pub fn excerpts(&self, diagnostics: &[Diagnostic]) -> ConfigSource {
        let spans = diagnostics.iter().map(|diagnostic| span_of(&self.root, diagnostic)).collect();
        ConfigSource { path: self.path.clone(), text: self.source.clone(), spans }
    }
}

/// What a diagnostic is about, if that is in the config: where there is an address, its pointer leads into that resource's document.
fn span_of(root: &Node, diagnostic: &Diagnostic) -> Option<Range<usize>> {
    // These are about the key, whatever its value is.
    const OF_KEYS: [&str; 4] = ["UNKNOWN_KEY", "CONFIG_UNKNOWN_KEY", "CONFIG_ALIAS_CONFLICT", "KEY_NOT_IN_TOPOLOGY"];
    let pointer = diagnostic.pointer.as_deref().filter(|_| diagnostic.address.is_none())?;
    if variable_of(root, pointer).is_some() {
        return None;
    }
    let key = OF_KEYS.contains(&diagnostic.code.as_str()).then(|| root.key(pointer)).flatten();
    Some(key.unwrap_or_else(|| root.nearest(pointer).0))
}

fn read(path: &Path) -> Result<String, CommandError> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let detail = format!("there is no file `{shown}`");
            CommandError::broke("CONFIG_NOT_FOUND", "The config does not exist", detail)
                .hint("give its path with `-f`, or go to the directory where it is")
        }
        _ => CommandError::broke("CONFIG_NOT_READABLE", "The config cannot be read", format!("`{shown}`: {error}")),
    })?;
    if size.len() > MAX_CONFIG_BYTES {
        let detail = format!("`{shown}` is larger than {} MiB", MAX_CONFIG_BYTES >> 20);
        return Err(CommandError::broke("CONFIG_NOT_READABLE", "The config cannot be read", detail));
    }
    if size.is_dir() {
        let detail = format!("`{shown}` is a directory");
        let error = CommandError::broke("CONFIG_NOT_READABLE", "The config cannot be read", detail);
        return Err(error.hint("give the path of the file itself with `-f`"));
    }
    let bytes = std::fs::read(path).map_err(|error| {
        CommandError::broke("CONFIG_NOT_READABLE", "The config cannot be read", format!("`{shown}`: {error}"))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let (before, byte) = (String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned(), error.as_bytes()[good]);
        let place = place(path, &before, &(before.len()..before.len()));
        let detail = format!("the byte 0x{byte:02x} is not UTF-8");
        let diagnostic = Diagnostic::error("CONFIG_NOT_YAML", "The config is not valid YAML", detail);
        CommandError::refused(vec![diagnostic.details(place).hint("save the file as UTF-8")])
    })
}

/// File, line and column for programs; both counted from 1, columns in characters.
fn place(path: &Path, source: &str, span: &Range<usize>) -> Value {
    let before = &source[..span.start.min(source.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    serde_json::json!({ "file": path.display().to_string(), "line": line, "column": column })
}

/// YAML's truth values.
fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// `design` when only that dialect's spellings occur, in the provider's section or as a section of its own; `classic` otherwise.
fn spelling(root: &Node, provider: &str) -> &'static str {
    // Names of groups, labels and tags are the user's and say nothing.
    fn occurs(section: &Node, (of_section, of_group): (&[&str], &[&str])) -> bool {
        let has = |node: &Node, keys: &[&str]| node.entries().any(|(key, _)| keys.contains(&key.text.as_str()));
        let mut groups = NODE_GROUPS.iter().filter_map(|key| section.get(key)).flat_map(Node::entries);
        has(section, of_section) || groups.any(|(_, group)| has(group, of_group))
    }
    let section =
        PROVIDER_SECTIONS.iter().find(|(name, _)| *name == provider).and_then(|(_, section)| root.get(section));
    let spelled = |keys| section.is_some_and(|section| occurs(section, keys));
    let design = root.get(DESIGN_SECTION).is_some_and(|node| !node.is_null()) || spelled(DESIGN_SPELLINGS);
    if design && !spelled(CLASSIC_SPELLINGS) { "design" } else { "classic" }
}

struct Checker<'a> {
    root: &'a Node,
    problems: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn problem(&mut self, mut diagnostic: Diagnostic, pointer: &str) {
        diagnostic.pointer = Some(pointer.to_owned());
        self.problems.push(diagnostic);
    }

    fn identity(&mut self) -> Option<(String, String, String)> {
        if self.root.get("qhub_version").is_some() {
            let diagnostic = Diagnostic::error(
                "CONFIG_QHUB",
                "This is a QHub config",
                "QHub became Nebari in 2022.10.1, and the file's layout changed with it",
            );
            self.problem(diagnostic.hint("run `nebari upgrade` on it first"), "/qhub_version");
        }
        if self.root.get("cluster").is_some_and(|cluster| !cluster.entries().all(|(_, v)| v.text().is_some())) {
            let diagnostic = Diagnostic::error(
                "CONFIG_OTHER_LAYOUT",
                "This layout is another tool's",
                "a top-level `cluster` map is not part of nebari-config.yaml",
            );
            self.problem(
                diagnostic.hint("NIC reads `provider: aws` with an `amazon_web_services` section, and the like"),
                "/cluster",
            );
        }
        let project_name = self.name("project_name", None, |c, first| {
            c.is_ascii_alphanumeric() && !(first && c.is_ascii_digit()) || !first && matches!(c, '-' | '_')
        });
        let namespace =
            self.name("namespace", Some("dev"), |c, first| c.is_ascii_alphabetic() || !first && matches!(c, '-' | '_'));
        self.prevent_deploy();
        self.near_misses();
        self.retain();
        let provider = self.provider();
        Some((project_name?, namespace?, provider?))
    }

    fn name(&mut self, key: &str, default: Option<&str>, legal: fn(char, bool) -> bool) -> Option<String> {
        let pointer = format!("/{key}");
        let Some(text) = self.root.get(key).filter(|node| !node.is_null()).map(|node| node.text().map(str::to_owned))
        else {
            if default.is_none() {
                let diagnostic = Diagnostic::error(
                    "CONFIG_MISSING_KEY",
                    "A required key is missing",
                    format!("`{key}` is not there"),
                );
                self.problem(diagnostic.hint(format!("add `{key}: my-nebari` at the top level")), "");
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
            let diagnostic = Diagnostic::error(
                "CONFIG_INVALID_VALUE",
                "A value is not allowed",
                format!("`{key}` must be {expected}"),
            );
            self.problem(diagnostic, &pointer);
            return None;
        };
        if key == "project_name" && text.len() > 16 {
            // Older Nebari accepted longer names and deployed them: they must stay deployable.
            let detail = format!("`{text}` has {} characters; today's Nebari allows 16", text.len());
            self.problem(Diagnostic::warning("CONFIG_LONG_NAME", "The project name is long", detail), &pointer);
        }
        Some(text)
    }

    /// A lock that is spelled wrongly must not stand open.
    fn prevent_deploy(&mut self) {
        let Some(node) = self.root.get("prevent_deploy").filter(|node| !node.is_null()) else { return };
        if node.text().and_then(truth).is_none() {
            let diagnostic = Diagnostic::error(
                "CONFIG_INVALID_VALUE",
                "A value is not allowed",
                "`prevent_deploy` must be `true` or `false`",
            );
            self.problem(diagnostic, "/prevent_deploy");
        }
    }

    fn retain(&mut self) {
        let Some(retain) = self.root.get("retain").filter(|node| !node.is_null()) else { return };
        let texts = matches!(retain.value, NodeValue::Sequence(_)) && retain.elements().all(|e| e.text().is_some());
        if !texts {
            let detail = "`retain` must be a list of kinds and addresses, such as `[efs, ecr]`";
            self.problem(Diagnostic::error("CONFIG_INVALID_VALUE", "A value is not allowed", detail), "/retain");
        }
    }

    fn provider(&mut self) -> Option<String> {
        let present: Vec<(&str, &str)> =
            PROVIDER_SECTIONS.iter().copied().filter(|(_, section)| self.root.get(section).is_some()).collect();
        let given = self.root.get("provider").filter(|node| !node.is_null());
        let named = given.and_then(Node::text).map(str::to_owned);
        if given.is_some() && named.is_none() {
            let detail = format!("`provider` must be one name: {}", PROVIDERS.join(", "));
            let diagnostic = Diagnostic::error("CONFIG_INVALID_VALUE", "A value is not allowed", detail);
            self.problem(diagnostic, "/provider");
            return None;
        }
        let inferred = named.is_none();
        let provider = match (named, present.as_slice()) {
            (Some(named), _) => named,
            (None, []) => "local".to_owned(),
            (None, [(only, _)]) => (*only).to_owned(),
            (None, several) => {
                let sections: Vec<&str> = several.iter().map(|(_, section)| *section).collect();
                let detail =
                    format!("`provider` is not there, and there is more than one section: {}", sections.join(", "));
                let diagnostic =
                    Diagnostic::error("CONFIG_PROVIDER_UNCLEAR", "Which provider is meant is unclear", detail);
                let diagnostic = diagnostic.hint("add `provider: aws`, or the one that is meant");
                self.problem(diagnostic, &format!("/{}", several[1].1));
                return None;
            }
        };
        if let Some((meant, section)) =
            PROVIDER_SECTIONS.iter().find(|(name, section)| *section == provider && *name != provider)
            && provider != "digital_ocean"
        {
            let detail = format!("`{section}` is the section; the provider is called `{meant}`");
            let diagnostic = Diagnostic::error("CONFIG_INVALID_VALUE", "A value is not allowed", detail);
            self.problem(diagnostic.hint(format!("write `provider: {meant}`")), "/provider");
            return None;
        }
        if matches!(provider.as_str(), "do" | "digital_ocean") {
            let diagnostic = Diagnostic::error(
                "CONFIG_PROVIDER_REMOVED",
                "This provider was removed",
                "Digital Ocean was deprecated in Nebari 2024.7.1 and removed in 2024.12.1",
            )
            .hint(format!("choose another: {}", PROVIDERS.join(", ")))
            .hint("what runs on Digital Ocean is managed, and destroyed, by Nebari 2024.11.1 or older");
            self.problem(diagnostic, if inferred { "/digital_ocean" } else { "/provider" });
            return None;
        }
        for (other, section) in present {
            let sibling = matches!((provider.as_str(), other), ("local", "existing") | ("existing", "local"));
            if other != provider && !sibling {
                let detail = format!("`provider` is `{provider}`, so `{section}` is not used");
                let diagnostic = Diagnostic::warning("CONFIG_SECTION_UNUSED", "A provider section is not used", detail)
                    .hint(format!("remove it, or write `provider: {other}` if that is meant"));
                self.problem(diagnostic, &format!("/{section}"));
            }
        }
        self.has_section(&provider).then_some(provider)
    }

    /// What a cloud is to make stands in its section. Without one nothing can be made, and the place to say so is where it is named.
    fn has_section(&mut self, provider: &str) -> bool {
        // A cluster that exists needs no words: the current context is meant.
        let mut clouds = PROVIDER_SECTIONS.iter().filter(|(name, _)| !matches!(*name, "local" | "existing"));
        let Some((_, section)) = clouds.find(|(name, _)| *name == provider) else { return true };
        if self.root.get(section).is_some_and(|node| !node.is_null()) {
            return true;
        }
        let there = self.root.get(section).is_some();
        let (detail, pointer) = if there {
            (format!("`{section}` is there and empty"), format!("/{section}"))
        } else {
            (format!("the provider is `{provider}`, and there is no section `{section}`"), "/provider".to_owned())
        };
        let diagnostic = Diagnostic::error("SECTION_MISSING", "A config section is missing", detail)
            .hint(format!("add `{section}:` at the top level, with at least `region` below it"));
        self.problem(diagnostic, &pointer);
        false
    }

    /// Plugins add top-level keys, so unknown ones are left alone; one letter off a known key is worth a word.
    fn near_misses(&mut self) {
        let keys: Vec<String> = self.root.entries().map(|(key, _)| key.text.clone()).collect();
        for key in keys.iter().filter(|key| !known_keys().any(|known| known == *key)) {
            if let Some(meant) = meant(key) {
                let detail = format!("`{key}` is not a key of nebari-config.yaml");
                let diagnostic = Diagnostic::warning("CONFIG_UNKNOWN_KEY", "A key is unknown", detail);
                self.problem(diagnostic.hint(format!("did you mean `{meant}`?")), &format!("/{key}"));
            }
        }
    }
}

fn known_keys() -> impl Iterator<Item = &'static str> {
    KNOWN_KEYS.iter().copied().chain(PROVIDER_SECTIONS.iter().map(|(_, section)| *section))
}

/// The known key that an unknown one may stand for.
fn meant(key: &str) -> Option<&'static str> {
    // Nebari calls the provider `aws` and its section otherwise.
    let section = PROVIDER_SECTIONS.iter().find(|(provider, _)| *provider == key).map(|(_, section)| *section);
    section.or_else(|| nearest(key, &known_keys().collect::<Vec<_>>()))
}

/// The known key that is nearest, if any is so near that it may be meant.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let best = known.iter().copied().min_by_key(|candidate| distance(key, candidate))?;
    let most = (best.len().max(key.len()) / 3).clamp(1, 3);
    (distance(key, best) <= most && key.len() > 2).then_some(best)
}

/// Edit distance, for near misses.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn load(text: &str, overrides: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nebari-config.yaml");
        std::fs::write(&path, text).unwrap();
        let variables = overrides.iter().map(|(name, value)| (name.into(), value.into()));
        Config::load_with(&path, &Override::all(variables).unwrap())
    }

    fn code(text: &str) -> String {
        load(text, &[]).unwrap_err().error.diagnostics[0].code.clone()
    }

    #[test]
    fn what_is_wrong_is_told_by_code() {
        assert_eq!(code("a: [1"), "CONFIG_NOT_YAML");
        assert_eq!(code("- 1"), "CONFIG_NOT_A_MAP");
        assert_eq!(code("provider: aws"), "CONFIG_MISSING_KEY");
        assert_eq!(code(""), "CONFIG_MISSING_KEY");
        assert_eq!(code("project_name: abc\nprovider: aws"), "SECTION_MISSING");
        assert_eq!(code("project_name: abc\namazon_web_services:"), "SECTION_MISSING");
        assert_eq!(code("project_name: abc\nprovider: [aws]"), "CONFIG_INVALID_VALUE");
        assert_eq!(code("project_name: abc\nprovider: amazon_web_services"), "CONFIG_INVALID_VALUE");
        assert_eq!(code("project_name: abc\nprevent_deploy: yes"), "CONFIG_INVALID_VALUE");
        assert_eq!(code("project_name: abc\ndigital_ocean: {}"), "CONFIG_PROVIDER_REMOVED");
        assert_eq!(code("project_name: 1abc\nprovider: aws"), "CONFIG_INVALID_VALUE");
        assert_eq!(code("project_name: abc\nnamespace: dev1"), "CONFIG_INVALID_VALUE");
        assert_eq!(code("project_name: abc\nprovider: do"), "CONFIG_PROVIDER_REMOVED");
        assert_eq!(code("project_name: abc\namazon_web_services: {}\nazure: {}"), "CONFIG_PROVIDER_UNCLEAR");
    }

    #[test]
    fn a_problem_has_its_place() {
        let error = load("provider: aws\nproject_name: 1abc\n", &[]).unwrap_err().error;
        assert_eq!(error.diagnostics[0].details["line"], 2);
        assert_eq!(error.diagnostics[0].details["column"], 15);
    }

    #[test]
    fn provider_is_inferred_and_the_dialect_is_seen() {
        let config = load("project_name: abc\namazon_web_services:\n  region: us-west-2\n  node_groups: {general: {instance_type: m5.xlarge}}\n", &[]).unwrap();
        assert_eq!((config.provider.as_str(), config.namespace.as_str(), config.spelling), ("aws", "dev", "design"));
        assert_eq!(config.region().as_deref(), Some("us-west-2"));
        let config = load("project_name: abc\n", &[]).unwrap();
        assert_eq!((config.provider.as_str(), config.spelling), ("local", "classic"));
    }

    #[test]
    fn the_dialect_is_that_of_the_keys_and_classic_when_they_say_nothing_or_both() {
        let spelling = |section: &str| {
            load(&format!("project_name: abc\namazon_web_services: {section}\n"), &[]).unwrap().spelling
        };
        for design in [
            "{vpc_cidr: 10.0.0.0/16}",
            "{storage: {type: ebs}}",
            "{node_pools: {general: {}}}",
            "{node_groups: {general: {min_size: 1}}}",
        ] {
            assert_eq!(spelling(design), "design", "{design}");
        }
        for classic in [
            "{region: us-west-2}",
            "{node_groups: {general: {instance: m5.xlarge, disk_size: 100}}}",
            "{vpc_cidr_block: 10.0.0.0/16, node_groups: {general: {instance_type: m5.xlarge}}}",
            "{node_groups: {disk_size: {labels: {instance_type: x}, taints: []}}, tags: {vpc_cidr: x}}",
        ] {
            assert_eq!(spelling(classic), "classic", "{classic}");
        }
        // A section that only the design's topology has says the same, also where the provider's section has one spelling.
        let with_section = |text: &str| load(&format!("project_name: abc\n{text}"), &[]).unwrap().spelling;
        let section = "kubernetes: {namespaces: {dev: {quota: {pods: 100}}}}\n";
        assert_eq!(with_section(&format!("existing: {{kube_context: a}}\n{section}")), "design");
        assert_eq!(with_section(section), "design");
        assert_eq!(with_section("existing: {kube_context: a}\nkubernetes:\n"), "classic");
        let groups = "amazon_web_services: {region: r, node_groups: {general: {instance: m5.xlarge}}}\n";
        assert_eq!(with_section(&format!("{groups}{section}")), "classic");
    }

    #[test]
    fn a_variable_is_named_where_its_value_is_wrong_and_others_are_left_alone() {
        let schema = json!({"properties": {"region": {"type": "string"}, "nodes": {"type": "integer"}, "password": {
            "type": "string", "x-nic": {"sensitive": true},
        }}});
        let text = "project_name: abc\nexisting: {region: r}\n";
        let variables = [
            ("NEBARI_SECRET__existing__region", "elsewhere"),
            ("NEBARI_SECRET__existing__nodes", "3"),
            ("NEBARI_SECRET__existing__password", "hunter2"),
        ];
        let config = load(text, &variables).unwrap();
        let (sections, secrets) = config.sections(&BTreeMap::from([("existing".to_owned(), schema)]), true);
        // As if it stood in the file; only what is secret there is secret here.
        assert_eq!(sections["existing"]["region"], "elsewhere");
        assert_eq!((&sections["existing"]["nodes"], secrets.len()), (&json!(3), 1));

        let wrong = Diagnostic::error("VALUE_TYPE", "A value has the wrong type", "expected text, found a map");
        let told = config.locate(Diagnostic { pointer: Some("/existing/region".to_owned()), ..wrong });
        assert_eq!(told.details, json!({"variable": "NEBARI_SECRET__existing__region"}));
        assert!(
            told.hints[0].contains("`NEBARI_SECRET__existing__region`") && !told.detail.contains("a map"),
            "{told:?}"
        );

        let error = load("project_name: abc\n", &[("NEBARI_SECRET__project_name", "1x")]).unwrap_err().error;
        assert_eq!(error.diagnostics[0].details, json!({"variable": "NEBARI_SECRET__project_name"}));
    }

    #[test]
    fn overrides_are_secret_and_near_misses_are_told() {
        let text =
            "project_name: abc\nprovider: aws\namazon_web_services: {region: r, tags: [a, b]}\nprevent_deplo: true\n";
        let config = load(text, &[("NEBARI_SECRET__amazon_web_services__tags__1", "s3cret")]).unwrap();
        let schemas = BTreeMap::from([("amazon_web_services".to_owned(), json!({}))]);
        let (sections, secrets) = config.sections(&schemas, true);
        assert_eq!(sections["amazon_web_services"]["tags"], json!(["a", {"$secret": "amazon_web_services/tags/1"}]));
        assert_eq!(secrets[0].1, "s3cret");
        assert_eq!(config.warnings[0].code, "CONFIG_UNKNOWN_KEY");
        assert!(config.warnings[0].hints[0].contains("prevent_deploy"));
        assert_eq!(config.unclaimed(&schemas), []);
        let config = load("project_name: abc\nexisting: {}\nof_a_plugin: 1\nhello: {}\n", &[]).unwrap();
        assert!(config.warnings.is_empty());
        let owned = BTreeMap::from([("hello".to_owned(), json!({}))]);
        let [unknown] = config.unclaimed(&owned).try_into().unwrap();
        assert_eq!((unknown.code.as_str(), unknown.pointer.as_deref()), ("CONFIG_UNKNOWN_KEY", Some("/of_a_plugin")));
    }
}
