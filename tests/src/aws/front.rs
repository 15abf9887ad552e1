//! The layer in front of an emulator that behaves as AWS does.
//!
//! Each request goes through the same steps: identify, log, verify the signature, hold it against the service's model, strike
//! with a fault if one is armed, refuse or replay what AWS would refuse or replay, then let the service's repairs answer or the emulator. One file
//! per service holds its repairs and says which emulator needs them; a further service is one more file and one more
//! line in `Shared::outcome`. What is no matter of AWS is in `crate::front`.

mod answer;
mod autoscaling;
mod call;
mod ec2;
mod ecr;
mod efs;
mod eks;
mod fault;
mod hide;
mod iam;
mod models;
mod partition;
mod quota;
mod resource_groups;
mod signature;
mod sts;
mod token;
mod upstream;
mod xml;

use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Result;

use crate::aws::{ACCOUNT, Credentials, locked};
use crate::front::{Arrived, Double, Dropped, Effect, Faults, Link, Log, Request};
use answer::{Answer, Fault, Outcome, request_id};
use call::{Call, Protocol};
use upstream::Upstream;

pub use eks::{Machine, Machines, Pace};
pub use hide::Hide;
pub(crate) use iam::Providers as Identities;

/// The access key whose requests are answered but neither logged, struck by faults nor kept from seeing new things.
pub(crate) const INSPECTOR_KEY: &str = "AKIANICINSPECTOR0000";

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub credentials: Mutex<Credentials>,
    /// Whose the credentials are.
    pub account: Mutex<String>,
    pub log: Log,
    pub faults: Faults,
    pub upstream: Upstream,
    /// One mutation at a time: a check and the change it allows must not be torn apart.
    pub gate: tokio::sync::Mutex<()>,
    pub eks: tokio::sync::Mutex<eks::Eks>,
    pub efs: tokio::sync::Mutex<efs::Efs>,
    pub hidden: Mutex<hide::Hidden>,
    pub tokens: Mutex<token::Tokens>,
    pub identities: Mutex<iam::Providers>,
    pub nats: Mutex<ec2::nat::Nats>,
    pub models: models::Models,
}

/// A front of its own, and the emulator behind it.
pub(crate) type Front = crate::front::Front<Shared>;

impl Shared {
    pub(crate) fn new(emulator: &str, region: &str, credentials: Credentials, venv: &Path) -> Result<Self> {
        Ok(Self {
            credentials: Mutex::new(credentials),
            account: Mutex::new(ACCOUNT.to_owned()),
            log: Log::new(),
            faults: Faults::default(),
            upstream: Upstream::new(emulator, region)?,
            gate: tokio::sync::Mutex::default(),
            eks: tokio::sync::Mutex::new(eks::Eks::new(region)?),
            efs: tokio::sync::Mutex::default(),
            hidden: Mutex::default(),
            tokens: Mutex::default(),
            identities: Mutex::default(),
            nats: Mutex::default(),
            models: models::Models::start(venv)?,
        })
    }
}

impl Double for Shared {
    async fn answer(self: &Arc<Self>, arrived: Arrived, link: &Link) -> Result<Answer, Dropped> {
        let call = Call::identify(arrived.method, &arrived.uri, arrived.headers, arrived.body);
        let answer = self.handle(&call, link).await?;
        Ok(answer.or_header("x-amzn-requestid", request_id))
    }
}

impl Shared {
    async fn handle(self: &Arc<Self>, call: &Call, link: &Link) -> Result<Answer, Dropped> {
        let mut credentials = locked(&self.credentials).clone();
        if call.access_key() == INSPECTOR_KEY {
            INSPECTOR_KEY.clone_into(&mut credentials.access_key);
            return Ok(match signature::verify(call, &credentials) {
                Ok(()) => self.as_aws(call, true).await,
                Err(fault) => fault.answer(call),
            });
        }
        let request = Request {
            service: &call.service,
            action: &call.action,
            mutating: call.mutating,
            summary: call.summary(),
            body: &call.body,
        };
        let check = async {
            signature::verify(call, &credentials).map_err(|fault| fault.answer(call))?;
            self.models.check(call).await.map_err(|fault| fault.answer(call))
        };
        let error = |effect: &Effect| {
            let fault = fault::error(effect, call);
            fault.unwrap_or_else(|| Fault::harness("a fault without an error")).answer(call)
        };
        self.faults.around(&self.log, &request, link, check, || self.as_aws(call, false), error).await
    }

    /// What AWS would answer. The inspector sees new things at once.
    async fn as_aws(self: &Arc<Self>, call: &Call, inspector: bool) -> Answer {
        let outcome = if call.mutating {
            // AWS finishes what it has begun, even when whoever asked has been killed; this future ends with the connection.
            let (shared, call) = (Arc::clone(self), call.clone());
            let change = tokio::spawn(async move { shared.outcome(&call, inspector).await });
            change.await.unwrap_or_else(|error| Err(Fault::harness(format!("the harness failed: {error}"))))
        } else {
            self.outcome(call, inspector).await
        };
        outcome.unwrap_or_else(|fault| fault.answer(call))
    }

    async fn outcome(&self, call: &Call, inspector: bool) -> Outcome<Answer> {
        // EC2 alone knows dry runs; both emulators carry them out.
        if call.protocol == Protocol::Ec2 && call.parameter("DryRun") == "true" {
            return Err(Fault::new(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."));
        }
        let _turn = if call.mutating { Some(self.gate.lock().await) } else { None };
        self.eks.lock().await.settle(self).await;
        self.efs.lock().await.settle(&self.upstream).await?;
        if let Some(replayed) = locked(&self.tokens).replay(call) {
            return replayed;
        }
        if !inspector {
            hide::check(&mut locked(&self.hidden), call)?;
        }
        let answer = match call.service.as_str() {
            "ec2" => ec2::handle(self, call, inspector).await?,
            "iam" => iam::handle(self, call, inspector).await?,
            "eks" => eks::handle(self, call, inspector).await?,
            "elasticfilesystem" => efs::handle(self, call, inspector).await?,
            "ecr" => ecr::handle(self, call).await?,
            "resource-groups" => resource_groups::handle(self, call).await?,
            "autoscaling" => autoscaling::handle(self, call).await?,
            "servicequotas" => quota::handle(self, call).await?,
            "sts" => sts::handle(self, call).await?,
            _ => self.upstream.forward(call).await?,
        };
        if let Some(id) = hide::created(call).filter(|_| answer.succeeded()) {
            locked(&self.hidden).created(&id);
        }
        locked(&self.tokens).remember(call, &answer);
        Ok(answer)
    }
}
