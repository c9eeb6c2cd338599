//! Parts that many threads fill.

use super::memory::Counted;
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
            // Threads that come one after the other begin far apart, as multiples of the golden ratio are.
            let visit = (self.visits.fetch_add(1, Ordering::Relaxed) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let start = (u128::from(visit) * left.len() as u128) >> u64::BITS;
            left.rotate_left(start as usize);
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

    /// Of the parts that no thread holds, the one whose counts give back most memory, and how much; `None` when none do.
    pub fn largest(&self) -> Option<(usize, MutexGuard<'_, T>)>
    where
        T: Counted,
    {
        let mut largest: Option<(usize, MutexGuard<'_, T>)> = None;
        for mut part in self.parts.iter().filter_map(free) {
            let size = part.spillable();
            if size > largest.as_ref().map_or(0, |largest| largest.0) {
                largest = Some((size, part));
            }
        }
        largest
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
