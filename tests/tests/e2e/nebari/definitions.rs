//! Traefik's definitions, Nebari's and NIC's, on one API server: any object that is valid under Nebari's is stored without loss under NIC's.
//!
//! Nebari's are read out of its package. Objects are made from their schemas, with members beside that no schema knows, and are made under
//! both. Nebari's definitions have a group of their own there; nothing in a schema depends on it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use nic_kubernetes_initialize::classic::{Site, traefik_definitions};
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use nic_tests::nebari::packaged;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::{TOLD, number};

/// Where Nebari's package has its definitions.
const TEMPLATE: &str = "stages/kubernetes_initialize/template/modules/traefik_crds/main.tf";

/// Where Nebari's stand here.
const NEBARIS_GROUP: &str = "nebari.example.com";

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

/// What schemas say that objects are made from. Another word would be one that nobody has looked at.
const WORDS: [&str; 10] = [
    "additionalProperties",
    "enum",
    "items",
    "maximum",
    "minimum",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
];

/// Definitions by the plural of their kind.
type Definitions = BTreeMap<String, Value>;

fn by_plural(definitions: impl IntoIterator<Item = Value>) -> Result<Definitions> {
    let named = definitions.into_iter().map(|definition| {
        let plural = definition["spec"]["names"]["plural"].as_str().context("a definition without a name")?;
        Ok((plural.to_owned(), definition))
    });
    named.collect()
}

async fn nebaris() -> Result<Definitions> {
    let module: Value = hcl::from_str(&packaged(TEMPLATE).await?).context("read Nebari's template")?;
    let manifests = module["resource"]["kubernetes_manifest"].as_object().context("the template has no manifest")?;
    by_plural(manifests.values().map(|resource| {
        let mut definition = resource["manifest"].clone();
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap_or_default();
        definition["metadata"]["name"] = format!("{plural}.{NEBARIS_GROUP}").into();
        definition["spec"]["group"] = NEBARIS_GROUP.into();
        definition
    }))
}

fn ours() -> Result<Definitions> {
    let site = Site { provider: "existing", namespace: "dev", cluster: &[], nodes: &[] };
    by_plural(traefik_definitions(&site).into_iter().map(|resource| resource.document))
}

fn schema(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// The objects of one kind.
struct Objects {
    resource: ApiResource,
    of: Api<DynamicObject>,
}

/// The objects of a definition, which is made, and served when this returns.
async fn installed(client: &Client, definition: &Value) -> Result<Objects> {
    let made: CustomResourceDefinition = serde_json::from_value(definition.clone())?;
    let name = made.metadata.name.clone().unwrap_or_default();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.create(&PostParams::default(), &made).await.with_context(|| format!("create {name}"))?;
    let kind = GroupVersionKind::gvk(&made.spec.group, "v1alpha1", &made.spec.names.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, &made.spec.names.plural);
    let of: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
    for _ in 0..300 {
        if of.list(&ListParams::default()).await.is_ok() {
            return Ok(Objects { resource, of });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("{name} is not served")
}

/// How many of the members that may be there are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    Every,
    Some,
}

impl Fill {
    fn member(self, value: BoxedStrategy<Value>) -> BoxedStrategy<Option<Value>> {
        match self {
            Self::Every => value.prop_map(Some).boxed(),
            Self::Some => proptest::option::weighted(0.4, value).boxed(),
        }
    }

    fn elements(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Every => 1..=2,
            Self::Some => 0..=3,
        }
    }
}

/// Values that fit a schema.
fn fitting(schema: &Value, fill: Fill) -> Result<BoxedStrategy<Value>> {
    let words = schema.as_object().context("a schema is no object")?;
    if let Some(other) = words.keys().find(|word| !WORDS.contains(&word.as_str())) {
        bail!("no object is made for the word `{other}` of a schema");
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return Ok(prop_oneof![any::<i32>().prop_map(Value::from), text(schema)?].boxed());
    }
    Ok(match schema["type"].as_str() {
        Some("string") => text(schema)?,
        Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
        Some("integer") => whole(schema),
        Some("array") => {
            let element = fitting(&schema["items"], fill)?;
            proptest::collection::vec(element, fill.elements()).prop_map(Value::from).boxed()
        }
        Some("object") => object(schema, fill)?,
        other => bail!("no value is made for the type {other:?}"),
    })
}

fn text(schema: &Value) -> Result<BoxedStrategy<Value>> {
    if let Some(words) = schema["enum"].as_array() {
        return Ok(proptest::sample::select(words.clone()).boxed());
    }
    let text = match schema["pattern"].as_str() {
        // The API server knows no other digits. The whole text is made anyway.
        Some(pattern) => {
            let pattern = pattern.trim_start_matches('^').trim_end_matches('$').replace("\\d", "[0-9]");
            proptest::string::string_regex(&pattern)?.boxed()
        }
        None => prop_oneof![3 => "[ -~]{0,12}", 1 => "\\PC{0,6}", 1 => "(|0|1\\.10|yes|null|~|2026-12-01)"].boxed(),
    };
    Ok(text.prop_map(Value::from).boxed())
}

fn whole(schema: &Value) -> BoxedStrategy<Value> {
    let bound = |word: &str, otherwise: i64| schema[word].as_i64().unwrap_or(otherwise);
    let (least, most) = (bound("minimum", i64::MIN), bound("maximum", i64::MAX));
    let usual = least.max(-1)..=most.min(70_000);
    prop_oneof![3 => usual, 1 => least..=most, 1 => Just(most)].prop_map(Value::from).boxed()
}

fn object(schema: &Value, fill: Fill) -> Result<BoxedStrategy<Value>> {
    if let Some(values) = schema.get("additionalProperties") {
        let (value, count) = (fitting(values, fill)?, fill.elements());
        let members = proptest::collection::btree_map("[A-Za-z][A-Za-z-]{0,8}", value, count);
        return Ok(members.prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())).boxed());
    }
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut members = Vec::new();
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        let value = fitting(below, fill)?;
        let value = if required.contains(&name.as_str()) { Fill::Every.member(value) } else { fill.member(value) };
        members.push(value.prop_map({
            let name = name.clone();
            move |value| Some((name.clone(), value?))
        }));
    }
    let strange = ("x-[a-z]{1,6}", prop_oneof![Just(json!(null)), Just(json!([1])), Just(json!({ "a": "b" }))]);
    let strange = proptest::option::weighted(if fill == Fill::Every { 1e-9 } else { 0.05 }, strange);
    Ok((members, strange)
        .prop_map(|(members, strange)| members.into_iter().flatten().chain(strange).collect::<Value>())
        .boxed())
}

/// What the API server keeps of a value: the members that the schema knows.
fn known(schema: &Value, value: &Value) -> Value {
    match value {
        Value::Object(members) if schema.get("additionalProperties").is_none() => {
            let known = members.iter().filter_map(|(name, below)| {
                let schema = schema["properties"].get(name)?;
                Some((name.clone(), self::known(schema, below)))
            });
            known.collect()
        }
        Value::Array(elements) => elements.iter().map(|element| known(&schema["items"], element)).collect(),
        whole => whole.clone(),
    }
}

/// The first place where something of a value is not in what is stored.
fn lost(value: &Value, stored: &Value, place: &str) -> Option<String> {
    match (value, stored) {
        (Value::Object(members), Value::Object(there)) => members.iter().find_map(|(name, value)| {
            let place = format!("{place}/{name}");
            there.get(name).map_or_else(|| Some(place.clone()), |stored| lost(value, stored, &place))
        }),
        (Value::Array(elements), Value::Array(there)) if elements.len() == there.len() => {
            let mut pairs = elements.iter().zip(there).enumerate();
            pairs.find_map(|(index, (value, stored))| lost(value, stored, &format!("{place}/{index}")))
        }
        (value, stored) => (value != stored).then(|| place.to_owned()),
    }
}

/// One definition on both sides.
struct Kind {
    name: String,
    schema: Value,
    nebaris: Objects,
    ours: Objects,
}

impl Kind {
    /// What both make of an object, or why that is no good.
    async fn judged(&self, name: &str, sent: &Value) -> Result<Result<(), String>> {
        let (nebaris, ours) = (stored(&self.nebaris, name, sent), stored(&self.ours, name, sent));
        let (nebaris, ours) = tokio::join!(nebaris, ours);
        // A refusal by Nebari's is this test's fault: it made an object that is not valid.
        let nebaris = nebaris.with_context(|| format!("{} under Nebari's definition: {sent:#}", self.name))?;
        let known = known(&self.schema, sent);
        ensure!(nebaris == known, "Nebari's definition of {} keeps {nebaris:#} of {sent:#}", self.name);
        let ours = match ours {
            Ok(ours) => ours,
            Err(error) => return Ok(Err(format!("{} is refused: {error:#}: {sent:#}", self.name))),
        };
        let strange = known != *sent;
        Ok(match lost(&known, &ours, "") {
            Some(place) => Err(format!("{} loses {place} of {sent:#}", self.name)),
            None if !strange && ours != *sent => Err(format!("{} makes {ours:#} of {sent:#}", self.name)),
            None => Ok(()),
        })
    }
}

/// What is stored of an object, beside what every object has.
async fn stored(objects: &Objects, name: &str, sent: &Value) -> Result<Value> {
    let mut object = DynamicObject::new(name, &objects.resource);
    object.data = sent.clone();
    objects.of.create(&PostParams::default(), &object).await?;
    Ok(objects.of.get(name).await?.data)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_valid_under_nebaris_definitions_is_stored_under_ours() -> Result<()> {
    let cases = number("NIC_NEBARI_CASES", 100)?;
    let (cluster, nebaris) = tokio::try_join!(ControlPlane::start(ControlPlaneOptions::default()), nebaris())?;
    let ours = ours()?;
    ensure!(nebaris.keys().eq(ours.keys()) && nebaris.len() == 9, "{:?} {:?}", nebaris.keys(), ours.keys());

    let client = cluster.client();
    let kinds = nebaris.values().zip(ours.values()).map(async |(theirs, own)| {
        let (nebaris, ours) = tokio::try_join!(installed(&client, theirs), installed(&client, own))?;
        let name = own["spec"]["names"]["kind"].as_str().unwrap_or_default().to_owned();
        for named in ["kind", "plural"] {
            ensure!(theirs["spec"]["names"][named] == own["spec"]["names"][named], "{name} has another {named}");
        }
        Ok::<_, anyhow::Error>(Kind { name, schema: schema(theirs).clone(), nebaris, ours })
    });
    let kinds: Vec<Kind> = futures::future::try_join_all(kinds).await?;

    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[0; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let mut objects = Vec::new();
    for kind in &kinds {
        let (every, some) = (fitting(&kind.schema, Fill::Every)?, fitting(&kind.schema, Fill::Some)?);
        for index in 0..cases {
            let strategy = if index < 2 { &every } else { &some };
            let tree = strategy.new_tree(&mut runner).map_err(anyhow::Error::msg)?;
            objects.push((kind, format!("made-{index}"), tree.current()));
        }
    }
    let judged = futures::stream::iter(objects.iter().map(|(kind, name, sent)| kind.judged(name, sent)));
    let judged: Vec<_> = judged.buffer_unordered(AT_ONCE).try_collect().await?;
    let wrong: Vec<String> = judged.into_iter().filter_map(Result::err).collect();
    let told = wrong.iter().take(TOLD).cloned().collect::<Vec<_>>().join("\n");
    ensure!(wrong.is_empty(), "{} of {} objects:\n{told}", wrong.len(), objects.len());
    Ok(())
}
