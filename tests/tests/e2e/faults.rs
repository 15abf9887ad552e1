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
//! - Edits of each topology: each action that changes something is throttled at its first request, and done without an answer at its
//!   second.
//! - After each deploy boto3 finds what the first run left, ids aside, and a second deploy changes nothing, neither in the account
//!   nor on the cluster. After each destroy it finds an empty account.
//!
//! Faults that kill are in `crash.rs`.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nic_tests::aws::{AwsCloud, Effect, Emulator, Hide, Matching, Wait, When, shape};
use nic_tests::namespaces::NamespaceServer;
use nic_tests::nic::Workspace;
use nic_tests::platform::{many, workspace};
use serde_json::Value;

use super::every_action;

/// The platform of the first page: version, zones and node groups are left to NIC, so that it has to look them up.
const CLASSIC: &str = "\
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
";
const DESIGN: &str = include_str!("../../../examples/aws-design/nebari-config.yaml");

/// What an edit begins with.
const CLASSIC_BEFORE: &str = r#"
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  eks_endpoint_access: public
  eks_public_access_cidrs: [198.51.100.0/24]
  tags: {Team: data, Floor: "3"}
  node_groups:
    general: {instance: m5.large, min_nodes: 1, max_nodes: 1, labels: {tier: "1", old: "1"}, taints: ["a=b:NoSchedule"]}
    user: {instance: m5.large, max_nodes: 3}
"#;

/// What AWS lets change in place, to and fro. `BOUNDARY` is made by the test.
const CLASSIC_AFTER: &str = r#"
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  permissions_boundary: BOUNDARY
  eks_endpoint_access: public_and_private
  eks_public_access_cidrs: [203.0.113.0/24]
  tags: {Floor: "4"}
  node_groups:
    general: {instance: m5.large, min_nodes: 1, max_nodes: 2, labels: {tier: "2"}, taints: ["a=c:NoSchedule", "d:NoExecute"]}
    user: {instance: m5.large, max_nodes: 4, taints: []}
"#;

/// A volume grows and never shrinks, so there is no way back.
const DESIGN_AFTER: &str = r#"
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  permissions_boundary: BOUNDARY
  tags: {Floor: "4"}
  node_groups:
    general: {instance_type: m5.large, min_size: 1, max_size: 2, labels: {tier: "2"}}
  storage: {type: ebs, size: 600}
"#;

const MAKE_BOUNDARY: &str = r#"
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
show(client("iam").create_policy(PolicyName="boundary", PolicyDocument=json.dumps(policy))["Policy"]["Arn"])
"#;

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

    /// Deploys while each action that changes something is throttled at its first request, and done without an answer at its second:
    /// whatever actions these are. Gives their names.
    async fn deploy_struck(&self, workspace: &Workspace) -> Result<BTreeSet<String>> {
        let faults = self.aws.faults();
        faults.clear();
        faults.each(Matching::mutating(), 1, When::BeforeServer, Effect::Throttle);
        faults.each(Matching::mutating(), 2, When::AfterServer, Effect::LostResponse);
        let actions = self.actions(workspace, DEPLOY).await.with_context(|| format!("{:#?}", self.failed()))?;
        let (struck, strikes) = (faults.struck(), 2 * actions.changing.len() as u64);
        faults.clear();
        ensure!(struck == strikes, "{struck} faults struck, not {strikes}: {:?}", actions.changing);
        Ok(actions.changing.into_iter().map(|(_, action)| action).collect())
    }

    /// A deploy finds nothing to do, neither in the account nor on the cluster.
    async fn assert_settled(&self, workspace: &Workspace) -> Result<()> {
        self.aws.clear_log();
        self.cluster.clear_writes();
        let again = workspace.ok(DEPLOY).await?;
        ensure!(again.stdout.contains("Done. (0 changes)"), "a second deploy found something: {}", again.said());
        ensure!(self.aws.mutating_count() == 0, "a second deploy changed something: {}", again.said());
        let writes = self.cluster.writes();
        ensure!(writes.is_empty(), "a second deploy wrote to the cluster: {writes:?}");
        Ok(())
    }

    /// A policy that may bound roles: its ARN.
    async fn make_boundary(&self) -> Result<String> {
        Ok(serde_json::from_value(self.aws.inspect(MAKE_BOUNDARY).await?)?)
    }

    /// Destroys everything, and the boundary, which is not NIC's.
    async fn clean_up(&self, workspace: &Workspace, boundary: &str) -> Result<()> {
        workspace.ok(DESTROY).await?;
        self.aws.inspect(&format!("client('iam').delete_policy(PolicyArn='{boundary}'); show(None)")).await?;
        self.assert_empty().await
    }

    /// The requests that were not answered well, for people.
    fn failed(&self) -> Vec<String> {
        let entries = self.aws.log().into_iter().filter(|entry| !(200..300).contains(&entry.status));
        entries.map(|e| format!("{} {} {} {}", e.status, e.service, e.action, e.summary)).collect()
    }
}

async fn converges(config: &str, unseen: &str, fates: &[Fate]) -> Result<()> {
    let site = Site::start().await?;
    let workspace = site.workspace(config)?;
    let deploy = site.actions(&workspace, DEPLOY).await?;
    let expected = site.shape().await?;
    let objects = site.cluster.objects();
    let destroy = site.actions(&workspace, DESTROY).await?;
    site.assert_empty().await?;
    ensure!(deploy.changing.len() > 15 && destroy.changing.len() > 10, "the first run did too little");

    for &fate in fates {
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

        site.assert_settled(&workspace).await.with_context(told("again"))?;

        site.run(&workspace, DESTROY, fate, &destroy).await.with_context(told("destroy"))?;
        site.assert_empty().await.with_context(told("destroy"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn classic_converges_whatever_befalls_its_requests() -> Result<()> {
    let unseen = "addon cluster fs fsmt igw nodegroup policy role rtb sg subnet vpc";
    converges(CLASSIC, unseen, &[&FATES[..], &[Fate::Slow]].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn design_converges_whatever_befalls_its_requests() -> Result<()> {
    let unseen = "addon cluster eipalloc igw nat nodegroup policy role rtb sg subnet vol vpc";
    converges(DESIGN, unseen, &FATES).await
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_classic_converge_whatever_befalls_their_requests() -> Result<()> {
    let site = Site::start().await?;
    let boundary = site.make_boundary().await?;
    let workspace = site.workspace(CLASSIC_BEFORE)?;
    workspace.ok(DEPLOY).await?;
    let expected = site.shape().await?;

    let mut taken = BTreeSet::new();
    let after = CLASSIC_AFTER.replace("BOUNDARY", &boundary);
    for (way, config) in [("to", after.as_str()), ("fro", CLASSIC_BEFORE)] {
        workspace.config(config)?;
        taken.extend(site.deploy_struck(&workspace).await.context(way)?);
        site.assert_settled(&workspace).await.context(way)?;
    }
    let found = site.shape().await?;
    ensure!(found == expected, "after the way to and fro:\n{found:#}\nexpected\n{expected:#}");
    for action in [
        "CreateTags",
        "DeleteRolePermissionsBoundary",
        "PutRolePermissionsBoundary",
        "TagResource",
        "TagRole",
        "UntagRole",
        "UpdateClusterConfig",
        "UpdateNodegroupConfig",
    ] {
        ensure!(taken.contains(action), "{action} was not struck, only {taken:?}");
    }
    site.clean_up(&workspace, &boundary).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_design_converges_whatever_befalls_its_requests() -> Result<()> {
    let site = Site::start().await?;
    let boundary = site.make_boundary().await?;
    let workspace = site.workspace(every_action::DESIGN)?;
    workspace.ok(DEPLOY).await?;
    let before = site.aws.inventory().await?;

    workspace.config(&DESIGN_AFTER.replace("BOUNDARY", &boundary))?;
    let taken = site.deploy_struck(&workspace).await?;
    ensure!(taken.contains("ModifyVolume"), "{taken:?}");
    site.assert_settled(&workspace).await?;
    // What the next deploy finds is as the config asks; the rest is in what boto3 finds: as many things as before, and one of each.
    let found = site.aws.inventory().await?;
    let counts = |inventory: &Value| -> Vec<(String, usize)> {
        let lists = inventory.as_object().into_iter().flatten();
        lists.map(|(name, list)| (name.clone(), list.as_array().map_or(0, Vec::len))).collect()
    };
    ensure!(counts(&found) == counts(&before), "{:?}, before {:?}", counts(&found), counts(&before));
    ensure!(found["volumes"][0]["Size"] == 600, "{:#}", found["volumes"]);
    site.clean_up(&workspace, &boundary).await
}
