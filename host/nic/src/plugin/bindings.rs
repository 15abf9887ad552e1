//! The generated bindings of `wit/`, and the few names the rest of the host sees.

#[expect(missing_docs, clippy::pedantic, reason = "bindgen-generated code")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        // Not the world `provider` itself: wasmtime 48 generates code for the exported interface `discovery` that does not
        // compile, because its function `lookup` shadows a local of the same name. As an import it gives the types; its
        // exports are looked up in `bindings_discovery`.
        inline: "
            package nic:host;
            world host {
                import nic:plugin/cloud-http@0.1.0;
                import nic:plugin/kubernetes@0.1.0;
                import nic:plugin/report@0.1.0;
                import nic:plugin/discovery@0.1.0;
                export nic:plugin/meta@0.1.0;
                export nic:plugin/planning@0.1.0;
                export nic:plugin/lifecycle@0.1.0;
                export nic:plugin/access@0.1.0;
            }
        ",
        world: "nic:host/host",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "nic:plugin/cloud-http.in-flight": crate::capability::cloud_http::InFlight,
        },
    });
}

pub use super::bindings_discovery as discovery;
pub use generated::exports::nic::plugin::{access, lifecycle, meta, planning};
pub use generated::nic::plugin::discovery::Target;
pub use generated::nic::plugin::{cloud_http, kubernetes, report, types};
