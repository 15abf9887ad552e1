//! `loop`: never comes back, `{do: loop, how: computing}`.

use nic_sdk::Error;
use nic_sdk::report::progress;
use serde::Deserialize;

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// Without ever calling the host.
    #[default]
    Computing,
    /// Calling the host all the time.
    Calling,
}

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loop {
    #[serde(default)]
    how: How,
}

impl Loop {
    pub(super) fn act(&self) -> Result<Option<String>, Error> {
        let mut turns = 0_u64;
        loop {
            // Or the compiler may take the loop for what it is and remove it.
            turns = std::hint::black_box(turns.wrapping_add(1));
            if matches!(self.how, How::Calling) {
                progress("still at it");
            }
        }
    }
}
