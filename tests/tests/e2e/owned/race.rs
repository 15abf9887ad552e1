//! Somebody makes an object between the look and the create: another tool, or another nic.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use nic_tests::nic::{Ran, Workspace};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::others::{DEFINITION, MARK, Others};
use super::{config, definition, nothing_recorded, of, start, workspace};

/// How often nic may be quicker than whoever stops it.
const ATTEMPTS: usize = 20;

/// A deploy that was stopped as soon as its plan was made.
struct Held {
    deploy: Child,
    process: String,
    stdout: BufReader<ChildStdout>,
    said: String,
}

impl Held {
    async fn start(workspace: &Workspace, more: &[&str]) -> Result<Self> {
        let mut deploy = workspace.command(&[&["deploy", "--events"][..], more].concat())?.spawn()?;
        let process = deploy.id().context("a process")?.to_string();
        let mut held = Self {
            stdout: BufReader::new(deploy.stdout.take().context("its output")?),
            deploy,
            process,
            said: String::new(),
        };
        while held.stdout.read_line(&mut held.said).await? > 0 {
            let event: Value = serde_json::from_str(held.said.lines().next_back().unwrap_or_default())?;
            if event["event"] == "planned" {
                break;
            }
        }
        signal("-STOP", &[&held]).await?;
        Ok(held)
    }

    /// What came of it, once it goes on.
    async fn end(self) -> Result<Ran> {
        let Self { deploy, mut stdout, mut said, .. } = self;
        let (output, _) = tokio::try_join!(deploy.wait_with_output(), stdout.read_to_string(&mut said))?;
        Ok(Ran { stdout: said, ..Ran::from(output) })
    }
}

/// Sends it to all of them at once.
async fn signal(name: &str, deploys: &[&Held]) -> Result<()> {
    let processes = deploys.iter().map(|held| &held.process);
    let status = Command::new("kill").arg(name).args(processes).status().await.context("send a signal")?;
    ensure!(status.success(), "`kill {name}` failed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_between_the_look_and_the_create_is_of_whoever_was_first() -> Result<()> {
    let (cluster, others) = start().await?;
    let workspace = workspace(&cluster, &config())?;
    let address = "existing.custom-resource-definition.middlewares";
    let (target, name) = (["--target", address], "middlewares.traefik.containo.us");
    let mut theirs = definition("middlewares")?;
    theirs["metadata"]["labels"] = json!({ "team": "data" });
    for attempt in 1.. {
        let deploy = Held::start(&workspace, &target).await?;
        let won = others.get(DEFINITION, name).await?.is_none();
        if won {
            others.make(DEFINITION, "traefik-chart", theirs.clone()).await?;
        }
        signal("-CONT", &[&deploy]).await?;
        let ran = deploy.end().await?;
        ensure!(ran.code == 0, "the deploy failed: {}", ran.said());
        if won {
            break;
        }
        ensure!(attempt < ATTEMPTS, "nic was quicker {ATTEMPTS} times");
        workspace.ok(&["destroy", "--yes"]).await?;
    }

    let object = others.get(DEFINITION, name).await?.context("the definition")?;
    let metadata = &object["metadata"];
    ensure!(metadata["labels"]["team"] == "data", "{metadata:#}");
    ensure!(metadata["annotations"].get(MARK).is_none(), "it bears our mark: {metadata:#}");
    let entries = metadata["managedFields"].as_array().context("entries")?;
    let as_its_own = format!("nic-{}", &workspace.lineage()?[..8]);
    let theirs = |entry: &Value| entry["manager"] != as_its_own.as_str();
    ensure!(entries.iter().all(theirs), "it is applied as if it were ours: {metadata:#}");
    let recorded = workspace.ok(&["state", "show", address, "--format", "json"]).await?.json()?;
    ensure!(recorded["shared"] == true, "{recorded:#}");
    let again = workspace.ok(&[&["deploy"][..], &target].concat()).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    workspace.ok(&["destroy", "--yes"]).await?;
    let object = others.get(DEFINITION, name).await?.context("it was deleted")?;
    ensure!(object["metadata"]["labels"]["team"] == "data" && object["spec"]["names"]["kind"] == "Middleware");
    nothing_recorded(&workspace)
}

/// Two deploys that both have seen an empty cluster before either makes anything, and then go on at the same moment.
async fn at_once(others: &Others, one: &Workspace, two: &Workspace) -> Result<[Ran; 2]> {
    for _ in 0..ATTEMPTS {
        let (first, second) = tokio::try_join!(Held::start(one, &[]), Held::start(two, &[]))?;
        let nobody_began = others.everything().await?.is_empty();
        signal("-CONT", &[&first, &second]).await?;
        let (first, second) = tokio::try_join!(first.end(), second.end())?;
        if nobody_began {
            return Ok([first, second]);
        }
        one.run(&["destroy", "--yes"]).await?;
        two.run(&["destroy", "--yes"]).await?;
    }
    bail!("nic was quicker {ATTEMPTS} times")
}

/// The uids of what a state records, by whether it is shared.
fn recorded(workspace: &Workspace, shared: bool) -> Result<BTreeMap<String, String>> {
    let records = workspace.records()?.into_iter();
    let of_sort = records.filter(|(_, record)| (record["_nic"]["shared"] == true) == shared);
    Ok(of_sort.filter_map(|(address, record)| Some((record["uid"].as_str()?.to_owned(), address))).collect())
}

/// Each object bears one mark, and whose it is by that has it among its own, and nobody else. Gives how many objects each of them has.
async fn each_has_one_owner(others: &Others, platforms: [&Workspace; 2]) -> Result<[usize; 2]> {
    let lineages = [platforms[0].lineage()?, platforms[1].lineage()?];
    let own = [recorded(platforms[0], false)?, recorded(platforms[1], false)?];
    let mut counts = [0, 0];
    for (sort, name) in others.everything().await? {
        let object = others.get(sort, &name).await?.with_context(|| format!("the {sort} `{name}`"))?;
        let mark = object["metadata"]["annotations"][MARK].as_str().unwrap_or_default();
        let uid = object["metadata"]["uid"].as_str().context("a uid")?;
        let of = |which: usize| own[which].get(uid).is_some_and(|address| mark.ends_with(&format!("/{address}")));
        let marked = lineages.iter().position(|lineage| mark.starts_with(&format!("{lineage}/")));
        let marked = marked.with_context(|| format!("the {sort} `{name}` is of neither: `{mark}`"))?;
        ensure!(of(marked), "the {sort} `{name}` is marked `{mark}`, and that one does not have it");
        ensure!(!own[1 - marked].contains_key(uid), "the {sort} `{name}`, marked `{mark}`, is the other's too");
        counts[marked] += 1;
    }
    Ok(counts)
}

/// Their definitions and a priority class are called the same.
#[tokio::test(flavor = "multi_thread")]
async fn two_platforms_that_come_at_once_share_what_either_has_made() -> Result<()> {
    let (cluster, others) = start().await?;
    let (one, two) = (workspace(&cluster, &of("first", "dev"))?, workspace(&cluster, &of("second", "prod"))?);
    let ran = at_once(&others, &one, &two).await?;
    let counts = each_has_one_owner(&others, [&one, &two]).await?;
    ensure!(counts[0] + counts[1] == 12, "{counts:?}: {:?}", others.everything().await?);
    ensure!(ran.iter().all(|ran| ran.code == 0), "{}\n{}", ran[0].said(), ran[1].said());

    // What either goes with is its own, as far as the other does not use it.
    let needed: Vec<String> = recorded(&two, false)?.into_keys().chain(recorded(&two, true)?.into_keys()).collect();
    one.ok(&["destroy", "--yes"]).await?;
    nothing_recorded(&one)?;
    let left = others.uids().await?;
    ensure!(needed.iter().all(|uid| left.contains(uid)), "the other's went too: {needed:?}, {left:?}");
    let again = two.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    two.ok(&["destroy", "--yes"]).await?;
    nothing_recorded(&two)?;
    ensure!(others.names("Namespace").await?.is_empty(), "{:?}", others.everything().await?);

    // What somebody else was quicker to make was said to be used.
    for (ran, own) in ran.iter().zip(counts) {
        let said = ran.stderr.contains("was made by somebody else meanwhile");
        ensure!(said == (own < 11), "{own} of 11 were its own: {}", ran.stderr);
    }
    Ok(())
}

/// Two people deploy one project from two states.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_states_that_come_at_once_neither_has_what_the_other_made() -> Result<()> {
    let (cluster, others) = start().await?;
    let (one, two) = (workspace(&cluster, &config())?, workspace(&cluster, &config())?);
    let [first, second] = at_once(&others, &one, &two).await?;
    let counts = each_has_one_owner(&others, [&one, &two]).await?;
    for (ran, own, another) in [(&first, counts[0], &two), (&second, counts[1], &one)] {
        ensure!(
            (ran.code == 0) == (own == 13),
            "{own} of 13 are its own, and it ended with {}: {}",
            ran.code,
            ran.said()
        );
        ensure!(ran.code == 0 || ran.said().contains(&another.lineage()?), "whose it is, is not said: {}", ran.said());
    }

    // Who has not got the namespace goes, and takes along nothing but its own.
    let namespace = others.get("Namespace", "dev").await?.context("the namespace")?;
    let mark = namespace["metadata"]["annotations"][MARK].as_str().context("a mark")?;
    let (stays, goes) = if mark.starts_with(&one.lineage()?) { (&one, &two) } else { (&two, &one) };
    let needed = recorded(stays, false)?;
    goes.ok(&["destroy", "--yes"]).await?;
    nothing_recorded(goes)?;
    let left = others.uids().await?;
    ensure!(needed.keys().all(|uid| left.contains(uid)), "the other's went too: {needed:?}, {left:?}");
    ensure!(left.len() == needed.len(), "something of its own is left: {:?}", others.everything().await?);
    // The other one goes on as if nobody had come.
    stays.ok(&["deploy"]).await?;
    let again = stays.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    ensure!(each_has_one_owner(&others, [stays, goes]).await? == [13, 0]);
    stays.ok(&["destroy", "--yes"]).await?;
    ensure!(others.everything().await?.is_empty(), "{:?}", others.everything().await?);
    nothing_recorded(stays)
}
