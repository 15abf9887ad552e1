//! Faults that do not kill: a run that meets them leaves what a run leaves that meets none.
//!
//! # What is covered
//!
//! - The whole Classic platform and the whole platform of the design document, each deployed and destroyed.
//! - Which requests there are is counted on a first run that nothing befalls, so no kind can be forgotten. Each action that
//!   changes something is struck in one run at its first request by a throttle and at the second by a server error, in one by an
//!   answer that is lost, in one by a server error although the work was done. Each action that only reads is throttled once.
//! - In one run of Classic every action is answered late, once: patience has nothing to do with the topology.
//! - In one run everything that is created stays out of sight for the first looks at it, and changes that name it are refused so
//!   long. The test says which sorts of things were looked for or named in that time; the others nobody needs so soon.
//! - Edits of each topology, and deploys that set back what somebody changed by hand: each action that changes
//!   something is throttled at its first request, meets a server error at its second, and is done without an answer at
//!   its third.
//! - After each deploy boto3 finds what the first run left, ids aside, and a second deploy changes nothing, neither in the account
//!   nor on the cluster. After each destroy it finds an empty account.
//!
//! Faults that kill are in `crash.rs`, and all of them in `cargo xtask test --sweep`.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nic_tests::aws::{Effect, Emulator, Hide, Logged, Matching, Wait, When};
use nic_tests::configs::{EXAMPLE_DESIGN, LEAST};
use nic_tests::nic::Workspace;
use nic_tests::platform::Site;
use nic_tests::wiring::same;
use serde_json::Value;

use super::every_action::{self, CLASSIC_BY_HAND, CLASSIC_BY_HAND_AGAIN, by_hand, delete_route_table, found};

const DEPLOY: &[&str] = &["deploy"];
const DESTROY: &[&str] = &["destroy", "--yes"];

/// For how many looks a new thing stays out of sight.
const LOOKS: u32 = 3;

/// How late a slow answer comes: long after the others, and long before anybody may give up waiting.
const LATE: Duration = Duration::from_millis(300);

const FATES: [Fate; 4] = [Fate::Refused, Fate::Lost, Fate::Misreported, Fate::Unseen];

/// What befalls the requests of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// Throttled, then a server error; the third has its effect.
    Refused,
    /// The work is done, the answer does not arrive.
    Lost,
    /// The work is done, the answer is a server error.
    Misreported,
    /// What is created is not seen for a while.
    Unseen,
    /// The first answer to each action comes late.
    Slow,
}

/// An action: the service and its name.
type Action = (String, String);

/// The actions of one command.
struct Actions {
    changing: BTreeSet<Action>,
    reading: BTreeSet<Action>,
}

/// A site whose clusters are looked at more than once before they are there.
async fn start() -> Result<Site> {
    Site::start(Emulator::Ministack, 2).await
}

/// Without the key, which a cluster never loses again.
fn classic_edited() -> String {
    every_action::CLASSIC_EDITED.replace("  eks_kms_arn: KEY\n", "")
}

/// Runs the command and gives the actions it took.
async fn actions_of(site: &Site, workspace: &Workspace, command: &[&str]) -> Result<Actions> {
    site.aws.clear_log();
    workspace.ok(command).await?;
    let (changing, reading): (Vec<_>, Vec<_>) = site.aws.log().into_iter().partition(|entry| entry.mutating);
    let named = |entries: Vec<Logged>| -> BTreeSet<Action> {
        entries.into_iter().map(|entry| (entry.service, entry.action)).collect()
    };
    Ok(Actions { changing: named(changing), reading: named(reading) })
}

/// Lets it befall each of these actions; gives how many strikes that makes.
fn arm(site: &Site, fate: Fate, actions: &Actions) -> u64 {
    let faults = site.aws.faults();
    faults.clear();
    site.aws.hide_created((fate == Fate::Unseen).then_some(Hide { wait: Wait::Reads(LOOKS), writes: true }));
    let of = |(service, action): &Action| Matching::action(service, action);
    let mut strikes = 0;
    for action in &actions.changing {
        let effects: Vec<(When, Effect)> = match fate {
            Fate::Refused => vec![(When::BeforeServer, Effect::Throttle), (When::BeforeServer, Effect::ServerError)],
            Fate::Lost => vec![(When::AfterServer, Effect::LostResponse)],
            Fate::Misreported => vec![(When::AfterServer, Effect::ServerError)],
            Fate::Unseen => vec![],
            // By then the work is done: whoever gave up waiting would have it done twice.
            Fate::Slow => vec![(When::AfterServer, Effect::Delay(LATE))],
        };
        for (nth, (when, effect)) in (1..).zip(effects) {
            faults.at(of(action), nth, when, effect);
            strikes += 1;
        }
    }
    let reading = match fate {
        Fate::Refused => Some(Effect::Throttle),
        Fate::Slow => Some(Effect::Delay(LATE)),
        Fate::Lost | Fate::Misreported | Fate::Unseen => None,
    };
    if let Some(effect) = reading {
        for action in &actions.reading {
            faults.at(of(action), 1, When::BeforeServer, effect.clone());
            strikes += 1;
        }
    }
    strikes
}

/// Runs the command while it befalls its requests, and says so when it fails.
async fn run(site: &Site, workspace: &Workspace, command: &[&str], fate: Fate, actions: &Actions) -> Result<()> {
    let strikes = arm(site, fate, actions);
    site.aws.clear_log();
    let ran = workspace.run(command).await?;
    ensure!(ran.code == 0, "{}\n{:#?}", ran.said(), failed(site));
    let struck = site.aws.faults().struck();
    ensure!(struck == strikes, "only {struck} of {strikes} faults struck");
    site.aws.faults().clear();
    Ok(())
}

/// Deploys while each action that changes something is throttled at its first request, meets a server error at its
/// second, and is done without an answer at its third: whatever actions these are. Gives their names.
async fn deploy_struck(site: &Site, workspace: &Workspace) -> Result<BTreeSet<String>> {
    let strikes = [
        (When::BeforeServer, Effect::Throttle),
        (When::BeforeServer, Effect::ServerError),
        (When::AfterServer, Effect::LostResponse),
    ];
    let faults = site.aws.faults();
    faults.clear();
    for (nth, (when, effect)) in (1..).zip(strikes) {
        faults.each(Matching::mutating(), nth, when, effect);
    }
    let actions = actions_of(site, workspace, DEPLOY).await.with_context(|| format!("{:#?}", failed(site)))?;
    let (struck, strikes) = (faults.struck(), 3 * actions.changing.len() as u64);
    faults.clear();
    ensure!(struck == strikes, "{struck} faults struck, not {strikes}: {:?}", actions.changing);
    Ok(actions.changing.into_iter().map(|(_, action)| action).collect())
}

/// Of these actions none was spared.
fn were_struck(actions: &[&str], taken: &BTreeSet<String>) -> Result<()> {
    let missing: Vec<_> = actions.iter().filter(|action| !taken.contains(**action)).collect();
    ensure!(missing.is_empty(), "{missing:?} were not struck, only {taken:?}");
    Ok(())
}

/// Destroys everything, and the boundary, which is not NIC's.
async fn clean_up(site: &Site, workspace: &Workspace, boundary: &str) -> Result<()> {
    workspace.ok(DESTROY).await?;
    site.delete_boundary(boundary).await?;
    site.assert_empty().await
}

/// The requests that were not answered well, for people.
fn failed(site: &Site) -> Vec<String> {
    let entries = site.aws.log().into_iter().filter(|entry| !(200..300).contains(&entry.status));
    entries.map(|e| format!("{} {} {} {}", e.status, e.service, e.action, e.summary)).collect()
}

async fn converges(config: &str, unseen: &str, fates: &[Fate]) -> Result<()> {
    let site = start().await?;
    let workspace = site.workspace(config)?;
    let deploy = actions_of(&site, &workspace, DEPLOY).await?;
    let expected = site.shape().await?;
    let objects = site.cluster.objects();
    let destroy = actions_of(&site, &workspace, DESTROY).await?;
    site.assert_empty().await?;
    ensure!(deploy.changing.len() > 15 && destroy.changing.len() > 10, "the first run did too little");

    for &fate in fates {
        let told = |what: &'static str| move || format!("{fate:?}: {what}");
        let workspace = site.workspace(config)?;
        run(&site, &workspace, DEPLOY, fate, &deploy).await.with_context(told("deploy"))?;
        if fate == Fate::Unseen {
            let missed = site.aws.missed();
            ensure!(missed.iter().map(String::as_str).eq(unseen.split(' ')), "missed were {missed:?}");
        }
        site.aws.hide_created(None);
        let found = site.shape().await?;
        ensure!(found == expected, "{fate:?}: found\n{found:#}\nexpected\n{expected:#}");
        ensure!(site.cluster.objects() == objects, "{fate:?}: other objects are on the cluster");

        site.assert_settled(&workspace).await.with_context(told("again"))?;

        run(&site, &workspace, DESTROY, fate, &destroy).await.with_context(told("destroy"))?;
        site.assert_empty().await.with_context(told("destroy"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn classic_converges_whatever_befalls_its_requests() -> Result<()> {
    let unseen = "addon cluster fs fsmt igw nodegroup policy role rtb sg subnet vpc";
    converges(LEAST, unseen, &[&FATES[..], &[Fate::Slow]].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn design_converges_whatever_befalls_its_requests() -> Result<()> {
    let unseen = "addon cluster eipalloc igw nat nodegroup policy role rtb sg subnet vol vpc";
    converges(EXAMPLE_DESIGN, unseen, &FATES).await
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_classic_converge_whatever_befalls_their_requests() -> Result<()> {
    let site = start().await?;
    let boundary = site.make_boundary().await?;
    // Its version never goes down.
    let before = every_action::CLASSIC.replace("1.33", "1.34").replace("BOUNDARY", &boundary);
    let workspace = site.workspace(&before)?;
    workspace.ok(DEPLOY).await?;
    let expected = site.shape().await?;

    let mut taken = BTreeSet::new();
    for (way, config) in [("to", &classic_edited()), ("fro", &before)] {
        workspace.config(config)?;
        taken.extend(deploy_struck(&site, &workspace).await.context(way)?);
        site.assert_settled(&workspace).await.context(way)?;
    }
    let found = site.shape().await?;
    ensure!(found == expected, "after the way to and fro:\n{found:#}\nexpected\n{expected:#}");
    let actions = [
        "CreateTags",
        "DeleteRolePermissionsBoundary",
        "PutRolePermissionsBoundary",
        "TagResource",
        "TagRole",
        "UntagRole",
        "UpdateClusterConfig",
        "UpdateNodegroupConfig",
    ];
    were_struck(&actions, &taken)?;
    clean_up(&site, &workspace, &boundary).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_design_converges_whatever_befalls_its_requests() -> Result<()> {
    let site = start().await?;
    let boundary = site.make_boundary().await?;
    let workspace = site.workspace(every_action::DESIGN)?;
    workspace.ok(DEPLOY).await?;
    let before = site.aws.inventory().await?;

    workspace.config(&every_action::DESIGN_EDITED.replace("BOUNDARY", &boundary))?;
    let taken = deploy_struck(&site, &workspace).await?;
    were_struck(&["ModifyVolume"], &taken)?;
    site.assert_settled(&workspace).await?;
    // What the next deploy finds is as the config asks; the rest is in what boto3 finds: as many things as before, and one of each.
    let found = site.aws.inventory().await?;
    let counts = |inventory: &Value| -> Vec<(String, usize)> {
        let lists = inventory.as_object().into_iter().flatten();
        lists.map(|(name, list)| (name.clone(), list.as_array().map_or(0, Vec::len))).collect()
    };
    ensure!(counts(&found) == counts(&before), "{:?}, before {:?}", counts(&found), counts(&before));
    ensure!(found["volumes"][0]["Size"] == 600, "{:#}", found["volumes"]);
    clean_up(&site, &workspace, &boundary).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_by_hand_is_set_back_whatever_befalls_the_requests() -> Result<()> {
    let site = start().await?;
    let workspace = site.workspace(&classic_edited())?;
    workspace.ok(DEPLOY).await?;
    let expected = found(&site).await?;

    let mut taken = BTreeSet::new();
    for (what, script) in [("attributes", CLASSIC_BY_HAND), ("rules", CLASSIC_BY_HAND_AGAIN)] {
        let other = by_hand(&site, script).await?;
        taken.extend(deploy_struck(&site, &workspace).await.context(what)?);
        site.assert_settled(&workspace).await.context(what)?;
        if !other.is_null() {
            delete_route_table(&site, &other).await?;
        }
        same(&found(&site).await?, &expected).context(what)?;
    }
    let actions = [
        "AddClientIDToOpenIDConnectProvider",
        "AttachRolePolicy",
        "AuthorizeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "CreateOrUpdateTags",
        "CreatePolicyVersion",
        "CreateRoute",
        "CreateTags",
        "DeleteRoute",
        "ModifyMountTargetSecurityGroups",
        "ModifySubnetAttribute",
        "ModifyVpcAttribute",
        "PutImageScanningConfiguration",
        "RemoveClientIDFromOpenIDConnectProvider",
        "ReplaceRouteTableAssociation",
        "RevokeSecurityGroupEgress",
        "RevokeSecurityGroupIngress",
        "Tag",
        "TagOpenIDConnectProvider",
        "TagResource",
        "TagRole",
        "UpdateAddon",
        "UpdateAssumeRolePolicy",
        "UpdateClusterConfig",
        "UpdateFileSystem",
        "UpdateGroup",
        "UpdateGroupQuery",
        "UpdateNodegroupConfig",
        "UpdateSecurityGroupRuleDescriptionsEgress",
        "UpdateSecurityGroupRuleDescriptionsIngress",
    ];
    were_struck(&actions, &taken)?;
    site.destroy(&workspace).await
}
