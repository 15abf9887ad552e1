//! Looking again at what was not well.

use std::collections::BTreeSet;

use super::{Run, RunError};
use crate::address::Address;
use crate::document::without_secrets;
use crate::ports::Target;
use crate::resource::Observed;

impl Run {
    /// Reads these records anew, and records what is shown: health is judged by what is recorded.
    ///
    /// # Errors
    /// [`RunError::Backend`] when the journal cannot be written. What cannot be read is in the result as unreadable.
    pub async fn look_again(&self, addresses: &BTreeSet<Address>) -> Result<Vec<Observed>, RunError> {
        let state = self.journal.state().await;
        let records = addresses.iter().filter_map(|address| state.records.get(address));
        let targets = records.map(|record| Target {
            address: record.address.clone(),
            kind: record.kind.clone(),
            remote_id: record.remote_id.clone(),
            document: record.baseline.clone(),
            baseline: record.baseline.clone(),
        });
        let observed = self.read_all(targets.collect()).await;
        let shown: Vec<Observed> = observed.iter().filter(|seen| seen.is_present()).cloned().collect();
        self.journal
            .change(move |state| {
                for seen in shown {
                    let Some(record) = state.records.get_mut(&seen.address) else { continue };
                    record.attributes = without_secrets(seen.attributes.unwrap_or(seen.document), &record.baseline);
                }
            })
            .await?;
        Ok(observed)
    }
}
