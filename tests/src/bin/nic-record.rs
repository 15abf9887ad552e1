//! The picture in the README: a deploy on the emulator and a real control plane, recorded from a terminal of 80 by 24 as an
//! animated SVG. `cargo xtask record` makes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nic_tests::aws::Emulator;
use nic_tests::configs::EXAMPLE;
use nic_tests::platform::Platform;
use nic_tests::terminal::Terminal;

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// Waits are shortened to this part: a minute of the emulator's becomes some seconds of a picture.
const PACE: &str = "0.2";

/// How often the screen is looked at.
const LOOK: Duration = Duration::from_millis(600);

/// How long the last picture stands, in looks.
const LAST: usize = 8;

/// Width of a character.
const WIDTH: f32 = 8.4;

/// And of a line.
const HEIGHT: f32 = 17.0;

/// A run of characters of one style.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    column: u16,
    class: &'static str,
    text: String,
}

/// The rows of a screen.
type Picture = Vec<Vec<Run>>;

#[tokio::main]
async fn main() -> Result<()> {
    let target = PathBuf::from(std::env::args().nth(1).context("where to write the picture?")?);
    let (_platform, mut workspace) = Platform::of(Emulator::Ministack, EXAMPLE).await?;
    // The second deploy knows how long the first one took.
    workspace.env("NIC_PACE", PACE).env("NO_COLOR", "");
    workspace.ok(&["deploy"]).await?;
    workspace.ok(&["destroy", "--yes"]).await?;

    let mut terminal = Terminal::start(&workspace, &["deploy"], ROWS, COLUMNS)?;
    let mut pictures = Vec::new();
    while terminal.pass(LOOK).await? {
        pictures.push(picture(terminal.screen()));
    }
    pictures.push(picture(terminal.screen()));
    ensure!(terminal.end(LOOK * 50).await? == 0, "the deploy failed:\n{}", terminal.shown());
    std::fs::write(&target, svg(&pictures)).with_context(|| format!("write {}", target.display()))
}

fn picture(screen: &vt100::Screen) -> Picture {
    (0..ROWS).map(|row| runs(screen, row)).collect()
}

fn runs(screen: &vt100::Screen, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..COLUMNS {
        let Some(cell) = screen.cell(row, column) else { continue };
        let class = match (cell.fgcolor(), cell.dim(), cell.bold()) {
            (vt100::Color::Idx(1), ..) => "r",
            (vt100::Color::Idx(2), ..) => "g",
            (vt100::Color::Idx(3), ..) => "y",
            (vt100::Color::Idx(6), ..) => "c",
            (_, true, _) => "d",
            (_, _, true) => "b",
            _ => "",
        };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        match runs.last_mut() {
            Some(run) if run.class == class => run.text.push_str(text),
            _ => runs.push(Run { column, class, text: text.to_owned() }),
        }
    }
    for run in &mut runs {
        run.text.truncate(run.text.trim_end().len());
    }
    runs.retain(|run| !run.text.is_empty());
    runs
}

/// Every row that is ever shown stands once in the file, with the times at which it is seen.
fn svg(pictures: &[Picture]) -> String {
    let looks = pictures.len() + LAST;
    let mut seen: BTreeMap<(usize, String), Vec<usize>> = BTreeMap::new();
    for look in 0..looks {
        let picture = &pictures[look.min(pictures.len() - 1)];
        for (row, runs) in picture.iter().enumerate().filter(|(_, runs)| !runs.is_empty()) {
            seen.entry((row, spans(runs))).or_default().push(look);
        }
    }
    let (width, height) = (f32::from(COLUMNS) * WIDTH + 24.0, f32::from(ROWS) * HEIGHT + 24.0);
    let seconds = LOOK.as_secs_f32() * number(looks);
    let mut style = String::new();
    let mut body = String::new();
    for (index, ((row, spans), looks_at)) in seen.iter().enumerate() {
        let y = 24.0 + number(*row) * HEIGHT;
        if looks_at.len() == looks {
            let _ = writeln!(body, "<text y=\"{y:.0}\">{spans}</text>");
            continue;
        }
        let mut steps = String::new();
        let mut shown = false;
        for look in 0..looks {
            let now = looks_at.contains(&look);
            if now != shown || look == 0 {
                let opacity = u8::from(now);
                let _ = write!(steps, "{:.2}%{{opacity:{opacity}}}", 100.0 * number(look) / number(looks));
                shown = now;
            }
        }
        let _ = writeln!(style, "@keyframes k{index}{{{steps}}}#k{index}{{animation-name:k{index}}}");
        // Where nothing moves, the end is shown.
        let at_rest = u8::from(looks_at.contains(&(looks - 1)));
        let _ = writeln!(body, "<text id=\"k{index}\" opacity=\"{at_rest}\" y=\"{y:.0}\">{spans}</text>");
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\">\n<style>\n\
         text{{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d0d7de;white-space:pre;\
         animation:{seconds:.1}s step-end infinite}}\n\
         .g{{fill:#3fb950}}.r{{fill:#f85149}}.y{{fill:#d29922}}.c{{fill:#39c5cf}}.d{{fill:#8b949e}}.b{{font-weight:bold;fill:#fff}}\n\
         {style}</style>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n{body}</svg>\n"
    )
}

fn spans(runs: &[Run]) -> String {
    let mut text = String::new();
    for run in runs {
        let lead = run.text.len() - run.text.trim_start().len();
        let x = 12.0 + (f32::from(run.column) + number(lead)) * WIDTH;
        let words = run.text.trim_start().replace('&', "&amp;").replace('<', "&lt;");
        let width = words_width(run.text.trim_start());
        let class = if run.class.is_empty() { String::new() } else { format!(" class=\"{}\"", run.class) };
        let _ = write!(text, "<tspan x=\"{x:.1}\" textLength=\"{width:.1}\"{class}>{words}</tspan>");
    }
    text
}

fn words_width(text: &str) -> f32 {
    number(text.chars().count()) * WIDTH
}

/// Counts of a picture are small.
fn number(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}
