//! Components, loaded into the sandbox with what they were granted.

use std::path::PathBuf;
use std::sync::Arc;

use nic_gate::Gate;
use nic_gate::grant::Grants;
use nic_sandbox::compile::Program;
use nic_sandbox::{
    Code, Compiler, ComponentProvider, GuestLog, Host, HostOptions, Level, Manifest, PluginError, Speaker,
};

use crate::error::CommandError;
use crate::output::Printer;
use crate::{cache, components, host_gate};

/// A component by itself, for commands that ask only what it is.
///
/// # Errors
/// What the component or the sandbox say, by code.
pub async fn component(provider: &str, printer: Printer) -> Result<Arc<ComponentProvider>, CommandError> {
    load(provider, host_gate::open()?.for_guests(), 1, printer).await
}

/// The component that serves a provider.
///
/// # Errors
/// What the component or the sandbox say, by code.
pub async fn load(
    provider: &str,
    gate: &Gate,
    parallelism: usize,
    printer: Printer,
) -> Result<Arc<ComponentProvider>, CommandError> {
    let found = components::find(provider)?;
    let code = found.code()?;
    // A file that was damaged, or put there, is told as that.
    let broken = |error| found.changed(code.digest()).unwrap_or_else(|| unloadable(&error));
    let manifest = Manifest::of(&found.file(), &code).map_err(broken)?;
    let grants = found.grants(&manifest, code.digest())?;
    load_granted(manifest, code, grants, gate, parallelism, printer).await
}

fn unloadable(error: &PluginError) -> CommandError {
    let mut ended = CommandError::broke(error.code(), "A provider cannot be loaded", error.to_string());
    ended.diagnostics[0].hints = error.hints();
    ended
}

/// Whether a component can be loaded with these grants, and says of itself what its manifest says.
///
/// # Errors
/// What is wrong with it, by code.
pub async fn try_out(manifest: Manifest, code: Code, grants: Grants, printer: Printer) -> Result<(), CommandError> {
    load_granted(manifest, code, grants, host_gate::open()?.for_guests(), 1, printer).await.map(drop)
}

async fn load_granted(
    manifest: Manifest,
    code: Code,
    grants: Grants,
    gate: &Gate,
    parallelism: usize,
    printer: Printer,
) -> Result<Arc<ComponentProvider>, CommandError> {
    let options = HostOptions {
        cache_dir: cache::directory(),
        parallelism,
        guest_log: Arc::new(Told(printer)),
        tap: tap()?,
        ..HostOptions::new(gate.clone(), Compiler::Program(Program::own()))
    };
    let host = Host::new(options).map_err(|error| unloadable(&error))?;
    host.load(manifest, code, grants).await.map_err(|error| unloadable(&error))
}

/// For tests of secrecy: everything that is lowered into guests is appended to the file that `NIC_TAP` names.
fn tap() -> Result<Option<nic_sandbox::tap::Tap>, CommandError> {
    let Some(path) = std::env::var_os("NIC_TAP").map(PathBuf::from) else { return Ok(None) };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(|error| {
        CommandError::broke("FILE_NOT_WRITABLE", "A file cannot be written", format!("`{}`: {error}", path.display()))
    })?;
    let file = std::sync::Mutex::new(file);
    Ok(Some(Arc::new(move |call, bytes| {
        use std::io::Write;
        if let Ok(mut file) = file.lock() {
            let _ = file.write_all(&[call.as_bytes(), b" ", bytes, b"\n"].concat());
        }
    })))
}

/// What components say goes to the log.
struct Told(Printer);

impl GuestLog for Told {
    fn line(&self, origin: &Speaker, level: Level, text: &str) {
        let provider = &origin.provider;
        match level {
            Level::Error | Level::Warn => self.0.talk("warn", format!("{provider}: {text}")),
            Level::Info | Level::Debug | Level::Trace => tracing::debug!(%provider, call = origin.call, "{text}"),
        }
    }

    fn progress(&self, origin: &Speaker, text: &str) {
        tracing::debug!(provider = %origin.provider, call = origin.call, "{text}");
    }
}
