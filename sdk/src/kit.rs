//! What providers of clouds have in common, so that none is copied from another.
//!
//! Nothing here knows a cloud: what differs from one to the next is said by the provider, in [`Cloud`] and in the traits of its
//! kinds. All of it is optional. A provider that only declares Kubernetes objects needs none of it.
//!
//! | to | there is |
//! |---|---|
//! | sort reads and changes by kind | [`Kind`], [`kinds!`](crate::kinds) |
//! | read documents, answer changes | [`change`] |
//! | know what a change is about | [`Scope`] |
//! | know one's own things again | [`Marks`], [`Claim`], [`LabelEdits`] |
//! | observe kinds with a unique name | [`named`] |
//! | observe, make and change kinds that are found by their mark | [`LabelledKind`] |
//! | lead a thing to its document where a change shows late | [`settle`] |
//! | find what is not recorded | [`discover`] |
//! | type a section of the config, each fault with its place | [`Reader`], [`taint`], [`label_syntax`], [`Cidr`], [`placeholder()`] |
//! | name things, within what a cloud takes | [`names`] |
//! | tell the two topologies apart | [`Topology`] |
//! | ask before the graph is known | [`Sought`] |
//! | compare versions | [`Minor`] |
//! | check before the first change | [`preflight`] |

pub mod change;
mod cidr;
pub mod discover;
mod facts;
mod kind;
pub mod label_syntax;
mod labelled;
mod labels;
mod marks;
pub mod named;
pub mod names;
mod placeholder;
mod pointer;
pub mod preflight;
mod reader;
mod scope;
pub mod settle;
mod spelling;
pub mod taint;
mod topology;
mod version;

pub use self::cidr::{Cidr, CidrError};
pub use self::facts::{Sought, text_argument, unknown_query};
pub use self::kind::{Cloud, Kind, by_kind, unknown_kind};
pub use self::labelled::{LabelledKind, Selection, ambiguous, claimed, marked, observe_recorded};
pub use self::labels::{LabelEdits, Labels, labels_of};
pub use self::marks::{Claim, Marks};
pub use self::placeholder::placeholder;
pub use self::pointer::{child, escaped};
pub use self::reader::{Reader, unread_keys, wrong_type};
pub use self::scope::Scope;
pub use self::settle::{Found, Labelled, Settles};
pub use self::spelling::nearest;
pub use self::topology::Topology;
pub use self::version::Minor;
