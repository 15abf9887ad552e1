//! What the host needs from the operating system: files that are still there after a power cut, time and chance, limits in words.

mod clock;
pub mod files;
pub mod limits;
pub mod source_file;

pub use self::clock::{SystemClock, random};
