//! docs/errors.md and the source name the same codes.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};
use regex::Regex;

/// Words of that shape in the source that are no codes: names of the environment (also of containers), words of the clouds.
const NOT_CODES: &[&str] = &[
    "CARGO_PKG_VERSION",
    "OUT_DIR",
    "RAYON_NUM_THREADS",
    "KUBERNETES_EXEC_INFO",
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "NO_SCHEDULE",
    "PREFER_NO_SCHEDULE",
    "NO_EXECUTE",
    "ON_DEMAND",
    "AL2023_ARM_64_NVIDIA",
    "AL2023_ARM_64_STANDARD",
    "CONFIG_MAP",
    "CREATE_FAILED",
    "DELETE_FAILED",
    "CREATE_COMPLETE",
    "QUOTA_EXCEEDED",
    "OWNER_KEY",
    "GROUP_LABEL",
    "CSI_DRIVER",
    "SERVICE_ACCOUNT_AUDIENCE",
    "ENCRYPT_DECRYPT",
    "SYMMETRIC_DEFAULT",
    "COS_TOOLS_DIR_CONTAINER",
    "COS_TOOLS_DIR_HOST",
    "NVIDIA_INSTALL_DIR_CONTAINER",
    "NVIDIA_INSTALL_DIR_HOST",
    "POD_NAMESPACE",
    "ROOT_MOUNT_DIR",
    "SERVICE_ACCOUNT",
    "VULKAN_ICD_DIR_CONTAINER",
    "VULKAN_ICD_DIR_HOST",
];

fn rust_files(directory: &Path, found: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path)?;
            // Unit tests at a file's end speak of codes that nobody meets.
            found.push(text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned());
        }
    }
    Ok(())
}

#[test]
fn every_code_is_documented_and_every_documented_code_exists() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let mut sources = Vec::new();
    let shipped = ["aws", "existing", "initialize"].map(|provider| format!("providers/{provider}/src"));
    let host = ["core", "system", "gate", "sandbox", "cluster", "nic"].map(|part| format!("host/{part}/src"));
    for directory in host.iter().chain(&shipped).map(String::as_str).chain(["sdk/src"]) {
        rust_files(&root.join(directory), &mut sources)?;
    }
    // As a whole string, or in brackets at the end of a refusal's words.
    let word = Regex::new(r#"["\[]([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)["\]]"#)?;
    let is_environment = |code: &str| ["AWS_", "NIC_", "NEBARI_"].iter().any(|prefix| code.starts_with(prefix));
    let used: BTreeSet<String> = sources
        .iter()
        .flat_map(|text| word.captures_iter(text).map(|c| c[1].to_owned()).collect::<Vec<_>>())
        .filter(|code| !NOT_CODES.contains(&code.as_str()) && !is_environment(code))
        .collect();
    let page = std::fs::read_to_string(root.join("docs/errors.md"))?;
    let tables: String = page.lines().filter(|line| line.starts_with("| `")).collect::<Vec<_>>().join("\n");
    let entry = Regex::new(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)`")?;
    let documented: BTreeSet<String> = tables
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| entry.captures_iter(cell).map(|c| c[1].to_owned()).collect::<Vec<_>>())
        .collect();
    let missing: Vec<_> = used.difference(&documented).collect();
    ensure!(missing.is_empty(), "not in docs/errors.md: {missing:?}");
    let all = sources.join("\n");
    let stale: Vec<_> = documented.iter().filter(|code| !all.contains(code.as_str())).collect();
    ensure!(stale.is_empty(), "in docs/errors.md but not in the source: {stale:?}");
    Ok(())
}
