//! The writer, turn by turn.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Fuse};

use super::*;
use crate::lease::LEASE_LOST;
use crate::ports::Lease;
use crate::state::format_v1;

type Told = Result<(), BackendError>;

/// Writes what it is told to, when it is told to.
#[derive(Default)]
struct Slow {
    bytes: Mutex<Option<Vec<u8>>>,
    /// What the next writes wait for, and come to; those after them are done at once.
    answers: Mutex<VecDeque<oneshot::Receiver<Told>>>,
    writes: Mutex<usize>,
}

impl Slow {
    /// The end of the next write that has none yet.
    fn next(&self) -> oneshot::Sender<Told> {
        let (end, answer) = oneshot::channel();
        self.answers.lock().unwrap().push_back(answer);
        end
    }

    fn state(&self) -> State {
        format_v1::decode(self.bytes.lock().unwrap().as_deref().unwrap()).unwrap()
    }
}

#[async_trait]
impl Backend for Slow {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(None)
    }

    async fn write(&self, bytes: &[u8]) -> Told {
        *self.writes.lock().unwrap() += 1;
        let answer = self.answers.lock().unwrap().pop_front();
        if let Some(answer) = answer {
            answer.await.unwrap()?;
        }
        *self.bytes.lock().unwrap() = Some(bytes.to_vec());
        Ok(())
    }

    async fn keep(&self, _: &str, _: &[u8]) -> Told {
        Ok(())
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        None
    }
}

struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> String {
        "2026-08-01T00:00:00Z".to_owned()
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending::<()>().await;
    }

    fn jitter(&self) -> f64 {
        0.0
    }

    fn token(&self) -> String {
        "0".repeat(32)
    }
}

/// A lease whose renewal takes until it is told how it ends.
struct Slowly {
    answer: Mutex<Option<oneshot::Receiver<Told>>>,
    did: Mutex<Vec<&'static str>>,
}

#[async_trait]
impl Lease for Slowly {
    fn term(&self) -> Duration {
        Duration::from_mins(1)
    }

    async fn renew(&self) -> Told {
        let answer = self.answer.lock().unwrap().take().unwrap();
        let ended = answer.await.unwrap();
        self.did.lock().unwrap().push("renewed");
        ended
    }

    async fn release(&self) -> Told {
        self.did.lock().unwrap().push("released");
        Ok(())
    }
}

/// A journal, its writer, and where it writes.
struct Desk {
    journal: Arc<Journal>,
    writer: Fuse<BoxFuture<'static, ()>>,
    backend: Arc<Slow>,
}

impl Desk {
    fn new() -> Self {
        let state = State::empty("sim", "test", "dev", "classic", "lineage", "2026-08-01T00:00:00Z");
        let backend = Arc::new(Slow::default());
        let (journal, writer) = Journal::open(state, backend.clone(), Arc::new(Still), "0");
        Self { journal: Arc::new(journal), writer: writer.run().boxed().fuse(), backend }
    }

    /// Everybody goes as far as they can.
    fn turn<T>(&mut self, mut asked: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        (0..4).find_map(|_| {
            let answer = asked.as_mut().now_or_never();
            let _ = (&mut self.writer).now_or_never();
            answer
        })
    }

    /// The record of that name is made, or made anew, with this id.
    fn put(&self, name: &str, id: &str) -> impl Future<Output = Told> + use<> {
        let (journal, address, id) = (self.journal.clone(), at(name), id.to_owned());
        async move {
            let made = Record { remote_id: Some(id), ..record(&address) };
            journal.put(&address, move |_| Some(made)).await
        }
    }

    fn id(&mut self, name: &str) -> Option<String> {
        self.journal.record(&at(name)).now_or_never().unwrap()?.remote_id
    }
}

fn at(name: &str) -> Address {
    format!("sim.thing.{name}").parse().unwrap()
}

fn record(address: &Address) -> Record {
    Record { state_path: "cloud.things[]".to_owned(), ..Record::unmade(address.clone(), "sim.thing".to_owned()) }
}

fn broken(code: &'static str) -> Told {
    Err(BackendError { code, message: String::new(), hints: Vec::new(), details: serde_json::json!({}) })
}

fn code(told: Option<Told>) -> Option<&'static str> {
    told.map(|told| told.err().map_or("", |error| error.code))
}

#[test]
fn a_failure_is_told_to_everybody_whose_change_it_took_along_whatever_failed_since() {
    let mut desk = Desk::new();
    let (first, second) = (desk.backend.next(), desk.backend.next());
    let (mut one, mut two) = (pin!(desk.put("one", "1")), pin!(desk.put("two", "2")));
    let (_, _) = (one.as_mut().now_or_never(), two.as_mut().now_or_never());
    assert!(desk.turn(one.as_mut()).is_none());
    first.send(broken("FIRST")).unwrap();
    assert_eq!(code(desk.turn(one.as_mut())), Some("FIRST"));
    // Who wrote the second has not looked yet when another write fails.
    second.send(broken("SECOND")).unwrap();
    let mut three = pin!(desk.put("three", "3"));
    assert_eq!(code(desk.turn(three.as_mut())), Some("SECOND"));
    assert_eq!(code(desk.turn(two.as_mut())), Some("FIRST"));
    assert_eq!((desk.id("one"), desk.id("two"), desk.id("three")), (None, None, None));
    let again = pin!(desk.put("two", "2"));
    assert_eq!(code(desk.turn(again)), Some(""));
    assert_eq!(desk.backend.state().records.keys().collect::<Vec<_>>(), [&at("two")]);
}

#[test]
fn a_write_goes_on_when_nobody_waits_for_it_any_more() {
    let mut desk = Desk::new();
    let end = desk.backend.next();
    let mut one = Box::pin(desk.put("one", "1"));
    assert!(desk.turn(one.as_mut()).is_none());
    drop(one);
    end.send(Ok(())).unwrap();
    let two = pin!(desk.put("two", "2"));
    assert_eq!(code(desk.turn(two)), Some(""));
    let written: Vec<Record> = desk.backend.state().records.into_values().collect();
    assert_eq!(written.len(), 2);
    assert_eq!(*desk.journal.records().now_or_never().unwrap(), written, "memory knows what is durable");
}

#[test]
fn a_change_that_panics_ends_its_own_caller_and_nobody_else() {
    let mut desk = Desk::new();
    let (journal, another) = (desk.journal.clone(), desk.journal.clone());
    let mut bad = pin!(journal.change(|state| {
        state.serial = 99;
        panic!("a fault")
    }));
    let one = at("one");
    let mut worse = pin!(another.change_record(&one, |_| panic!("another fault")));
    let mut good = pin!(desk.put("one", "1"));
    let (_, _, _) = (bad.as_mut().now_or_never(), good.as_mut().now_or_never(), worse.as_mut().now_or_never());
    assert_eq!(code(desk.turn(good)), Some(""));
    for panicked in
        [catch_unwind(AssertUnwindSafe(|| bad.now_or_never())), catch_unwind(AssertUnwindSafe(|| worse.now_or_never()))]
    {
        assert!(panicked.unwrap_err().downcast_ref::<&str>().unwrap().contains("fault"));
    }
    assert_eq!(code(desk.turn(pin!(desk.put("two", "2")))), Some(""));
    let state = desk.backend.state();
    assert_eq!((state.serial, state.records.len()), (2, 2));
}

#[test]
fn what_was_asked_for_is_written_before_the_journal_is_closed_and_the_backend_goes_with_it() {
    let mut desk = Desk::new();
    let end = desk.backend.next();
    let mut one = Box::pin(desk.put("one", "1"));
    assert!(desk.turn(one.as_mut()).is_none());
    drop(one);
    let journal = desk.journal.clone();
    let mut closing = pin!(journal.close());
    assert!(desk.turn(closing.as_mut()).is_none());
    assert_eq!(code(desk.turn(pin!(desk.put("two", "2")))), Some("STATE_NOT_LOCKED"));
    end.send(Ok(())).unwrap();
    assert_eq!(code(desk.turn(closing)), Some(""));
    assert_eq!((desk.id("one").as_deref(), desk.id("two")), (Some("1"), None));
    assert_eq!(Arc::strong_count(&desk.backend), 1);
}

#[test]
fn a_renewal_under_way_ends_before_the_lease_is_let_go_of() {
    for (ended, did) in [(Ok(()), &["renewed", "released"][..]), (broken(LEASE_LOST), &["renewed"])] {
        let (end, answer) = oneshot::channel();
        let lease = Arc::new(Slowly { answer: Mutex::new(Some(answer)), did: Mutex::default() });
        let keeper = Keeper::new(Some(lease.clone()), Arc::new(Still));
        let holds = |keeper: &Keeper| code(keeper.holds_for(Duration::from_secs(1)).now_or_never());
        // Who asked for the renewal waits for it no more.
        assert_eq!(holds(&keeper), None);
        let mut release = pin!(keeper.release());
        assert!(release.as_mut().now_or_never().is_none());
        assert_eq!(*lease.did.lock().unwrap(), [""; 0]);
        assert_eq!(holds(&keeper), Some("STATE_NOT_LOCKED"));
        end.send(ended).unwrap();
        assert_eq!(code(release.now_or_never()), Some(""));
        assert_eq!(*lease.did.lock().unwrap(), did);
    }
}

#[test]
fn created_is_answered_when_it_is_durable_also_the_second_time() {
    let mut desk = Desk::new();
    let mut one = pin!(desk.put("one", "begun"));
    assert_eq!(code(desk.turn(one.as_mut())), Some(""));
    let created = Created::new(desk.journal.clone(), &at("one"), |_| {});
    let (end, other) = (desk.backend.next(), desk.backend.next());
    let (mut first, mut second) = (pin!(created.created("id-1")), pin!(created.created("id-1")));
    assert!(desk.turn(first.as_mut()).is_none());
    assert!(desk.turn(second.as_mut()).is_none(), "it is not durable yet");
    end.send(broken("FULL")).unwrap();
    assert_eq!(code(desk.turn(first.as_mut())), Some("FULL"));
    assert!(desk.turn(second.as_mut()).is_none(), "it is not durable yet");
    assert_eq!(desk.id("one").as_deref(), Some("begun"));
    other.send(Ok(())).unwrap();
    assert_eq!(code(desk.turn(second.as_mut())), Some(""));
    assert_eq!(desk.id("one").as_deref(), Some("id-1"));
}
