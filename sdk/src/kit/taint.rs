//! Taints of nodes, as a config writes them.

use serde_json::Value;

use crate::findings::Findings;

/// One taint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taint {
    /// The key.
    pub key: String,
    /// The value, if it has one.
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
}

/// How long a key or a value may be: as long as the name of a label.
const LONGEST: usize = 63;

impl Taint {
    /// A taint, or why it is none.
    pub fn new(key: &str, value: Option<&str>, effect: &str) -> Result<Self, String> {
        let effect = match effect {
            "NoSchedule" => Effect::NoSchedule,
            "PreferNoSchedule" => Effect::PreferNoSchedule,
            "NoExecute" => Effect::NoExecute,
            other => return Err(format!("`{other}` is none of NoSchedule, PreferNoSchedule, NoExecute")),
        };
        if key.is_empty() || key.len() > LONGEST || key.contains([' ', '=', ':', ',']) {
            return Err(format!("`{key}` is not a key"));
        }
        if value.is_some_and(|value| value.len() > LONGEST) {
            return Err(format!("the value has more than {LONGEST} characters"));
        }
        Ok(Self { key: key.to_owned(), value: value.map(str::to_owned), effect })
    }

    /// The taint that Nebari's groups have, and its pods tolerate: `dedicated=nebari:NoSchedule`.
    pub fn dedicated() -> Self {
        Self { key: "dedicated".to_owned(), value: Some("nebari".to_owned()), effect: Effect::NoSchedule }
    }

    /// From `key=value:NoSchedule`.
    fn from_text(text: &str) -> Result<Self, String> {
        let (pair, effect) = text.rsplit_once(':').ok_or_else(|| format!("`{text}` has no effect"))?;
        let (key, value) = pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value)));
        Self::new(key, value.filter(|value| !value.is_empty()), effect)
    }

    /// From a map of key, value and effect.
    fn from_map(map: &Value) -> Result<Self, String> {
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
    let taints = elements.iter().enumerate();
    taints.filter_map(|(index, element)| taint(element, &format!("{pointer}/{index}"), findings)).collect()
}

fn taint(value: &Value, pointer: &str, findings: &mut Findings) -> Option<Taint> {
    let parsed = match value {
        Value::String(text) => Taint::from_text(text),
        Value::Object(_) => Taint::from_map(value),
        _ => Err("expected a map of key, value and effect, or a text".to_owned()),
    };
    match parsed {
        Ok(taint) => Some(taint),
        Err(why) => {
            findings
                .error("TAINT_INVALID", "A taint is malformed", why, pointer)
                .hints
                .push("write `key=value:NoSchedule` or `{key: key, value: value, effect: NoSchedule}`".to_owned());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_are_read_and_what_is_none_is_told_at_its_place() {
        let list = json!([
            "dedicated=nebari:NoSchedule",
            { "key": "dedicated", "value": "nebari", "effect": "NoSchedule" },
            "alone:NoExecute",
            "none",
            { "key": "k" },
            7,
        ]);
        let mut findings = Findings::default();
        let taints = read(&list, "/t", &mut findings);
        assert_eq!(taints[0], Taint::dedicated());
        assert_eq!(taints[0], taints[1]);
        assert_eq!((taints[2].value.as_deref(), taints[2].effect.in_capitals()), (None, "NO_EXECUTE"));
        let places: Vec<_> = findings.into_inner().into_iter().filter_map(|finding| finding.pointer).collect();
        assert_eq!(places, ["/t/3", "/t/4", "/t/5"]);
    }
}
