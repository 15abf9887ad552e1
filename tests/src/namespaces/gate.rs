//! What the API server is asked, by name, and what befalls a request.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::aws::{Effect, Faults, When, locked};

/// What faults call the service.
pub const SERVICE: &str = "kubernetes";

/// One request, as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `PATCH /api/v1/namespaces/dev`; of what only asks what would be, `DRY-RUN /api/v1/namespaces/dev`.
    pub action: String,
    /// Whether it changes something.
    pub mutating: bool,
}

impl Asked {
    fn of(method: &Method, path: &str, query: &str) -> Self {
        let dry_run = query.contains("dryRun=All");
        let action = if dry_run { format!("DRY-RUN {path}") } else { format!("{method} {path}") };
        Self { action, mutating: !dry_run && !matches!(*method, Method::GET | Method::HEAD) }
    }
}

/// Every request passes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    pub asked: Arc<Mutex<Vec<Asked>>>,
    pub faults: Faults,
}

impl Gate {
    /// Lets the request through to its answer. Where a fault strikes, the answer is lost, whatever its effect is; one that kills does
    /// that first.
    pub async fn pass<F>(
        &self,
        request: Request<Incoming>,
        answer: impl FnOnce(Request<Incoming>) -> F,
    ) -> io::Result<Response<Full<Bytes>>>
    where
        F: Future<Output = Result<Response<Full<Bytes>>, Infallible>>,
    {
        let uri = request.uri();
        let asked = Asked::of(request.method(), uri.path(), uri.query().unwrap_or_default());
        let struck = self.faults.strike(SERVICE, &asked.action, asked.mutating);
        locked(&self.asked).push(asked);
        if let Some((When::BeforeServer, effect)) = &struck {
            return lost(effect);
        }
        let Ok(answer) = answer(request).await;
        match &struck {
            Some((_, effect)) => lost(effect),
            None => Ok(answer),
        }
    }
}

fn lost(effect: &Effect) -> io::Result<Response<Full<Bytes>>> {
    if let Effect::Kill(kill) = effect {
        kill();
    }
    Err(io::Error::other("dropped by a fault"))
}
