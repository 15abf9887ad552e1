//! `nic graph`

use std::collections::BTreeMap;

use nic_core::address::Address;
use serde_json::{Value, json};

use super::{Ended, Result};
use crate::backend::Access;
use crate::cli::GraphArgs;
use crate::config::Config;
use crate::exit::ExitStatus;
use crate::output::Printer;
use crate::output::graph::{GraphNode, draw};
use crate::session::{DEFAULT_FLAGS, Session};

pub(super) async fn run(flags: &GraphArgs, printer: Printer) -> Result {
    let nodes = if flags.recorded { recorded(flags, printer).await? } else { desired(flags, printer).await? };
    printer.line(draw(&nodes, flags.language));
    let listed: Vec<Value> = nodes
        .iter()
        .map(|(address, node)| {
            json!({ "address": address, "title": node.title, "external": node.external, "needs": node.needs })
        })
        .collect();
    printer.document(&json!({ "resources": listed }));
    Ok(ExitStatus::Success)
}

async fn recorded(flags: &GraphArgs, printer: Printer) -> std::result::Result<BTreeMap<Address, GraphNode>, Ended> {
    let session = Session::of_state(&flags.of, printer).await?;
    let kinds = session.run.kinds();
    let state = session.run.journal.state().await;
    let nodes = state.records.values().map(|record| {
        let kind = kinds.get(&record.kind);
        let title = kind.map_or_else(|| record.kind.clone(), |kind| kind.title_of(&record.baseline));
        let node = GraphNode { title, external: record.external, needs: record.dependencies.clone() };
        (record.address.clone(), node)
    });
    Ok(nodes.collect())
}

async fn desired(flags: &GraphArgs, printer: Printer) -> std::result::Result<BTreeMap<Address, GraphNode>, Ended> {
    let config = Config::load(&flags.of.config.file)?;
    let session = Session::open(&config, &flags.of.state, &DEFAULT_FLAGS, (Access::Read, "graph"), None, printer).await;
    let session = session.map_err(|error| Ended::in_config(error, &config))?;
    let kinds = session.run.kinds();
    let graph = session.run.desire().await.map_err(|error| Ended::in_config(error, &config))?;
    let nodes = graph.resources().map(|resource| {
        let kind = kinds.get(&resource.kind);
        let title = kind.map_or_else(|| resource.kind.clone(), |kind| kind.title_of(&resource.document));
        let needs = graph.needs(&resource.address).cloned().collect();
        (resource.address.clone(), GraphNode { title, external: resource.external, needs })
    });
    Ok(nodes.collect())
}
