//! The published schemas of what NIC writes.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Checks a document against one of docs/schemas.
pub fn conforms(document: &Value, schema: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas").join(schema);
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let validator = jsonschema::validator_for(&serde_json::from_str(&text)?)?;
    let problems: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    ensure!(problems.is_empty(), "{schema}: {problems:#?}\n{document:#}");
    Ok(())
}
