//! `nic provider list`

use serde_json::json;

use super::Result;
use crate::cli::Provider;
use crate::components::{self, Origin};
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::plugin::manifest::{Grant, Manifest, digest};

pub(super) async fn run(command: &Provider, printer: Printer) -> Result {
    match command {
        Provider::List => list(printer),
    }
}

fn list(printer: Printer) -> Result {
    let mut listed = Vec::new();
    for found in components::all() {
        let bytes = found.bytes()?;
        let origin = match &found.origin {
            Origin::Bundled => "bundled".to_owned(),
            Origin::File(path) => path.display().to_string(),
        };
        let manifest = Manifest::read(&found.name, &bytes).map_err(|error| {
            let mut ended =
                crate::error::CommandError::broke(error.code(), "A component cannot be used", error.to_string());
            ended.diagnostics[0].hints = error.hints();
            ended
        })?;
        let digest = digest(&bytes);
        printer.line(format!("{} {} ({origin}, sha256:{})", found.name, manifest.version, &digest[..12]));
        for grant in &manifest.grants {
            let (what, reason) = match grant {
                Grant::CloudHttp(grant) => {
                    let schemes = grant.schemes.join(", ");
                    (
                        format!("cloud requests signed as {schemes} to {}", grant.services.join(", ")),
                        grant.reason.clone(),
                    )
                }
                Grant::Kubernetes(grant) => (
                    format!("{} of {} on the cluster", grant.verbs.join(", "), grant.kinds.join(", ")),
                    grant.reason.clone(),
                ),
            };
            printer.line(format!("  may: {what}"));
            printer.line(format!("       {reason}"));
        }
        listed.push(json!({
            "name": found.name,
            "version": manifest.version,
            "wit": manifest.wit,
            "digest": format!("sha256:{digest}"),
            "origin": origin,
            "bytes": bytes.len(),
            "grants": manifest.grants,
        }));
    }
    printer.document(&json!({ "providers": listed }));
    Ok(ExitStatus::Success)
}
