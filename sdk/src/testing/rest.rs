//! A table of what a plain REST API answers: methods and paths, as its documentation writes them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::Reply;
use crate::cloud_http::Request;

/// One API of the fake cloud, by method and path.
///
/// A path is a template. `{name}` stands for one segment, or for a part of it beside what is written out (`{name}:cancel`), and `{name=**}` at the end
/// for all that follow. What stands behind a `?` has to be in the query, `dryRun=true` with this value and `dryRun` with any; more may be
/// there. The first line that matches answers.
///
/// ```
/// use nic_sdk::cloud_http::{Request, send};
/// use nic_sdk::runtime::block_on;
/// use nic_sdk::testing::{FakeCloud, Reply, Rest, with_cloud};
/// use serde_json::json;
///
/// let api = Rest::at("clusters.example.com")
///     .on("GET /v1/projects/{project}/clusters/{name}", Reply::json(404, &json!({})))
///     .answer("POST /v1/projects/{project}/clusters", |asked| {
///         let operation = format!("projects/{}/operations/make-{}", asked.argument("project"), asked.json()["name"]);
///         Reply::json(200, &json!({ "operation": operation.replace('"', "") }))
///     })
///     .sequence(
///         "GET /v1/projects/{project}/operations/{name}",
///         [Reply::json(200, &json!({ "status": "RUNNING" })), Reply::json(200, &json!({ "status": "DONE" }))],
///     );
/// let cloud = FakeCloud::new().serving(api);
/// let answer = with_cloud(&cloud, || {
///     let request = Request::new("POST", "https://clusters.example.com/v1/projects/p1/clusters");
///     block_on(send(request.json(&json!({ "name": "main" })))).unwrap()
/// });
/// assert_eq!(answer.json().unwrap()["operation"], "projects/p1/operations/make-main");
/// ```
pub struct Rest {
    host: String,
    pub(super) routes: Vec<Route>,
}

/// A request that a line of the table answers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// As it was sent.
    pub request: &'a Request,
    /// What the placeholders of the path stand for, decoded.
    pub arguments: BTreeMap<String, String>,
    /// The query, decoded.
    pub query: BTreeMap<String, String>,
}

impl Asked<'_> {
    /// What a placeholder stands for.
    ///
    /// # Panics
    ///
    /// When the path has none of that name.
    pub fn argument(&self, name: &str) -> &str {
        self.arguments.get(name).unwrap_or_else(|| panic!("the path has no `{{{name}}}`"))
    }

    /// The body; null when it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.request.body).unwrap_or_default()
    }
}

pub(super) struct Route {
    host: String,
    template: Template,
    answer: Box<dyn FnMut(&Asked<'_>) -> Reply>,
}

impl Route {
    /// Answers the request when it is one of this line's.
    pub(super) fn try_answer(&mut self, request: &Request) -> Option<Reply> {
        let (arguments, query) = self.template.matches(&self.host, request)?;
        Some((self.answer)(&Asked { request, arguments, query }))
    }
}

impl Rest {
    /// The API at this host name; `*` for whichever.
    pub fn at(host: &str) -> Self {
        Self { host: host.to_owned(), routes: Vec::new() }
    }

    /// Always answers this.
    #[must_use]
    pub fn on(self, line: &str, reply: Reply) -> Self {
        self.answer(line, move |_| reply.clone())
    }

    /// Answers these one after the other; the last one stays.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn sequence(self, line: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "Rest: the sequence for {line} is empty");
        self.answer(line, move |_| super::cloud::next(&mut replies))
    }

    /// Answers what the closure makes of the request.
    ///
    /// # Panics
    ///
    /// When the line is not `METHOD /path`.
    #[must_use]
    pub fn answer(mut self, line: &str, answer: impl FnMut(&Asked<'_>) -> Reply + 'static) -> Self {
        let route = Route { host: self.host.clone(), template: Template::parse(line), answer: Box::new(answer) };
        self.routes.push(route);
        self
    }
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rest").field("host", &self.host).field("routes", &self.routes.len()).finish()
    }
}

struct Template {
    method: String,
    segments: Vec<Segment>,
    query: Vec<(String, Option<String>)>,
}

enum Segment {
    Literal(String),
    /// What stands before it, its name, what stands behind it.
    One(String, String, String),
    Rest(String),
}

type Matched = (BTreeMap<String, String>, BTreeMap<String, String>);

impl Template {
    fn parse(line: &str) -> Self {
        let (method, path) = line.split_once(' ').filter(|(_, path)| path.starts_with('/')).unwrap_or_else(|| {
            panic!("Rest: `{line}` is not `METHOD /path`");
        });
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let wanted = query.split('&').filter(|part| !part.is_empty()).map(|part| match part.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (part.to_owned(), None),
        });
        let segments = path[1..].split('/').map(|segment| {
            let parts = segment.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
            match parts {
                None => Segment::Literal(segment.to_owned()),
                Some(("", (name, ""))) if name.ends_with("=**") => {
                    Segment::Rest(name.trim_end_matches("=**").to_owned())
                }
                Some((before, (name, after))) => Segment::One(before.to_owned(), name.to_owned(), after.to_owned()),
            }
        });
        Self { method: method.to_owned(), segments: segments.collect(), query: wanted.collect() }
    }

    fn matches(&self, host: &str, request: &Request) -> Option<Matched> {
        let (_, rest) = request.url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if self.method != request.method || host != "*" && host != authority {
            return None;
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut arguments = BTreeMap::new();
        let mut found = path.strip_prefix('/').unwrap_or(path).split('/');
        for segment in &self.segments {
            match segment {
                Segment::Rest(name) => {
                    let all: Vec<&str> = found.by_ref().collect();
                    arguments.insert(name.clone(), Some(decoded(&all.join("/"))).filter(|all| !all.is_empty())?);
                }
                Segment::Literal(literal) => {
                    found.next().filter(|found| decoded(found) == *literal)?;
                }
                Segment::One(before, name, after) => {
                    let value = found.next()?.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
                    // A placeholder alone does not swallow a verb: `{name}` is not `main:cancel`.
                    let verb = after.is_empty() && value.contains(':');
                    arguments.insert(name.clone(), Some(decoded(value)).filter(|value| !verb && !value.is_empty())?);
                }
            }
        }
        if found.next().is_some() {
            return None;
        }
        let query: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let has = |(name, value): &(String, Option<String>)| {
            query.get(name).is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        };
        self.query.iter().all(has).then_some((arguments, query))
    }
}

/// Percent-encoding undone; a `+` in a path is a plus.
fn decoded(text: &str) -> String {
    let pair = format!("={}", text.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matched(line: &str, method: &str, url: &str) -> Option<BTreeMap<String, String>> {
        Template::parse(line).matches("api.example.com", &Request::new(method, url)).map(|(arguments, _)| arguments)
    }

    #[test]
    fn a_template_matches_method_host_path_and_query() {
        let line = "GET /v1/projects/{project}/clusters/{name}";
        let url = "https://api.example.com/v1/projects/p%201/clusters/main";
        let found = matched(line, "GET", url).unwrap();
        assert_eq!((found["project"].as_str(), found["name"].as_str()), ("p 1", "main"));
        assert_eq!(matched(line, "DELETE", url), None);
        assert_eq!(matched(line, "GET", &url.replace("api.", "other.")), None);
        assert_eq!(matched(line, "GET", &format!("{url}/nodePools")), None);
        assert_eq!(matched(line, "GET", "https://api.example.com/v1/projects/p/clusters/"), None);

        let query = "GET /things?api-version=2026-01-01&marker";
        assert!(
            matched(query, "GET", "https://api.example.com/things?marker=x&api-version=2026-01-01&more=1").is_some()
        );
        assert!(matched(query, "GET", "https://api.example.com/things?marker=x&api-version=2025-01-01").is_none());
        assert!(matched(query, "GET", "https://api.example.com/things?api-version=2026-01-01").is_none());
    }

    #[test]
    fn a_verb_and_a_whole_rest_have_templates_of_their_own() {
        let at = |path: &str| format!("https://api.example.com{path}");
        assert_eq!(matched("POST /v1/{name}", "POST", &at("/v1/main:cancel")), None);
        assert_eq!(matched("POST /v1/{name}:cancel", "POST", &at("/v1/main:cancel")).unwrap()["name"], "main");
        let rest = "PUT /subscriptions/{id}/{scope=**}";
        assert_eq!(
            matched(rest, "PUT", &at("/subscriptions/1/groups/a/things/b")).unwrap()["scope"],
            "groups/a/things/b"
        );
        assert_eq!(matched(rest, "PUT", &at("/subscriptions/1")), None);
    }

    #[test]
    fn the_first_line_that_matches_answers_and_a_sequence_goes_on() {
        use crate::cloud_http::send;
        use crate::runtime::block_on;
        use crate::testing::{FakeCloud, with_cloud};

        let status = |text: &str| Reply::json(200, &json!({ "status": text }));
        let api = Rest::at("*")
            .on("GET /operations/none", Reply::json(404, &json!({})))
            .sequence("GET /operations/{name}", [status("RUNNING"), status("DONE")])
            .answer("PUT /things/{name}?dry", |asked| Reply::json(200, &json!([asked.argument("name"), asked.json()])));
        let cloud = FakeCloud::new().serving(api).on("*", "*", Reply::new(418, ""));
        let ask = |method: &str, path: &str| {
            let request = Request::new(method, format!("https://x.example.com{path}")).json(&json!(7));
            with_cloud(&cloud, || block_on(send(request))).unwrap()
        };
        assert_eq!(ask("GET", "/operations/none").status, 404);
        let told: Vec<Value> = (0..3).map(|_| ask("GET", "/operations/a").json().unwrap()["status"].clone()).collect();
        assert_eq!(told, ["RUNNING", "DONE", "DONE"]);
        assert_eq!(ask("PUT", "/things/a?dry=1").json(), Ok(json!(["a", 7])));
        // What the table has not is for other rules.
        assert_eq!(ask("PUT", "/things/a").status, 418);
    }
}
