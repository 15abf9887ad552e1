//! The gate as a guest meets it: what gets through, to whom, and what comes back.

mod any_cloud;
mod order;
mod proxied;
mod rebinding;
mod room;

use std::sync::Mutex;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use nic_core::error::Retry;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::aws::{CredentialSource, EndpointOverrides, SigV4};
use super::*;
use crate::grant::{parse_all, parse_locked};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjE/session+token==";

fn request(service: &str, service_id: &str, url: &str) -> CloudRequest {
    CloudRequest {
        credential: "default".to_owned(),
        scheme: "aws-sigv4".to_owned(),
        scheme_parameters: json!({"service": service, "region": "us-west-2"}),
        service_id: service_id.to_owned(),
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

fn ec2(form: &str) -> CloudRequest {
    CloudRequest {
        method: "POST".to_owned(),
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: form.as_bytes().to_vec(),
        ..request("ec2", "EC2", "https://ec2.us-west-2.amazonaws.com/")
    }
}

const DESCRIBE: &str = "Action=DescribeVpcs&Version=2016-11-15";

fn grants() -> Grants {
    let documents = json!([
        {"capability": "cloud-http", "scheme": "aws-sigv4", "reason": "test",
         "services": ["ec2", "eks", "iam", "sts", "ssm", "elasticloadbalancing"]},
        {"capability": "hosts", "hosts": ["api.example.com", "http://169.254.169.254"], "scheme": "none", "reason": "test"},
        {"capability": "kinds", "kinds": {"x.any": ["*"], "x.vpc": ["ec2:CreateVpc", "ec2:DeleteVpc"]}, "reason": "test"},
    ]);
    Grants(parse_all(documents.as_array().unwrap()).unwrap())
}

/// A change is of a kind that may do everything.
fn bounds(grants: Grants, phase: Phase) -> Bounds {
    let kind = (phase == Phase::Change).then(|| "x.any".into());
    Bounds { grants: Arc::new(grants), phase, kind, region: Some("us-west-2".into()), identities: true }
}

fn reading() -> Bounds {
    bounds(grants(), Phase::Read)
}

fn admit_within(bounds: &Bounds, request: CloudRequest) -> Result<CloudBound, Refusal> {
    admission::to_cloud(&SigV4::default(), admission::Caller::Guest(bounds), request)
}

fn admit(phase: Phase, request: CloudRequest) -> Result<CloudBound, Refusal> {
    admit_within(&bounds(grants(), phase), request)
}

fn refusal(phase: Phase, request: CloudRequest) -> String {
    told(&admit(phase, request).err().expect("it was let through"))
}

fn told(refusal: &Refusal) -> String {
    format!("{refusal} [{}]", refusal.code())
}

#[test]
fn reads_pass_while_planning_and_mutations_while_changing() {
    let describe = admit(Phase::Read, ec2(DESCRIBE)).unwrap();
    assert_eq!(describe.action.name, "DescribeVpcs");
    assert_eq!(describe.destination.host, "ec2.us-west-2.amazonaws.com");
    let create = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16";
    assert!(admit(Phase::Change, ec2(create)).is_ok());
    let refused = refusal(Phase::Read, ec2(create));
    assert!(refused.starts_with("ec2:CreateVpc is a mutation; only reads are allowed while planning"), "{refused}");
    assert!(refusal(Phase::Pure, ec2(DESCRIBE)).contains("NO_REQUEST_IN_THIS_PHASE"));
}

#[test]
fn secrets_are_refused_in_every_phase() {
    let password = || ec2("Action=GetPasswordData&Version=2016-11-15&InstanceId=i-1");
    for phase in [Phase::Read, Phase::Change] {
        assert!(refusal(phase, password()).contains("ec2:GetPasswordData answers a secret"));
    }
}

#[test]
fn the_request_goes_to_the_one_host_of_service_and_region() {
    for url in [
        "https://evil.s3.us-west-2.amazonaws.com/",
        "https://ec2.us-east-1.amazonaws.com/",
        "https://eks.us-west-2.amazonaws.com/",
        "https://ec2.us-west-2.amazonaws.com.evil.com/",
        "https://ec2.us-west-2.amazonaws.com:8443/",
        "http://ec2.us-west-2.amazonaws.com/",
        "https://ec2.us-west-2.amazonaws.com./",
        "https://169.254.169.254/",
    ] {
        let refused = refusal(Phase::Read, CloudRequest { url: url.to_owned(), ..ec2(DESCRIBE) });
        assert!(refused.contains("HOST_NOT_ALLOWED"), "{url}: {refused}");
    }
    for url in [
        "https://user@ec2.us-west-2.amazonaws.com/",
        "https://:password@ec2.us-west-2.amazonaws.com/",
        "https://ec2.us-west-2.amazonaws.com@evil.com/",
        "https://ec2.us-west-2.amazonaws.com/#x",
        "https://ec2.us-west-2.amazonaws.com\\@evil.com/",
        "https://ec2.us-west-2.amazonaws.com/ x",
        "https://ec2.us-west-2.amazonaws.com/a/../b",
        "https://ec2.us-west-2.amazonaws.com/%2e%2e/b",
        "https://ec2.us-west-2.amazonaws.com/%252e%252e/b",
        "https://ec2.us-west-2.amazonaws.com/a%2f..%2fb",
        "https://ec2.us-west-2.amazonaws.com/?X-Amz-Signature=1",
        "not a url",
    ] {
        let refused = refusal(Phase::Read, CloudRequest { url: url.to_owned(), ..ec2(DESCRIBE) });
        assert!(refused.contains("REQUEST_MALFORMED"), "{url}: {refused}");
    }
    let region = json!({"service": "ec2", "region": "us-west-2.evil.com"});
    assert!(
        refusal(Phase::Read, CloudRequest { scheme_parameters: region, ..ec2(DESCRIBE) }).contains("REGION_INVALID")
    );
}

#[test]
fn a_form_says_one_thing_once() {
    for form in [
        "Action=DescribeVpcs&Version=2016-11-15&Action=CreateVpc",
        "Action=DescribeVpcs&action=CreateVpc&Version=2016-11-15",
        "Action=DescribeVpcs&Version=2016-11-15&version=2014-01-01",
        "Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=a&Filter.1.Name=b",
        "Action=DescribeVpcs;Action=CreateVpc&Version=2016-11-15",
        "Action=DescribeVpcs&Version=2016-11-15&Operation=CreateVpc",
        "Action=DescribeVpcs&Version=2016-11-15&X-Amz-Target=x",
        "Version=2016-11-15",
        "Action=&Version=2016-11-15",
        "Action=DescribeVpcs",
        "",
    ] {
        let refused = refusal(Phase::Change, ec2(form));
        assert!(refused.contains("REQUEST_MALFORMED"), "{form}: {refused}");
    }
    let mut in_both = ec2(DESCRIBE);
    in_both.url.push_str("?Action=CreateVpc");
    assert!(refusal(Phase::Change, in_both).contains("REQUEST_MALFORMED"));
    let mut json = ec2(DESCRIBE);
    json.headers[0].1 = "application/json".to_owned();
    assert!(refusal(Phase::Change, json).contains("content type"));
    assert!(refusal(Phase::Change, ec2("Action=MakeCoffee&Version=2016-11-15")).contains("ACTION_NOT_IN_CATALOGUE"));
}

#[test]
fn a_form_of_a_million_pairs_is_refused_before_it_is_taken_apart() {
    let form = format!("{DESCRIBE}{}", "&a".repeat(1_000_000));
    assert!(refusal(Phase::Read, ec2(&form)).contains("more than 10000 parameters"));
}

#[test]
fn a_request_takes_what_its_parts_take() {
    let slashes = CloudRequest {
        scheme: "none".to_owned(),
        ..request("", "", &format!("https://api.example.com{}", "/".repeat(8_000)))
    };
    let small = Gate::new(GateOptions::default()).admit(&reading(), ec2(DESCRIBE)).unwrap().bytes();
    assert!((DESCRIBE.len()..1_000).contains(&small), "{small}");
    let many = Gate::new(GateOptions::default()).admit(&reading(), slashes).unwrap().bytes();
    assert!(many > 8_000 * size_of::<String>(), "{many}");
}

#[test]
fn forms_are_written_anew() {
    let admitted = admit(Phase::Read, ec2("Version=2016-11-15&Action=%44escribeVpcs&Filter.1.Name=tag%3Aa+b")).unwrap();
    assert_eq!(&admitted.parsed.body[..], b"Version=2016-11-15&Action=DescribeVpcs&Filter.1.Name=tag%3Aa%20b");
    let mut get =
        request("eks", "EKS", "https://eks.us-west-2.amazonaws.com/tags/arn%3aaws:eks:us-west-2:1:cluster%2Fa?x=a+b");
    get.headers.push(("User-Agent".to_owned(), "guest".to_owned()));
    let parsed = admit(Phase::Read, get).unwrap().parsed;
    assert_eq!(parsed.path_and_query("/base/"), "/base/tags/arn%3Aaws%3Aeks%3Aus-west-2%3A1%3Acluster%2Fa?x=a%20b");
    assert!(parsed.headers.is_empty());
}

#[test]
fn headers_of_the_host_are_refused_and_unknown_ones_too() {
    for (name, value) in [
        ("Host", "evil.com"),
        ("authorization", "AWS4-HMAC-SHA256 x"),
        ("X-Amz-Date", "20260101T000000Z"),
        ("x-amz-security-token", "t"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("x-http-method-override", "DELETE"),
        ("x-amz-target", "AmazonSSM.PutParameter"),
        ("content-length", "3"),
        ("accept-encoding", "gzip"),
        ("bad name", "x"),
        ("accept", "a\r\nhost: evil"),
    ] {
        let mut request = ec2(DESCRIBE);
        request.headers.push((name.to_owned(), value.to_owned()));
        let refused = refusal(Phase::Change, request);
        assert!(refused.contains("REQUEST_MALFORMED"), "{name}: {refused}");
    }
    let mut doubled = ec2(DESCRIBE);
    doubled.headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    assert!(refusal(Phase::Change, doubled).contains("doubled"));
}

#[test]
fn grants_are_looked_at_before_anything_else() {
    let none = |request| admit_within(&bounds(Grants::default(), Phase::Change), request);
    assert!(told(&none(ec2(DESCRIBE)).err().unwrap()).contains("SERVICE_NOT_GRANTED"));
    let kms =
        CloudRequest { method: "POST".to_owned(), ..request("kms", "KMS", "https://kms.us-west-2.amazonaws.com/") };
    assert!(refusal(Phase::Change, kms).contains("SERVICE_NOT_GRANTED"));
    let other = CloudRequest { credential: "root".to_owned(), ..ec2(DESCRIBE) };
    assert_eq!(refusal(Phase::Read, other), "no credential named `root` [CREDENTIAL_UNKNOWN]");
    let wrong_id = CloudRequest { service_id: "EKS".to_owned(), ..ec2(DESCRIBE) };
    assert!(refusal(Phase::Read, wrong_id).contains("SERVICE_NOT_IN_CATALOGUE"));
}

/// A server that answers every request alike and keeps what it was sent.
async fn server(status: &'static str, body: &'static str) -> (Url, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = Vec::new();
            let mut chunk = [0; 4096];
            loop {
                let read = stream.read(&mut chunk).await.unwrap_or(0);
                text.extend_from_slice(&chunk[..read]);
                let whole = String::from_utf8_lossy(&text).into_owned();
                let length = whole
                    .to_lowercase()
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next().and_then(|line| line.trim().parse::<usize>().ok()));
                let begun = whole.find("\r\n\r\n").map(|at| text.len() - at - 4);
                if read == 0 || begun.is_some_and(|got| got >= length.unwrap_or(0)) {
                    kept.lock().unwrap().push(whole);
                    break;
                }
            }
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nset-cookie: a=b\r\nlocation: http://evil.example\r\nx-kept: yes\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, seen)
}

async fn sent(gate: &Gate, bounds: &Bounds, request: CloudRequest) -> Result<CloudResponse, ProviderError> {
    gate.send(bounds, gate.admit(bounds, request)?, &mut gate.room(1 << 20).begin()).await
}

fn gate_with(endpoint: &Url, credentials: SharedCredentialsProvider) -> Gate {
    let endpoints = EndpointOverrides::from_variables([("AWS_ENDPOINT_URL".to_owned(), endpoint.to_string())]).unwrap();
    Gate::new(GateOptions {
        schemes: vec![Arc::new(SigV4::new(CredentialSource::Given(credentials), endpoints))],
        timeout: Duration::from_secs(5),
        ..GateOptions::default()
    })
}

fn gate(endpoint: &Url) -> Gate {
    let credentials = Credentials::new("AKIDEXAMPLE", SECRET, Some(TOKEN.to_owned()), None, "test");
    gate_with(endpoint, SharedCredentialsProvider::new(credentials))
}

#[tokio::test]
async fn a_request_is_signed_sent_to_the_override_and_its_answer_stripped() {
    let (url, seen) = server("302 Found", "<ok/>").await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = heard.clone();
    let mut gate = gate(&url);
    Arc::get_mut(&mut gate.0).unwrap().options.observer = Some(Observer::new(move |sent| {
        ear.lock().unwrap().push(format!("{}:{} {:?} {:?}", sent.service, sent.action, sent.class, sent.status));
    }));
    let response = sent(&gate, &reading(), ec2(DESCRIBE)).await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (302, &b"<ok/>"[..]));
    let names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-length", "location", "x-kept"]);
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 1, "the redirect was not followed");
    let text = seen[0].to_lowercase();
    assert!(text.starts_with("post / http/1.1") && text.ends_with(&DESCRIBE.to_lowercase()));
    assert!(text.contains("authorization: aws4-hmac-sha256 credential=akidexample/"), "{text}");
    assert!(text.contains("/us-west-2/ec2/aws4_request"), "{text}");
    assert!(text.contains("x-amz-security-token: ") && text.contains("user-agent: nic/"), "{text}");
    assert_eq!(*heard.lock().unwrap(), ["ec2:DescribeVpcs Read Some(302)"]);
}

#[tokio::test]
async fn a_wrong_signature_is_told_in_one_sentence() {
    let body = format!(
        "<Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match the signature you \
         provided. The Canonical String should have been x-amz-security-token:{TOKEN}</Message>"
    );
    let (url, _) = server("403 Forbidden", body.leak()).await;
    let error = sent(&gate(&url), &reading(), ec2(DESCRIBE)).await.unwrap_err();
    assert_eq!(error.code(), "DENIED");
    assert_eq!(error.cause(), "login refused");
    assert!(error.to_string().len() < 150 && !error.to_string().contains(TOKEN), "{error}");
}

#[tokio::test]
async fn an_answer_that_repeats_a_credential_is_withheld() {
    for body in
        [SECRET, TOKEN, "IQoJb3JpZ2luX2VjE%2Fsession%2Btoken%3D%3D", "{\"t\":\"IQoJb3JpZ2luX2VjE\\/session+token==\"}"]
    {
        let (url, _) = server("403 Forbidden", body).await;
        let error = sent(&gate(&url), &reading(), ec2(DESCRIBE)).await.unwrap_err();
        assert_eq!(error.code(), "RESPONSE_HOLDS_SECRET", "{body}");
        assert!(!format!("{error:?}").contains(body));
    }
}

#[tokio::test]
async fn expired_credentials_are_tried_once_more_and_then_told() {
    let (url, seen) = server("400 Bad Request", "<Error><Code>RequestExpired</Code></Error>").await;
    let error = sent(&gate(&url), &reading(), ec2(DESCRIBE)).await.unwrap_err();
    assert_eq!(error.code(), "CREDENTIALS_EXPIRED");
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_gets_no_answer_says_whether_it_may_have_arrived() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let hangs_up = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 64]).await;
    });
    let lost = sent(&gate(&url), &reading(), ec2(DESCRIBE)).await.unwrap_err();
    assert!(matches!(lost, ProviderError::TimedOut(_)), "{lost:?}");
    hangs_up.await.unwrap();
    let refused = sent(&gate(&url), &reading(), ec2(DESCRIBE)).await.unwrap_err();
    assert!(matches!(&refused, ProviderError::Remote { code, .. } if code == "CLOUD_UNREACHABLE"), "{refused:?}");
}

#[tokio::test]
async fn only_granted_hosts_are_spoken_to_without_a_signature() {
    let (url, seen) = server("200 OK", "{}").await;
    let here = format!("{url}a");
    let directory = tempfile::tempdir().unwrap();
    let hosts = |scheme: &str, credential: &Value, host: &str| {
        let mut grant = json!({"capability": "hosts", "hosts": [host], "scheme": scheme, "credential": credential,
            "private": [host], "reason": "test"});
        if let Some(name) = credential.as_str() {
            let path = directory.path().join(name);
            std::fs::write(&path, format!("{name}:s3cr3t\n")).unwrap();
            grant["from"] = format!("file:{}", path.display()).into();
        }
        grant
    };
    let documents = [
        hosts("none", &Value::Null, url.as_str().trim_end_matches('/')),
        hosts("bearer", &json!("k3s"), url.as_str().trim_end_matches('/')),
        hosts("basic", &json!("pve"), url.as_str().trim_end_matches('/')),
        hosts("header:x-vault-token", &json!("vault"), url.as_str().trim_end_matches('/')),
        hosts("bearer", &json!("elsewhere"), "other.example.com"),
        json!({"capability": "kinds", "kinds": {"x.thing": [format!("POST {here}")]}, "reason": "test"}),
    ];
    let grants = Grants(parse_locked(&documents).unwrap());
    let gate = Gate::new(GateOptions::default());
    let plain = |scheme: &str, credential: &str, method: &str, url: &str| CloudRequest {
        scheme: scheme.to_owned(),
        credential: credential.to_owned(),
        method: method.to_owned(),
        ..request("", "", url)
    };
    let reading = bounds(grants.clone(), Phase::Read);
    for (scheme, credential, header) in [
        ("none", "", ""),
        ("bearer", "k3s", "authorization: Bearer k3s:s3cr3t"),
        ("basic", "pve", "authorization: Basic cHZlOnMzY3IzdA=="),
        ("header:x-vault-token", "vault", "x-vault-token: vault:s3cr3t"),
    ] {
        assert!(sent(&gate, &reading, plain(scheme, credential, "GET", &here)).await.is_ok());
        assert!(seen.lock().unwrap().last().unwrap().contains(header), "{seen:?}");
    }
    let denied = async |request| sent(&gate, &reading, request).await.unwrap_err().to_string();
    assert!(denied(plain("none", "", "POST", &here)).await.contains("ACTION_IS_A_MUTATION"));
    assert!(denied(plain("none", "", "GET", "https://example.com/")).await.contains("HOST_NOT_ALLOWED"));
    // Where the user moved it to is looked at each time.
    std::fs::remove_file(directory.path().join("k3s")).unwrap();
    assert!(denied(plain("bearer", "k3s", "GET", &here)).await.contains("the credential `k3s` is not there"));
    // One host's credential goes to no other, and goes in no other way.
    for (scheme, credential) in [
        ("bearer", "elsewhere"),
        ("bearer", "other"),
        ("bearer", "pve"),
        ("basic", "k3s"),
        ("header:x-vault-token", "k3s"),
    ] {
        let refused = denied(plain(scheme, credential, "GET", &here)).await;
        assert!(refused.contains("HOST_NOT_ALLOWED"), "{scheme} {credential}: {refused}");
    }
    assert_eq!(seen.lock().unwrap().len(), 4);
    // A change is one of its kind's own.
    let changing = |kind: &str| Bounds { kind: Some(kind.into()), ..bounds(grants.clone(), Phase::Change) };
    assert!(sent(&gate, &changing("x.thing"), plain("none", "", "POST", &here)).await.is_ok());
    for (kind, method, path) in [("x.other", "POST", "a"), ("x.thing", "DELETE", "a"), ("x.thing", "POST", "ab")] {
        let refused =
            sent(&gate, &changing(kind), plain("none", "", method, &format!("{url}{path}"))).await.unwrap_err();
        assert!(refused.to_string().contains(&format!("is not granted for a change of `{kind}`")), "{refused}");
    }
}

#[test]
fn a_change_asks_for_what_is_of_its_kind_and_in_its_region() {
    let changing = |kind: &str, request: CloudRequest| {
        let bounds = Bounds { kind: Some(kind.into()), ..bounds(grants(), Phase::Change) };
        admit_within(&bounds, request).map(drop).map_err(|refusal| told(&refusal))
    };
    let create = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16";
    assert_eq!(changing("x.vpc", ec2(create)), Ok(()));
    assert_eq!(changing("x.vpc", ec2(DESCRIBE)), Ok(()));
    let role = CloudRequest {
        body: b"Action=CreateRole&Version=2010-05-08&RoleName=admin".to_vec(),
        service_id: "IAM".to_owned(),
        url: "https://iam.amazonaws.com/".to_owned(),
        scheme_parameters: json!({"service": "iam", "region": "us-east-1"}),
        ..ec2("")
    };
    assert_eq!(
        changing("x.vpc", role.clone()).unwrap_err(),
        "iam:CreateRole is not granted for a change of `x.vpc` [ACTION_NOT_GRANTED]"
    );
    // Granted is not agreed to: a component of somebody else's makes no identities in a run that was not asked about them.
    let unasked = Bounds { identities: false, ..bounds(grants(), Phase::Change) };
    let refused = |request| admit_within(&unasked, request).map(drop).map_err(|no| told(&no));
    let words = "iam:CreateRole says who may do what, and this run was not asked about it [IDENTITIES_NOT_AGREED]";
    assert_eq!(refused(role.clone()), Err(words.to_owned()));
    assert_eq!(refused(ec2(create)), Ok(()));
    // What the partition has once is in no region of its own.
    assert_eq!(changing("x.any", role), Ok(()));
    for (region, host) in
        [("eu-central-1", "ec2.eu-central-1.amazonaws.com"), ("cn-north-1", "ec2.cn-north-1.amazonaws.com.cn")]
    {
        let elsewhere = CloudRequest {
            url: format!("https://{host}/"),
            scheme_parameters: json!({"service": "ec2", "region": region}),
            ..ec2(create)
        };
        let refused = changing("x.vpc", elsewhere).unwrap_err();
        assert!(refused.contains(region) && refused.ends_with("[REGION_NOT_GRANTED]"), "{refused}");
    }
    let home = CloudRequest {
        url: "https://ec2.us-east-1.amazonaws.com/".to_owned(),
        scheme_parameters: json!({"service": "ec2", "region": "us-east-1"}),
        ..ec2(DESCRIBE)
    };
    assert_eq!(changing("x.vpc", home.clone()), Ok(()), "it says which regions are enabled");
    let made = CloudRequest { body: create.as_bytes().to_vec(), ..home };
    assert!(changing("x.vpc", made).unwrap_err().contains("REGION_NOT_GRANTED"));
    let china = CloudRequest {
        body: b"Action=GetRole&Version=2010-05-08&RoleName=admin".to_vec(),
        service_id: "IAM".to_owned(),
        url: "https://iam.cn-north-1.amazonaws.com.cn/".to_owned(),
        scheme_parameters: json!({"service": "iam", "region": "cn-north-1"}),
        ..ec2("")
    };
    assert!(changing("x.any", china).unwrap_err().contains("REGION_NOT_GRANTED"));
}

/// A gate that is asked for what is at this origin with this credential, which a file holds.
async fn logged_in(scheme: &str, credential: &str, body: &'static str) -> Result<CloudResponse, ProviderError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("credential");
    std::fs::write(&path, credential).unwrap();
    let (url, _) = server("200 OK", body).await;
    let origin = url.as_str().trim_end_matches('/');
    let grant = json!({"capability": "hosts", "hosts": [origin], "scheme": scheme, "credential": "c", "private": [origin],
        "from": format!("file:{}", path.display()), "reason": "test"});
    let bounds = bounds(Grants(parse_locked(&[grant]).unwrap()), Phase::Read);
    let request =
        CloudRequest { scheme: scheme.to_owned(), credential: "c".to_owned(), ..request("", "", url.as_str()) };
    sent(&Gate::new(GateOptions::default()), &bounds, request).await
}

#[tokio::test]
async fn a_credential_for_a_host_comes_back_in_no_form() {
    let long = "me:pa\"ss/word";
    for (scheme, credential, body) in [
        ("basic", long, "{\"authorization\": \"Basic bWU6cGEic3Mvd29yZA==\"}"),
        ("basic", long, "the password is pa\"ss/word"),
        ("bearer", long, "{\"token\": \"me:pa\\\"ss/word\"}"),
        ("header:x-token", long, "me:pa\"ss/word"),
        ("basic", "admin:admin", "Basic YWRtaW46YWRtaW4="),
        ("basic", "admin:admin", "log in as admin:admin"),
        ("bearer", "abc", "authorization: Bearer abc"),
    ] {
        let refused = logged_in(scheme, credential, body).await.unwrap_err();
        assert_eq!(refused.code(), "RESPONSE_HOLDS_SECRET", "{scheme} {body}");
    }
}

#[tokio::test]
async fn a_password_that_is_a_word_of_every_answer_withholds_none() {
    assert!(logged_in("basic", "admin:admin", "{\"name\": \"one\", \"owner\": \"admin\"}").await.is_ok());
}

#[tokio::test]
async fn a_manifest_opens_no_address_that_is_the_users() {
    let (url, seen) = server("200 OK", "{}").await;
    let port = url.port().unwrap();
    let named = |host: &str| json!({"capability": "hosts", "hosts": [host], "scheme": "none", "reason": "test"});
    let gate = Gate::new(GateOptions::default());
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "localhost.",
        "a.localhost",
        "10.0.0.1",
        "100.64.0.1",
        "192.168.1.1",
    ] {
        let origin = Url::parse(&format!("http://{host}:{port}")).unwrap().origin().ascii_serialization();
        let url = format!("{origin}/");
        let wanted = bounds(Grants(parse_all(&[named(&origin)]).unwrap()), Phase::Read);
        let request = CloudRequest { scheme: "none".to_owned(), ..request("", "", &url) };
        let refused = sent(&gate, &wanted, request).await.unwrap_err().to_string();
        assert!(
            refused.contains("only you can open that") && refused.ends_with("[HOST_NOT_ALLOWED]"),
            "{host}: {refused}"
        );
    }
    for host in ["metadata.google.internal", "168.63.129.16", "100.100.100.200"] {
        let (origin, url) = (format!("http://{host}"), format!("http://{host}/"));
        let mut opened = named(&origin);
        opened["private"] = json!([origin]);
        let opened = bounds(Grants(parse_locked(&[opened]).unwrap()), Phase::Read);
        let request = CloudRequest { scheme: "none".to_owned(), ..request("", "", &url) };
        let refused = sent(&gate, &opened, request).await.unwrap_err().to_string();
        assert!(refused.contains("a metadata service"), "{host}: {refused}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn metadata_and_schemes_that_are_not_granted_are_denied() {
    let gate = Gate::new(GateOptions::default());
    let metadata =
        CloudRequest { scheme: "none".to_owned(), ..request("", "", "http://169.254.169.254/latest/meta-data/") };
    let denied = sent(&gate, &reading(), metadata).await.unwrap_err().to_string();
    assert!(denied.contains("metadata"), "{denied}");
    let azure = CloudRequest { scheme: "azure".to_owned(), ..request("", "", "https://management.azure.com/") };
    assert!(sent(&gate, &reading(), azure).await.unwrap_err().to_string().contains("SCHEME_NOT_GRANTED"));
}

/// Finds nothing, or what ended long ago.
#[derive(Debug)]
struct Poor(Option<Credentials>);

impl aws_credential_types::provider::ProvideCredentials for Poor {
    fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        use aws_credential_types::provider::error::CredentialsError;
        let found = self.0.clone().ok_or_else(CredentialsError::not_loaded_no_source);
        aws_credential_types::provider::future::ProvideCredentials::ready(found)
    }
}

#[tokio::test]
async fn missing_and_ended_credentials_have_codes() {
    let (url, seen) = server("200 OK", "").await;
    let ended = Credentials::new("AKIDEXAMPLE", SECRET, None, Some(SystemTime::UNIX_EPOCH), "test");
    for (found, code) in [(None, "CREDENTIALS_MISSING"), (Some(ended), "CREDENTIALS_EXPIRED")] {
        let gate = gate_with(&url, SharedCredentialsProvider::new(Poor(found)));
        let error = sent(&gate, &reading(), ec2(DESCRIBE)).await.unwrap_err();
        assert_eq!(error.code(), code);
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn nothing_prints_a_credential() {
    let gate = gate(&Url::parse("http://127.0.0.1:1").unwrap());
    let options = gate.0.options.clone();
    let mut loud = ec2("Action=RunInstances&UserData=c2VjcmV0");
    loud.headers.push(("x".to_owned(), "hunter2".to_owned()));
    let response = CloudResponse { status: 200, headers: vec![], body: b"hunter2".to_vec() };
    let printed = format!("{gate:?} {options:?} {loud:?} {response:?} {:?}", SecretString::new("hunter2"));
    for secret in [SECRET, TOKEN, "hunter2", "c2VjcmV0", "104, 117"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
