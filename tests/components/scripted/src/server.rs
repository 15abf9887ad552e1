//! The client of the cloud of things; the protocol stands in the crate's documentation.

use nic_sdk::Error;
use nic_sdk::cloud_http::{Request, Response, Scheme, send};
use serde::Deserialize;
use serde_json::{Value, json};

/// Where the cloud is, and how requests to it are signed.
#[derive(Debug, Clone, Deserialize)]
pub struct Server {
    pub endpoint: String,
    #[serde(default = "unsigned")]
    pub scheme: String,
}

/// The scheme when none is given.
pub fn unsigned() -> String {
    "none".to_owned()
}

impl Server {
    /// A request to this cloud.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, format!("{}{path}", self.endpoint))
            .scheme(Scheme::other(self.scheme.as_str(), json!({})))
            .service_id("scripted")
    }

    /// Makes a thing.
    pub async fn create(&self, body: &Value) -> Result<Value, Error> {
        accepted(send(self.request("POST", "/things").json(body)).await?)?.json()
    }

    /// One thing by id.
    pub async fn get(&self, id: &str) -> Result<Option<Value>, Error> {
        match accepted(send(self.request("GET", &format!("/things/{}", encoded(id)))).await?) {
            Ok(answer) => answer.json().map(Some),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Things by `owner`, `name` or `prefix`.
    pub async fn find(&self, by: &str, value: &str) -> Result<Vec<Value>, Error> {
        let answer = accepted(send(self.request("GET", &format!("/things?{by}={}", encoded(value)))).await?)?;
        match answer.json()? {
            Value::Array(things) => Ok(things),
            other => Err(Error::other("ANSWER_INVALID", format!("not a list of things: {other}"))),
        }
    }

    /// Changes a thing.
    pub async fn replace(&self, id: &str, body: &Value) -> Result<Value, Error> {
        accepted(send(self.request("PUT", &format!("/things/{}", encoded(id))).json(body)).await?)?.json()
    }

    /// Deletes a thing; one that is gone already is deleted.
    pub async fn delete(&self, id: &str) -> Result<(), Error> {
        match accepted(send(self.request("DELETE", &format!("/things/{}", encoded(id)))).await?) {
            Ok(_) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A fact by name.
    pub async fn fact(&self, name: &str) -> Result<Value, Error> {
        accepted(send(self.request("GET", &format!("/facts/{}", encoded(name)))).await?)?.json()
    }
}

/// The boundary's error for what the cloud refused.
fn accepted(answer: Response) -> Result<Response, Error> {
    if answer.is_success() {
        return Ok(answer);
    }
    let body = answer.json().unwrap_or_default();
    let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
    let told = format!("{}: {}", text("code"), text("message"));
    Err(match answer.status {
        401 | 403 => Error::denied(text("code"), text("message")),
        404 => Error::NotFound(told),
        409 => Error::Conflict(told),
        429 => {
            let seconds: Option<u32> = answer.header("retry-after").and_then(|value| value.parse().ok());
            Error::Throttled(seconds.map(|seconds| seconds.saturating_mul(1000)))
        }
        status => Error::Remote { status, code: text("code"), message: text("message") },
    })
}

/// A value as it may stand in a path segment or a query.
fn encoded(value: &str) -> String {
    const HEXADECIMAL: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(HEXADECIMAL[usize::from(byte >> 4)]);
            text.push(HEXADECIMAL[usize::from(byte & 15)]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_leave_its_place_is_encoded() {
        assert_eq!(encoded("l/scripted.thing.a&b"), "l%2Fscripted.thing.a%26b");
    }
}
