//! What is asked of every cloud's requests. The cloud here asks nothing by itself: it says what a request is, and that is all that a cloud can.

use std::collections::BTreeMap;

use async_trait::async_trait;
use nic_core::identity::Identity;

use super::*;
use crate::admission::Caller;
use crate::grant::{CloudHttpGrant, Grant, KindsGrant};
use crate::request::{HeaderRules, Parsed};
use crate::scheme::{Address, Bound, Classified, Place};

#[derive(Debug)]
struct Careless;

const fn action(name: &'static str, class: Class) -> Action {
    Action { service: "things", name, class, why: "" }
}

static ACTIONS: [Action; 4] = [
    action("show", Class::Read),
    action("make", Class::Mutate),
    action("invite", Class::Mutate),
    action("reveal", Class::Secret),
];

#[async_trait]
impl Scheme for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }

    fn headers(&self) -> HeaderRules {
        HeaderRules { passed: &[], replaced: &[], is_of_a_signature: |_| false }
    }

    /// The service is the same everywhere, and of its partition when it is called `once`.
    fn address(&self, parameters: &Value, service_id: &str) -> Result<Address, Refusal> {
        let region = parameters["region"].as_str().unwrap_or_default().to_owned();
        Ok(Address { service: "things", service_id: if service_id == "once" { "once" } else { "things" }, region })
    }

    fn place(&self, region: &str) -> Result<Place, Refusal> {
        let partition = if region.starts_with("far") { "far" } else { "near" };
        Ok(Place { partition, is_home: region.ends_with("home") })
    }

    fn bind(&self, address: &Address) -> Result<Bound, Refusal> {
        let Address { service, service_id, region } = address.clone();
        let host = "things.example".to_owned();
        Ok(Bound { destination: Destination { service, service_id, host, region }, is_global: service_id == "once" })
    }

    fn classify(&self, _: &Address, parsed: &Parsed) -> Result<Classified, Refusal> {
        let action = ACTIONS.iter().find(|action| parsed.segments == [action.name]).unwrap();
        Ok(Classified { action, says_who: action.name == "invite", body: None })
    }

    async fn endpoint(&self, _: &str) -> Result<Option<Url>, ProviderError> {
        Ok(None)
    }

    fn first(&self) -> (&'static str, &'static str) {
        ("things", "things.example")
    }

    async fn sign(&self, _: &CloudBound, _: &Url) -> Result<Signed, ProviderError> {
        Ok(Signed { headers: Vec::new(), secrets: Vec::new() })
    }

    fn judge(&self, _: &CloudResponse) -> Result<Verdict, ProviderError> {
        Ok(Verdict::Good)
    }

    async fn forget(&self) {}

    fn ended(&self) -> ProviderError {
        ProviderError::other("CREDENTIALS_EXPIRED", "it has ended")
    }

    async fn account(&self, _: &HostGate, _: Option<&str>) -> Result<Option<Identity>, ProviderError> {
        Ok(None)
    }
}

fn granted(service: &str, mutations: &[&str]) -> Arc<Grants> {
    let (scheme, reason) = ("careless".to_owned(), "test".to_owned());
    let services = vec![service.to_owned()];
    let kinds = BTreeMap::from([("x.thing".to_owned(), mutations.iter().copied().map(str::to_owned).collect())]);
    Arc::new(Grants(vec![
        Grant::CloudHttp(CloudHttpGrant { scheme, services, reads: None, reason: reason.clone() }),
        Grant::Kinds(KindsGrant { kinds, reason }),
    ]))
}

#[test]
fn a_cloud_that_asks_nothing_has_everything_asked_for_it() {
    let gate = Gate::new(GateOptions { schemes: vec![Arc::new(Careless)], ..GateOptions::default() });
    let all = Bounds {
        grants: granted("things", &["things:*"]),
        phase: Phase::Change,
        kind: Some("x.thing".into()),
        region: Some("near-one".into()),
        identities: true,
    };
    let of = |action: &str, region: &str| CloudRequest {
        scheme: "careless".to_owned(),
        scheme_parameters: json!({ "region": region }),
        ..request("things", "things", &format!("https://things.example/{action}"))
    };
    let once = |request| CloudRequest { service_id: "once".to_owned(), ..request };
    let code = |bounds: &Bounds, request| gate.admit(bounds, request).err().map(|refusal| refusal.code());
    let here = |action| of(action, "near-one");

    for action in ["show", "make", "invite"] {
        assert_eq!(code(&all, here(action)), None, "{action}");
    }
    assert_eq!(code(&all, here("reveal")), Some("ACTION_ANSWERS_A_SECRET"));
    let read = Bounds { phase: Phase::Read, kind: None, ..all.clone() };
    assert_eq!(code(&read, here("show")), None);
    assert_eq!(code(&read, here("make")), Some("ACTION_IS_A_MUTATION"));
    assert_eq!(code(&Bounds { phase: Phase::Pure, ..all.clone() }, here("show")), Some("NO_REQUEST_IN_THIS_PHASE"));

    let grants = |service, mutations: &[&str]| Bounds { grants: granted(service, mutations), ..all.clone() };
    assert_eq!(code(&Bounds { grants: Arc::default(), ..all.clone() }, here("show")), Some("SCHEME_NOT_GRANTED"));
    assert_eq!(code(&grants("others", &["things:*"]), here("show")), Some("SERVICE_NOT_GRANTED"));
    assert_eq!(code(&grants("things", &["things:make"]), here("invite")), Some("ACTION_NOT_GRANTED"));
    assert_eq!(code(&Bounds { kind: Some("x.other".into()), ..all.clone() }, here("make")), Some("ACTION_NOT_GRANTED"));
    let unasked = Bounds { identities: false, ..all.clone() };
    assert_eq!((code(&unasked, here("make")), code(&unasked, here("invite"))), (None, Some("IDENTITIES_NOT_AGREED")));

    for (action, region, in_region, of_partition) in [
        ("show", "near-two", false, true),
        ("show", "near-home", true, true),
        ("make", "near-home", false, true),
        ("show", "far-home", false, false),
        ("make", "far-one", false, false),
    ] {
        let expected = |allowed: bool| (!allowed).then_some("REGION_NOT_GRANTED");
        assert_eq!(code(&all, of(action, region)), expected(in_region), "{action} {region}");
        assert_eq!(code(&all, once(of(action, region))), expected(of_partition), "{action} {region}, once");
    }
    assert_eq!(code(&Bounds { region: None, ..all.clone() }, here("show")), Some("REGION_NOT_GRANTED"));

    assert_eq!(code(&all, CloudRequest { credential: "root".to_owned(), ..here("show") }), Some("CREDENTIAL_UNKNOWN"));
    for url in ["https://other.example/show", "http://things.example/show", "https://things.example:8443/show"] {
        assert_eq!(code(&all, CloudRequest { url: url.to_owned(), ..here("show") }), Some("HOST_NOT_ALLOWED"), "{url}");
    }
    let mut headed = here("show");
    headed.headers.push(("x-method".to_owned(), "make".to_owned()));
    assert_eq!(code(&all, headed), Some("REQUEST_MALFORMED"));

    // The host needs no grant, and goes nowhere else either.
    let own = |request| admission::to_cloud(&Careless, Caller::Host, request).err().map(|refusal| refusal.code());
    assert_eq!(own(of("reveal", "far-one")), None);
    let elsewhere = CloudRequest { url: "https://other.example/show".to_owned(), ..here("show") };
    assert_eq!(own(elsewhere), Some("HOST_NOT_ALLOWED"));
}
