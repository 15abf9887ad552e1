//! The boundary's exports on one side, a [`Provider`] on the other.

use std::marker::PhantomData;

use crate::bindings::exports::nic::plugin::{access, discovery, lifecycle, meta, planning};
use crate::bindings::nic::plugin::types as wit;
use crate::convert;
use crate::error::{Error, Failure};
use crate::provider::Provider;
use crate::runtime::block_on;
use crate::types::{Change, Context, Progress};

/// Implements every exported interface for a provider. Made by [`register_provider!`](crate::register_provider).
#[derive(Debug)]
pub struct Adapter<P>(PhantomData<P>);

impl<P: Provider> meta::Guest for Adapter<P> {
    fn describe() -> wit::Json {
        serde_json::to_string(&P::describe()).expect("a description holds strings, numbers and JSON values only")
    }

    fn upgrade_document(context: wit::Context, document: meta::Outdated) -> Result<wit::Json, wit::Error> {
        let answer = || P::upgrade_document(&convert::context(&context)?, convert::outdated(document)?);
        answer().map(|document| document.to_string()).map_err(convert::error)
    }
}

impl<P: Provider> planning::Guest for Adapter<P> {
    fn validate(context: wit::Context, config: wit::Json) -> Result<Vec<wit::Diagnostic>, wit::Error> {
        let answer = || P::validate(&convert::context(&context)?, &convert::json(&config, "the config")?);
        answer().map(convert::diagnostics).map_err(convert::error)
    }

    fn desired(
        context: wit::Context,
        config: wit::Json,
        facts: Vec<wit::Fact>,
    ) -> Result<planning::Answer, wit::Error> {
        let answer = || {
            let config = convert::json(&config, "the config")?;
            P::desired(&convert::context(&context)?, &config, &convert::facts(facts)?)
        };
        answer().map(convert::answer).map_err(convert::error)
    }

    fn outputs(context: wit::Context, config: wit::Json, records: Vec<wit::Recorded>) -> Result<wit::Json, wit::Error> {
        let answer = || {
            let config = convert::json(&config, "the config")?;
            P::outputs(&convert::context(&context)?, &config, &convert::records(records)?)
        };
        answer().map(|outputs| outputs.to_string()).map_err(convert::error)
    }
}

impl<P: Provider> discovery::Guest for Adapter<P> {
    fn lookup(context: wit::Context, queries: Vec<wit::Query>) -> Result<Vec<wit::Fact>, wit::Error> {
        let answer = || block_on(P::lookup(&convert::context(&context)?, convert::queries(queries)?));
        answer().map(|facts| facts.into_iter().map(convert::fact).collect()).map_err(convert::error)
    }

    fn read(context: wit::Context, targets: Vec<discovery::Target>) -> Result<Vec<wit::Observation>, wit::Error> {
        let answer = || block_on(P::read(&convert::context(&context)?, convert::targets(targets)?));
        answer().map(|seen| seen.into_iter().map(convert::observation).collect()).map_err(convert::error)
    }

    fn discover(context: wit::Context, records: Vec<wit::Recorded>) -> Result<Vec<wit::Observation>, wit::Error> {
        let answer = || block_on(P::discover(&convert::context(&context)?, convert::records(records)?));
        answer().map(|seen| seen.into_iter().map(convert::observation).collect()).map_err(convert::error)
    }

    fn preflight(
        context: wit::Context,
        config: wit::Json,
        summary: wit::Json,
    ) -> Result<Vec<wit::Diagnostic>, wit::Error> {
        let answer = || {
            let (config, summary) = (convert::json(&config, "the config")?, convert::json(&summary, "the summary")?);
            block_on(P::preflight(&convert::context(&context)?, &config, &summary))
        };
        answer().map(convert::diagnostics).map_err(convert::error)
    }
}

impl<P: Provider> lifecycle::Guest for Adapter<P> {
    fn create(context: wit::Context, change: lifecycle::Change) -> Result<lifecycle::Progress, wit::Failure> {
        carry_out(&context, change, |context, change| block_on(P::create(context, change)))
    }

    fn update(context: wit::Context, change: lifecycle::Change) -> Result<lifecycle::Progress, wit::Failure> {
        carry_out(&context, change, |context, change| block_on(P::update(context, change)))
    }

    fn delete(context: wit::Context, change: lifecycle::Change) -> Result<lifecycle::Progress, wit::Failure> {
        carry_out(&context, change, |context, change| block_on(P::delete(context, change)))
    }

    fn poll(
        context: wit::Context,
        change: lifecycle::Change,
        operation: wit::Json,
    ) -> Result<lifecycle::Progress, wit::Failure> {
        carry_out(&context, change, |context, change| {
            let operation = convert::json(&operation, "the operation")?;
            block_on(P::poll(context, change, operation))
        })
    }
}

#[expect(clippy::result_large_err, reason = "the boundary's own type, which has room wherever it may not grow")]
fn carry_out(
    context: &str,
    change: lifecycle::Change,
    operation: impl FnOnce(&Context, Change) -> Result<Progress, Failure>,
) -> Result<lifecycle::Progress, wit::Failure> {
    let known = |error: Error, remote_id: Option<String>| convert::failure(Failure { error, remote_id });
    // A change that cannot even be read must not lose what exists already.
    let remote_id = change.remote_id.clone();
    let change = convert::change(change).map_err(|error| known(error, remote_id.clone()))?;
    let context = convert::context(context).map_err(|error| known(error, remote_id))?;
    operation(&context, change).map(convert::progress).map_err(convert::failure)
}

impl<P: Provider> access::Guest for Adapter<P> {
    fn cluster(
        context: wit::Context,
        config: wit::Json,
        records: Vec<wit::Recorded>,
    ) -> Result<Option<access::Locator>, wit::Error> {
        let answer = || {
            let config = convert::json(&config, "the config")?;
            P::cluster(&convert::context(&context)?, &config, &convert::records(records)?)
        };
        answer().map(|locator| locator.map(convert::locator)).map_err(convert::error)
    }
}
