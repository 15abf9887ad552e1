//! What a component answers, held against its grants: what it says it manages and reads, declares, and where it says its cluster is.

use nic_core::document::{DocumentError, secret_names};
use nic_core::error::ProviderError;
use nic_core::kind::{Description, KUBERNETES_OBJECT};
use nic_core::ports::{Answer, Locator};
use nic_gate::grant::Grants;
use serde_json::Value;

use super::guest_text::line;

/// Longest API version, kind or name of an object, in bytes: that of a name with its prefix.
const MAX_NAME_BYTES: usize = 317;

/// A kind or a config section of a description that is not granted, in words.
pub(super) fn ungranted(grants: &Grants, description: &Description) -> Option<String> {
    let kind = description.kinds.iter().map(|kind| &kind.kind).find(|kind| !grants.allows_kind(kind));
    let section = description.config_sections.keys().find(|section| !grants.allows_section(section));
    let kind = kind.map(|kind| format!("manages the kind `{kind}`, which is not granted [KIND_NOT_GRANTED]"));
    let section = section
        .map(|section| format!("reads the config section `{section}`, which is not granted [SECTION_NOT_GRANTED]"));
    kind.or(section)
}

/// Whether a name of Kubernetes is what it looks like, alone and in a sentence.
fn is_plain(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && text.bytes().all(|b| b.is_ascii_graphic() && b != b'`')
}

/// The Kubernetes objects that a component declares are granted ones.
pub(super) fn objects(grants: &Grants, answer: &Answer) -> Result<(), ProviderError> {
    let Answer::Ready(resources) = answer else { return Ok(()) };
    for desired in resources.iter().filter(|desired| desired.kind == KUBERNETES_OBJECT) {
        let unclear = |what: &str| {
            let what = format!("`{}` does not say plainly {what}", desired.address);
            Err(ProviderError::denied("OBJECT_NOT_GRANTED", what))
        };
        // What is granted, and what the user is asked about, hangs on these two: nothing stands for them that is known later.
        let text = |member: &str| desired.document[member].as_str().filter(|text| is_plain(text));
        let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
            return unclear("what it is");
        };
        let metadata = &desired.document["metadata"];
        if ["name", "namespace"].iter().filter_map(|member| metadata[member].as_str()).any(|text| !is_plain(text)) {
            return unclear("what it is called");
        }
        let namespace = match desired.document.pointer("/metadata/namespace") {
            None if desired.document["metadata"].get("name").is_some() => None,
            Some(Value::String(name)) if !name.is_empty() => Some(name.as_str()),
            // A reference may lead to any; what it led to is held against the grant once more before it is applied.
            Some(Value::Object(_)) => Some(""),
            _ => return unclear("in which namespace it is"),
        };
        if !grants.allows_object(api_version, kind, namespace) {
            let place = match namespace {
                Some(namespace) => format!("in the namespace `{}`", line(namespace)),
                None => "of the whole cluster".to_owned(),
            };
            let what = format!(
                "`{}` is a {} {} {place}, which is not granted",
                desired.address,
                line(api_version),
                line(kind)
            );
            return Err(ProviderError::denied("OBJECT_NOT_GRANTED", what));
        }
    }
    Ok(())
}

/// What a component declares refers to nothing but its own resources and the secrets of its own sections. Nothing is published to others yet.
pub(super) fn references(description: &Description, answer: &Answer) -> Result<(), ProviderError> {
    let Answer::Ready(resources) = answer else { return Ok(()) };
    for desired in resources {
        let lie = |error: DocumentError| ProviderError::other("PROVIDER_BAD_ANSWER", error.to_string());
        let referenced = nic_core::document::references(&desired.document).map_err(lie)?;
        let needed = referenced.iter().chain(&desired.depends_on).chain(&desired.deleted_before);
        if let Some(other) = needed.into_iter().find(|address| address.provider() != description.name) {
            let what = format!("`{}` needs `{other}`, which is another provider's", desired.address);
            return Err(ProviderError::denied("REFERENCE_NOT_GRANTED", what));
        }
        let own = |name: &str| name.split('/').next().is_some_and(|of| description.config_sections.contains_key(of));
        if let Some(name) = secret_names(&desired.document).into_iter().find(|name| !own(name)) {
            let what =
                format!("`{}` needs the secret `{}`, which is in none of its sections", desired.address, line(name));
            return Err(ProviderError::denied("SECRET_NOT_GRANTED", what));
        }
    }
    Ok(())
}

/// A cluster is found in a granted way, and in no other context of the user's kubeconfig than the config names.
pub(super) fn locator(
    grants: &Grants,
    config: &Value,
    region: Option<&str>,
    locator: Locator,
) -> Result<Locator, ProviderError> {
    let kind = locator.kind.as_str();
    if !grants.allows_locator(kind) {
        let what = format!("to find the cluster by `{}` is not granted", line(kind));
        return Err(ProviderError::denied("LOCATOR_NOT_GRANTED", what));
    }
    let elsewhere = locator.parameters.get("region").and_then(Value::as_str).filter(|named| Some(*named) != region);
    if let Some(elsewhere) = elsewhere {
        let what = format!("the cluster would be in the region `{}`, the platform is not", line(elsewhere));
        return Err(ProviderError::denied("LOCATOR_NOT_GRANTED", what));
    }
    let refused = match locator.parameters.get("context").and_then(Value::as_str) {
        Some(context) if says(config, context) || grants.allows_context(context) => return Ok(locator),
        Some(context) => format!("the context `{}` is neither in the config nor granted", line(context)),
        // Without one it is the current one, which may be another by now than the user thinks of.
        None => match context_of(config).filter(|_| kind == KUBECONFIG) {
            Some(context) => {
                format!("the config names the context `{}`, and the current one was chosen", line(context))
            }
            None => return Ok(locator),
        },
    };
    Err(ProviderError::denied("CONTEXT_NOT_GRANTED", refused))
}

/// The way to find a cluster by the user's kubeconfig.
const KUBECONFIG: &str = "kubeconfig";

/// Keys by which a config names a context, without what stands between their words.
const CONTEXT_KEYS: [&str; 5] = ["context", "kubecontext", "kubeconfigcontext", "kubernetescontext", "clustercontext"];

/// The context that a config names, as a key of a section. What stands deeper may be a label, or a directory that something is built in.
fn context_of(config: &Value) -> Option<&str> {
    let names_one = |key: &str| {
        let bare: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
        CONTEXT_KEYS.contains(&bare.to_ascii_lowercase().as_str())
    };
    let sections = config.as_object()?.values().filter_map(Value::as_object);
    let named = sections.flatten().filter(|(key, _)| names_one(key)).filter_map(|(_, value)| value.as_str());
    named.into_iter().find(|context| !context.is_empty())
}

/// Whether some value of a document is this text.
fn says(document: &Value, text: &str) -> bool {
    match document {
        Value::String(value) => value == text,
        Value::Array(elements) => elements.iter().any(|element| says(element, text)),
        // The name of a secret is none that the user chose for a context.
        Value::Object(members) => !members.contains_key("$secret") && members.values().any(|member| says(member, text)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use nic_core::resource::Desired;
    use nic_gate::grant::parse_all;
    use serde_json::json;

    use super::*;

    fn grants() -> Grants {
        let documents = json!([
            {"capability": "kubernetes-objects", "kinds": ["v1/ConfigMap"], "namespaces": ["dev"], "reason": "makes"},
            {"capability": "kubernetes-objects", "kinds": ["v1/Secret"], "namespaces": ["*"], "reason": "makes"},
            {"capability": "cluster", "locators": ["kubeconfig", "eks"], "contexts": ["kind-*"], "reason": "finds it"},
        ]);
        Grants(parse_all(documents.as_array().unwrap()).unwrap())
    }

    #[test]
    fn an_object_that_is_not_granted_is_refused_by_its_name() {
        let declared = |document: Value| {
            let desired = Desired::new("x.object.a".parse().unwrap(), KUBERNETES_OBJECT, document);
            objects(&grants(), &Answer::Ready(vec![desired])).map_err(|error| error.to_string())
        };
        let object = |api_version: &str, kind: &str, namespace: Value| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "namespace": namespace}});
        assert_eq!(declared(object("v1", "ConfigMap", json!("dev"))), Ok(()));
        let reference = json!({"$ref": {"address": "x.namespace.a", "path": "/name"}});
        assert_eq!(declared(object("v1", "Secret", reference.clone())), Ok(()));
        for refused in [
            object("v1", "ConfigMap", json!("kube-system")),
            object("v1", "ConfigMap", reference.clone()),
            object("v2", "ConfigMap", json!("dev")),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"}}),
            json!({"apiVersion": {"$secret": "x"}, "kind": ["ConfigMap"]}),
            object("v1", "Secret\u{1b}[2K", json!("dev")),
            object("v1\n", "Secret", json!("dev")),
            object("v1", "Secret", json!("dev\u{202e}")),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a`\nb", "namespace": "dev"}}),
            object("v1", "Secret", json!("")),
            object("v1", "Secret", json!(null)),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": reference}),
        ] {
            let error = declared(refused).unwrap_err();
            assert!(error.contains("`x.object.a`") && error.ends_with("[OBJECT_NOT_GRANTED]"), "{error}");
        }
    }

    #[test]
    fn what_an_object_is_stands_there_whatever_is_granted() {
        let documents =
            json!([{"capability": "kubernetes-objects", "kinds": ["*"], "namespaces": ["*"], "reason": "makes"}]);
        let grants = Grants(parse_all(documents.as_array().unwrap()).unwrap());
        let binding = |api_version: Value, kind: Value| {
            let document = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": {"$join": ["a", "b"]}, "namespace": "dev"}});
            let desired = Desired::new("x.object.a".parse().unwrap(), KUBERNETES_OBJECT, document);
            objects(&grants, &Answer::Ready(vec![desired])).map_err(|error| error.to_string())
        };
        let joined = json!({"$join": ["rbac.authorization.k8s.io", "/v1"]});
        let referred = json!({"$ref": {"address": "x.thing.a", "path": "/kind"}});
        assert_eq!(binding(json!("rbac.authorization.k8s.io/v1"), json!("RoleBinding")), Ok(()));
        for (api_version, kind) in [(joined, json!("RoleBinding")), (json!("v1"), referred), (json!(null), json!("A"))]
        {
            let refused = binding(api_version, kind).unwrap_err();
            assert!(refused.contains("`x.object.a` does not say plainly what it is"), "{refused}");
        }
    }

    #[test]
    fn nothing_is_referred_to_that_is_anothers() {
        let description: Description =
            serde_json::from_value(json!({"name": "x", "version": "1", "config_sections": {"x": {}}})).unwrap();
        let declared = |document: Value, needs: &str| {
            let mut desired = Desired::new("x.thing.a".parse().unwrap(), "x.thing", document);
            desired.depends_on.extend(needs.parse());
            references(&description, &Answer::Ready(vec![desired])).map_err(|error| error.code().to_owned())
        };
        let reference = |address: &str| json!({"id": {"$join": ["a", {"$ref": address, "path": "/id"}]}});
        assert_eq!(declared(reference("x.thing.b"), "x.thing.c"), Ok(()));
        assert_eq!(declared(json!({"a": {"$secret": "x/token"}}), ""), Ok(()));
        let refused = |code: &str| Err(code.to_owned());
        assert_eq!(declared(reference("y.thing.b"), ""), refused("REFERENCE_NOT_GRANTED"));
        assert_eq!(declared(json!({}), "y.thing.b"), refused("REFERENCE_NOT_GRANTED"));
        for name in ["y/token", "xy", "/x/token"] {
            assert_eq!(declared(json!({"a": [{"$secret": name}]}), ""), refused("SECRET_NOT_GRANTED"));
        }
    }

    #[test]
    fn a_context_is_one_that_the_config_names() {
        let config = json!({"existing": {"kube_context": "prod", "nodes": [{"a": "b"}]}});
        let found = |kind: &str, parameters: Value| {
            locator(&grants(), &config, Some("us-west-2"), Locator { kind: kind.to_owned(), parameters })
                .map_err(|error| error.to_string())
        };
        for context in [json!({"context": "prod"}), json!({"context": "kind-a"})] {
            assert!(found("kubeconfig", context).is_ok());
        }
        for current in [json!({}), json!({"context": null})] {
            let refused = found("kubeconfig", current).unwrap_err();
            assert!(
                refused.contains("names the context `prod`") && refused.ends_with("[CONTEXT_NOT_GRANTED]"),
                "{refused}"
            );
        }
        assert!(found("kubeconfig", json!({"context": "other"})).unwrap_err().ends_with("[CONTEXT_NOT_GRANTED]"));
        assert!(found("eks", json!({"name": "a", "region": "us-west-2"})).is_ok());
        let elsewhere = found("eks", json!({"name": "a", "region": "eu-west-1"})).unwrap_err();
        assert!(elsewhere.contains("eu-west-1") && elsewhere.ends_with("[LOCATOR_NOT_GRANTED]"));
        assert!(found("gke", json!({"name": "a"})).unwrap_err().ends_with("[LOCATOR_NOT_GRANTED]"));
    }

    #[test]
    fn the_current_context_is_for_configs_that_name_none() {
        let current = |config: &Value| {
            let locator = Locator { kind: "kubeconfig".to_owned(), parameters: json!({}) };
            super::locator(&grants(), config, None, locator).is_ok()
        };
        for none in [
            json!({}),
            json!({"existing": {"kube_context": null, "node_selectors": {"general": {"key": "a", "value": "b"}}}}),
            json!({"existing": {"kube_context": ""}}),
            json!({"x": {"build_context": "./image", "context": {"a": "b"}}}),
            json!({"kubernetes": {"namespaces": {"dev": {"labels": {"context": "team-a"}}}}}),
        ] {
            assert!(current(&none), "{none}");
        }
        for named in [
            json!({"existing": {"kube_context": "prod"}}),
            json!({"x": {"name": "a", "kubeContext": "prod"}}),
            json!({"x": {"context": "prod"}}),
        ] {
            assert!(!current(&named), "{named}");
        }
    }
}
