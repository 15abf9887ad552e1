//! The host's own log, on stderr, for `-v` and `NIC_LOG`.

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::Global;
use crate::output::Format;

/// Starts logging. Without `-v` and `NIC_LOG` nothing below an error is said; `NIC_LOG` is a level: `error` to `trace`.
///
/// Only NIC's own words are ever logged: at their loudest, the libraries below print requests with credentials in them.
pub fn init(global: &Global) {
    let asked = std::env::var("NIC_LOG").ok().and_then(|level| level.parse::<LevelFilter>().ok());
    let level = asked.unwrap_or(if global.verbose { LevelFilter::DEBUG } else { LevelFilter::ERROR });
    let filter = Targets::new().with_target("nic", level).with_target("nic_core", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let format = if global.events { Format::Json } else { global.format };
    let lines = match format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Text => lines.without_time().boxed(),
    };
    // A second initialisation, in tests, is harmless.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}
