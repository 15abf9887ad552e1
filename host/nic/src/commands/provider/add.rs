//! `nic provider add`: somebody looks at what a component wants, and gives it.

use nic_core::diagnostic::Diagnostic;
use nic_gate::grant::{Grant, Grants, origin_of};
use nic_sandbox::Code;
use nic_sandbox::error::COMPONENT_NOT_GRANTED;
use nic_sandbox::limits::MAX_COMPONENT_BYTES;
use nic_sandbox::manifest::Manifest;
use serde_json::json;

use super::super::Result;
use super::super::confirm::{Prompt, Reply};
use super::unusable;
use crate::cli::ProviderAddArgs;
use crate::components;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::files;
use crate::loading;
use crate::lockfile::{self, LockFile, Locked};
use crate::output::{Printer, grants};

pub(super) async fn run(flags: &ProviderAddArgs, printer: Printer) -> Result {
    let source =
        std::path::absolute(&flags.component).unwrap_or_else(|_| flags.component.clone()).display().to_string();
    let bytes = nic_system::files::read_at_most(&flags.component, MAX_COMPONENT_BYTES).map_err(|error| {
        CommandError::broke("PROVIDER_NOT_READABLE", "A component cannot be read", format!("`{source}`: {error}"))
            .hint("give the path of a component: a file that ends in `.wasm`")
    })?;
    let code = Code::from(bytes);
    let mut manifest = Manifest::of(&source, &code).map_err(|error| unusable(&error))?;
    let directory = components::directory().ok_or_else(|| {
        let detail = "neither HOME nor XDG_DATA_HOME says where the components are kept";
        CommandError::broke("FILE_NOT_WRITABLE", "A component cannot be kept", detail)
            .hint("name a directory with NIC_COMPONENTS_DIR")
    })?;
    lockfile::check(&directory)?;
    let lock = LockFile::read(&directory)?;
    let before = lock.of(&manifest.name).cloned();
    if let Some(before) = &before {
        keep_what_the_user_said(&mut manifest.grants, &before.grants);
    }
    open(&mut manifest.grants, &flags.private)?;
    place(&mut manifest.grants, &flags.credential)?;
    let entry = Locked {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        source,
        digest: lockfile::digest(code.digest()),
        wit: manifest.wit.clone(),
        grants: manifest.grants.clone(),
    };
    printer.line(format!("{} {} ({})", entry.name, entry.version, entry.source));
    printer.line(format!("  {}", entry.digest));
    // Whoever is asked sees all of it.
    printer.line(grants::component(&manifest, true));
    printer.line(compared(before.as_ref(), &entry));
    for name in without_a_place(&entry.grants) {
        let told =
            format!("Where the credential `{name}` is, nobody has said: add `--credential {name}=env:VARIABLE`.");
        printer.talk("warn", told);
    }
    // What cannot be used is not added, and does not take the place of what can.
    loading::try_out(manifest, code.clone(), entry.grants.clone(), printer).await.map_err(|mut error| {
        let of_author = |found: &&mut Diagnostic| found.code == COMPONENT_NOT_GRANTED;
        if let Some(found) = error.diagnostics.first_mut().filter(of_author) {
            found.hints = vec!["its manifest does not ask for that, so it cannot be given: tell its author".to_owned()];
        }
        error
    })?;
    let text = "Grant it all of this? It acts with your logins. [y/N]".to_owned();
    let question = Prompt { text, answer: Reply::Yes, undone: "granted", because: Vec::new() };
    question.ask(flags.yes, printer).await.map_err(|mut error| {
        error.diagnostics.iter_mut().for_each(|found| found.details = json!({ "provider": entry }));
        error
    })?;
    let path = directory.join(format!("{}.wasm", entry.name));
    // Somebody else may have added another one while this was looked at.
    LockFile::add(&directory, entry.clone(), || files::replace(&path, &code.bytes()))?;
    printer.line(format!("Added as `{}`. `provider: {}` in a config uses it.", path.display(), entry.name));
    printer.document(&json!({ "success": true, "provider": entry }));
    Ok(ExitStatus::Success)
}

/// What only the user can say of hosts and credentials stays said of those that are asked for as before.
fn keep_what_the_user_said(wanted: &mut Grants, given: &Grants) {
    for grant in &mut wanted.0 {
        let Grant::Hosts(grant) = grant else { continue };
        for before in given.hosts_of_any() {
            if (&before.scheme, &before.credential) == (&grant.scheme, &grant.credential) {
                let same = before.private.iter().filter(|host| grant.hosts.contains(host));
                grant.private = same.cloned().collect();
                // A credential goes on to no host that it was not given to.
                let no_new_host = grant.hosts.iter().all(|host| before.hosts.contains(host));
                grant.from = before.from.clone().filter(|_| no_new_host);
            }
        }
    }
}

/// What is new, beside what the one of that name was granted. A grant is new as a whole: what a line of it says depends on the others.
fn compared(before: Option<&Locked>, entry: &Locked) -> String {
    let Some(before) = before else {
        return if components::is_bundled(&entry.name) {
            format!("\nIt takes the place of the provider `{}` that comes with NIC.", entry.name)
        } else {
            String::new()
        };
    };
    let bare = |grant: &Grant| grant.without_words();
    let known: Vec<Grant> = before.grants.0.iter().map(bare).collect();
    let new: Vec<Grant> = entry.grants.0.iter().filter(|grant| !known.contains(&bare(grant))).cloned().collect();
    if before.digest == entry.digest && new.is_empty() {
        "\nIt is the one that was granted before.".to_owned()
    } else if new.is_empty() {
        format!("\nIt wants nothing that {} with {} was not granted.", before.version, before.digest)
    } else {
        let listed = grants::listed(&new, true);
        format!("\nNot granted before, to {} with {}:\n{}", before.version, before.digest, listed.trim_end())
    }
}

/// The credentials that are asked for and of which nobody has said where they are.
fn without_a_place(grants: &Grants) -> Vec<&str> {
    grants.hosts_of_any().filter(|grant| grant.from.is_none()).filter_map(|grant| grant.credential.as_deref()).collect()
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
                if !grant.private.contains(own) {
                    grant.private.push(own.clone());
                }
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

#[cfg(test)]
mod tests {
    use nic_gate::grant::parse_locked;
    use serde_json::{Value, json};

    use super::*;

    fn entry(grants: &Value) -> Locked {
        Locked {
            name: "custom".to_owned(),
            version: "1.0.0".to_owned(),
            source: "custom.wasm".to_owned(),
            digest: "sha256:ab".to_owned(),
            wit: "nic:plugin@0.1.0".to_owned(),
            grants: Grants(parse_locked(grants.as_array().unwrap()).unwrap()),
        }
    }

    fn objects(in_dev: &str, of_the_cluster: &str) -> Value {
        json!([
            {"capability": "kubernetes-objects", "kinds": [in_dev], "namespaces": ["dev"], "reason": "makes"},
            {"capability": "kubernetes-objects", "kinds": [of_the_cluster], "reason": "makes"},
        ])
    }

    #[test]
    fn what_is_granted_elsewhere_is_new_here() {
        let (before, now) = (entry(&objects("*", "v1/Namespace")), entry(&objects("v1/Namespace", "*")));
        let told = compared(Some(&before), &Locked { digest: "sha256:cd".to_owned(), ..now });
        assert!(told.contains("of the whole cluster") && told.contains("every kind"), "{told}");
        let same = Locked { digest: "sha256:cd".to_owned(), ..before.clone() };
        assert!(compared(Some(&before), &same).contains("It wants nothing that 1.0.0"));
    }

    #[test]
    fn what_the_user_said_stays_said_of_the_same_hosts_alone() {
        let hosts = |hosts: &[&str], more: &Value| {
            let mut grant =
                json!({"capability": "hosts", "hosts": hosts, "scheme": "bearer", "credential": "c", "reason": "asks"});
            grant.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            entry(&json!([grant])).grants
        };
        let given = hosts(&["a.b", "c.d"], &json!({"from": "env:TOKEN", "private": ["a.b"]}));
        let mut wanted = hosts(&["a.b"], &json!({}));
        keep_what_the_user_said(&mut wanted, &given);
        assert_eq!(wanted, hosts(&["a.b"], &json!({"from": "env:TOKEN", "private": ["a.b"]})));
        let mut more = hosts(&["a.b", "evil.example"], &json!({}));
        keep_what_the_user_said(&mut more, &given);
        assert_eq!(more, hosts(&["a.b", "evil.example"], &json!({"private": ["a.b"]})));
    }
}
