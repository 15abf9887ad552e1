//! `nic kubeconfig`: the file, or a token for it.

use super::Result;
use crate::cli::Kubeconfig;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::output::{self, Printer};
use crate::session::{self, Session};

pub(super) async fn run(flags: &Kubeconfig, printer: Printer) -> Result {
    if flags.token {
        let (cluster, region) =
            (flags.cluster.as_deref().unwrap_or_default(), flags.region.as_deref().unwrap_or_default());
        let credential = session::exec_credential(cluster, region).await?;
        // The one place where a token is the data that was asked for: kubectl reads it from stdout.
        output::raw(format!("{credential}\n").as_bytes());
        return Ok(ExitStatus::Success);
    }
    let session = Session::of_state(&flags.of, printer).await?;
    let access = session.cluster_access().await?.ok_or_else(CommandError::no_cluster)?;
    printer.line(access.kubeconfig.expose().trim_end());
    printer.document(
        &serde_json::json!({ "kubeconfig": { "context": access.name, "content": access.kubeconfig.expose() } }),
    );
    Ok(ExitStatus::Success)
}
