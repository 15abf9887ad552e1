//! `nic kubeconfig`: the file, or a login for it.

use nic_cluster::context_credential;

use super::Result;
use crate::cli::KubeconfigArgs;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::host_gate;
use crate::output::{self, Printer};
use crate::session::Session;

pub(super) async fn run(flags: &KubeconfigArgs, printer: Printer) -> Result {
    if flags.token {
        let credential = match (&flags.context, &flags.cluster, &flags.region) {
            (None, Some(cluster), Some(region)) => host_gate::exec_credential(cluster, region).await?,
            (context, ..) => {
                let context = context.as_deref().unwrap_or_default();
                context_credential(context, flags.server.as_deref()).await.map_err(CommandError::from)?
            }
        };
        // The one place where a token is the data that was asked for: kubectl reads it from stdout.
        output::raw(format!("{credential}\n").as_bytes());
        return Ok(ExitStatus::Success);
    }
    let session = Session::of_state(&flags.of, printer).await?;
    let access = session.cluster_access().await?.ok_or_else(CommandError::no_cluster)?;
    printer.diagnostics(&access.warnings, None);
    printer.line(access.kubeconfig.trim_end());
    printer.document(&serde_json::json!({ "kubeconfig": { "context": access.context, "content": access.kubeconfig } }));
    Ok(ExitStatus::Success)
}
