//! What Ballista logs, among what this program tells.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};

/// How long a line is not told again. An executor without its scheduler complains ten times a second.
const SILENCE: Duration = Duration::from_secs(30);

/// Passes on what libraries log, from warnings on, or from notices on when `verbose`; a line that repeats itself, once in
/// half a minute. For processes that serve a cluster.
pub fn forward_logs(verbose: bool) {
    static FORWARD: Forward = Forward { last: Mutex::new(None) };
    log::set_max_level(if verbose { LevelFilter::Info } else { LevelFilter::Warn });
    // Whoever listens to the lines already keeps doing so.
    let _ = log::set_logger(&FORWARD);
}

struct Forward {
    last: Mutex<Option<(String, Instant)>>,
}

impl Forward {
    fn is_new(&self, line: &str) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|(before, time)| before == line && time.elapsed() < SILENCE) {
            return false;
        }
        *last = Some((line.to_owned(), Instant::now()));
        true
    }
}

impl Log for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level() && metadata.target().starts_with("ballista")
    }

    fn log(&self, record: &Record<'_>) {
        let line = record.args().to_string();
        if !self.enabled(record.metadata()) || !self.is_new(&line) {
            return;
        }
        match record.level() {
            Level::Error => tracing::error!("{line}"),
            Level::Warn => tracing::warn!("{line}"),
            Level::Info | Level::Debug | Level::Trace => tracing::info!("{line}"),
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_repeats_itself_is_told_once() {
        let forward = Forward { last: Mutex::new(None) };
        assert_eq!(["a", "a", "b", "a"].map(|line| forward.is_new(line)), [true, false, true, true]);
    }
}
