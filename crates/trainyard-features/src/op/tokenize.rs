//! A text as the words that it is made of.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::Column;
use crate::tokens::Tokens;
use serde::{Deserialize, Serialize};

/// What C's `isspace` takes for white space, as TensorFlow's `tf.strings.split` does.
const WHITE_SPACE: [char; 6] = [' ', '\t', '\n', '\u{b}', '\u{c}', '\r'];

/// The parts of a text between delimiters, in their order and with repetitions; empty parts are left out.
///
/// Missing text has no tokens; a row of a column of lists has those of all of its texts. The same parts as `tf.compat.v1.string_split`, and as `tf.strings.split` where there are no
/// empty ones. Tokens are no input of a model: `vocabulary` or `hash` makes ids of them.
///
/// Export: ONNX has `StringSplit`, and `StringNormalizer` (locale `C`) for the lower case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokenize {
    /// What stands between tokens, letter by letter. By default any white space of ASCII, however much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Whether `A` to `Z` become `a` to `z`. Other letters stay as they are, so that the result is the same everywhere.
    pub lower_case: bool,
}

impl Default for Tokenize {
    fn default() -> Self {
        Self { delimiter: None, lower_case: true }
    }
}

impl Operation for Tokenize {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        any_of(one(inputs)?, &[Kind::Text], "text")?;
        match self.delimiter.as_deref() {
            Some("") => Err("`delimiter` is empty; leave it out to split at white space".to_string()),
            _ => Ok(Kind::Tokens),
        }
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let Self { delimiter, lower_case } = self.clone();
        Ok(Kernel::new(1, move |args: Args<'_>| {
            let column = args.column(0)?;
            let mut tokens = match &delimiter {
                Some(delimiter) => tokenize(column, |text| text.split(delimiter.as_str()))?,
                None => tokenize(column, |text| text.split(WHITE_SPACE))?,
            };
            if lower_case {
                tokens.make_ascii_lowercase();
            }
            Ok(Column::Tokens(tokens))
        }))
    }
}

fn tokenize<'a, I: Iterator<Item = &'a str>>(column: &'a Column, split: impl Fn(&'a str) -> I) -> Checked<Tokens> {
    let mut tokens = Tokens::new();
    match column {
        Column::Text(texts) => {
            texts.iter().try_for_each(|text| push_row(&mut tokens, text.into_iter().flat_map(&split)))?;
        }
        Column::Tokens(lists) => {
            (0..lists.rows()).try_for_each(|row| push_row(&mut tokens, lists.row(row).flat_map(&split)))?;
        }
        _ => return Err("input is not text; please report it".to_string()),
    }
    Ok(tokens)
}

fn push_row<'a>(tokens: &mut Tokens, mut row: impl Iterator<Item = &'a str>) -> Checked<()> {
    row.try_for_each(|token| tokens.push([token]))?;
    tokens.end_row();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;
    use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
    use std::sync::Arc;

    /// Tokens as a vocabulary of them numbers them: by falling count, then by falling bytes.
    #[track_caller]
    fn check(parameters: &str, values: &[&str], expected: &[&[u64]], buckets: u64) {
        let spec = format!("[words]\nop = 'tokenize'\ninput = 'x'\n{parameters}\n[v]\nop = 'vocabulary'\ninput = 'words'");
        check_ids(&spec, vec![("x", texts(values))], expected, buckets);
    }

    #[test]
    fn white_space_of_any_length_separates_words() {
        check("", &[" one  two\tone\r\n", "-", "", "two one"], &[&[0, 1, 0], &[], &[], &[1, 0]], 3);
    }

    #[test]
    fn a_delimiter_is_taken_letter_by_letter_and_empty_parts_are_left_out() {
        check("delimiter = '||'", &["a b||||c|", "c|||a b"], &[&[3, 1], &[2, 0]], 5);
    }

    #[test]
    fn only_ascii_letters_become_lower_case() {
        check("", &["AB ab É é"], &[&[0, 0, 2, 1]], 4);
        check("lower_case = false", &["AB ab"], &[&[1, 0]], 3);
    }

    #[test]
    fn a_no_break_space_is_part_of_a_word() {
        check("", &["a\u{a0}b a"], &[&[0, 1]], 3);
    }

    #[test]
    fn lists_are_tokenized_text_by_text_or_read_as_they_are() {
        let mut lists = ListBuilder::new(StringBuilder::new());
        lists.append_value([Some("b a"), Some("B")]);
        lists.append_null();
        let columns = vec![("x", Arc::new(lists.finish()) as ArrayRef)];
        let spec = "[words]\nop = 'tokenize'\ninput = 'x'\n[v]\nop = 'vocabulary'\ninput = 'words'";
        check_ids(spec, columns.clone(), &[&[0, 1, 0], &[]], 3);
        check_ids("[x]\nop = 'vocabulary'", columns, &[&[0, 1], &[]], 3);
    }

    #[test]
    fn wrong_input_and_an_empty_delimiter_are_refused() {
        check_error("[x]\nop = 'tokenize'", vec![("x", ints(&[Some(1)]))], "`[features.x]`: needs text, but column `x` is int");
        let spec = "[x]\nop = 'tokenize'\ndelimiter = ''";
        check_error(spec, vec![("x", texts(&["a"]))], "`delimiter` is empty; leave it out to split at white space");
    }

    #[test]
    fn tokens_do_not_reach_a_model() {
        let expected = "`[features.x]`: makes lists of text, which no model reads; make ids of them with `vocabulary` or `hash`";
        check_error("[x]\nop = 'tokenize'", vec![("x", texts(&["a"]))], expected);
    }
}
