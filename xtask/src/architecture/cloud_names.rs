//! A cloud is known by name in its own files, and in the one table of clouds. Elsewhere no identifier, text or documentation has a word
//! that is a cloud's, a service's of one, or that of a sort of cluster of one.

use std::path::Path;

use proc_macro2::TokenTree;

use super::source::{HostCrate, Source};

/// Words, whole or as a part of an identifier: `eks` is in `eks_token`, `EksCluster` and `AWS_ENDPOINT_URL_EKS`.
const WORDS: [&str; 35] = [
    "aws",
    "eks",
    "ec2",
    "ecr",
    "efs",
    "ebs",
    "elb",
    "iam",
    "sts",
    "arn",
    "sigv4",
    "irsa",
    "imds",
    "gcp",
    "gke",
    "gcs",
    "gcloud",
    "azure",
    "aks",
    "entra",
    "aad",
    "msi",
    "ocean",
    "eksctl",
    "awscli",
    "fargate",
    "digitalocean",
    "hetzner",
    "linode",
    "kms",
    "s3",
    "azblob",
    "adl",
    "abfs",
    "abfss",
];

/// What such a word begins with.
const BEGINNINGS: [&str; 2] = ["amazon", "google"];

/// The names of clouds that files and directories of their own go by.
const CLOUDS: [&str; 3] = ["aws", "gcp", "azure"];

/// The crates that may have such files.
const WITH_CLOUDS: [&str; 3] = ["host/gate", "host/cluster", "host/nic"];

/// The tables, a row for each cloud: of the config and the commands, of ways of signing, of clusters.
const TABLES: [&str; 4] =
    ["host/nic/src/clouds.rs", "host/gate/src/clouds.rs", "host/cluster/src/clouds.rs", "host/cluster/src/kinds.rs"];

/// A TLS library, in code and in prose.
const NO_CLOUDS: [&str; 2] = ["aws_lc_rs", "aws-lc-rs"];

/// A file that may name clouds.
struct Allowed {
    path: &'static str,
    /// The words it may use; none for all of them.
    words: &'static [&'static str],
    why: &'static str,
}

const ALLOWED: &[Allowed] = &[Allowed {
    path: "host/gate/src/egress/metadata.rs",
    words: &["aws", "gcp", "azure", "eks", "ec2", "google", "linode"],
    why: "addresses that nothing may ask, of every cloud, whichever one a provider is for",
}];

struct Finding {
    path: String,
    line: usize,
    word: String,
}

/// Names that are out of place, for people.
pub fn check(crates: &[HostCrate]) -> Vec<String> {
    broken(crates, ALLOWED)
}

fn broken(crates: &[HostCrate], allowed: &[Allowed]) -> Vec<String> {
    let sources = crates.iter().flat_map(|one| &one.sources).filter(|source| !is_of_a_cloud(&source.path));
    let found: Vec<Finding> = sources.flat_map(findings).collect();
    let covers = |entry: &Allowed, one: &Finding| {
        entry.path == one.path && (entry.words.is_empty() || entry.words.contains(&one.word.as_str()))
    };
    let outside = found.iter().filter(|one| !allowed.iter().any(|entry| covers(entry, one)));
    let mut broken: Vec<String> = outside
        .map(|one| format!("{}:{}: names a cloud outside of its own files: `{}`", one.path, one.line, one.word))
        .collect();
    for entry in allowed {
        let is_there = |word: &&&str| found.iter().any(|one| one.path == entry.path && one.word == **word);
        let gone: Vec<&str> = entry.words.iter().filter(|word| !is_there(word)).copied().collect();
        if !gone.is_empty() || !found.iter().any(|one| covers(entry, one)) {
            broken.push(format!(
                "{}: need not be allowed any more to name {} ({})",
                entry.path,
                if gone.is_empty() { "clouds".to_owned() } else { gone.join(", ") },
                entry.why
            ));
        }
    }
    broken
}

/// Whether a file is a cloud's own, or the table.
fn is_of_a_cloud(path: &Path) -> bool {
    let stem = path.with_extension("");
    TABLES.iter().any(|table| path == Path::new(table))
        || WITH_CLOUDS.iter().any(|one| path.starts_with(one))
            && stem.iter().any(|part| CLOUDS.iter().any(|cloud| part == *cloud))
}

fn findings(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    walk(&source.tokens, &mut |line, text| {
        let mut words = names(text);
        words.dedup();
        let path = source.path.to_string_lossy();
        found.extend(words.into_iter().map(|word| Finding { path: path.clone().into_owned(), line, word }));
    });
    found
}

/// Every identifier and literal; documentation is a literal of an attribute.
fn walk(tokens: &[TokenTree], told: &mut impl FnMut(usize, &str)) {
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => walk(&group.stream().into_iter().collect::<Vec<_>>(), told),
            // A cloud's file has to be declared by the one above it.
            TokenTree::Ident(name) if is_declaration(tokens, index) && CLOUDS.contains(&name.to_string().as_str()) => {}
            TokenTree::Ident(name) => told(name.span().start().line, &name.to_string()),
            TokenTree::Literal(literal) => {
                let first = literal.span().start().line;
                literal.to_string().lines().enumerate().for_each(|(index, line)| told(first + index, line));
            }
            TokenTree::Punct(_) => {}
        }
    }
}

/// `mod <name>;`
fn is_declaration(tokens: &[TokenTree], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|at| tokens.get(at));
    let after = tokens.get(index + 1);
    matches!(before, Some(TokenTree::Ident(word)) if word == "mod")
        && matches!(after, Some(TokenTree::Punct(sign)) if sign.as_char() == ';')
}

/// The words of a text that name clouds.
fn names(text: &str) -> Vec<String> {
    let text = NO_CLOUDS.iter().fold(text.to_owned(), |text, library| text.replace(library, " "));
    let mut found = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        let parts = parts(word);
        // `SigV4` are two parts and one word.
        let pairs = parts.windows(2).map(<[String]>::concat);
        for part in parts.iter().cloned().chain(pairs) {
            if WORDS.contains(&part.as_str()) || BEGINNINGS.iter().any(|beginning| part.starts_with(beginning)) {
                found.push(part);
            }
        }
    }
    found
}

/// The parts of a name in camel case, in lower case: `AWSRequest` is `aws` and `request`.
fn parts(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut parts = vec![String::new()];
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|at| letters[at]);
        let ends_a_run = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
        let begins =
            letter.is_ascii_uppercase() && before.is_some_and(|before| !before.is_ascii_uppercase() || ends_a_run);
        if begins {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(letter.to_ascii_lowercase());
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(file: &str, text: &str) -> Vec<String> {
        broken(&[HostCrate::fixture("nic", &[(file, text)])], &[])
    }

    #[test]
    fn a_name_is_found_in_code_texts_and_documentation() {
        for text in [
            "fn eks_token() {}",
            "struct AwsRequest;",
            "struct AWSRequest;",
            "impl EksCluster {}",
            "use x::SigV4;",
            "const A: &str = \"AWS_ENDPOINT_URL\";",
            "const A: &str = \"x.amazonaws.com\";",
            "/// As on GKE.\nfn f() {}",
            "//! Asks Google.",
            "fn f() { g!(\"{}\", azure) }",
            "const A: &[u8] = b\"EC2\";",
        ] {
            assert_eq!(told("x.rs", text).len(), 1, "{text}: {:?}", told("x.rs", text));
        }
        assert_eq!(
            told("x.rs", "\n\nfn gke() {}"),
            ["host/nic/src/x.rs:3: names a cloud outside of its own files: `gke`"]
        );
    }

    #[test]
    fn words_that_only_look_like_one_are_none() {
        for text in [
            "fn steaks(laws: u8) -> Weeks { awsome(rests) }",
            "// A remark on AWS.\nfn f() {}",
            "use rustls::crypto::aws_lc_rs::default_provider;",
            "mod aws;",
            "#[cfg(test)]\nmod tests { fn aws() {} }",
        ] {
            assert_eq!(told("x.rs", text), [""; 0], "{text}");
        }
        // Declared is what may be named.
        assert_eq!(told("x.rs", "mod aws { fn f() {} }").len(), 1);
        assert_eq!(told("x.rs", "mod eks;").len(), 1);
    }

    #[test]
    fn a_cloud_has_files_of_its_own() {
        for file in ["aws.rs", "doctor/aws.rs", "gcp/token.rs", "clouds.rs"] {
            assert_eq!(told(file, "fn aws() {}"), [""; 0], "{file}");
        }
        for file in ["aws_more.rs", "a/clouds.rs", "eks.rs"] {
            assert_eq!(told(file, "fn aws() {}").len(), 1, "{file}");
        }
        // Where nothing is decided by cloud there is none.
        let core = HostCrate::fixture("core", &[("aws.rs", "fn aws() {}")]);
        assert_eq!(broken(&[core], &[]).len(), 1);
    }

    #[test]
    fn an_exception_covers_its_words_and_does_not_outlive_them() {
        let crates = [HostCrate::fixture("nic", &[("x.rs", "fn aws() {} fn gcp() {}")])];
        let allowed = |words: &'static [&'static str]| {
            broken(&crates, &[Allowed { path: "host/nic/src/x.rs", words, why: "it is told" }])
        };
        assert_eq!(allowed(&[]), [""; 0]);
        assert_eq!(allowed(&["aws", "gcp"]), [""; 0]);
        assert!(allowed(&["aws"])[0].ends_with("`gcp`"));
        assert!(allowed(&["aws", "gcp", "eks"])[0].contains("need not be allowed any more to name eks"));
        let elsewhere = broken(&crates, &[Allowed { path: "host/nic/src/gone.rs", words: &[], why: "it is told" }]);
        assert!(elsewhere.last().unwrap().contains("need not be allowed any more to name clouds"));
    }
}
