//! `nic provider list|add`

mod add;

use nic_sandbox::PluginError;
use nic_sandbox::error::COMPONENT_NOT_GRANTED;
use nic_sandbox::manifest::Manifest;
use serde_json::{Value, json};

use super::Result;
use crate::cli::ProviderCommand;
use crate::components::{self, ComponentSource};
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::{Printer, Verbosity, grants};

pub(super) async fn run(command: &ProviderCommand, printer: Printer) -> Result {
    match command {
        ProviderCommand::List => list(printer),
        ProviderCommand::Add(flags) => add::run(flags, printer).await,
    }
}

fn list(printer: Printer) -> Result {
    let (mut listed, mut broken) = (Vec::new(), None);
    for found in components::all() {
        let code = found.code()?;
        let mut manifest = Manifest::of(&found.file(), &code).map_err(|error| unusable(&error))?;
        let digest = code.digest();
        let (granted, why) = match found.grants(&manifest, digest) {
            Ok(granted) => (Some(granted), String::new()),
            Err(error) => {
                let why = error.diagnostics.first().map(|d| d.summary.clone()).unwrap_or_default();
                // What was never granted is only not granted; anything else is to be mended, and told after the list.
                if error.diagnostics.iter().any(|found| found.code != COMPONENT_NOT_GRANTED) {
                    broken.get_or_insert(error);
                }
                (None, why)
            }
        };
        let origin = match &found.origin {
            ComponentSource::Bundled => "bundled".to_owned(),
            ComponentSource::File(path) => path.display().to_string(),
        };
        if !listed.is_empty() {
            printer.line("");
        }
        // What a config's `provider` names, and what the component calls itself when that is something else.
        let own = if manifest.name == found.name { String::new() } else { format!(", calls itself {}", manifest.name) };
        printer.line(format!("{} {} ({origin}{own})", found.name, manifest.version));
        printer.line(format!("  sha256:{digest}"));
        let mut document = document(&manifest, digest, code.size());
        document["name"] = found.name.clone().into();
        document["origin"] = origin.into();
        document["granted"] = granted.is_some().into();
        match granted {
            Some(granted) => {
                document["grants"] = json!(granted);
                manifest.grants = granted;
            }
            None => printer.line(format!("  may do nothing: {why}. What it wants:")),
        }
        printer.line(grants::component(&manifest, printer.verbosity == Verbosity::Verbose));
        listed.push(document);
    }
    if let Some(broken) = broken {
        return Err(broken.into());
    }
    printer.document(&json!({ "providers": listed }));
    Ok(ExitStatus::Success)
}

fn unusable(error: &PluginError) -> CommandError {
    let mut ended = CommandError::broke(error.code(), "A component cannot be used", error.to_string());
    ended.diagnostics[0].hints = error.hints();
    ended
}

/// Everything the manifest says, and what the host knows of the file.
fn document(manifest: &Manifest, digest: &str, bytes: usize) -> Value {
    json!({
        "manifest_name": manifest.name,
        "version": manifest.version,
        "wit": manifest.wit,
        "digest": format!("sha256:{digest}"),
        "bytes": bytes,
        "memory_mib": manifest.memory_in_mib(),
        "grants": manifest.grants,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_holds_every_member_of_every_grant() {
        let wanted = json!({
            "name": "custom", "version": "1.2.3", "wit": "nic:plugin@0.1.0", "world": "provider",
            "grants": [
                {"capability": "hosts", "hosts": ["api.example.com"], "scheme": "bearer", "credential": "api",
                 "reads": ["POST api.example.com/search"], "reason": "asks"},
                {"capability": "kinds", "kinds": {"custom.thing": ["POST api.example.com/*"]}, "reason": "makes"},
                {"capability": "kubernetes", "verbs": ["get"], "kinds": ["v1/Node"], "reason": "waits"},
            ],
        });
        let manifest: Manifest = serde_json::from_value(wanted.clone()).unwrap();
        let document = document(&manifest, "ab", 7);
        assert_eq!(document["grants"], wanted["grants"]);
        assert_eq!(
            (&document["digest"], &document["bytes"], &document["memory_mib"]),
            (&json!("sha256:ab"), &json!(7), &json!(256))
        );
    }
}
