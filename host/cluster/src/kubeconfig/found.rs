//! The user's kubeconfig files, found and merged as kubectl does it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Config;
use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, KubeconfigError};
use nic_core::error::ProviderError;
use nic_gate::egress::Proxy;
use nic_system::input;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::address::{Bare, bare};

/// Members of clusters and users that are paths: a relative one starts where its file stands.
const PATHS: [&str; 4] = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

/// Largest file that is read.
const MOST_BYTES: usize = 16 << 20;

/// The files, in the order in which they count.
pub(super) struct Found {
    /// What they say together: of each name, and of `current-context`, what the first file says that has it.
    merged: Kubeconfig,
    read: Vec<(PathBuf, Kubeconfig)>,
    missing: Vec<PathBuf>,
}

/// A context with what it leads to.
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) context: Context,
    /// Its `server` holds no login.
    pub(super) cluster: Cluster,
    /// Whether there was one, which is used for nothing.
    pub(super) server_had_login: bool,
    pub(super) user: Option<(String, AuthInfo)>,
}

impl Chosen {
    /// Where its cluster is.
    pub(super) fn server(&self) -> &str {
        self.cluster.server.as_deref().unwrap_or_default()
    }

    /// What a client has to know, and the proxy that the cluster names. The client's own reading of kubeconfigs would also take the
    /// environment's proxies, by rules of its own.
    pub(super) fn config(&self) -> Result<(Config, Option<Proxy>), ProviderError> {
        let Self { name, context, cluster, user, .. } = self;
        let wrong = |what: String| unusable(&format!("the context `{name}`: {what}"));
        let server = self.server().parse().map_err(|error| wrong(format!("its `server` is no URL: {error}")))?;
        let proxy = cluster.proxy_url.as_deref().map(Proxy::parse).transpose();
        let proxy = proxy.map_err(|why| wrong(format!("its `proxy-url` names no proxy: {why}")))?;
        let mut config = Config::new(server);
        if let Some(pem) = self.authority().map_err(|error| wrong(format!("its certificate authority: {error}")))? {
            let authorities: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
            let authorities =
                authorities.map_err(|error| wrong(format!("its certificate authority is no PEM: {error}")))?;
            config.root_cert = Some(authorities.iter().map(|authority| authority.to_vec()).collect());
        }
        config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
        config.disable_compression = cluster.disable_compression.unwrap_or(false);
        config.tls_server_name.clone_from(&cluster.tls_server_name);
        config.default_namespace = context.namespace.clone().unwrap_or_else(|| "default".to_owned());
        config.auth_info = user.as_ref().map(|(_, own)| own.clone()).unwrap_or_default();
        Ok((config, proxy))
    }

    /// The authority of its cluster, as text.
    fn authority(&self) -> Result<Option<Vec<u8>>, String> {
        let Cluster { certificate_authority, certificate_authority_data, .. } = &self.cluster;
        match (certificate_authority_data, certificate_authority) {
            (Some(data), _) => STANDARD.decode(data.trim()).map(Some).map_err(|error| error.to_string()),
            (None, Some(path)) => file(Path::new(path)).map(Some).map_err(|error| format!("`{path}`: {error}")),
            (None, None) => Ok(None),
        }
    }
}

/// What a kubeconfig, or a file that it names, holds. One that a shell made, `<(...)`, is a pipe.
pub(super) fn file(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = input::read(path, MOST_BYTES)?;
    if bytes.len() > MOST_BYTES {
        return Err(io::Error::other(format!("it is larger than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(bytes)
}

/// The error about everything that is wrong with the user's kubeconfig.
pub(super) fn unusable(what: &dyn std::fmt::Display) -> ProviderError {
    ProviderError::Other {
        code: "KUBECONFIG_UNREADABLE".to_owned(),
        message: format!("the kubeconfig cannot be used: {what}"),
        detail: json!({ "hint": "KUBECONFIG lists the files, else it is ~/.kube/config; `kubectl config get-contexts` shows the contexts" }),
    }
}

/// The files that are meant, absolute, each once: those that `KUBECONFIG` lists, or the one at home.
pub(super) fn named(variable: Option<OsString>, home: Option<PathBuf>) -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = match variable.filter(|list| !list.is_empty()) {
        Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => home.map(|home| home.join(".kube/config")).into_iter().collect(),
    };
    let mut seen = BTreeSet::new();
    let absolute = listed.into_iter().map(|path| std::path::absolute(&path).unwrap_or(path));
    absolute.filter(|path| seen.insert(path.clone())).collect()
}

impl Found {
    /// Those that the environment means.
    pub(super) fn by_environment() -> Result<Self, ProviderError> {
        Self::at(named(std::env::var_os("KUBECONFIG"), std::env::home_dir()))
    }

    /// These; the ones that are not there are left out.
    pub(super) fn at(paths: Vec<PathBuf>) -> Result<Self, ProviderError> {
        let mut found = Self { merged: Kubeconfig::default(), read: Vec::new(), missing: Vec::new() };
        for path in paths {
            match file(&path) {
                Ok(bytes) => {
                    let file = parse(&path, bytes)?;
                    found.read.push((path, file));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => found.missing.push(path),
                Err(error) => return Err(unusable(&format!("`{}`: {error}", path.display()))),
            }
        }
        for (path, file) in &found.read {
            let merged = std::mem::take(&mut found.merged).merge(file.clone());
            found.merged = merged.map_err(|error| unusable(&format!("`{}`: {error}", path.display())))?;
        }
        Ok(found)
    }

    /// The files that are there.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.read.iter().map(|(path, _)| path.as_path())
    }

    /// A context by its name, else the current one.
    pub(super) fn choose(&self, name: Option<&str>) -> Result<Chosen, ProviderError> {
        let Kubeconfig { contexts, clusters, auth_infos, current_context, .. } = &self.merged;
        if self.read.is_empty() {
            return Err(unusable(&self.nothing()));
        }
        let known = names(contexts.iter().map(|context| &context.name));
        let Some(name) = name.or(current_context.as_deref()) else {
            return Err(
                self.wrong(&format!("no context is chosen, and none of the files says `current-context`: {known}"))
            );
        };
        let found = contexts.iter().find(|context| context.name == name);
        let Some(context) = found.and_then(|context| context.context.clone()) else {
            return Err(self.wrong(&format!("there is no context `{name}`, {known}")));
        };
        let of = |what: &str, wanted: &str, known: &str| {
            self.wrong(&format!("the context `{name}` leads to the {what} `{wanted}`, which is not there, {known}"))
        };
        let cluster = clusters.iter().find(|cluster| cluster.name == context.cluster);
        let mut cluster = cluster
            .and_then(|cluster| cluster.cluster.clone())
            .ok_or_else(|| of("cluster", &context.cluster, &names(clusters.iter().map(|cluster| &cluster.name))))?;
        let Some(server) = cluster.server.as_deref() else {
            return Err(
                self.wrong(&format!("the cluster `{}` of the context `{name}` has no `server`", context.cluster))
            );
        };
        let Some(Bare { url, had_login: server_had_login }) = bare(server) else {
            let what =
                format!("the `server` of the cluster `{}` is no URL such as https://10.0.0.1:6443", context.cluster);
            return Err(self.wrong(&what));
        };
        cluster.server = Some(url);
        let user = match context.user.clone().filter(|user| !user.is_empty()) {
            None => None,
            Some(wanted) => match auth_infos.iter().find(|user| user.name == wanted) {
                Some(user) => Some((wanted, user.auth_info.clone().unwrap_or_default())),
                None => return Err(of("user", &wanted, &names(auth_infos.iter().map(|user| &user.name)))),
            },
        };
        Ok(Chosen { name: name.to_owned(), context, cluster, server_had_login, user })
    }

    /// The file that says by itself what all of them say of a context.
    pub(super) fn whole(&self, chosen: &Chosen) -> Option<&Path> {
        let context = self.first(|file| file.contexts.iter().any(|context| context.name == chosen.name))?;
        let cluster = self.first(|file| file.clusters.iter().any(|cluster| cluster.name == chosen.context.cluster));
        let user = match &chosen.user {
            Some((name, _)) => self.first(|file| file.auth_infos.iter().any(|user| user.name == *name)),
            None => Some(context),
        };
        (cluster == Some(context) && user == Some(context)).then_some(context)
    }

    fn first(&self, has: impl Fn(&Kubeconfig) -> bool) -> Option<&Path> {
        self.read.iter().find(|(_, file)| has(file)).map(|(path, _)| path.as_path())
    }

    fn wrong(&self, what: &str) -> ProviderError {
        let listed = |paths: &mut dyn Iterator<Item = &Path>| {
            paths.map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
        };
        let looked_at = listed(&mut self.paths());
        if self.missing.is_empty() {
            return unusable(&format!("{what}; looked at {looked_at}"));
        }
        let missing = listed(&mut self.missing.iter().map(PathBuf::as_path));
        unusable(&format!("{what}; looked at {looked_at}, and found no {missing}"))
    }

    /// Why there is nothing at all.
    fn nothing(&self) -> String {
        let missing: Vec<String> = self.missing.iter().map(|path| format!("`{}`", path.display())).collect();
        match missing.as_slice() {
            [] => "KUBECONFIG is set and lists no file".to_owned(),
            [one] => format!("there is no file {one}"),
            several => format!("there is none of the files {}", several.join(", ")),
        }
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "there is none at all".to_owned() } else { format!("only {}", names.join(", ")) }
}

/// One file. Nothing of its text is told: a token may stand where it is wrong.
fn parse(path: &Path, bytes: Vec<u8>) -> Result<Kubeconfig, ProviderError> {
    let wrong = |what: &str| unusable(&format!("`{}` {what}", path.display()));
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8"))?;
    let parsed = Kubeconfig::from_yaml(text.trim_start_matches('\u{feff}')).map_err(|error| match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(place) => wrong(&format!("is no kubeconfig: line {}, column {}", place.line(), place.column())),
            None => wrong("is no kubeconfig"),
        },
        error => wrong(&format!("is no kubeconfig: {error}")),
    })?;
    let mut document = serde_json::to_value(parsed).map_err(|_| wrong("is no kubeconfig"))?;
    let is =
        |member: &str, wanted: &str| matches!(document[member].as_str(), None | Some("")) || document[member] == wanted;
    if !is("kind", "Config") || !is("apiVersion", "v1") {
        return Err(wrong("is of another kind than `v1` `Config`"));
    }
    settle(&mut document, path.parent().unwrap_or(Path::new("/")));
    Kubeconfig::deserialize(document).map_err(|_| wrong("is no kubeconfig"))
}

/// What is empty is not set, and paths are absolute: so a file means the same beside others as by itself.
fn settle(document: &mut Value, directory: &Path) {
    let absolute = |value: &mut Value| {
        if let Some(path) = value.as_str() {
            *value = directory.join(path).display().to_string().into();
        }
    };
    let parts = [("clusters", "cluster"), ("users", "user")];
    for (list, member) in parts {
        for named in document[list].as_array_mut().into_iter().flatten() {
            let Some(members) = named.get_mut(member).and_then(Value::as_object_mut) else { continue };
            members.retain(|_, value| *value != "");
            for path in PATHS {
                members.get_mut(path).map(absolute);
            }
            // A plugin without a slash is looked for in PATH.
            let command = members.get_mut("exec").and_then(|exec| exec.get_mut("command"));
            command.filter(|command| command.as_str().is_some_and(|text| text.contains('/'))).map(absolute);
        }
    }
    if let Some(members) = document.as_object_mut() {
        members.retain(|member, value| *value != "" && !matches!(member.as_str(), "kind" | "apiVersion"));
    }
}
