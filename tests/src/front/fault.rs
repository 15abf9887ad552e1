//! Faults on demand: latency, throttling, server errors, resets, lost answers, a kill at the n-th call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Answer, Dropped, Link, Log, Request, locked};

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

    /// Records a request, and answers it: as `check` refuses it, else as the faults let it: by `answer`, which has the effect, or by `error`, the
    /// cloud's own words for a fault that answers.
    pub(crate) async fn around<F: Future<Output = Answer>>(
        &self,
        log: &Log,
        request: &Request<'_>,
        link: &Link,
        check: impl Future<Output = Result<(), Answer>>,
        answer: impl Fn() -> F,
        error: impl FnOnce(&Effect) -> Answer,
    ) -> Result<Answer, Dropped> {
        let seq = log.begin(request);
        let latency = self.current_latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let answer = match check.await {
            Ok(()) => self.answer(request, link, answer, error).await?,
            Err(refusal) => refusal,
        };
        log.end(seq, request.action, answer.status);
        Ok(answer)
    }

    async fn answer<F: Future<Output = Answer>>(
        &self,
        request: &Request<'_>,
        link: &Link,
        answer: impl Fn() -> F,
        error: impl FnOnce(&Effect) -> Answer,
    ) -> Result<Answer, Dropped> {
        let Some((when, effect)) = self.strike(request.service, request.action, request.mutating) else {
            return Ok(answer().await);
        };
        let answered = match when {
            When::BeforeServer => None,
            When::AfterServer => Some(answer().await),
        };
        match effect {
            Effect::Kill(kill) => {
                kill();
                link.reset();
                Err(Dropped)
            }
            Effect::Reset => {
                link.reset();
                Err(Dropped)
            }
            Effect::LostResponse => Err(Dropped),
            Effect::Hang => std::future::pending().await,
            Effect::Delay(time) => {
                tokio::time::sleep(time).await;
                match answered {
                    Some(answer) => Ok(answer),
                    None => Ok(answer().await),
                }
            }
            Effect::Throttle | Effect::ServerError | Effect::ExpiredToken | Effect::AccessDenied => Ok(error(&effect)),
        }
    }

    fn current_latency(&self) -> Duration {
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
