//! Taints of nodes, as a config writes them.

use serde_json::{Map, Value};

use super::label_syntax::{fault_of_key, fault_of_value, is_of_kubernetes};
use crate::findings::Findings;
use crate::types::Diagnostic;

/// One taint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taint {
    /// The key.
    pub key: String,
    /// The value, if it has one; an empty one is none.
    pub value: Option<String>,
    /// What happens to pods that do not tolerate it.
    pub effect: Effect,
}

/// What a taint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// No pod is placed on the node.
    NoSchedule,
    /// None is, unless there is no other place.
    PreferNoSchedule,
    /// None is, and those that run there go.
    NoExecute,
}

const EFFECTS: [Effect; 3] = [Effect::NoSchedule, Effect::PreferNoSchedule, Effect::NoExecute];

impl Effect {
    /// In Kubernetes' own spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }

    /// In the spelling of clouds that shout: `NO_SCHEDULE`.
    pub fn in_capitals(self) -> &'static str {
        match self {
            Self::NoSchedule => "NO_SCHEDULE",
            Self::PreferNoSchedule => "PREFER_NO_SCHEDULE",
            Self::NoExecute => "NO_EXECUTE",
        }
    }

    fn read(text: &str) -> Result<Self, String> {
        if let Some(effect) = EFFECTS.into_iter().find(|effect| effect.as_str() == text) {
            return Ok(effect);
        }
        let all = EFFECTS.map(Self::as_str).join(", ");
        Err(match EFFECTS.into_iter().find(|effect| letters(effect.as_str()) == letters(text)) {
            Some(meant) => format!("`{text}` is spelled `{}`; the effects are {all}", meant.as_str()),
            None => format!("`{text}` is none of {all}"),
        })
    }
}

/// What is left of an effect where clouds and people spell it otherwise.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect()
}

impl Taint {
    /// A taint, or everything that keeps it from being one.
    pub fn new(key: &str, value: Option<&str>, effect: &str) -> Result<Self, String> {
        let value = value.filter(|value| !value.is_empty());
        let read = Effect::read(effect);
        let faults = [fault_of_key(key), value.and_then(fault_of_value), read.as_ref().err().cloned()];
        let faults: Vec<String> = faults.into_iter().flatten().collect();
        match read {
            Ok(effect) if faults.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.map(str::to_owned), effect })
            }
            _ => Err(faults.join("; ")),
        }
    }

    /// The taint that Nebari's groups have, and its pods tolerate: `dedicated=nebari:NoSchedule`.
    pub fn dedicated() -> Self {
        Self { key: "dedicated".to_owned(), value: Some("nebari".to_owned()), effect: Effect::NoSchedule }
    }

    /// From `key=value:NoSchedule`.
    fn from_text(text: &str) -> Result<Self, String> {
        let (pair, effect) = text.rsplit_once(':').ok_or_else(|| format!("`{text}` has no effect"))?;
        let (key, value) = pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value)));
        Self::new(key, value, effect)
    }

    /// From a map of key, value and effect.
    fn from_map(map: &Map<String, Value>) -> Result<Self, String> {
        let text = |key: &str| map.get(key).and_then(Value::as_str);
        let key = text("key").ok_or("`key` is missing")?;
        let value = match map.get("value") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(scalar @ (Value::Bool(_) | Value::Number(_))) => Some(scalar.to_string()),
            Some(_) => return Err("`value` is not a text".to_owned()),
        };
        Self::new(key, value.as_deref(), text("effect").ok_or("`effect` is missing")?)
    }
}

/// The taints of the list at `pointer`, in either spelling, and a finding for each that is none.
pub fn read(value: &Value, pointer: &str, findings: &mut Findings) -> Vec<Taint> {
    let Some(elements) = value.as_array() else {
        findings.error("VALUE_TYPE", "A value has the wrong type", "expected a list of taints".into(), pointer);
        return Vec::new();
    };
    let mut taints: Vec<Taint> = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        let Some(taint) = taint(element, &pointer, findings) else { continue };
        if taints.iter().any(|other| (&other.key, other.effect) == (&taint.key, taint.effect)) {
            let detail = format!("`{}` stands twice with the effect {}", taint.key, taint.effect.as_str());
            let hint = "keep one of the two; only with another effect may a key stand again";
            invalid(detail, &pointer, findings).hints.push(hint.to_owned());
            continue;
        }
        if is_of_kubernetes(&taint.key) {
            let detail =
                format!("`{}` is in a domain of Kubernetes' own, which sets and takes away such taints", taint.key);
            findings.warning("TAINT_RESERVED", "A taint is Kubernetes' own", detail, &pointer);
        }
        taints.push(taint);
    }
    taints
}

fn taint(value: &Value, pointer: &str, findings: &mut Findings) -> Option<Taint> {
    let parsed = match value {
        Value::String(text) => Taint::from_text(text),
        Value::Object(map) => Taint::from_map(map),
        _ => Err("expected a map of key, value and effect, or a text".to_owned()),
    };
    match parsed {
        Ok(taint) => Some(taint),
        Err(why) => {
            let forms = || "write `key=value:NoSchedule` or `{key: key, value: value, effect: NoSchedule}`".to_owned();
            invalid(why, pointer, findings).hints.push(split(value).unwrap_or_else(forms));
            None
        }
    }
}

fn invalid<'a>(detail: String, pointer: &str, findings: &'a mut Findings) -> &'a mut Diagnostic {
    findings.error("TAINT_INVALID", "A taint is malformed", detail, pointer)
}

/// What to write instead of a text that YAML took for a map, because of the space behind its colon.
fn split(value: &Value) -> Option<String> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (key, value) = map.iter().next().filter(|(key, _)| !["key", "value", "effect"].contains(&key.as_str()))?;
    let value = value.as_str()?;
    Some(format!("the space after the colon makes a map of it: write `\"{key}:{value}\"`, in quotes"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_are_read_and_what_is_none_is_told_at_its_place() {
        let map = json!({ "key": "dedicated", "value": "nebari", "effect": "NoSchedule" });
        assert_eq!(read(&json!([map]), "/t", &mut Findings::default()), [Taint::dedicated()]);
        let list = json!(["dedicated=nebari:NoSchedule", "alone:NoExecute", "none", { "key": "k" }, 7]);
        let mut findings = Findings::default();
        let taints = read(&list, "/t", &mut findings);
        assert_eq!(taints[0], Taint::dedicated());
        assert_eq!((taints[1].value.as_deref(), taints[1].effect.in_capitals()), (None, "NO_EXECUTE"));
        let places: Vec<_> = findings.into_inner().into_iter().filter_map(|finding| finding.pointer).collect();
        assert_eq!(places, ["/t/2", "/t/3", "/t/4"]);
    }

    /// What there is to say about a list: code, place, words, hints.
    fn told(list: &Value) -> Vec<(String, String, String, String)> {
        let mut findings = Findings::default();
        read(list, "/t", &mut findings);
        let told = findings.into_inner().into_iter();
        told.map(|one| (one.code, one.pointer.unwrap_or_default(), one.detail, one.hints.concat())).collect()
    }

    #[test]
    fn a_text_that_became_a_map_is_told_with_its_quotes() {
        for (key, value, text) in [
            ("nvidia.com/gpu", "NoSchedule", "\"nvidia.com/gpu:NoSchedule\""),
            ("team=a", "NoExecute", "\"team=a:NoExecute\""),
        ] {
            let told = told(&json!([{ key: value }]));
            assert_eq!((told[0].0.as_str(), told[0].1.as_str()), ("TAINT_INVALID", "/t/0"));
            assert!(told[0].3.contains(text) && told[0].3.contains("space after the colon"), "{told:?}");
        }
    }

    #[test]
    fn effects_that_are_spelled_otherwise_are_told_with_the_right_ones() {
        for (wrong, meant) in
            [("NO_SCHEDULE", "NoSchedule"), ("noschedule", "NoSchedule"), ("prefer-no-schedule", "PreferNoSchedule")]
        {
            let told = told(&json!([{ "key": "a", "value": "", "effect": wrong }]));
            let words =
                format!("`{wrong}` is spelled `{meant}`; the effects are NoSchedule, PreferNoSchedule, NoExecute");
            assert_eq!(told[0].2, words);
        }
        assert_eq!(told(&json!(["a:Never"]))[0].2, "`Never` is none of NoSchedule, PreferNoSchedule, NoExecute");
    }

    #[test]
    fn a_key_stands_once_for_each_effect() {
        let told = told(&json!(["team=a:NoSchedule", "team=b:NoSchedule", "team=a:NoExecute"]));
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].0.as_str(), told[0].1.as_str()), ("TAINT_INVALID", "/t/1"));
        assert_eq!(told[0].2, "`team` stands twice with the effect NoSchedule");
    }

    #[test]
    fn each_part_is_told_with_the_rule_it_breaks() {
        let told = told(&json!([{ "key": "cost/centre/x", "value": "a b", "effect": "NoSchedule" }]));
        let words = "the key `cost/centre/x` has more than one `/`; the value `a b` has ` ` in it: letters, digits, `-`, `_` and `.` are taken";
        assert_eq!(told[0].2, words);
    }

    #[test]
    fn an_empty_value_is_none_and_kubernetes_own_keys_are_told() {
        let mut findings = Findings::default();
        let list = json!(["a:NoSchedule", "b=:NoSchedule", { "key": "c", "value": "", "effect": "NoSchedule" }]);
        assert!(read(&list, "/t", &mut findings).iter().all(|taint| taint.value.is_none()));
        assert!(findings.into_inner().is_empty());
        let told = told(&json!(["nvidia.com/gpu:NoSchedule", "node.kubernetes.io/unschedulable:NoSchedule"]));
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].0.as_str(), told[0].1.as_str()), ("TAINT_RESERVED", "/t/1"));
    }
}
