//! Time and chance, from the operating system.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use nic_core::ports::Clock;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The system's clock.
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

/// 64 random bits: the standard library seeds its hashers from the operating system.
pub fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> String {
        let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        now.format(&Rfc3339).unwrap_or_default()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn jitter(&self) -> f64 {
        // 53 bits are what an f64 holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let fraction = (random() >> 11) as f64 / (1_u64 << 53) as f64;
        fraction
    }

    fn token(&self) -> String {
        let mut hasher = Sha256::new();
        for _ in 0..4 {
            hasher.update(random().to_le_bytes());
        }
        hasher.update(std::process::id().to_le_bytes());
        hasher.update(OffsetDateTime::now_utc().unix_timestamp_nanos().to_le_bytes());
        nic_core::document::hex(&hasher.finalize()[..16])
    }
}
