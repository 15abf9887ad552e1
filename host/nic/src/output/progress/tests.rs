//! The views, from lists of events and a clock of the test's own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use nic_core::address::Address;
use nic_core::diagnostic::Diagnostic;
use nic_core::plan::{Action, Plan, PlannedChange, Reason};
use nic_core::ports::Event;

use super::board::Board;
use super::durations::Durations;
use super::events;
use super::frame::{above, frame};
use super::lines::{Lines, STILL};
use super::words::Level;
use crate::output::screen::Size;

const SIZE: Size = Size { columns: 80, rows: 24 };

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn change(text: &str, title: &str, action: Action, needs: &[&str]) -> PlannedChange {
    let address = address(text);
    let objects = ["Namespace", "Deployment", "Role"];
    let (provider, rest) = text.split_once('.').unwrap();
    let kind = if objects.contains(&title) {
        "kubernetes.object".to_owned()
    } else {
        format!("{provider}.{}", rest.split('.').next().unwrap())
    };
    PlannedChange {
        address,
        kind,
        title: title.to_owned(),
        action,
        reason: Reason::InConfig,
        differences: Vec::new(),
        remote_id: None,
        needs: needs.iter().map(|need| need.parse().unwrap()).collect::<BTreeSet<_>>(),
        in_progress: false,
        document_digest: None,
        values: None,
        create_first: false,
        deposed: None,
        confirmation: None,
        shared: false,
        used_by: Vec::new(),
        goes_with: None,
    }
}

const CLUSTER: &[&str] = &["aws.subnet.0", "aws.iam-role-policy-attachment.cluster-amazoneksclusterpolicy"];

/// A small platform, in the order of its plan.
fn platform(action: Action) -> Event {
    let change = |text: &str, title: &str, needs: &[&str]| change(text, title, action, needs);
    let mut changes = vec![
        change("aws.ecr-repository.jupyterlab", "ECR repository", &[]),
        change("aws.efs-file-system.shared", "EFS file system", &[]),
        change("aws.iam-role.cluster", "IAM role", &[]),
        change(CLUSTER[1], "IAM policy attachment", &["aws.iam-role.cluster"]),
        change("aws.vpc.main", "VPC", &[]),
        change("aws.subnet.0", "Subnet", &["aws.vpc.main"]),
        change("aws.security-group.main", "Security group", &["aws.vpc.main"]),
        change("aws.cluster.main", "Cluster", CLUSTER),
        change("aws.node-group.general", "Node group", &["aws.cluster.main", "aws.subnet.0"]),
        change("aws.node-group.user", "Node group", &["aws.cluster.main", "aws.subnet.0"]),
        change("aws.namespace.dev", "Namespace", &["aws.cluster.main", "aws.node-group.general"]),
        change("aws.role.dev.admin", "Role", &["aws.namespace.dev"]),
        change("aws.deployment.cluster-autoscaler", "Deployment", &["aws.iam-role.cluster", "aws.namespace.dev"]),
    ];
    if action == Action::Delete {
        changes.reverse();
    }
    Event::Planned(Arc::new(Plan { changes, ..Plan::default() }))
}

fn history() -> Durations {
    let mut history = Durations::default();
    for (kind, took) in [
        ("aws.ecr-repository", 1),
        ("aws.efs-file-system", 6),
        ("aws.iam-role", 2),
        ("aws.iam-role-policy-attachment", 1),
        ("aws.vpc", 3),
        ("aws.subnet", 1),
        ("aws.security-group", 2),
        ("aws.cluster", 540),
        ("aws.node-group", 130),
        ("kubernetes.object.Namespace", 1),
        ("kubernetes.object.Role", 1),
        ("kubernetes.object.Deployment", 2),
    ] {
        history.add(kind, Action::Create, seconds(took));
    }
    history
}

fn started(text: &str) -> Event {
    Event::Started { address: address(text), action: Action::Create }
}

fn finished(text: &str, took: u64) -> Event {
    Event::Finished { address: address(text), action: Action::Create, took: seconds(took) }
}

fn waiting(text: &str, message: &str) -> Event {
    Event::Waiting { address: address(text), message: message.to_owned() }
}

/// A board that noted these, each at its time.
fn board(history: Durations, events: &[(u64, Event)]) -> Board {
    let mut board = Board::new(history);
    for (at, event) in events {
        board.note(event, seconds(*at));
    }
    board
}

fn until_the_cluster() -> Vec<(u64, Event)> {
    let done = [
        "aws.ecr-repository.jupyterlab",
        "aws.iam-role.cluster",
        CLUSTER[1],
        "aws.vpc.main",
        "aws.subnet.0",
        "aws.security-group.main",
    ];
    let mut events = vec![(0, platform(Action::Create)), (1, started("aws.efs-file-system.shared"))];
    for (at, text) in done.into_iter().enumerate() {
        let at = at as u64 + 2;
        events.extend([(at, started(text)), (at + 1, finished(text, 1))]);
    }
    events.extend([(9, started("aws.cluster.main")), (10, waiting("aws.cluster.main", "CREATING"))]);
    events
}

fn colours(lines: &[String]) -> String {
    lines.join("\n").replace('\x1b', "␛")
}

fn plain(lines: &[String]) -> String {
    anstream::adapter::strip_str(&lines.join("\n")).to_string()
}

#[test]
fn the_tree_shows_what_runs_waits_and_is_done() {
    let mut board = board(history(), &until_the_cluster());
    insta::assert_snapshot!(plain(&frame(&board, seconds(252), SIZE)));
    insta::assert_snapshot!(colours(&frame(&board, seconds(252), SIZE)));

    // The cluster is there: node groups run beside each other, one in trouble, and the cloud is not to be trusted with the screen.
    for (at, event) in [
        (500, finished("aws.cluster.main", 491)),
        (500, finished("aws.efs-file-system.shared", 499)),
        (501, started("aws.node-group.general")),
        (502, started("aws.node-group.user")),
        (
            510,
            waiting(
                "aws.node-group.user",
                "CREATING\x1b[2J\nand a very long word of the cloud about subnets and capacity",
            ),
        ),
        (
            520,
            Event::Retrying {
                address: address("aws.node-group.general"),
                error: "throttled".to_owned(),
                after: Duration::from_millis(1500),
            },
        ),
    ] {
        board.note(&event, seconds(at));
    }
    insta::assert_snapshot!(plain(&frame(&board, seconds(700), SIZE)));
}

#[test]
fn without_history_nothing_is_promised_and_after_a_failure_the_rest_is_told() {
    let mut events = until_the_cluster();
    events.push((
        60,
        Event::Failed {
            address: address("aws.cluster.main"),
            diagnostic: Diagnostic::error("CLUSTER_CREATE_FAILED", "s", "ResourceLimitExceeded: you have reached the limit of 100 clusters in this region, ask for more of them"),
            again: false,
        },
    ));
    let because = address("aws.cluster.main");
    for text in ["aws.node-group.general", "aws.node-group.user", "aws.namespace.dev", "aws.role.dev.admin"] {
        events.push((60, Event::Skipped { address: address(text), because: because.clone() }));
    }
    let skipped = ["aws.node-group.general", "aws.node-group.user", "aws.namespace.dev", "aws.role.dev.admin"];
    let addresses = skipped.into_iter().map(address).collect();
    events.push((61, Event::NotBegun { addresses, because: vec![because] }));
    let board = board(Durations::default(), &events);
    insta::assert_snapshot!(plain(&frame(&board, seconds(61), SIZE)));
    let said: Vec<String> = events.iter().flat_map(|(at, event)| above(&board, event, seconds(*at), 80)).collect();
    insta::assert_snapshot!(plain(&said[said.len() - 3..]));
    assert!(said.iter().all(|line| console::measure_text_width(line) < 80));
}

#[test]
fn everything_goes_in_the_order_in_which_it_goes() {
    let mut history = Durations::default();
    for kind in ["cluster", "node-group", "vpc", "subnet", "security-group", "iam-role", "iam-role-policy-attachment"] {
        history.add(&format!("aws.{kind}"), Action::Delete, seconds(100));
    }
    for kind in ["aws.ecr-repository", "aws.efs-file-system", "kubernetes.object.Namespace", "kubernetes.object.Role"] {
        history.add(kind, Action::Delete, seconds(10));
    }
    history.add("kubernetes.object.Deployment", Action::Delete, seconds(10));
    let deleting = |text: &str| Event::Started { address: address(text), action: Action::Delete };
    let board = board(history, &[(0, platform(Action::Delete)), (0, deleting("aws.role.dev.admin"))]);
    // Role, namespace, node group, cluster, subnet, VPC.
    assert_eq!(board.left(seconds(0)), Some(seconds(10 + 10 + 100 + 100 + 100 + 100)));
    insta::assert_snapshot!(plain(&frame(&board, seconds(2), SIZE)));
}

#[test]
fn an_edit_of_one_thing_is_shown_where_it_belongs() {
    let Event::Planned(plan) = platform(Action::NoOp) else { unreachable!() };
    let mut plan = (*plan).clone();
    plan.changes
        .iter_mut()
        .filter(|c| c.address.as_str() == "aws.node-group.user")
        .for_each(|c| c.action = Action::Update);
    let update = Event::Started { address: address("aws.node-group.user"), action: Action::Update };
    let board = board(history(), &[(0, Event::Planned(Arc::new(plan))), (0, update)]);
    insta::assert_snapshot!(plain(&frame(&board, seconds(2), SIZE)));
}

#[test]
fn the_area_is_never_larger_than_the_terminal() {
    let mut changes = vec![change("aws.cluster.main", "Cluster", Action::NoOp, &[])];
    for group in 0..40 {
        let text = format!("aws.node-group.with-a-rather-long-name-so-that-it-does-not-fit-{group}");
        changes.push(change(&text, "Node group", Action::Create, &["aws.cluster.main"]));
        changes.push(change(&format!("aws.namespace.n{group}"), "Namespace", Action::Create, &["aws.cluster.main"]));
    }
    let all: Vec<String> = changes.iter().map(|change| change.address.to_string()).collect();
    let mut events = vec![(0, Event::Planned(Arc::new(Plan { changes, ..Plan::default() })))];
    events.extend(all.iter().skip(1).map(|text| (1, started(text))));
    let board = board(Durations::default(), &events);
    for rows in [0, 1, 2, 3, 5, 24, 200] {
        for columns in [1, 10, 20, 40, 80, 100] {
            let lines = frame(&board, seconds(4000), Size { columns, rows });
            assert!(lines.len() < rows.max(1), "{} lines in {rows}", lines.len());
            let widest = lines.iter().map(|line| console::measure_text_width(line)).max().unwrap_or_default();
            assert!(widest < columns, "{widest} of {columns}: {}", plain(&lines));
        }
    }
    insta::assert_snapshot!(plain(&frame(&board, seconds(4000), Size { columns: 60, rows: 12 })));
}

#[test]
fn nothing_is_shown_before_the_first_change_and_after_the_last() {
    let mut board = board(history(), &[(0, platform(Action::Create))]);
    assert_eq!(frame(&board, seconds(1), SIZE), Vec::<String>::new());
    let Event::Planned(plan) = platform(Action::Create) else { unreachable!() };
    for change in &plan.changes {
        board.note(&started(change.address.as_str()), seconds(1));
        assert!(!frame(&board, seconds(1), SIZE).is_empty());
        board.note(&finished(change.address.as_str(), 1), seconds(2));
    }
    assert_eq!(frame(&board, seconds(2), SIZE), Vec::<String>::new());
    assert_eq!(board.left(seconds(2)), Some(Duration::ZERO));
}

#[test]
fn both_halves_of_a_replacement_are_one_duration() {
    let text = "aws.node-group.general";
    let plan = Plan { changes: vec![change(text, "Node group", Action::Replace, &[])], ..Plan::default() };
    let mut board = board(Durations::default(), &[(0, Event::Planned(Arc::new(plan)))]);
    board.note(&Event::Started { address: address(text), action: Action::Delete }, seconds(10));
    board.note(&Event::Started { address: address(text), action: Action::Create }, seconds(70));
    insta::assert_snapshot!(plain(&frame(&board, seconds(75), SIZE)));
    let done = Event::Finished { address: address(text), action: Action::Replace, took: seconds(30) };
    board.note(&done, seconds(100));
    assert_eq!(board.learned().unwrap().usual("aws.node-group", Action::Replace), Some(seconds(90)));
}

#[test]
fn lines_tell_what_begins_and_ends_and_what_still_goes_on() {
    let mut board = Board::new(history());
    let mut lines = Lines::default();
    let mut said = String::new();
    let mut say = |at: u64, told: Vec<super::lines::Line>| {
        for line in told {
            let _ = writeln!(said, "{at:>4} {:<5} {}", line.level.word(), line.message);
        }
    };
    let mut script = until_the_cluster();
    script.push((40, waiting("aws.cluster.main", "CREATING")));
    script.push((200, waiting("aws.cluster.main", "UPDATING")));
    script.push((205, finished("aws.cluster.main", 196)));
    let mut script = script.into_iter().peekable();
    for at in 0..=205 {
        while let Some((_, event)) = script.next_if(|(when, _)| *when == at) {
            board.note(&event, seconds(at));
            say(
                at,
                lines
                    .event(&board, &event, seconds(at))
                    .into_iter()
                    .filter(|line| line.message.contains("Cluster main"))
                    .collect(),
            );
        }
        say(at, lines.tick(&board, seconds(at)));
    }
    insta::assert_snapshot!(said);
    assert!(said.matches("Still creating Cluster").count() as u64 == 196 / STILL.as_secs(), "{said}");
    assert!(Level::Debug < Level::Info && Level::Warn < Level::Error);
}

#[test]
fn events_carry_estimates_where_there_are_any() {
    let mut board = board(history(), &[(0, platform(Action::Create))]);
    let planned = events::line(&platform(Action::Create), &board, seconds(0)).unwrap();
    assert_eq!(planned["estimate_seconds"], 3.0 + 1.0 + 540.0 + 130.0 + 1.0 + 2.0, "{planned:#}");
    let start = started("aws.cluster.main");
    assert_eq!(events::line(&start, &board, seconds(3)).unwrap()["estimate_seconds"], 540.0);
    board.note(&start, seconds(3));
    let wait = events::line(&waiting("aws.cluster.main", "CREATING"), &board, seconds(63)).unwrap();
    assert_eq!((&wait["elapsed_seconds"], &wait["message"]), (&60.0.into(), &"CREATING".into()));
    let unknown = Board::new(Durations::default());
    assert_eq!(events::line(&start, &unknown, seconds(3)).unwrap().get("estimate_seconds"), None);
}

#[test]
fn what_the_platform_lacks_is_shown_until_it_is_ready() {
    let not_ready =
        |causes: &[&str]| Event::NotReady { causes: causes.iter().map(|&cause| cause.to_owned()).collect() };
    let (mut board, mut lines) = (Board::new(history()), Lines::default());
    let mut said = Vec::new();
    let script = [
        (10, not_ready(&["no node: general has 0\x1b[2J", "Add-on coredns is DEGRADED"])),
        (25, not_ready(&["Add-on coredns is DEGRADED"])),
    ];
    for at in 0..=60 {
        for (_, event) in script.iter().filter(|(when, _)| *when == at) {
            board.note(event, seconds(at));
            said.extend(lines.event(&board, event, seconds(at)));
        }
        said.extend(lines.tick(&board, seconds(at)));
        if at == 15 {
            let shown = frame(&board, seconds(at), SIZE);
            let rows: Vec<String> = plain(&shown).lines().map(|line| line.trim_end().to_owned()).collect();
            assert!(rows[0].contains("Waiting until the platform is ready") && rows[0].ends_with(" 5s"), "{rows:#?}");
            assert_eq!(rows[1..], [" ├ no node: general has 0 [2J", " └ Add-on coredns is DEGRADED"]);
        }
    }
    let said: Vec<&str> = said.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "Waiting until the platform is ready: no node: general has 0 [2J; Add-on coredns is DEGRADED",
            "Waiting until the platform is ready: Add-on coredns is DEGRADED",
            "Still waiting until the platform is ready: Add-on coredns is DEGRADED (45s)",
        ]
    );
    let event = events::line(&script[1].1, &board, seconds(60)).unwrap();
    assert_eq!(event, serde_json::json!({"event": "not-ready", "causes": ["Add-on coredns is DEGRADED"]}));
    board.note(&Event::Ready, seconds(61));
    assert!(frame(&board, seconds(61), SIZE).is_empty() && lines.tick(&board, seconds(100)).is_empty());
}
