//! What goes through a proxy: where it leads is looked at before, and the proxy's name opens nothing.

use super::*;
use crate::egress::Proxies;

/// A gate behind this proxy whose names lead where these answers say, and a request to a host that is granted.
fn behind(proxy: &str, origin: &str, private: bool, answers: &[&[&str]]) -> (Gate, Bounds, CloudRequest) {
    let mut grant = json!({"capability": "hosts", "hosts": [origin], "scheme": "none", "reason": "test"});
    if private {
        grant["private"] = json!([origin]);
    }
    let answers = answers.iter().map(|one| one.iter().map(|address| address.parse().unwrap()).collect()).collect();
    let (lookup, proxies) = (Lookup::answering(answers), Proxies::http(proxy));
    let gate = Gate::new(GateOptions { lookup, proxies, ..GateOptions::default() });
    let request = CloudRequest { scheme: "none".to_owned(), ..request("", "", &format!("{origin}/a")) };
    (gate, bounds(Grants(parse_locked(&[grant]).unwrap()), Phase::Read), request)
}

#[tokio::test]
async fn a_proxy_is_asked_for_no_address_of_the_users() {
    let (proxy, seen) = server("200 OK", "{}").await;
    for (private, address) in [(false, "10.0.0.1"), (false, "127.0.0.1"), (true, "169.254.169.254")] {
        let (gate, bounds, request) = behind(proxy.as_str(), "http://inside.example", private, &[&[address]]);
        let refused = sent(&gate, &bounds, request).await.unwrap_err().to_string();
        assert!(refused.starts_with(&format!("denied: `inside.example` is at {address}, ")), "{refused}");
        assert!(refused.ends_with("[ADDRESS_NOT_ALLOWED]"), "{refused}");
    }
    assert!(seen.lock().unwrap().is_empty());
    // Public, opened by the user, or known to the proxy alone.
    for (private, answers) in [(false, &[&["52.94.76.1"][..]][..]), (true, &[&["10.0.0.1"]]), (false, &[])] {
        let (gate, bounds, request) = behind(proxy.as_str(), "http://inside.example", private, answers);
        assert_eq!(sent(&gate, &bounds, request).await.unwrap().status, 200);
        assert!(seen.lock().unwrap().pop().unwrap().starts_with("GET http://inside.example/a "));
    }
}

#[tokio::test]
async fn the_name_of_the_users_proxy_is_a_host_like_others() {
    let (url, seen) = server("200 OK", "{}").await;
    let port = url.port().unwrap();
    // The proxy is for other requests than this one, which is dialled from here.
    let (gate, bounds, request) =
        behind("http://proxy.example:3128", &format!("https://proxy.example:{port}"), false, &[&["127.0.0.1"]]);
    let refused = sent(&gate, &bounds, request).await.unwrap_err().to_string();
    assert!(refused.contains("`proxy.example` is at 127.0.0.1, the machine itself"), "{refused}");
    assert!(refused.ends_with("[ADDRESS_NOT_ALLOWED]") && seen.lock().unwrap().is_empty(), "{refused}");
    // The proxy itself may be anywhere.
    let (gate, bounds, request) = behind(
        &format!("http://proxy.example:{port}"),
        "http://outside.example",
        false,
        &[&["52.94.76.1"], &["127.0.0.1"]],
    );
    assert_eq!(sent(&gate, &bounds, request).await.unwrap().status, 200);
}
