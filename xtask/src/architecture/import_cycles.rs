//! No imports in a circle. Modules beside each other (of a crate, and of a module of a crate) are looked at by the paths they write:
//! in `use`, and wherever else a path begins with `crate`, `super` or `self`. A name that a module only hands on counts as that of the module
//! where it is from; what a glob brings says that of no name, so there are none outside of tests. A module and what is below it are one: who
//! is above and below is said by where they stand.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::source::HostCrate;

/// Circles that are still there: crate, module around them, modules, what is to be done.
const KNOWN: &[(&str, &str, &[&str], &str)] = &[];

/// How deep modules beside each other are looked at: those of the crate, and those one below.
const DEPTH: usize = 2;

type Path = Vec<String>;

/// Modules beside each other: who names whom, first at which place.
type Siblings = BTreeMap<(String, String), String>;

/// The circles, for people.
pub fn check(crates: &[HostCrate]) -> Vec<String> {
    broken(crates, KNOWN)
}

fn broken(crates: &[HostCrate], known: &[(&str, &str, &[&str], &str)]) -> Vec<String> {
    let mut broken = Vec::new();
    let mut unused: Vec<_> = known.iter().collect();
    for one in crates {
        broken.extend(globs(one));
        for (around, edges) in graphs(one) {
            for circle in circles(&edges) {
                let around = around.join("::");
                let is_it = |(name, place, modules, _): &&(&str, &str, &[&str], &str)| {
                    *name == one.name
                        && *place == around
                        && modules.iter().copied().eq(circle.iter().map(String::as_str))
                };
                if let Some(position) = unused.iter().position(is_it) {
                    unused.remove(position);
                    continue;
                }
                let modules: Vec<&str> = circle.iter().map(String::as_str).collect();
                let place = if around.is_empty() { String::new() } else { format!(" in `{around}`") };
                broken.push(format!("host/{}{place}: imports in a circle: {}", one.name, modules.join(", ")));
                let inside = edges.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
                broken.extend(inside.map(|((from, to), place)| format!("    {from} -> {to} at {place}")));
            }
        }
    }
    let stale = |(name, place, modules, _): &(&str, &str, &[&str], &str)| {
        format!("host/{name}: no such circle any more, take it out of the check's list: {place} {}", modules.join(", "))
    };
    broken.extend(unused.into_iter().map(stale));
    broken
}

/// Uses of everything that a module has.
fn globs(one: &HostCrate) -> Vec<String> {
    let mut told = Vec::new();
    for source in &one.sources {
        for line in globs_in(&source.tokens) {
            told.push(format!("{}:{line}: a glob hides where names are from: name them", source.path.display()));
        }
    }
    told
}

fn globs_in(tokens: &[TokenTree]) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut in_use = None;
    for token in tokens {
        match token {
            TokenTree::Ident(word) if word == "use" => in_use = Some(word.span().start().line),
            _ if is(token, ';') => in_use = None,
            TokenTree::Group(group) => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                match in_use {
                    Some(line) if has_star(&inside) => lines.push(line),
                    Some(_) => {}
                    None => lines.extend(globs_in(&inside)),
                }
            }
            _ if is(token, '*') => lines.extend(in_use),
            _ => {}
        }
    }
    lines
}

fn has_star(tokens: &[TokenTree]) -> bool {
    tokens.iter().any(|token| match token {
        TokenTree::Group(group) => has_star(&group.stream().into_iter().collect::<Vec<_>>()),
        other => is(other, '*'),
    })
}

/// For each module that has others below it, what those name of each other.
fn graphs(one: &HostCrate) -> BTreeMap<Path, Siblings> {
    // A binary's root sees the library as another crate.
    let sources: Vec<_> = one.sources.iter().filter(|source| !source.path.ends_with("src/main.rs")).collect();
    let modules: BTreeSet<Path> = sources.iter().map(|source| source.module.clone()).collect();
    let mut named = Vec::new();
    let mut imports = BTreeMap::new();
    for source in &sources {
        let mut found = Found { modules: &modules, file: &source.module, named: Vec::new(), imports: BTreeMap::new() };
        found.walk(&source.tokens, &source.module);
        named.extend(found.named.into_iter().map(|(path, line)| (source, path, line)));
        imports.extend(found.imports);
    }
    let mut graphs: BTreeMap<Path, Siblings> = BTreeMap::new();
    for (source, path, line) in named {
        let target = origin(path, &modules, &imports);
        let shared = source.module.iter().zip(&target).take_while(|(one, other)| one == other).count();
        let (Some(from), Some(to)) = (source.module.get(shared), target.get(shared)) else { continue };
        if shared < DEPTH && modules.contains(&target[..=shared]) {
            let place = format!("{}:{line}", source.path.display());
            let edges = graphs.entry(target[..shared].to_vec()).or_default();
            edges.entry((from.clone(), to.clone())).or_insert(place);
        }
    }
    graphs
}

/// Where a name is from that modules on the way only hand on.
fn origin(mut path: Path, modules: &BTreeSet<Path>, imports: &BTreeMap<Path, Path>) -> Path {
    // Hands that pass a name around in a circle would not compile; the bound is for those that do not.
    for _ in 0..16 {
        let known = (0..=path.len()).rev().find(|length| modules.contains(&path[..*length])).unwrap_or(0);
        let Some(from) = path.get(..=known).and_then(|name| imports.get(name)) else { break };
        path = from.iter().chain(&path[known + 1..]).cloned().collect();
    }
    path
}

struct Found<'a> {
    modules: &'a BTreeSet<Path>,
    /// The module that is read.
    file: &'a [String],
    /// Paths within the crate, and their lines.
    named: Vec<(Path, usize)>,
    /// Names that `use` brings into the module, and where from.
    imports: BTreeMap<Path, Path>,
}

impl Found<'_> {
    fn walk(&mut self, tokens: &[TokenTree], module: &[String]) {
        let mut index = 0;
        while index < tokens.len() {
            match &tokens[index] {
                TokenTree::Ident(word) if word == "use" => {
                    let end = (index..tokens.len()).find(|at| is(&tokens[*at], ';')).unwrap_or(tokens.len());
                    self.tree(&tokens[index + 1..end], Vec::new(), module, true);
                    index = end;
                }
                TokenTree::Ident(word)
                    if matches!(word.to_string().as_str(), "crate" | "super" | "self")
                        && !(index > 1 && is(&tokens[index - 1], ':') && is(&tokens[index - 2], ':')) =>
                {
                    let mut end = index + 1;
                    while end + 2 < tokens.len()
                        && is(&tokens[end], ':')
                        && is(&tokens[end + 1], ':')
                        && matches!(tokens[end + 2], TokenTree::Ident(_))
                    {
                        end += 3;
                    }
                    if end > index + 1 {
                        self.tree(&tokens[index..end], Vec::new(), module, false);
                    }
                    index = end - 1;
                }
                TokenTree::Group(group) => {
                    let name = match (
                        index.checked_sub(2).map(|at| &tokens[at]),
                        index.checked_sub(1).map(|at| &tokens[at]),
                    ) {
                        (Some(TokenTree::Ident(word)), Some(TokenTree::Ident(name))) if word == "mod" => {
                            Some(name.to_string())
                        }
                        _ => None,
                    };
                    let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                    let below: Path = module.iter().cloned().chain(name).collect();
                    self.walk(&inside, &below);
                }
                _ => {}
            }
            index += 1;
        }
    }

    /// One tree of a `use`, or one path.
    fn tree(&mut self, tokens: &[TokenTree], mut path: Vec<String>, module: &[String], is_use: bool) {
        let line = tokens.first().map_or(0, |token| token.span().start().line);
        let mut alias = None;
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    alias = tokens.get(index + 1).map(ToString::to_string);
                    break;
                }
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    for part in split(group.stream()) {
                        self.tree(&part, path.clone(), module, is_use);
                    }
                    return;
                }
                _ => {}
            }
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let Some(absolute) = self.absolute(&path, module) else { return };
        if is_use && let Some(name) = alias.or_else(|| path.last().cloned()) {
            self.imports.insert(module.iter().cloned().chain([name]).collect(), absolute.clone());
        }
        self.named.push((absolute, line));
    }

    /// The path from the crate's root; none for one that leads into another crate.
    fn absolute(&self, path: &[String], module: &[String]) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some(module.iter().chain(rest).cloned().collect()),
            "super" => {
                let ups = path.iter().take_while(|segment| *segment == "super").count();
                let above = &module[..module.len().checked_sub(ups)?];
                Some(above.iter().chain(&path[ups..]).cloned().collect())
            }
            child => {
                let below: Path = self.file.iter().cloned().chain([child.to_owned()]).collect();
                (module == self.file && self.modules.contains(&below))
                    .then(|| below.iter().chain(rest).cloned().collect())
            }
        }
    }
}

fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn split(stream: TokenStream) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    tokens.split(|token| is(token, ',')).filter(|part| !part.is_empty()).map(<[TokenTree]>::to_vec).collect()
}

/// Sets of more than one module each of which leads to every other.
fn circles(edges: &Siblings) -> Vec<BTreeSet<String>> {
    let reached = |from: &String| {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(one) = next.pop() {
            let further = edges.keys().filter(|(from, to)| from == one && !reached.contains(to)).map(|(_, to)| to);
            let further: Vec<&String> = further.collect();
            reached.extend(further.iter().map(|name| (*name).clone()));
            next.extend(further);
        }
        reached
    };
    let reach: BTreeMap<&String, BTreeSet<String>> = edges.keys().map(|(from, _)| (from, reached(from))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (module, all) in &reach {
        let circle: BTreeSet<String> =
            all.iter().filter(|other| reach.get(other).is_some_and(|back| back.contains(*module))).cloned().collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        broken(&[HostCrate::fixture("x", files)], &[])
    }

    #[test]
    fn a_circle_is_told_with_the_places_that_close_it() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use std::fmt;\nuse crate::b::B;\nuse crate::d;"),
            ("b.rs", "fn f() { let _ = matches!(1, crate::c::C); }"),
            ("c.rs", "use super::{d, a::{self, A}};"),
            ("d.rs", ""),
        ];
        assert_eq!(
            found(&files),
            [
                "host/x: imports in a circle: a, b, c",
                "    a -> b at host/x/src/a.rs:2",
                "    b -> c at host/x/src/b.rs:1",
                "    c -> a at host/x/src/c.rs:1",
            ]
        );
        assert_eq!(found(&files[..3]), [""; 0], "one way is no circle");
        // After a name and its colon it is a path all the same.
        let typed = [("a.rs", "struct S { b: crate::b::B }"), ("b.rs", "fn f(a: super::a::S) {}")];
        assert_eq!(found(&typed)[0], "host/x: imports in a circle: a, b");
    }

    #[test]
    fn a_name_that_is_handed_on_is_of_where_it_is_from() {
        let root = "mod a; mod b; pub use b::B; pub use self::a::A as Other;";
        assert_eq!(found(&[("lib.rs", root), ("a.rs", "use crate::B;"), ("b.rs", "use crate::Other;")]).len(), 3);
        let root = "mod a; mod b; pub struct B;";
        assert!(found(&[("lib.rs", root), ("a.rs", "use crate::B;"), ("b.rs", "use crate::a;")]).is_empty());
        // Two that both take what the module above them imports from elsewhere.
        let above = "mod one; mod two; use crate::a::A;";
        let files = [
            ("m.rs", above),
            ("m/one.rs", "use super::A; use super::two::T;"),
            ("m/two.rs", "use super::A;"),
            ("a.rs", ""),
        ];
        assert!(found(&files).is_empty());
    }

    #[test]
    fn modules_below_one_are_looked_at_too_and_tests_are_not() {
        let files = [
            ("m.rs", "mod one; mod two;"),
            ("m/one.rs", "use super::two::T;"),
            ("m/two.rs", "mod i { use super::super::one::O; }"),
        ];
        assert_eq!(found(&files)[0], "host/x in `m`: imports in a circle: one, two");
        let tested = [("a.rs", "use crate::b;"), ("b.rs", "#[cfg(test)] mod tests { use crate::a; }")];
        assert!(found(&tested).is_empty());
    }

    #[test]
    fn a_glob_is_told_wherever_it_stands_and_in_tests_is_none() {
        let text = "use crate::b::*;\nuse {std::fmt, crate::c::{d, e::*}};\nfn f() { use super::*; let _ = 2 * 3; }\n\
                    #[cfg(test)] mod tests { use super::*; }";
        let told = |line| format!("host/x/src/a.rs:{line}: a glob hides where names are from: name them");
        assert_eq!(found(&[("a.rs", text)]), [told(1), told(2), told(3)]);
    }

    #[test]
    fn a_known_circle_is_left_alone_until_it_is_another() {
        let read = [HostCrate::fixture("x", &[("a.rs", "use crate::b;"), ("b.rs", "use crate::a;")])];
        assert_eq!(broken(&read, &[("x", "", &["a", "b"], "why")]), [""; 0]);
        let other = broken(&read, &[("x", "", &["a", "b", "c"], "why")]);
        assert!(other[0].contains("in a circle") && other.last().unwrap().contains("no such circle"), "{other:?}");
    }
}
