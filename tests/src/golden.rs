//! What a command answered, as one text: the exit code, stdout and stderr together, without what differs from run to run. Tests compare
//! it with the one that somebody read and found good.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use regex::Regex;

use crate::nic::{Ran, Workspace};

/// What differs between runs and machines, and what stands in its place. What is of another length on another machine must not be in
/// words that are wrapped.
const VARYING: &[(&str, &str)] = &[
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
    (r"\b[0-9a-f]{64}\b", "[DIGEST]"),
    (r"\b[0-9a-f]{32}\b", "[LINEAGE]"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "[UUID]"),
    // Changes at the same time share a write.
    (r"\bserial \d+", "serial [SERIAL]"),
    (r#""serial": \d+"#, r#""serial": "[SERIAL]""#),
    (
        r#"(certificate-authority-data|certificate_authority_data|ca_certificate)(\\?"?): ?\\?"[A-Za-z0-9+/=]+\\?""#,
        "$1$2: [CA]",
    ),
    (r"\bid/[0-9A-F]{32}\b", "id/[OIDC]"),
    (r"\b(vpc|subnet|sg|sgr|igw|rtb|rtbassoc|eni|fs|fsmt|fsap|nat|eipalloc|lt|acl)-[0-9a-f]{8,17}\b", "$1-[ID]"),
    (r#""bytes": \d+"#, r#""bytes": [BYTES]"#),
];

/// The text, without what differs from run to run.
pub fn redacted(workspace: &Workspace, text: &str) -> Result<String> {
    let own = workspace.path().display().to_string();
    let mut text = text.replace(&own, "[DIR]");
    let binary = crate::nic::binary()?.display().to_string();
    text = text.replace(&binary, "[NIC]").replace(concat!("nic ", env!("CARGO_PKG_VERSION")), "nic [VERSION]");
    text = text.replace(&nic_provisions::cache::dir().display().to_string(), "[CACHE]");
    for (varying, instead) in VARYING {
        text = Regex::new(varying)?.replace_all(&text, *instead).into_owned();
    }
    Ok(text)
}

/// One run of a command: what was typed, how it ended, what it said.
pub fn shown(workspace: &Workspace, arguments: &[&str], ran: &Ran) -> Result<String> {
    let quoted = arguments.iter().map(|word| if word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() });
    let typed = quoted.collect::<Vec<_>>().join(" ");
    let mut text = format!("$ nic {typed}\nexit code: {}\n", ran.code);
    for (name, said) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        let _ = write!(text, "----- {name} -----\n{}", redacted(workspace, said)?);
        if !said.is_empty() && !said.ends_with('\n') {
            text.push_str("(no newline at the end)\n");
        }
    }
    Ok(text)
}

/// Whether every line has room in a terminal of 80 columns, unless one word alone is too long.
pub fn fits_a_terminal(text: &str) -> Result<()> {
    let wide = |line: &&str| {
        let widest = line.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
        line.chars().count() > 80 && widest < 40
    };
    let wide: Vec<&str> = text.lines().filter(wide).collect();
    ensure!(wide.is_empty(), "wider than 80 columns: {wide:#?}");
    Ok(())
}
