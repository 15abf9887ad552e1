//! The one mark by which NIC knows its own.
//!
//! It says which state a thing belongs to, the region of its platform, and its address; it is never part of a document. Where a label
//! holds any text it is one label, `<lineage>@<region>/<address>`. Where labels hold little it is three.

mod parts;

use std::borrow::Cow;

use super::{Labels, Topology};
use crate::types::Context;

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
    key: &'static str,
    parts: Option<Parts>,
    topology: Topology,
    lineage: String,
    region: Option<String>,
    platform: Vec<(&'static str, String)>,
}

/// How text is written into labels that hold little. Functions, so that a component is not the larger for a form it never asks for.
#[derive(Debug, Clone, Copy)]
struct Parts {
    written: fn(&str) -> String,
    read: fn(&str) -> Option<String>,
}

/// A mark that a thing bears.
struct Read<'a> {
    lineage: Cow<'a, str>,
    region: Option<Cow<'a, str>>,
    /// As it is written, which is not always as it was.
    address: &'a str,
}

impl Marks {
    /// The marks for the state of the context, in a label called `key`.
    pub fn new(context: &Context, key: &'static str) -> Self {
        Self {
            key,
            parts: None,
            topology: Topology::of(context),
            lineage: context.lineage.clone(),
            region: context.region.clone(),
            platform: Vec::new(),
        }
    }

    /// Writes the mark in labels that hold no more than small letters, digits, `-` and `_`, 63 of them: `<key>`, `<key>-state` and
    /// `<key>-region`. `key` has to be such a label itself.
    #[must_use]
    pub fn in_parts(mut self) -> Self {
        self.parts = Some(Parts { written: parts::written, read: parts::read });
        self
    }

    /// A label that says which platform a thing belongs to. What another state of the same platform made is known by all of them.
    #[must_use]
    pub fn platform(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.platform.push((key, value.into()));
        self
    }

    /// The label that bears the mark, or its address: what marked things are listed by.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Which state it is.
    pub fn lineage(&self) -> &str {
        &self.lineage
    }

    /// Which platform it is.
    pub fn topology(&self) -> Topology {
        self.topology
    }

    /// Whether a label is a part of the mark, and so nothing that a document shows.
    pub fn is_mark(&self, key: &str) -> bool {
        key == self.key || self.parts.is_some() && (key == self.state_key() || key == self.region_key())
    }

    /// The labels to create a thing with: those of its document and the mark.
    pub fn mark(&self, labels: &Labels, address: &str) -> Labels {
        let mut marked = labels.clone();
        if let Some(parts) = self.parts {
            marked.insert(self.key.to_owned(), (parts.written)(address));
            marked.insert(self.state_key(), (parts.written)(&self.lineage));
            if let Some(region) = &self.region {
                marked.insert(self.region_key(), (parts.written)(region));
            }
        } else {
            let owner = match &self.region {
                Some(region) => format!("{}@{region}", self.lineage),
                None => self.lineage.clone(),
            };
            marked.insert(self.key.to_owned(), format!("{owner}/{address}"));
        }
        marked
    }

    /// Whether a thing with the labels `shown` is the one at `address`, whose document wants the labels `wanted`.
    pub fn claim(&self, shown: &Labels, address: &str, wanted: &Labels) -> Claim {
        self.judge(shown, address, wanted, false)
    }

    /// The same of a thing that bears the name of the one at `address`. The name says whose it is where no label does: some kinds have
    /// no labels but the mark.
    pub fn claim_named(&self, shown: &Labels, address: &str, wanted: &Labels) -> Claim {
        self.judge(shown, address, wanted, true)
    }

    fn judge(&self, shown: &Labels, address: &str, wanted: &Labels, unlabelled: bool) -> Claim {
        let Some(mark) = self.read(shown).filter(|mark| mark.address == self.written(address)) else {
            return Claim::Foreign;
        };
        if mark.lineage == self.written(&self.lineage) {
            return Claim::Ours;
        }
        // A user's label may stand in for the platform's, so the wanted one decides where there is one.
        let same = |(key, ours): &(&str, String)| match label(shown, key) {
            Some(shown) => shown == label(wanted, key).unwrap_or(ours),
            None => unlabelled,
        };
        // Some things are of no region, and platforms of one name may be in several.
        let region = self.region.as_deref().map(|region| self.written(region));
        let here = mark.region.is_none() || mark.region == region;
        if here && self.platform.iter().all(same) { Claim::AnotherState } else { Claim::Foreign }
    }

    /// Whether a thing is marked for `address`, by whatever state.
    pub fn is_marked_for(&self, shown: &Labels, address: &str) -> bool {
        self.read(shown).is_some_and(|mark| mark.address == self.written(address))
    }

    /// The address a thing is marked for, whatever the lineage. Where labels hold little, a long one may not be readable.
    pub fn address_of<'a>(&self, shown: &'a Labels) -> Option<Cow<'a, str>> {
        let mark = self.read(shown)?;
        match self.parts {
            None => Some(Cow::Borrowed(mark.address)),
            Some(parts) => (parts.read)(mark.address).map(Cow::Owned),
        }
    }

    /// The lineage of the state that made a thing.
    pub fn lineage_of<'a>(&self, shown: &'a Labels) -> Option<Cow<'a, str>> {
        self.read(shown).map(|mark| mark.lineage)
    }

    /// The mark of a thing, for people.
    pub fn text_of<'a>(&self, shown: &'a Labels) -> &'a str {
        shown.get(self.key).map_or("", String::as_str)
    }

    /// Whether the mark is that of another state than this one's.
    pub fn is_of_another_state(&self, shown: &Labels) -> bool {
        self.lineage_of(shown).is_some_and(|lineage| lineage != self.written(&self.lineage))
    }

    fn read<'a>(&self, shown: &'a Labels) -> Option<Read<'a>> {
        let mark = shown.get(self.key)?;
        if self.parts.is_some() {
            return Some(Read {
                lineage: shown.get(&self.state_key())?.into(),
                region: shown.get(&self.region_key()).map(Cow::from),
                address: mark,
            });
        }
        let (owner, address) = mark.rsplit_once('/')?;
        let (lineage, region) = owner.split_once('@').map_or((owner, None), |(of, region)| (of, Some(region)));
        Some(Read { lineage: lineage.into(), region: region.map(Cow::Borrowed), address })
    }

    /// A text as marks have it.
    fn written<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.parts {
            None => Cow::Borrowed(text),
            Some(parts) => Cow::Owned((parts.written)(text)),
        }
    }

    /// The label for the state, where a mark is several.
    fn state_key(&self) -> String {
        format!("{}-state", self.key)
    }

    /// The label for the region, where a mark is several.
    fn region_key(&self) -> String {
        format!("{}-region", self.key)
    }
}

/// The label of this key. Some services tell no case of keys apart, so a user's label may stand for the platform's in any.
fn label<'a>(labels: &'a Labels, key: &str) -> Option<&'a String> {
    let in_any_case = || labels.iter().find(|(given, _)| given.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    labels.get(key).or_else(in_any_case)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "nic.example.com/owner";

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn marks(region: Option<&str>) -> Marks {
        let context = Context::new("demo", "dev").lineage("l-1").region(region.map(str::to_owned));
        Marks::new(&context, KEY).platform("Project", "demo").platform("Environment", "dev")
    }

    #[test]
    fn a_mark_is_told_from_a_lost_one_and_a_strangers() {
        let marks = marks(None);
        let ours = marks.mark(&labels(&[("Project", "demo"), ("Environment", "dev")]), "a.network.main");
        assert_eq!(ours[KEY], "l-1/a.network.main");
        assert_eq!(marks.claim(&ours, "a.network.main", &Labels::new()), Claim::Ours);
        assert_eq!(marks.claim(&ours, "a.subnet.0", &Labels::new()), Claim::Foreign);
        let lost = labels(&[("Project", "demo"), ("Environment", "dev"), (KEY, "l-0/a.network.main")]);
        assert_eq!(marks.claim(&lost, "a.network.main", &Labels::new()), Claim::AnotherState);
        assert!(marks.is_of_another_state(&lost) && !marks.is_of_another_state(&ours));
        let other = labels(&[("Project", "other"), ("Environment", "dev"), (KEY, "l-0/a.network.main")]);
        assert_eq!(marks.claim(&other, "a.network.main", &Labels::new()), Claim::Foreign);
        assert_eq!(marks.claim(&other, "a.network.main", &labels(&[("Project", "other")])), Claim::AnotherState);
        let cased = labels(&[("project", "other"), ("Environment", "dev"), (KEY, "l-0/a.network.main")]);
        assert_eq!(marks.claim(&cased, "a.network.main", &labels(&[("project", "other")])), Claim::AnotherState);
        assert_eq!(marks.claim(&cased, "a.network.main", &Labels::new()), Claim::Foreign);
    }

    #[test]
    fn what_has_a_name_is_a_strangers_when_its_labels_or_its_region_say_so() {
        let marks = marks(Some("us-west-2"));
        let claim = |mark: &str, more: &[(&str, &str)]| {
            let shown = more.iter().chain(&[(KEY, mark)]).copied().collect::<Vec<_>>();
            marks.claim_named(&labels(&shown), "a.role.cluster", &Labels::new())
        };
        let dev = [("Project", "demo"), ("Environment", "dev")];
        assert_eq!(claim("l-1@us-west-2/a.role.cluster", &dev), Claim::Ours);
        assert_eq!(claim("l-0@us-west-2/a.role.cluster", &dev), Claim::AnotherState);
        // Of before regions were told, and of kinds without labels.
        assert_eq!(claim("l-0/a.role.cluster", &dev), Claim::AnotherState);
        assert_eq!(claim("l-0@us-west-2/a.role.cluster", &[]), Claim::AnotherState);
        assert_eq!(claim("l-0@eu-west-1/a.role.cluster", &dev), Claim::Foreign);
        assert_eq!(
            claim("l-0@us-west-2/a.role.cluster", &[("Project", "demo"), ("Environment", "prod")]),
            Claim::Foreign
        );
    }

    #[test]
    fn where_labels_hold_little_a_mark_is_several_and_means_the_same() {
        let context = |lineage: &str| {
            Context::new("demo", "dev").lineage(lineage).region("europe-west1".to_owned()).topology("design")
        };
        let of = |lineage: &str| Marks::new(&context(lineage), "nic").in_parts().platform("project", "demo");
        let marks = of("9F0C");
        let address = "g.node-pool.General_1";
        let ours = marks.mark(&labels(&[("project", "demo")]), address);
        let fits = |text: &String| {
            text.len() <= 63 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
        };
        assert!(ours.iter().all(|(key, value)| fits(key) && fits(value)), "{ours:?}");
        assert_eq!(ours.keys().filter(|key| marks.is_mark(key)).count(), 3);
        assert_eq!(marks.address_of(&ours).as_deref(), Some(address));
        assert_eq!(marks.claim(&ours, address, &Labels::new()), Claim::Ours);
        assert_eq!(of("77AA").claim(&ours, address, &Labels::new()), Claim::AnotherState);
        assert_eq!(marks.claim(&ours, "g.node-pool.general_1", &Labels::new()), Claim::Foreign);

        let long = format!("g.node-pool.{}", "x".repeat(80));
        let ours = marks.mark(&Labels::new(), &long);
        assert!(ours.values().all(fits));
        assert_eq!(marks.claim(&ours, &long, &Labels::new()), Claim::Ours);
        assert_eq!(marks.claim(&ours, &format!("{long}y"), &Labels::new()), Claim::Foreign);
        assert_eq!(marks.address_of(&ours), None, "what was cut cannot be read");
    }
}
