//! What the boundary costs: one export call on a fresh instance, and loading a component whose compiled code is cached.
//!
//! Needs the components of `cargo xtask components` and `NIC_COMPONENTS_DIR`; `cargo xtask bench` sets it.

use std::path::PathBuf;
use std::sync::Arc;

use criterion::Criterion;
use nic_core::ports::{Call, Context, Provider};
use nic_gate::{Gate, GateOptions};
use nic_sandbox::{Code, Compiler, Host, HostOptions, Manifest};
use serde_json::json;

fn component() -> Vec<u8> {
    let directory =
        PathBuf::from(std::env::var_os("NIC_COMPONENTS_DIR").expect("NIC_COMPONENTS_DIR; run `cargo xtask bench`"));
    std::fs::read(directory.join("bundled/existing.wasm"))
        .expect("the component `existing`; run `cargo xtask components`")
}

fn boundary(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let cache = tempfile::tempdir().expect("a directory");
    let options = HostOptions::new(Gate::new(GateOptions::default()), Compiler::InProcess);
    let options = HostOptions { cache_dir: Some(cache.path().to_owned()), ..options };
    let host = Host::new(options).expect("the sandbox");
    let load = || {
        let code = Code::from(component());
        let manifest = Manifest::of("existing", &code).expect("its manifest");
        let granted = manifest.grants.clone();
        runtime.block_on(host.load(manifest, code, granted)).expect("the component loads")
    };
    let provider = load();
    let call = Call { context: Context::default(), records: Arc::default(), cluster: None };

    criterion.bench_function("one export call on a fresh instance", |bencher| {
        bencher.iter(|| runtime.block_on(provider.cluster(&call, &json!({}))).expect("an answer"));
    });
    criterion.bench_function("load a component, compiled code cached", |bencher| {
        bencher.iter(load);
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    boundary(&mut criterion);
    criterion.final_summary();
}
