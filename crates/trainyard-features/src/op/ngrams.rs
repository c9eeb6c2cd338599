//! Neighbouring tokens as one.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use crate::tokens::Tokens;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// The greatest number of tokens in one: each makes the texts of a batch that much longer.
const MAX_N: u64 = 32;

/// Every `min` to `max` neighbouring tokens, joined by a separator: by where they start, then by how many they are, with
/// repetitions. `One was Johnny` gives `One`, `One was`, `was`, `was Johnny`, `Johnny` for 1 to 2.
///
/// A row with fewer than `min` tokens has none. The same as `tft.ngrams`.
///
/// Export: ONNX has `TfIdfVectorizer`, which counts n-grams as it makes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NGrams {
    /// The fewest tokens joined. At least 1.
    pub min: u64,
    /// The most tokens joined. At least `min`, at most 32.
    pub max: u64,
    /// What stands between the tokens.
    pub separator: String,
}

impl Default for NGrams {
    fn default() -> Self {
        Self { min: 1, max: 2, separator: " ".to_string() }
    }
}

impl Operation for NGrams {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        any_of(one(inputs)?, &[Kind::Tokens], "tokens (`tokenize` makes them of text)")?;
        let Self { min, max, .. } = *self;
        if (1..=max).contains(&min) && max <= MAX_N {
            return Ok(Kind::Tokens);
        }
        Err(format!("`min` is {min} and `max` is {max}; expected 1 <= `min` <= `max` <= {MAX_N}"))
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let Self { min, max, separator } = self.clone();
        let lengths = min as usize..=max as usize;
        let apply = move |args: Args<'_>| Ok(Column::Tokens(ngrams(args.tokens(0)?, lengths.clone(), &separator)?));
        Ok(Kernel::new(1, apply))
    }
}

fn ngrams(tokens: &Tokens, lengths: RangeInclusive<usize>, separator: &str) -> Checked<Tokens> {
    let mut ngrams = Tokens::new();
    for row in 0..tokens.rows() {
        let words: Vec<&str> = tokens.row(row).collect();
        for start in 0..words.len() {
            for words in lengths.clone().map_while(|n| words.get(start..start + n)) {
                ngrams.push(joined(words, separator))?;
            }
        }
        ngrams.end_row();
    }
    Ok(ngrams)
}

/// The words with separators between them.
fn joined<'a>(words: &'a [&'a str], separator: &'a str) -> impl Iterator<Item = &'a str> {
    words.iter().enumerate().flat_map(move |(i, word)| [if i == 0 { "" } else { separator }, word])
}

#[cfg(test)]
mod tests {
    use super::{RangeInclusive, Tokens, ngrams};
    use crate::op::testing::*;

    fn tokens(rows: &[&[&str]]) -> Tokens {
        let mut tokens = Tokens::new();
        for row in rows {
            row.iter().for_each(|token| tokens.push([*token]).unwrap());
            tokens.end_row();
        }
        tokens
    }

    #[track_caller]
    fn check(lengths: RangeInclusive<usize>, separator: &str, rows: &[&[&str]], expected: &[&[&str]]) {
        assert_eq!(ngrams(&tokens(rows), lengths, separator).unwrap(), tokens(expected));
    }

    /// `tft.ngrams`, mappers_test.py, testNGramsWithSpaceSeparator.
    #[test]
    fn words_match_tensorflow_transform() {
        check(
            1..=2,
            " ",
            &[&["One", "was", "Johnny"], &["Two", "was", "a", "rat"]],
            &[
                &["One", "One was", "was", "was Johnny", "Johnny"],
                &["Two", "Two was", "was", "was a", "a", "a rat", "rat"],
            ],
        );
    }

    const LETTERS: &[&[&str]] =
        &[&["a", "b", "c"], &["d", "e", "f"], &["f", "g", "h", "i", "j", "k", "l", "m"], &["z"], &[]];

    /// `tft.ngrams`, mappers_test.py, testNGrams.
    #[test]
    fn letters_match_tensorflow_transform() {
        #[rustfmt::skip]
        check(1..=5, "", LETTERS, &[
            &["a", "ab", "abc", "b", "bc", "c"],
            &["d", "de", "def", "e", "ef", "f"],
            &["f", "fg", "fgh", "fghi", "fghij", "g", "gh", "ghi", "ghij", "ghijk", "h", "hi", "hij", "hijk", "hijkl", "i", "ij",
                "ijk", "ijkl", "ijklm", "j", "jk", "jkl", "jklm", "k", "kl", "klm", "l", "lm", "m"],
            &["z"],
            &[],
        ]);
    }

    /// `tft.ngrams`, mappers_test.py, testNGramsMinSizeNotOne.
    #[test]
    fn letters_match_tensorflow_transform_from_two_on() {
        #[rustfmt::skip]
        check(2..=5, "", LETTERS, &[
            &["ab", "abc", "bc"],
            &["de", "def", "ef"],
            &["fg", "fgh", "fghi", "fghij", "gh", "ghi", "ghij", "ghijk", "hi", "hij", "hijk", "hijkl", "ij", "ijk", "ijkl",
                "ijklm", "jk", "jkl", "jklm", "kl", "klm", "lm"],
            &[],
            &[],
        ]);
    }

    #[test]
    fn ranges_that_hold_nothing_are_refused() {
        let column = || vec![("x", texts(&["a"]))];
        let spec = |range: &str| format!("[t]\nop = 'tokenize'\ninput = 'x'\n[y]\nop = 'ngrams'\ninput = 't'\n{range}");
        for range in ["min = 0", "min = 6\nmax = 5", "max = 33"] {
            check_error(&spec(range), column(), "expected 1 <= `min` <= `max` <= 32");
        }
        check_error("[x]\nop = 'ngrams'", column(), "`[features.x]`: needs tokens (`tokenize` makes them of text)");
    }
}
