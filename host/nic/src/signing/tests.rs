//! The gate as a guest meets it: what gets through, to whom, and what comes back.

use std::sync::Mutex;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

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

fn grant() -> Grant {
    serde_json::from_value(json!({
        "schemes": ["aws-sigv4", "none", "bearer", "google"],
        "services": ["ec2", "eks", "iam", "sts", "ssm", "elasticloadbalancing"],
        "hosts": ["api.example.com", "http://169.254.169.254"],
    }))
    .unwrap()
}

fn admit(phase: Phase, request: CloudRequest) -> Result<AwsRequest, Refusal> {
    admission::admit_aws(Caller::Guest { grant: &grant(), phase }, request)
}

fn refusal(phase: Phase, request: CloudRequest) -> String {
    admit(phase, request).err().expect("it was let through").to_string()
}

#[test]
fn reads_pass_while_planning_and_mutations_while_changing() {
    let describe = admit(Phase::Read, ec2(DESCRIBE)).unwrap();
    assert_eq!(describe.action.name, "DescribeVpcs");
    assert_eq!(describe.binding.host, "ec2.us-west-2.amazonaws.com");
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
fn forms_are_written_anew() {
    let admitted = admit(Phase::Read, ec2("Version=2016-11-15&Action=%44escribeVpcs&Filter.1.Name=tag%3Aa+b")).unwrap();
    assert_eq!(admitted.parsed.body, b"Version=2016-11-15&Action=DescribeVpcs&Filter.1.Name=tag%3Aa%20b");
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
    let none = |request| admission::admit_aws(Caller::Guest { grant: &Grant::none(), phase: Phase::Change }, request);
    assert!(none(ec2(DESCRIBE)).err().unwrap().to_string().contains("SERVICE_NOT_GRANTED"));
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

fn gate(endpoint: &Url) -> Gate {
    let credentials = Credentials::new("AKIDEXAMPLE", SECRET, Some(TOKEN.to_owned()), None, "test");
    Gate::new(GateOptions {
        credentials: CredentialSource::Given(SharedCredentialsProvider::new(credentials)),
        endpoints: EndpointOverrides::from_variables([("AWS_ENDPOINT_URL".to_owned(), endpoint.to_string())]).unwrap(),
        timeout: Duration::from_secs(5),
        ..GateOptions::default()
    })
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
    let response = gate.send(&grant(), Phase::Read, ec2(DESCRIBE)).await.unwrap();
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
    let error = gate(&url).send(&grant(), Phase::Read, ec2(DESCRIBE)).await.unwrap_err();
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
        let error = gate(&url).send(&grant(), Phase::Read, ec2(DESCRIBE)).await.unwrap_err();
        assert_eq!(error.code(), "RESPONSE_HOLDS_SECRET", "{body}");
        assert!(!format!("{error:?}").contains(body));
    }
}

#[tokio::test]
async fn expired_credentials_are_tried_once_more_and_then_told() {
    let (url, seen) = server("400 Bad Request", "<Error><Code>RequestExpired</Code></Error>").await;
    let error = gate(&url).send(&grant(), Phase::Read, ec2(DESCRIBE)).await.unwrap_err();
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
    let lost = gate(&url).send(&grant(), Phase::Read, ec2(DESCRIBE)).await.unwrap_err();
    assert!(matches!(lost, ProviderError::TimedOut(_)), "{lost:?}");
    hangs_up.await.unwrap();
    let refused = gate(&url).send(&grant(), Phase::Read, ec2(DESCRIBE)).await.unwrap_err();
    assert!(matches!(&refused, ProviderError::Remote { code, .. } if code == "CLOUD_UNREACHABLE"), "{refused:?}");
}

#[tokio::test]
async fn only_granted_hosts_are_spoken_to_without_a_signature() {
    let (url, seen) = server("200 OK", "{}").await;
    let grant: Grant = serde_json::from_value(json!({"schemes": ["none", "bearer"], "hosts": [url.as_str()]})).unwrap();
    let gate = Gate::new(GateOptions {
        bearer: [("k3s".to_owned(), SecretString::new("s3cr3t"))].into(),
        ..GateOptions::default()
    });
    let plain = |scheme: &str, credential: &str, method: &str, url: &str| CloudRequest {
        scheme: scheme.to_owned(),
        credential: credential.to_owned(),
        method: method.to_owned(),
        ..request("", "", url)
    };
    let here = format!("{url}a");
    assert!(gate.send(&grant, Phase::Read, plain("none", "", "GET", &here)).await.is_ok());
    assert!(gate.send(&grant, Phase::Read, plain("bearer", "k3s", "GET", &here)).await.is_ok());
    assert!(seen.lock().unwrap()[1].contains("authorization: Bearer s3cr3t"));
    let denied = async |request| gate.send(&grant, Phase::Read, request).await.unwrap_err().to_string();
    assert!(denied(plain("none", "", "POST", &here)).await.contains("ACTION_IS_A_MUTATION"));
    assert!(denied(plain("none", "", "GET", "https://example.com/")).await.contains("HOST_NOT_ALLOWED"));
    assert!(denied(plain("bearer", "other", "GET", &here)).await.contains("no credential named `other`"));
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn metadata_and_schemes_that_are_not_built_are_denied() {
    let gate = Gate::new(GateOptions::default());
    let metadata =
        CloudRequest { scheme: "none".to_owned(), ..request("", "", "http://169.254.169.254/latest/meta-data/") };
    let denied = gate.send(&grant(), Phase::Read, metadata).await.unwrap_err().to_string();
    assert!(denied.contains("metadata"), "{denied}");
    let google = CloudRequest { scheme: "google".to_owned(), ..request("", "", "https://compute.googleapis.com/") };
    let denied = gate.send(&grant(), Phase::Read, google).await.unwrap_err().to_string();
    assert!(denied.contains("SCHEME_NOT_IMPLEMENTED"), "{denied}");
    let azure = CloudRequest { scheme: "azure".to_owned(), ..request("", "", "https://management.azure.com/") };
    assert!(gate.send(&grant(), Phase::Read, azure).await.unwrap_err().to_string().contains("SCHEME_NOT_GRANTED"));
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
        let mut options = gate(&url).0.options.clone();
        options.credentials = CredentialSource::Given(SharedCredentialsProvider::new(Poor(found)));
        let error = Gate::new(options).send(&grant(), Phase::Read, ec2(DESCRIBE)).await.unwrap_err();
        assert_eq!(error.code(), code);
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn nothing_prints_a_credential() {
    let gate = gate(&Url::parse("http://127.0.0.1:1").unwrap());
    let mut options = gate.0.options.clone();
    options.bearer.insert("k3s".to_owned(), SecretString::new("s3cr3t"));
    let mut loud = ec2("Action=RunInstances&UserData=c2VjcmV0");
    loud.headers.push(("x".to_owned(), "hunter2".to_owned()));
    let response = CloudResponse { status: 200, headers: vec![], body: b"hunter2".to_vec() };
    let printed = format!("{gate:?} {options:?} {loud:?} {response:?} {:?}", SecretString::new("hunter2"));
    for secret in [SECRET, TOKEN, "s3cr3t", "hunter2", "c2VjcmV0", "104, 117"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
