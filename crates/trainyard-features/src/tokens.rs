//! Texts of variable number per row.

use crate::texts::Placed;

/// Rows of texts, each row any number of them: what `tokenize` makes of a text.
///
/// All texts stand one after the other in one string, so that a batch is three allocations however many tokens it has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tokens {
    /// Where the tokens of each row start, and where those of the last one end.
    rows: Vec<u32>,
    /// Where each token starts in `text`, and where the last one ends.
    bounds: Vec<u32>,
    text: String,
}

impl Tokens {
    /// No rows.
    pub fn new() -> Self {
        Self { rows: vec![0], bounds: vec![0], text: String::new() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len() - 1
    }

    /// Number of tokens of row `i`.
    pub fn len(&self, i: usize) -> usize {
        (self.rows[i + 1] - self.rows[i]) as usize
    }

    /// The tokens of row `i`.
    pub fn row(&self, i: usize) -> impl ExactSizeIterator<Item = &str> {
        let ends = &self.bounds[self.rows[i] as usize..=self.rows[i + 1] as usize];
        ends.windows(2).map(|ends| &self.text[ends[0] as usize..ends[1] as usize])
    }

    /// The tokens of all rows.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.bounds.windows(2).map(|ends| &self.text[ends[0] as usize..ends[1] as usize])
    }

    /// The tokens of all rows, and what stands behind each.
    pub fn placed(&self) -> impl Iterator<Item = Placed<'_>> {
        let onward = |start: u32| &self.text.as_bytes()[start as usize..];
        self.iter().zip(&self.bounds).map(move |(text, &start)| Placed { text, onward: onward(start) })
    }

    /// Adds a token, made of parts, to the row that is being written. Empty ones are left out: empty text is missing.
    ///
    /// # Errors
    ///
    /// When all tokens together would be longer than 4 GiB.
    pub fn push<'a>(&mut self, parts: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
        let start = self.text.len();
        self.text.extend(parts);
        if self.text.len() > start {
            let end = u32::try_from(self.text.len());
            self.bounds.push(end.map_err(|_| "makes more than 4 GiB of tokens of one batch; shorten the texts")?);
        }
        Ok(())
    }

    /// Ends the row that is being written.
    pub fn end_row(&mut self) {
        // A token has at least one byte, so there are no more tokens than bytes, which fit.
        self.rows.push((self.bounds.len() - 1) as u32);
    }

    /// Turns `A` to `Z` into lower case, in place.
    pub fn make_ascii_lowercase(&mut self) {
        self.text.make_ascii_lowercase();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_what_was_pushed_without_the_empty() {
        let mut tokens = Tokens::new();
        tokens.end_row();
        for token in ["é", "", "bc"] {
            tokens.push([token]).unwrap();
        }
        tokens.end_row();
        tokens.push(["a", " ", "b"]).unwrap();
        tokens.end_row();
        let rows: Vec<Vec<&str>> = (0..tokens.rows()).map(|row| tokens.row(row).collect()).collect();
        assert_eq!(rows, [vec![], vec!["é", "bc"], vec!["a b"]]);
        assert_eq!(tokens.iter().collect::<Vec<_>>(), ["é", "bc", "a b"]);
        assert_eq!((0..3).map(|row| tokens.len(row)).collect::<Vec<_>>(), [0, 2, 1]);
    }
}
