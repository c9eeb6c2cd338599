//! Memory lent to items on their way.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes that items take on their way from one thread to another. Who puts a further one in waits until there is room.
///
/// An item that is larger than all of it passes alone, so that nothing waits for ever.
#[derive(Debug)]
pub(crate) struct Purse {
    bytes: u64,
    lent: Mutex<u64>,
    returned: Condvar,
}

/// Bytes that an item holds and gives back when it is dropped.
#[derive(Debug)]
pub(crate) struct Loan<'a> {
    purse: &'a Purse,
    bytes: u64,
}

impl Purse {
    /// A purse of so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        Self { bytes, lent: Mutex::new(0), returned: Condvar::new() }
    }

    /// Lends bytes, once they are there.
    pub(crate) fn lend(&self, bytes: u64) -> Loan<'_> {
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |lent: &mut u64| *lent > 0 && lent.saturating_add(bytes) > self.bytes;
        let mut lent = self.returned.wait_while(lent, is_full).unwrap_or_else(PoisonError::into_inner);
        *lent = lent.saturating_add(bytes);
        Loan { purse: self, bytes }
    }

    fn take_back(&self, bytes: u64) {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        *lent = lent.saturating_sub(bytes);
        self.returned.notify_all();
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.purse.take_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    #[test]
    fn no_more_is_lent_than_there_is() {
        let (purse, held, most) = (Purse::new(100), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for bytes in [30, 40, 50, 60] {
                let (purse, held, most) = (&purse, &held, &most);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let loan = purse.lend(bytes);
                        most.fetch_max(held.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                        held.fetch_sub(bytes, Ordering::SeqCst);
                        drop(loan);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 100, "{most:?}");
        assert_eq!(*purse.lent.lock().unwrap(), 0);
    }

    #[test]
    fn what_is_larger_than_all_passes_alone() {
        let purse = Purse::new(10);
        let large = purse.lend(1000);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(purse.lend(1)));
            drop(large);
            waiting.join().unwrap();
        });
    }
}
