//! Names of source files, as a panic tells them.

/// A source file without the directory that it was built in.
pub fn short(file: &str) -> &str {
    let of_registry =
        file.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/')).map(|(_, rest)| rest);
    of_registry.or_else(|| file.find("/library/").map(|at| &file[at + 1..])).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_the_build_is_not_told() {
        assert_eq!(short("/home/x/.cargo/registry/src/index.crates.io-1/tokio-1.0.0/src/a.rs"), "tokio-1.0.0/src/a.rs");
        assert_eq!(short("/rustc/abc/library/core/src/option.rs"), "library/core/src/option.rs");
        assert_eq!(short("host/nic/src/main.rs"), "host/nic/src/main.rs");
    }
}
