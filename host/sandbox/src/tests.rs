//! The sandbox with real components in it. They are built first, so these tests run on request:
//! `NIC_TEST_COMPONENTS=<directory> cargo test --release -p nic-sandbox -- --ignored`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use nic_core::error::ProviderError;
use nic_core::ports::ClusterReader;
use nic_core::ports::{Answer, Call, Context, Provider};
use nic_gate::grant::{Grants, parse_all};
use nic_gate::{Gate, GateOptions};
use serde_json::{Value, json};

use super::limits::Times;
use super::{Code, Compiler, ComponentProvider, GuestLog, Host, HostOptions, Level, Manifest, Speaker};

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl GuestLog for Heard {
    fn line(&self, _: &Speaker, _: Level, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    fn progress(&self, _: &Speaker, _: &str) {}
}

fn component(name: &str) -> Vec<u8> {
    let directory =
        PathBuf::from(std::env::var_os("NIC_TEST_COMPONENTS").expect("NIC_TEST_COMPONENTS names a directory"));
    std::fs::read(directory.join(format!("{name}.wasm"))).expect("the component is built")
}

fn options() -> HostOptions {
    let times = Times { pure: Duration::from_secs(6), cpu: Duration::from_secs(2), ..Times::default() };
    HostOptions { times, ..HostOptions::new(Gate::new(GateOptions::default()), Compiler::InProcess) }
}

/// A component with all that it wants.
async fn load(host: &Arc<Host>, name: &str) -> Arc<ComponentProvider> {
    let code = Code::from(component(name));
    let manifest = Manifest::of(name, &code).unwrap();
    let granted = manifest.grants.clone();
    host.load(manifest, code, granted).await.unwrap()
}

async fn scripted(options: HostOptions) -> Arc<ComponentProvider> {
    load(&Host::new(options).unwrap(), "scripted").await
}

fn call() -> Call {
    let context =
        Context { project: "test".to_owned(), now: "2026-08-01T00:00:00Z".to_owned(), seed: 7, ..Context::default() };
    Call { context, records: Arc::default(), cluster: None }
}

fn config(within: Value) -> Value {
    let mut config =
        json!({"scripted": {"endpoint": "http://127.0.0.1:7070", "resources": [{"name": "a", "kind": "thing"}]}});
    config["scripted"]["in"] = within;
    config
}

async fn validate(provider: &ComponentProvider, step: Value) -> Result<usize, ProviderError> {
    provider.validate(&call(), &config(json!({"validate": step}))).await.map(|diagnostics| diagnostics.len())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs built components (NIC_TEST_COMPONENTS)"]
async fn a_misbehaving_guest_fails_its_call_and_nothing_else() {
    let provider = scripted(options()).await;
    for (step, code) in [
        (json!("trap"), "PROVIDER_TRAPPED"),
        (json!("loop"), "PROVIDER_OUT_OF_CPU"),
        (json!("doze"), "PROVIDER_OUT_OF_TIME"),
        (json!({"do": "overgrow", "what": "memory"}), "PROVIDER_OUT_OF_MEMORY"),
        (json!({"do": "overgrow", "what": "table"}), "PROVIDER_TRAPPED"),
    ] {
        let error = validate(&provider, step.clone()).await.unwrap_err();
        assert_eq!(error.code(), code, "{step}: {error}");
        assert!(error.to_string().contains("`scripted`") && error.to_string().len() < 1_000, "{error}");
        assert_eq!(provider.validate(&call(), &config(json!({}))).await.unwrap(), Vec::new(), "after {step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs built components (NIC_TEST_COMPONENTS)"]
async fn a_guest_finds_nothing_and_reaches_nobody() {
    let heard = Arc::new(Heard::default());
    let provider = scripted(HostOptions { guest_log: heard.clone(), ..options() }).await;
    for what in ["environment", "files", "sockets", "wasi-http", "secrets", "config"] {
        let _ = validate(&provider, json!({"do": "exfiltrate", "what": what})).await;
    }
    let text = heard.text();
    for expected in [
        "0 variables [], 0 arguments",
        "0 preopened, 0 opened [], 0 listed, written: false",
        "exfiltrate secrets: denied",
        "exfiltrate config: denied",
        "HttpRequestDenied",
    ] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
    let sockets = text.lines().find(|line| line.contains("exfiltrate sockets")).unwrap();
    assert!(!sockets.contains("open") && sockets.matches("refused").count() == 4, "{sockets}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs built components (NIC_TEST_COMPONENTS)"]
async fn what_a_guest_prints_and_logs_is_bounded() {
    let heard = Arc::new(Heard::default());
    let provider = scripted(HostOptions { guest_log: heard.clone(), ..options() }).await;
    let _ = validate(&provider, json!({"do": "overgrow", "what": "log", "times": 20})).await;
    let _ = validate(&provider, json!({"do": "overgrow", "what": "print", "times": 1})).await;
    assert!(heard.text().len() < 2 * 300 * 1024, "{}", heard.text().len());
    assert!(heard.text().contains("left out"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs built components (NIC_TEST_COMPONENTS)"]
async fn answers_without_measure_are_refused() {
    let provider = scripted(HostOptions { times: Times::default(), ..options() }).await;
    for what in ["resources", "document"] {
        let within = config(json!({"desired": {"do": "overgrow", "what": what}}));
        let error = provider.desired(&call(), &within, &nic_core::ports::Facts::new()).await.unwrap_err();
        assert!(error.code().starts_with("PROVIDER_"), "{what}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs built components (NIC_TEST_COMPONENTS)"]
async fn all_built_components_load_and_a_warm_start_compiles_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let options = || HostOptions { cache_dir: Some(directory.path().to_owned()), ..options() };
    let names = ["scripted", "hello", "bundled/existing", "bundled/aws"];
    for start in ["cold", "warm"] {
        let host = Host::new(options()).unwrap();
        for name in names {
            let began = Instant::now();
            let provider = load(&host, name).await;
            assert_eq!(provider.description().name, provider.manifest().name);
            tracing::info!("{start} {name}: {:?}", began.elapsed());
        }
        let (hits, misses) = host.cache_hits_and_misses();
        assert_eq!(if start == "cold" { misses } else { hits }, names.len(), "{start}");
        assert!(start == "cold" || misses == 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs built components (NIC_TEST_COMPONENTS)"]
async fn a_component_of_today_runs_on_a_host_that_has_grown() {
    let extend = |linker: &mut wasmtime::component::Linker<super::GuestState>| {
        linker.instance("nic:plugin/future@0.1.3")?.func_wrap("look", |_, (): ()| Ok((1_u32,)))?;
        linker.instance("nic:plugin/report@0.1.0")?.func_wrap("later", |_, (_,): (String,)| Ok(()))
    };
    let provider = scripted(HostOptions { extend_linker: Some(Arc::new(extend)), ..options() }).await;
    assert!(provider.validate(&call(), &config(json!({}))).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs built components (NIC_TEST_COMPONENTS)"]
async fn the_tap_sees_what_goes_in_and_a_replay_is_the_same() {
    let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let into = Arc::clone(&seen);
    let tap: super::tap::Tap = Arc::new(move |_, bytes| into.lock().unwrap().extend(bytes));
    let provider = scripted(HostOptions { tap: Some(tap), ..options() }).await;
    let mut planted = config(json!({}));
    planted["scripted"]["resources"][0]["value"] = json!({"$secret": "scripted/planted-name"});
    let first = provider.desired(&call(), &planted, &nic_core::ports::Facts::new()).await.unwrap();
    let second = provider.desired(&call(), &planted, &nic_core::ports::Facts::new()).await.unwrap();
    assert_eq!(first, second);
    assert!(matches!(first, Answer::Ready(resources) if resources.len() == 1));
    let seen = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
    assert!(seen.contains(r#"{"$secret":"scripted/planted-name"}"#), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs built components (NIC_TEST_COMPONENTS)"]
async fn instances_wait_for_room_and_give_it_back() {
    let provider = scripted(HostOptions { parallelism: 2, ..options() }).await;
    let dozing = || validate(&provider, json!({"do": "doze", "ms": 100}));
    let began = Instant::now();
    for answer in futures::future::join_all((0..6).map(|_| dozing())).await {
        answer.unwrap();
    }
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    // A caller that gives up frees its place.
    let given_up = tokio::time::timeout(Duration::from_millis(50), validate(&provider, json!("doze")));
    assert!(given_up.await.is_err());
    assert!(dozing().await.is_ok() && provider.runner.host.room.available_permits() >= 1);
}

/// Answers every list with the locator that the provider itself names, as the host does on the way to a cluster.
struct Asking {
    provider: Weak<ComponentProvider>,
    config: Value,
}

#[async_trait]
impl ClusterReader for Asking {
    async fn get(&self, _: &str, _: &str, _: Option<&str>, _: &str) -> Result<Option<Value>, ProviderError> {
        Ok(None)
    }

    async fn list(&self, _: &str, _: &str, _: Option<&str>, _: &str) -> Result<Value, ProviderError> {
        let provider = self.provider.upgrade().expect("it is being called");
        let locator = provider.cluster(&call(), &self.config).await?.expect("a locator");
        assert_eq!(locator.kind, "kubeconfig");
        Ok(json!([{"kind": "Node"}, {"kind": "Node"}]))
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs built components (NIC_TEST_COMPONENTS)"]
async fn a_guest_reads_its_own_cluster_while_it_holds_the_last_place() {
    let granted = json!([
        {"capability": "config", "sections": ["scripted", "security", "certificate"], "reason": "test"},
        {"capability": "kinds", "kinds": {"scripted.thing": [], "scripted.named": [], "scripted.token": []}, "reason": "test"},
        {"capability": "kubernetes", "verbs": ["list"], "kinds": ["v1/Node"], "reason": "test"},
        {"capability": "cluster", "locators": ["kubeconfig"], "reason": "test"},
    ]);
    let granted = Grants(parse_all(granted.as_array().unwrap()).unwrap());
    // With one room for both, each guest would wait for its own place until this is over.
    let times = Times { cluster_request: Duration::from_secs(5), ..Times::default() };
    let host = Host::new(HostOptions { parallelism: 2, times, ..options() }).unwrap();
    let code = Code::from(component("scripted"));
    let manifest = Manifest::of("scripted.wasm", &code).unwrap();
    let provider = host.load(manifest, code, granted).await.unwrap();
    let within = |call: &str| {
        let mut config = config(json!({ call: {"do": "deny", "how": "other-kind"} }));
        config["scripted"]["cluster"] = json!({"kind": "kubeconfig", "parameters": {"context": "kind"}});
        config
    };
    let (reading, pure) = (within("preflight"), within("validate"));
    let call = call();
    let read = || provider.preflight(&call, &reading, &Value::Null);
    let error = read().await.unwrap_err();
    assert!(error.to_string().contains("CLUSTER_NOT_READY"), "nobody to ask: {error}");

    let asking = Asking { provider: Arc::downgrade(&provider), config: reading.clone() };
    let call = Call { cluster: Some(Arc::new(asking)), ..call };
    let read = || provider.preflight(&call, &reading, &Value::Null);
    for answer in futures::future::join_all((0..8).map(|_| read())).await {
        answer.unwrap();
    }
    let error = provider.validate(&call, &pure).await.unwrap_err();
    assert!(error.to_string().contains("NO_REQUEST_IN_THIS_PHASE"), "{error}");
}
