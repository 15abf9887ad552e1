use serde_json::{Value, json};

use super::*;

fn grants(documents: &Value) -> Grants {
    Grants(parse_all(documents.as_array().unwrap()).unwrap())
}

fn of_aws() -> Grants {
    grants(&json!([
        {"capability": "config", "sections": ["amazon_web_services"], "reason": "reads its own section"},
        {"capability": "cloud-http", "scheme": "aws-sigv4", "services": ["ec2"], "reads": ["ec2:Describe*"], "reason": "looks"},
        {"capability": "kinds", "kinds": {"aws.vpc": ["ec2:CreateVpc", "ec2:CreateTags"], "aws.role": ["iam:*"]}, "reason": "makes"},
    ]))
}

#[test]
fn a_read_is_of_the_cloud_and_a_change_is_of_its_kind() {
    let grants = of_aws();
    assert!(grants.allows_scheme("aws-sigv4") && !grants.allows_scheme("none"));
    assert!(grants.allows_service("aws-sigv4", "ec2") && !grants.allows_service("aws-sigv4", "iam"));
    assert!(grants.allows_read("aws-sigv4", "ec2", "ec2:DescribeVpcs"));
    assert!(!grants.allows_read("aws-sigv4", "ec2", "ec2:GetConsoleOutput"));
    assert!(!grants.allows_read("aws-sigv4", "iam", "iam:GetRole"));
    assert!(
        grants.allows_mutation("aws.vpc", "ec2:CreateVpc")
            && !grants.allows_mutation("aws.vpc", "ec2:CreateVpcEndpoint")
    );
    assert!(
        !grants.allows_mutation("aws.vpc", "iam:CreateRole") && grants.allows_mutation("aws.role", "iam:CreateRole")
    );
    assert!(!grants.allows_mutation("aws.subnet", "ec2:CreateVpc") && !grants.allows_kind("aws.subnet"));
    assert!(grants.allows_section("amazon_web_services") && !grants.allows_section("security"));
    let nothing = Grants::default();
    assert!(!nothing.allows_scheme("aws-sigv4") && !nothing.allows_section("amazon_web_services"));
}

#[test]
fn a_credential_goes_to_its_own_hosts_in_its_own_way() {
    let grants = grants(&json!([
        {"capability": "hosts", "hosts": ["api.example.com"], "scheme": "none", "reason": "asks"},
        {"capability": "hosts", "hosts": ["vault.example.com:8200"], "scheme": "header:X-Vault-Token", "credential": "vault",
         "reads": ["POST vault.example.com/v1/search"], "reason": "asks"},
        {"capability": "hosts", "hosts": ["pve.example.com"], "scheme": "bearer", "credential": "proxmox", "reason": "asks"},
    ]));
    assert!(grants.allows_origin("none", "", "https://api.example.com"));
    for origin in ["http://api.example.com", "https://api.example.com:8443", "https://vault.example.com:8200"] {
        assert!(!grants.allows_origin("none", "", origin), "{origin}");
    }
    let vault = "https://vault.example.com:8200";
    assert!(grants.allows_origin("header:X-Vault-Token", "vault", vault));
    for (scheme, credential) in
        [("bearer", "vault"), ("header:X-Vault-Token", "proxmox"), ("bearer", "proxmox"), ("none", "vault")]
    {
        assert!(!grants.allows_origin(scheme, credential, vault), "{scheme} {credential}");
    }
    assert!(grants.is_read("header:X-Vault-Token", "vault", "POST vault.example.com/v1/search"));
    assert!(!grants.is_read("none", "vault", "POST vault.example.com/v1/search"));
}

#[test]
fn a_private_address_is_the_users_to_open() {
    let opened = json!([{"capability": "hosts", "hosts": ["vault.internal", "http://127.0.0.1:8200"], "scheme": "none",
        "private": ["vault.internal", "elsewhere.internal"], "reason": "asks"}]);
    let refused = parse_all(opened.as_array().unwrap());
    assert_eq!(refused, Err(NotAGrant::Unknown("the member `private` of the grant `hosts`".to_owned())));
    let grants = Grants(parse_locked(opened.as_array().unwrap()).unwrap());
    assert!(grants.allows_private("none", "", "https://vault.internal"));
    for closed in ["http://127.0.0.1:8200", "https://elsewhere.internal", "http://vault.internal"] {
        assert!(!grants.allows_private("none", "", closed), "{closed}");
    }
}

#[test]
fn objects_are_of_the_cluster_or_of_a_namespace() {
    let grants = grants(&json!([
        {"capability": "kubernetes-objects", "kinds": ["v1/Namespace"], "reason": "makes"},
        {"capability": "kubernetes-objects", "kinds": ["v1/ConfigMap", "Deployment"], "namespaces": ["dev", "team-*"], "reason": "makes"},
        {"capability": "kubernetes", "verbs": ["get"], "kinds": ["Node", "apps/v1/Deployment"], "reason": "waits"},
        {"capability": "cluster", "locators": ["kubeconfig"], "contexts": ["kind-*"], "reason": "finds it"},
    ]));
    assert!(grants.allows_object("v1", "Namespace", None) && !grants.allows_object("v1", "Namespace", Some("dev")));
    assert!(
        grants.allows_object("v1", "ConfigMap", Some("dev"))
            && grants.allows_object("apps/v1", "Deployment", Some("team-a"))
    );
    assert!(
        !grants.allows_object("v1", "ConfigMap", None) && !grants.allows_object("v1", "ConfigMap", Some("kube-system"))
    );
    assert!(
        !grants.allows_object("v2", "ConfigMap", Some("dev"))
            && !grants.allows_object("rbac.authorization.k8s.io/v1", "ClusterRole", None)
    );
    assert!(grants.allows_cluster_read("get", "v1", "Node") && !grants.allows_cluster_read("list", "v1", "Node"));
    assert!(!grants.allows_cluster_read("get", "extensions/v1", "Deployment"));
    assert!(grants.allows_locator("kubeconfig") && !grants.allows_locator("eks"));
    assert!(grants.allows_context("kind-a") && !grants.allows_context("production"));
}

#[test]
fn what_may_be_a_restriction_is_never_passed_over() {
    let base = json!({"capability": "cloud-http", "scheme": "aws-sigv4", "services": ["ec2"], "reason": "looks"});
    let with = |name: &str, value: Value| {
        let mut document = base.clone();
        document[name] = value;
        parse_all(&[document]).map(|mut grants| grants.remove(0))
    };
    let plain = parse_all(std::slice::from_ref(&base)).unwrap().remove(0);
    assert_eq!(with("hint-colour", json!("red")), Ok(plain));
    assert_eq!(
        with("accounts", json!(["1"])),
        Err(NotAGrant::Unknown("the member `accounts` of the grant `cloud-http`".to_owned()))
    );
    assert_eq!(with("capability", json!("telnet")), Err(NotAGrant::Unknown("the capability `telnet`".to_owned())));
    for (name, value) in [
        ("services", json!("ec2")),
        ("services", json!([""])),
        ("services", json!(["é"])),
        ("services", json!(vec!["a"; 513])),
        ("reason", json!(" ")),
        ("reason", json!("two\nlines")),
        ("capability", json!(7)),
    ] {
        assert!(matches!(with(name, value.clone()), Err(NotAGrant::Wrong(_))), "{name}: {value}");
    }
    for (scheme, credential) in
        [("none", json!("a")), ("bearer", json!(null)), ("header:", json!("a")), ("digest", json!("a"))]
    {
        let document = json!({"capability": "hosts", "hosts": ["a"], "scheme": scheme, "credential": credential, "reason": "asks"});
        assert!(matches!(parse_all(&[document]), Err(NotAGrant::Wrong(_))), "{scheme}");
    }
    for host in [
        "api.github.com:443@evil.example",
        "https://evil.example\\.github.com",
        "evil.example/ api.github.com",
        "HTTPS://a.b",
        "ftp://a.b",
    ] {
        let document = json!({"capability": "hosts", "hosts": [host], "scheme": "none", "reason": "asks"});
        assert!(matches!(parse_all(&[document]), Err(NotAGrant::Wrong(_))), "{host}");
    }
    for (scheme, credential) in
        [("bearer", "api\u{1b}[2J"), ("bearer", ""), ("header:Host", "a"), ("header:content-length", "a")]
    {
        let document = json!({"capability": "hosts", "hosts": ["a.b"], "scheme": scheme, "credential": credential, "reason": "asks"});
        assert!(matches!(parse_all(&[document]), Err(NotAGrant::Wrong(_))), "{scheme} {credential:?}");
    }
    for (pattern, readable) in [
        ("*", true),
        ("iam:*", true),
        ("POST a.b/*", true),
        ("GET", true),
        ("iam*", false),
        ("i*", false),
        ("PO*", false),
    ] {
        let document = json!({"capability": "kinds", "kinds": {"x.a": [pattern]}, "reason": "makes"});
        assert_eq!(parse_all(&[document]).is_ok(), readable, "{pattern}");
    }
    let hidden = json!({"capability": "cloud-http", "scheme": "aws-sigv4\u{1b}[8m", "services": [], "reason": "looks"});
    assert!(matches!(parse_all(&[hidden]), Err(NotAGrant::Wrong(_))));
    assert!(parse_all(&vec![base; 33]).is_err());
}

#[test]
fn a_rule_for_a_host_that_is_not_listed_is_found() {
    let with = |rule: &str| {
        let grants = json!([
            {"capability": "hosts", "hosts": ["api.example.com", "http://127.0.0.1:8099"], "scheme": "none", "reason": "test"},
            {"capability": "kinds", "kinds": {"x.thing": [rule]}, "reason": "test"},
        ]);
        Grants(parse_all(grants.as_array().unwrap()).unwrap()).idle_rule().map(str::to_owned)
    };
    for rule in ["POST api.example.com/*", "PUT http://127.0.0.1:8099/*", "*", "POST *", "ec2:*"] {
        assert_eq!(with(rule), None, "{rule}");
    }
    for rule in [
        "POST https://api.example.com/v1/things",
        "POST 127.0.0.1:8099/*",
        "POST http://api.example.com/*",
        "POST other.example/*",
    ] {
        assert_eq!(with(rule).as_deref(), Some(rule));
    }
}
