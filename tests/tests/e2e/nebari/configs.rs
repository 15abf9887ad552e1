//! Configs that somebody could write, made of what each key can say. A provider is a table of its keys.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What the names of variables begin with that set keys.
const PREFIX: &str = "NEBARI_SECRET__";

/// A key that configs have.
#[derive(Debug)]
pub struct Key {
    /// Where it stands, `a/b`.
    pub at: &'static str,
    /// What it can say, in YAML; the plainest first.
    pub says: &'static [&'static str],
    /// In how many of a hundred configs it stands.
    pub chance: u32,
}

/// What configs of one provider say.
#[derive(Debug)]
pub struct Provider {
    /// Its name.
    pub name: &'static str,
    /// The top-level section of its own.
    pub section: &'static str,
    /// What Nebari takes.
    pub keys: &'static [Key],
    /// What is odd, and what of it a config may say in the place of the key's own, or besides.
    pub odd: &'static [(&'static str, &'static [&'static str])],
    /// What variables can set.
    pub variables: &'static [(&'static str, &'static [&'static str])],
}

/// Whole numbers.
pub const COUNTS: &[&str] = &[
    "1", "2", "\"1\"", "'2'", "1.0", "+1", "007", "0x2", "0o2", "0b1", "1e0", "' 1 '", "'1.0'", "'01'", "true", "1_0",
    "'1_0'",
];

/// What is no whole number, or none of things.
pub const NO_COUNTS: &[&str] = &[
    "-1",
    "1.5",
    "one",
    "''",
    "null",
    "'1__0'",
    "'_1'",
    "'1.'",
    "'0x1'",
    "'1e0'",
    "99999999999999999999",
    "3000000000",
    "'99999999999999999999'",
    ".inf",
    ".nan",
    "[1]",
    "{a: 1}",
    "1:30",
    "2026-11-30",
    "0x",
    "!vault 1",
    "!!int '1'",
    "!!str 1",
];

/// Truth values.
pub const FLAGS: &[&str] = &[
    "true", "false", "True", "FALSE", "yes", "No", "on", "off", "'true'", "\"no\"", "Y", "n", "t", "F", "1", "0",
    "'1'", "1.0",
];

/// What is none.
pub const NO_FLAGS: &[&str] = &[
    "2",
    "enable",
    "' true'",
    "''",
    "null",
    "[true]",
    "0.5",
    "'1.0'",
    "{a: true}",
    "-1",
    "tru",
    "!!str yes",
    "!!bool 'true'",
];

/// What is no text, or a text only as it was written.
pub const NO_TEXTS: &[&str] =
    &["1.10", "007", "true", "null", "2026-11-30", "[a]", "{a: b}", "0x1F", "1e3", "''", "~", "!!str a"];

/// Maps of texts, and what is none.
pub const TEXT_MAPS: &[&str] = &[
    "{}",
    "{a: b}",
    "{CostCentre: '0042317'}",
    "{a: yes, b: 'no'}",
    "{'on': 'off'}",
    "{Team: data platform}",
    "{a: '1.10', 'b': \"2026-11-30\"}",
    "{a: ''}",
    "null",
];

/// What is no map of texts.
pub const NO_TEXT_MAPS: &[&str] = &[
    "{a: 1.10}",
    "{a: 007}",
    "{a: null}",
    "{a: [b]}",
    "{1: a}",
    "{a: true}",
    "[a, b]",
    "a",
    "{a: {b: c}}",
    "{a: 2026-11-30}",
    "{a: b, a: c}",
    "{null: a}",
];

/// Lists of taints.
pub const TAINTS: &[&str] = &[
    "[]",
    "null",
    "['dedicated=nebari:NoSchedule']",
    "[{key: dedicated, value: nebari, effect: NoSchedule}]",
    "['a:NoExecute', {key: b, value: null, effect: PreferNoSchedule}]",
    "[{key: example.com/gpu, value: 'yes', effect: NoSchedule}]",
    "[{key: a, value: yes, effect: NoSchedule}]",
    "[{key: a, value: '1.10', effect: NoSchedule}]",
    "['a=1.10:NoSchedule', 'b=007:NoSchedule']",
    "[{key: a b, value: c, effect: NoSchedule}]",
    "[{key: a, value: '', effect: NoSchedule}]",
];

/// What is no list of taints.
pub const NO_TAINTS: &[&str] = &[
    "[{key: a, value: 1.10, effect: NoSchedule}]",
    "[{key: a, value: 007, effect: NoSchedule}]",
    "[{key: a, value: true, effect: NoSchedule}]",
    "[{key: a, effect: NoSchedule}]",
    "[{key: a, value: b, effect: Never}]",
    "[{key: a, value: b, effect: NO_SCHEDULE}]",
    "[{key: a, value: b}]",
    "['a=b']",
    "['a=b: NoSchedule']",
    "[a=b: NoSchedule]",
    "[7]",
    "{key: a}",
    "a:NoSchedule",
    "[{key: a, value: b, effect: NoSchedule, colour: red}]",
];

/// How the text is written, whatever it says.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    Plain,
    ByteOrderMark,
    Crlf,
    Marker,
    Ended,
    Comments,
    SecondDocument,
    Tabs,
}

/// A config.
#[derive(Debug, Clone)]
pub struct Case {
    /// What its keys say, in the order in which they are written.
    says: Vec<(&'static str, &'static str)>,
    form: Form,
    /// What variables set.
    pub variables: BTreeMap<String, String>,
}

/// Configs of this provider: mostly what Nebari takes, and something odd in most.
pub fn configs(provider: &'static Provider) -> impl Strategy<Value = Case> {
    let one = |key: &'static Key| {
        let says = select(key.says).prop_map(move |says| (key.at, says));
        // What is always there would never be missed.
        proptest::option::weighted((f64::from(key.chance) / 100.0).min(0.99), says)
    };
    let keys: Vec<_> = provider.keys.iter().map(one).collect();
    let pick = |(at, says): &(&'static str, &'static [&'static str]), index: Index| (*at, *index.get(says));
    let odd = (select(provider.odd), any::<Index>()).prop_map(move |(odd, index)| pick(&odd, index));
    let variable = (select(provider.variables), any::<Index>()).prop_map(move |(set, index)| pick(&set, index));
    let form = prop_oneof![
        24 => Just(Form::Plain),
        1 => Just(Form::ByteOrderMark),
        1 => Just(Form::Crlf),
        1 => Just(Form::Marker),
        1 => Just(Form::Ended),
        1 => Just(Form::Comments),
        1 => Just(Form::SecondDocument),
        1 => Just(Form::Tabs),
    ];
    let some_odd = proptest::option::weighted(0.5, proptest::collection::vec(odd, 1..=2));
    let variables = proptest::option::weighted(0.2, proptest::collection::vec(variable, 1..=2));
    (keys, some_odd, variables, form).prop_map(|(keys, odd, variables, form)| {
        let name = |at: &str| format!("{PREFIX}{}", at.replace('/', "__"));
        Case {
            says: keys.into_iter().flatten().chain(odd.into_iter().flatten()).collect(),
            form,
            variables: variables.into_iter().flatten().map(|(at, says)| (name(at), says.to_owned())).collect(),
        }
    })
}

impl Case {
    /// The file.
    pub fn text(&self) -> String {
        let mut root = Tree::default();
        for (at, says) in &self.says {
            root.put(at.split('/'), says);
        }
        let mut text = String::new();
        root.write(&mut text, 0);
        match self.form {
            Form::Plain => text,
            Form::ByteOrderMark => format!("\u{feff}{text}"),
            Form::Crlf => text.replace('\n', "\r\n"),
            Form::Marker => format!("---\n{text}"),
            Form::Ended => format!("{text}...\n"),
            Form::Comments => format!("# a config\n{}", text.replace('\n', "  # why\n")),
            Form::SecondDocument => format!("{text}---\n{text}"),
            Form::Tabs => text.replace("    ", "\t"),
        }
    }
}

/// Maps in each other, in the order in which they are written.
#[derive(Debug, Default)]
struct Tree {
    says: Option<&'static str>,
    members: Vec<(&'static str, Tree)>,
}

impl Tree {
    /// What is said last of a place holds, and nothing below it.
    fn put(&mut self, mut at: impl Iterator<Item = &'static str>, says: &'static str) {
        let Some(key) = at.next() else {
            (self.says, self.members) = (Some(says), Vec::new());
            return;
        };
        if self.says.is_some() {
            return;
        }
        let index = self.members.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            self.members.push((key, Self::default()));
            self.members.len() - 1
        });
        self.members[index].1.put(at, says);
    }

    fn write(&self, text: &mut String, indent: usize) {
        for (key, member) in &self.members {
            if let Some(says) = member.says {
                let _ = writeln!(text, "{:indent$}{key}: {says}", "");
            } else {
                let _ = writeln!(text, "{:indent$}{key}:", "");
                member.write(text, indent + 2);
            }
        }
    }
}
