//! Eventual consistency: what was just created is not found for a while.
//!
//! Both emulators are consistent at once; AWS is not.

use std::collections::BTreeMap;

use super::wait::{Countdown, Wait};

/// How long new things stay out of sight, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Hide {
    /// How long; [`Wait::Reads`] counts the looks at each thing.
    pub wait: Wait,
    /// Whether requests that change something, and name the new thing, are refused too.
    pub writes: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Hidden {
    hide: Option<Hide>,
    things: BTreeMap<String, Countdown>,
}

impl Hidden {
    pub(crate) fn set(&mut self, hide: Option<Hide>) {
        self.hide = hide;
        self.things.clear();
    }

    /// Hides a thing that was created just now, if anything is to be hidden.
    pub(crate) fn created(&mut self, id: &str) {
        if let Some(hide) = self.hide {
            self.things.insert(id.to_owned(), Countdown::start(hide.wait));
        }
    }

    /// Whether a look at this thing misses it; counts the look.
    pub(crate) fn misses(&mut self, id: &str) -> bool {
        let Some(countdown) = self.things.get_mut(id) else { return false };
        if countdown.over() {
            self.things.remove(id);
            return false;
        }
        countdown.looked();
        true
    }

    /// Whether a change that names this thing is refused; counts as a look.
    pub(crate) fn refuses(&mut self, id: &str) -> bool {
        self.hide.is_some_and(|hide| hide.writes) && self.misses(id)
    }

    /// Every hidden thing whose id the predicate takes; counts a look at each.
    pub(crate) fn missed(&mut self, takes: impl Fn(&str) -> bool) -> Vec<String> {
        let ids: Vec<String> = self.things.keys().filter(|id| takes(id)).cloned().collect();
        ids.into_iter().filter(|id| self.misses(id)).collect()
    }
}
