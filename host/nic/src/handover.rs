//! What later stages are handed: outputs.json and the kubeconfig beside the state. They tell of a cluster, and go when it does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::engine::Run;
use nic_core::kind::Kind;
use nic_core::plan::Action;
use nic_core::ports::{Event, Reporter};
use serde_json::Value;

use crate::cluster;
use crate::files;
use crate::output::Printer;

/// The two files, where they stand unless deploy was told otherwise.
#[derive(Debug, Clone)]
pub struct Handover {
    /// outputs.json.
    pub outputs: PathBuf,
    /// The kubeconfig.
    pub kubeconfig: PathBuf,
}

impl Handover {
    /// Beside this state.
    pub fn beside(state: &Path) -> Self {
        let directory = state.parent().unwrap_or(Path::new(""));
        Self { outputs: directory.join("outputs.json"), kubeconfig: directory.join("kubeconfig") }
    }

    /// Takes them away, as far as this program made them. Tells of those that it could not take away.
    pub fn withdraw(&self) -> Vec<Diagnostic> {
        let ours = [(&self.outputs, is_outputs as fn(&Path) -> bool), (&self.kubeconfig, cluster::is_ours)];
        let there = ours.into_iter().filter(|(path, is_ours)| is_ours(path));
        let left = there.filter_map(|(path, _)| files::remove(path).err()).flat_map(|error| error.diagnostics);
        left.map(|diagnostic| Diagnostic { severity: Severity::Warning, ..diagnostic }).collect()
    }
}

fn is_outputs(path: &Path) -> bool {
    let document: Option<Value> = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    document.is_some_and(|document| document["format_version"].is_string() && document["provider"].is_string())
}

/// Whether nothing is recorded any more of what the files tell of: the cluster, where the provider makes it; else everything.
pub async fn is_over(run: &Run) -> bool {
    let (records, kinds) = (run.journal.records().await, run.kinds());
    let makes_clusters = |kind: &Kind| kind.hosts().is_some();
    if kinds.values().any(makes_clusters) {
        !records.iter().any(|record| kinds.get(&record.kind).is_some_and(makes_clusters))
    } else {
        records.is_empty()
    }
}

/// Tells of a destroy what the reporter within tells, and takes the files away before a cluster's deletion is begun: a run that
/// is killed later leaves none that tell of it.
pub struct Withdrawing {
    /// Who is told.
    pub within: Arc<dyn Reporter>,
    /// What goes.
    pub handover: Handover,
    /// The addresses of clusters.
    pub clusters: Vec<nic_core::address::Address>,
    /// Where it is told that a file stays.
    pub printer: Printer,
}

impl Reporter for Withdrawing {
    fn report(&self, event: Event) {
        if let Event::Started { address, action: Action::Delete } = &event
            && self.clusters.contains(address)
        {
            self.printer.diagnostics(&self.handover.withdraw(), None);
        }
        self.within.report(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_program_made_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let handover = Handover::beside(&directory.path().join("nic-state.json"));
        let theirs =
            [(&handover.outputs, "{\"outputs\": {}}"), (&handover.kubeconfig, "apiVersion: v1\nkind: Config\n")];
        for (path, text) in theirs {
            fs::write(path, text).unwrap();
        }
        assert_eq!(handover.withdraw(), []);
        assert!(handover.outputs.exists() && handover.kubeconfig.exists());
        fs::write(&handover.outputs, "{\"format_version\": \"1.0\", \"provider\": \"aws\"}").unwrap();
        fs::write(&handover.kubeconfig, "# Made by nic; it holds no login.\nkind: \"Config\"\n").unwrap();
        assert_eq!(handover.withdraw(), []);
        assert!(!handover.outputs.exists() && !handover.kubeconfig.exists());
        // There is nothing left to take away.
        assert_eq!(handover.withdraw(), []);
    }
}
