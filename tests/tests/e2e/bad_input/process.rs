//! What befalls the process itself: a panic, limits of the system, pipes that nobody reads.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use anyhow::{Context as _, Result, ensure};
use nic_tests::aws::ensure_venv;
use nic_tests::configs::{EXAMPLE, EXISTING};
use nic_tests::nic::{Ran, Workspace, binary};
use nic_tests::platform::PACE;
use nic_tests::schemas::conforms;
use nic_tests::things::{Attacker, Things, granting};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Nobody may see it: it stands among the arguments, and in the words of every panic that a test asks for.
const ARGUMENT: &str = "PLANTED/nic-state.json";

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_wherever_it_is_with_what_to_report_and_nothing_else() -> Result<()> {
    for place in ["start", "command", "task", "blocking"] {
        let mut workspace = Workspace::new()?;
        workspace.config(EXISTING)?;
        workspace.env("NIC_FAULT", format!("panic:{place}"));
        let text = workspace.run(&["plan", "--state", ARGUMENT]).await?;
        let json = workspace.run(&["plan", "--state", ARGUMENT, "--format", "json"]).await?;
        let events = workspace.run(&["plan", "--state", ARGUMENT, "--events"]).await?;
        for ran in [&text, &json, &events] {
            ensure!(ran.code == 2 && ran.said().contains("INTERNAL"), "{place}: {} {}", ran.code, ran.said());
            ensure!(!ran.said().contains("PLANTED") && !ran.said().contains("backtrace"), "{place}: {}", ran.said());
        }
        ensure!(
            text.stdout.is_empty() && text.stderr.contains("`nic plan` at host/nic/src/fault.rs:"),
            "{}",
            text.said()
        );
        let document = json.json()?;
        conforms(&document, "error.json")?;
        let details = &document["error"]["details"];
        ensure!(details["command"] == "plan" && details["version"] == env!("CARGO_PKG_VERSION"), "{document:#}");
        ensure!(document["error"]["recovery_suggestions"][0].as_str().is_some_and(|hint| hint.contains("/issues")));
        let last: Value = serde_json::from_str(events.stdout.lines().last().context("no event")?)?;
        conforms(&last, "event.json")?;
        ensure!(last["document"]["error"]["code"] == "INTERNAL", "{last:#}");
        ensure!(!workspace.path().join("PLANTED").exists(), "something was begun");
        // Who asks for it is told where it came from.
        workspace.env("RUST_BACKTRACE", "1");
        let ran = workspace.run(&["plan", "--state", ARGUMENT]).await?;
        ensure!(ran.stderr.contains("nic::fault") && !ran.said().contains("PLANTED"), "{}", ran.said());
    }
    Ok(())
}

/// A deploy of some things, one after the other.
fn deploy_of(things: &Things, count: usize) -> Result<(Workspace, TempDir)> {
    let components = granting(things, |_| ())?;
    let mut workspace = Workspace::new()?;
    workspace.env("NIC_COMPONENTS_DIR", components.path().display().to_string()).env("NIC_PACE", PACE.to_string());
    let resource = |number: usize| match number {
        0 => json!({ "name": "n0" }),
        _ => json!({ "name": format!("n{number}"), "depends_on": [format!("n{}", number - 1)] }),
    };
    let section = json!({ "endpoint": things.endpoint(), "resources": (0..count).map(resource).collect::<Vec<_>>() });
    let config = json!({ "project_name": "my-nebari", "provider": "scripted", "scripted": section });
    workspace.config(&config.to_string())?;
    Ok((workspace, components))
}

fn each_once(things: &Things, count: usize) -> Result<()> {
    let made = things.made()?;
    ensure!(made.len() == count && made.values().all(|times| *times == 1), "{made:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_middle_of_a_deploy_leaves_a_state_that_goes_on() -> Result<()> {
    let things = Things::new("panic")?;
    let (mut workspace, _components) = deploy_of(&things, 4)?;
    for write in [1, 3, 6] {
        workspace.env("NIC_FAULT", format!("panic:write:{write}"));
        let ran = workspace.run(&["deploy", "--format", "json"]).await?;
        ensure!(ran.code == 2 && ran.json()?["error"]["code"] == "INTERNAL", "{write}: {}", ran.said());
        ensure!(!workspace.stage().join("nic-state.json").exists() || workspace.state().is_ok(), "{write}");
    }
    workspace.env("NIC_FAULT", "");
    workspace.ok(&["deploy"]).await?;
    each_once(&things, 4)
}

/// Each run ends with an answer; what a limit caused names the limit.
fn is_answered(ran: &Ran, limit: &str, of: u32) -> Result<bool> {
    ensure!([0, 2].contains(&ran.code), "with {of}: ended with {}\n{}", ran.code, ran.said());
    ensure!(!ran.said().contains("INTERNAL"), "with {of}: {}", ran.said());
    let met = ["(os error 24)", "(os error 11)"].iter().any(|error| ran.stderr.contains(error));
    ensure!(!met || ran.stderr.contains(limit), "with {of} the limit is not named: {}", ran.said());
    ensure!(!met || !ran.stderr.contains("internet"), "with {of}: {}", ran.said());
    Ok(met)
}

#[tokio::test(flavor = "multi_thread")]
async fn few_open_files_are_named_by_their_limit() -> Result<()> {
    let answer = "<Response><Errors><Error><Code>RequestExpired</Code><Message>Request has expired.</Message></Error></Errors></Response>";
    let aws = Attacker::start("400 Bad Request", |_| answer.to_owned()).await?;
    let mut workspace = Workspace::new()?;
    workspace.config(EXAMPLE)?;
    workspace
        .env("NIC_PACE", "0.01")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_ACCESS_KEY_ID", "AKIANICTEST0EXAMPLE0")
        .env("AWS_SECRET_ACCESS_KEY", "nic/test/only/0000000000000000000EXAMPLE")
        .env("AWS_ENDPOINT_URL", format!("http://{}", aws.address()));
    workspace.ok(&["validate"]).await?;
    let mut met = 0;
    for most in [5, 10, 12, 16, 32] {
        let limited = ["sh".to_owned(), "-c".to_owned(), format!("ulimit -n {most}; exec \"$0\" \"$@\"")];
        let limited: Vec<&str> = limited.iter().map(String::as_str).collect();
        for arguments in [&["validate"][..], &["deploy"]] {
            let ran = workspace.run_under(&limited, arguments).await?;
            met += u32::from(is_answered(&ran, "`ulimit -n", most)?);
        }
    }
    ensure!(met > 2, "no limit was met: the test would prove nothing");
    let ran = workspace
        .run_under(&["sh", "-c", "ulimit -n 5; exec \"$0\" \"$@\""], &["validate", "--format", "json"])
        .await?;
    ensure!(ran.json()?["error"]["code"] == "PROCESS_LIMIT_REACHED", "{}", ran.said());
    Ok(())
}

/// Root may have any number of threads, so somebody else runs it, with a copy that anybody may run.
#[tokio::test(flavor = "multi_thread")]
async fn few_threads_are_named_by_their_limit() -> Result<()> {
    const SOMEBODY: [&str; 4] = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"];
    let mut workspace = Workspace::new()?;
    workspace.config(EXISTING)?;
    let open = |path: &std::path::Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    let (program, cache) = (workspace.path().join("nic"), workspace.path().join("cache"));
    std::fs::copy(binary()?, &program)?;
    std::fs::create_dir(&cache)?;
    open(workspace.path(), 0o755)?;
    open(&program, 0o755)?;
    open(&cache, 0o777)?;
    workspace.env("NIC_CACHE_DIR", cache.display().to_string());
    let root = std::fs::metadata("/proc/self")?.uid() == 0;
    let mut met = 0;
    for most in 1..=5 {
        let limit = format!("--nproc={most}");
        let run = [&["prlimit", &limit][..], if root { &SOMEBODY } else { &[] }].concat();
        let program = program.display().to_string();
        // `run_under` puts the binary under test behind its wrapper: `$0` is not used here.
        let copy = format!("exec {program} \"$@\"");
        let wrapper = [&run[..], &["sh", "-c", &copy]].concat();
        let ran = workspace.run_under(&wrapper, &["validate"]).await?;
        met += u32::from(is_answered(&ran, "`ulimit -u`", most)?);
    }
    ensure!(met > 0, "no limit was met: the test would prove nothing");
    Ok(())
}

/// A sandbox that lets no program wait for events, which is no limit that anybody could raise: a filter of system calls that refuses
/// `epoll_create1` alone.
const SANDBOX: &str = r#"
import ctypes, os, platform, struct, sys
call = {"x86_64": 291, "aarch64": 20}[platform.machine()]
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x50000 | 1), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
program = ctypes.create_string_buffer(struct.pack("HP", len(rules), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
for arguments in [(38, 1, 0, 0, 0), (22, 2, ctypes.addressof(program), 0, 0)]:
    if libc.prctl(arguments[0], *map(ctypes.c_ulong, arguments[1:])):
        sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_does_not_let_it_start_is_told_in_its_own_words() -> Result<()> {
    let python = tokio::task::spawn_blocking(|| ensure_venv(&|_| ())).await??.join("bin/python").display().to_string();
    let workspace = Workspace::new()?;
    workspace.config(EXISTING)?;
    for format in [&[][..], &["--format", "json"]] {
        let ran = workspace.run_under(&[&python, "-c", SANDBOX], &[&["validate"], format].concat()).await?;
        ensure!(ran.code == 2 && ran.said().contains("RUNTIME_NOT_STARTED"), "{} {}", ran.code, ran.said());
        ensure!(ran.said().contains("Operation not permitted") && ran.said().contains("ulimit -a"), "{}", ran.said());
    }
    Ok(())
}

/// Who no longer listens stops nothing: a deploy ends, and is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_nobody_listens_to_ends_and_is_recorded() -> Result<()> {
    let things = Things::new("deaf")?;
    for (number, script) in [
        "exec \"$0\" \"$@\" 2>/dev/full",
        "exec \"$0\" \"$@\" 2>&-",
        "exec \"$0\" \"$@\" <&- >&- 2>&-",
        "exec \"$0\" \"$@\" --format json 2>/dev/full >/dev/null",
        // Whoever was to read has gone before the first line.
        "{ \"$0\" \"$@\" 2>&1 >/dev/null; echo $? >ended; } | true; read code <ended; exit $code",
    ]
    .into_iter()
    .enumerate()
    {
        let (workspace, _components) = deploy_of(&things, number + 1)?;
        let ran = workspace.run_under(&["sh", "-c", script], &["deploy", "-v"]).await?;
        ensure!(ran.code == 0, "{script}: {} {}", ran.code, ran.said());
        let plan = workspace.run(&["plan", "--detailed-exitcode"]).await?;
        ensure!(plan.code == 0, "{script}: {}", plan.said());
        workspace.ok(&["destroy", "--yes"]).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn help_that_cannot_be_written_is_an_error_and_help_that_is_not_read_is_none() -> Result<()> {
    let workspace = Workspace::new()?;
    let ran = workspace.run_under(&["sh", "-c", "exec \"$0\" \"$@\" >/dev/full"], &["--help"]).await?;
    ensure!(ran.code == 2 && ran.stderr.contains("OUTPUT_NOT_WRITTEN"), "{} {}", ran.code, ran.said());
    let script = "{ \"$0\" \"$@\"; echo $? >ended; } | true; read code <ended; exit $code";
    let ran = workspace.run_under(&["sh", "-c", script], &["--help"]).await?;
    ensure!(ran.code == 0 && ran.stderr.is_empty(), "{} {}", ran.code, ran.said());
    Ok(())
}
