//! Where a state is: a file on this machine, or an object in a store, which is named by a URL. And where on this machine that stands which
//! belongs to it and is no part of it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use nic_core::ports::BackendError;
use nic_gate::STORES;
use nic_system::files::suffixed;

/// The state's name where it is not given one.
const NAME: &str = "nic-state.json";

/// Other schemes by which stores are named. A path that begins like one was not meant as a path.
const PLAIN_STORES: [&str; 3] = ["http", "https", "file"];

/// Where a state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateLocation {
    /// In a file, as the user calls it.
    File(PathBuf),
    /// In a store.
    Url {
        /// As the user gave it.
        url: String,
        /// Where on this machine things stand that belong to it.
        stage: PathBuf,
    },
}

impl StateLocation {
    /// What `--state` says, or where it is when that says nothing. `stage` is the platform's own directory.
    pub fn of(given: Option<&Path>, stage: PathBuf) -> Self {
        match given {
            None => Self::File(stage.join(NAME)),
            Some(path) => match path.to_str().filter(|text| scheme(text).is_some()) {
                Some(url) => Self::Url { url: url.to_owned(), stage },
                None => Self::File(path.to_owned()),
            },
        }
    }

    /// The file.
    ///
    /// # Errors
    /// `BACKEND_NOT_IMPLEMENTED` for a URL.
    pub fn file(&self) -> Result<&Path, BackendError> {
        let url = match self {
            Self::File(path) => return Ok(path),
            Self::Url { url, .. } => url,
        };
        let scheme = scheme(url).unwrap_or_default();
        Err(BackendError {
            code: "BACKEND_NOT_IMPLEMENTED",
            message: format!("state in `{scheme}://` is not implemented; only local files are"),
            hints: vec!["give `--state` a file path".to_owned()],
            details: serde_json::json!({}),
        })
    }

    /// What stands on this machine: beside a file, else in the platform's own directory.
    pub fn stage(&self) -> Stage {
        match self {
            Self::File(path) => Stage {
                directory: path.parent().unwrap_or(Path::new("")).to_owned(),
                // It belongs to the state itself: two paths to one state find the same.
                state: path.file_name().map(|_| std::fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
            },
            Self::Url { stage, .. } => Stage { directory: stage.clone(), state: Some(stage.join(NAME)) },
        }
    }
}

/// As messages name it.
impl fmt::Display for StateLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url { url, .. } => f.write_str(url),
        }
    }
}

impl<P: AsRef<OsStr> + ?Sized> From<&P> for StateLocation {
    fn from(path: &P) -> Self {
        let path = Path::new(path);
        Self::of(Some(path), PathBuf::new())
    }
}

/// The scheme of a URL; none of a path.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let legal = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let known = PLAIN_STORES.iter().chain(&STORES).any(|store| scheme.eq_ignore_ascii_case(store));
    (legal && (known || rest.starts_with("//"))).then_some(scheme)
}

/// What belongs to a state and stands on this machine: what later stages are handed, and what NIC remembers for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    directory: PathBuf,
    /// The file that it is named after; none without a state.
    state: Option<PathBuf>,
}

impl Stage {
    /// Of a run without a state: nothing stands anywhere.
    pub fn none() -> Self {
        Self { directory: PathBuf::new(), state: None }
    }

    /// outputs.json.
    pub fn outputs(&self) -> PathBuf {
        self.directory.join("outputs.json")
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.join("kubeconfig")
    }

    /// How long things took, which is a cache.
    pub fn durations(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|_| self.directory.join("durations.json"))
    }

    /// The directory of what nobody else is to read.
    pub fn private(&self) -> Option<PathBuf> {
        self.state.as_ref().map(|state| suffixed(state, ".private"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &str) -> StateLocation {
        StateLocation::of(Some(Path::new(given)), PathBuf::from("site/stage"))
    }

    #[test]
    fn a_url_is_never_a_path_and_a_path_is_never_a_url() {
        for url in
            ["s3://b/k", "S3://b/k", "gs://b", "az://c/k", "azblob://c/k", "ftp://x", "s3:/b/k", "file:///x", "gs:b"]
        {
            let location = of(url);
            assert_eq!(location.file().unwrap_err().code, "BACKEND_NOT_IMPLEMENTED", "{url}");
            assert_eq!(location.to_string(), url);
        }
        for path in ["state.json", "./s3:/b/k", "dir/s3://b", "/s3://b", "a:b", "x y://z", "", "://x", "s3", "1://x"] {
            assert_eq!(of(path).file().unwrap(), Path::new(path));
        }
    }

    #[test]
    fn everything_stands_beside_a_file_and_in_the_platforms_directory_for_a_url() {
        let places = |location: &StateLocation| {
            let stage = location.stage();
            let (durations, private) = (stage.durations().unwrap(), stage.private().unwrap());
            [stage.outputs(), stage.kubeconfig(), durations, private].map(|path| path.display().to_string())
        };
        let named = |directory: &str, private: &str| {
            ["outputs.json", "kubeconfig", "durations.json", private].map(|name| format!("{directory}{name}"))
        };
        assert_eq!(places(&of("nowhere/my.json")), named("nowhere/", "my.json.private"));
        assert_eq!(places(&of("my.json")), named("", "my.json.private"));
        let default = named("site/stage/", "nic-state.json.private");
        assert_eq!(places(&of("s3://bucket/my.json")), default);
        assert_eq!(places(&StateLocation::of(None, PathBuf::from("site/stage"))), default);
        assert_eq!((Stage::none().durations(), Stage::none().private()), (None, None));
    }

    #[test]
    fn two_paths_to_one_state_find_the_same_key_and_each_its_own_outputs() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("shared.json"), directory.path().join("site/nic-state.json"));
        std::fs::create_dir(link.parent().unwrap()).unwrap();
        std::fs::write(&file, "{}").unwrap();
        std::os::unix::fs::symlink("../shared.json", &link).unwrap();
        let (one, other) = (StateLocation::from(&file).stage(), StateLocation::from(&link).stage());
        assert_eq!(one.private(), other.private());
        assert_eq!(one.outputs(), directory.path().join("outputs.json"));
        assert_eq!(other.outputs(), directory.path().join("site/outputs.json"));
    }
}
