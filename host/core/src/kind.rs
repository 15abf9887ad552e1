//! What a provider says about its kinds, and the annotations that keep the diff in the core.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The name of the host-native kind.
pub const KUBERNETES_OBJECT: &str = "kubernetes.object";

/// The answer of `meta.describe`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Description {
    /// Short name, the first segment of every address it declares.
    pub name: String,
    /// Semantic version of the component.
    pub version: String,
    /// The config sections it owns, with their JSON Schemas.
    #[serde(default)]
    pub config_sections: BTreeMap<String, Value>,
    /// The kinds it manages.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// What every call is told of the config: a name, and an RFC 6901 pointer that begins with a section.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// One kind of resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kind {
    /// `<provider>.<kind>`.
    pub kind: String,
    /// For people: `Node group`. `{kind}` stands for what the member `kind` of a document says, see [`Kind::title_of`].
    pub title: String,
    /// JSON Schema 2020-12 of the document, annotated by `x-nic`.
    pub schema: Value,
    /// Version of that schema, from 1.
    pub schema_version: u32,
    /// Where records stand in the state: `cloud.vpc`, `cloud.node_groups[]`. `{kind}` as in the title, see [`Kind::state_path_of`].
    pub state_path: String,
    /// Replaced or deleted only after a typed confirmation, unless the whole platform is destroyed.
    #[serde(default)]
    pub protected: bool,
    /// Longest time of each change, in seconds.
    pub time_limits: TimeLimits,
    /// How many targets one `read` may carry.
    #[serde(default = "one")]
    pub read_batch: u32,
    /// How a create is made safe against doubling.
    pub create: CreateSafety,
    /// How long reads may not show what was just created, in seconds. For so long they must stay empty before something that may
    /// exist is created once more (tagged kinds, or another name or token than before) or forgotten (all kinds).
    #[serde(default)]
    pub settle_seconds: u32,
}

fn one() -> u32 {
    1
}

/// What stands for a member of the document in titles and state paths: kinds that hold many sorts of things tell them apart by it.
const PLACEHOLDER: &str = "{kind}";

/// Longest word that stands there: that of a kind of Kubernetes.
const MAX_SORT_BYTES: usize = 63;

impl Kind {
    /// The title of one resource: `StorageClass` for `{kind}`.
    pub fn title_of(&self, document: &Value) -> String {
        self.title.replace(PLACEHOLDER, sort_of(document).unwrap_or("Resource"))
    }

    /// The members of a document that the resource is found by while its remote id is not known; empty when the schema marks none.
    pub fn natural_name(&self) -> Vec<&str> {
        let root = SchemaNode::root(&self.schema);
        let members = self.schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        members.map(|(name, _)| name.as_str()).filter(|name| root.member(name).annotations().natural_name).collect()
    }

    /// The member of a document that is the remote id, when the schema marks one.
    pub fn remote_id_member(&self) -> Option<&str> {
        let root = SchemaNode::root(&self.schema);
        let members = self.schema.get("properties").and_then(Value::as_object)?;
        members.keys().map(String::as_str).find(|name| root.member(name).annotations().remote_id)
    }

    /// The kind of what these are parts of: when that is deleted, they are gone as well, and nobody has to delete them.
    pub fn goes_with(&self) -> Option<&str> {
        self.schema.pointer("/x-nic/goes-with").and_then(Value::as_str)
    }

    /// The kind of what stands in these, whoever made it: it is read through them, and gone when they are.
    pub fn hosts(&self) -> Option<&str> {
        self.schema.pointer("/x-nic/hosts").and_then(Value::as_str)
    }

    /// The kind of what these need only until they are deleted: it may be deleted before they are.
    pub fn outlives(&self) -> Option<&str> {
        self.schema.pointer("/x-nic/outlives").and_then(Value::as_str)
    }

    /// Whether everything else of a platform stands on these, as on a network: where none of them is left, the platform is gone.
    pub fn is_root(&self) -> bool {
        self.schema.pointer("/x-nic/root") == Some(&Value::Bool(true))
    }

    /// Whether only a delete of these has work to do: then `depends_on` says what is deleted after them and nothing else.
    pub fn only_deletes(&self) -> bool {
        self.schema.pointer("/x-nic/only-deletes") == Some(&Value::Bool(true))
    }

    /// The members of a document that say how the resource is, each with the values that are well.
    pub fn well(&self) -> impl Iterator<Item = (&str, &[Value])> {
        self.marked("well").filter_map(|(member, well)| Some((member, well.as_array()?.as_slice())))
    }

    /// The members of a document that say in the cloud's own words why the resource is not well.
    pub fn why(&self) -> impl Iterator<Item = &str> {
        self.marked("why").filter(|(_, why)| **why == Value::Bool(true)).map(|(member, _)| member)
    }

    /// Where a document says which group its nodes are of, and how many of them there are at least, as RFC 6901 pointers; none when
    /// these are no groups of nodes.
    pub fn nodes(&self) -> Option<(&str, &str)> {
        let pointer = |member| self.schema.pointer(&format!("/x-nic/nodes/{member}")).and_then(Value::as_str);
        pointer("group").zip(pointer("minimum"))
    }

    /// The members at the top of a document that bear this annotation, with what it says.
    fn marked(&self, annotation: &str) -> impl Iterator<Item = (&str, &Value)> {
        let members = self.schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        members.filter_map(move |(name, schema)| Some((name.as_str(), schema.get("x-nic")?.get(annotation)?)))
    }

    /// Where the record of one resource stands: `kubernetes.storage_classes[]` for `kubernetes.{kind}[]`.
    pub fn state_path_of(&self, document: &Value) -> String {
        self.state_path.replace(PLACEHOLDER, &sort_of(document).map_or_else(|| "objects".to_owned(), plural))
    }
}

/// What sort of thing a document says it is, when that is a word: a provider wrote it, and it is shown and stands in the state.
fn sort_of(document: &Value) -> Option<&str> {
    let sort = document.get("kind")?.as_str()?;
    let is_word = (1..=MAX_SORT_BYTES).contains(&sort.len()) && sort.bytes().all(|b| b.is_ascii_alphanumeric());
    is_word.then_some(sort)
}

/// `storage_classes` for `StorageClass`: the design document's spelling.
fn plural(sort: &str) -> String {
    let mut name = String::new();
    let letters: Vec<char> = sort.chars().collect();
    for (index, letter) in letters.iter().enumerate() {
        let after_small = index > 0 && letters[index - 1].is_ascii_lowercase();
        let before_small = index > 0 && letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && (after_small || before_small) {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    if name.ends_with('s') {
        name + "es"
    } else if let Some(stem) = name.strip_suffix('y') {
        format!("{stem}ies")
    } else {
        name + "s"
    }
}

/// Longest times, in seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct TimeLimits {
    pub create: u32,
    pub update: u32,
    pub delete: u32,
}

/// What keeps a repeated create from making a second thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CreateSafety {
    /// The cloud replays the answer of the same idempotency token.
    Token,
    /// The name is unique: a second create is refused.
    Named,
    /// Neither: it is looked for by its ownership tag.
    Tagged,
}

/// How two values of one attribute are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalise {
    /// `10.0.0.5/16` is `10.0.0.0/16`.
    Cidr,
    /// A policy document as text or as JSON; white space and key order are no difference, a list of one is its element.
    Policy,
    /// A Kubernetes quantity: `1000m` is `1`.
    Quantity,
    /// A version: the number 1.3 never is meant; compared as text, numbers as they were written.
    Version,
    /// A version by its numbers, of which a later one does as well.
    #[serde(rename = "at-least")]
    AtLeast,
}

/// The `x-nic` object of one property schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a schema annotation, as authors write them")]
pub struct Annotations {
    /// A change forces replacement.
    pub immutable: bool,
    /// Filled in by the cloud; never desired, never compared.
    pub computed: bool,
    /// The order of the array is no difference.
    pub set: bool,
    /// After creation the cloud's own: acted on only when the desired value itself changes, never drift.
    pub left_to_cloud: bool,
    /// The cloud's own while the config does not set it: taken out of the config, it stays as it is.
    pub left_when_unset: bool,
    /// Shown as `(sensitive)`.
    pub sensitive: bool,
    /// Part of what the resource is found by while its remote id is not known.
    pub natural_name: bool,
    /// The remote id. Whatever references no more than this and desired members may begin as soon as a create has told it, while the
    /// create goes on.
    pub remote_id: bool,
    /// Look-alikes that are no change.
    pub normalise: Option<Normalise>,
}

/// How deep local `$ref`s of a schema are followed. Schemas are hostile input: a chain of references must end.
const MAX_SCHEMA_REFERENCES: usize = 16;

/// How many alternatives of one place are followed, for the same reason.
const MAX_ALTERNATIVES: usize = 64;

/// A place in a kind's schema, walked beside the documents.
#[derive(Debug, Clone, Copy)]
pub struct SchemaNode<'a> {
    root: &'a Value,
    /// The schema as it stands, where siblings of a `$ref` can be found.
    site: Option<&'a Value>,
    /// The same with references followed.
    node: Option<&'a Value>,
    /// What the schema adds for documents like this one.
    also: Option<&'a Value>,
}

impl<'a> SchemaNode<'a> {
    /// The root of a schema.
    pub fn root(schema: &'a Value) -> Self {
        Self::at(schema, Some(schema))
    }

    /// The root of a schema, for a document: of its `allOf`, the first whose `if` the document meets adds its `then`. An `if` is met by
    /// members of the document that are the `const` or in the `enum` of its `properties`; nothing else is read there.
    pub fn root_for(schema: &'a Value, document: &Value) -> Self {
        let mut conditions = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        let met = conditions.find(|condition| is_met(condition.get("if"), document));
        Self { also: met.and_then(|condition| condition.get("then")), ..Self::root(schema) }
    }

    fn at(root: &'a Value, site: Option<&'a Value>) -> Self {
        let mut node = site;
        for _ in 0..MAX_SCHEMA_REFERENCES {
            let Some(reference) = node.and_then(|n| n.get("$ref")).and_then(Value::as_str) else { break };
            node = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        }
        Self { root, site, node, also: None }
    }

    /// The schema of a member.
    #[must_use]
    pub fn member(self, key: &str) -> Self {
        let node = self.node.and_then(|n| {
            n.get("properties")
                .and_then(|p| p.get(key))
                .or_else(|| n.get("additionalProperties").filter(|a| a.is_object()))
        });
        let also = self.also.and_then(|more| more.get("properties")?.get(key));
        Self { also, ..Self::at(self.root, node) }
    }

    /// The members that the schema names, alternatives not included.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Self)> {
        let named = self.node.and_then(|node| node.get("properties")).and_then(Value::as_object);
        named.into_iter().flat_map(Map::keys).map(move |key| (key.as_str(), self.member(key)))
    }

    /// What stands for an absent value.
    pub fn default(self) -> Option<&'a Value> {
        [self.site, self.node].into_iter().flatten().find_map(|node| node.get("default"))
    }

    /// The schema of an array's elements.
    #[must_use]
    pub fn items(self) -> Self {
        Self::at(self.root, self.node.and_then(|n| n.get("items")))
    }

    /// This place as every schema has it that may hold here: its own, and those of `anyOf`, `oneOf` and `allOf`, theirs included. None
    /// where nothing is said.
    pub fn alternatives(self) -> Vec<Self> {
        let mut found: Vec<Self> = self.site.map(|_| self).into_iter().collect();
        let mut next = 0;
        while let Some(&one) = found.get(next) {
            for key in ["anyOf", "oneOf", "allOf"] {
                let listed = one.node.and_then(|node| node.get(key)).and_then(Value::as_array).into_iter().flatten();
                let room = MAX_ALTERNATIVES.saturating_sub(found.len());
                found.extend(listed.take(room).map(|alternative| Self::at(self.root, Some(alternative))));
            }
            next += 1;
        }
        found
    }

    /// The JSON types that the schema allows at this place, alternatives not included; empty when it does not say. Values that are listed
    /// say what they are.
    pub fn types(self) -> Vec<&'a str> {
        let Some(node) = self.node else { return Vec::new() };
        match node.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => {
                let listed = node.get("enum").and_then(Value::as_array).into_iter().flatten();
                listed.chain(node.get("const")).map(type_of).collect()
            }
        }
    }

    /// The annotations at this place; those beside a `$ref` win over those of its target. What is sensitive by any of them is sensitive.
    pub fn annotations(self) -> Annotations {
        let all = || [self.site, self.node, self.also].into_iter().flatten().filter_map(|n| n.get("x-nic"));
        let first = all().next().and_then(|annotations| Annotations::deserialize(annotations).ok()).unwrap_or_default();
        Annotations { sensitive: all().any(|annotations| annotations["sensitive"] == true), ..first }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_met(condition: Option<&Value>, document: &Value) -> bool {
    let members = condition.and_then(|condition| condition.get("properties")).and_then(Value::as_object);
    members.is_some_and(|members| {
        members.iter().all(|(name, wanted)| {
            let value = document.get(name);
            let mut listed = wanted.get("enum").and_then(Value::as_array).into_iter().flatten();
            value.is_some() && (value == wanted.get("const") || listed.any(|one| value == Some(one)))
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_condition_adds_to_the_schema_of_documents_that_meet_it() {
        let schema = json!({
            "properties": { "kind": {}, "spec": { "properties": { "name": { "x-nic": { "immutable": true } } } } },
            "allOf": [{
                "if": { "properties": { "kind": { "enum": ["Job", "Task"] }, "version": { "const": "v1" } } },
                "then": { "properties": { "spec": { "properties": { "template": { "x-nic": { "immutable": true } } } } } },
            }],
        });
        let fixed = |document: Value, member: &str| {
            SchemaNode::root_for(&schema, &document).member("spec").member(member).annotations().immutable
        };
        assert!(fixed(json!({ "kind": "Job", "version": "v1" }), "template"));
        assert!(fixed(json!({ "kind": "Task", "version": "v1" }), "name"));
        for other in [json!({ "kind": "Job" }), json!({ "kind": "Pod", "version": "v1" }), json!(null)] {
            assert!(!fixed(other.clone(), "template"), "{other}");
            assert!(fixed(other, "name"));
        }
    }

    #[test]
    fn a_place_is_what_every_alternative_says_of_it() {
        let schema = json!({
            "properties": { "taints": { "items": { "anyOf": [
                { "type": "string" },
                { "$ref": "#/$defs/taint" },
            ] } } },
            "$defs": { "taint": { "oneOf": [
                { "properties": { "value": { "type": ["string", "null"] } } },
                { "properties": { "value": { "enum": [1, true] } } },
            ] } },
        });
        let items = SchemaNode::root(&schema).member("taints").items();
        let types =
            |places: &[SchemaNode<'_>]| places.iter().flat_map(|place| place.types()).collect::<Vec<_>>().join(" ");
        assert_eq!(types(&items.alternatives()), "string");
        let values: Vec<_> =
            items.alternatives().into_iter().flat_map(|place| place.member("value").alternatives()).collect();
        assert_eq!(types(&values), "string null number boolean");
        assert!(items.member("elsewhere").alternatives().is_empty());
        // However many there are, only so many are followed.
        let many = json!({ "anyOf": vec![json!({ "anyOf": vec![json!({}); 100] }); 100] });
        assert_eq!(SchemaNode::root(&many).alternatives().len(), MAX_ALTERNATIVES);
    }

    #[test]
    fn a_title_takes_a_word_and_nothing_that_moves_a_cursor() {
        let kind: Kind = serde_json::from_value(json!({
            "kind": "x.object", "title": "{kind}", "schema": {}, "schema_version": 1, "state_path": "kubernetes.{kind}[]",
            "time_limits": { "create": 1, "update": 1, "delete": 1 }, "create": "named",
        }))
        .unwrap();
        assert_eq!(kind.title_of(&json!({ "kind": "StorageClass" })), "StorageClass");
        for said in
            [json!("a\u{1b}[2K"), json!("a\nb"), json!("a b"), json!("a".repeat(64)), json!(""), json!({}), json!(null)]
        {
            assert_eq!(kind.title_of(&json!({ "kind": said })), "Resource", "{said}");
            assert_eq!(kind.state_path_of(&json!({ "kind": said })), "kubernetes.objects[]", "{said}");
        }
    }

    #[test]
    fn sorts_of_objects_stand_under_the_documents_names() {
        for (sort, name) in [
            ("Namespace", "namespaces"),
            ("ServiceAccount", "service_accounts"),
            ("StorageClass", "storage_classes"),
            ("NetworkPolicy", "network_policies"),
            ("ClusterRole", "cluster_roles"),
            ("CSIDriver", "csi_drivers"),
        ] {
            assert_eq!(plural(sort), name);
        }
    }
}
