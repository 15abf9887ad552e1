//! Whether the platform can be used: what the cloud says of it, how many nodes there are, and what of ours runs on its cluster. `status`
//! tells it, `deploy` waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use nic_cluster::{Ask, Nodes, PlatformHealth, Trouble, Workload, platform_health};
use nic_core::address::Address;
use nic_core::diagnostic::Diagnostic;
use nic_core::error::{ProviderError, Retry};
use nic_core::health::{CloudHealth, NodeGroup};
use nic_core::kind::{KUBERNETES_OBJECT, Kind};
use nic_core::ports::Event;
use nic_core::resource::{PendingAction, Record};
use nic_core::state::State;
use serde_json::{Value, json};

use crate::error::CommandError;
use crate::output::progress::spoken;
use crate::output::status::Health;
use crate::session::Session;

/// Something that keeps the platform from being ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Which resource.
    pub address: Option<Address>,
    /// One line: what it is, and why as far as anybody says.
    pub words: String,
    /// The code of the error, when nobody could say.
    pub unasked: Option<String>,
}

impl Cause {
    fn known(address: Option<&Address>, words: &str) -> Self {
        Self { address: address.cloned(), words: one_line(words), unasked: None }
    }
}

/// Words of clouds and schedulers may have lines, and whatever else moves a cursor.
pub fn one_line(words: &str) -> String {
    let plain: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What there is to ask the cluster of what is recorded, as far as it is in scope.
pub fn ask(state: &State, kinds: &BTreeMap<String, Kind>, scope: &Scope) -> Ask {
    let made = |record: &&Record| !record.external && !record.shared && record.deposed.is_none();
    let ours = state.records.values().filter(made);
    let stays = ours.filter(|record| {
        let leaves = record.pending.as_ref().is_some_and(|pending| pending.action == PendingAction::Delete);
        !leaves && scope.holds(&record.address)
    });
    let mut ask = Ask::default();
    for record in stays {
        ask.nodes |= kinds.get(&record.kind).is_some_and(|kind| kind.nodes().is_some());
        if record.kind == KUBERNETES_OBJECT {
            ask.workloads.extend(Workload::of(&record.address, &record.baseline));
        }
    }
    ask
}

/// What keeps the platform from being ready: nodes first, since everything else needs them.
pub fn causes(cloud: &CloudHealth, nodes: Option<&Nodes>, troubles: &[Trouble]) -> Vec<Cause> {
    let below = nodes.into_iter().flat_map(|nodes| cloud.groups.iter().map(move |group| (group, nodes)));
    let few: Vec<Cause> =
        below.filter_map(|(group, nodes)| Some(Cause::known(Some(&group.address), &too_few(group, nodes)?))).collect();
    let ailing = cloud.ailing.iter().map(|ailment| Cause::known(Some(&ailment.address), &ailment.words));
    let on_cluster = troubles.iter().map(|trouble| Cause::known(trouble.address.as_ref(), &trouble.words));
    let rest: Vec<Cause> = ailing.chain(on_cluster).collect();
    // No group has to have a node, and without one nothing runs: that is why the rest does not.
    let without = nodes.filter(|nodes| nodes.all.ready == 0 && few.is_empty() && !rest.is_empty());
    let none = without.filter(|_| !cloud.groups.is_empty()).map(|nodes| {
        let groups: Vec<String> = cloud
            .groups
            .iter()
            .map(|group| format!("{} has {}", group.name, nodes.groups.get(&group.name).map_or(0, |c| c.ready)))
            .collect();
        Cause::known(None, &format!("{NO_NODE}{}", groups.join(", ")))
    });
    few.into_iter().chain(none).chain(rest).collect()
}

/// How a line about groups without any node begins.
const NO_NODE: &str = "no node: ";

/// In words that there are fewer nodes than there have to be; none when there are enough.
pub fn too_few(group: &NodeGroup, nodes: &Nodes) -> Option<String> {
    let NodeGroup { name, minimum, ailment, .. } = group;
    let count = nodes.groups.get(name).copied().unwrap_or_default();
    if count.ready as u64 >= *minimum {
        return None;
    }
    let mut words = if count.total == 0 {
        format!("{NO_NODE}{name} has 0 of at least {minimum}")
    } else {
        format!("{} of at least {minimum} nodes of {name} are ready", count.ready)
    };
    if let Some(node) = nodes.not_ready.iter().find(|node| node.group == *name) {
        let _ = write!(words, "; {}: {}", node.name, node.why);
    }
    if let Some(ailment) = ailment {
        let _ = write!(words, "; {ailment}");
    }
    Some(words)
}

/// The part of the platform that counts.
#[derive(Debug, Clone)]
pub enum Scope {
    /// All of it.
    Whole,
    /// These addresses.
    Only(BTreeSet<Address>),
}

impl Scope {
    fn holds(&self, address: &Address) -> bool {
        match self {
            Self::Whole => true,
            Self::Only(addresses) => addresses.contains(address),
        }
    }
}

/// How the cluster stood at one moment.
#[derive(Debug)]
pub struct Look {
    ask: Ask,
    found: Result<PlatformHealth, ProviderError>,
}

impl Look {
    /// How the cluster stands now.
    pub async fn now(session: &Session) -> Self {
        let state = session.run.journal.state().await;
        Self::at(session, ask(&state, &session.run.kinds(), &Scope::Whole)).await
    }

    async fn at(session: &Session, ask: Ask) -> Self {
        if ask.is_empty() {
            return Self { ask, found: Ok(PlatformHealth::default()) };
        }
        let found = match session.connect_cluster().await {
            Ok(Some(cluster)) => Box::pin(platform_health(&cluster, &ask)).await,
            Ok(None) => {
                Err(ProviderError::other("CLUSTER_NOT_READY", "its cloud knows of no cluster that could be asked"))
            }
            Err(error) => Err(error),
        };
        Self { ask, found }
    }

    fn causes(&self, cloud: &CloudHealth) -> Vec<Cause> {
        let health = match &self.found {
            Ok(health) => health,
            Err(error) => {
                let words = one_line(&format!("nobody can say how nodes and pods are: {error}"));
                let unasked = Cause { address: None, words, unasked: Some(error.code().to_owned()) };
                return causes(cloud, None, &[]).into_iter().chain([unasked]).collect();
            }
        };
        causes(cloud, health.nodes.as_ref(), &health.troubles)
    }

    /// Whether asking the cluster again can tell nothing that matters.
    fn is_well(&self, cloud: &CloudHealth) -> bool {
        let has_nodes = |health: &PlatformHealth| health.nodes.as_ref().is_none_or(|nodes| nodes.all.ready > 0);
        let enough = CloudHealth { ailing: Vec::new(), groups: cloud.groups.clone() };
        self.found.as_ref().is_ok_and(has_nodes) && self.causes(&enough).is_empty()
    }

    /// Whether asking the cluster again is in vain.
    fn is_refused(&self) -> bool {
        self.found.as_ref().is_err_and(|error| error.retry() == Retry::No)
    }
}

/// How waiting ended.
#[derive(Debug)]
pub enum End {
    /// Everything is ready.
    Ready,
    /// It is not, after this time.
    NotReady(Vec<Cause>, Duration),
    /// The user did not want to wait any longer.
    Interrupted(Vec<Cause>),
}

/// Waits until everything in scope is ready, at most so long. `known` is how the cluster stood since the last change: when all is well,
/// nothing is asked again.
///
/// # Errors
/// What the state's backend says.
pub async fn wait(
    session: &Session,
    scope: &Scope,
    known: Option<Look>,
    patience: Duration,
) -> Result<End, CommandError> {
    let run = &session.run;
    let (kinds, began) = (run.kinds(), run.clock.elapsed());
    let (mut known, mut attempt, mut told) = (known, 0, Vec::new());
    loop {
        let state = run.journal.state().await;
        let ask = ask(&state, &kinds, scope);
        let look = match known.take() {
            Some(look) if look.ask == ask => look,
            _ => Look::at(session, ask).await,
        };
        let cloud = CloudHealth::recorded(&state.records, &kinds).within(|address| scope.holds(address));
        let causes = look.causes(&cloud);
        if causes.is_empty() {
            if attempt > 0 {
                run.reporter.report(Event::Ready);
            }
            return Ok(End::Ready);
        }
        let waited = run.clock.elapsed().saturating_sub(began);
        let left = patience.saturating_sub(waited);
        if left.is_zero() || look.is_refused() {
            return Ok(End::NotReady(causes, waited));
        }
        let words: Vec<String> = causes.iter().map(|cause| cause.words.clone()).collect();
        if words != told {
            run.reporter.report(Event::NotReady { causes: words.clone() });
            told = words;
        }
        attempt += 1;
        if run.wait(run.back_off(attempt).min(left)).await {
            return Ok(End::Interrupted(causes));
        }
        let of_cloud = |address: &Address| state.records.get(address).is_some_and(|r| r.kind != KUBERNETES_OBJECT);
        let again = causes.into_iter().filter_map(|cause| cause.address).filter(of_cloud).collect();
        run.look_again(&again).await?;
        known = Some(look).filter(|look| look.is_well(&cloud));
    }
}

/// The answer in a word, and what is told of it.
pub fn health(causes: &[Cause]) -> Health {
    match causes {
        [] => Health::Healthy,
        causes if causes.iter().all(|cause| cause.unasked.is_some()) => Health::Unknown,
        _ => Health::Unhealthy,
    }
}

/// `PLATFORM_NOT_READY`: what is missing, a line each.
pub fn diagnostic(causes: &[Cause], changes: usize, waited: Duration) -> Diagnostic {
    let lines: Vec<&str> = causes.iter().map(|cause| cause.words.as_str()).collect();
    let made = match changes {
        0 => "Nothing had to be changed".to_owned(),
        1 => "1 change is done and recorded".to_owned(),
        more => format!("{more} changes are done and recorded"),
    };
    let after =
        if waited.is_zero() { "not ready yet".to_owned() } else { format!("not ready after {}", spoken(waited)) };
    let detail = format!("{made}; {after}:\n{}", lines.join("\n"));
    let listed: Vec<Value> =
        causes.iter().map(|cause| json!({ "address": cause.address, "message": cause.words })).collect();
    let mut details = json!({ "causes": listed });
    if let Some(code) = causes.iter().find_map(|cause| cause.unasked.as_deref()) {
        details["cause"] = json!(code);
    }
    let mut diagnostic = Diagnostic::error("PLATFORM_NOT_READY", "The platform is not ready", detail).details(details);
    if causes.iter().any(|cause| cause.words.starts_with(NO_NODE)) {
        diagnostic.hints.push(
            "nothing runs before there is a node, the autoscaler neither: let a node group keep one at least"
                .to_owned(),
        );
    }
    diagnostic.hint("mend what the lines name and deploy again, which waits again; `nic status` only looks")
}

#[cfg(test)]
mod tests {
    use nic_cluster::{Count, NotReady};

    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn group(name: &str, minimum: u64) -> NodeGroup {
        NodeGroup { address: address(&format!("c.group.{name}")), name: name.to_owned(), minimum, ailment: None }
    }

    fn nodes(groups: &[(&str, usize, usize)]) -> Nodes {
        let mut nodes = Nodes::default();
        for (name, ready, total) in groups {
            nodes.all = Count { ready: nodes.all.ready + ready, total: nodes.all.total + total };
            nodes.groups.insert((*name).to_owned(), Count { ready: *ready, total: *total });
        }
        nodes
    }

    fn words(causes: &[Cause]) -> Vec<&str> {
        causes.iter().map(|cause| cause.words.as_str()).collect()
    }

    #[test]
    fn nodes_above_the_minimum_may_be_as_they_like() {
        let cloud = CloudHealth { groups: vec![group("general", 1), group("user", 0)], ..CloudHealth::default() };
        let told = |seen: &[(&str, usize, usize)]| causes(&cloud, Some(&nodes(seen)), &[]);
        assert_eq!(told(&[("general", 1, 3), ("user", 0, 2), ("others", 0, 1)]), []);
        let mut ailing = cloud.clone();
        ailing.groups[1].ailment = Some("Node group user is DEGRADED: no capacity".to_owned());
        assert_eq!(causes(&ailing, Some(&nodes(&[("general", 1, 1)])), &[]), []);
        // Nobody asked after nodes.
        assert_eq!(causes(&cloud, None, &[]), []);
        assert_eq!(words(&told(&[("user", 2, 2)])), ["no node: general has 0 of at least 1"]);
    }

    #[test]
    fn too_few_nodes_are_told_with_what_is_known_of_them() {
        let mut general = group("general", 3);
        general.ailment = Some("Node group general is DEGRADED: AsgInstanceLaunchFailures: no capacity".to_owned());
        let mut seen = nodes(&[("general", 1, 2)]);
        let (name, why) = ("ip-10-0-3-7".to_owned(), "KubeletNotReady: disk is full".to_owned());
        seen.not_ready.push(NotReady { name, group: "general".to_owned(), why });
        assert_eq!(
            too_few(&general, &seen).unwrap(),
            "1 of at least 3 nodes of general are ready; ip-10-0-3-7: KubeletNotReady: disk is full; \
             Node group general is DEGRADED: AsgInstanceLaunchFailures: no capacity"
        );
        assert_eq!(too_few(&group("user", 0), &seen), None);
    }

    #[test]
    fn what_does_not_run_for_want_of_any_node_is_told_after_that() {
        let ailing = vec![nic_core::health::Ailment {
            address: address("c.add-on.dns"),
            words: "Add-on dns is DEGRADED".to_owned(),
        }];
        let trouble = Trouble { address: None, words: "Deployment dev/a: 0 of 1 pods are ready".to_owned() };
        let groups = vec![group("general", 0), group("user", 0)];
        let cloud = CloudHealth { ailing, groups };
        let none = causes(&cloud, Some(&nodes(&[("user", 0, 1)])), std::slice::from_ref(&trouble));
        assert_eq!(
            words(&none),
            ["no node: general has 0, user has 0", "Add-on dns is DEGRADED", "Deployment dev/a: 0 of 1 pods are ready"]
        );
        let some = causes(&cloud, Some(&nodes(&[("user", 1, 1)])), &[]);
        assert_eq!(words(&some), ["Add-on dns is DEGRADED"]);
        // A platform that may be without nodes, and is, lacks nothing.
        let idle = CloudHealth { ailing: Vec::new(), ..cloud };
        assert_eq!(causes(&idle, Some(&Nodes::default()), &[]), []);
    }

    #[test]
    fn the_error_has_a_line_for_each_cause_and_says_what_helps() {
        let told = |causes: &[Cause]| diagnostic(causes, 55, Duration::from_mins(10));
        let none = Cause::known(None, "no node:\ngeneral\x1b has 0");
        let dns = Cause::known(Some(&address("c.add-on.dns")), "Add-on dns is DEGRADED");
        let both = told(&[none, dns.clone()]);
        let detail = "55 changes are done and recorded; not ready after 10m 00s:\nno node: general has 0\nAdd-on dns is DEGRADED";
        assert_eq!((both.code.as_str(), both.detail.as_str()), ("PLATFORM_NOT_READY", detail));
        assert_eq!(both.details["causes"][1], json!({"address": "c.add-on.dns", "message": "Add-on dns is DEGRADED"}));
        assert!(both.details.get("cause").is_none() && both.hints[0].contains("the autoscaler neither"));
        let unasked = Cause { unasked: Some("CLUSTER_UNREACHABLE".to_owned()), ..dns.clone() };
        let one = told(std::slice::from_ref(&unasked));
        assert_eq!((one.hints.len(), &one.details["cause"]), (1, &json!("CLUSTER_UNREACHABLE")));
        assert_eq!(health(&[]), Health::Healthy);
        assert_eq!(health(std::slice::from_ref(&unasked)), Health::Unknown);
        assert_eq!(health(&[unasked, dns]), Health::Unhealthy);
    }
}
