//! Tags: what each topology puts on everything, and the one mark by which NIC knows its own.

use std::collections::{BTreeMap, BTreeSet};

use nic_sdk::types::Context;
use serde_json::Value;

use crate::names::{Names, Topology};
use crate::scope::Scope;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// The tag that says which state a thing belongs to, and the region of its platform: `<lineage>@<region>/<address>`. Never part of
/// a document.
pub const OWNER_KEY: &str = "nic.nebari.dev/owner";

/// `extra`, then `Project`, `Environment` and `Owner`, each layer over the one before, the user's tags last.
pub fn classic(names: &Names, user: &Tags, extra: &[(&str, &str)]) -> Tags {
    let base = [("Project", names.project.as_str()), ("Environment", &names.environment), ("Owner", "terraform")];
    let layers = extra.iter().chain(&base).map(|&(key, value)| (key.to_owned(), value.to_owned()));
    layers.chain(user.clone()).collect()
}

/// `extra`, then `managed-by`, `project` and `environment`, the user's tags last. IAM tells no case of a key apart, so a tag
/// of the user's takes the place of ours in whatever case it is written.
pub fn design(names: &Names, user: &Tags, extra: &[(&str, &str)]) -> Tags {
    let base = [
        ("managed-by", "nebari-infrastructure-core"),
        ("project", &*names.project),
        ("environment", &*names.environment),
    ];
    let ours = extra.iter().chain(&base).filter(|(key, _)| !user.keys().any(|given| given.eq_ignore_ascii_case(key)));
    ours.map(|&(key, value)| (key.to_owned(), value.to_owned())).chain(user.clone()).collect()
}

/// The tags a document shows: not NIC's own mark, nor what AWS keeps for itself.
pub fn visible(all: &Tags) -> Tags {
    all.iter()
        .filter(|(key, _)| *key != OWNER_KEY && !key.starts_with("aws:"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// How sure it is that a thing is the one at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// It bears no mark for that address.
    Foreign,
    /// Marked for that address by another state of the same platform: somebody else's, or one that was lost.
    AnotherState,
    /// Marked by this very state.
    Ours,
}

/// The marks of one platform.
#[derive(Debug, Clone)]
pub struct Marks {
    topology: Topology,
    lineage: String,
    region: Option<String>,
    project: (&'static str, String),
    environment: (&'static str, String),
}

impl Marks {
    /// The marks for the state and the platform of the context.
    pub fn new(context: &Context) -> Self {
        let names = Names::new(context);
        let (project, environment) = match names.topology {
            Topology::Classic => ("Project", "Environment"),
            Topology::Design => ("project", "environment"),
        };
        Self {
            topology: names.topology,
            lineage: context.lineage.clone(),
            region: context.region.clone(),
            project: (project, names.project),
            environment: (environment, names.environment),
        }
    }

    /// Which state it is.
    pub fn lineage(&self) -> &str {
        &self.lineage
    }

    /// Which platform it is.
    pub fn topology(&self) -> Topology {
        self.topology
    }

    /// The tags to create a thing with: those of its document and the mark.
    pub fn mark(&self, tags: &Tags, address: &str) -> Tags {
        let mut marked = tags.clone();
        let owner = match &self.region {
            Some(region) => format!("{}@{region}", self.lineage),
            None => self.lineage.clone(),
        };
        marked.insert(OWNER_KEY.to_owned(), format!("{owner}/{address}"));
        marked
    }

    /// Whether a thing with the tags `shown` is the one at `address`, whose document wants the tags `wanted`.
    pub fn claim(&self, shown: &Tags, address: &str, wanted: &Tags) -> Claim {
        self.judge(shown, address, wanted, false)
    }

    /// The same of a thing that bears the name of the one at `address`. The name says whose it is where no tag does: some kinds have
    /// no tags but the mark.
    pub fn claim_named(&self, shown: &Tags, address: &str, wanted: &Tags) -> Claim {
        self.judge(shown, address, wanted, true)
    }

    fn judge(&self, shown: &Tags, address: &str, wanted: &Tags, untagged: bool) -> Claim {
        let Some((owner, marked)) = shown.get(OWNER_KEY).and_then(|mark| mark.rsplit_once('/')) else {
            return Claim::Foreign;
        };
        if marked != address {
            return Claim::Foreign;
        }
        let (lineage, region) =
            owner.split_once('@').map_or((owner, None), |(lineage, region)| (lineage, Some(region)));
        if lineage == self.lineage {
            return Claim::Ours;
        }
        // A user's tag may stand in for the platform's, so the wanted one decides where there is one.
        let same = |(key, ours): &(&str, String)| match shown.get(*key) {
            Some(shown) => shown == wanted.get(*key).unwrap_or(ours),
            None => untagged,
        };
        // Roles are of no region, and platforms of one name may be in several.
        let here = region.is_none() || region == self.region.as_deref();
        if here && same(&self.project) && same(&self.environment) { Claim::AnotherState } else { Claim::Foreign }
    }
}

/// The address a thing is marked for, whatever the lineage.
pub fn marked_address(shown: &Tags) -> Option<&str> {
    shown.get(OWNER_KEY).and_then(|mark| mark.rsplit_once('/')).map(|(_, address)| address)
}

/// The lineage of the state that made a thing.
pub fn marked_lineage(shown: &Tags) -> Option<&str> {
    let (owner, _) = shown.get(OWNER_KEY)?.rsplit_once('/')?;
    Some(owner.split_once('@').map_or(owner, |(lineage, _)| lineage))
}

/// What an update does to tags.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TagEdits {
    /// To be written.
    pub set: Tags,
    /// To be taken away.
    pub remove: BTreeSet<String>,
}

impl TagEdits {
    /// From what is shown to what is wanted, as far as the scope goes. A tag that is not wanted goes only when the scope
    /// names it: it was ours once; others belong to somebody else.
    pub fn between(shown: &Tags, wanted: &Tags, scope: &Scope<'_>) -> Self {
        let differs =
            |key: &String, value: &String| shown.get(key) != Some(value) && scope.touches_member("/tags", key);
        let set = wanted.iter().filter(|(key, value)| differs(key, value));
        let gone = scope.named_members("/tags").filter(|key| shown.contains_key(key) && !wanted.contains_key(key));
        Self { set: set.map(|(key, value)| (key.clone(), value.clone())).collect(), remove: gone.collect() }
    }

    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

/// The tags of a document that may not be known in full.
pub fn of_document(document: &Value) -> Tags {
    let members = document.get("tags").and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context { project: "demo".into(), namespace: "dev".into(), lineage: "l-1".into(), ..Context::default() }
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect()
    }

    #[test]
    fn the_users_tags_win_over_nebaris_and_over_names() {
        let user = tags(&[("Owner", "me"), ("Name", "x")]);
        assert_eq!(
            classic(&Names::new(&context()), &user, &[("Name", "demo-dev")]),
            tags(&[("Environment", "dev"), ("Name", "x"), ("Owner", "me"), ("Project", "demo")])
        );
    }

    #[test]
    fn in_the_design_a_tag_of_the_users_takes_the_place_of_ours_in_any_case() {
        let context = Context { topology: "design".into(), ..context() };
        let user = tags(&[("Project", "x")]);
        assert_eq!(
            design(&Names::new(&context), &user, &[("Name", "demo-dev")]),
            tags(&[
                ("Name", "demo-dev"),
                ("Project", "x"),
                ("environment", "dev"),
                ("managed-by", "nebari-infrastructure-core")
            ])
        );
        let lost = tags(&[("project", "demo"), ("environment", "dev"), (OWNER_KEY, "l-0/aws.vpc.main")]);
        assert_eq!(Marks::new(&context).claim(&lost, "aws.vpc.main", &Tags::new()), Claim::AnotherState);
    }

    #[test]
    fn a_mark_is_told_from_a_lost_one_and_a_strangers() {
        let marks = Marks::new(&context());
        let ours = marks.mark(&tags(&[("Project", "demo"), ("Environment", "dev")]), "aws.vpc.main");
        assert_eq!(ours[OWNER_KEY], "l-1/aws.vpc.main");
        assert_eq!(marks.claim(&ours, "aws.vpc.main", &Tags::new()), Claim::Ours);
        assert_eq!(marks.claim(&ours, "aws.subnet.0", &Tags::new()), Claim::Foreign);
        let lost = tags(&[("Project", "demo"), ("Environment", "dev"), (OWNER_KEY, "l-0/aws.vpc.main")]);
        assert_eq!(marks.claim(&lost, "aws.vpc.main", &Tags::new()), Claim::AnotherState);
        let other = tags(&[("Project", "other"), ("Environment", "dev"), (OWNER_KEY, "l-0/aws.vpc.main")]);
        assert_eq!(marks.claim(&other, "aws.vpc.main", &Tags::new()), Claim::Foreign);
        assert_eq!(marks.claim(&other, "aws.vpc.main", &tags(&[("Project", "other")])), Claim::AnotherState);
        assert_eq!(visible(&ours), tags(&[("Project", "demo"), ("Environment", "dev")]));
    }

    #[test]
    fn what_has_a_name_is_a_strangers_when_its_tags_or_its_region_say_so() {
        let marks = Marks::new(&Context { region: Some("us-west-2".into()), ..context() });
        let claim = |mark: &str, more: &[(&str, &str)]| {
            let shown = more.iter().chain(&[(OWNER_KEY, mark)]).copied().collect::<Vec<_>>();
            marks.claim_named(&tags(&shown), "aws.iam-role.cluster", &Tags::new())
        };
        let dev = [("Project", "demo"), ("Environment", "dev")];
        assert_eq!(claim("l-1@us-west-2/aws.iam-role.cluster", &dev), Claim::Ours);
        assert_eq!(claim("l-0@us-west-2/aws.iam-role.cluster", &dev), Claim::AnotherState);
        // Of before regions were told, and of kinds without tags.
        assert_eq!(claim("l-0/aws.iam-role.cluster", &dev), Claim::AnotherState);
        assert_eq!(claim("l-0@us-west-2/aws.iam-role.cluster", &[]), Claim::AnotherState);
        assert_eq!(claim("l-0@eu-west-1/aws.iam-role.cluster", &dev), Claim::Foreign);
        assert_eq!(
            claim("l-0@us-west-2/aws.iam-role.cluster", &[("Project", "demo"), ("Environment", "prod")]),
            Claim::Foreign
        );
    }

    #[test]
    fn only_named_tags_are_taken_away() {
        let shown = tags(&[("a", "1"), ("gone/x", "2"), ("theirs", "3")]);
        let edits =
            TagEdits::between(&shown, &tags(&[("a", "9")]), &Scope::new(&["/tags/gone~1x".into(), "/tags/a".into()]));
        assert_eq!(edits.set, tags(&[("a", "9")]));
        assert_eq!(edits.remove, BTreeSet::from(["gone/x".to_owned()]));
    }
}
