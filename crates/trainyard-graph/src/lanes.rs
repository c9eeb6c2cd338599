//! Threads that wait for work.
#![expect(unsafe_code, reason = "a job is borrowed by threads that outlive it")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A job for every lane: called with the lane's number.
pub(crate) type Job<'a> = dyn Fn(usize) + Sync + 'a;

/// Looks for work or for its end before a thread sleeps. The jobs of a step follow each other at once; a thread that slept in
/// between would have to be woken for each.
const SPINS: u32 = 5000;

/// Most lanes: more than any processor has cores, and few enough for any system.
const LANES_MAX: usize = 1024;

/// Threads that wait for work, one per lane; the first lane is whoever calls.
///
/// Who shares work out decides what each piece is, never the number of lanes, so that results have the same bits for any.
///
/// ```
/// let mut squares: Vec<u64> = (0..100).collect();
/// trainyard_graph::Lanes::new(2).each(&mut squares, |_, x| *x *= *x);
/// assert_eq!(squares[9], 81);
/// ```
#[derive(Debug)]
pub struct Lanes {
    shared: Arc<Shared>,
    /// Held during a run, so that programs of several threads may share lanes.
    running: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    started: Condvar,
    finished: Condvar,
    /// Copies of the state's `generation` and `busy`, to look at without the lock.
    generation: AtomicU64,
    busy: AtomicUsize,
    /// How often to look before going to sleep.
    spins: u32,
}

#[derive(Default)]
struct State {
    /// Counts jobs, so that a worker knows a new one.
    generation: u64,
    job: Option<&'static Job<'static>>,
    /// Workers that have not finished the job.
    busy: usize,
    /// Workers that sleep, and whether the caller does: waking takes a system call, which nobody needs while all look for work.
    sleeping: usize,
    caller_sleeps: bool,
    panicked: bool,
    closed: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("generation", &self.generation).field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Lanes {
    /// `lanes` of them, at least 1 and at most 1024; fewer when the system refuses threads.
    pub fn new(lanes: usize) -> Self {
        let lanes = lanes.min(LANES_MAX);
        let has_cores = std::thread::available_parallelism().is_ok_and(|cores| lanes <= cores.get());
        let shared = Arc::new(Shared { spins: if has_cores { SPINS } else { 0 }, ..Shared::default() });
        let spawn = |lane| {
            let shared = shared.clone();
            std::thread::Builder::new().name(format!("lane-{lane}")).spawn(move || shared.work(lane))
        };
        // Fewer lanes than asked for give the same results, so a thread that the system refuses is not an error.
        let workers = (1..lanes).map_while(|lane| spawn(lane).ok()).collect();
        Self { shared, running: Mutex::new(()), workers }
    }

    /// Number of lanes.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work` once for each item with its number, as [`share`](Self::share) does.
    pub fn each<T: Send>(&self, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
        self.share(items.iter_mut().enumerate(), |(i, item)| work(i, item));
    }

    /// Calls `work` once for each of `items`, on whichever lane is free. Put large ones first or last, not between.
    ///
    /// Every second lane takes items from the end. So of what comes again in the same order, as the tables of a model do, most comes to
    /// the core whose caches have it from last time.
    pub fn share<I: DoubleEndedIterator + Send>(&self, items: I, work: impl Fn(I::Item) + Sync) {
        let is_one = items.size_hint().1.is_some_and(|most| most <= 1);
        if self.workers.is_empty() || is_one {
            return items.for_each(work);
        }
        let rest = Mutex::new(items);
        self.run(&|lane| {
            let next = || {
                let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
                if lane.is_multiple_of(2) { rest.next() } else { rest.next_back() }
            };
            while let Some(item) = next() {
                work(item);
            }
        });
    }

    /// Calls `job` once in every lane, and returns when all are done.
    pub(crate) fn run(&self, job: &Job<'_>) {
        let _running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if self.workers.is_empty() {
            return job(0);
        }
        // SAFETY: the borrow ends with this function, which does not return or unwind before `wait` has seen every
        // worker finish, and workers drop the job before they say so.
        let job: &'static Job<'static> = unsafe { std::mem::transmute::<&Job<'_>, &'static Job<'static>>(job) };
        self.shared.start(job, self.workers.len());
        let own = catch_unwind(AssertUnwindSafe(|| job(0)));
        let panicked = self.shared.wait();
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        assert!(!panicked, "a lane panicked");
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.started.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its jobs, so there is nothing to learn from joining it.
            drop(worker.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, job: &'static Job<'static>, workers: usize) {
        let mut state = self.lock();
        state.generation += 1;
        state.job = Some(job);
        state.busy = workers;
        state.panicked = false;
        self.busy.store(workers, Ordering::Release);
        self.generation.store(state.generation, Ordering::Release);
        if state.sleeping > 0 {
            self.started.notify_all();
        }
    }

    /// Looks for a while whether `is_so`.
    fn spin(&self, is_so: impl Fn() -> bool) {
        for _ in 0..self.spins {
            if is_so() {
                return;
            }
            std::hint::spin_loop();
        }
    }

    /// Waits until all workers are done; whether one panicked.
    fn wait(&self) -> bool {
        self.spin(|| self.busy.load(Ordering::Acquire) == 0);
        let mut state = self.lock();
        state.caller_sleeps = true;
        while state.busy > 0 {
            state = self.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.caller_sleeps = false;
        state.job = None;
        state.panicked
    }

    /// The life of a worker.
    fn work(&self, lane: usize) {
        let mut done = 0;
        while let Some((generation, job)) = self.next_job(done) {
            let panicked = catch_unwind(AssertUnwindSafe(|| job(lane))).is_err();
            let mut state = self.lock();
            done = generation;
            state.panicked |= panicked;
            state.busy -= 1;
            self.busy.store(state.busy, Ordering::Release);
            if state.busy == 0 && state.caller_sleeps {
                self.finished.notify_one();
            }
        }
    }

    /// Waits for a job after the one numbered `done`; `None` when the lanes close.
    fn next_job(&self, done: u64) -> Option<(u64, &'static Job<'static>)> {
        self.spin(|| self.generation.load(Ordering::Acquire) > done);
        let mut state = self.lock();
        loop {
            match state.job {
                _ if state.closed => return None,
                Some(job) if state.generation > done => return Some((state.generation, job)),
                _ => {
                    state.sleeping += 1;
                    state = self.started.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.sleeping -= 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_runs_each_job_once() {
        for n in [1, 2, 3, 8] {
            let lanes = Lanes::new(n);
            let counts: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
            for _ in 0..200 {
                lanes.run(&|lane| {
                    counts[lane].fetch_add(1, Ordering::Relaxed);
                });
            }
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 200));
        }
    }

    #[test]
    fn every_item_is_worked_on_once() {
        for n in [1, 2, 5] {
            for len in [0, 1, 2, 100] {
                let mut items = vec![1; len];
                Lanes::new(n).each(&mut items, |i, item| *item += i);
                assert!(items.iter().enumerate().all(|(i, &item)| item == 1 + i));
            }
        }
    }

    #[test]
    fn who_sleeps_is_woken() {
        let (lanes, done) = (Lanes::new(3), AtomicUsize::new(0));
        let pause = || std::thread::sleep(std::time::Duration::from_millis(30));
        for slow in [0, 1, 2, 1, 0] {
            // Long enough for the workers to fall asleep, and for the caller where another lane is slow.
            pause();
            lanes.run(&|lane| {
                if lane == slow {
                    pause();
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(done.into_inner(), 15);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_lanes_go_on() {
        let lanes = Lanes::new(3);
        for bad in 0..3 {
            assert!(catch_unwind(AssertUnwindSafe(|| lanes.run(&|lane| assert!(lane != bad)))).is_err());
        }
        lanes.run(&|_| {});
    }
}
