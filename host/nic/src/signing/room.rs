//! Room for requests and answers: their bytes are reserved before they are kept or read, and given back when nobody holds them any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that may be held at once, within those of a larger room if it has one.
#[derive(Debug, Clone)]
pub struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    left: AtomicUsize,
    within: Option<Room>,
}

/// Bytes that are held; dropped, they are given back.
#[derive(Debug)]
pub struct Reserved {
    room: Room,
    bytes: usize,
}

impl Room {
    /// One of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Inner { left: AtomicUsize::new(bytes), within: None }))
    }

    /// One of so many bytes within this one.
    #[must_use]
    pub fn part(&self, bytes: usize) -> Self {
        Self(Arc::new(Inner { left: AtomicUsize::new(bytes), within: Some(self.clone()) }))
    }

    /// Nothing yet, to be added to.
    pub fn begin(&self) -> Reserved {
        Reserved { room: self.clone(), bytes: 0 }
    }

    /// Whether there was room; then it is taken.
    fn take(&self, bytes: usize) -> bool {
        let taken =
            self.0.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes)).is_ok();
        let whole = taken && self.0.within.as_ref().is_none_or(|within| within.take(bytes));
        if taken && !whole {
            self.0.left.fetch_add(bytes, Ordering::AcqRel);
        }
        whole
    }

    fn give_back(&self, bytes: usize) {
        self.0.left.fetch_add(bytes, Ordering::AcqRel);
        if let Some(within) = &self.0.within {
            within.give_back(bytes);
        }
    }
}

impl Reserved {
    /// Whether there was room for so many more.
    pub fn add(&mut self, bytes: usize) -> bool {
        let taken = self.room.take(bytes);
        if taken {
            self.bytes += bytes;
        }
        taken
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back_to_every_room_it_is_in() {
        let all = Room::new(10);
        let (one, other) = (all.part(6), all.part(6));
        let mut held = one.begin();
        assert!(held.add(4) && held.add(2) && !held.add(1), "a room has what it was given");
        let mut others = other.begin();
        assert!(!others.add(5), "nor more than is left around it");
        assert!(others.add(4));
        drop(held);
        assert!(others.add(2) && !others.add(1));
        let mut again = one.begin();
        assert!(again.add(4) && !again.add(1));
        drop((others, again));
        let mut whole = all.begin();
        assert!(whole.add(10) && !whole.add(1));
    }
}
