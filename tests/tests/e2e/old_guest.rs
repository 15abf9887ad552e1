//! A component built against the first `nic:plugin@0.1.0` runs on the hosts that come after it. The component is
//! `golden/hello-0.1.0.wasm`, which is never built again.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use nic_core::ports::{Answer, Call, Context, Facts, Provider};
use nic_gate::grant::{Grants, parse_all};
use nic_gate::{Gate, GateOptions};
use nic_sandbox::{Code, Compiler, Host, HostOptions, Manifest};
use nic_tests::nic::Workspace;
use nic_tests::published::{ALL, HELLO};
use nic_tests::things::with_manifest;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn config() -> Value {
    json!({ "hello": { "name": "Ada" } })
}

fn options() -> HostOptions {
    HostOptions::new(Gate::new(GateOptions::default()), Compiler::InProcess)
}

/// Describe, validate, desired and outputs, as `nic deploy` asks them.
async fn runs_on(options: HostOptions) -> Result<()> {
    let code = Code::from(HELLO.bytes()?);
    let granted = Grants(parse_all(HELLO.wanted()?["grants"].as_array().context("a list")?)?);
    let provider = Host::new(options)?.load(Manifest::of(HELLO.file, &code)?, code, granted).await?;
    let description = provider.description();
    ensure!(description.name == "hello" && description.config_sections.contains_key("hello"), "{description:?}");
    let context = Context { project: "test".to_owned(), now: "2026-08-01T00:00:00Z".to_owned(), ..Context::default() };
    let call = Call { context, records: Arc::default(), cluster: None };
    let found = provider.validate(&call, &config()).await?;
    ensure!(found.is_empty(), "{found:?}");
    let Answer::Ready(resources) = provider.desired(&call, &config(), &Facts::new()).await? else {
        anyhow::bail!("it needs facts");
    };
    ensure!(resources.len() == 1 && resources[0].kind == "kubernetes.object", "{resources:?}");
    ensure!(resources[0].document["data"]["greeting"] == "Hello, Ada!", "{resources:?}");
    ensure!(provider.outputs(&call, &config()).await? == json!({ "hello": { "greeting": "Hello, Ada!" } }));
    Ok(())
}

#[test]
fn the_golden_components_are_those_that_were_published() -> Result<()> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/README.md"))?;
    for published in ALL {
        let digest = format!("{:x}", Sha256::digest(published.bytes()?));
        ensure!(digest == published.digest, "{}: golden components are never built again", published.file);
        ensure!(readme.contains(published.digest), "golden/README.md names another digest of {}", published.file);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_on_the_host_of_today() -> Result<()> {
    runs_on(options()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_on_a_host_with_another_interface_and_another_imported_function() -> Result<()> {
    let extend = |linker: &mut wasmtime::component::Linker<nic_sandbox::GuestState>| {
        linker.instance("nic:plugin/forecast@0.1.1")?.func_wrap("look", |_, (_,): (String,)| Ok((1_u32,)))?;
        linker.instance("nic:plugin/report@0.1.0")?.func_wrap("later", |_, (_,): (String,)| Ok(()))
    };
    runs_on(HostOptions { extend_linker: Some(Arc::new(extend)), ..options() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_on_bindings_made_from_a_grown_wit() -> Result<()> {
    let said = later::run(&HELLO.bytes()?, &config().to_string()).await?;
    ensure!(said.description["name"] == "hello", "{said:?}");
    ensure!(said.diagnostics == 0, "{said:?}");
    ensure!(said.documents.len() == 1 && said.documents[0]["data"]["greeting"] == "Hello, Ada!", "{said:?}");
    Ok(())
}

/// What cannot be linked within 0.1 is refused by code, before any of it runs.
#[tokio::test(flavor = "multi_thread")]
async fn another_boundary_is_refused_by_code() -> Result<()> {
    let bytes = with_manifest(&HELLO.bytes()?, HELLO.manifest, |manifest| manifest["wit"] = json!("nic:plugin@0.2.0"))?;
    let Err(refused) = Manifest::of(HELLO.file, &Code::from(bytes.clone())) else { anyhow::bail!("it was read") };
    ensure!(refused.code() == "PLUGIN_WIT_UNSUPPORTED", "{refused}");

    // The same through the binary.
    let mut workspace = Workspace::new()?;
    workspace.config("project_name: old\nprovider: hello\nhello: {name: Ada}\n")?;
    std::fs::write(workspace.path().join("hello.wasm"), &bytes)?;
    let directory = workspace.path().display().to_string();
    workspace.env("NIC_COMPONENTS_DIR", directory);
    let ran = workspace.run(&["plan", "--format", "json"]).await?;
    ensure!(ran.code == 2, "{}", ran.said());
    let error = ran.json()?["error"].clone();
    ensure!(error["code"] == "PLUGIN_WIT_UNSUPPORTED", "{error:#}");
    ensure!(error["message"].as_str().is_some_and(|text| text.contains("nic:plugin@0.2.0")), "{error:#}");
    Ok(())
}

/// A host whose bindings are made from `fixtures/later-wit`: one more interface, one more imported function, another patch version.
mod later {
    use anyhow::Result;
    use serde_json::Value;
    use wasmtime::component::{Component, HasSelf, Linker, Resource, ResourceTable};
    use wasmtime::{Config, Engine, Store};
    use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

    #[allow(unused, clippy::all, clippy::pedantic, reason = "bindgen-generated code, of which a part is used")]
    mod generated {
        wasmtime::component::bindgen!({
            path: "fixtures/later-wit",
            world: "provider",
            imports: { default: async | trappable },
            exports: { default: async },
            with: { "nic:plugin/cloud-http.in-flight": super::InFlight },
        });
    }

    use generated::exports::nic::plugin::planning::Answer;
    use generated::nic::plugin::types::{Error, Problem};
    use generated::nic::plugin::{cloud_http, forecast, kubernetes, report};

    /// No request is ever on its way here.
    pub enum InFlight {}

    /// What the component answered.
    #[derive(Debug)]
    pub struct Said {
        pub description: Value,
        pub diagnostics: usize,
        pub documents: Vec<Value>,
    }

    struct State {
        table: ResourceTable,
        wasi: WasiCtx,
    }

    impl WasiView for State {
        fn ctx(&mut self) -> WasiCtxView<'_> {
            WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
        }
    }

    /// Runs describe, validate and desired.
    pub async fn run(component: &[u8], config: &str) -> Result<Said> {
        let engine = Engine::new(&Config::new())?;
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        cloud_http::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        forecast::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        kubernetes::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        report::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        let component = Component::from_binary(&engine, component)?;
        let state = State { table: ResourceTable::new(), wasi: WasiCtx::builder().build() };
        let mut store = Store::new(&engine, state);
        let guest = generated::Provider::instantiate_async(&mut store, &component, &linker).await?;
        let description = guest.nic_plugin_meta().call_describe(&mut store).await?;
        let planning = guest.nic_plugin_planning();
        let context = r#"{"project": "test", "namespace": "dev", "topology": "classic", "lineage": "", "seed": 1}"#;
        let (context, config) = (context.to_owned(), config.to_owned());
        let diagnostics =
            planning.call_validate(&mut store, &context, &config).await?.map_err(|error| refused(&error))?;
        let Answer::Ready(resources) =
            planning.call_desired(&mut store, &context, &config, &[]).await?.map_err(|error| refused(&error))?
        else {
            anyhow::bail!("it needs facts");
        };
        let documents = resources.iter().map(|resource| serde_json::from_str(&resource.document));
        Ok(Said {
            description: serde_json::from_str(&description)?,
            diagnostics: diagnostics.len(),
            documents: documents.collect::<Result<_, _>>()?,
        })
    }

    fn refused(error: &Error) -> anyhow::Error {
        anyhow::anyhow!("{error:?}")
    }

    fn nobody<T>() -> Result<T, Error> {
        let detail = "{}".to_owned();
        Err(Error::Other(Problem { code: "TEST".to_owned(), message: "nobody is there".to_owned(), detail }))
    }

    impl forecast::Host for State {
        async fn look(&mut self, _: String) -> wasmtime::Result<Result<String, Error>> {
            Ok(nobody())
        }
    }

    impl report::Host for State {
        async fn log(&mut self, _: String, _: String) -> wasmtime::Result<()> {
            Ok(())
        }

        async fn progress(&mut self, _: String) -> wasmtime::Result<()> {
            Ok(())
        }

        async fn created(&mut self, _: String) -> wasmtime::Result<Result<(), Error>> {
            Ok(nobody())
        }

        async fn later(&mut self, _: String) -> wasmtime::Result<Result<u32, Error>> {
            Ok(nobody())
        }
    }

    impl kubernetes::Host for State {
        async fn get(
            &mut self,
            _: String,
            _: String,
            _: Option<String>,
            _: String,
        ) -> wasmtime::Result<Result<Option<String>, Error>> {
            Ok(nobody())
        }

        async fn list(
            &mut self,
            _: String,
            _: String,
            _: Option<String>,
            _: String,
        ) -> wasmtime::Result<Result<String, Error>> {
            Ok(nobody())
        }
    }

    impl cloud_http::HostInFlight for State {
        async fn drop(&mut self, request: Resource<InFlight>) -> wasmtime::Result<()> {
            self.table.delete(request)?;
            Ok(())
        }
    }

    impl cloud_http::Host for State {
        async fn start(&mut self, _: cloud_http::Request) -> wasmtime::Result<Result<Resource<InFlight>, Error>> {
            Ok(nobody())
        }

        async fn wait_any(&mut self, _: Vec<Resource<InFlight>>) -> wasmtime::Result<u32> {
            Ok(0)
        }

        async fn finish(&mut self, _: Resource<InFlight>) -> wasmtime::Result<Result<cloud_http::Response, Error>> {
            Ok(nobody())
        }

        async fn send(&mut self, _: cloud_http::Request) -> wasmtime::Result<Result<cloud_http::Response, Error>> {
            Ok(nobody())
        }
    }
}
