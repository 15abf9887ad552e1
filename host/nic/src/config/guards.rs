//! Keys that guard a platform: `prevent_deploy` and `retain`.

use super::problems::{Problems, invalid_value};
use super::scalar::truth;
use super::yaml::{Node, NodeValue};
use crate::clouds;

/// Tells guards that are spelled wrongly: a lock must not stand open, and what is to stay must not go.
pub(super) fn check(problems: &mut Problems<'_>) {
    if problems.said("prevent_deploy").is_some_and(|node| flag(node).is_none()) {
        problems.tell(invalid_value("`prevent_deploy` must be `true` or `false`"), "/prevent_deploy");
    }
    let is_list = |node: &Node| {
        matches!(node.value, NodeValue::Sequence(_)) && node.elements().all(|element| element.text().is_some())
    };
    if problems.said("retain").is_some_and(|node| !is_list(node)) {
        let examples = clouds::EXAMPLE.examples.protected.join(", ");
        let detail = format!("`retain` must be a list of kinds and addresses, such as `[{examples}]`");
        problems.tell(invalid_value(detail), "/retain");
    }
}

/// What stays when everything else is destroyed: addresses and kinds.
pub(super) fn retain(root: &Node) -> Vec<String> {
    let elements = root.get("retain").into_iter().flat_map(Node::elements);
    elements.filter_map(Node::text).map(str::to_owned).collect()
}

/// Whether deploying is forbidden.
pub(super) fn prevents_deploy(root: &Node) -> bool {
    root.get("prevent_deploy").and_then(flag) == Some(true)
}

fn flag(node: &Node) -> Option<bool> {
    match &node.value {
        NodeValue::Scalar { text, plain } => truth(text, *plain),
        _ => None,
    }
}
