//! Room for requests and answers: their bytes are reserved before they are kept or read, and given back when nobody holds them any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a buffer has at first. Most answers fit.
const FIRST_STEP_BYTES: usize = 16 * 1024;

/// A number of bytes that may be held at once, within those of a larger room if it has one.
#[derive(Debug, Clone)]
pub struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    left: AtomicUsize,
    within: Option<Room>,
}

/// Whose room is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// That of whoever asks, who holds all of it.
    Own,
    /// That of all together, and others hold it.
    All,
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

    fn take(&self, bytes: usize) -> Result<(), Full> {
        let taken = self.0.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes));
        taken.map_err(|_| Full::Own)?;
        let whole = self.0.within.as_ref().map_or(Ok(()), |within| within.take(bytes));
        whole.map_err(|_| {
            self.0.left.fetch_add(bytes, Ordering::AcqRel);
            Full::All
        })
    }

    fn give_back(&self, bytes: usize) {
        self.0.left.fetch_add(bytes, Ordering::AcqRel);
        if let Some(within) = &self.0.within {
            within.give_back(bytes);
        }
    }
}

impl Reserved {
    /// Takes room for so many more.
    ///
    /// # Errors
    /// There is none; nothing is taken then.
    pub fn add(&mut self, bytes: usize) -> Result<(), Full> {
        self.room.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Takes room for so many bytes that are added to these, and makes it: in few steps, and never for more than `most` all together.
    ///
    /// # Errors
    /// There is none. What was there is as it was.
    pub fn grow(&mut self, buffer: &mut Vec<u8>, more: usize, most: usize) -> Result<(), Full> {
        let (before, needed) = (buffer.capacity(), buffer.len() + more);
        if needed <= before {
            return Ok(());
        }
        let after = before.saturating_mul(2).max(FIRST_STEP_BYTES).min(most).max(needed);
        // While it moves, both are held.
        self.add(after)?;
        let grown = buffer.try_reserve_exact(after - buffer.len());
        let idle = if grown.is_ok() { before } else { after };
        self.bytes -= idle;
        self.room.give_back(idle);
        grown.map_err(|_| Full::All)
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
        assert_eq!((held.add(4), held.add(2), held.add(1)), (Ok(()), Ok(()), Err(Full::Own)));
        let mut others = other.begin();
        assert_eq!((others.add(5), others.add(4)), (Err(Full::All), Ok(())), "no more than is left around it");
        drop(held);
        assert_eq!((others.add(2), others.add(1)), (Ok(()), Err(Full::Own)));
        let mut again = one.begin();
        assert_eq!((again.add(4), again.add(1)), (Ok(()), Err(Full::All)));
        drop((others, again));
        let mut whole = all.begin();
        assert_eq!((whole.add(10), whole.add(1)), (Ok(()), Err(Full::Own)));
    }

    #[test]
    fn a_buffer_holds_what_it_has_and_both_while_it_moves() {
        const STEP: usize = FIRST_STEP_BYTES;
        let room = Room::new(5 * STEP);
        let (mut held, mut buffer) = (room.begin(), Vec::new());
        for (more, capacity) in [(1, STEP), (STEP - 1, STEP), (1, 2 * STEP), (STEP, 3 * STEP)] {
            held.grow(&mut buffer, more, 3 * STEP).unwrap();
            buffer.resize(buffer.len() + more, 0);
            assert_eq!((buffer.capacity(), held.bytes), (capacity, capacity));
        }
        // Three steps are held, and to move would take four more.
        assert_eq!(held.grow(&mut buffer, STEP, 4 * STEP), Err(Full::Own));
        assert_eq!((buffer.capacity(), held.bytes), (3 * STEP, 3 * STEP));
        drop(held);
        assert_eq!(room.begin().add(5 * STEP), Ok(()));
    }
}
