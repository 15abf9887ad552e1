//! Login plugins: the `exec` of a user, called as kubectl calls it, and not waited for without end.

use std::io::IsTerminal as _;
use std::process::{Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nic_core::error::ProviderError;
use nic_gate::SecretString;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::found::{Chosen, unusable};
use super::members::{cluster_members, plugin_config};

/// Longest time for a plugin that has nobody to ask. kubectl knows no limit; a plugin that needs the network longer than this waits for
/// somebody who is not there.
const ALONE: Duration = Duration::from_mins(1);

/// Longest time for one that may ask at the terminal: logging in by a browser takes minutes.
const ATTENDED: Duration = Duration::from_mins(10);

/// A token that ends sooner than this is not used any more: a request may wait for its turn.
const ENDS_SOON: Duration = Duration::from_mins(1);

/// A plugin with everything that it is told.
pub(super) struct Plugin {
    context: String,
    user: String,
    program: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    manner: Manner,
    pub(super) limit: Duration,
}

/// Whether a plugin talks to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    /// It is told that somebody can be asked, and gets the terminal's input.
    pub(super) asks: bool,
    /// What it says is for people to read at once.
    pub(super) speaks: bool,
}

impl Manner {
    /// By its `interactiveMode`; where there is none it is as with `IfAvailable`.
    pub(super) fn of(mode: &Value, has_terminal: bool) -> Self {
        let speaks = mode != "Never";
        Self { asks: mode == "Always" || (speaks && has_terminal), speaks }
    }

    pub(super) fn limit(self, has_terminal: bool) -> Duration {
        if self.asks && has_terminal { ATTENDED } else { ALONE }
    }
}

impl Plugin {
    /// The `exec` of this user.
    pub(super) fn of(chosen: &Chosen, user: &str, exec: &Value) -> Result<Self, ProviderError> {
        let texts = |member: &str| exec[member].as_array().into_iter().flatten();
        let program = exec["command"].as_str();
        let program = program.ok_or_else(|| unusable(&format!("the plugin of the user `{user}` has no `command`")))?;
        let has_terminal = std::io::stdin().is_terminal();
        let manner = Manner::of(&exec["interactiveMode"], has_terminal);
        let mut spec = json!({ "interactive": manner.asks });
        if exec["provideClusterInfo"] == true {
            let config = plugin_config(chosen).map(|config| ("config".to_owned(), config.clone()));
            spec["cluster"] = cluster_members(chosen)?.into_iter().chain(config).collect::<Map<_, _>>().into();
        }
        let info = json!({ "apiVersion": exec["apiVersion"], "kind": "ExecCredential", "spec": spec });
        let own = texts("env").filter_map(|variable| {
            Some((variable["name"].as_str()?.to_owned(), variable["value"].as_str()?.to_owned()))
        });
        Ok(Self {
            context: chosen.name.clone(),
            user: user.to_owned(),
            program: program.to_owned(),
            arguments: texts("args").filter_map(Value::as_str).map(str::to_owned).collect(),
            variables: own.chain([("KUBERNETES_EXEC_INFO".to_owned(), info.to_string())]).collect(),
            manner,
            limit: manner.limit(has_terminal),
        })
    }

    /// The `status` that it answers. What it is told and what it answers is in no error: there are secrets in it.
    pub(super) async fn call(&self) -> Result<Map<String, Value>, ProviderError> {
        let Self { program, manner, limit, .. } = self;
        let child = Command::new(program)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(if manner.asks { Stdio::inherit() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(if manner.speaks { Stdio::inherit() } else { Stdio::piped() })
            // Whoever stops waiting ends it.
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.failed(&format!("cannot be started: {error}")))?;
        let seconds = limit.as_secs();
        let output = tokio::time::timeout(*limit, child.wait_with_output())
            .await
            .map_err(|_| self.failed(&format!("did not answer within {seconds} s, and was ended")))?
            .map_err(|error| self.failed(&format!("cannot be listened to: {error}")))?;
        self.answer(&output)
    }

    fn answer(&self, output: &Output) -> Result<Map<String, Value>, ProviderError> {
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rfind(|line| !line.trim().is_empty()).map(|line| format!(": {}", line.trim()));
            return Err(self.failed(&format!("ended with {}{}", output.status, last.unwrap_or_default())));
        }
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let status = answer["status"].as_object().filter(|_| answer["kind"] == "ExecCredential");
        status.cloned().ok_or_else(|| self.failed("answered no ExecCredential"))
    }

    fn token(&self, status: &Map<String, Value>) -> Result<Token, ProviderError> {
        let text = |member: &str| status.get(member).and_then(Value::as_str);
        let no_time = |_| self.failed("answered an `expirationTimestamp` that is no time");
        let ends = text("expirationTimestamp").map(|ends| OffsetDateTime::parse(ends, &Rfc3339).map_err(no_time));
        Ok(Token { text: text("token").map(SecretString::new), ends: ends.transpose()? })
    }

    fn failed(&self, what: &str) -> ProviderError {
        let Self { context, user, program, .. } = self;
        ProviderError::Other {
            code: "CLUSTER_LOGIN_FAILED".to_owned(),
            message: format!(
                "there is no login to the cluster of the context `{context}`: the plugin `{program}` of the user `{user}` {what}"
            ),
            detail: json!({ "hint": format!(
                "see at a terminal whether `kubectl --context {context} auth whoami` works: it may be waiting for somebody to log in"
            ) }),
        }
    }
}

/// A client certificate with its key, PEM in base64.
pub(super) struct Certificate {
    pub(super) data: String,
    pub(super) key: SecretString,
}

/// A token until a plugin has to be asked for another.
struct Token {
    text: Option<SecretString>,
    ends: Option<OffsetDateTime>,
}

impl Token {
    fn is_good(&self, refused: Option<&SecretString>) -> bool {
        let lasts = self.ends.is_none_or(|ends| OffsetDateTime::now_utc() + ENDS_SOON < ends);
        lasts && (refused.is_none() || self.text.as_ref() != refused)
    }
}

/// The tokens of a plugin: the client by itself would wait for it in the way of everything else, and without end.
pub(crate) struct PluginTokens {
    plugin: Plugin,
    kept: Mutex<Token>,
}

impl PluginTokens {
    /// Asks for the first, and for the certificate that some give in its place or beside it.
    pub(super) async fn ask(plugin: Plugin) -> Result<(Self, Option<Certificate>), ProviderError> {
        let status = plugin.call().await?;
        let encoded = |member: &str| status.get(member).and_then(Value::as_str).map(|pem| STANDARD.encode(pem));
        let certificate = encoded("clientCertificateData").zip(encoded("clientKeyData"));
        let certificate = certificate.map(|(data, key)| Certificate { data, key: SecretString::new(key) });
        let kept = Mutex::new(plugin.token(&status)?);
        Ok((Self { plugin, kept }, certificate))
    }

    /// Whose they are.
    pub(crate) fn user_name(&self) -> &str {
        &self.plugin.user
    }

    /// A token that lasts; another than `refused`, which the cluster did not take. None of a plugin that gives certificates.
    pub(crate) async fn get(&self, refused: Option<&SecretString>) -> Result<Option<SecretString>, ProviderError> {
        let mut kept = self.kept.lock().await;
        if !kept.is_good(refused) {
            *kept = self.plugin.token(&self.plugin.call().await?)?;
        }
        Ok(kept.text.clone())
    }
}
