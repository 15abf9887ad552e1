//! The emulators of AWS.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::front::Server;

/// The account every emulated thing belongs to.
pub const ACCOUNT: &str = "123456789012";

/// Which emulator stands behind the front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulator {
    /// moto's server: the stricter model of EC2 and IAM, slower.
    Moto,
    /// ministack: more services, faster, checks little by itself.
    Ministack,
}

impl Emulator {
    /// Both, for tests that have to hold on either.
    pub const ALL: [Self; 2] = [Self::Moto, Self::Ministack];

    /// Starts it, with the packages of this environment.
    pub(crate) async fn start(self, venv: &Path) -> Result<Server> {
        let python = venv.join("bin/python");
        Server::start(&format!("{self:?}"), self.health_path(), |port| self.command(&python, port)).await
    }

    fn command(self, python: &Path, port: u16) -> Command {
        let mut command = Command::new(python);
        match self {
            Self::Moto => {
                command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
                // Without it, attaching an AWS managed policy answers NoSuchEntity.
                command.env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
            }
            Self::Ministack => {
                command.args(["-m", "ministack"]);
                // Loopback only, and no MQTT listener on 0.0.0.0:8883.
                command.envs([
                    ("GATEWAY_PORT", port.to_string().as_str()),
                    ("BIND_HOST", "127.0.0.1"),
                    ("IOT_MTLS_ENABLED", "0"),
                ]);
                command.envs([("MINISTACK_ACCOUNT_ID", ACCOUNT), ("LOG_LEVEL", "WARNING")]);
            }
        }
        command
    }

    fn health_path(self) -> &'static str {
        match self {
            Self::Moto => "/moto-api/",
            Self::Ministack => "/_ministack/health",
        }
    }

    /// The path whose POST forgets everything.
    pub(crate) fn reset_path(self) -> &'static str {
        match self {
            Self::Moto => "/moto-api/reset",
            Self::Ministack => "/_ministack/reset",
        }
    }
}
