//! A state whose bytes cannot be used: what is wrong with them, and where better ones may be.

use std::path::Path;

use nic_core::state::format_v1::{Damage, FormatError};

use super::StateLocation;
use crate::error::CommandError;

/// What is wrong with a state's bytes, for the user. It is never taken for a platform of which nothing is there.
pub fn damaged(location: &StateLocation, error: &FormatError) -> CommandError {
    let detail = format!("`{location}`: {error}");
    let told = |code| CommandError::broke(code, "The state cannot be used", &detail);
    match error {
        FormatError::Newer { .. } => {
            told("STATE_NEWER_FORMAT").hint("use the version of NIC that wrote it, or a later one")
        }
        FormatError::OfTerraform => {
            told("STATE_DAMAGED").hint("NIC keeps a state of its own: name another file with `--state`")
        }
        FormatError::NotJson(Damage::Utf16) => told("STATE_DAMAGED")
            .hint("an editor or a shell wrote it so: save it as UTF-8, for instance with `iconv -f UTF-16 -t UTF-8`"),
        FormatError::NotJson(Damage::ConflictMarks(_)) => with_copies(
            told("STATE_DAMAGED")
                .hint("take one of the two whole, the one of the last deploy: a mixture is of no platform"),
            location,
        ),
        _ => with_copies(told("STATE_DAMAGED"), location),
    }
}

/// Where a good copy may be. NIC keeps none, and does not say that there is one.
fn with_copies(error: CommandError, location: &StateLocation) -> CommandError {
    let error = if location.file().is_ok_and(is_in_a_repository) {
        error
            .hint(format!("git may have a good one: `git log -- {location}`, then `git checkout COMMIT -- {location}`"))
    } else {
        error.hint("put a good copy back, from a backup or from wherever the last deploy ran; NIC itself keeps none")
    };
    error.hint("where there is none, move this file away: `nic plan` then finds what bears the platform's marks")
}

fn is_in_a_repository(path: &Path) -> bool {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.ancestors().skip(1).any(|above| above.join(".git").exists())
}
