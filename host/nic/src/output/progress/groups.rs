//! Which things people see together: what hangs in a network, what stands on a cluster, what lives in a namespace; else what
//! stands on the same thing.

use super::board::Thing;

/// What holds others, by the last part of its kind, the innermost last.
const CONTAINERS: [&[&str]; 2] = [&["vpc", "network"], &["cluster"]];

/// How the innermost container is titled.
const NAMESPACE: &str = "Namespace";

/// Things that are shown together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// What they are all about; none for those that stand alone.
    pub(super) head: Option<usize>,
    /// What is changed, the head among it if it is, in the order of the plan.
    pub(super) members: Vec<usize>,
    /// The group that this one is part of.
    pub(super) inside: Option<usize>,
}

/// How far inside a container stands; 0 for what holds nothing.
fn rank(thing: &Thing) -> usize {
    if thing.title == NAMESPACE {
        return CONTAINERS.len() + 1;
    }
    let kind = thing.kind.split_once('.').map_or("", |(_, kind)| kind);
    CONTAINERS.iter().position(|kinds| kinds.contains(&kind)).map_or(0, |place| place + 1)
}

/// The groups of a plan, in its order; those inside another come after it.
pub(super) fn groups(things: &[Thing]) -> Vec<Group> {
    let mut container: Vec<Option<usize>> = vec![None; things.len()];
    let mut outside: Vec<Option<usize>> = vec![None; things.len()];
    let mut root: Vec<usize> = (0..things.len()).collect();
    // What stays comes after what it needs; what goes comes before it, and may need what stays.
    let (gone, kept): (Vec<usize>, Vec<usize>) = (0..things.len()).partition(|place| things[*place].is_gone());
    for place in kept.into_iter().chain(gone.into_iter().rev()) {
        let thing = &things[place];
        let innermost = |a: &usize, b: &usize| rank(&things[*a]).cmp(&rank(&things[*b])).then(b.cmp(a));
        let around = thing.needs.iter().filter_map(|need| container[*need]).max_by(innermost);
        if let Some(need) = thing.needs.first() {
            root[place] = root[*need];
        }
        if rank(thing) == 0 {
            container[place] = around;
        } else {
            container[place] = Some(place);
            // A cluster hangs in a network, and is worth a branch of its own all the same.
            outside[place] = around.filter(|_| thing.title == NAMESPACE);
        }
    }

    let mut groups: Vec<Group> = Vec::new();
    let mut alone = Vec::new();
    let changed: Vec<usize> = (0..things.len()).filter(|place| things[*place].is_changed()).collect();
    let head = |place: usize| container[place].unwrap_or(root[place]);
    for place in &changed {
        let head = head(*place);
        match groups.iter_mut().find(|group| group.head == Some(head)) {
            Some(group) => group.members.push(*place),
            None => groups.push(Group { head: Some(head), members: vec![*place], inside: None }),
        }
    }
    groups.retain(|group| {
        let is_alone = group.members.len() == 1 && group.head.is_some_and(|head| rank(&things[head]) == 0);
        if is_alone {
            alone.extend(&group.members);
        }
        !is_alone
    });
    match alone.as_slice() {
        [] => {}
        [one] => groups.push(Group { head: Some(*one), members: alone, inside: None }),
        _ => groups.push(Group { head: None, members: alone, inside: None }),
    }
    nested(&groups, |head| outside[head])
}

/// Puts the groups that are part of another one behind it.
fn nested(groups: &[Group], outside: impl Fn(usize) -> Option<usize>) -> Vec<Group> {
    let heads: Vec<Option<usize>> = groups.iter().map(|group| group.head).collect();
    let is_inside = |group: &Group| group.head.and_then(&outside).filter(|head| heads.contains(&Some(*head)));
    let mut ordered: Vec<Group> = Vec::new();
    for group in groups.iter().filter(|group| is_inside(group).is_none()) {
        let at = ordered.len();
        ordered.push(group.clone());
        for inner in groups.iter().filter(|inner| group.head.is_some() && is_inside(inner) == group.head) {
            ordered.push(Group { inside: Some(at), ..inner.clone() });
        }
    }
    ordered
}
