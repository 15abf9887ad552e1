//! What the host needs from the operating system: files that are still there after a power cut, and those that a user names, time and chance, limits in words.

mod clock;
pub mod files;
pub mod input;
pub mod limits;
pub mod source_file;

pub use self::clock::{SystemClock, random};
