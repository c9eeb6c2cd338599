//! A run as progress bars and lines in a terminal.

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use trainyard_train::{Event, HistoryPoint, Observer, Stage};

/// Shows a run on standard error: a bar for the stage at work with rows per second and the loss, and a line for each
/// evaluation and notice. Where standard error is no terminal there are the lines alone.
///
/// It asks the run to stop when the flag given is set, which is how Ctrl-C ends a run with a checkpoint.
#[derive(Debug)]
pub struct Progress {
    bars: MultiProgress,
    bar: Mutex<ProgressBar>,
    stop: Arc<AtomicBool>,
    is_terminal: bool,
}

impl Progress {
    /// Shows a run that ends early when `stop` is set.
    pub fn new(stop: Arc<AtomicBool>) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let is_terminal = !target.is_hidden();
        let bars = MultiProgress::with_draw_target(target);
        Self { bars, bar: Mutex::new(ProgressBar::hidden()), stop, is_terminal }
    }

    fn line(&self, text: &str) {
        if self.is_terminal {
            // A bar that cannot be drawn around is not worth ending the run.
            drop(self.bars.println(text));
        } else {
            tracing::info!("{text}");
        }
    }

    fn begin(&self, stage: &Stage, rows: Option<u64>) {
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        bar.finish_and_clear();
        *bar = self.bars.add(rows.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        bar.set_style(style(rows.is_some()));
        bar.set_prefix(title(stage));
    }

    fn advance(&self, rows: u64, message: Option<String>) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if rows < bar.position() {
            bar.reset();
        }
        bar.set_position(rows);
        if let Some(message) = message {
            bar.set_message(message);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).finish_and_clear();
    }
}

impl Observer for Progress {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Stage { stage, rows } => self.begin(&stage, rows),
            Event::Rows(rows) => self.advance(rows, None),
            Event::Step { step, epoch, rows, loss } => {
                self.advance(rows, Some(format!("epoch {epoch}  step {step}  loss {loss:.5}")));
            }
            Event::Evaluated { point, best } => self.line(&evaluated(point, best)),
            Event::Notice(notice) => self.line(&format!("note: {notice}")),
        }
    }

    fn wants_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn evaluated(point: &HistoryPoint, best: bool) -> String {
    let HistoryPoint { step, epoch, train_loss, eval_loss } = point;
    let mark = if best { "  best so far" } else { "" };
    format!("epoch {epoch:>3}  step {step:>7}  train loss {train_loss:>10.5}  eval loss {eval_loss:>10.5}{mark}")
}

fn title(stage: &Stage) -> String {
    match stage {
        Stage::View(split) => format!("view of {split}"),
        Stage::Fit => "fit features".to_owned(),
        Stage::Encode(split) => format!("encode {split}"),
        Stage::Shuffle(split) => format!("shuffle {split}"),
        Stage::Train => "train".to_owned(),
        Stage::Evaluate(split) => format!("evaluate {split}"),
    }
}

fn style(has_length: bool) -> ProgressStyle {
    let template = if has_length {
        "{prefix:>14} {bar:30} {human_pos:>9}/{human_len} rows  {rate:>16}  {msg}"
    } else {
        "{prefix:>14} {spinner} {human_pos:>9} rows  {rate:>16}  {msg}"
    };
    // The templates are fixed; a mistake in one would only cost the picture.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
        // Writing to a line in memory does not fail.
        let _ = write!(text, "{} rows/s", HumanCount(state.per_sec() as u64));
    })
}
