//! The WebAssembly engine's one configuration.
//!
//! Code that was compiled with other settings is not safe to run, and wasmtime does not notice all of them when it loads code. So the
//! program that compiles ahead of time and the host that runs both have it from here, and each piece of code has a [`stamp()`].

mod pack;
mod packed;
mod stamp;

pub use pack::{pack, unpack, unpacked_len};
pub use packed::{Packed, sha256};
pub use stamp::{compatibility, stamp};

use wasmtime::{Config, Engine, Result};

/// The target this crate was compiled for.
pub const TARGET: &str = env!("NIC_TARGET");

/// Native stack a guest may use; deeper recursion traps instead of overflowing the host's stack.
pub const MAX_WASM_STACK_BYTES: usize = 1024 * 1024;
/// The stack a call runs on: the guest's part, and what host functions need above it.
pub const ASYNC_STACK_BYTES: usize = 2 * 1024 * 1024;

/// The settings.
pub fn config() -> Config {
    let mut config = Config::new();
    config
        .parallel_compilation(true)
        .epoch_interruption(true)
        .max_wasm_stack(MAX_WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        // Names of a guest's functions are the guest's text, and help nobody who has no debug build of it.
        .wasm_backtrace_max_frames(None)
        // Nor do places in it: a tenth of the compiled code.
        .generate_address_map(false)
        // A replay on another machine gives the same bytes.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false);
    config
}

/// An engine that runs code here, and compiles for what this processor can do.
///
/// # Errors
/// This machine cannot run compiled code.
pub fn native() -> Result<Engine> {
    Engine::new(&config())
}

/// An engine that compiles for what every processor of a target can do.
///
/// # Errors
/// The target is unknown, or of another architecture than this one and the feature `all-arch` is off.
pub fn baseline(target: &str) -> Result<Engine> {
    Engine::new(config().target(target)?)
}
