//! `nic provider add`: somebody looks at what a component wants, and gives it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use super::super::Result;
use super::super::confirm::{Answer, Question};
use super::unusable;
use crate::cli::ProviderAdd;
use crate::components;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::files;
use crate::grant::{Grant, Grants, origin_of};
use crate::lockfile::{self, LockFile, Locked};
use crate::output::{Printer, Verbosity, grants};
use crate::plugin::Code;
use crate::plugin::manifest::Manifest;

pub(super) async fn run(flags: &ProviderAdd, printer: Printer) -> Result {
    let source = flags.component.display().to_string();
    let bytes = std::fs::read(&flags.component).map_err(|error| {
        CommandError::broke("PROVIDER_NOT_READABLE", "A component cannot be read", format!("`{source}`: {error}"))
    })?;
    let code = Code::from(bytes);
    let mut manifest = Manifest::of(&source, &code).map_err(|error| unusable(&error))?;
    open(&mut manifest.grants, &flags.private)?;
    place(&mut manifest.grants, &flags.credential)?;
    let directory = components::directory().ok_or_else(|| {
        let detail = "neither HOME nor XDG_DATA_HOME says where the components are kept";
        CommandError::broke("FILE_NOT_WRITABLE", "A component cannot be kept", detail)
            .hint("name a directory with NIC_COMPONENTS_DIR")
    })?;
    let lock = LockFile::read(&directory)?;
    let entry = Locked {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        source,
        digest: lockfile::digest(code.digest()),
        wit: manifest.wit.clone(),
        grants: manifest.grants.clone(),
    };
    let verbose = printer.verbosity == Verbosity::Verbose;
    printer.line(format!("{} {} ({})", entry.name, entry.version, entry.source));
    printer.line(format!("  {}", entry.digest));
    printer.line(grants::component(&manifest, verbose));
    let before = lock.of(&entry.name).cloned();
    let new = before.as_ref().map(|before| since(before, &manifest)).unwrap_or_default();
    match &before {
        Some(before) if before.digest == entry.digest && new.is_empty() => {}
        Some(before) if new.is_empty() => printer.line(format!("\nIt wants nothing that {} did not.", before.version)),
        Some(before) => printer.line(format!("\nNew since {}:\n{}", before.version, new.join("\n"))),
        None if components::is_bundled(&entry.name) => {
            printer.line(format!("\nIt takes the place of the provider `{}` that comes with NIC.", entry.name));
        }
        None => {}
    }
    let text = "Grant it all of this? It acts with your logins. [y/N]".to_owned();
    Question { text, answer: Answer::Yes, undone: "granted" }.ask(flags.yes, printer).await?;
    keep(&directory, &entry.name, code.bytes())?;
    let name = entry.name.clone();
    lock.with(entry.clone()).write(&directory)?;
    printer.line(format!("Added. `provider: {name}` in a config uses it."));
    printer.document(&json!({ "success": true, "provider": entry }));
    Ok(ExitStatus::Success)
}

/// Lets hosts that the component asks for be at private addresses.
fn open(grants: &mut Grants, private: &[String]) -> std::result::Result<(), CommandError> {
    for host in private {
        let origin = origin_of(host);
        let mut found = false;
        for grant in &mut grants.0 {
            if let Grant::Hosts(grant) = grant
                && let Some(own) = grant.hosts.iter().find(|own| origin.is_some() && origin_of(own) == origin)
            {
                grant.private.push(own.clone());
                found = true;
            }
        }
        if !found {
            let detail = format!("the component does not ask for the host `{host}`");
            let error =
                CommandError::broke("GRANT_UNKNOWN", "Something that is not asked for cannot be granted", detail);
            return Err(error.hint(
                "see the list of what it wants: scheme and port belong to a host where they are not those of HTTPS",
            ));
        }
    }
    Ok(())
}

/// Says where the credentials are that the component asks for.
fn place(grants: &mut Grants, places: &[String]) -> std::result::Result<(), CommandError> {
    let refused = |code: &str, summary: &str, detail: String| CommandError::broke(code, summary, detail);
    for text in places {
        let parts = text.split_once('=').and_then(|(name, place)| Some((name, place.split_once(':')?)));
        let from = match parts {
            Some((name, ("env", variable))) if !variable.is_empty() => Some((name, format!("env:{variable}"))),
            Some((name, ("file", path))) if !path.is_empty() => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
                Some((name, format!("file:{}", path.display())))
            }
            _ => None,
        };
        let Some((name, from)) = from else {
            let detail = format!("`{text}` says no place: `vault=env:VAULT_TOKEN` and `vault=file:token` do");
            return Err(refused("GRANT_UNKNOWN", "Where the credential is cannot be read", detail));
        };
        let wanted = grants.0.iter_mut().filter_map(|grant| match grant {
            Grant::Hosts(grant) if grant.credential.as_deref() == Some(name) => Some(grant),
            _ => None,
        });
        let found = wanted.map(|grant| grant.from = Some(from.clone())).count();
        if found == 0 {
            let detail = format!("the component does not ask for a credential `{name}`");
            let summary = "Something that is not asked for cannot be granted";
            return Err(refused("GRANT_UNKNOWN", summary, detail));
        }
    }
    Ok(())
}

/// What it wants that the one before was not granted, in the lines of the list.
fn since(before: &Locked, now: &Manifest) -> Vec<String> {
    let granted = Manifest { grants: before.grants.clone(), ..now.clone() };
    let (old, new) = (grants::component(&granted, true), grants::component(now, true));
    let old: BTreeSet<&str> = old.lines().collect();
    new.lines().filter(|line| !old.contains(line)).map(str::to_owned).collect()
}

/// The bytes that were looked at, in the directory of components. Until the lock file names their digest they may do nothing.
fn keep(directory: &Path, name: &str, bytes: &[u8]) -> std::result::Result<(), CommandError> {
    files::replace(&directory.join(format!("{name}.wasm")), bytes)
}
