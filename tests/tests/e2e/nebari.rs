//! NIC beside the real Nebari: what one takes the other takes, or says why not, and both understand the same.
//!
//! Configs are made of what each key can say, the same ones in each run. `NIC_NEBARI_CASES=5000` makes as many for each provider, and
//! `NIC_NEBARI_SEED` others.

mod configs;
mod definitions;
mod providers;
mod verdict;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use nic_tests::nebari::{Answer, Nebari};
use nic_tests::nic::{Ran, Workspace};
use proptest::strategy::{Strategy as _, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use tokio::sync::Mutex;

use self::configs::{Case, Provider, configs};
use self::verdict::{Said, Together, compare};

/// How many processes of NIC's run at once.
const AT_ONCE: usize = 4;

/// How many configs that do not go together are told.
const TOLD: usize = 5;

/// How many smaller ones of each are tried.
const SHRUNK: usize = 60;

struct Both {
    provider: &'static Provider,
    nebari: Mutex<Nebari>,
    workspace: Workspace,
}

impl Both {
    async fn start(provider: &'static Provider) -> Result<Self> {
        Ok(Self { provider, nebari: Mutex::new(Nebari::start().await?), workspace: Workspace::new()? })
    }

    /// What both say of a config. `number` is of no other one at the same time.
    async fn asked(&self, number: usize, case: &Case) -> Result<(Answer, Said)> {
        let text = case.text();
        let (file, tap) = (format!("{number}.yaml"), format!("{number}.tap"));
        self.workspace.write(&file, &text)?;
        let mut command = self.workspace.command(&["validate", "--format", "json", "-f", &file])?;
        command.env("NIC_TAP", &tap).envs(&case.variables);
        let ran = Ran::from(command.output().await.context("run nic")?);
        // Nothing goes into a component of a config that is refused before.
        let seen = self.workspace.read(&tap).unwrap_or_default();
        for file in [&file, &tap] {
            drop(std::fs::remove_file(self.workspace.path().join(file)));
        }
        let document = ran.json().with_context(|| format!("{text}\n{}", ran.said()))?;
        let said = Said { code: ran.code, document, seen: tapped(&seen)? };
        Ok((self.nebari.lock().await.ask(&text, &case.variables).await?, said))
    }

    async fn judged(&self, number: usize, case: &Case) -> Result<Result<Together, String>> {
        let (nebari, nic) = self.asked(number, case).await?;
        Ok(compare(self.provider.section, &case.variables, &nebari, &nic))
    }
}

/// The context and the config of the call of `validate`.
fn tapped(seen: &str) -> Result<Option<(Value, Value)>> {
    let mut lines = seen.lines().filter_map(|line| line.strip_prefix("validate "));
    let (Some(context), Some(config)) = (lines.next(), lines.next()) else { return Ok(None) };
    Ok(Some((serde_json::from_str(context)?, serde_json::from_str(config)?)))
}

fn number(variable: &str, otherwise: usize) -> Result<usize> {
    let Some(said) = std::env::var_os(variable) else { return Ok(otherwise) };
    said.to_str().and_then(|said| said.parse().ok()).with_context(|| format!("{variable} is not a number"))
}

/// Asks both about so many configs of a provider.
async fn beside(provider: &'static Provider, cases: usize) -> Result<()> {
    let cases = number("NIC_NEBARI_CASES", cases)?;
    let seed = u8::try_from(number("NIC_NEBARI_SEED", 0)?).context("NIC_NEBARI_SEED is larger than 255")?;
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let strategy = configs(provider);
    let mut trees = Vec::new();
    for _ in 0..cases {
        trees.push(strategy.new_tree(&mut runner).map_err(anyhow::Error::msg)?);
    }

    let both = Both::start(provider).await?;
    let texts: Vec<Case> = trees.iter().map(ValueTree::current).collect();
    let asked = futures::stream::iter(texts.iter().enumerate());
    let both = &both;
    let asked =
        asked.map(|(number, case)| async move { Ok::<_, anyhow::Error>((number, both.judged(number, case).await?)) });
    let judged: Vec<_> = asked.buffer_unordered(AT_ONCE).try_collect().await?;

    let mut counted: BTreeMap<Together, usize> = BTreeMap::new();
    let mut apart = Vec::new();
    for (number, judged) in judged {
        match judged {
            Ok(together) => *counted.entry(together).or_default() += 1,
            Err(_) => apart.push(number),
        }
    }
    apart.sort_unstable();
    let shown = format!("{}: {counted:?}, {} do not go together", provider.name, apart.len());
    if apart.is_empty() {
        // Where nearly all are refused, or taken, little is compared.
        let of = |together| counted.get(&together).copied().unwrap_or_default();
        ensure!(of(Together::BothTake) * 5 > cases && of(Together::BothRefuse) * 50 > cases, "{shown}");
        return Ok(());
    }
    let mut told = shown;
    for number in apart.into_iter().take(TOLD) {
        let case = shrunk(both, &mut trees[number]).await?;
        let why = both.judged(number, &case).await?.err().unwrap_or_default();
        let _ = write!(told, "\n----- config {number} -----\n{}\n{:#?}\n{why}\n", case.text(), case.variables);
    }
    bail!("{told}")
}

/// A smaller config that does not go together either.
async fn shrunk(both: &Both, tree: &mut impl ValueTree<Value = Case>) -> Result<Case> {
    let mut smallest = tree.current();
    for _ in 0..SHRUNK {
        let is_apart = both.judged(0, &tree.current()).await?.is_err();
        if is_apart {
            smallest = tree.current();
        }
        let goes_on = if is_apart { tree.simplify() } else { tree.complicate() };
        if !goes_on {
            break;
        }
    }
    Ok(smallest)
}

#[tokio::test(flavor = "multi_thread")]
async fn configs_of_aws_are_what_they_are_for_nebari() -> Result<()> {
    beside(&providers::AWS, 500).await
}

#[tokio::test(flavor = "multi_thread")]
async fn configs_of_an_existing_cluster_are_what_they_are_for_nebari() -> Result<()> {
    beside(&providers::EXISTING, 200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn configs_of_a_local_cluster_are_what_they_are_for_nebari() -> Result<()> {
    beside(&providers::LOCAL, 150).await
}
