//! Recorded documents that follow an older schema of their kind, brought to the one that is in use.

use std::time::Duration;

use super::{Participant, RunError, provider_failed};
use crate::diagnostic::Diagnostic;
use crate::document::secret_names;
use crate::error::ProviderError;
use crate::ports::{Clock, Context, Interrupt, Outdated, Provider};
use crate::resource::Record;
use crate::state::State;
use crate::state::format_v1::holds_a_mark;

/// How long all records together may take: the state is locked meanwhile.
const LIMIT: Duration = Duration::from_mins(10);

/// Brings every record up to its kind's schema version; whether there was anything to do.
///
/// # Errors
/// [`RunError::Broke`] when a record is newer than the component that reads it, when its provider cannot bring it up, or when what it makes of
/// it does not hold; [`RunError::Interrupted`].
pub async fn upgrade(
    state: &mut State,
    participants: &[Participant],
    context: &Context,
    (clock, interrupt): (&dyn Clock, &dyn Interrupt),
) -> Result<bool, RunError> {
    let began = clock.elapsed();
    let mut changed = false;
    for record in state.records.values_mut() {
        let kind = participants.iter().find_map(|participant| {
            let kinds = &participant.provider.description().kinds;
            Some((participant, kinds.iter().find(|kind| kind.kind == record.kind)?))
        });
        // What nobody serves is told when the records are read.
        let Some((participant, kind)) = kind else { continue };
        if record.schema_version > kind.schema_version {
            return Err(RunError::Broke(vec![newer(record, kind.schema_version)]));
        }
        if record.schema_version < kind.schema_version {
            if interrupt.requested() {
                return Err(RunError::Interrupted);
            }
            let address = record.address.clone();
            let failed = |error| {
                let diagnostic = provider_failed(participant, "upgrade-document", &error).at(&address);
                RunError::Broke(vec![diagnostic])
            };
            if clock.elapsed().saturating_sub(began) > LIMIT {
                let message = format!("the recorded documents are not brought up within {} s", LIMIT.as_secs());
                return Err(failed(ProviderError::other("PROVIDER_OUT_OF_TIME", message)));
            }
            bring_up(record, &*participant.provider, context).await.map_err(failed)?;
            record.schema_version = kind.schema_version;
            changed = true;
        }
    }
    Ok(changed)
}

async fn bring_up(record: &mut Record, provider: &dyn Provider, context: &Context) -> Result<(), ProviderError> {
    let shown = record.attributes.as_object().is_some_and(|attributes| !attributes.is_empty());
    let sent = record.pending.as_mut().map(|pending| &mut pending.document);
    let documents = [
        (Some(&mut record.attributes).filter(|_| shown), "attributes"),
        (Some(&mut record.baseline), "baseline"),
        (sent, "pending"),
    ];
    let documents = documents.into_iter().filter_map(|(document, role)| Some((document?, role)));
    for (document, role) in documents.filter(|(document, _)| !document.is_null()) {
        let outdated = Outdated {
            address: &record.address,
            kind: &record.kind,
            remote_id: record.remote_id.as_deref(),
            from_version: record.schema_version,
            role,
            document,
        };
        let upgraded = provider.upgrade_document(context, &outdated).await?;
        let lie = |why: String| {
            let address = &record.address;
            ProviderError::other("PROVIDER_LIED", format!("the upgraded document of `{address}` {why}"))
        };
        if let Some(name) = secret_names(&upgraded).difference(&secret_names(document)).next() {
            return Err(lie(format!("refers to the secret `{name}`, which it did not before")));
        }
        if !upgraded.is_object() || holds_a_mark(&upgraded) {
            return Err(lie("is none that can be recorded".to_owned()));
        }
        // What is shown is read anew before anything is decided by it.
        let wanted = role != "attributes";
        let problems = if wanted { provider.check_document(&record.kind, &upgraded, true) } else { Vec::new() };
        if let Some((pointer, sentence)) = problems.into_iter().next() {
            return Err(lie(format!("does not fit its schema at `{pointer}`: {sentence}")));
        }
        *document = upgraded;
    }
    Ok(())
}

fn newer(record: &Record, known: u32) -> Diagnostic {
    let Record { address, kind, schema_version, .. } = record;
    let detail = format!(
        "`{address}` was recorded by version {schema_version} of the schema of `{kind}`; this component knows up to {known}"
    );
    Diagnostic::error("SCHEMA_NOT_KNOWN", "The state is of a newer version of the provider", detail).at(address).hint(
        "use the version of the component that wrote it. The state as it was before (`nic-state.json.serial-<n>`) knows nothing of what \
         was deployed since",
    )
}
