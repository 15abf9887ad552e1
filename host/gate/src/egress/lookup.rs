//! Who says which addresses a name has: the system, or a test.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures::future::BoxFuture;

type Looking = BoxFuture<'static, io::Result<Vec<IpAddr>>>;

/// A way to look a name up.
#[derive(Clone)]
pub struct Lookup(Arc<dyn Fn(String) -> Looking + Send + Sync>);

impl Lookup {
    /// What is at a name now.
    pub fn addresses(&self, name: &str) -> Looking {
        (self.0)(name.to_owned())
    }

    /// Answers every name with the next of these, and at last with nothing: what a server of names can do that is the attacker's.
    #[cfg(test)]
    pub fn answering(answers: Vec<Vec<IpAddr>>) -> Self {
        use std::sync::{Mutex, PoisonError};

        let answers = Arc::new(Mutex::new(answers.into_iter()));
        Self(Arc::new(move |_| {
            let next = answers.lock().unwrap_or_else(PoisonError::into_inner).next();
            let next = next.ok_or_else(|| io::Error::other("nobody was to ask again"));
            Box::pin(async move { next })
        }))
    }
}

impl Default for Lookup {
    /// The system's.
    fn default() -> Self {
        Self(Arc::new(|name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        }))
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}
