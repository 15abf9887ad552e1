//! What is durable, as everybody may look at it at any time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::address::Address;
use crate::resource::Record;
use crate::state::State;

/// The state that the backend has. Who looks at it copies nothing and holds up nobody.
pub(super) struct Published(Mutex<Durable>);

struct Durable {
    state: Arc<State>,
    /// Its records, by address, as calls get them.
    records: Arc<Vec<Record>>,
}

/// What one write made durable.
pub(super) enum Written {
    /// A state of which anything may be different.
    Whole(Arc<State>),
    /// These records, and what stands beside the records, which the state comes without.
    Records(Box<State>, Vec<(Address, Option<Record>)>),
}

impl Published {
    pub(super) fn new(state: State) -> Self {
        Self(Mutex::new(Durable { records: state.snapshot(), state: Arc::new(state) }))
    }

    /// Never held over an await, and for no longer than a few records take.
    fn durable(&self) -> MutexGuard<'_, Durable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> Arc<State> {
        self.durable().state.clone()
    }

    pub(super) fn records(&self) -> Arc<Vec<Record>> {
        self.durable().records.clone()
    }

    pub(super) fn record(&self, address: &Address) -> Option<Record> {
        self.durable().state.records.get(address).cloned()
    }

    /// Only the writer publishes, one write after the other.
    pub(super) fn publish(&self, written: Written) {
        let (beside, changed) = match written {
            Written::Whole(state) => {
                let durable = Durable { records: state.snapshot(), state };
                *self.durable() = durable;
                return;
            }
            Written::Records(beside, changed) => (beside, changed),
        };
        let (mut state, mut records) = {
            let mut durable = self.durable();
            let Durable { state, records } = &mut *durable;
            if let (Some(state), Some(records)) = (Arc::get_mut(state), Arc::get_mut(records)) {
                change(state, records, *beside, changed);
                return;
            }
            (state.clone(), records.clone())
        };
        // Somebody looks at them: what they see stays, and is copied while nobody has to wait for it.
        change(Arc::make_mut(&mut state), Arc::make_mut(&mut records), *beside, changed);
        *self.durable() = Durable { state, records };
    }
}

fn change(state: &mut State, shown: &mut Vec<Record>, beside: State, changed: Vec<(Address, Option<Record>)>) {
    let records = std::mem::take(&mut state.records);
    *state = State { records, ..beside };
    for (address, record) in changed {
        match (shown.binary_search_by(|r| r.address.cmp(&address)), &record) {
            (Ok(index), Some(record)) => shown[index] = record.clone(),
            (Ok(index), None) => drop(shown.remove(index)),
            (Err(index), Some(record)) => shown.insert(index, record.clone()),
            (Err(_), None) => {}
        }
        match record {
            Some(record) => state.records.insert(address, record),
            None => state.records.remove(&address),
        };
    }
}
