//! `lie`: answers what is not so, `{do: lie, how: unknown-address}`.
//!
//! | in | `how` |
//! |---|---|
//! | `in.desired` | `duplicate-address`, `unknown-kind`, `bad-document`, `foreign-address`, `dangling-reference`, `cycle`, `ask-again` |
//! | `read` | `unknown-address`, `duplicate-address`, `bad-document`, `changed-immutable`, `other-remote-id`, `absent`, `missing`, `unreadable` |
//! | `create`, `update`, `delete` | `unknown-address`, `bad-document`, `changed-immutable`, `other-remote-id`, `no-remote-id`, `absent` (after create), `present` (after delete), `told-twice` (create) |
//! | `in.cluster` | `unknown-locator` |

use nic_sdk::types::{Locator, Observation, Resource, Status, reference};
use nic_sdk::{Error, report};
use serde::Deserialize;
use serde_json::json;

/// What is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Absent, though it is there.
    Absent,
    /// Asks for the same facts again.
    AskAgain,
    /// A document that its schema forbids.
    BadDocument,
    /// Another value of an immutable attribute.
    ChangedImmutable,
    /// Two resources that need each other.
    Cycle,
    /// A reference to what does not exist.
    DanglingReference,
    /// The same address twice.
    DuplicateAddress,
    /// An address with another provider's name.
    ForeignAddress,
    /// No answer for what was asked.
    Missing,
    /// No remote id for what exists.
    NoRemoteId,
    /// A remote id that is another one's.
    OtherRemoteId,
    /// There, though it was deleted.
    Present,
    /// Tells the journal two ids.
    ToldTwice,
    /// An address that nobody asked for.
    UnknownAddress,
    /// A kind that `describe` does not know.
    UnknownKind,
    /// A locator that the host does not know.
    UnknownLocator,
    /// Unreadable, though it can be read.
    Unreadable,
}

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lie {
    pub(crate) how: How,
}

impl Lie {
    /// Falsifies a desired graph.
    pub(crate) fn falsify_graph(&self, resources: &mut Vec<Resource>) {
        let invented = |name: &str| {
            let script = resources.first().map(|resource| resource.document["script"].clone()).unwrap_or_default();
            Resource::new(format!("scripted.thing.{name}"), "scripted.thing", json!({ "name": name, "script": script }))
        };
        let (mut one, mut other) = (invented("lie-one"), invented("lie-two"));
        match self.how {
            How::DuplicateAddress => other.address.clone_from(&one.address),
            How::UnknownKind => one.kind = "scripted.nothing".into(),
            How::BadDocument => one.document["name"] = json!(7),
            How::ForeignAddress => one.address = "aws.vpc.main".into(),
            How::DanglingReference => one.document["value"] = reference("scripted.thing.nowhere", "/id"),
            How::Cycle => {
                one.document["value"] = reference(&other.address, "/id");
                other.document["value"] = reference(&one.address, "/id");
            }
            _ => return,
        }
        resources.extend([one, other]);
    }

    /// Falsifies the observation of a read; `None` keeps it back, `Some` with a second one adds that.
    pub(crate) fn falsify_read(&self, seen: Observation) -> Vec<Observation> {
        match self.how {
            How::Missing => Vec::new(),
            How::DuplicateAddress => vec![seen.clone(), seen],
            How::UnknownAddress => {
                let mut invented = seen.clone();
                "scripted.thing.nobody-asked".clone_into(&mut invented.address);
                vec![seen, invented]
            }
            How::Unreadable => vec![Observation::unreadable(seen.address, Error::TimedOut("so it says".into()))],
            How::Absent => vec![Observation::absent(seen.address)],
            _ => vec![self.falsify(seen)],
        }
    }

    /// Falsifies the observation that ends a change.
    pub(crate) fn falsify_done(&self, mut done: Observation) -> Observation {
        match self.how {
            How::UnknownAddress => {
                "scripted.thing.nobody-asked".clone_into(&mut done.address);
                done
            }
            How::NoRemoteId => done.remote_id(None::<String>),
            How::Absent => Observation::absent(done.address),
            How::Present => {
                let document = json!({ "name": "still there", "id": "0" });
                Observation::present(done.address, "0", document).status(Status::Present)
            }
            _ => self.falsify(done),
        }
    }

    fn falsify(&self, mut seen: Observation) -> Observation {
        match self.how {
            How::BadDocument => seen.document["list"] = json!({ "not": "a list" }),
            How::ChangedImmutable => seen.document["name"] = json!("another name"),
            How::OtherRemoteId => seen.remote_id = Some("another-one".into()),
            _ => {}
        }
        seen
    }

    /// Tells the journal a second id after `id`.
    pub(crate) fn tell(&self, id: &str) {
        if self.how == How::ToldTwice {
            let answer = report::created(&format!("{id}-and-another"));
            super::finding("lie told-twice", answer.map(|()| "accepted".to_owned()));
        }
    }

    /// Falsifies the way to the cluster.
    pub(crate) fn falsify_locator(&self, locator: Option<Locator>) -> Option<Locator> {
        match self.how {
            How::UnknownLocator => Some(Locator::new("crystal-ball", json!({}))),
            _ => locator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lie(how: How) -> Lie {
        Lie { how }
    }

    #[test]
    fn a_read_can_be_kept_back_doubled_and_invented() {
        let seen = || Observation::present("scripted.thing.a", "1", json!({ "name": "a" }));
        assert_eq!(lie(How::Missing).falsify_read(seen()), []);
        assert_eq!(lie(How::DuplicateAddress).falsify_read(seen()), [seen(), seen()]);
        assert_ne!(lie(How::UnknownAddress).falsify_read(seen())[1].address, seen().address);
        assert_eq!(lie(How::Absent).falsify_read(seen()), [Observation::absent("scripted.thing.a")]);
    }

    #[test]
    fn a_graph_gets_two_more_resources() {
        for how in [How::DuplicateAddress, How::UnknownKind, How::BadDocument, How::Cycle, How::DanglingReference] {
            let mut resources = Vec::new();
            lie(how).falsify_graph(&mut resources);
            assert_eq!(resources.len(), 2, "{how:?}");
        }
    }
}
