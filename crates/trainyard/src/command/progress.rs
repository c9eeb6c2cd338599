//! A count of rows in a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Rows read so far, on standard error where that is a terminal.
pub struct Rows(ProgressBar);

impl Rows {
    /// Begins to count.
    pub fn new(title: &str) -> Self {
        let bar = ProgressBar::new_spinner().with_prefix(title.to_owned());
        // The template is fixed; a mistake in it would only cost the picture.
        let style = ProgressStyle::with_template("{prefix:>18} {spinner} {human_pos:>9} rows");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self(bar)
    }

    /// Shows a count.
    pub fn set(&self, rows: u64) {
        self.0.set_position(rows);
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
