//! Splitting rows by the hash of key columns.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampSecondType};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use trainyard_features::hash::farm_fingerprint64;

use super::config::config;
use crate::Result;
use crate::ordered::internal;

/// How rows are divided among training, evaluation and test by key columns: `split = { by = ["user"], eval = 0.1 }`.
///
/// A row's place is a function of its keys and the salt alone: FarmHash64 of the salt and the keys' text, a number below 2⁶⁴,
/// lies below `eval` · 2⁶⁴ for evaluation, below (`eval` + `test`) · 2⁶⁴ for test, and beyond for training. So rows with equal
/// keys stay together whatever the order of rows and files, and more rows do not move those that were there. The shares are
/// those of different keys, not of rows.
///
/// A missing value is a key like any other, but rows without any key are all to be learnt from: as one group they could make
/// up most of the evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitConfig {
    /// The key columns. At least one.
    pub by: Vec<String>,
    /// The share of keys to judge training by, above 0.
    #[serde(default = "tenth")]
    pub eval: f64,
    /// The share of keys for the final figures; 0 for none. Below 1 together with `eval`.
    #[serde(default)]
    pub test: f64,
    /// Another number gives another split.
    #[serde(default)]
    pub salt: u64,
}

fn tenth() -> f64 {
    0.1
}

impl SplitConfig {
    /// Refuses shares that cannot be.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) when no key is named, one is named twice, or no rows are left to learn from.
    pub fn check(&self) -> Result<()> {
        let named_twice = self.by.iter().enumerate().find(|(i, name)| self.by[..*i].contains(name));
        let Self { eval, test, .. } = *self;
        let problem = match named_twice {
            _ if self.by.is_empty() => {
                "names no column; give those that name what must stay together in `by`".to_owned()
            }
            Some((_, name)) => format!("names the column `{name}` twice in `by`; remove one"),
            None if !(eval > 0.0 && eval < 1.0) => format!("has `eval = {eval}`; it is a share above 0 and below 1"),
            None if !(0.0..1.0).contains(&test) => {
                format!("has `test = {test}`; it is a share of at least 0 and below 1")
            }
            None if eval + test >= 1.0 => {
                format!(
                    "leaves no rows to learn from: `eval` and `test` sum to {}; they must stay below 1",
                    eval + test
                )
            }
            None => return Ok(()),
        };
        config("split", problem)
    }

    /// The hashes of training, evaluation and test rows.
    pub(super) fn ranges(&self) -> [KeyRange; 3] {
        let cut = |share: f64| (share * 2f64.powi(64)) as u64;
        let range = |from, to| KeyRange { by: self.by.clone(), salt: self.salt, from, to };
        let (eval, test) = (cut(self.eval), cut(self.eval + self.test));
        [range(test, None), range(0, Some(eval)), range(eval, Some(test))]
    }
}

/// The rows whose keys hash into a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyRange {
    pub by: Vec<String>,
    salt: u64,
    from: u64,
    /// Where the range ends; without, it goes on to the last hash, and rows without any key belong to it.
    to: Option<u64>,
}

impl KeyRange {
    /// Which rows of a batch belong to the range.
    pub(super) fn mask(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let column = |name: &String| {
            batch.column_by_name(name).ok_or_else(|| internal(format!("the key `{name}` was not read")))
        };
        let columns: Vec<&ArrayRef> = self.by.iter().map(column).collect::<Result<_>>()?;
        let mut bytes = Vec::new();
        (0..batch.num_rows()).map(|row| self.holds(&columns, row, &mut bytes).map(Some)).collect()
    }

    /// Whether a row belongs to the range. What is hashed goes to `bytes`, so that it is not allocated for each row: the salt,
    /// then for each key whether it is there, its length and its text, so that different keys never run together.
    fn holds(&self, columns: &[&ArrayRef], row: usize, bytes: &mut Vec<u8>) -> Result<bool> {
        bytes.clear();
        bytes.extend(self.salt.to_le_bytes());
        let mut has_key = false;
        for column in columns {
            let start = bytes.len() + 9;
            bytes.extend([0; 9]);
            if push_text(column, row, bytes)? {
                has_key = true;
                let length = (bytes.len() - start) as u64;
                bytes[start - 9] = 1;
                bytes[start - 8..start].copy_from_slice(&length.to_le_bytes());
            }
        }
        let hash = farm_fingerprint64(bytes);
        Ok(if has_key { hash >= self.from && self.to.is_none_or(|to| hash < to) } else { self.to.is_none() })
    }
}

/// Adds the text of a value, and says whether there is one. A whole number has the same text as an int and as a float, as
/// files do not agree on the type of a column with missing values.
fn push_text(column: &ArrayRef, row: usize, bytes: &mut Vec<u8>) -> Result<bool> {
    if column.is_null(row) {
        return Ok(false);
    }
    let written = match column.data_type() {
        DataType::Utf8 => {
            let text = column.as_string::<i32>().value(row);
            bytes.extend(text.as_bytes());
            return Ok(!text.is_empty());
        }
        DataType::Timestamp(..) => write!(bytes, "{}", column.as_primitive::<TimestampSecondType>().value(row)),
        DataType::Int64 => write!(bytes, "{}", column.as_primitive::<Int64Type>().value(row)),
        DataType::Boolean => write!(bytes, "{}", column.as_boolean().value(row)),
        DataType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            if value.is_nan() {
                return Ok(false);
            }
            // -0 and 0 are equal.
            write!(bytes, "{}", value + 0.0)
        }
        other => return Err(internal(format!("a raw column of type {other}"))),
    };
    written.map(|()| true).map_err(|error| internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::testing::rows;
    use crate::{Error, Source, SourceConfig};

    fn split(by: &[&str]) -> SplitConfig {
        SplitConfig { by: by.iter().map(|&name| name.to_owned()).collect(), eval: 0.2, test: 0.1, salt: 0 }
    }

    fn files(texts: &[&str]) -> (tempfile::TempDir, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let write = |(i, text): (usize, &&str)| {
            let path = folder.path().join(format!("{i}.csv"));
            std::fs::write(&path, text).unwrap();
            path.to_string_lossy().into_owned()
        };
        let paths = texts.iter().enumerate().map(write).collect();
        (folder, paths)
    }

    fn open(paths: &[String]) -> Source {
        let path = crate::PathSpec::Many(paths.to_vec());
        Source::open_all(&SourceConfig { path, ..SourceConfig::default() }).unwrap()
    }

    /// Rows of `user,n`, several of a user, from `users`.
    fn visits(users: std::ops::Range<u64>) -> String {
        users
            .map(|user| format!("u{user},{}\nu{},1\n", user % 7, user / 3))
            .fold("user,n\n".to_owned(), |all, row| all + &row)
    }

    fn users(source: &Source) -> BTreeMap<String, usize> {
        let mut users = BTreeMap::new();
        for row in rows(source).unwrap() {
            *users.entry(row.split_once('|').unwrap().0.to_owned()).or_insert(0) += 1;
        }
        users
    }

    #[test]
    fn keys_stay_together_and_shares_are_kept() {
        const USERS: u64 = 30_000;
        let (_folder, paths) = files(&[&visits(0..USERS)]);
        let parts = open(&paths).split(&split(&["user"])).unwrap();
        let users: Vec<_> = parts.iter().map(users).collect();
        let all: BTreeSet<&String> = users.iter().flat_map(BTreeMap::keys).collect();
        assert_eq!(all.len(), users.iter().map(BTreeMap::len).sum::<usize>(), "a user is in two parts");
        assert_eq!(users.iter().flat_map(BTreeMap::values).sum::<usize>(), 2 * USERS as usize);
        for (users, share) in users.iter().zip([0.7, 0.2, 0.1]) {
            let (n, found) = (all.len() as f64, users.len() as f64);
            let deviation = (n * share * (1.0 - share)).sqrt();
            assert!((found - n * share).abs() < 3.0 * deviation, "{found} users, expected {}", n * share);
        }
    }

    #[test]
    fn the_order_of_files_and_of_rows_and_new_rows_change_no_place() {
        let (_folder, mut paths) = files(&[&visits(0..500), &visits(500..900)]);
        let before = open(&paths).split(&split(&["user"])).unwrap().map(|part| users(&part));
        paths.reverse();
        assert_eq!(open(&paths).split(&split(&["user"])).unwrap().map(|part| users(&part)), before);
        let (_folder, more) = files(&[&visits(0..2000)]);
        let after = open(&more).split(&split(&["user"])).unwrap().map(|part| users(&part));
        for (before, after) in before.iter().zip(&after) {
            assert!(before.keys().all(|user| after.contains_key(user)));
        }
    }

    #[test]
    fn a_part_keeps_its_rows_when_columns_are_selected() {
        let (_folder, paths) = files(&[&visits(0..500)]);
        let [learnt, held_out, _] = open(&paths).split(&split(&["user"])).unwrap();
        for part in [learnt, held_out] {
            let numbers: Vec<_> =
                rows(&part).unwrap().iter().map(|row| row.split_once('|').unwrap().1.to_owned()).collect();
            assert_eq!(rows(&part.select(&["n"]).unwrap()).unwrap(), numbers);
        }
    }

    #[test]
    fn another_salt_gives_another_split() {
        let (_folder, paths) = files(&[&visits(0..500)]);
        let parts =
            |salt| open(&paths).split(&SplitConfig { salt, ..split(&["user"]) }).unwrap().map(|part| users(&part));
        assert_ne!(parts(0), parts(1));
    }

    #[test]
    fn rows_without_any_key_are_learnt_from() {
        let missing = ",1\n".repeat(100);
        let (_folder, paths) = files(&[&format!("user,n\n{missing}")]);
        let [learnt, held_out, test] = open(&paths).split(&split(&["user"])).unwrap();
        assert_eq!((rows(&learnt).unwrap().len(), users(&held_out).len(), users(&test).len()), (100, 0, 0));
    }

    #[test]
    fn a_key_column_that_is_not_there_is_named() {
        let (_folder, paths) = files(&["user,n\na,1\n"]);
        let error = open(&paths).split(&split(&["usr"])).unwrap_err();
        assert!(matches!(&error, Error::MissingColumn { .. }), "{error}");
        assert!(error.to_string().contains("no column `usr`; did you mean `user`?"), "{error}");
    }

    #[test]
    fn a_number_is_the_same_key_as_an_int_and_as_a_float() {
        use arrow::array::{Float64Array, Int64Array};
        use std::sync::Arc;
        let text = |array: ArrayRef| {
            let mut bytes = Vec::new();
            push_text(&array, 0, &mut bytes).unwrap().then(|| String::from_utf8(bytes).unwrap())
        };
        for number in [0, 7, -3, 1 << 53] {
            let float = text(Arc::new(Float64Array::from(vec![number as f64])));
            assert_eq!(float, text(Arc::new(Int64Array::from(vec![number]))));
        }
        assert_eq!(text(Arc::new(Float64Array::from(vec![-0.0]))).as_deref(), Some("0"));
        assert_eq!(text(Arc::new(Float64Array::from(vec![f64::NAN]))), None);
    }

    #[track_caller]
    fn check_refused(split: SplitConfig, expected: &str) {
        let error = split.check().unwrap_err().to_string();
        assert!(error.starts_with("`split` ") && error.contains(expected), "{error}");
    }

    #[test]
    fn shares_that_cannot_be_are_refused() {
        check_refused(SplitConfig { eval: 0.7, test: 0.4, ..split(&["a"]) }, "sum to 1.1");
        check_refused(SplitConfig { eval: 0.5, test: 0.5, ..split(&["a"]) }, "no rows to learn from");
        check_refused(SplitConfig { eval: 0.0, ..split(&["a"]) }, "`eval = 0`");
        check_refused(SplitConfig { eval: f64::NAN, ..split(&["a"]) }, "`eval = NaN`");
        check_refused(SplitConfig { test: -0.1, ..split(&["a"]) }, "`test = -0.1`");
        check_refused(split(&[]), "names no column");
        check_refused(split(&["a", "b", "a"]), "`a` twice");
    }

    proptest! {
        /// Whatever the keys, a row is in one part, and keys that differ hash differently.
        #[test]
        fn every_row_is_in_one_part(keys in prop::collection::vec(("[ab|]{0,3}", "[ab|]{0,3}"), 1..30), salt: u64) {
            use arrow::array::StringArray;
            use std::sync::Arc;
            let column = |text: &dyn Fn(&(String, String)) -> String| {
                Arc::new(StringArray::from_iter_values(keys.iter().map(text))) as ArrayRef
            };
            let batch = [("a", column(&|key| key.0.clone())), ("b", column(&|key| key.1.clone()))];
            let batch = RecordBatch::try_from_iter(batch).unwrap();
            let masks = SplitConfig { salt, ..split(&["a", "b"]) }.ranges().map(|range| range.mask(&batch).unwrap());
            for row in 0..keys.len() {
                prop_assert_eq!(masks.iter().filter(|mask| mask.value(row)).count(), 1);
            }
        }
    }
}
