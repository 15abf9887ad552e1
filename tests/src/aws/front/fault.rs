//! Faults on demand: latency, throttling, server errors, resets, lost answers, a kill at the n-th call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::answer::Fault;
use super::call::{Call, Protocol};
use crate::aws::locked;

/// On which side of the server a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The request has no effect.
    BeforeServer,
    /// The request has had its effect; the answer has not been sent.
    AfterServer,
}

/// What happens to a request a fault strikes.
#[derive(Clone)]
pub enum Effect {
    /// Calls this (it kills the process under test), then drops the connection.
    Kill(Arc<dyn Fn() + Send + Sync>),
    /// Resets the connection.
    Reset,
    /// Closes the connection without an answer, after the server did its work, whatever [`When`] says.
    LostResponse,
    /// Answers the service's throttling error.
    Throttle,
    /// Answers the service's internal error.
    ServerError,
    /// Answers that the session token has expired.
    ExpiredToken,
    /// Answers that the caller may not do this.
    AccessDenied,
    /// Never answers.
    Hang,
    /// Answers, but so much later.
    Delay(Duration),
}

impl fmt::Debug for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Kill(_) => "Kill",
            Self::Reset => "Reset",
            Self::LostResponse => "LostResponse",
            Self::Throttle => "Throttle",
            Self::ServerError => "ServerError",
            Self::ExpiredToken => "ExpiredToken",
            Self::AccessDenied => "AccessDenied",
            Self::Hang => "Hang",
            Self::Delay(_) => "Delay",
        })
    }
}

type Predicate = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// Which requests a fault counts.
#[derive(Clone)]
pub struct Matching {
    mutating: Option<bool>,
    accepts: Predicate,
}

impl fmt::Debug for Matching {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Matching").field("mutating", &self.mutating).finish_non_exhaustive()
    }
}

impl Matching {
    /// Every request.
    pub fn any() -> Self {
        Self::when(|_, _| true)
    }

    /// Requests that change something.
    pub fn mutating() -> Self {
        Self { mutating: Some(true), ..Self::any() }
    }

    /// Requests that only read.
    pub fn reading() -> Self {
        Self { mutating: Some(false), ..Self::any() }
    }

    /// This action of this service.
    pub fn action(service: &str, action: &str) -> Self {
        let (service, action) = (service.to_owned(), action.to_owned());
        Self::when(move |other_service, other_action| other_service == service && other_action == action)
    }

    /// Requests whose service and action the predicate takes.
    pub fn when(accepts: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        Self { mutating: None, accepts: Arc::new(accepts) }
    }

    fn takes(&self, service: &str, action: &str, mutating: bool) -> bool {
        self.mutating.is_none_or(|wanted| wanted == mutating) && (self.accepts)(service, action)
    }
}

#[derive(Debug)]
struct Armed {
    matching: Matching,
    /// Whether the requests of each action are counted for themselves.
    apart: bool,
    /// Matching requests seen since arming, by service and action where they are counted apart.
    seen: BTreeMap<(String, String), u64>,
    first: u64,
    last: u64,
    when: When,
    effect: Effect,
}

#[derive(Debug, Default)]
struct State {
    armed: Vec<Armed>,
    latency: Duration,
    struck: u64,
}

/// The handle through which a test arms faults. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

impl Faults {
    /// Delays every request by so much.
    pub fn latency(&self, latency: Duration) {
        locked(&self.0).latency = latency;
    }

    /// Strikes the `n`-th matching request from now on (counted from 1), once.
    pub fn at(&self, matching: Matching, n: u64, when: When, effect: Effect) {
        self.between(matching, n, n, when, effect);
    }

    /// Strikes the next `n` matching requests.
    pub fn next(&self, matching: Matching, n: u64, when: When, effect: Effect) {
        self.between(matching, 1, n, when, effect);
    }

    /// Strikes every matching request until [`Faults::clear`].
    pub fn always(&self, matching: Matching, when: When, effect: Effect) {
        self.between(matching, 1, u64::MAX, when, effect);
    }

    /// Strikes the `n`-th matching request of each action, whatever actions come, until [`Faults::clear`].
    pub fn each(&self, matching: Matching, n: u64, when: When, effect: Effect) {
        self.arm(Armed { matching, apart: true, seen: BTreeMap::new(), first: n, last: n, when, effect });
    }

    fn between(&self, matching: Matching, first: u64, last: u64, when: When, effect: Effect) {
        self.arm(Armed { matching, apart: false, seen: BTreeMap::new(), first, last, when, effect });
    }

    fn arm(&self, armed: Armed) {
        let when = if matches!(armed.effect, Effect::LostResponse) { When::AfterServer } else { armed.when };
        locked(&self.0).armed.push(Armed { when, ..armed });
    }

    /// Disarms everything and takes the latency away.
    pub fn clear(&self) {
        *locked(&self.0) = State::default();
    }

    /// How many requests were struck since the start or the last `clear`.
    pub fn struck(&self) -> u64 {
        locked(&self.0).struck
    }

    pub(crate) fn current_latency(&self) -> Duration {
        locked(&self.0).latency
    }

    /// Counts this request in every armed fault and returns the one that strikes it.
    pub(crate) fn strike(&self, service: &str, action: &str, mutating: bool) -> Option<(When, Effect)> {
        let mut state = locked(&self.0);
        let mut found = None;
        for armed in &mut state.armed {
            if armed.matching.takes(service, action, mutating) {
                let of = if armed.apart { (service.to_owned(), action.to_owned()) } else { Default::default() };
                let before = armed.seen.entry(of).or_default();
                *before += 1;
                let seen = *before;
                if found.is_none() && (armed.first..=armed.last).contains(&seen) {
                    found = Some((armed.when, armed.effect.clone()));
                }
            }
        }
        state.armed.retain(|armed| armed.apart || armed.seen.values().all(|seen| *seen < armed.last));
        state.struck += u64::from(found.is_some());
        found
    }
}

/// The service's own error for an effect that answers; none for those that do not.
pub(crate) fn error(effect: &Effect, call: &Call) -> Option<Fault> {
    let (status, code, message) = match (effect, call.protocol) {
        (Effect::Throttle, Protocol::Ec2) => (503, "RequestLimitExceeded", "Request limit exceeded."),
        (Effect::Throttle, Protocol::Query) => (400, "Throttling", "Rate exceeded"),
        (Effect::Throttle, _) => (429, "ThrottlingException", "Rate exceeded"),
        (Effect::ServerError, Protocol::Ec2) => (500, "InternalError", "An internal error has occurred"),
        (Effect::ServerError, Protocol::Query) => {
            (500, "ServiceFailure", "The request processing has failed because of an unknown error")
        }
        (Effect::ServerError, _) => (500, "ServerException", "Internal server error"),
        (Effect::ExpiredToken, Protocol::Ec2) => (400, "RequestExpired", "Request has expired."),
        (Effect::ExpiredToken, Protocol::Query) => {
            (403, "ExpiredToken", "The security token included in the request is expired")
        }
        (Effect::ExpiredToken, _) => {
            (403, "ExpiredTokenException", "The security token included in the request is expired")
        }
        (Effect::AccessDenied, Protocol::Ec2) => {
            (403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
        }
        (Effect::AccessDenied, Protocol::Query) => {
            (403, "AccessDenied", "User is not authorized to perform this action")
        }
        (Effect::AccessDenied, _) => (403, "AccessDeniedException", "User is not authorized to perform this action"),
        _ => return None,
    };
    Some(Fault::new(status, code, message))
}
