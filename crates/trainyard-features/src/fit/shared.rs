//! Parts that many threads fill.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Parts of which each is one thread's at a time.
///
/// Why not parts of its own for each thread? Counts of many values would take as much memory again for each, and time to merge.
#[derive(Debug, Default)]
pub(super) struct Shared<T> {
    parts: Vec<Mutex<T>>,
    /// Visits so far.
    visits: AtomicUsize,
}

impl<T> Shared<T> {
    /// Calls `work` once with each part and its number, in no order, busy ones last; until there is an error.
    pub fn visit<E>(&self, mut work: impl FnMut(usize, &mut T) -> Result<(), E>) -> Result<(), E> {
        let mut left: Vec<usize> = (0..self.parts.len()).collect();
        if !left.is_empty() {
            // Threads that come at the same time begin at different parts.
            let start = self.visits.fetch_add(1, Ordering::Relaxed).wrapping_mul(left.len() / 2 + 1) % left.len();
            left.rotate_left(start);
        }
        while !left.is_empty() {
            let mut busy = Vec::new();
            for &i in &left {
                match free(&self.parts[i]) {
                    Some(mut part) => work(i, &mut part)?,
                    None => busy.push(i),
                }
            }
            if busy.len() == left.len()
                && let Some(i) = busy.pop()
            {
                work(i, &mut self.parts[i].lock().unwrap_or_else(PoisonError::into_inner))?;
            }
            left = busy;
        }
        Ok(())
    }

    /// The parts that no thread holds.
    pub fn free(&self) -> Vec<MutexGuard<'_, T>> {
        self.parts.iter().filter_map(free).collect()
    }

    /// All parts, by whoever has them alone.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.parts.iter_mut().map(|part| part.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls `look` with each part in order.
    pub fn try_for_each<E>(&self, mut look: impl FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        self.parts.iter().try_for_each(|part| look(&part.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The parts in order.
    pub fn into_parts(self) -> impl Iterator<Item = T> {
        self.parts.into_iter().map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A part, if no thread holds it. One that a thread left in a panic is as good as any: the panic ends the work.
fn free<T>(part: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match part.try_lock() {
        Ok(part) => Some(part),
        Err(TryLockError::Poisoned(part)) => Some(part.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl<T> From<Vec<T>> for Shared<T> {
    fn from(parts: Vec<T>) -> Self {
        Self { parts: parts.into_iter().map(Mutex::new).collect(), visits: AtomicUsize::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_visit_sees_each_part_once() {
        for n in [0, 1, 2, 7] {
            let shared = Shared::from(vec![0; n]);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..100 {
                            let work = |_, part: &mut usize| {
                                *part += 1;
                                Ok::<(), ()>(())
                            };
                            shared.visit(work).unwrap();
                        }
                    });
                }
            });
            assert!(shared.into_parts().all(|part| part == 400));
        }
    }

    #[test]
    fn a_part_that_is_held_comes_last() {
        let shared = Shared::from(vec![0, 1, 2]);
        let held = shared.parts[1].lock().unwrap();
        assert_eq!(shared.free().len(), 2);
        let mut seen = Vec::new();
        let result = std::thread::scope(|scope| {
            let (tell, told) = std::sync::mpsc::channel();
            let visit = scope.spawn({
                let shared = &shared;
                move || {
                    shared.visit(|i, _| {
                        tell.send(i).unwrap();
                        Ok::<(), ()>(())
                    })
                }
            });
            seen.extend(told.iter().take(2));
            drop(held);
            seen.extend(told.iter());
            visit.join().unwrap()
        });
        assert_eq!((result, seen[2]), (Ok(()), 1));
    }

    #[test]
    fn an_error_ends_a_visit() {
        let shared = Shared::from(vec![0; 5]);
        assert_eq!(shared.visit(|_, _| Err(7)), Err(7));
    }
}
