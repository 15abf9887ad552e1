//! Where the machine code of components is kept between starts.

use std::io;
use std::path::{Path, PathBuf};

use nic_system::files;

use crate::error::CommandError;

/// The directory; none where nobody could say which.
pub fn directory() -> Option<PathBuf> {
    // A relative one would be in whatever directory NIC is called in, and what somebody put there would be run.
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    from("NIC_CACHE_DIR")
        .or_else(|| from("XDG_CACHE_HOME").map(|cache| cache.join("nic")))
        .or_else(|| from("HOME").map(|home| home.join(".cache/nic")))
        .map(|directory| directory.join("compiled"))
}

/// Whether compiled components can be kept.
///
/// # Errors
/// `FILE_NOT_WRITABLE`: everything works, and every start unpacks or compiles anew.
pub fn check() -> Result<String, CommandError> {
    let relative = std::env::var_os("NIC_CACHE_DIR").filter(|set| !set.is_empty() && Path::new(set).is_relative());
    let (place, written) = match (relative, directory()) {
        (Some(set), _) => (PathBuf::from(set), Err(io::Error::other("only an absolute path is used"))),
        (None, Some(directory)) => {
            let written = probed(&directory);
            (directory, written)
        }
        (None, None) => return Ok("none: every start unpacks or compiles the components anew".to_owned()),
    };
    written.map(|()| place.display().to_string()).map_err(|error| {
        let detail = format!("`{}`: {error}", place.display());
        CommandError::broke("FILE_NOT_WRITABLE", "A file cannot be written", detail).hint(
            "every start unpacks or compiles the components anew until it can; set NIC_CACHE_DIR to another directory",
        )
    })
}

/// Whether this user, and nobody else, can write to it.
fn probed(directory: &Path) -> io::Result<()> {
    files::make_own_directory(directory)?;
    if !files::only_owner_writes(&std::fs::metadata(directory)?) {
        return Err(io::Error::other("others than you can write to it, so nothing in it is used"));
    }
    let probe = directory.join(format!(".probe-{:016x}", nic_system::random()));
    std::fs::File::create_new(&probe)?;
    std::fs::remove_file(&probe)
}
