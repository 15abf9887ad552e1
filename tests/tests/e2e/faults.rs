//! Faults that do not kill: a run that meets them leaves what a run leaves that meets none.
//!
//! # What is covered
//!
//! - The whole Classic platform and the whole platform of the design document, each deployed and destroyed.
//! - Which requests there are is counted on a first run that nothing befalls, so no kind can be forgotten. Each action that
//!   changes something is struck in one run at its first request by a throttle and at the second by a server error, in one by an
//!   answer that is lost, in one by a server error although the work was done. Each action that only reads is throttled once.
//! - In one run everything that is created stays out of sight for the first looks at it, and changes that name it are refused so
//!   long. The test says which sorts of things were looked for or named in that time; the others nobody needs so soon.
//! - After each deploy boto3 finds what the first run left, ids aside, and a second deploy changes nothing. After each destroy
//!   it finds an empty account.
//!
//! Faults that kill are in `crash.rs`.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use nic_tests::aws::{AwsCloud, Effect, Emulator, Hide, Matching, Wait, When, shape};
use nic_tests::namespaces::NamespaceServer;
use nic_tests::nic::Workspace;
use nic_tests::platform::{many, workspace};
use serde_json::Value;

/// The platform of the first page: version, zones and node groups are left to NIC, so that it has to look them up.
const CLASSIC: &str = "\
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
";
const DESIGN: &str = include_str!("../../../examples/aws-design/nebari-config.yaml");

const DEPLOY: &[&str] = &["deploy"];
const DESTROY: &[&str] = &["destroy", "--yes"];

/// For how many looks a new thing stays out of sight.
const LOOKS: u32 = 3;

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
}

/// An action: the service and its name.
type Action = (String, String);

/// The actions of one command.
struct Actions {
    changing: BTreeSet<Action>,
    reading: BTreeSet<Action>,
}

/// One account and one cluster.
struct Site {
    aws: AwsCloud,
    cluster: NamespaceServer,
}

impl Site {
    async fn start() -> Result<Self> {
        let (aws, cluster) = many(Emulator::Ministack, 2).await?;
        Ok(Self { aws, cluster })
    }

    fn workspace(&self, config: &str) -> Result<Workspace> {
        let workspace = workspace(&self.aws)?;
        workspace.config(config)?;
        Ok(workspace)
    }

    /// Runs the command and gives the actions it took.
    async fn actions(&self, workspace: &Workspace, command: &[&str]) -> Result<Actions> {
        self.aws.clear_log();
        workspace.ok(command).await?;
        let (changing, reading): (Vec<_>, Vec<_>) = self.aws.log().into_iter().partition(|entry| entry.mutating);
        let named = |entries: Vec<nic_tests::aws::Logged>| -> BTreeSet<Action> {
            entries.into_iter().map(|entry| (entry.service, entry.action)).collect()
        };
        Ok(Actions { changing: named(changing), reading: named(reading) })
    }

    async fn shape(&self) -> Result<Value> {
        shape(&self.aws.inventory().await?)
    }

    async fn assert_empty(&self) -> Result<()> {
        self.aws.assert_empty().await?;
        let left = self.cluster.objects();
        ensure!(left.is_empty(), "objects are left: {:?}", left.keys());
        Ok(())
    }

    /// Lets it befall each of these actions; gives how many strikes that makes.
    fn arm(&self, fate: Fate, actions: &Actions) -> u64 {
        let faults = self.aws.faults();
        faults.clear();
        self.aws.hide_created((fate == Fate::Unseen).then_some(Hide { wait: Wait::Reads(LOOKS), writes: true }));
        let of = |(service, action): &Action| Matching::action(service, action);
        let mut strikes = 0;
        for action in &actions.changing {
            let effects: Vec<(When, Effect)> = match fate {
                Fate::Refused => {
                    vec![(When::BeforeServer, Effect::Throttle), (When::BeforeServer, Effect::ServerError)]
                }
                Fate::Lost => vec![(When::AfterServer, Effect::LostResponse)],
                Fate::Misreported => vec![(When::AfterServer, Effect::ServerError)],
                Fate::Unseen => vec![],
            };
            for (nth, (when, effect)) in (1..).zip(effects) {
                faults.at(of(action), nth, when, effect);
                strikes += 1;
            }
        }
        if fate == Fate::Refused {
            for action in &actions.reading {
                faults.at(of(action), 1, When::BeforeServer, Effect::Throttle);
                strikes += 1;
            }
        }
        strikes
    }

    /// Runs the command while it befalls its requests, and says so when it fails.
    async fn run(&self, workspace: &Workspace, command: &[&str], fate: Fate, actions: &Actions) -> Result<()> {
        let strikes = self.arm(fate, actions);
        self.aws.clear_log();
        let ran = workspace.run(command).await?;
        ensure!(ran.code == 0, "{}\n{:#?}", ran.said(), self.failed());
        let struck = self.aws.faults().struck();
        ensure!(struck == strikes, "only {struck} of {strikes} faults struck");
        self.aws.faults().clear();
        Ok(())
    }

    /// The requests that were not answered well, for people.
    fn failed(&self) -> Vec<String> {
        let entries = self.aws.log().into_iter().filter(|entry| !(200..300).contains(&entry.status));
        entries.map(|e| format!("{} {} {} {}", e.status, e.service, e.action, e.summary)).collect()
    }
}

async fn converges(config: &str, unseen: &str) -> Result<()> {
    let site = Site::start().await?;
    let workspace = site.workspace(config)?;
    let deploy = site.actions(&workspace, DEPLOY).await?;
    let expected = site.shape().await?;
    let objects = site.cluster.objects();
    let destroy = site.actions(&workspace, DESTROY).await?;
    site.assert_empty().await?;
    ensure!(deploy.changing.len() > 15 && destroy.changing.len() > 10, "the first run did too little");

    for fate in [Fate::Refused, Fate::Lost, Fate::Misreported, Fate::Unseen] {
        let told = |what: &'static str| move || format!("{fate:?}: {what}");
        let workspace = site.workspace(config)?;
        site.run(&workspace, DEPLOY, fate, &deploy).await.with_context(told("deploy"))?;
        if fate == Fate::Unseen {
            let missed = site.aws.missed();
            ensure!(missed.iter().map(String::as_str).eq(unseen.split(' ')), "missed were {missed:?}");
        }
        site.aws.hide_created(None);
        let found = site.shape().await?;
        ensure!(found == expected, "{fate:?}: found\n{found:#}\nexpected\n{expected:#}");
        ensure!(site.cluster.objects() == objects, "{fate:?}: other objects are on the cluster");

        site.aws.clear_log();
        let again = workspace.ok(DEPLOY).await?;
        ensure!(site.aws.mutating_count() == 0, "{fate:?}: a second deploy changed something: {}", again.said());

        site.run(&workspace, DESTROY, fate, &destroy).await.with_context(told("destroy"))?;
        site.assert_empty().await.with_context(told("destroy"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn classic_converges_whatever_befalls_its_requests() -> Result<()> {
    let unseen = "addon cluster fs fsmt igw nodegroup policy role rtb sg subnet vpc";
    converges(CLASSIC, unseen).await
}

#[tokio::test(flavor = "multi_thread")]
async fn design_converges_whatever_befalls_its_requests() -> Result<()> {
    let unseen = "addon cluster eipalloc igw nat nodegroup role rtb sg subnet vol vpc";
    converges(DESIGN, unseen).await
}
