//! Tags: what each topology puts on everything, and the one mark by which NIC knows its own.

pub use nic_sdk::kit::Labels as Tags;
use nic_sdk::kit::{Marks, Topology};
use nic_sdk::types::Context;

use crate::names::Names;

/// Where a document has them.
pub const TAGS: &str = "/tags";

/// The tag that says which state a thing belongs to, and the region of its platform: `<lineage>@<region>/<address>`. Never part of
/// a document.
pub const OWNER_KEY: &str = "nic.nebari.dev/owner";

/// `extra`, then `Project`, `Environment` and `Owner`, each layer over the one before, the user's tags last.
pub fn classic(names: &Names, user: &Tags, extra: &[(&str, &str)]) -> Tags {
    let base = [("Project", names.project.as_str()), ("Environment", &names.environment), ("Owner", "terraform")];
    under(user, extra.iter().chain(&base))
}

/// `extra`, then `managed-by`, `project` and `environment`, the user's tags last.
pub fn design(names: &Names, user: &Tags, extra: &[(&str, &str)]) -> Tags {
    let base = [
        ("managed-by", "nebari-infrastructure-core"),
        ("project", &*names.project),
        ("environment", &*names.environment),
    ];
    under(user, extra.iter().chain(&base))
}

fn under<'a>(user: &Tags, ours: impl Iterator<Item = &'a (&'a str, &'a str)>) -> Tags {
    let ours = ours.filter(|(key, _)| !is_given(user, key));
    ours.map(|&(key, value)| (key.to_owned(), value.to_owned())).chain(user.clone()).collect()
}

/// Adds a tag of ours where the user has none with that key.
pub fn add(tags: &mut Tags, key: &str, value: &str) {
    if !is_given(tags, key) {
        tags.insert(key.to_owned(), value.to_owned());
    }
}

/// IAM tells no case of a key apart, so a tag of the user's takes the place of ours in whatever case it is written: on everything, that
/// each thing bears the same.
fn is_given(tags: &Tags, key: &str) -> bool {
    tags.keys().any(|given| given.eq_ignore_ascii_case(key))
}

/// The tags a document shows: not NIC's own mark, nor what AWS keeps for itself.
pub fn visible(all: &Tags) -> Tags {
    all.iter()
        .filter(|(key, _)| *key != OWNER_KEY && !key.starts_with("aws:"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The marks for the state and the platform of the context.
pub fn marks(context: &Context) -> Marks {
    let names = Names::new(context);
    let (project, environment) = match names.topology {
        Topology::Classic => ("Project", "Environment"),
        Topology::Design => ("project", "environment"),
    };
    Marks::new(context, OWNER_KEY).platform(project, names.project).platform(environment, names.environment)
}

#[cfg(test)]
mod tests {
    use nic_sdk::kit::Claim;

    use super::*;

    fn context() -> Context {
        Context::new("demo", "dev").lineage("l-1")
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
    fn a_tag_of_the_users_takes_the_place_of_ours_in_any_case() {
        let user = tags(&[("owner", "me"), ("name", "x"), ("environment", "research")]);
        assert_eq!(
            classic(&Names::new(&context()), &user, &[("Name", "demo-dev")]),
            tags(&[("Project", "demo"), ("environment", "research"), ("name", "x"), ("owner", "me")])
        );
        let context = context().topology("design");
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
        assert_eq!(marks(&context).claim(&lost, "aws.vpc.main", &Tags::new()), Claim::AnotherState);
    }

    #[test]
    fn a_tag_is_added_where_the_user_has_none() {
        let mut all = tags(&[("description", "theirs")]);
        add(&mut all, "Description", "ours");
        add(&mut all, "Other", "ours");
        assert_eq!(all, tags(&[("Other", "ours"), ("description", "theirs")]));
    }

    #[test]
    fn a_mark_is_told_from_a_lost_one_and_a_strangers() {
        let marks = marks(&context());
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
}
