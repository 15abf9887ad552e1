//! `nic.lock`: which components from files may be used, and what each is granted.
//!
//! Privileges hang on the digest of the bytes and never on a name: a component that is not in the lock file, or is another one by now, has
//! nothing. It stands beside the components, is JSON that a person can write, and is written by `nic provider add`.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use nic_core::diagnostic::Diagnostic;
use nic_gate::grant::{Grants, NotAGrant, parse_locked};
use nic_sandbox::error::COMPONENT_NOT_GRANTED;
use nic_system::files;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::CommandError;

/// Its name, in the directory of the components.
pub const NAME: &str = "nic.lock";

/// The code of a file in the place of the one that was granted.
pub const COMPONENT_CHANGED: &str = "COMPONENT_CHANGED";

/// The format that this version writes, and the only one that it reads.
const VERSION: u64 = 1;

/// Largest lock file that is read.
const MAX_BYTES: u64 = 4 << 20;

/// What stands in front of a digest.
const DIGEST: &str = "sha256:";

/// A component that somebody has looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// What a config's `provider` calls it: the name of its file.
    pub name: String,
    /// As its manifest said.
    pub version: String,
    /// Where it came from.
    pub source: String,
    /// `sha256:` and the digest of its bytes in lower-case hexadecimal.
    pub digest: String,
    /// The boundary that it was made for.
    pub wit: String,
    /// What the user granted it.
    pub grants: Grants,
}

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockFile {
    providers: Vec<Locked>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u64,
    providers: Vec<Value>,
}

impl LockFile {
    /// The lock file of a directory; an empty one where there is none.
    ///
    /// # Errors
    /// `LOCK_FILE_NOT_READABLE`: what it holds is not understood whole, so nothing of it is believed.
    pub fn read(directory: &Path) -> Result<Self, CommandError> {
        let path = directory.join(NAME);
        let unreadable = |why: &dyn std::fmt::Display| unreadable(&path, why);
        let file = match files::open_regular(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            opened => opened.map_err(|error| unreadable(&error))?,
        };
        let is_own = |found: io::Result<Metadata>| found.is_ok_and(|found| files::only_owner_writes(&found));
        if !is_own(file.metadata()) || !is_own(fs::metadata(directory)) {
            return Err(written_by_others(&path, directory));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(unreadable(&"it is too large"));
        }
        Self::parse(&bytes).map_err(|why| unreadable(&why))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if document.version != VERSION {
            return Err(format!("its version is {}; this version of NIC reads {VERSION}", document.version));
        }
        let providers: Vec<Locked> = document.providers.into_iter().map(locked).collect::<Result<_, String>>()?;
        let mut names = BTreeSet::new();
        if let Some(twice) = providers.iter().find(|locked| !names.insert(&locked.name)) {
            return Err(format!("the provider `{}` stands in it twice", twice.name.escape_default()));
        }
        Ok(Self { providers })
    }

    /// What stands in it under a name.
    pub fn of(&self, name: &str) -> Option<&Locked> {
        self.providers.iter().find(|locked| locked.name == name)
    }

    /// Puts a component in, in the place of one of its name.
    #[must_use]
    fn with(mut self, locked: Locked) -> Self {
        self.providers.retain(|other| other.name != locked.name);
        self.providers.push(locked);
        self.providers.sort_by(|one, other| one.name.cmp(&other.name));
        self
    }

    /// Puts a component into the lock file of a directory, which is made if need be, and does `and`. One process at a time does.
    ///
    /// # Errors
    /// As [`Self::read`], `FILE_NOT_WRITABLE`, and what `and` says.
    pub fn add(
        directory: &Path,
        locked: Locked,
        and: impl FnOnce() -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let _held = hold(directory).map_err(|error| {
            let detail = format!("`{}`: {error}", directory.display());
            CommandError::broke("FILE_NOT_WRITABLE", "The directory of the components cannot be used", detail)
                .hint("name another directory with NIC_COMPONENTS_DIR, or mend the cause and run again")
        })?;
        check(directory)?;
        Self::read(directory)?.with(locked).write(directory)?;
        and()
    }

    fn write(&self, directory: &Path) -> Result<(), CommandError> {
        let document = serde_json::json!({ "version": VERSION, "providers": self.providers });
        crate::files::replace(&directory.join(NAME), format!("{document:#}\n").as_bytes())
    }

    /// What the component of these bytes is granted.
    ///
    /// # Errors
    /// `COMPONENT_NOT_GRANTED` when it is not in the lock file, `COMPONENT_CHANGED` when another one is.
    pub fn grants(&self, name: &str, path: &Path, digest: &str) -> Result<&Grants, CommandError> {
        let add = format!("see what it wants and grant it: `nic provider add {}`", path.display());
        let Some(locked) = self.of(name) else {
            let detail = format!("`{}` ({DIGEST}{digest}) is not in `{NAME}`, so it may do nothing", path.display());
            let summary = "A component was never granted anything";
            return Err(CommandError::broke(COMPONENT_NOT_GRANTED, summary, detail).hint(add));
        };
        if locked.digest == format!("{DIGEST}{digest}") {
            return Ok(&locked.grants);
        }
        let detail = format!(
            "`{}` has the digest {DIGEST}{digest}, and `{NAME}` grants what {} {} with {} may do",
            path.display(),
            locked.name,
            locked.version,
            locked.digest
        );
        let mut error = CommandError::broke(COMPONENT_CHANGED, "A component is not the one that was granted", detail);
        error.diagnostics[0].hints =
            vec!["if you did not change it, find out who did before anything else".to_owned(), add];
        Err(error)
    }
}

/// Waits until nobody else changes the lock file; they wait as long as this is kept.
fn hold(directory: &Path) -> io::Result<File> {
    files::make_own_directory(directory)?;
    let path = files::suffixed(&directory.join(NAME), ".lock");
    loop {
        let file = files::open_lock(&path)?;
        file.lock()?;
        // Removed meanwhile, it keeps nobody out.
        if files::is_at(&file, &path) {
            return Ok(file);
        }
    }
}

fn written_by_others(path: &Path, directory: &Path) -> CommandError {
    let why = "it, or its directory, is another user's, or others than you can write to it";
    let hint = format!(
        "if nobody else changed it, make it yours alone (`chown`, `chmod go-w`), and `{}` too; or name another directory with NIC_COMPONENTS_DIR",
        directory.display()
    );
    unreadable(path, &why).hint(hint)
}

/// Whether what a lock file in this directory says would be believed; one that is not there yet is made so.
///
/// # Errors
/// `LOCK_FILE_NOT_READABLE`.
pub fn check(directory: &Path) -> Result<(), CommandError> {
    match fs::metadata(directory) {
        Ok(found) if !files::only_owner_writes(&found) => Err(written_by_others(directory, directory)),
        _ => Ok(()),
    }
}

/// The digest as lock files write it.
pub fn digest(hexadecimal: &str) -> String {
    format!("{DIGEST}{hexadecimal}")
}

fn locked(mut document: Value) -> Result<Locked, String> {
    let Some(members) = document.as_object_mut() else { return Err("a provider is not an object".to_owned()) };
    let name = members.get("name").and_then(Value::as_str).unwrap_or("?").escape_default().to_string();
    let of = |why: String| format!("the provider `{name}`: {why}");
    let wanted = members.insert("grants".to_owned(), Value::Array(Vec::new()));
    let Some(Value::Array(wanted)) = wanted else { return Err(of("`grants` is not a list".to_owned())) };
    let mut locked: Locked = serde_json::from_value(document).map_err(|error| of(error.to_string()))?;
    let grants = parse_locked(&wanted).map_err(|why| match why {
        NotAGrant::Unknown(what) => of(format!("this version of NIC does not know {what}")),
        NotAGrant::Wrong(why) => of(why),
    });
    locked.grants = Grants(grants?);
    Ok(locked)
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> CommandError {
    let detail = format!("`{}`: {why}", path.display());
    let diagnostic = Diagnostic::error("LOCK_FILE_NOT_READABLE", "The lock file cannot be used", detail)
        .hint("nothing of it is believed; mend it, or move it away and add the providers again: `nic provider add`");
    CommandError { diagnostics: vec![diagnostic], status: crate::exit::ExitStatus::Broke }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::*;

    fn custom() -> Value {
        json!({
            "name": "custom", "version": "1.2.3", "source": "./custom.wasm", "digest": "sha256:ab", "wit": "nic:plugin@0.1.0",
            "grants": [{"capability": "hosts", "hosts": ["vault.internal"], "scheme": "none", "private": ["vault.internal"],
                        "reason": "asks"}],
        })
    }

    fn parse(provider: &Value) -> Result<LockFile, String> {
        LockFile::parse(json!({"version": 1, "providers": [provider]}).to_string().as_bytes())
    }

    #[test]
    fn a_component_has_what_its_digest_was_granted() {
        let file = parse(&custom()).unwrap();
        let code = |name: &str, digest: &str| {
            file.grants(name, Path::new("x.wasm"), digest).map_err(|error| error.diagnostics[0].code.clone())
        };
        assert!(code("custom", "ab").unwrap().allows_origin("none", "", "https://vault.internal"));
        assert_eq!(code("custom", "cd").unwrap_err(), "COMPONENT_CHANGED");
        assert_eq!(code("other", "ab").unwrap_err(), "COMPONENT_NOT_GRANTED");
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(LockFile::read(directory.path()).unwrap(), LockFile::default());
        let file = parse(&custom()).unwrap();
        file.write(directory.path()).unwrap();
        assert_eq!(LockFile::read(directory.path()).unwrap(), file);
        let newer = Locked { version: "2.0.0".to_owned(), ..file.of("custom").unwrap().clone() };
        let file = file.with(newer.clone());
        assert_eq!((file.providers.len(), file.of("custom")), (1, Some(&newer)));
    }

    #[test]
    fn what_is_not_understood_whole_is_not_believed() {
        for (member, value) in
            [("until", json!("noon")), ("grants", json!({})), ("digest", json!(7)), ("name", json!(null))]
        {
            let mut provider = custom();
            provider[member] = value;
            assert!(parse(&provider).is_err(), "{member}");
        }
        let mut provider = custom();
        provider["grants"][0]["only_on"] = json!("Sundays");
        assert!(parse(&provider).unwrap_err().contains("the member `only_on`"));
        assert!(parse(&json!("custom")).unwrap_err().contains("not an object"));
        let twice = json!({"version": 1, "providers": [custom(), custom()]});
        assert!(LockFile::parse(twice.to_string().as_bytes()).unwrap_err().contains("twice"));
        for text in ["", "{}", "[]", "{\"version\": 2, \"providers\": []}", "<<<<<<< ours"] {
            assert!(LockFile::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_others_could_have_written_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let (own, file) = (directory.path().join("providers"), directory.path().join("providers").join(NAME));
        let entry = parse(&custom()).unwrap().of("custom").unwrap().clone();
        LockFile::add(&own, entry, || Ok(())).unwrap();
        let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for (of_directory, of_file, believed) in [
            (0o755, 0o644, true),
            (0o775, 0o600, false),
            (0o700, 0o660, false),
            (0o700, 0o666, false),
            (0o757, 0o600, false),
        ] {
            mode(&own, of_directory);
            mode(&file, of_file);
            let read = LockFile::read(&own).map_err(|error| error.diagnostics[0].code.clone());
            assert_eq!(read.is_ok(), believed, "{of_directory:o} {of_file:o}");
            assert!(believed || read.unwrap_err() == "LOCK_FILE_NOT_READABLE");
        }
    }

    #[test]
    fn of_many_that_add_at_once_each_is_there_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("deep/providers");
        let entry = parse(&custom()).unwrap().of("custom").unwrap().clone();
        std::thread::scope(|scope| {
            for number in 0..16 {
                let (own, entry) = (&own, Locked { name: format!("p{number}"), ..entry.clone() });
                scope.spawn(move || LockFile::add(own, entry, || Ok(())).unwrap());
            }
        });
        assert_eq!(LockFile::read(&own).unwrap().providers.len(), 16);
        assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
