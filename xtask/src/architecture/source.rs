//! The sources of the host's crates as tokens, without what only tests are made of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One crate of the host.
pub struct HostCrate {
    /// Its directory's name, such as `core`.
    pub name: String,
    /// Its Cargo.toml.
    pub manifest: String,
    /// Its files, but those of tests.
    pub sources: Vec<Source>,
}

/// One file that is not only for tests.
pub struct Source {
    /// Its path below the workspace.
    pub path: PathBuf,
    /// The module that it is, by names below the crate; empty for the root.
    pub module: Vec<String>,
    /// What it says outside of tests.
    pub tokens: Vec<TokenTree>,
}

impl HostCrate {
    /// Every crate below `host/`.
    pub fn all(workspace: &Path) -> Result<Vec<Self>> {
        let mut directories = entries(&workspace.join("host"))?;
        directories.retain(|path| path.join("Cargo.toml").is_file());
        directories.iter().map(|directory| Self::read(workspace, directory)).collect()
    }

    fn read(workspace: &Path, directory: &Path) -> Result<Self> {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut files = Vec::new();
        collect(&directory.join("src"), &mut files)?;
        let read = |file: &PathBuf| {
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let inside = file.strip_prefix(directory.join("src"))?;
            Ok((file.strip_prefix(workspace)?.to_owned(), module_of(inside), text))
        };
        let files = files.iter().map(read).collect::<Result<Vec<_>>>()?;
        let manifest = std::fs::read_to_string(directory.join("Cargo.toml"))?;
        Self::of(&name, manifest, files)
    }

    /// A crate of these files: path below the workspace, module, text.
    pub fn of(name: &str, manifest: String, files: Vec<(PathBuf, Vec<String>, String)>) -> Result<Self> {
        let mut tests = BTreeSet::new();
        let mut sources = Vec::new();
        for (path, module, text) in files {
            let stream: TokenStream = text.parse().map_err(|error| anyhow!("{}: {error}", path.display()))?;
            let tokens = without_tests(stream, &module, &mut tests);
            sources.push(Source { path, module, tokens });
        }
        sources.retain(|source| !(1..=source.module.len()).any(|length| tests.contains(&source.module[..length])));
        Ok(Self { name: name.to_owned(), manifest, sources })
    }

    #[cfg(test)]
    pub fn fixture(name: &str, files: &[(&str, &str)]) -> Self {
        let one = |(file, text): &(&str, &str)| {
            (PathBuf::from(format!("host/{name}/src/{file}")), module_of(Path::new(file)), (*text).to_owned())
        };
        Self::of(name, String::new(), files.iter().map(one).collect()).unwrap()
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let listed = std::fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut paths = listed.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for path in entries(directory)? {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// `output/json.rs` is `output::json`, `lib.rs` and `main.rs` are roots.
fn module_of(inside: &Path) -> Vec<String> {
    let mut module: Vec<String> =
        inside.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| matches!(last.as_str(), "lib" | "main" | "mod")) {
        module.pop();
    }
    module
}

/// Drops whatever `#[cfg(test)]` stands before, and notes the modules among it.
fn without_tests(stream: TokenStream, module: &[String], tests: &mut BTreeSet<Vec<String>>) -> Vec<TokenTree> {
    let mut kept: Vec<TokenTree> = Vec::new();
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let only_in_tests = is_punct(&token, '#') && tokens.peek().is_some_and(is_cfg_test);
        if !only_in_tests {
            kept.push(match token {
                TokenTree::Group(group) => {
                    let module = inside_of(module, &kept);
                    let inside = without_tests(group.stream(), &module, tests).into_iter().collect();
                    let mut pruned = proc_macro2::Group::new(group.delimiter(), inside);
                    pruned.set_span(group.span());
                    TokenTree::Group(pruned)
                }
                other => other,
            });
            continue;
        }
        // An item ends with its block or a semicolon, a field or an arm with a comma that is not between angle brackets.
        let (mut angles, mut is_module, mut before) = (0_u32, false, ' ');
        for token in tokens.by_ref() {
            match &token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                TokenTree::Punct(punct) => match punct.as_char() {
                    ';' => break,
                    ',' if angles == 0 => break,
                    '<' => angles += 1,
                    '>' if before != '-' => angles = angles.saturating_sub(1),
                    _ => {}
                },
                TokenTree::Ident(name) if is_module => {
                    tests.insert(module.iter().cloned().chain([name.to_string()]).collect());
                }
                _ => {}
            }
            is_module = matches!(&token, TokenTree::Ident(word) if word == "mod");
            before = if let TokenTree::Punct(punct) = &token { punct.as_char() } else { ' ' };
        }
        // `use a::{b, c};`
        tokens.next_if(|token| is_punct(token, ';'));
    }
    kept
}

/// The module of a block that follows these: one of its own after `mod name`.
fn inside_of(module: &[String], before: &[TokenTree]) -> Vec<String> {
    let own = match before {
        [.., TokenTree::Ident(word), TokenTree::Ident(name)] if word == "mod" => Some(name.to_string()),
        _ => None,
    };
    module.iter().cloned().chain(own).collect()
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn is_cfg_test(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    group.delimiter() == Delimiter::Bracket && group.stream().to_string().replace(' ', "") == "cfg(test)"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_are_made_of_is_left_out_and_nothing_else() {
        let text = "
            use crate::a;
            #[cfg(test)] use crate::{b, c};
            struct S { #[cfg(test)] d: Option<e::F<u8, u8>>, g: u8 }
            #[cfg(test)] mod tests;
            #[cfg(test)] fn h() -> Vec<u8> { i }
            #[cfg(test)] mod inline { fn j() {} }
            fn k() {}
            mod p { #[cfg(test)] mod q; }
        ";
        let files = [
            ("lib.rs", text),
            ("tests.rs", "fn l() {}"),
            ("tests/deep.rs", "fn m() {}"),
            ("n.rs", "fn o() {}"),
            ("p/q.rs", "fn r() {}"),
            ("q.rs", "fn s() {}"),
        ];
        let read = HostCrate::fixture("x", &files);
        let paths: Vec<_> = read.sources.iter().map(|source| source.path.to_string_lossy().into_owned()).collect();
        assert_eq!(paths, ["host/x/src/lib.rs", "host/x/src/n.rs", "host/x/src/q.rs"]);
        let kept = read.sources[0].tokens.iter().cloned().collect::<TokenStream>().to_string();
        assert_eq!(kept.split_whitespace().collect::<String>(), "usecrate::a;structS{g:u8}fnk(){}modp{}");
    }
}
