//! JSON lines: an object per line.

use std::io::{BufRead, BufReader, Read};

use jiter::{Jiter, JiterError, Peek};

use super::location::{Input, Location};
use super::records::{Cell, RecordFile, Texts, Visitor};
use crate::error::{Error, Place, Result};

/// Bytes of the longest line that is read.
const LINE_BYTES_MAX: usize = 64 << 20;
/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// The lines of a file. Lines of white space are passed over.
pub(super) struct Lines {
    input: BufReader<Input>,
    path: Location,
    line: Vec<u8>,
    number: u64,
    list: Texts,
}

impl Lines {
    /// Reads lines from `input`; `path` is for messages.
    pub(super) fn new(input: Input, path: &Location) -> Self {
        let input = BufReader::with_capacity(BUFFER_BYTES, input);
        Self { input, path: path.clone(), line: Vec::new(), number: 0, list: Texts::default() }
    }

    fn check_first(&self) -> Result<()> {
        let problem = match self.line.as_slice() {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "is text in UTF-16, UTF-8 was expected; convert it",
            [0x1f, 0x8b, ..] => "is compressed (gzip), plain text was expected; end its name in `.gz`",
            [0x28, 0xb5, 0x2f, 0xfd, ..] => "is compressed (zstd), plain text was expected; end its name in `.zst`",
            line if line.trim_ascii_start().starts_with(b"[") => {
                "is a JSON array, an object per line was expected; convert it, say by `jq -c '.[]'`"
            }
            _ => return Ok(()),
        };
        Err(Error::NotText { path: self.path.clone(), problem: problem.to_owned() })
    }
}

impl RecordFile for Lines {
    fn advance(&mut self) -> Result<bool> {
        loop {
            self.line.clear();
            let most = LINE_BYTES_MAX as u64 + 1;
            let read = self.input.by_ref().take(most).read_until(b'\n', &mut self.line);
            if read.map_err(Error::io("read", &self.path))? == 0 {
                return Ok(false);
            }
            self.number += 1;
            if self.number == 1 {
                self.check_first()?;
                if self.line.starts_with(&[0xef, 0xbb, 0xbf]) {
                    self.line.drain(..3);
                }
            }
            if self.line.len() > LINE_BYTES_MAX {
                let problem = format!("has more than {} MiB; is there an object per line?", LINE_BYTES_MAX >> 20);
                return Err(Error::DamagedFile { path: self.path.clone(), place: self.place(), problem });
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn place(&self) -> Place {
        Place::Line(self.number)
    }

    fn fields(&mut self, visitor: &mut dyn Visitor) -> Result<(), String> {
        let mut json = Jiter::new(&self.line);
        object(&mut json, &mut self.list, visitor).map_err(|error| {
            let column = error.index + 1;
            format!("is no JSON object: {} at character {column}", error.error_type)
        })
    }
}

fn object(json: &mut Jiter, list: &mut Texts, visitor: &mut dyn Visitor) -> Result<(), JiterError> {
    let mut column = json.next_object()?.map(|name| visitor.find(name));
    while let Some(found) = column {
        match found {
            None => json.next_skip()?,
            Some(found) => value(json, list, &mut |cell| visitor.take(found, cell))?,
        }
        column = json.next_key()?.map(|name| visitor.find(name));
    }
    json.finish()
}

fn value(json: &mut Jiter, list: &mut Texts, take: &mut dyn FnMut(Cell)) -> Result<(), JiterError> {
    match json.peek()? {
        Peek::Null => {
            json.known_null()?;
            take(Cell::Missing);
        }
        peek @ (Peek::True | Peek::False) => {
            take(Cell::Word(if json.known_bool(peek)? { b"true" } else { b"false" }));
        }
        Peek::String => take(Cell::Text(json.known_str()?.as_bytes())),
        Peek::Array => match array(json, list)? {
            true => take(Cell::List(list)),
            false => take(Cell::Other("list of fractions, truth values, lists or objects")),
        },
        Peek::Object => {
            json.next_skip()?;
            take(Cell::Other("JSON object"));
        }
        peek => take(Cell::Word(json.known_number_bytes(peek)?)),
    }
    Ok(())
}

/// Reads an array into `list`, and says whether it is one of texts or whole numbers. What is null in it is left out.
fn array(json: &mut Jiter, list: &mut Texts) -> Result<bool, JiterError> {
    list.clear();
    let mut is_list = true;
    let mut item = json.known_array()?;
    while let Some(peek) = item {
        match peek {
            Peek::Null => json.known_null()?,
            Peek::String => list.push(json.known_str()?.as_bytes()),
            Peek::Array | Peek::Object | Peek::True | Peek::False => {
                json.known_skip(peek)?;
                is_list = false;
            }
            peek => {
                let number = json.known_number_bytes(peek)?;
                is_list &= !number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
                list.push(number);
            }
        }
        item = json.array_step()?;
    }
    Ok(is_list)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trainyard_features::ColumnType::{self, Bool, Float, Int, Text, Time};

    use crate::source::{OnError, Source, SourceConfig};
    use crate::testing::rows;
    use crate::{Error, Result};

    fn file(text: impl AsRef<[u8]>) -> (tempfile::TempDir, SourceConfig) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl");
        std::fs::write(&path, text).unwrap();
        (folder, SourceConfig { path: path.as_path().into(), ..SourceConfig::default() })
    }

    #[track_caller]
    fn check(text: &str, types: &[ColumnType], expected: &[&str]) {
        let (_folder, config) = file(text);
        let source = Source::open_all(&config).unwrap();
        assert_eq!(source.schema().fields.iter().map(|field| field.column_type).collect::<Vec<_>>(), types);
        assert_eq!(rows(&source).unwrap(), expected);
    }

    #[track_caller]
    fn check_error(text: impl AsRef<[u8]>, needed: &[(&str, Option<ColumnType>)], expected: &str) {
        let (_folder, config) = file(text);
        let error = Source::open(&config, needed).and_then(|source| rows(&source)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn types_are_those_of_the_values() {
        check(
            "{\"a\":1,\"b\":1,\"c\":true,\"d\":\"1\",\"e\":null}\n{\"a\":-2,\"b\":2.5,\"c\":false,\"d\":\"é\\n\"}\n",
            &[Int, Float, Bool, Text, Text],
            &["1|1.0|true|1|", "-2|2.5|false|é\n|"],
        );
        check("{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":0.10}", &[Text], &["1", "x", "0.10"]);
        check("{\"a\":1}\n{\"a\":12345678901234567890}", &[Text], &["1", "12345678901234567890"]);
    }

    #[test]
    fn times_are_texts_that_say_one() {
        let times = [("a", Some(Time))];
        let (_folder, config) = file("{\"a\":\"2024-05-01 13:45\"}\n{\"a\":null}\n{}\n");
        let source = Source::open(&config, &times).unwrap();
        assert_eq!(rows(&source).unwrap(), ["2024-05-01T13:45:00", "", ""]);
        check_error("{\"a\":null}\n{\"a\":\"2024-05-32\"}\n", &times, "line 2 of `");
        check_error("{\"a\":1714571100}\n", &times, "column `a`: `1714571100` is not a time such as");
    }

    #[test]
    fn numbers_are_read_exactly() {
        check(
            "{\"a\":0.1}\n{\"a\":1e-7}\n{\"a\":123456789.87654321}",
            &[Float],
            &["0.1", "1e-7", "123456789.87654321"],
        );
    }

    #[test]
    fn rows_name_their_columns_in_any_order() {
        check("{\"a\":1,\"b\":2}\n{\"b\":3,\"c\":{\"d\":[1]},\"a\":4}\n{}\n", &[Int, Int], &["1|2", "4|3", "|"]);
    }

    #[test]
    fn lists_are_columns_of_tokens() {
        check(
            "{\"a\":[\"x\",\"y z\"]}\n{\"a\":[1,null,-2]}\n{\"a\":[]}\n{\"a\":\"one\"}\n{}\n",
            &[Text],
            &["[x, y z]", "[1, -2]", "[]", "[one]", ""],
        );
    }

    #[test]
    fn blank_lines_and_marks_do_not_matter() {
        check("\u{feff}{\"a\":1}\r\n\r\n  \n{\"a\":2}", &[Int], &["1", "2"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_column() {
        check_error("{\"a\":1}\n\n{\"a\":}\n", &[("a", None)], "line 3 of `");
        check_error("{\"a\":1}\n{\"a\":}\n", &[("a", None)], "is no JSON object: expected value at character 6");
        check_error("{\"a\":1}\n[1]\n", &[("a", None)], "line 2 of `");
        check_error("{\"a\":1} x\n", &[("a", None)], "trailing characters");
        check_error("{\"a\":1,\"a\":2}\n", &[("a", None)], "t.jsonl` has column `a` twice");
        check_error("{\"a\":1.5}\n", &[("a", Some(Int))], "column `a`: `1.5` is not a whole number of 64 bits");
        check_error("{\"a\":1e999x}\n", &[("a", None)], "line 1 of `");
        check_error("{\"a\":9223372036854775808}\n", &[("a", Some(Int))], "is not a whole number of 64 bits");
        check_error(b"{\"a\":\"caf\xe9\"}\n", &[("a", None)], "line 1 of `");
        let late = "{\"a\":1}\n".repeat(10_000) + "{\"a\":\"x\"}\n";
        check_error(late, &[("a", None)], "line 10001 of `");
    }

    #[test]
    fn what_no_column_holds_is_refused_when_needed() {
        check_error("{\"a\":{\"b\":1}}\n", &[("a", None)], "has the type `JSON object`");
        check_error("{\"a\":[1.5,2]}\n", &[("a", None)], "has the type `list of fractions");
        check_error("{\"a\":[1,2]}\n", &[("a", Some(Float))], "but it holds lists");
        check_error("{\"b\":1}\n", &[("a", None)], "has no column `a`");
    }

    #[test]
    fn other_files_are_told_apart() {
        check_error("[{\"a\":1}]", &[("a", None)], "is a JSON array, an object per line was expected");
        check_error(b"\xff\xfe{\0", &[("a", None)], "UTF-16");
        check_error("{\n  \"a\": 1\n}\n", &[("a", None)], "line 1 of `");
    }

    #[test]
    fn bad_rows_can_be_skipped_and_are_counted() {
        let (_folder, mut config) = file(b"{\"a\":1}\n{\"a\":\n{\"a\":\"x\"}\n{\"b\":\"\xff\",\"a\":3}\n{\"a\":4}\n");
        config.on_error = OnError::Skip;
        let source = Source::open(&config, &[("a", Some(Int)), ("b", None)]).unwrap();
        assert_eq!(rows(&source).unwrap(), ["1|", "4|"]);
        let mut scan = source.scan().unwrap();
        scan.by_ref().for_each(drop);
        assert_eq!(scan.skipped(), 3);
    }

    #[test]
    fn files_that_differ_in_a_type_are_both_named() {
        let (folder, mut config) = file("{\"a\":1,\"b\":1}\n");
        std::fs::write(folder.path().join("u.jsonl"), "{\"a\":\"x\",\"b\":0.5}\n").unwrap();
        config.path = folder.path().into();
        let error = Source::open(&config, &[("a", None)]).unwrap_err().to_string();
        assert!(error.starts_with("column `a` is `int` in `") && error.contains("but `text` in `"), "{error}");
        assert_eq!(rows(&Source::open(&config, &[("b", None)]).unwrap()).unwrap(), ["1.0", "0.5"]);
    }

    #[test]
    fn batches_are_full_but_the_last() {
        let (_folder, config) = file("{\"n\":1}\n".repeat(10_000));
        let source = Source::open(&config, &[("n", None)]).unwrap();
        let sizes: Vec<_> = source.scan().unwrap().map(|batch| batch.unwrap().num_rows()).collect();
        assert_eq!(sizes, [8192, 1808]);
    }

    fn read(text: &[u8]) -> Result<Vec<String>> {
        let (_folder, config) = file(text);
        rows(&Source::open_all(&config)?)
    }

    proptest! {
        #[test]
        fn damaged_lines_are_errors_and_never_panics(
            text in "\\{\"(a|b)\":([0-9]{1,20}|-?[0-9].[0-9]e[0-9]{1,3}|\"[a-z\\\\\"é]{0,9}\"|\\[(1,)*\\]?|\\{|null|tru)\\}\n{0,2}",
            places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = ("{\"a\":1,\"b\":[\"x\"]}\n".to_owned() + &text).into_bytes();
            for (place, byte) in places {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Err(error) = read(&bytes) {
                let is_about_a_place = matches!(error, Error::Record { .. } | Error::Value { .. } | Error::NotText { .. });
                prop_assert!(is_about_a_place, "{error}");
            }
        }
    }
}
