//! Who points at whom in a platform: in the account, on the cluster, in the state, in what later stages read.
//!
//! Ids are replaced by what they stand for, everywhere, so that two platforms are equal only when everything in them points at the
//! same things. An id that stands for nothing there is stays as it is, and so is equal to nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::aws::{LINEAGE, names, passes, settled};

/// One platform, as it is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What boto3 finds in the account.
    pub inventory: Value,
    /// What the API server shows, by path.
    pub objects: BTreeMap<String, Value>,
    /// What `nic` has recorded.
    pub state: Value,
    /// What later stages read.
    pub outputs: Value,
    /// Where `nic` was run.
    pub directory: String,
}

impl Found {
    /// The platform with names in the place of ids.
    pub fn wiring(&self) -> Result<Value> {
        let mut names = names(&self.inventory);
        names.call(text(&self.state["lineage"]), LINEAGE);
        names.call(self.directory.trim_start_matches('/'), "<directory>");
        let things = |list: &str| self.inventory[list].as_array().into_iter().flatten();
        for cluster in things("clusters") {
            names.call(text(&cluster["endpoint"]), format!("<endpoint of {}>", text(&cluster["name"])));
        }
        for address in things("elastic_ips") {
            let of = names.given(&address["AllocationId"])?;
            names.call(text(&address["PublicIp"]), format!("<IP of {}>", text(&of).trim_matches(['<', '>'])));
        }
        for (path, object) in &self.objects {
            names.call(text(&object["metadata"]["uid"]), format!("<uid of {path}>"));
        }
        let mut state = self.state.clone();
        hide_fingerprints(&mut state);
        Ok(json!({
            "account": settled(&names, &self.inventory, passes)?,
            "cluster": settled(&names, &json!(self.objects), of_the_server)?,
            "state": settled(&names, &state, of_the_run)?,
            "outputs": settled(&names, &self.outputs, of_the_run)?,
        }))
    }
}

/// Whether a member of an object is the server's own. What an object is for the cluster, such as being established, is not.
fn of_the_server(key: &str) -> bool {
    ["creationTimestamp", "managedFields", "resourceVersion", "generation"].contains(&key)
}

/// Whether a member of the state tells of the run that wrote it. Each account has a server of its own, with an authority of its own.
fn of_the_run(key: &str) -> bool {
    const RUN: [&str; 6] = [
        "serial",
        "deploy_count",
        "last_successful_deploy",
        "certificate_authority",
        "ca_certificate",
        // AWS chooses them: a look tells them, a create does not.
        "thumbprints",
    ];
    RUN.contains(&key) || key.ends_with("_at")
}

/// Each state has a key of its own for them.
fn hide_fingerprints(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(secrets) = members.get_mut("_nic").and_then(|nic| nic.get_mut("secrets")?.as_object_mut()) {
                secrets
                    .values_mut()
                    .filter(|known| known.is_string())
                    .for_each(|known| *known = json!("<fingerprint>"));
            }
            members.values_mut().for_each(hide_fingerprints);
        }
        Value::Array(elements) => elements.iter_mut().for_each(hide_fingerprints),
        _ => {}
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Says where two documents differ.
pub fn same(found: &Value, expected: &Value) -> Result<()> {
    fn compare(path: &str, found: &Value, expected: &Value, differences: &mut Vec<String>) {
        match (found, expected) {
            (Value::Object(a), Value::Object(b)) => {
                for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                    compare(&format!("{path}/{key}"), &found[key.as_str()], &expected[key.as_str()], differences);
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    compare(&format!("{path}/{index}"), a, b, differences);
                }
            }
            _ if found != expected => differences.push(format!("{path}: {found}, expected {expected}")),
            _ => {}
        }
    }
    let mut differences = Vec::new();
    compare("", found, expected, &mut differences);
    ensure!(differences.is_empty(), "{differences:#?}");
    Ok(())
}

#[cfg(test)]
mod tests;
