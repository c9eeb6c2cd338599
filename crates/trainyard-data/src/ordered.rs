//! Many threads, one order.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use crate::{Error, Result};

/// Applies `work` to each item on `threads` threads and gives the results to `sink` in the order of the items, until there
/// are no more or `sink` says that it wants no more.
///
/// Items go round the threads in turn and results are taken back in the same turn, so that a few items per thread are in
/// memory however long the input is. The first error, in that order, ends all.
pub(crate) fn map_in_order<I: Send, T: Send>(
    items: impl Iterator<Item = Result<I>> + Send,
    threads: usize,
    work: impl Fn(I) -> Result<T> + Sync,
    mut sink: impl FnMut(T) -> Result<bool>,
) -> Result<()> {
    const DEPTH: usize = 1;
    thread::scope(|scope| {
        let (inputs, outputs): (Vec<_>, Vec<_>) = (0..threads.max(1)).map(|_| worker(scope, DEPTH, &work)).unzip();
        scope.spawn(move || deal(items, &inputs));
        for output in outputs.iter().cycle() {
            let Ok(result) = output.recv() else { break };
            if !sink(result?)? {
                break;
            }
        }
        // Without their receivers the threads stop, and the scope waits for them.
        drop(outputs);
        Ok(())
    })
}

type Worker<I, T> = (SyncSender<Result<I>>, Receiver<Result<T>>);

/// Starts a thread between two channels. It ends when either of them does.
fn worker<'scope, I: Send + 'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    depth: usize,
    work: &'scope (impl Fn(I) -> Result<T> + Sync),
) -> Worker<I, T> {
    let (input, items) = sync_channel::<Result<I>>(depth);
    let (results, output) = sync_channel(depth);
    scope.spawn(move || {
        for item in items {
            if results.send(item.and_then(work)).is_err() {
                break;
            }
        }
    });
    (input, output)
}

/// Gives each worker in turn an item, until there are no more or a worker is gone.
fn deal<I>(items: impl Iterator<Item = Result<I>>, workers: &[SyncSender<Result<I>>]) {
    for (item, worker) in items.zip(workers.iter().cycle()) {
        if worker.send(item).is_err() {
            break;
        }
    }
}

/// An error for a state that this crate's code cannot reach.
pub(crate) fn internal(problem: impl Into<String>) -> Error {
    Error::Internal { problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
