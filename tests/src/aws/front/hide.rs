//! Eventual consistency: what was just created is not found for a while.
//!
//! Both emulators are consistent at once; AWS is not.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Fault, Outcome};
use super::call::Call;
use crate::front::{Countdown, Wait};

/// How long new things stay out of sight, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Hide {
    /// How long; [`Wait::Reads`] counts the looks at each thing.
    pub wait: Wait,
    /// Whether requests that change something, and name the new thing, are refused too.
    pub writes: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Hidden {
    hide: Option<Hide>,
    things: BTreeMap<String, Countdown>,
    /// Sorts of things that a look or a change has missed.
    missed: BTreeSet<String>,
}

impl Hidden {
    pub(crate) fn set(&mut self, hide: Option<Hide>) {
        self.hide = hide;
        self.things.clear();
        self.missed.clear();
    }

    /// What its id begins with, of everything that somebody missed: `vpc`, `role`, `nodegroup`.
    pub(crate) fn sorts(&self) -> BTreeSet<String> {
        self.missed.clone()
    }

    /// Hides a thing that was created just now, if anything is to be hidden.
    pub(crate) fn created(&mut self, id: &str) {
        if let Some(hide) = self.hide {
            self.things.insert(id.to_owned(), Countdown::start(hide.wait));
        }
    }

    /// Whether a look at this thing misses it; counts the look.
    pub(crate) fn misses(&mut self, id: &str) -> bool {
        let Some(countdown) = self.things.get_mut(id) else { return false };
        if countdown.over() {
            self.things.remove(id);
            return false;
        }
        countdown.looked();
        self.missed.insert(id.split(['-', '/']).next().unwrap_or(id).to_owned());
        true
    }

    /// Whether a change that names this thing is refused; counts as a look.
    pub(crate) fn refuses(&mut self, id: &str) -> bool {
        self.hide.is_some_and(|hide| hide.writes) && self.misses(id)
    }

    /// Every hidden thing whose id the predicate takes; counts a look at each.
    pub(crate) fn missed(&mut self, takes: impl Fn(&str) -> bool) -> Vec<String> {
        let ids: Vec<String> = self.things.keys().filter(|id| takes(id)).cloned().collect();
        ids.into_iter().filter(|id| self.misses(id)).collect()
    }
}

/// What a call creates, in services whose requests name it.
pub(crate) fn created(call: &Call) -> Option<String> {
    let text = |member: &str| call.json[member].as_str();
    let arg = |index: usize| call.args.get(index);
    Some(match (call.service.as_str(), call.action.as_str()) {
        ("eks", "CreateCluster") => format!("cluster/{}", text("name")?),
        ("eks", "CreateNodegroup") => format!("nodegroup/{}/{}", arg(0)?, text("nodegroupName")?),
        ("eks", "CreateAddon") => format!("addon/{}/{}", arg(0)?, text("addonName")?),
        ("ecr", "CreateRepository") => format!("repository/{}", text("repositoryName")?),
        ("resource-groups", "CreateGroup") => format!("group/{}", text("Name")?),
        ("iam", "CreateOpenIDConnectProvider") => {
            format!("oidc-provider/{}", call.parameter("Url").trim_start_matches("https://"))
        }
        _ => return None,
    })
}

/// Refuses a look at one of these that is to miss it.
pub(crate) fn check(hidden: &mut Hidden, call: &Call) -> Outcome<()> {
    let Some((id, fault)) = looked_at(call) else { return Ok(()) };
    if hidden.misses(&id) { Err(fault) } else { Ok(()) }
}

/// The one thing that a call asks after, and how the service says that there is none.
fn looked_at(call: &Call) -> Option<(String, Fault)> {
    let arg = |index: usize| call.args.get(index);
    let eks = |id: String| {
        let fault = Fault::new(404, "ResourceNotFoundException", format!("No {id} found."));
        (id, fault)
    };
    let last = |text: &str, mark: &str| text.rsplit_once(mark).map_or(text, |(_, name)| name).to_owned();
    Some(match (call.service.as_str(), call.action.as_str()) {
        ("eks", "DescribeCluster") => eks(format!("cluster/{}", arg(0)?)),
        ("eks", "DescribeNodegroup") => eks(format!("nodegroup/{}/{}", arg(0)?, arg(1)?)),
        ("eks", "DescribeAddon") => eks(format!("addon/{}/{}", arg(0)?, arg(1)?)),
        ("ecr", "DescribeRepositories") => repository(call.json["repositoryNames"][0].as_str()?),
        ("ecr", "ListTagsForResource") => repository(&last(call.json["resourceArn"].as_str()?, ":repository/")),
        ("resource-groups", "GetGroup" | "GetGroupQuery") => group(&last(call.json["Group"].as_str()?, ":group/")),
        ("resource-groups", "GetTags") => group(&last(arg(0)?, ":group/")),
        ("iam", "GetOpenIDConnectProvider") => {
            let issuer = last(call.parameter("OpenIDConnectProviderArn"), ":oidc-provider/");
            let message = format!("OpenIDConnect Provider not found for {issuer}");
            (format!("oidc-provider/{issuer}"), Fault::new(404, "NoSuchEntity", message))
        }
        _ => return None,
    })
}

fn repository(name: &str) -> (String, Fault) {
    let message = format!("The repository with name '{name}' does not exist");
    (format!("repository/{name}"), Fault::bad("RepositoryNotFoundException", message))
}

fn group(name: &str) -> (String, Fault) {
    (format!("group/{name}"), Fault::new(404, "NotFoundException", format!("Cannot find group: {name}")))
}
