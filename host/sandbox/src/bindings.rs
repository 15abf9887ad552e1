//! The generated bindings of `wit/`, and the few names the rest of the host sees.

#[expect(missing_docs, reason = "bindgen-generated code")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "provider",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "nic:plugin/cloud-http.in-flight": crate::in_flight::InFlight,
        },
    });
}

pub use generated::exports::nic::plugin::discovery::Target;
pub use generated::exports::nic::plugin::{access, discovery, lifecycle, meta, planning};
pub use generated::nic::plugin::{cloud_http, kubernetes, report, types};
