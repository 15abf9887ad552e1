//! Kubeconfigs: the user's own as a way in, and small ones for others as a way out, which hold no login.

mod address;
mod found;
mod login;
mod members;
mod plain;
mod plugin;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use nic_core::diagnostic::Diagnostic;
use nic_core::error::ProviderError;
use nic_core::ports::Locator;
use nic_gate::{HostGate, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::address::{bare, same};
use self::found::{Chosen, Found, unusable};
use self::login::{LoginKind, leads_to, lend, token_in, unlendable};
use self::members::{cluster_members, plugin_members};
use self::plugin::{Certificate, Plugin, PluginTokens};
use super::ClusterAccess;
use super::connection::Connected;
use super::exec::ExecCommand;
use super::kind::{ClusterKind, FoundCluster, parameters};
use super::login::Login;
use super::yaml;

/// What locators call clusters of the user's kubeconfig.
pub(super) const KIND: &str = "kubeconfig";

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    context: Option<String>,
}

/// A context of the user's kubeconfig; without a name, the current one.
#[derive(Debug, Clone)]
struct Named(Option<String>);

/// The context that a locator names.
pub(super) fn lead(_gate: &HostGate, locator: &Locator) -> Result<Box<dyn ClusterKind>, ProviderError> {
    let Parameters { context } = parameters(locator)?;
    Ok(Box::new(Named(context)))
}

#[async_trait]
impl ClusterKind for Named {
    fn is_its_own_owner(&self) -> bool {
        true
    }

    async fn find(&self) -> Result<Option<Arc<dyn FoundCluster>>, ProviderError> {
        Ok(Some(Arc::new(self.clone())))
    }
}

#[async_trait]
impl FoundCluster for Named {
    async fn connect(&self) -> Result<Connected, ProviderError> {
        connect(self.0.as_deref()).await
    }

    fn access(&self, exec: &ExecCommand) -> Result<ClusterAccess, ProviderError> {
        context_access(self.0.as_deref(), exec)
    }

    async fn credentials(&self, written: &Path) -> Result<Value, ProviderError> {
        credentials(self.0.as_deref(), written)
    }
}

/// A user whose login is part of the connection, or nobody.
pub(super) struct User(pub(super) Option<String>);

#[async_trait]
impl Login for User {
    async fn token(&self, _refused: Option<&SecretString>) -> Result<Option<SecretString>, ProviderError> {
        Ok(None)
    }

    fn user(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// A user by the token that a file holds at that moment.
struct TokenFile {
    user: String,
    path: String,
}

#[async_trait]
impl Login for TokenFile {
    async fn token(&self, _refused: Option<&SecretString>) -> Result<Option<SecretString>, ProviderError> {
        token_in(&self.path).map(SecretString::new).map(Some)
    }

    fn user(&self) -> Option<&str> {
        Some(&self.user)
    }
}

#[async_trait]
impl Login for PluginTokens {
    async fn token(&self, refused: Option<&SecretString>) -> Result<Option<SecretString>, ProviderError> {
        self.get(refused).await
    }

    fn user(&self) -> Option<&str> {
        Some(self.user_name())
    }
}

/// Connects as `kubectl --context` would.
async fn connect(context: Option<&str>) -> Result<Connected, ProviderError> {
    enter(Found::by_environment()?.choose(context)?).await
}

async fn enter(chosen: Chosen) -> Result<Connected, ProviderError> {
    let name = chosen.name.clone();
    let (mut config, proxy) = chosen.config()?;
    let auth = &mut config.auth_info;
    let with_password = auth.username.is_some() && auth.password.is_some();
    let is_static = auth.token.is_some() || auth.auth_provider.is_some() || with_password;
    // The client would send the file as it is, with the line's end, and call a plugin in the way of everything else.
    let file = auth.token_file.take().filter(|_| !is_static);
    let exec = auth.exec.take().filter(|_| !is_static && file.is_none());
    let login: Box<dyn Login> = match (chosen.user.as_ref().map(|(user, _)| user), file, exec) {
        (Some(user), Some(path), _) => Box::new(TokenFile { user: user.clone(), path }),
        (Some(user), None, Some(exec)) => {
            let exec = serde_json::to_value(exec).map_err(|error| unusable(&error))?;
            let (tokens, certificate) = PluginTokens::ask(Plugin::of(&chosen, user, &exec)?).await?;
            if let Some(Certificate { data, key }) = certificate {
                auth.client_certificate_data = Some(data);
                auth.client_key_data = Some(key.expose().into());
            }
            Box::new(tokens)
        }
        (user, ..) => Box::new(User(user.cloned())),
    };
    Connected::with(name, config, login, proxy)
}

/// A kubeconfig of one context for others. What stands in it is no login: whoever uses it calls this program, which reads the user's
/// own kubeconfig then.
fn context_access(context: Option<&str>, exec: &ExecCommand) -> Result<ClusterAccess, ProviderError> {
    let found = Found::by_environment()?;
    minified(&found, &found.choose(context)?, exec)
}

fn minified(found: &Found, chosen: &Chosen, exec: &ExecCommand) -> Result<ClusterAccess, ProviderError> {
    let broken = |error: serde_json::Error| unusable(&error);
    let mut warnings = Vec::new();
    let mut cluster = cluster_members(chosen)?;
    if chosen.server_had_login {
        let detail =
            format!("the `server` of the context `{}` holds a name or a password, which is left out", chosen.name);
        let hint = "take them out of `server`: who logs in is the user of the context, by a token, a client certificate or an `exec` \
                    plugin";
        warnings.push(not_lent(detail).hint(hint));
    }
    if let Some(proxy) = cluster.get("proxy-url").and_then(Value::as_str) {
        let no_url = || {
            unusable(&format!("the `proxy-url` of the context `{}` is no URL such as http://proxy:3128", chosen.name))
        };
        let proxy = bare(proxy).ok_or_else(no_url)?;
        if proxy.had_login {
            let detail = format!("the proxy of the context `{}` asks for a name and a password", chosen.name);
            let hint = "write them into `proxy-url` of the kubeconfig where it is used";
            warnings.push(not_lent(detail).hint(hint));
        }
        cluster.insert("proxy-url".to_owned(), proxy.url.into());
    }

    let mut users = Vec::new();
    if let Some((name, own)) = &chosen.user {
        let own = serde_json::to_value(own).map_err(broken)?;
        // Whom the user acts for is no login.
        let acts_for = ["as", "as-uid", "as-groups", "as-user-extra"].into_iter();
        let mut user: Map<String, Value> =
            acts_for.filter_map(|member| Some((member.to_owned(), own.get(member)?.clone()))).collect();
        let login = LoginKind::of(&own).for_others(chosen);
        if let LoginKind::Unlendable(by) = login {
            let error = unlendable(name, by);
            warnings.push(Diagnostic { hints: error.hints(), ..not_lent(error.to_string()) });
        }
        let call = match login {
            LoginKind::None => None,
            LoginKind::Plugin => Some(plugin_members(&own["exec"])),
            LoginKind::Static | LoginKind::SecretPlugin | LoginKind::Unlendable(_) => {
                // A name may lead elsewhere tomorrow, and the login is for this server alone.
                let arguments = ["kubeconfig", "--token", "--context", &chosen.name, "--server", chosen.server()];
                Some(exec.call(
                    &arguments,
                    &[("KUBECONFIG".to_owned(), list(found)?)],
                    login == LoginKind::SecretPlugin,
                ))
            }
        };
        user.extend(call.map(|call| ("exec".to_owned(), call)));
        users.push(json!({ "name": name, "user": user }));
    }
    let mut context = json!({ "cluster": chosen.context.cluster });
    for (member, value) in [("user", &chosen.context.user), ("namespace", &chosen.context.namespace)] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            context[member] = value.as_str().into();
        }
    }
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": chosen.context.cluster, "cluster": cluster }],
        "contexts": [{ "name": chosen.name, "context": context }],
        "current-context": chosen.name,
        "users": users,
    });
    Ok(ClusterAccess { context: chosen.name.clone(), kubeconfig: yaml::text(&document), warnings })
}

fn not_lent(detail: String) -> Diagnostic {
    Diagnostic::warning("KUBECONFIG_LOGIN_NOT_LENT", "The kubeconfig that is made will not log in by itself", detail)
}

/// The files, as `KUBECONFIG` lists them.
fn list(found: &Found) -> Result<String, ProviderError> {
    let listed = std::env::join_paths(found.paths()).map_err(|error| unusable(&error))?;
    listed.into_string().map_err(|list| unusable(&format!("`{}` is not UTF-8", list.display())))
}

/// The `ExecCredential` of a context of the user's kubeconfig, as text: only for whoever asks for the login. With a server, only while
/// the context leads there; kubeconfigs of before name none.
///
/// # Errors
/// `KUBECONFIG_UNREADABLE`, `KUBECONFIG_LOGIN_NOT_LENT`, `CLUSTER_LOGIN_FAILED`.
pub async fn context_credential(context: &str, server: Option<&str>) -> Result<String, ProviderError> {
    let chosen = Found::by_environment()?.choose(Some(context))?;
    server.map_or(Ok(()), |server| leads_to(&chosen, server))?;
    lend(&chosen).await.map(|credential| credential.to_string())
}

/// Where the login is: who has the file can use the context. That is what deploy wrote, unless the context leads elsewhere by now, else
/// the one file of the user's that has all of it.
fn credentials(context: Option<&str>, written: &Path) -> Result<Value, ProviderError> {
    whole_file(Found::by_environment(), context, written)
}

fn whole_file(
    found: Result<Found, ProviderError>,
    context: Option<&str>,
    written: &Path,
) -> Result<Value, ProviderError> {
    let told =
        |path: &Path, context: &str| json!({ "config_path": path.display().to_string(), "config_context": context });
    let ours = Found::at(vec![written.to_owned()]).and_then(|found| found.choose(context)).ok();
    let own = found.and_then(|found| Ok((found.choose(context)?, found)));
    let (chosen, found) = match (ours, own) {
        (Some(ours), Ok((own, _))) if same(ours.server(), own.server()) => return Ok(told(written, &ours.name)),
        // What deploy wrote names the files that it needs: they need not be those of now.
        (Some(ours), Err(_)) => return Ok(told(written, &ours.name)),
        (_, own) => own?,
    };
    let in_pieces = || ProviderError::Other {
        code: "KUBECONFIG_IN_PIECES".to_owned(),
        message: format!(
            "no file by itself holds the context `{}` with its cluster and its user: KUBECONFIG takes them from several",
            chosen.name
        ),
        detail: json!({ "hints": [
            "run `nic deploy`, which writes such a file beside the state",
            "or make one with `kubectl config view --minify --flatten`, and let KUBECONFIG name it",
        ] }),
    };
    found.whole(&chosen).map(|path| told(path, &chosen.name)).ok_or_else(in_pieces)
}

#[cfg(test)]
mod tests;
