//! The host's own log on stderr, for `-v` and `NIC_LOG`.

use std::fmt::{Debug, Result as Formatted};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::Global;
use crate::output::{Format, json, screen};

/// Starts logging. Without `-v` and `NIC_LOG` nothing below a warning is said, with `--quiet` nothing below an error; `NIC_LOG` is a level:
/// `error` to `trace`.
///
/// Only NIC's own words are ever logged: at their loudest, the libraries below print requests with credentials in them.
pub fn init(global: &Global) {
    let asked = std::env::var("NIC_LOG").ok().and_then(|level| level.parse::<LevelFilter>().ok());
    let usual = match (global.verbose, global.quiet) {
        (true, _) => LevelFilter::DEBUG,
        (false, true) => LevelFilter::ERROR,
        (false, false) => LevelFilter::WARN,
    };
    let level = asked.unwrap_or(usual);
    let filter = Targets::new().with_target("nic", level).with_target("nic_core", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(|| screen::Stderr).with_target(false);
    let lines = match global.log_format() {
        Format::Json => lines.event_format(JsonLines).boxed(),
        Format::Text => lines.without_time().with_ansi(screen::has_colour()).boxed(),
    };
    // A second initialisation, in tests, is harmless.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

/// The host's log in the same shape as everything else on stderr.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> Formatted {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let message = fields.0.remove("message");
        let message = message.as_ref().and_then(Value::as_str).unwrap_or_default();
        let level = event.metadata().level().as_str().to_lowercase();
        let mut line = json::line(&level, message);
        for (name, value) in fields.0 {
            if line.get(&name).is_none() {
                line[name] = value;
            }
        }
        writeln!(writer, "{line}")
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_hosts_log_has_the_shape_of_every_line() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).event_format(JsonLines);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::warn!(provider = "aws", attempt = 2, level = "loud", "said \"so\"\nand more");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((line["level"].as_str(), line["message"].as_str()), (Some("warn"), Some("said \"so\"\nand more")));
        assert_eq!((line["provider"].as_str(), line["attempt"].as_i64()), (Some("aws"), Some(2)));
        assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    }
}
