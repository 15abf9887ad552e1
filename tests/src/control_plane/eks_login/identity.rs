//! The question put to STS: who signed this?

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use regex::Regex;
use serde_json::Value;
use url::Url;

use super::token::{CLUSTER_HEADER, Verified};

/// Who STS says has signed a request.
#[derive(Debug, PartialEq)]
pub(super) struct Identity {
    pub(super) arn: String,
    pub(super) account: String,
    pub(super) user_id: String,
}

/// A client that goes nowhere but to the emulator.
pub(super) fn client() -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()
        .context("cannot make an HTTP client")
}

/// Sends the presigned request to the emulator, under the host that it was signed for.
pub(super) async fn ask(
    client: &reqwest::Client,
    sts_endpoint: &str,
    cluster_name: &str,
    request: &Verified,
) -> Result<Identity> {
    let mut url = Url::parse(sts_endpoint).context("the emulator's address is no URL")?;
    url.set_path("/");
    url.set_query(request.url.query());
    let presigned = client
        .get(url)
        .header("host", &request.host)
        .header(CLUSTER_HEADER, cluster_name)
        .header("accept", "application/json");
    // Moto looks for the service in this header alone, and takes what has none for S3's.
    let scope = format!("AWS4-HMAC-SHA256 Credential={}, SignedHeaders=host, Signature=0", request.credential);
    let for_moto = presigned.try_clone().context("a GET can be sent twice")?.header("authorization", scope);
    match answer(presigned).await? {
        Ok(identity) => Ok(identity),
        Err(_) => answer(for_moto).await?.map_err(|body| anyhow!("STS's answer names nobody: {body}")),
    }
}

/// Whom the answer names, or else the answer.
async fn answer(request: reqwest::RequestBuilder) -> Result<Result<Identity, String>> {
    let response = request
        .send()
        .await
        // The URL is the token.
        .map_err(reqwest::Error::without_url)
        .context("STS does not answer")?;
    let status = response.status();
    let body = response.text().await.map_err(reqwest::Error::without_url).context("STS's answer breaks off")?;
    ensure!(status == 200, "STS answers {status}: {body}");
    Ok(parse(&body).ok_or(body))
}

/// STS answers in JSON when asked to; emulators answer in XML all the same.
fn parse(body: &str) -> Option<Identity> {
    let json: Option<Value> = serde_json::from_str(body).ok();
    let field = |name: &str| {
        if let Some(json) = &json {
            let result = &json["GetCallerIdentityResponse"]["GetCallerIdentityResult"];
            return result[name].as_str().map(str::to_owned);
        }
        let element = Regex::new(&format!("<{name}>([^<]*)</{name}>")).ok()?;
        Some(element.captures(body)?[1].to_owned())
    };
    Some(Identity { arn: field("Arn")?, account: field("Account")?, user_id: field("UserId")? })
}

#[cfg(test)]
mod tests {
    use super::{Identity, parse};

    #[test]
    fn json_and_xml_name_the_same_caller() {
        let caller = Identity {
            arn: "arn:aws:iam::123456789012:user/ann".to_owned(),
            account: "123456789012".to_owned(),
            user_id: "AIDAEXAMPLE".to_owned(),
        };
        let json = r#"{"GetCallerIdentityResponse": {"GetCallerIdentityResult": {
            "Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/ann", "UserId": "AIDAEXAMPLE"}}}"#;
        let xml = "<GetCallerIdentityResponse><GetCallerIdentityResult>
            <Arn>arn:aws:iam::123456789012:user/ann</Arn><UserId>AIDAEXAMPLE</UserId>
            <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
        assert_eq!(parse(json).as_ref(), Some(&caller));
        assert_eq!(parse(xml), Some(caller));
        assert_eq!(parse("<html>"), None);
    }
}
