//! Recorded documents that follow an older schema of their kind, brought to the one that is in use.

use super::{Participant, RunError, provider_failed};
use crate::diagnostic::Diagnostic;
use crate::document::secret_names;
use crate::error::ProviderError;
use crate::ports::Provider;
use crate::resource::Record;
use crate::state::State;
use crate::state::format_v1::holds_a_mark;

/// Brings every record up to its kind's schema version; whether there was anything to do.
///
/// # Errors
/// [`RunError::Broke`] when a record is newer than the component that reads it, when its provider cannot bring it up, or when what it makes of
/// it does not hold.
pub async fn upgrade(state: &mut State, participants: &[Participant]) -> Result<bool, RunError> {
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
            let failed = |error| RunError::Broke(vec![provider_failed(participant, "upgrade-document", &error)]);
            bring_up(record, &*participant.provider).await.map_err(failed)?;
            record.schema_version = kind.schema_version;
            changed = true;
        }
    }
    Ok(changed)
}

async fn bring_up(record: &mut Record, provider: &dyn Provider) -> Result<(), ProviderError> {
    let shown = record.attributes.as_object().is_some_and(|attributes| !attributes.is_empty());
    let sent = record.pending.as_mut().map(|pending| &mut pending.document);
    let documents =
        [(Some(&mut record.attributes).filter(|_| shown), false), (Some(&mut record.baseline), true), (sent, true)];
    let documents = documents.into_iter().filter_map(|(document, wanted)| Some((document?, wanted)));
    for (document, wanted) in documents.filter(|(document, _)| !document.is_null()) {
        let upgraded = provider.upgrade_document(&record.kind, record.schema_version, document.clone()).await?;
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
        "use the version of the component that wrote it; the state as it was before it was brought up lies beside it",
    )
}
