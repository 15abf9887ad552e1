//! `trap`: ends the instance, `{do: trap, how: panic}`.

use nic_sdk::Error;
use serde::Deserialize;

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// A Rust panic, with a message on stderr.
    #[default]
    Panic,
    /// Without a word.
    Abort,
    /// By recursion without end.
    Stack,
    /// By what the boundary says traps: waiting for none of no requests.
    WaitForNothing,
    /// By `wasi:cli/exit`.
    Exit,
}

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trap {
    #[serde(default)]
    how: How,
}

impl Trap {
    pub(super) fn act(&self) -> Result<Option<String>, Error> {
        match self.how {
            How::Panic => panic!("the script says to panic"),
            How::Abort => std::process::abort(),
            How::Stack => Ok(Some(format!("came back from {}", deeper(1)))),
            How::WaitForNothing => Ok(Some(format!("waited for {}", wait_for_nothing()))),
            How::Exit => std::process::exit(0),
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn wait_for_nothing() -> u32 {
    nic_sdk::bindings::nic::plugin::cloud_http::wait_any(&[])
}

#[cfg(not(target_arch = "wasm32"))]
fn wait_for_nothing() -> u32 {
    panic!("nothing is waited for here")
}

/// A frame that no optimiser can fold away, once more and once more.
fn deeper(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if frame[0] == 0 { 0 } else { deeper(std::hint::black_box(depth + 1)) + frame[63] }
}
