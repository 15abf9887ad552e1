//! What has been struck already, on disk: a sweep goes on where the one before it ended, however that ended.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Point, Topology};

/// What came of a point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The run was killed, and what followed led to the same end.
    Held,
    /// The run ended before it came there: what runs side by side takes another number of looks each time.
    NotReached,
    /// What went wrong.
    Failed(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    point: String,
    outcome: Outcome,
}

/// The points of one binary on one emulator in one topology, and what came of them. One file: the points in its first line, then a
/// line for each that was struck. Of two lines about one point the later counts.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    points: Vec<Point>,
    outcomes: BTreeMap<Point, Outcome>,
}

impl Ledger {
    /// Opens it, if it has been begun.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        // A line without an end is of a sweep that was killed while it wrote: that point is struck again.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut lines = text[..whole].lines();
        let names: Vec<String> = serde_json::from_str(lines.next().context("an empty ledger")?)
            .with_context(|| format!("{} does not begin with points", path.display()))?;
        let points = names.iter().map(|name| name.parse()).collect::<Result<Vec<Point>>>()?;
        let mut outcomes = BTreeMap::new();
        for line in lines {
            let line: Line = serde_json::from_str(line).with_context(|| format!("in {}: {line}", path.display()))?;
            outcomes.insert(line.point.parse()?, line.outcome);
        }
        let file = OpenOptions::new().append(true).open(path).with_context(|| format!("open {}", path.display()))?;
        let ledger = Self { file, points, outcomes };
        ledger.file.set_len(whole as u64).context("cut off half a line")?;
        Ok(Some(ledger))
    }

    /// Begins it with these points.
    pub fn begin(path: &Path, points: &[Point]) -> Result<Self> {
        ensure!(!points.is_empty(), "there is nothing to strike");
        let names: Vec<String> = points.iter().map(ToString::to_string).collect();
        let directory = path.parent().context("a ledger in a directory")?;
        fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
        // It is there whole or not at all.
        let new = path.with_extension("new");
        fs::write(&new, format!("{}\n", serde_json::to_string(&names)?))
            .and_then(|()| fs::rename(&new, path))
            .with_context(|| format!("write {}", path.display()))?;
        Self::open(path)?.context("the ledger that was just begun")
    }

    /// Remembers what came of a point, on disk when this returns.
    pub fn note(&mut self, point: &Point, outcome: Outcome) -> Result<()> {
        let line = serde_json::to_string(&Line { point: point.to_string(), outcome: outcome.clone() })?;
        self.file.write_all(format!("{line}\n").as_bytes()).context("write the ledger")?;
        self.outcomes.insert(point.clone(), outcome);
        Ok(())
    }

    /// All points, in their order.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// What came of a point; none when it was not struck.
    pub fn outcome(&self, point: &Point) -> Option<&Outcome> {
        self.outcomes.get(point)
    }
}

/// Where the ledger stands below a directory: another binary has another one, and so has another config.
pub fn place(directory: &Path, binary: &Path, emulator: &str, topology: Topology) -> Result<PathBuf> {
    let mut hash = Sha256::new();
    hash.update(fs::read(binary).with_context(|| format!("read {}", binary.display()))?);
    hash.update(topology.config());
    let digest: [u8; 32] = hash.finalize().into();
    let digest = u64::from_be_bytes(digest[..8].try_into().context("a digest")?);
    Ok(directory.join(format!("{digest:016x}")).join(format!("{emulator}-{topology}.jsonl")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(n: u64) -> Point {
        format!("deploy write {n} after").parse().unwrap()
    }

    #[test]
    fn a_ledger_remembers_what_was_struck() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/moto-design.jsonl");
        assert!(Ledger::open(&path).unwrap().is_none());
        assert!(Ledger::begin(&path, &[]).is_err());
        let mut ledger = Ledger::begin(&path, &[point(1), point(2), point(3)]).unwrap();
        ledger.note(&point(1), Outcome::Held).unwrap();
        ledger.note(&point(2), Outcome::Failed("two\nlines".to_owned())).unwrap();
        drop(ledger);

        let mut again = Ledger::open(&path).unwrap().unwrap();
        assert_eq!(again.points(), [point(1), point(2), point(3)]);
        assert_eq!(again.outcome(&point(1)), Some(&Outcome::Held));
        assert_eq!(again.outcome(&point(2)), Some(&Outcome::Failed("two\nlines".to_owned())));
        assert_eq!(again.outcome(&point(3)), None);
        // Struck again, by itself, and better now.
        again.note(&point(2), Outcome::Held).unwrap();
        drop(again);
        assert_eq!(Ledger::open(&path).unwrap().unwrap().outcome(&point(2)), Some(&Outcome::Held));
    }

    #[test]
    fn half_a_line_of_a_killed_sweep_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("moto-design.jsonl");
        let mut ledger = Ledger::begin(&path, &[point(1), point(2)]).unwrap();
        ledger.note(&point(1), Outcome::NotReached).unwrap();
        ledger.note(&point(2), Outcome::Held).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 1..20 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let mut again = Ledger::open(&path).unwrap().unwrap();
            assert_eq!(again.outcome(&point(1)), Some(&Outcome::NotReached));
            assert_eq!(again.outcome(&point(2)), None, "cut by {cut}");
            again.note(&point(2), Outcome::Held).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
        fs::write(&path, "no points\n").unwrap();
        assert!(Ledger::open(&path).is_err());
    }

    #[test]
    fn another_binary_has_another_ledger() {
        let directory = tempfile::tempdir().unwrap();
        let binary = directory.path().join("nic");
        fs::write(&binary, "one").unwrap();
        let one = place(directory.path(), &binary, "moto", Topology::Design).unwrap();
        assert_eq!(place(directory.path(), &binary, "moto", Topology::Design).unwrap(), one);
        assert_ne!(place(directory.path(), &binary, "moto", Topology::Classic).unwrap(), one);
        assert_ne!(place(directory.path(), &binary, "ministack", Topology::Design).unwrap(), one);
        fs::write(&binary, "two").unwrap();
        assert_ne!(place(directory.path(), &binary, "moto", Topology::Design).unwrap(), one);
    }
}
