//! What later stages are handed: outputs.json and the kubeconfig beside the state. They tell of a cluster, and go when it does.

mod platform;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nic_core::diagnostic::{Diagnostic, Severity};
use nic_core::engine::Run;
use nic_core::kind::Kind;
use nic_core::plan::Action;
use nic_core::ports::{Event, Reporter};

pub use self::platform::PlatformRef;
use self::platform::{Whose, of_kubeconfig, of_outputs};
use crate::backend::Stage;
use crate::error::CommandError;
use crate::files;
use crate::output::Printer;

/// The two files, where they stand unless deploy was told otherwise.
#[derive(Debug, Clone)]
pub struct Handover {
    /// outputs.json.
    pub outputs: PathBuf,
    pub kubeconfig: PathBuf,
}

impl Handover {
    /// Where they stand for a state.
    pub fn at(stage: &Stage) -> Self {
        Self { outputs: stage.outputs(), kubeconfig: stage.kubeconfig() }
    }

    /// Whether nothing of anybody else would be lost if they were written for this platform.
    ///
    /// # Errors
    /// `OUTPUTS_IN_USE`, `KUBECONFIG_IN_USE`.
    pub fn is_free(&self, platform: &PlatformRef) -> Result<(), CommandError> {
        let files = [
            (&self.outputs, of_outputs as fn(&Path) -> Whose, "OUTPUTS_IN_USE", "--outputs"),
            (&self.kubeconfig, of_kubeconfig, "KUBECONFIG_IN_USE", "--kubeconfig"),
        ];
        let lost = |(path, whose, code, option): (&PathBuf, fn(&Path) -> Whose, &str, &str)| {
            let (place, hint) = (path.display(), format!("name another file with `{option}`"));
            let (detail, otherwise) = match whose(path) {
                Whose::Made(Some(other)) if other.lineage != platform.lineage => (
                    format!("`{place}` is of another platform, {other}; this one is {platform}"),
                    "or remove it, if that platform is gone",
                ),
                Whose::Others => (format!("`{place}` is there, and nic did not make it"), "or move it away"),
                Whose::Nobodys | Whose::Made(_) => return None,
            };
            Some(Diagnostic::error(code, "A file would be overwritten", detail).hint(hint).hint(otherwise))
        };
        let lost: Vec<Diagnostic> = files.into_iter().filter_map(lost).collect();
        if lost.is_empty() { Ok(()) } else { Err(CommandError::refused(lost)) }
    }

    /// Takes them away, as far as this program made them for this platform. Tells of those that it could not take away.
    pub fn withdraw(&self, platform: &PlatformRef) -> Vec<Diagnostic> {
        let files = [(&self.outputs, of_outputs(&self.outputs)), (&self.kubeconfig, of_kubeconfig(&self.kubeconfig))];
        let ours = files.into_iter().filter(|(_, whose)| match whose {
            Whose::Made(made_for) => made_for.as_ref().is_none_or(|other| other.lineage == platform.lineage),
            Whose::Nobodys | Whose::Others => false,
        });
        let left = ours.filter_map(|(path, _)| files::remove(path).err()).flat_map(|error| error.diagnostics);
        left.map(|diagnostic| Diagnostic { severity: Severity::Warning, ..diagnostic }).collect()
    }
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
    /// Whose they are.
    pub platform: PlatformRef,
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
            self.printer.diagnostics(&self.handover.withdraw(&self.platform), None);
        }
        self.within.report(event);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::backend::StateLocation;

    const THEIRS: [&str; 2] = ["{\"outputs\": {}}", "apiVersion: v1\nkind: Config\n"];
    /// As they were before it was written into them whose they are.
    const BEFORE: [&str; 2] = [
        "{\"format_version\": \"1.0\", \"provider\": \"aws\"}",
        "# Made by nic; it holds no login.\nkind: \"Config\"\n",
    ];

    fn platform(lineage: &str) -> PlatformRef {
        PlatformRef { project_name: "my-nebari".to_owned(), namespace: "dev".to_owned(), lineage: lineage.to_owned() }
    }

    /// What deploy writes for this platform.
    fn made(lineage: &str) -> [String; 2] {
        let outputs = json!({ "format_version": "1.0", "provider": "aws", "platform": platform(lineage) });
        [outputs.to_string(), platform(lineage).signed("kind: \"Config\"\n")]
    }

    fn beside(texts: &[impl AsRef<str>; 2]) -> (TempDir, Handover) {
        let directory = tempfile::tempdir().unwrap();
        let handover = Handover::at(&StateLocation::from(&directory.path().join("nic-state.json")).stage());
        fs::write(&handover.outputs, texts[0].as_ref()).unwrap();
        fs::write(&handover.kubeconfig, texts[1].as_ref()).unwrap();
        (directory, handover)
    }

    fn there(handover: &Handover) -> (bool, bool) {
        (handover.outputs.exists(), handover.kubeconfig.exists())
    }

    fn refused(handover: &Handover) -> Vec<Diagnostic> {
        handover.is_free(&platform("ours")).map_or_else(|error| error.diagnostics, |()| Vec::new())
    }

    #[test]
    fn only_what_this_program_made_for_this_platform_is_taken_away() {
        for stays in [&THEIRS.map(str::to_owned), &made("another")] {
            let (_directory, handover) = beside(stays);
            assert_eq!(handover.withdraw(&platform("ours")), []);
            assert_eq!(there(&handover), (true, true), "{stays:?}");
        }
        for goes in [&BEFORE.map(str::to_owned), &made("ours")] {
            let (_directory, handover) = beside(goes);
            assert_eq!(handover.withdraw(&platform("ours")), []);
            assert_eq!(there(&handover), (false, false), "{goes:?}");
            // There is nothing left to take away.
            assert_eq!(handover.withdraw(&platform("ours")), []);
        }
    }

    #[test]
    fn nothing_of_others_is_overwritten() {
        for (texts, words) in [
            (THEIRS.map(str::to_owned), "nic did not make it"),
            (
                made("another"),
                "another platform, `my-nebari/dev` of lineage another; this one is `my-nebari/dev` of lineage ours",
            ),
        ] {
            let (_directory, handover) = beside(&texts);
            let [outputs, kubeconfig] = &refused(&handover)[..] else { panic!("{:?}", refused(&handover)) };
            for (told, code, path, option) in [
                (outputs, "OUTPUTS_IN_USE", &handover.outputs, "`--outputs`"),
                (kubeconfig, "KUBECONFIG_IN_USE", &handover.kubeconfig, "`--kubeconfig`"),
            ] {
                assert_eq!(told.code, code);
                assert!(told.detail.contains(path.to_str().unwrap()) && told.detail.contains(words), "{told:?}");
                assert!(told.hints[0].contains(option), "{told:?}");
            }
        }
        // What is ours or was made before, and what there is nothing in, or nothing at all.
        for texts in [BEFORE.map(str::to_owned), made("ours"), [String::new(), String::new()]] {
            assert_eq!(refused(&beside(&texts).1), [], "{texts:?}");
        }
        let (directory, handover) = beside(&made("ours"));
        fs::remove_file(&handover.outputs).unwrap();
        fs::remove_file(&handover.kubeconfig).unwrap();
        assert_eq!(refused(&handover), []);
        // A link leads to what would be lost, and what is no file is nobody's to replace.
        let own = directory.path().join("own");
        fs::write(&own, THEIRS[1]).unwrap();
        symlink(&own, &handover.kubeconfig).unwrap();
        fs::create_dir(&handover.outputs).unwrap();
        let codes: Vec<_> = refused(&handover).into_iter().map(|told| told.code).collect();
        assert_eq!(codes, ["OUTPUTS_IN_USE", "KUBECONFIG_IN_USE"]);
    }
}
