//! The components of the past in `golden/`: each was built once, and is never built again.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    pub file: &'static str,
    /// What it says it wants, as it stands in it.
    pub manifest: &'static str,
    /// As golden/README.md has it.
    pub digest: &'static str,
}

/// `examples/hello-provider`: pure calls and one Kubernetes object.
pub const HELLO: Published = Published {
    file: "hello-0.1.0.wasm",
    manifest: include_str!("../golden/hello-0.1.0.json"),
    digest: "56a6e78163cf851a8c004e29396a11bf3afb37c44e35882e3475d632cb6e7924",
};

/// The scripted component: every call of the boundary, requests, the journal's `created`, reads on the cluster.
pub const SCRIPTED: Published = Published {
    file: "scripted-0.1.0.wasm",
    manifest: include_str!("../golden/scripted-0.1.0.json"),
    digest: "237b3c380f574f338590008e95c1073677031296ec966d3cae720c6d67a72b9d",
};

/// All of them.
pub const ALL: [Published; 2] = [HELLO, SCRIPTED];

impl Published {
    pub fn bytes(self) -> Result<Vec<u8>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(self.file);
        std::fs::read(&path).with_context(|| format!("read {}", path.display()))
    }

    /// What it wants to be granted.
    pub fn wanted(self) -> Result<Value> {
        serde_json::from_str(self.manifest).context("the manifest is JSON")
    }
}
