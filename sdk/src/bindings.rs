//! The boundary as `wit-bindgen` sees it. Nothing but the generated code and what the rest of the crate takes from it.

#[expect(missing_docs, clippy::pedantic, reason = "generated from wit/, where the documentation stands")]
mod generated {
    wit_bindgen::generate!({
        world: "provider",
        path: "../wit",
        pub_export_macro: true,
        export_macro_name: "export_provider",
        default_bindings_module: "nic_sdk::bindings",
    });
}

pub use generated::{export_provider, exports, nic};
