//! Many threads, one order.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::{Error, Result};

/// Applies `work` to each item on up to `threads` threads and gives the results to `sink` in the order of the items, until there
/// are no more or `sink` says that it wants no more.
///
/// One more thread goes through the items, one ahead. Whichever thread is free takes the next, and no more results than there are
/// threads wait for an earlier one, so that little is in memory however long the input is. The first error, in the order of the items,
/// ends all.
///
/// # Panics
///
/// With the panic of `work`, the items or `sink`, once all threads have ended.
pub(crate) fn map_in_order<I: Send, T: Send>(
    items: impl Iterator<Item = Result<I>> + Send,
    threads: usize,
    work: impl Fn(I) -> Result<T> + Sync,
    mut sink: impl FnMut(T) -> Result<bool>,
) -> Result<()> {
    let threads = items.size_hint().1.map_or(threads, |most| most.min(threads)).max(1);
    let (places, results) = sync_channel(threads);
    let (tasks, waiting) = sync_channel(0);
    thread::scope(|scope| {
        // Theirs alone: when they are gone, so is who deals.
        let waiting = Arc::new(Mutex::new(waiting));
        let start = |_| {
            let (waiting, work) = (Arc::clone(&waiting), &work);
            scope.spawn(move || work_on(&waiting, work))
        };
        let mut running: Vec<_> = (0..threads).map(start).collect();
        drop(waiting);
        running.push(scope.spawn(move || deal(items, &places, &tasks)));
        // Without the receivers of their results the threads stop.
        let ended = give(results, &mut sink);
        for thread in running {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        ended
    })
}

/// Gives results to `sink` in the order of their places, until it wants no more, or one is an error or never comes.
fn give<T>(results: Receiver<Receiver<Result<T>>>, sink: &mut impl FnMut(T) -> Result<bool>) -> Result<()> {
    for result in results {
        let Ok(result) = result.recv() else { break };
        if !sink(result?)? {
            break;
        }
    }
    Ok(())
}

/// An item, and where its result goes.
type Task<I, T> = (Result<I>, SyncSender<Result<T>>);

/// Hands out items, each when its result has a place among the others, until there are no more or nobody wants them.
fn deal<I, T>(
    items: impl Iterator<Item = Result<I>>,
    places: &SyncSender<Receiver<Result<T>>>,
    tasks: &SyncSender<Task<I, T>>,
) {
    for item in items {
        let (result, place) = sync_channel(1);
        if places.send(place).is_err() || tasks.send((item, result)).is_err() {
            break;
        }
    }
}

/// What a thread does until there are no more items.
fn work_on<I, T>(waiting: &Mutex<Receiver<Task<I, T>>>, work: &impl Fn(I) -> Result<T>) {
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok((item, result)) = next() {
        // Nobody waits for it once all has ended; at most one more item comes then.
        let _ = result.send(item.and_then(work));
    }
}

/// An error for a state that this crate's code cannot reach.
pub(crate) fn internal(problem: impl Into<String>) -> Error {
    Error::Internal { problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loan::{Loan, Purse};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn squares(n: u64, threads: usize) -> Vec<u64> {
        let mut squares = Vec::new();
        let keep = |square| {
            squares.push(square);
            Ok(true)
        };
        map_in_order((0..n).map(Ok), threads, |i| Ok(i * i), keep).unwrap();
        squares
    }

    #[test]
    fn results_keep_the_order_for_any_number_of_threads() {
        for threads in [0, 1, 2, 3, 8] {
            assert_eq!(squares(100, threads), (0..100).map(|i| i * i).collect::<Vec<_>>());
        }
        assert!(squares(0, 2).is_empty());
        assert_eq!(squares(1, 2), [0]);
    }

    #[test]
    fn the_first_error_ends_all() {
        let mut seen = 0;
        let fail_at = |i: u64| if i == 10 { Err(internal("ten")) } else { Ok(i) };
        let count = |_| {
            seen += 1;
            Ok(true)
        };
        let result = map_in_order((0..).map(Ok), 3, fail_at, count);
        assert!(matches!(result, Err(Error::Internal { problem }) if problem == "ten"));
        assert_eq!(seen, 10);
    }

    #[test]
    fn a_sink_that_has_enough_ends_all() {
        let mut seen = Vec::new();
        let take_three = |i: u64| {
            seen.push(i);
            Ok(seen.len() < 3)
        };
        map_in_order((0..).map(Ok), 2, Ok, take_three).unwrap();
        assert_eq!(seen, [0, 1, 2]);
    }

    #[test]
    fn an_error_of_the_sink_ends_all() {
        assert!(map_in_order((0..).map(Ok), 2, Ok, |_: u64| Err(internal("full"))).is_err());
    }

    /// Panics in one place, while items wait for memory that those before them give back.
    #[track_caller]
    fn check_panic(place: &str) {
        for threads in [1, 3] {
            let purse = Purse::new(2);
            let break_at = |here: &str, i: u64| assert!(here != place || i < 5, "broken");
            let items = (0..100).map(|i| {
                break_at("items", i);
                Ok((i, purse.lend(1)))
            });
            let work = |(i, loan)| {
                break_at("work", i);
                Ok((i, loan))
            };
            let sink = |(i, _loan): (u64, Loan<'_>)| {
                break_at("sink", i);
                Ok(true)
            };
            let run = AssertUnwindSafe(|| map_in_order(items, threads, work, sink));
            let panic = catch_unwind(run).unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"broken"), "{place}, {threads} threads");
        }
    }

    #[test]
    fn a_panic_is_not_taken_for_the_end() {
        ["items", "work", "sink"].into_iter().for_each(check_panic);
    }

    /// Besides those that wait there is the one in the sink and the one that comes next.
    #[test]
    fn few_items_are_on_their_way() {
        let (threads, drawn, mut seen) = (3, AtomicUsize::new(0), 0);
        let items = (0..500).map(|_| Ok(drawn.fetch_add(1, Ordering::SeqCst)));
        let count = |_| {
            assert!(drawn.load(Ordering::SeqCst) <= seen + threads + 2);
            seen += 1;
            Ok(true)
        };
        map_in_order(items, threads, Ok, count).unwrap();
        assert_eq!(seen, 500);
    }
}
