//! In which order a request is asked what. The first refusal is what a guest is told, and it tells nothing of what was not asked yet.

use super::*;

type Mend = fn(&mut Bounds, &mut CloudRequest);

/// What is granted of AWS, and to a change of `x.vpc`.
fn granted(services: &Value, actions: &[&str]) -> Arc<Grants> {
    let documents = json!([
        {"capability": "cloud-http", "scheme": "aws-sigv4", "services": services, "reads": [], "reason": "test"},
        {"capability": "kinds", "kinds": {"x.vpc": actions}, "reason": "test"},
    ]);
    Arc::new(Grants(parse_all(documents.as_array().unwrap()).unwrap()))
}

fn form(request: &mut CloudRequest, text: &str) {
    request.body = text.as_bytes().to_vec();
}

#[test]
fn a_request_with_every_fault_is_refused_for_one_after_the_other() {
    let steps: &[(&str, Mend)] = &[
        ("signing scheme `aws-sigv4` is not granted [SCHEME_NOT_GRANTED]", |bounds, _| {
            bounds.grants = granted(&json!(["eks"]), &[]);
        }),
        ("no credential named `root` [CREDENTIAL_UNKNOWN]", |_, request| request.credential = "default".to_owned()),
        ("the request is refused: `aws-sigv4` needs a `service` and a `region` [REQUEST_MALFORMED]", |_, request| {
            request.scheme_parameters = json!({"service": "ec2", "region": "moon"});
        }),
        ("service `ec2` with service id `EKS` is not one NIC knows [SERVICE_NOT_IN_CATALOGUE]", |_, request| {
            request.service_id = "EC2".to_owned();
        }),
        ("service `ec2` is not granted [SERVICE_NOT_GRANTED]", |bounds, _| {
            bounds.grants = granted(&json!(["ec2"]), &[]);
        }),
        ("`moon` is not an AWS region that NIC knows [REGION_INVALID]", |_, request| {
            request.scheme_parameters = json!({"service": "ec2", "region": "eu-central-1"});
        }),
        (
            "the request is refused: its method is not one of GET, HEAD, POST, PUT, PATCH and DELETE [REQUEST_MALFORMED]",
            |_, request| request.method = "POST".to_owned(),
        ),
        (
            "requests may not go to `https://evil.example`: EC2 in eu-central-1 is at https://ec2.eu-central-1.amazonaws.com [HOST_NOT_ALLOWED]",
            |_, request| request.url = "https://ec2.eu-central-1.amazonaws.com/".to_owned(),
        ),
        ("the request is refused: it lacks `Version` [REQUEST_MALFORMED]", |_, request| {
            form(request, "Action=MakeCoffee&Version=2016-11-15");
        }),
        ("ec2:MakeCoffee (2016-11-15) is not an action NIC knows [ACTION_NOT_IN_CATALOGUE]", |_, request| {
            form(request, "Action=GetPasswordData&Version=2016-11-15");
        }),
        (
            "ec2:GetPasswordData: no request may be made while a configuration is validated or a graph is made [NO_REQUEST_IN_THIS_PHASE]",
            |bounds, _| bounds.phase = Phase::Read,
        ),
        (
            "ec2:GetPasswordData answers a secret (AWS marks part of the answer as sensitive); no component may ask for it [ACTION_ANSWERS_A_SECRET]",
            |_, request| form(request, "Action=DescribeVpcs&Version=2016-11-15"),
        ),
        ("ec2:DescribeVpcs is not granted [ACTION_NOT_GRANTED]", |_, request| {
            form(request, "Action=AssociateIamInstanceProfile&Version=2016-11-15");
        }),
        (
            "ec2:AssociateIamInstanceProfile is a mutation; only reads are allowed while planning [ACTION_IS_A_MUTATION]",
            |bounds, _| bounds.phase = Phase::Change,
        ),
        ("ec2:AssociateIamInstanceProfile is not granted [ACTION_NOT_GRANTED]", |bounds, _| {
            bounds.kind = Some("x.vpc".into());
        }),
        ("ec2:AssociateIamInstanceProfile is not granted for a change of `x.vpc` [ACTION_NOT_GRANTED]", |bounds, _| {
            bounds.grants = granted(&json!(["ec2"]), &["ec2:AssociateIamInstanceProfile"]);
        }),
        (
            "ec2:AssociateIamInstanceProfile says who may do what, and this run was not asked about it [IDENTITIES_NOT_AGREED]",
            |bounds, _| bounds.identities = true,
        ),
        (
            "requests may not go to the region `eu-central-1`: the platform names no region [REGION_NOT_GRANTED]",
            |bounds, _| bounds.region = Some("nowhere".into()),
        ),
        ("`nowhere` is not an AWS region that NIC knows [REGION_INVALID]", |bounds, _| {
            bounds.region = Some("us-west-2".into());
        }),
        (
            "requests may not go to the region `eu-central-1`: the platform is in `us-west-2` [REGION_NOT_GRANTED]",
            |bounds, _| bounds.region = Some("eu-central-1".into()),
        ),
    ];
    let mut bounds = Bounds { grants: Arc::default(), phase: Phase::Pure, kind: None, region: None, identities: false };
    let mut request = CloudRequest {
        credential: "root".to_owned(),
        scheme_parameters: json!({}),
        service_id: "EKS".to_owned(),
        method: "TRACE".to_owned(),
        url: "https://evil.example/".to_owned(),
        ..ec2("Action=GetPasswordData")
    };
    let gate = Gate::new(GateOptions::default());
    for (expected, mend) in steps {
        let refused = gate.admit(&bounds, request.clone()).err().map(|refusal| told(&refusal));
        assert_eq!(refused.as_deref(), Some(*expected));
        mend(&mut bounds, &mut request);
    }
    assert!(gate.admit(&bounds, request).is_ok());
}
