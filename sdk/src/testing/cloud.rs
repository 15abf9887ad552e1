//! The fake cloud: scripted answers, recorded requests, a clock that moves only with them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::{Reply, Rest};
use crate::cloud_http::{Request, Response};
use crate::error::Error;
use crate::runtime::REQUESTS_IN_FLIGHT;

/// A cloud that answers what the test scripted, and panics when asked for anything else.
///
/// A rule names a service, by signing name (`ec2`) or service id (`EC2`), and an action: `DescribeVpcs` for the query
/// and `X-Amz-Target` protocols, `GET /clusters/*` for the others, where `*` stands for one path segment and a last `**`
/// for any number. `*` alone matches everything. A whole REST API is given as a table ([`Rest`]). The first rule that matches answers. Clones
/// are the same cloud.
#[derive(Clone)]
pub struct FakeCloud(Rc<Inner>);

struct Inner {
    takes_at_most: Cell<usize>,
    rules: RefCell<Vec<Rule>>,
    requests: RefCell<Vec<Request>>,
    clock: Cell<u64>,
    in_flight: Cell<usize>,
    most_in_flight: Cell<usize>,
}

/// Answers what it is for.
type Rule = Box<dyn FnMut(&Request) -> Option<Reply>>;

/// The next one of a sequence; the last one stays.
pub(super) fn next(replies: &mut VecDeque<Reply>) -> Reply {
    if replies.len() > 1 { replies.pop_front().expect("it has several") } else { replies[0].clone() }
}

impl FakeCloud {
    /// A cloud that answers nothing yet.
    pub fn new() -> Self {
        Self(Rc::new(Inner {
            takes_at_most: Cell::new(REQUESTS_IN_FLIGHT),
            rules: RefCell::default(),
            requests: RefCell::default(),
            clock: Cell::default(),
            in_flight: Cell::default(),
            most_in_flight: Cell::default(),
        }))
    }

    /// Refuses more requests in flight than that, as a host with a lower limit would.
    #[must_use]
    pub fn taking_at_most(self, requests: usize) -> Self {
        self.0.takes_at_most.set(requests);
        self
    }

    /// Always answers this.
    #[must_use]
    pub fn on(self, service: &str, action: &str, reply: Reply) -> Self {
        self.on_request(service, action, move |_| reply.clone())
    }

    /// Answers these one after the other; the last one stays.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn on_sequence(self, service: &str, action: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "FakeCloud: the sequence for {service} {action} is empty");
        self.on_request(service, action, move |_| next(&mut replies))
    }

    /// Answers what the closure makes of the request.
    #[must_use]
    pub fn on_request(self, service: &str, action: &str, answer: impl FnMut(&Request) -> Reply + 'static) -> Self {
        let (service, action, mut answer) = (service.to_owned(), action.to_owned(), answer);
        self.0.rules.borrow_mut().push(Box::new(move |request| {
            let is_for = is_of_service(request, &service) && action_matches(&action, &self::action(request));
            is_for.then(|| answer(request))
        }));
        self
    }

    /// Answers as a plain REST API does.
    #[must_use]
    pub fn serving(self, api: Rest) -> Self {
        for mut route in api.routes {
            self.0.rules.borrow_mut().push(Box::new(move |request| route.try_answer(request)));
        }
        self
    }

    /// Every request so far, in the order in which they were sent.
    pub fn requests(&self) -> Vec<Request> {
        self.0.requests.borrow().clone()
    }

    /// What the requests so far asked for: `DescribeVpcs`, `GET /clusters/main`.
    pub fn actions(&self) -> Vec<String> {
        self.0.requests.borrow().iter().map(action).collect()
    }

    /// The requests so far with this action.
    pub fn requests_for(&self, wanted: &str) -> Vec<Request> {
        self.0.requests.borrow().iter().filter(|request| action_matches(wanted, &action(request))).cloned().collect()
    }

    /// The fake's clock in milliseconds: with unchanged replies, the number of round trips that could not overlap.
    pub fn elapsed(&self) -> u64 {
        self.0.clock.get()
    }

    /// How many requests were in flight at once at most.
    pub fn most_in_flight(&self) -> usize {
        self.0.most_in_flight.get()
    }

    pub(crate) fn start(&self, request: &Request) -> Result<InFlight, Error> {
        let inner = &self.0;
        if inner.in_flight.get() >= inner.takes_at_most.get() {
            return Err(Error::other("TOO_MANY_REQUESTS_IN_FLIGHT", "the host takes no more"));
        }
        inner.requests.borrow_mut().push(request.clone());
        let reply = self.answer(request);
        inner.in_flight.set(inner.in_flight.get() + 1);
        inner.most_in_flight.set(inner.most_in_flight.get().max(inner.in_flight.get()));
        let answered_at = inner.clock.get() + u64::from(reply.milliseconds);
        Ok(InFlight { cloud: self.clone(), answered_at, outcome: reply.outcome })
    }

    fn answer(&self, request: &Request) -> Reply {
        let mut rules = self.0.rules.borrow_mut();
        rules.iter_mut().find_map(|rule| rule(request)).unwrap_or_else(|| {
            panic!("FakeCloud: nothing is scripted for {} {} ({})", request.service_id, action(request), request.url)
        })
    }
}

/// Whether a request is to the service of this signing name or service id.
fn is_of_service(request: &Request, service: &str) -> bool {
    let signing_name = request.scheme.parameters.get("service").and_then(|name| name.as_str());
    service == "*" || service == request.service_id || signing_name == Some(service)
}

impl Default for FakeCloud {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for FakeCloud {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FakeCloud").field("actions", &self.actions()).finish_non_exhaustive()
    }
}

/// A request whose answer the fake knows already.
pub(crate) struct InFlight {
    cloud: FakeCloud,
    answered_at: u64,
    outcome: Result<Response, Error>,
}

impl InFlight {
    pub(crate) fn first_answered(in_flight: &[&Self]) -> usize {
        let first = in_flight.iter().enumerate().min_by_key(|(_, request)| request.answered_at);
        first.expect("the host traps on an empty list").0
    }

    pub(crate) fn finish(mut self) -> Result<Response, Error> {
        let clock = &self.cloud.0.clock;
        clock.set(clock.get().max(self.answered_at));
        std::mem::replace(&mut self.outcome, Err(Error::TimedOut(String::new())))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let in_flight = &self.cloud.0.in_flight;
        in_flight.set(in_flight.get() - 1);
    }
}

thread_local! {
    static INSTALLED: RefCell<Vec<FakeCloud>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn installed() -> Option<FakeCloud> {
    INSTALLED.with_borrow(|installed| installed.last().cloned())
}

/// Runs `test` with this cloud behind [`cloud_http`](crate::cloud_http), on this thread.
pub fn with_cloud<T>(cloud: impl std::borrow::Borrow<FakeCloud>, test: impl FnOnce() -> T) -> T {
    struct Uninstall;
    impl Drop for Uninstall {
        fn drop(&mut self) {
            INSTALLED.with_borrow_mut(Vec::pop);
        }
    }
    INSTALLED.with_borrow_mut(|installed| installed.push(cloud.borrow().clone()));
    let _uninstall = Uninstall;
    test()
}

/// What a request asks for: `DescribeVpcs` where the protocol names an action, else method and path.
pub fn action(request: &Request) -> String {
    if let Some((_, target)) = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-target")) {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    if let Some(action) = form(request).remove("Action") {
        return action;
    }
    let after_scheme = request.url.split_once("://").map_or(request.url.as_str(), |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("/", |at| &after_scheme[at..]);
    format!("{} {}", request.method, path.split('?').next().unwrap_or(path))
}

/// The parameters of a form body, decoded; empty when the body is none.
pub fn form(request: &Request) -> BTreeMap<String, String> {
    let is_form = request.headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("content-type") && value.starts_with("application/x-www-form-urlencoded")
    });
    if is_form { form_urlencoded::parse(&request.body).into_owned().collect() } else { BTreeMap::new() }
}

fn action_matches(pattern: &str, action: &str) -> bool {
    if pattern == "*" || pattern == action {
        return true;
    }
    let (Some((method, pattern)), Some((asked, path))) = (pattern.split_once(' '), action.split_once(' ')) else {
        return false;
    };
    let mut path = path.split('/');
    for segment in pattern.split('/') {
        match (segment, path.next()) {
            ("**", Some(_)) => return method == asked,
            ("*", Some(_)) => {}
            (segment, Some(found)) if segment == found => {}
            _ => return false,
        }
    }
    method == asked && path.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_whole_segments() {
        assert!(action_matches("GET /clusters/*", "GET /clusters/main"));
        assert!(!action_matches("GET /clusters/*", "GET /clusters"));
        assert!(!action_matches("GET /clusters/*", "GET /clusters/main/node-groups"));
        assert!(!action_matches("GET /clusters/*", "DELETE /clusters/main"));
        assert!(action_matches("GET /clusters/**", "GET /clusters/main/node-groups"));
        assert!(action_matches("*", "DescribeVpcs"));
    }

    #[test]
    fn the_action_is_found_in_each_protocol() {
        let query = Request::new("POST", "https://ec2.us-west-2.amazonaws.com/")
            .header("Content-Type", "application/x-www-form-urlencoded");
        let query = Request { body: b"Action=DescribeVpcs&VpcId.1=vpc%2D1".to_vec(), ..query };
        assert_eq!(action(&query), "DescribeVpcs");
        assert_eq!(form(&query)["VpcId.1"], "vpc-1");

        let target = Request::new("POST", "https://x/").header("X-Amz-Target", "DynamoDB_20120810.PutItem");
        assert_eq!(action(&target), "PutItem");

        assert_eq!(action(&Request::get("https://eks.us-west-2.amazonaws.com/clusters?maxResults=1")), "GET /clusters");
    }

    #[test]
    #[should_panic(expected = "nothing is scripted for EC2 GET /")]
    fn an_unscripted_request_is_loud() {
        let _ = FakeCloud::new().start(&Request::get("https://ec2.us-west-2.amazonaws.com").service_id("EC2"));
    }
}
