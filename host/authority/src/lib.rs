//! The host's own authority, as a value.
//!
//! What is done with the user's login and without a grant is done for whoever shows it. A crate that does not depend on this one cannot name
//! it, and is given none: so the list of dependencies says who may have it, and `cargo xtask architecture` holds that the sandbox may not.

/// Shown by who acts for the host itself, and for no component.
///
/// There is one way to have it:
///
/// ```
/// let own = nic_authority::HostAuthority::claim();
/// ```
///
/// ```compile_fail
/// let own = nic_authority::HostAuthority(());
/// ```
#[derive(Debug)]
pub struct HostAuthority(());

impl HostAuthority {
    /// For where the host is put together out of its parts.
    pub fn claim() -> Self {
        Self(())
    }
}
