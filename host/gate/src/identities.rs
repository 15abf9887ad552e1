//! What grants let a component do to who may do what.

use crate::action::Action;
use crate::clouds;
use crate::grant::Grants;

/// As the grants write it, what a change of this kind may do that says who may do what. The very questions that the gate asks are asked of
/// every such action, so that no way of writing a pattern gets by.
pub fn granted<'a>(grants: &'a Grants, kind: &str) -> Option<&'a str> {
    let may = |(cloud, action): (&str, &Action)| {
        let service = grants.allows_service(cloud, action.service);
        grants.mutation(kind, &action.qualified()).filter(|_| service)
    };
    clouds::identities().filter_map(may).min()
}
