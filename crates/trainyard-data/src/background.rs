//! Work on a thread of its own, ahead of who needs its results.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// The items that a thread makes, in the order it makes them.
///
/// At most `depth` items wait; then the thread does. Dropping this stops the thread at the next item it hands over, and
/// waits for it. A panic of the thread goes on in the thread that asks for the next item.
#[derive(Debug)]
pub(crate) struct Background<T> {
    items: Option<Receiver<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Background<T> {
    /// Starts `produce` on a thread.
    pub(crate) fn spawn(depth: usize, produce: impl FnOnce(Sink<T>) + Send + 'static) -> Self {
        let (sender, items) = sync_channel(depth);
        let thread = thread::spawn(move || produce(Sink(sender)));
        Self { items: Some(items), thread: Some(thread) }
    }
}

impl<T> Background<T> {
    /// Wants no more items, and waits for the thread to end.
    pub(crate) fn stop(&mut self) {
        self.items = None;
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, concerned items that nobody wants any more.
            let _ = thread.join();
        }
    }
}

impl<T> Iterator for Background<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if let Some(item) = self.items.as_ref().and_then(|items| items.recv().ok()) {
            return Some(item);
        }
        self.items = None;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
        None
    }
}

impl<T> Drop for Background<T> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the thread of a [`Background`] puts its items.
#[derive(Debug)]
pub(crate) struct Sink<T>(SyncSender<T>);

impl<T> Sink<T> {
    /// Hands over an item, and says whether more are wanted.
    #[must_use]
    pub(crate) fn send(&self, item: T) -> bool {
        self.0.send(item).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn items_come_in_order() {
        let items = Background::spawn(2, |sink| (0..100).take_while(|&i| sink.send(i)).for_each(drop));
        assert_eq!(items.collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn dropping_it_stops_the_thread() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let mut items = Background::spawn(1, move |sink| while sink.send(count.fetch_add(1, Ordering::Relaxed)) {});
        assert_eq!(items.next(), Some(0));
        drop(items);
        assert!(made.load(Ordering::Relaxed) <= 4);
    }

    #[test]
    #[should_panic(expected = "broken")]
    fn a_panic_of_the_thread_is_not_taken_for_the_end() {
        let mut items = Background::<u8>::spawn(1, |_| panic!("broken"));
        items.next();
    }
}
