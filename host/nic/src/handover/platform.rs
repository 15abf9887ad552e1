//! Whose platform a file tells of, as it stands in the file: two states in one directory hand over by the same names.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use nic_core::state::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The first line of a kubeconfig, by which it is known again.
const HEAD: &str = "# Made by nic; it holds no login.\n";

/// How its second line begins, which tells whose it is: `# Made for my-nebari/dev, lineage 5f0c`.
const FOR: &str = "# Made for ";

/// The platform of a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformRef {
    pub project_name: String,
    /// Its Nebari environment.
    pub namespace: String,
    /// The lineage of its state: the names alone may be given twice.
    pub lineage: String,
}

impl fmt::Display for PlatformRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}/{}` of lineage {}", self.project_name, self.namespace, self.lineage)
    }
}

impl PlatformRef {
    /// Of what this state records.
    pub fn of(state: &State) -> Self {
        let State { project_name, namespace, lineage, .. } = state;
        Self { project_name: project_name.clone(), namespace: namespace.clone(), lineage: lineage.clone() }
    }

    /// A kubeconfig that says that it is theirs.
    pub fn signed(&self, kubeconfig: &str) -> String {
        let Self { project_name, namespace, lineage } = self;
        format!("{HEAD}{FOR}{project_name}/{namespace}, lineage {lineage}\n{kubeconfig}")
    }

    /// As the second line says it. None of the names can hold what stands between them.
    fn of_line(line: &str) -> Option<Self> {
        let (platform, lineage) = line.strip_prefix(FOR)?.split_once(", lineage ")?;
        let (project_name, namespace) = platform.split_once('/')?;
        let owned = |text: &str| text.trim_end().to_owned();
        Some(Self { project_name: owned(project_name), namespace: owned(namespace), lineage: owned(lineage) })
    }
}

/// Who would miss a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// It is not there, or there is nothing in it.
    Nobodys,
    /// This program made it, before it said for whom or for that platform.
    Made(Option<PlatformRef>),
    /// Somebody else made it.
    Others,
}

pub(super) fn of_outputs(path: &Path) -> Whose {
    let made = |bytes: &[u8]| {
        let document: Value = serde_json::from_slice(bytes).ok()?;
        let is_ours = document["format_version"].is_string() && document["provider"].is_string();
        is_ours.then(|| PlatformRef::deserialize(&document["platform"]).ok())
    };
    of(path, made)
}

pub(super) fn of_kubeconfig(path: &Path) -> Whose {
    let made = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes.strip_prefix(HEAD.as_bytes())?);
        Some(text.lines().next().and_then(PlatformRef::of_line))
    };
    of(path, made)
}

fn of(path: &Path, made: impl Fn(&[u8]) -> Option<Option<PlatformRef>>) -> Whose {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => return Whose::Others,
        // What is in the way of the path is told when the file is written.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Whose::Nobodys,
        _ => {}
    }
    match fs::read(path) {
        Ok(bytes) if bytes.is_empty() => Whose::Nobodys,
        Ok(bytes) => made(&bytes).map_or(Whose::Others, Whose::Made),
        Err(_) => Whose::Others,
    }
}
