//! Declares the shape of a kind's document: JSON Schema 2020-12 with the `x-nic` annotations the host's diff lives by.
//!
//! ```
//! use nic_sdk::schema::{Normalise, integer, list, map, object, string};
//!
//! let subnet = object()
//!     .required("vpc_id", string().immutable())
//!     .required("cidr_block", string().immutable().normalise(Normalise::Cidr))
//!     .optional("route_table_ids", list(string()).set())
//!     .optional("desired_size", integer().minimum(0).left_when_unset())
//!     .optional("tags", map(string()))
//!     .optional("arn", string().computed())
//!     .build();
//!
//! assert_eq!(subnet["properties"]["cidr_block"]["x-nic"]["immutable"], true);
//! assert_eq!(subnet["required"], serde_json::json!(["vpc_id", "cidr_block"]));
//! ```
//!
//! The annotations:
//!
//! | member of `x-nic` | means |
//! |---|---|
//! | `immutable` | cannot be changed in place: a difference means replacement; a key of a config section: cannot be changed after the first deploy |
//! | `computed` | filled by the cloud, never desired, never a difference |
//! | `set` | an array whose order is no difference |
//! | `left-when-unset` | the cloud's own while the config does not set it: taken out of the config, it stays as it is |
//! | `left-to-cloud` | after creation the cloud's own; acted on only when the desired value itself changes |
//! | `natural-name` | part of what the thing is found by while its remote id is not known |
//! | `remote-id` | the remote id: references to it are good as soon as a create has told it |
//! | `goes-with` | on the whole document: the kind of what these are parts of, gone when that is |
//! | `root` | on the whole document: everything else of a platform stands on these; where none is left, the platform is gone |
//! | `hosts` | on the whole document: the kind of what stands in these, is read through them, and is gone when they are |
//! | `outlives` | on the whole document: the kind of something that they need, and that may be deleted before they are |
//! | `only-deletes` | on the whole document: only a delete has work to do, so a create waits for nothing that it does not reference |
//! | `well` | what this text says when the thing is well; whatever else it says, the thing is not ready |
//! | `why` | the cloud's own words on why the thing is not well |
//! | `nodes` | on the whole document: these are groups of nodes; where it says which group its nodes are of, and how many there are at least |
//! | `sensitive` | never shown |
//! | `normalise` | look-alikes that are no difference: `cidr`, `policy`, `quantity`, `version` |

use serde_json::{Map, Value, json};

/// A schema under construction. Where it ends, [`Schema::build`] or `into()` gives the JSON.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Schema(Map<String, Value>);

/// Spellings of one value that are no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalise {
    /// `10.0.0.5/16` is `10.0.0.0/16`.
    Cidr,
    /// A policy document as text: white space, key order, one element instead of a list of one.
    Policy,
    /// A Kubernetes quantity: `1000m` is `1`.
    Quantity,
    /// A version, always text.
    Version,
    /// A version by its numbers, of which a later one does as well: `v1.12.4` is there where `v1.13.0` is.
    AtLeast,
}

impl Normalise {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cidr => "cidr",
            Self::Policy => "policy",
            Self::Quantity => "quantity",
            Self::Version => "version",
            Self::AtLeast => "at-least",
        }
    }
}

/// Text.
pub fn string() -> Schema {
    of_type("string")
}

/// A whole number within 2^53; larger ones cross as text.
pub fn integer() -> Schema {
    of_type("integer")
}

/// Any number.
pub fn number() -> Schema {
    of_type("number")
}

/// True or false.
pub fn boolean() -> Schema {
    of_type("boolean")
}

/// One of these texts.
pub fn one_of(values: &[&str]) -> Schema {
    string().with("enum", json!(values))
}

/// A list; its order counts unless it is a [`set`](Schema::set).
pub fn list(items: Schema) -> Schema {
    of_type("array").with("items", items.build())
}

/// An object with any keys, all values alike.
pub fn map(values: Schema) -> Schema {
    of_type("object").with("additionalProperties", values.build())
}

/// An object with these members and no others.
pub fn object() -> Schema {
    of_type("object").with("properties", json!({})).with("additionalProperties", json!(false))
}

/// Anything.
pub fn any() -> Schema {
    Schema(Map::new())
}

fn of_type(name: &str) -> Schema {
    any().with("type", json!(name))
}

impl Schema {
    /// A member of an object that a desired document must have.
    ///
    /// # Panics
    ///
    /// On a schema that was not made by [`object`].
    pub fn required(mut self, name: &str, member: impl Into<Self>) -> Self {
        let required = self.0.entry("required").or_insert_with(|| json!([]));
        required.as_array_mut().expect("`required` is only set here").push(json!(name));
        self.optional(name, member)
    }

    /// A member of an object that may be absent, as a [`computed`](Schema::computed) one is until the cloud has filled it.
    ///
    /// # Panics
    ///
    /// On a schema that was not made by [`object`].
    pub fn optional(mut self, name: &str, member: impl Into<Self>) -> Self {
        let properties = self.0.get_mut("properties").and_then(Value::as_object_mut);
        properties
            .expect("members belong to a schema made by `object()`")
            .insert(name.to_owned(), member.into().build());
        self
    }

    /// Cannot be changed in place.
    pub fn immutable(self) -> Self {
        self.annotated("immutable", json!(true))
    }

    /// Filled by the cloud, never desired.
    pub fn computed(self) -> Self {
        self.annotated("computed", json!(true))
    }

    /// A list whose order is no difference.
    pub fn set(self) -> Self {
        self.annotated("set", json!(true))
    }

    /// After creation the cloud's own, acted on only when the desired value itself changes.
    pub fn left_to_cloud(self) -> Self {
        self.annotated("left-to-cloud", json!(true))
    }

    /// The cloud's own while the config does not set it: taken out of the config, it stays as it is.
    pub fn left_when_unset(self) -> Self {
        self.annotated("left-when-unset", json!(true))
    }

    /// Part of what the thing is found by while its remote id is not known: a `read` without remote id waits for these members, and
    /// for no others. Where none is marked it waits for all.
    pub fn natural_name(self) -> Self {
        self.annotated("natural-name", json!(true))
    }

    /// The remote id, filled by the cloud. As soon as a create has told it by [`created`](crate::report::created), whatever references
    /// no more of the resource than this and desired members is begun, while the create goes on. Only for things that can be
    /// used as soon as they have an id.
    pub fn remote_id(self) -> Self {
        self.computed().annotated("remote-id", json!(true))
    }

    /// Everything else of a platform stands on these.
    pub fn root(self) -> Self {
        self.annotated("root", json!(true))
    }

    /// On the schema of a whole document: these are parts of something of the kind `kind` that they reference. When that is deleted
    /// they are gone with it: then the host waits for that instead of calling `delete`.
    pub fn goes_with(self, kind: &str) -> Self {
        self.annotated("goes-with", json!(kind))
    }

    /// On the schema of a whole document: what is of the kind `kind` and depends on one of these stands in it, is read through it, and
    /// is gone when it is. When such a thing cannot be read and all is destroyed, the host lets it go with this.
    pub fn hosts(self, kind: &str) -> Self {
        self.annotated("hosts", json!(kind))
    }

    /// On the schema of a whole document: these need something of the kind `kind`, and can still be deleted when that is gone. Then the
    /// host deletes both at the same time.
    pub fn outlives(self, kind: &str) -> Self {
        self.annotated("outlives", json!(kind))
    }

    /// On the schema of a whole document: a create does nothing, and only a delete has work to do. What such a resource depends on
    /// without a reference says what is deleted after it, and is not waited for when it is created.
    pub fn only_deletes(self) -> Self {
        self.annotated("only-deletes", json!(true))
    }

    /// A member at the top of a document, filled by the cloud, that says how the thing is: one of these texts when it is well. What is not
    /// well is not ready, and `deploy` waits for it.
    pub fn well(self, values: &[&str]) -> Self {
        self.computed().annotated("well", json!(values))
    }

    /// A member at the top of a document, filled by the cloud, that says in the cloud's own words why the thing is not well: a text or
    /// a list of them.
    pub fn why(self) -> Self {
        self.computed().annotated("why", json!(true))
    }

    /// On the schema of a whole document: these are groups of nodes. `group` leads to the name by which the cloud labels the nodes of the
    /// group, `minimum` to the number of nodes that there are at least: so many have to be ready.
    pub fn nodes(self, group: &str, minimum: &str) -> Self {
        self.annotated("nodes", json!({ "group": group, "minimum": minimum }))
    }

    /// Never shown.
    pub fn sensitive(self) -> Self {
        self.annotated("sensitive", json!(true))
    }

    /// These spellings are no difference.
    pub fn normalise(self, how: Normalise) -> Self {
        self.annotated("normalise", json!(how.as_str()))
    }

    /// May also be `null`.
    pub fn nullable(mut self) -> Self {
        if let Some(one) = self.0.get("type").cloned() {
            self.0.insert("type".to_owned(), json!([one, "null"]));
        }
        if let Some(values) = self.0.get_mut("enum").and_then(Value::as_array_mut) {
            values.push(Value::Null);
        }
        self
    }

    /// What it is, for people.
    pub fn description(self, text: &str) -> Self {
        self.with("description", json!(text))
    }

    /// What absence means.
    pub fn default(self, value: Value) -> Self {
        self.with("default", value)
    }

    /// A regular expression the text matches; no look-around, no back-references.
    pub fn pattern(self, expression: &str) -> Self {
        self.with("pattern", json!(expression))
    }

    /// The least number.
    pub fn minimum(self, least: i64) -> Self {
        self.with("minimum", json!(least))
    }

    /// The greatest number.
    pub fn maximum(self, greatest: i64) -> Self {
        self.with("maximum", json!(greatest))
    }

    /// Any other keyword of JSON Schema.
    pub fn with(mut self, keyword: &str, value: Value) -> Self {
        self.0.insert(keyword.to_owned(), value);
        self
    }

    /// The JSON.
    #[must_use]
    pub fn build(self) -> Value {
        Value::Object(self.0)
    }

    fn annotated(mut self, annotation: &str, value: Value) -> Self {
        let annotations = self.0.entry("x-nic").or_insert_with(|| json!({}));
        annotations[annotation] = value;
        self
    }
}

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        schema.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_gather_in_one_object() {
        let version = string().immutable().sensitive().normalise(Normalise::Version).build();
        assert_eq!(
            version,
            json!({"type": "string", "x-nic": {"immutable": true, "sensitive": true, "normalise": "version"}})
        );
    }

    #[test]
    fn health_is_said_by_what_the_cloud_fills_in() {
        assert_eq!(
            string().well(&["ACTIVE"]).build(),
            json!({"type": "string", "x-nic": {"computed": true, "well": ["ACTIVE"]}})
        );
        assert_eq!(list(string()).why().build()["x-nic"], json!({"computed": true, "why": true}));
        assert_eq!(
            object().nodes("/name", "/min").build()["x-nic"],
            json!({"nodes": {"group": "/name", "minimum": "/min"}})
        );
    }

    #[test]
    fn an_object_knows_its_members_and_no_others() {
        let schema = object().required("a", string()).optional("b", list(integer()).set().computed()).build();
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["a"],
                "properties": {
                    "a": {"type": "string"},
                    "b": {"type": "array", "items": {"type": "integer"}, "x-nic": {"set": true, "computed": true}},
                },
            })
        );
    }

    #[test]
    fn a_nullable_enumeration_lists_null() {
        assert_eq!(one_of(&["a"]).nullable().build(), json!({"type": ["string", "null"], "enum": ["a", null]}));
    }

    #[test]
    #[should_panic(expected = "members belong to a schema made by `object()`")]
    fn members_need_an_object() {
        let _ = string().required("a", string());
    }
}
