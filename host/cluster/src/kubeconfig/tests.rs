//! The user's kubeconfigs in, small ones out. Expected values are what `kubectl config view` documents, or was written by hand.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::time::Duration;

use kube::config::Kubeconfig;
use nic_gate::SecretString;
use tempfile::TempDir;

use super::plugin::Manner;
use super::*;
use crate::exec::API_VERSION;

/// Case A25: the context stands in the second file, its user in the first.
const FIRST: &str = r"
apiVersion: v1
kind: Config
current-context: first
clusters: [{name: c1, cluster: {server: 'https://127.0.0.1:6443'}}]
users: [{name: u1, user: {token: PLANTED-first}}]
contexts: [{name: first, context: {cluster: c1, user: u1}}]
";
const SECOND: &str = r#"
apiVersion: v1
kind: Config
current-context: ""
clusters: [{name: c2, cluster: {server: 'https://127.0.0.1:7443', certificate-authority: ca.crt}}]
contexts: [{name: second, context: {cluster: c2, user: u1, namespace: elsewhere}}]
"#;

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A kubeconfig with this user.
    fn user(&self, user: &Value) -> Found {
        let document = json!({
            "clusters": [{ "name": "c", "cluster": { "server": "https://127.0.0.1:6443" } }],
            "users": [{ "name": "u", "user": user }],
            "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
            "current-context": "x",
        });
        Found::at(vec![self.file("config", document.to_string())]).unwrap()
    }
}

fn exec() -> ExecCommand {
    ExecCommand { command: "/bin/nic".to_owned(), variables: Vec::new() }
}

/// The kubeconfig that is made of the current context, as a client reads it, with its text.
fn made(found: &Found) -> (Value, String, Vec<Diagnostic>) {
    let access = minified(found, &found.choose(None).unwrap(), &exec()).unwrap();
    let read = Kubeconfig::from_yaml(&access.kubeconfig).unwrap();
    (serde_json::to_value(read).unwrap(), access.kubeconfig, access.warnings)
}

async fn lent(found: &Found) -> Result<Value, ProviderError> {
    Ok(lend(&found.choose(None)?).await?["status"].clone())
}

fn said<T>(result: Result<T, ProviderError>) -> String {
    let Err(error) = result else { panic!("it can be used") };
    assert_eq!(error.code(), "KUBECONFIG_UNREADABLE", "{error}");
    assert!(!error.hints().is_empty());
    error.to_string()
}

#[test]
fn the_variable_lists_files_and_an_empty_one_is_none() {
    let (home, current) = (PathBuf::from("/home/ann"), std::env::current_dir().unwrap());
    let named = |list: &str| found::named(Some(list.into()), Some(home.clone()));
    assert_eq!(named("/a:/b"), [PathBuf::from("/a"), "/b".into()]);
    // An empty entry is ignored, and what is named twice counts once.
    assert_eq!(named(":/a::/b:/a:"), [PathBuf::from("/a"), "/b".into()]);
    assert_eq!(named("x/config"), [current.join("x/config")]);
    assert_eq!(named(""), [PathBuf::from("/home/ann/.kube/config")]);
    assert_eq!(found::named(None, Some(home.clone())), [PathBuf::from("/home/ann/.kube/config")]);
    // A list of nothing is a list: kubectl does not look at home either.
    assert_eq!(named(":"), Vec::<PathBuf>::new());
    assert!(said(Found::at(named(":")).unwrap().choose(None)).contains("KUBECONFIG is set and lists no file"));
    let odd = OsString::from_vec(b"/a\xff:/b".to_vec());
    assert_eq!(found::named(Some(odd), None).len(), 2);
}

#[test]
fn the_first_file_to_say_something_wins_and_a_missing_one_says_nothing() {
    let files = Files::new();
    let (first, second) = (files.file("a/config", FIRST), files.file("b/config", SECOND));
    let found = Found::at(vec![first.clone(), files.path("nowhere"), second.clone()]).unwrap();
    assert_eq!(found.choose(None).unwrap().name, "first");
    let chosen = found.choose(Some("second")).unwrap();
    assert_eq!(chosen.cluster.server.as_deref(), Some("https://127.0.0.1:7443"));
    assert_eq!(chosen.user.as_ref().unwrap().0, "u1");
    // A path starts where its file stands.
    let authority = chosen.cluster.certificate_authority.as_deref();
    assert_eq!(authority, Some(files.path("b/ca.crt").to_str().unwrap()));
    // The other way round: an empty `current-context` is none, so the second file's counts.
    let found = Found::at(vec![second.clone(), first.clone()]).unwrap();
    assert_eq!(found.choose(None).unwrap().name, "first");

    // Of one name the first is taken whole, and nothing of the second.
    let other = files.file("other", FIRST.replace("6443", "9999").replace("{token: PLANTED-first}", "{username: x}"));
    let found = Found::at(vec![other, first]).unwrap();
    let chosen = found.choose(Some("first")).unwrap();
    let user = serde_json::to_value(&chosen.user.as_ref().unwrap().1).unwrap();
    assert_eq!((chosen.cluster.server.as_deref(), user), (Some("https://127.0.0.1:9999"), json!({ "username": "x" })));
}

#[test]
fn what_is_wrong_names_the_files_the_context_and_what_there_is() {
    let files = Files::new();
    let (first, second) = (files.file("a", FIRST), files.file("b", SECOND));
    let (a, b) = (format!("`{}`", first.display()), format!("`{}`", second.display()));
    let told = said(Found::at(vec![first.clone(), second.clone(), files.path("c")]).unwrap().choose(Some("third")));
    assert!(
        told.contains("no context `third`, only first, second") && told.contains(&a) && told.contains(&b),
        "{told}"
    );
    assert!(told.contains(&format!("found no `{}`", files.path("c").display())), "{told}");
    let told = said(Found::at(vec![second.clone()]).unwrap().choose(Some("second")));
    assert!(
        told.contains("the context `second` leads to the user `u1`, which is not there, there is none at all"),
        "{told}"
    );
    let told = said(Found::at(vec![second]).unwrap().choose(None));
    assert!(told.contains("no context is chosen") && told.contains("only second"), "{told}");
    let halves = files.file("d", "contexts: [{name: x, context: {cluster: gone, user: ''}}]\nclusters: [{name: c1}]");
    let told = said(Found::at(vec![halves]).unwrap().choose(Some("x")));
    assert!(told.contains("the cluster `gone`, which is not there, only c1"), "{told}");
    let told = said(Found::at(vec![files.path("x"), files.path("y")]).unwrap().choose(None));
    assert!(told.contains("none of the files") && told.contains("/x`") && told.contains("/y`"), "{told}");

    // A file that cannot be read names itself, and nothing of what stands in it.
    for bytes in [
        &b"token: PLANTED\xff"[..],
        b"\xff\xfeodd",
        b"users: [{name: PLANTED, user: {token: PLANTED",
        b"users: PLANTED",
        b"users: [{name: u, user: {token: {PLANTED: x}}}]",
        b"apiVersion: v1\nkind: PLANTED\n",
        b"- PLANTED",
    ] {
        let broken = files.file("broken", bytes);
        let told = said(Found::at(vec![first.clone(), broken.clone()]));
        assert!(told.contains(broken.to_str().unwrap()) && !told.contains("PLANTED"), "{told}");
    }
    assert!(said(Found::at(vec![files.0.path().to_owned()])).contains("directory"));
    // An empty one says nothing, a mark of byte order is none of its text.
    let marked = files.file("marked", [b"\xef\xbb\xbf", FIRST.as_bytes()].concat());
    let found = Found::at(vec![files.file("empty", ""), marked]).unwrap();
    assert_eq!(found.choose(None).unwrap().name, "first");
}

#[tokio::test]
async fn a_static_login_is_lent_when_it_is_asked_for_and_stands_nowhere_else() {
    let files = Files::new();
    files.file("token", "PLANTED-token\n");
    files.file("cert.pem", "PLANTED-cert");
    files.file("key.pem", "PLANTED-key");
    let encoded = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let certificate = json!({ "clientCertificateData": "PLANTED-cert", "clientKeyData": "PLANTED-key" });
    for (user, expected) in [
        (json!({ "token": "PLANTED-token" }), json!({ "token": "PLANTED-token" })),
        (json!({ "tokenFile": "token", "token": "", "username": "" }), json!({ "token": "PLANTED-token" })),
        (json!({ "client-certificate": "cert.pem", "client-key": "key.pem" }), certificate.clone()),
        (
            json!({ "client-certificate-data": encoded("PLANTED-cert"), "client-key-data": encoded("PLANTED-key") }),
            certificate.clone(),
        ),
    ] {
        let found = files.user(&user);
        let (read, text, warnings) = made(&found);
        assert!(!text.contains("PLANTED") && !text.contains(&encoded("PLANTED")[..8]), "{text}");
        assert_eq!(warnings, []);
        let call = &read["users"][0]["user"]["exec"];
        assert_eq!(
            (&call["command"], &call["args"]),
            (
                &json!("/bin/nic"),
                &json!(["kubeconfig", "--token", "--context", "x", "--server", "https://127.0.0.1:6443"])
            )
        );
        assert_eq!(call["env"], json!([{ "name": "KUBECONFIG", "value": files.path("config") }]));
        assert_eq!(call["interactiveMode"], "Never");
        let status = lent(&found).await.unwrap();
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&status[member], value);
        }
        assert!(status["expirationTimestamp"].as_str().unwrap().ends_with('Z'), "{status}");
    }
    // Files are read at that moment.
    let found = files.user(&json!({ "tokenFile": "token" }));
    files.file("token", "PLANTED-next");
    assert_eq!(lent(&found).await.unwrap()["token"], "PLANTED-next");
    files.file("token", "\n");
    assert!(said(lent(&found).await).contains("/token` is empty"));
    std::fs::remove_file(files.path("token")).unwrap();
    assert!(said(lent(&found).await).contains("/token`"));
    let half = files.user(&json!({ "client-certificate": "cert.pem" }));
    assert!(said(lent(&half).await).contains("a client certificate without a key"));
}

#[test]
fn a_plugin_stands_as_it_is_unless_it_is_told_what_may_be_secret() {
    let files = Files::new();
    let plugin = |args: &[&str], env: Value| json!({ "exec": { "apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws", "args": args, "env": env } });
    let own = plugin(
        &["--region", "us-west-2", "eks", "get-token", "--cluster-name", "c"],
        json!([{"name": "AWS_PROFILE", "value": "work"}]),
    );
    let (read, _, warnings) = made(&files.user(&own));
    assert_eq!((&read["users"][0]["user"]["exec"]["args"], warnings.len()), (&own["exec"]["args"], 0));
    assert_eq!(read["users"][0]["user"]["exec"]["env"], own["exec"]["env"]);
    for secret in [
        plugin(&["get-token", "--oidc-client-secret=PLANTED"], Value::Null),
        plugin(&["get-token", "--password", "PLANTED"], Value::Null),
        plugin(&["login", "-p", "PLANTED"], Value::Null),
        plugin(&["get", "https://ann:PLANTED@example.com"], Value::Null),
        plugin(&["get-token"], json!([{"name": "AAD_SERVICE_PRINCIPAL", "value": "PLANTED"}])),
    ] {
        let (read, text, _) = made(&files.user(&secret));
        assert!(!text.contains("PLANTED"), "{text}");
        let call = &read["users"][0]["user"]["exec"];
        assert_eq!((&call["command"], &call["interactiveMode"]), (&json!("/bin/nic"), &json!("IfAvailable")));
    }
    // A file of ours that is read to make another is no call of a call.
    let ours = ["kubeconfig", "--token", "--context", "y"];
    let (read, ..) = made(&files.user(&plugin(&ours, json!([{"name": "KUBECONFIG", "value": "/a"}]))));
    assert_eq!(read["users"][0]["user"]["exec"]["args"], json!(ours));
}

#[tokio::test]
async fn a_lent_plugin_is_called_as_kubectl_calls_it() {
    let files = Files::new();
    let script = r#"
info=$KUBERNETES_EXEC_INFO
case "$info" in *'"server":"https://127.0.0.1:6443"'*) ;; *) exit 7 ;; esac
printf '{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {"token": "%s-%s"}}' "$1" "$SECRET"
"#;
    files.file("plugin", script);
    let plugin = |args: Value| {
        json!({ "exec": { "command": "sh", "args": args, "env": [{"name": "SECRET", "value": "b"}], "provideClusterInfo": true,
            "apiVersion": "client.authentication.k8s.io/v1beta1" } })
    };
    let found = files.user(&plugin(json!([files.path("plugin"), "a"])));
    assert_eq!(lent(&found).await.unwrap(), json!({ "token": "a-b" }));
    for (script, why) in [("exit 3", "exit status: 3"), ("echo PLANTED", "answered no ExecCredential")] {
        let error = lent(&files.user(&plugin(json!(["-c", script])))).await.unwrap_err();
        assert!(error.code() == "CLUSTER_LOGIN_FAILED" && error.to_string().contains(why), "{error}");
        assert!(!error.to_string().contains("PLANTED"), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_lent_is_told_when_the_file_is_made_and_when_it_is_asked_for() {
    let files = Files::new();
    for user in [
        json!({ "username": "ann", "password": "PLANTED" }),
        json!({ "auth-provider": { "name": "oidc", "config": { "id-token": "PLANTED" } } }),
    ] {
        let found = files.user(&user);
        let (_, text, warnings) = made(&found);
        assert!(!text.contains("PLANTED"), "{text}");
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert_eq!(warning.code, "KUBECONFIG_LOGIN_NOT_LENT");
        let error = lent(&found).await.unwrap_err();
        assert!(error.code() == "KUBECONFIG_LOGIN_NOT_LENT" && error.to_string().contains("the user `u`"), "{error}");
        assert_eq!(error.hints(), warning.hints);
        assert!(!format!("{error:?}{warning:?}").contains("PLANTED"));
    }
    // Who does not log in has nothing to lend, and needs nothing.
    let found = files.user(&json!({}));
    let (read, ..) = made(&found);
    assert_eq!(read["users"][0]["user"], json!({}));
    assert!(said(lent(&found).await).contains("no user who logs in"));
}

#[test]
fn what_is_no_login_is_kept() {
    let files = Files::new();
    files.file("ca.crt", "authority");
    let config = r"
clusters:
- name: one
  cluster:
    server: https://127.0.0.1:6443
    certificate-authority: ca.crt
    proxy-url: http://ann:PLANTED@proxy:3128
    tls-server-name: kubernetes
    disable-compression: true
- {name: two, cluster: {server: 'https://10.0.0.2:6443', insecure-skip-tls-verify: true}}
contexts:
- {name: mine, context: {cluster: one, user: me, namespace: team}}
- {name: other, context: {cluster: two, user: me}}
users:
- {name: me, user: {token: PLANTED, as: boss, as-uid: '1', as-groups: [a, b], as-user-extra: {k: [v]}}}
current-context: mine
";
    let found = Found::at(vec![files.file("config", config)]).unwrap();
    let (read, text, warnings) = made(&found);
    assert!(!text.contains("PLANTED") && !text.contains("10.0.0.2"), "{text}");
    assert_eq!(
        read["clusters"][0]["cluster"],
        json!({
            "server": "https://127.0.0.1:6443",
            "certificate-authority-data": "YXV0aG9yaXR5",
            "proxy-url": "http://proxy:3128/",
            "tls-server-name": "kubernetes",
            "disable-compression": true,
        })
    );
    // A proxy's password is a login too.
    assert!(warnings.len() == 1 && warnings[0].detail.contains("the proxy of the context `mine`"), "{warnings:?}");
    assert_eq!(
        read["contexts"],
        json!([{ "name": "mine", "context": { "cluster": "one", "user": "me", "namespace": "team" } }])
    );
    let user = &read["users"][0]["user"];
    assert_eq!((&user["as"], &user["as-uid"], &user["as-groups"]), (&json!("boss"), &json!("1"), &json!(["a", "b"])));
    assert_eq!(user["as-user-extra"], json!({ "k": ["v"] }));
    let other = minified(&found, &found.choose(Some("other")).unwrap(), &exec()).unwrap();
    assert!(other.kubeconfig.contains("insecure-skip-tls-verify: true") && other.context == "other");
}

#[test]
fn one_file_holds_a_context_only_if_it_means_the_same_by_itself() {
    let files = Files::new();
    let (first, second) = (files.file("a", FIRST), files.file("b", SECOND));
    let whole = |paths: &[&PathBuf], context: &str| {
        let found = Found::at(paths.iter().map(|path| (*path).clone()).collect()).unwrap();
        let chosen = found.choose(Some(context)).unwrap();
        found.whole(&chosen).map(Path::to_owned)
    };
    assert_eq!(whole(&[&first, &second], "first"), Some(first.clone()));
    assert_eq!(whole(&[&first, &second], "second"), None);
    // By itself it would lead to another cluster.
    let shadow = files.file("c", "clusters: [{name: c1, cluster: {server: 'https://10.0.0.1'}}]");
    assert_eq!(whole(&[&shadow, &first], "first"), None);
    assert_eq!(whole(&[&first, &shadow], "first"), Some(first));
}

#[test]
fn what_deploy_wrote_is_named_before_anything_of_the_users() {
    let files = Files::new();
    let found = files.user(&json!({ "token": "PLANTED" }));
    let (_, text, _) = made(&found);
    let written = files.file("stage/kubeconfig", text);
    let told = |user: &Value| json!({ "config_path": user, "config_context": "x" });
    for context in [None, Some("x")] {
        let found = Found::at(vec![files.path("config")]);
        assert_eq!(whole_file(found, context, &written).unwrap(), told(&json!(written)));
        // It names the files that it needs, so those of now may be others.
        let found = Found::at(vec![files.path("gone")]);
        assert_eq!(whole_file(found, context, &written).unwrap(), told(&json!(written)));
    }
    // The context leads to another cluster by now: what deploy wrote is of the one before.
    let moved = std::fs::read_to_string(files.path("config")).unwrap().replace("6443", "7443");
    let moved = files.file("config", moved);
    assert_eq!(whole_file(Found::at(vec![moved.clone()]), Some("x"), &written).unwrap(), told(&json!(moved)));
}

#[test]
fn a_login_goes_to_no_other_server_than_it_was_lent_for() {
    let files = Files::new();
    let chosen = |server: &str| {
        let config = FIRST.replace("https://127.0.0.1:6443", server);
        Found::at(vec![files.file("config", config)]).unwrap().choose(None).unwrap()
    };
    assert_eq!(leads_to(&chosen("https://127.0.0.1:6443"), "https://127.0.0.1:6443/"), Ok(()));
    // Neither what stands in the file nor what was asked for tells a password.
    assert_eq!(leads_to(&chosen("https://ann:PLANTED@10.0.0.1"), "https://10.0.0.1:443"), Ok(()));
    for asked in ["https://10.0.0.2", "https://ann:PLANTED@10.0.0.2", "ann:PLANTED@10.0.0.2"] {
        let error = leads_to(&chosen("https://ann:PLANTED@10.0.0.1"), asked).unwrap_err();
        assert!(error.code() == "KUBECONFIG_LOGIN_NOT_LENT" && error.hints().len() == 1, "{error:?}");
        let told = error.to_string();
        assert!(told.contains("`first`") && told.contains("https://10.0.0.1/"), "{told}");
        assert!(told.contains("https://10.0.0.2") != asked.starts_with("ann"), "{told}");
        assert!(!format!("{error:?}").contains("PLANTED"), "{error:?}");
    }
}

#[test]
fn a_login_in_the_url_of_a_server_goes_nowhere() {
    let files = Files::new();
    let config = |server: &str, proxy: &str| {
        let cluster = json!({ "server": server, "proxy-url": proxy });
        let document = json!({
            "clusters": [{ "name": "c", "cluster": cluster }],
            "users": [{ "name": "u", "user": { "token": "t" } }],
            "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
            "current-context": "x",
        });
        Found::at(vec![files.file("config", document.to_string())]).unwrap()
    };
    for server in
        ["https://ann:PLANTED@10.0.0.1:6443", "https://PLANTED@10.0.0.1:6443", "https://:PLANTED@10.0.0.1:6443"]
    {
        let found = config(server, "");
        // The client, the state and every message begin with this.
        let chosen = found.choose(None).unwrap();
        let alone = format!("{} {:?}", chosen.config().unwrap().0.cluster_url, chosen.cluster);
        let (read, text, warnings) = made(&found);
        assert!(!format!("{alone}{text}{warnings:?}").contains("PLANTED"), "{alone} {text} {warnings:?}");
        assert_eq!(read["clusters"][0]["cluster"], json!({ "server": "https://10.0.0.1:6443/" }));
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert_eq!(warning.code, "KUBECONFIG_LOGIN_NOT_LENT");
        assert!(warning.detail.contains("the `server` of the context `x`") && !warning.hints.is_empty(), "{warning:?}");
    }
    // What is no URL may hold one too.
    let error = said(config("ann:PLANTED@10.0.0.1:6443", "").choose(None));
    assert!(error.contains("the `server` of the cluster `c` is no URL") && !error.contains("PLANTED"), "{error}");
    let found = config("https://10.0.0.1:6443", "ann:PLANTED@proxy:3128");
    let error = said(minified(&found, &found.choose(None).unwrap(), &exec()));
    assert!(error.contains("the `proxy-url` of the context `x` is no URL") && !error.contains("PLANTED"), "{error}");
}

#[test]
fn what_is_not_known_stays_in_the_users_file() {
    let files = Files::new();
    let config = |extensions: Value, provide: bool| {
        let plugin = json!({ "apiVersion": API_VERSION, "command": "plugin", "provideClusterInfo": provide, "args": ["a"],
            "interactiveMode": "Never", "installHint": "get it", "odd": "PLANTED", "env": [{"name": "AWS_PROFILE", "value": "work", "odd": "PLANTED"}] });
        let document = json!({
            "clusters": [{ "name": "c", "odd": "PLANTED", "cluster": { "server": "https://10.0.0.1", "odd": "PLANTED", "extensions": extensions } }],
            "users": [{ "name": "u", "odd": "PLANTED", "user": { "exec": plugin, "odd": "PLANTED", "extensions": extensions } }],
            "contexts": [{ "name": "x", "odd": "PLANTED", "context": { "cluster": "c", "user": "u", "odd": "PLANTED", "extensions": extensions } }],
            "current-context": "x", "odd": "PLANTED", "extensions": extensions,
        });
        Found::at(vec![files.file("config", document.to_string())]).unwrap()
    };
    let noted = json!([{ "name": "notes", "extension": { "note": "PLANTED" } }]);
    let (read, text, _) = made(&config(noted, true));
    assert!(!text.contains("PLANTED"), "{text}");
    assert_eq!(read["clusters"][0]["cluster"], json!({ "server": "https://10.0.0.1" }));
    let expected = json!({ "apiVersion": API_VERSION, "command": "plugin", "provideClusterInfo": true, "args": ["a"],
        "interactiveMode": "Never", "installHint": "get it", "env": [{"name": "AWS_PROFILE", "value": "work"}] });
    assert_eq!(read["users"][0]["user"], json!({ "exec": expected }));

    // A plugin that reads its configuration from there is called by nic, which finds it where it is.
    let own = json!([{ "name": "client.authentication.k8s.io/exec", "extension": { "audience": "PLANTED" } }]);
    for (asks, command) in [(true, "/bin/nic"), (false, "plugin")] {
        let (read, text, _) = made(&config(own.clone(), asks));
        assert!(!text.contains("PLANTED"), "{text}");
        assert_eq!(read["users"][0]["user"]["exec"]["command"], command);
    }
}

/// A user whose plugin is this script.
fn scripted(script: &str, mode: &str) -> Value {
    json!({ "exec": { "command": "sh", "args": ["-c", script], "apiVersion": API_VERSION, "interactiveMode": mode } })
}

#[tokio::test]
async fn a_plugin_that_hangs_is_ended_and_named() {
    let files = Files::new();
    let user = scripted(&format!("echo $$ > {}; exec sleep 600", files.path("pid").display()), "Never");
    let chosen = files.user(&user).choose(None).unwrap();
    let mut plugin = Plugin::of(&chosen, "u", &user["exec"]).unwrap();
    plugin.limit = Duration::from_millis(500);
    let error = plugin.call().await.unwrap_err();
    let told = error.to_string();
    assert!(error.code() == "CLUSTER_LOGIN_FAILED" && !error.hints().is_empty(), "{error:?}");
    for word in ["the context `x`", "the plugin `sh` of the user `u`", "did not answer within 0 s, and was ended"] {
        assert!(told.contains(word), "{told}");
    }
    let process = format!("/proc/{}/stat", std::fs::read_to_string(files.path("pid")).unwrap().trim());
    // Gone, or dead and not yet taken leave of.
    let is_over = || std::fs::read_to_string(&process).map_or(true, |stat| stat.contains(") Z "));
    for _ in 0..100 {
        if is_over() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the plugin goes on");
}

#[test]
fn who_can_be_asked_at_a_terminal_gets_the_time_to_log_in() {
    let manner = |mode: Value, has_terminal| {
        let manner = Manner::of(&mode, has_terminal);
        (manner.asks, manner.speaks, manner.limit(has_terminal).as_secs())
    };
    for (has_terminal, asks, seconds) in [(true, true, 600), (false, false, 60)] {
        assert_eq!(manner(json!("IfAvailable"), has_terminal), (asks, true, seconds));
        assert_eq!(manner(Value::Null, has_terminal), (asks, true, seconds));
        assert_eq!(manner(json!("Never"), has_terminal), (false, false, 60));
        assert_eq!(manner(json!("Always"), has_terminal), (true, true, seconds));
    }
}

#[tokio::test]
async fn a_token_of_a_plugin_is_kept_until_it_ends_or_is_refused() {
    let files = Files::new();
    let tokens = async |ends: &str| {
        let count = files.path("count").display().to_string();
        let _ = std::fs::remove_file(&count);
        let script = format!(
            "echo x >> {count}; printf '{{\"kind\": \"ExecCredential\", \"status\": {{\"token\": \"%s\"{ends}}}}}' $(wc -l < {count})"
        );
        let user = scripted(&script, "Never");
        let chosen = files.user(&user).choose(None).unwrap();
        PluginTokens::ask(Plugin::of(&chosen, "u", &user["exec"]).unwrap()).await.map(|(tokens, _)| tokens)
    };
    let got = async |tokens: &PluginTokens, refused: Option<&SecretString>| tokens.get(refused).await.unwrap();
    let token = |text: &str| Some(SecretString::new(text));
    for lasting in ["", ", \"expirationTimestamp\": \"2999-01-01T00:00:00Z\""] {
        let tokens = tokens(lasting).await.unwrap();
        assert_eq!((got(&tokens, None).await, got(&tokens, None).await), (token("1"), token("1")));
        // Once for all whose token was refused.
        for _ in 0..2 {
            assert_eq!(got(&tokens, token("1").as_ref()).await, token("2"));
        }
    }
    let ended = tokens(", \"expirationTimestamp\": \"2001-01-01T00:00:00Z\"").await.unwrap();
    assert_eq!((got(&ended, None).await, got(&ended, None).await), (token("2"), token("3")));
    let error = tokens(", \"expirationTimestamp\": \"soon\"").await.err().unwrap();
    assert!(error.code() == "CLUSTER_LOGIN_FAILED" && error.to_string().contains("that is no time"), "{error}");
}

/// Why NIC itself does not get in by the current context.
async fn refused(found: Found) -> ProviderError {
    enter(found.choose(None).unwrap()).await.unwrap_err()
}

#[tokio::test]
async fn what_a_plugin_or_a_proxy_is_told_is_in_no_error() {
    let files = Files::new();
    let told = |script: &str| {
        json!({ "exec": { "command": "sh", "args": ["-c", script, "PLANTED"], "interactiveMode": "Never",
            "env": [{"name": "SECRET", "value": "PLANTED"}], "apiVersion": "client.authentication.k8s.io/v1" } })
    };
    for (script, why) in [
        (
            "echo first >&2; echo log in again >&2; exit 3",
            "the plugin `sh` of the user `u` ended with exit status: 3: log in again",
        ),
        ("echo '{\"status\": PLANTED'", "answered no ExecCredential"),
    ] {
        let error = refused(files.user(&told(script))).await;
        assert!(error.code() == "CLUSTER_LOGIN_FAILED" && error.to_string().contains(why), "{error}");
        assert!(!format!("{error:?}").contains("PLANTED"), "{error:?}");
    }
    let config = "{clusters: [{name: c, cluster: {server: 'https://a', proxy-url: 'http://ann:PLANTED@127.0.0.1:1'}}], \
                  contexts: [{name: x, context: {cluster: c}}], current-context: x}";
    let chosen = Found::at(vec![files.file("config", config)]).unwrap().choose(None).unwrap();
    let error = enter(chosen).await.unwrap().version().await.unwrap_err();
    assert!(error.to_string().contains("the proxy `127.0.0.1:1`, on the way to cluster `x`"), "{error}");
    assert!(!format!("{error:?}").contains("PLANTED"), "{error:?}");
    let config = config.replace("http://ann", "ftp://ann");
    let error = refused(Found::at(vec![files.file("config", config)]).unwrap()).await;
    assert!(
        error.to_string().contains("`proxy-url` names no proxy") && !format!("{error:?}").contains("PLANTED"),
        "{error:?}"
    );
}
