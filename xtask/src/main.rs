//! The one entry to the build.
fn main() {}
