//! The graph of resources in the languages of graph drawers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use nic_core::address::Address;

/// A language that graphs are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Graphviz
    Dot,
    /// Mermaid, as in Markdown
    Mermaid,
}

/// A resource to draw: its label, and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphNode {
    /// Its kind's name for people.
    pub title: String,
    /// Not ours: only read.
    pub external: bool,
    /// What it needs.
    pub needs: BTreeSet<Address>,
}

/// The graph as text. Edges lead from a resource to what it needs; needs that are no nodes are left out.
pub fn draw(nodes: &BTreeMap<Address, GraphNode>, language: Language) -> String {
    match language {
        Language::Dot => dot(nodes),
        Language::Mermaid => mermaid(nodes),
    }
}

fn edges(nodes: &BTreeMap<Address, GraphNode>) -> impl Iterator<Item = (&Address, &Address)> {
    nodes
        .iter()
        .flat_map(|(address, node)| node.needs.iter().map(move |need| (address, need)))
        .filter(|(_, need)| nodes.contains_key(*need))
}

fn dot(nodes: &BTreeMap<Address, GraphNode>) -> String {
    let mut text = String::from("digraph platform {\n  rankdir = \"BT\"\n  node [shape = box]\n");
    for (address, node) in nodes {
        let style = if node.external { ", style = dashed" } else { "" };
        let _ = writeln!(text, "  \"{address}\" [label = \"{}\\n{}\"{style}]", quoted(&node.title), address.name());
    }
    for (address, need) in edges(nodes) {
        let _ = writeln!(text, "  \"{address}\" -> \"{need}\"");
    }
    text.push('}');
    text
}

/// Nodes are numbered: an address may hold a word that means something in Mermaid.
fn mermaid(nodes: &BTreeMap<Address, GraphNode>) -> String {
    let numbers: BTreeMap<&Address, usize> =
        nodes.keys().enumerate().map(|(number, address)| (address, number)).collect();
    let mut text = String::from("graph BT\n");
    for (address, node) in nodes {
        let _ = writeln!(text, "  n{}[\"{}<br/>{}\"]", numbers[address], quoted(&node.title), address.name());
    }
    for (address, need) in edges(nodes) {
        let _ = writeln!(text, "  n{} --> n{}", numbers[address], numbers[need]);
    }
    text.trim_end().to_owned()
}

/// A provider's words, without what would end a quoted text.
fn quoted(title: &str) -> String {
    title.chars().map(|c| if c == '"' || c == '\\' || c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_name_every_resource_and_every_need() {
        let node = |needs: &[&str]| GraphNode {
            title: "Sub\"net".to_owned(),
            external: false,
            needs: needs.iter().map(|need| need.parse().unwrap()).collect(),
        };
        let nodes = BTreeMap::from([
            ("aws.vpc.main".parse().unwrap(), node(&[])),
            ("aws.subnet.0".parse().unwrap(), node(&["aws.vpc.main", "aws.gone.x"])),
        ]);
        let dot = draw(&nodes, Language::Dot);
        assert!(dot.contains("\"aws.subnet.0\" -> \"aws.vpc.main\"") && !dot.contains("gone"), "{dot}");
        assert!(dot.contains("label = \"Sub net\\n0\""), "{dot}");
        let mermaid = draw(&nodes, Language::Mermaid);
        assert_eq!(mermaid, "graph BT\n  n0[\"Sub net<br/>0\"]\n  n1[\"Sub net<br/>main\"]\n  n0 --> n1");
    }
}
