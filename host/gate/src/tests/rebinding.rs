//! A name whose owner moves it after it was looked at.

use super::*;

/// A gate whose names lead where these answers say, one after the other, and a request to such a name.
fn leading(port: u16, private: bool, answers: &[&[&str]]) -> (Gate, Bounds, CloudRequest) {
    let origin = format!("http://rebind.example:{port}");
    let mut grant = json!({"capability": "hosts", "hosts": [origin], "scheme": "none", "reason": "test"});
    if private {
        grant["private"] = json!([origin]);
    }
    let answers = answers.iter().map(|one| one.iter().map(|address| address.parse().unwrap()).collect()).collect();
    let gate = Gate::new(GateOptions { lookup: Lookup::answering(answers), ..GateOptions::default() });
    let request = CloudRequest { scheme: "none".to_owned(), ..request("", "", &format!("{origin}/a")) };
    (gate, bounds(Grants(parse_locked(&[grant]).unwrap()), Phase::Read), request)
}

#[tokio::test]
async fn a_name_that_moved_is_refused_when_it_is_dialled() {
    let (url, seen) = server("200 OK", "{}").await;
    let (gate, bounds, request) =
        leading(url.port().unwrap(), true, &[&["127.0.0.1"], &["169.254.169.254"], &["127.0.0.1", "fd00:ec2::254"]]);
    // There is one answer for each connection: a second look between the check and the dialling would take the next one.
    assert_eq!(sent(&gate, &bounds, request.clone()).await.unwrap().status, 200);
    for address in ["169.254.169.254", "fd00:ec2::254"] {
        let refused = sent(&gate, &bounds, request.clone()).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("`rebind.example` is at {address}, a metadata service")), "{refused}");
        assert!(refused.ends_with("[ADDRESS_NOT_ALLOWED]"), "{refused}");
    }
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_that_nobody_opened_leads_to_no_private_address() {
    let (url, seen) = server("200 OK", "{}").await;
    let answers: &[&[&str]] = &[&["127.0.0.1"], &["52.94.76.1", "127.0.0.1"], &["::ffff:127.0.0.1"]];
    let (gate, bounds, request) = leading(url.port().unwrap(), false, answers);
    for _ in answers {
        let refused = sent(&gate, &bounds, request.clone()).await.unwrap_err().to_string();
        assert!(refused.contains("the machine itself") && refused.ends_with("[ADDRESS_NOT_ALLOWED]"), "{refused}");
    }
    assert!(seen.lock().unwrap().is_empty());
}
