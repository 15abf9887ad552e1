//! A component's bytes, and the machine code they compile to.
//!
//! Machine code, unpacked from the binary or compiled here, is kept in files that are mapped: a start pays for the pages it runs, not
//! for what the whole component would take to read, unpack and copy. That is why it is not wasmtime's own cache (docs/adr/0012).

use std::borrow::Cow;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use nic_system::{files, random};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::bundled::Bundled;
use super::compile::{CompileError, Compiler};

/// Code that no start has asked for in this time is deleted.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// How exactly the last use of a file is known.
const USE_KNOWN_BY: Duration = Duration::from_hours(24);

/// A component's bytes and their digest.
#[derive(Debug, Clone)]
pub struct Code {
    held: Held,
    digest: Cow<'static, str>,
}

#[derive(Debug, Clone)]
enum Held {
    Read(Vec<u8>),
    Bundled(&'static Bundled),
}

impl Code {
    /// What the binary holds. A start does not even load it, unless it has to be unpacked.
    pub const fn bundled(bundled: &'static Bundled) -> Self {
        Self { held: Held::Bundled(bundled), digest: Cow::Borrowed(bundled.digest) }
    }

    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.held {
            Held::Read(bytes) => bytes.into(),
            Held::Bundled(bundled) => bundled.wasm().into(),
        }
    }

    /// How many they are.
    pub fn size(&self) -> usize {
        match &self.held {
            Held::Read(bytes) => bytes.len(),
            Held::Bundled(bundled) => bundled.size(),
        }
    }

    /// The section with the manifest, where it is known.
    pub(super) fn manifest(&self) -> Option<&[u8]> {
        self.as_bundled().map(|bundled| bundled.manifest)
    }

    /// What came with the binary, which it is as trusted as.
    fn as_bundled(&self) -> Option<&'static Bundled> {
        match self.held {
            Held::Read(_) => None,
            Held::Bundled(bundled) => Some(bundled),
        }
    }

    /// Their SHA-256 in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl From<Vec<u8>> for Code {
    fn from(bytes: Vec<u8>) -> Self {
        Self { digest: digest(&bytes).into(), held: Held::Read(bytes) }
    }
}

/// Lower-case hexadecimal SHA-256 of the bytes: what privileges hang on.
pub fn digest(bytes: &[u8]) -> String {
    nic_core::document::hex(&Sha256::digest(bytes))
}

/// Machine code by component and engine, in a directory.
#[derive(Debug)]
pub(super) struct CompiledCode {
    /// Without one, every start unpacks or compiles.
    directory: Option<PathBuf>,
    compiler: Compiler,
    pub(super) hits: AtomicUsize,
    pub(super) misses: AtomicUsize,
}

impl CompiledCode {
    /// In this directory, which is made for this user alone. Where it cannot be, this is as without one.
    pub(super) fn new(directory: Option<PathBuf>, compiler: Compiler) -> Self {
        if let Some(directory) = &directory
            && let Err(why) = files::make_own_directory(directory)
        {
            tracing::debug!(?directory, "machine code is not kept: {why}");
        }
        Self { directory, compiler, hits: AtomicUsize::default(), misses: AtomicUsize::default() }
    }

    /// The component: kept by an earlier start, else as it came with the binary, else compiled.
    pub(super) fn component(&self, engine: &Engine, code: &Code) -> Result<Component, CompileError> {
        let path = self.cache().map(|directory| directory.join(name(engine, code)));
        if let Some(component) = path.as_ref().and_then(|path| map(engine, path)) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(component);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        if let Some(bundled) = code.as_bundled() {
            match self.unpacked(engine, bundled, path.as_deref()) {
                Ok(component) => return Ok(component),
                Err(why) => tracing::debug!(digest = code.digest(), "bundled machine code is not used: {why}"),
            }
        }
        let (component, compiled) = match &self.compiler {
            Compiler::Program(program) if code.as_bundled().is_none() => {
                let compiled = program.compile(&code.bytes())?;
                let cannot = |why| CompileError::Failed(format!("what the compiler gave cannot be loaded: {why}"));
                (load(engine, &compiled).map_err(cannot)?, Some(compiled))
            }
            _ => {
                let component = Component::from_binary(engine, &code.bytes())
                    .map_err(|error| CompileError::Invalid(format!("{error:#}")))?;
                let compiled = path.as_ref().and_then(|_| component.serialize().ok());
                (component, compiled)
            }
        };
        if let (Some(path), Some(compiled)) = (path, compiled) {
            self.keep(&path, &compiled);
        }
        Ok(component)
    }

    /// The directory, unless others may write there: of what it holds nothing is run, so nothing is put there either.
    fn cache(&self) -> Option<&Path> {
        let directory = self.directory.as_deref()?;
        let own = fs::metadata(directory).is_ok_and(|metadata| is_mine_alone(&metadata));
        if !own {
            tracing::debug!(?directory, "machine code is neither kept nor taken here: it is not this user's alone");
        }
        own.then_some(directory)
    }

    /// The machine code that came with the binary: in its place in the cache, where there is one, else in memory.
    fn unpacked(&self, engine: &Engine, bundled: &Bundled, path: Option<&Path>) -> Result<Component, String> {
        let machine_code = bundled.machine_code()?;
        let kept = path.filter(|path| self.keep(path, &machine_code));
        kept.and_then(|path| map(engine, path)).map_or_else(|| load(engine, &machine_code), Ok)
    }

    /// Puts code in its place for the next start. Whoever cannot keep it makes it again next time; `nic doctor` tells why.
    fn keep(&self, path: &Path, compiled: &[u8]) -> bool {
        self.directory.as_deref().inspect(|directory| sweep(directory));
        keep(path, compiled).is_ok()
    }
}

/// Code that is nobody's but NIC's.
fn load(engine: &Engine, compiled: &[u8]) -> Result<Component, String> {
    #[expect(
        unsafe_code,
        reason = "what is loaded is run; it came with the binary, or from NIC's own program through a pipe"
    )]
    // SAFETY: either the build of this binary made it, with these settings, as its stamp says. Or the program did that the options name as
    // NIC's own (in the binary, the file that runs), and what it wrote before it ended well is what wasmtime's compiler gave, as long as
    // no fault of the compiler lets the component's bytes decide what is written: that is trusted here as it is where the compiler runs in
    // this process, and nothing checks it. wasmtime copies what it gets, and refuses what another version made, or what this processor
    // cannot do.
    unsafe { Component::deserialize(engine, compiled) }.map_err(|error| format!("{error:#}"))
}

/// Other bytes, another wasmtime, other settings or another processor: another name.
fn name(engine: &Engine, code: &Code) -> String {
    format!("{}-{}.cwasm", code.digest(), nic_engine::compatibility(engine))
}

/// The code in a file, if it is there and nobody else could have written it. What is looked at is what is loaded: by its descriptor, so that
/// nobody puts another file in its place in between.
fn map(engine: &Engine, path: &Path) -> Option<Component> {
    let directory = fs::metadata(path.parent()?).ok()?;
    let file = fs::File::options().read(true).custom_flags(NO_LINK).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || !is_mine_alone(&metadata) || !is_mine_alone(&directory) {
        return None;
    }
    if metadata.modified().ok()?.elapsed().is_ok_and(|age| age > USE_KNOWN_BY) {
        // Its last use is what it is kept by.
        let _ = file.set_modified(SystemTime::now());
    }
    let open = format!("/dev/fd/{}", file.as_raw_fd());
    #[expect(unsafe_code, reason = "what is mapped is run; only this user could have written the file, and only whole")]
    // SAFETY: `keep` alone writes these files, from what wasmtime's compiler gave, here or where this binary was built, into a
    // directory of this user's, and puts each in its place by a rename after it is durable. wasmtime refuses a file of another version
    // or configuration. A file is never written to again, so the mapping cannot change.
    unsafe { Component::deserialize_file(engine, open) }.ok()
}

/// Refuses to open a link.
const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// Whether nobody but this user, and root, can write to it.
fn is_mine_alone(metadata: &fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.permissions().mode() & 0o022 == 0
}

/// Puts code in its place, whole.
fn keep(path: &Path, compiled: &[u8]) -> io::Result<()> {
    // Two starts may do this at the same time, also in containers, where processes have the same numbers.
    let own = files::suffixed(path, &format!(".{:016x}", random()));
    files::replace_durably(&own, compiled)?;
    fs::rename(&own, path).inspect_err(|_| {
        // Nobody would look for it there.
        let _ = fs::remove_file(&own);
    })
}

/// Deletes what has not been used for long, whatever version of NIC made it.
fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let old = || entry.metadata().ok()?.modified().ok()?.elapsed().ok().map(|age| age > KEPT);
        let ours = entry.path().file_name().is_some_and(|name| name.to_string_lossy().contains(".cwasm"));
        if ours && old() == Some(true) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bundled::tests::made_by;
    use super::super::compile::Program;
    use super::super::limits::CompileLimits;
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn hits_and_misses(compiled: &CompiledCode) -> (usize, usize) {
        (compiled.hits.load(Ordering::Relaxed), compiled.misses.load(Ordering::Relaxed))
    }

    /// The only file in the directory.
    fn kept(directory: &Path) -> PathBuf {
        let [path] =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>().try_into().unwrap();
        path
    }

    #[test]
    fn code_is_compiled_once_and_then_mapped() {
        let directory = tempfile::tempdir().unwrap();
        let (engine, code) = (Engine::default(), Code::from(EMPTY.to_vec()));
        for expected in [(0, 1), (1, 0)] {
            let compiled = CompiledCode::new(Some(directory.path().to_owned()), Compiler::InProcess);
            compiled.component(&engine, &code).unwrap();
            assert_eq!(hits_and_misses(&compiled), expected);
        }
        assert_eq!(fs::metadata(kept(directory.path())).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_others_could_have_written_is_not_run() {
        let directory = tempfile::tempdir().unwrap();
        let (engine, code) = (Engine::default(), Code::from(EMPTY.to_vec()));
        let compiled = CompiledCode::new(Some(directory.path().to_owned()), Compiler::InProcess);
        compiled.component(&engine, &code).unwrap();
        fs::set_permissions(kept(directory.path()), fs::Permissions::from_mode(0o662)).unwrap();
        compiled.component(&engine, &code).unwrap();
        fs::write(kept(directory.path()), b"cut short").unwrap();
        compiled.component(&engine, &code).unwrap();
        assert_eq!(hits_and_misses(&compiled), (0, 3));
        compiled.component(&engine, &code).unwrap();
        assert_eq!(hits_and_misses(&compiled), (1, 3));
        // A link to somebody else's file, and a directory that others may write to.
        let path = kept(directory.path());
        let elsewhere = tempfile::tempdir().unwrap();
        fs::rename(&path, elsewhere.path().join("code")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("code"), &path).unwrap();
        assert!(map(&engine, &path).is_none());
        fs::rename(elsewhere.path().join("code"), &path).unwrap();
        assert!(map(&engine, &path).is_some());
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(map(&engine, &path).is_none());
    }

    #[test]
    fn what_comes_from_a_file_is_compiled_by_the_program_and_by_nobody_else() {
        let nobody = Program { path: "/nowhere/nic".into(), limits: CompileLimits::default() };
        let compiled = CompiledCode::new(None, Compiler::Program(nobody));
        // What is bundled is compiled here, where its machine code is not what it has to be.
        let bundled = made_by(&Engine::default(), EMPTY);
        compiled.component(&Engine::default(), &Code::bundled(Box::leak(Box::new(bundled)))).unwrap();
        let refused = compiled.component(&Engine::default(), &Code::from(EMPTY.to_vec())).err();
        assert!(matches!(refused, Some(CompileError::Failed(_))), "{refused:?}");
    }

    #[test]
    fn nothing_is_put_where_others_may_write() {
        let directory = tempfile::tempdir().unwrap();
        let mode = |mode| fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
        let bundled: &Bundled = Box::leak(Box::new(made_by(&nic_engine::baseline(nic_engine::TARGET).unwrap(), EMPTY)));
        for code in [Code::bundled(bundled), Code::from(EMPTY.to_vec())] {
            for (shared, files) in [(0o770, 0), (0o707, 0), (0o700, 1)] {
                mode(shared);
                let compiled = CompiledCode::new(Some(directory.path().to_owned()), Compiler::InProcess);
                compiled.component(&nic_engine::native().unwrap(), &code).unwrap();
                assert_eq!(hits_and_misses(&compiled), (0, 1));
                assert_eq!(fs::read_dir(directory.path()).unwrap().count(), files, "{shared:o}");
            }
            fs::remove_file(kept(directory.path())).unwrap();
        }
    }

    #[test]
    fn a_directory_that_cannot_be_written_costs_only_time() {
        let directory = tempfile::tempdir().unwrap();
        let compiled = CompiledCode::new(Some(directory.path().join("compiled")), Compiler::InProcess);
        fs::remove_dir(directory.path().join("compiled")).unwrap();
        fs::write(directory.path().join("compiled"), b"").unwrap();
        compiled.component(&Engine::default(), &Code::from(EMPTY.to_vec())).unwrap();
        assert_eq!(hits_and_misses(&compiled), (0, 1));
    }

    #[test]
    fn code_that_nobody_asks_for_goes() {
        let directory = tempfile::tempdir().unwrap();
        let compiled = CompiledCode::new(Some(directory.path().to_owned()), Compiler::InProcess);
        let old = directory.path().join("0-0.cwasm");
        fs::write(&old, b"").unwrap();
        fs::File::open(&old).unwrap().set_modified(SystemTime::now() - 2 * KEPT).unwrap();
        fs::write(directory.path().join("1-0.cwasm"), b"").unwrap();
        compiled.component(&Engine::default(), &Code::from(EMPTY.to_vec())).unwrap();
        assert!(!old.exists());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
