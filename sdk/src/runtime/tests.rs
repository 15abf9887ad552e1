use std::cell::Cell;
use std::rc::Rc;

use futures::StreamExt;
use futures::future::{join_all, select};
use futures::stream::FuturesUnordered;
use serde_json::json;

use super::{REQUESTS_IN_FLIGHT, block_on};
use crate::cloud_http::{Request, send};
use crate::error::Error;
use crate::testing::{FakeCloud, Reply, with_cloud};

fn thing(id: usize) -> Request {
    Request::get(format!("https://things.example.com/things/{id}")).service_id("things")
}

/// Answers every thing with its own number.
fn things() -> FakeCloud {
    FakeCloud::new().on_request("things", "GET /things/*", |request| {
        Reply::new(200, request.url.rsplit('/').next().unwrap_or_default())
    })
}

async fn number(id: usize) -> usize {
    let answer = send(thing(id)).await.expect("things answer");
    String::from_utf8(answer.body).unwrap().parse().unwrap()
}

#[test]
fn joined_requests_cost_one_round_trip() {
    let cloud = things();
    let answers = with_cloud(&cloud, || block_on(async { futures::join!(number(1), number(2), number(3)) }));
    assert_eq!(answers, (1, 2, 3));
    assert_eq!(cloud.elapsed(), 1);
    assert_eq!(cloud.most_in_flight(), 3);
}

#[test]
fn requests_one_after_the_other_cost_a_round_trip_each() {
    let cloud = things();
    let sum = with_cloud(&cloud, || block_on(async { number(1).await + number(2).await + number(3).await }));
    assert_eq!(sum, 6);
    assert_eq!(cloud.elapsed(), 3);
    assert_eq!(cloud.most_in_flight(), 1);
}

#[test]
fn what_the_host_does_not_take_waits_its_turn() {
    let cloud = things();
    let many = 3 * REQUESTS_IN_FLIGHT + 5;
    let answers = with_cloud(&cloud, || block_on(join_all((0..many).map(number))));
    assert_eq!(answers, (0..many).collect::<Vec<_>>());
    assert_eq!(cloud.most_in_flight(), REQUESTS_IN_FLIGHT);
    assert_eq!(cloud.elapsed(), 4);
}

#[test]
fn a_host_that_takes_fewer_is_obeyed() {
    let cloud = things().taking_at_most(4);
    let answers = with_cloud(&cloud, || block_on(join_all((0..10).map(number))));
    assert_eq!(answers, (0..10).collect::<Vec<_>>());
    assert_eq!(cloud.most_in_flight(), 4);
}

#[test]
fn answers_come_in_the_order_of_the_cloud() {
    let cloud = FakeCloud::new().on_request("things", "GET /things/*", |request| {
        let id = request.url.rsplit('/').next().unwrap_or_default();
        Reply::new(200, id).after(id.parse().unwrap())
    });
    let order = with_cloud(&cloud, || {
        block_on([30, 10, 20].into_iter().map(number).collect::<FuturesUnordered<_>>().collect::<Vec<_>>())
    });
    assert_eq!(order, [10, 20, 30]);
    assert_eq!(cloud.elapsed(), 30);
}

#[test]
fn a_request_given_up_does_not_stand_in_the_way() {
    let cloud = FakeCloud::new().on("things", "GET /things/1", Reply::new(200, "1").after(1000)).on(
        "things",
        "GET /things/*",
        Reply::new(200, "2"),
    );
    with_cloud(&cloud, || {
        block_on(async {
            let first = select(Box::pin(number(1)), Box::pin(number(2))).await;
            assert!(matches!(first, futures::future::Either::Right((2, _))));
            drop(first);
            number(3).await;
        });
    });
    assert_eq!(cloud.elapsed(), 2);
}

#[test]
fn queued_requests_given_up_are_never_sent() {
    let cloud = things();
    with_cloud(&cloud, || {
        block_on(async {
            let all: FuturesUnordered<_> = (0..2 * REQUESTS_IN_FLIGHT).map(number).collect();
            drop(all.into_future().await);
        });
    });
    // The one that was answered made room for one more.
    assert_eq!(cloud.requests().len(), REQUESTS_IN_FLIGHT + 1);
}

#[test]
fn a_refusal_does_not_spoil_the_others() {
    let cloud = FakeCloud::new()
        .on("things", "GET /things/1", Reply::refused(Error::denied("ACTION_NOT_GRANTED", "not granted")))
        .on("things", "GET /things/2", Reply::json(500, &json!({})));
    let (refused, failed) = with_cloud(&cloud, || block_on(async { futures::join!(send(thing(1)), send(thing(2))) }));
    assert_eq!(refused, Err(Error::denied("ACTION_NOT_GRANTED", "not granted")));
    assert_eq!(failed.unwrap().status, 500);
}

#[test]
fn a_future_that_wakes_itself_is_polled_again() {
    let polls = Rc::new(Cell::new(0));
    block_on(std::future::poll_fn(|task| {
        polls.set(polls.get() + 1);
        task.waker().wake_by_ref();
        if polls.get() < 3 { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    }));
    assert_eq!(polls.get(), 3);
}

#[test]
#[should_panic(expected = "would wait for ever")]
fn waiting_for_nothing_is_told() {
    block_on(std::future::pending::<()>());
}

#[test]
fn without_a_fake_cloud_requests_are_denied() {
    assert!(matches!(block_on(send(thing(1))), Err(Error::Denied { .. })));
}
