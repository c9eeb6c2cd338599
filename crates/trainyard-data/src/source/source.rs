//! Files as a table.

use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use arrow::datatypes::SchemaRef;
use trainyard_features::{ColumnType, Field, Schema};

use super::config::{OnError, SourceConfig, config};
use super::inputs::{Input, Needed, check_same_columns, common_types, is_added, unique};
use super::plan::{Part, Plan, arrow_schema, position};
use super::scan::Scan;
use super::split::SplitConfig;
use crate::error::{Error, Result, listed};

/// Files as a table: the columns that are needed, and any number of passes over their rows.
///
/// Cheap to clone; the clones share everything.
///
/// ```
/// use trainyard_data::{Source, SourceConfig};
/// use trainyard_features::ColumnType;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("people.csv");
/// std::fs::write(&path, "age,city,income\n42,Bern,1.5\n,Basel,2\n")?;
/// let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
///
/// let source = Source::open(&config, &[("city", None), ("age", Some(ColumnType::Float))])?;
/// let types: Vec<_> = source.schema().fields.iter().map(|field| field.column_type).collect();
/// assert_eq!(types, [ColumnType::Text, ColumnType::Float]);
///
/// let rows: usize = source.scan()?.map(|batch| Ok(batch?.num_rows())).sum::<trainyard_data::Result<_>>()?;
/// assert_eq!(rows, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Source {
    /// How each input is read, in their order.
    plans: Arc<[Arc<Plan>]>,
    schema: Schema,
    arrow: SchemaRef,
    /// What the rows were made of, where the files are ours.
    made_of: Option<Arc<str>>,
}

impl Source {
    /// Finds the files, checks that each has the columns that are `needed`, and finds out their types.
    ///
    /// A column is of the type that is asked for with it, else of that in `types`, else of the one that its first 10,000
    /// rows have (text, if all are missing). A file of Parquet knows its types.
    ///
    /// # Errors
    ///
    /// When there is no file, a column is missing or named twice, a setting is impossible, or the two types of a column,
    /// needed and configured, contradict each other.
    pub fn open(config: &SourceConfig, needed: &[(&str, Option<ColumnType>)]) -> Result<Source> {
        Self::open_inputs(slice::from_ref(config), needed)
    }

    /// Opens a source with all the columns that the first file has.
    ///
    /// # Errors
    ///
    /// As [`Source::open`].
    pub fn open_all(config: &SourceConfig) -> Result<Source> {
        Self::open_all_inputs(slice::from_ref(config))
    }

    /// Opens several inputs as one source: the rows of the first, then those of the second, and so on.
    ///
    /// A column that one input has as whole numbers and another as numbers is one of numbers; other types do not mix.
    ///
    /// # Errors
    ///
    /// As [`Source::open`], and when the types of a column differ.
    pub fn open_inputs(configs: &[SourceConfig], needed: &[(&str, Option<ColumnType>)]) -> Result<Source> {
        let needed = unique(needed)?;
        let names: Vec<&str> = needed.iter().map(|(name, _)| *name).collect();
        let inputs = configs.iter().map(|config| Input::find(config, &names)).collect::<Result<Vec<_>>>()?;
        Self::of_inputs(inputs, &needed)
    }

    /// Opens several inputs as one source with all of their columns, which must be the same; then come the weights, where the
    /// inputs have some that are not in their files ([`RowWeight`](super::RowWeight)).
    ///
    /// # Errors
    ///
    /// As [`Source::open_inputs`], and when an input has a column that another one lacks.
    pub fn open_all_inputs(configs: &[SourceConfig]) -> Result<Source> {
        let inputs = configs.iter().map(|config| Input::find(config, &[])).collect::<Result<Vec<_>>>()?;
        check_same_columns(&inputs)?;
        let names = inputs.first().map(Input::names).unwrap_or_default();
        let needed: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
        Self::of_inputs(inputs, &needed)
    }

    fn of_inputs(inputs: Vec<Input>, needed: &[Needed]) -> Result<Source> {
        if inputs.is_empty() {
            return config("path", "is empty; name a file, a directory or a pattern");
        }
        let types = common_types(&inputs, needed)?;
        let field = |((name, _), column_type): (&Needed, ColumnType)| Field { name: (*name).to_owned(), column_type };
        let schema = Schema { fields: needed.iter().zip(types).map(field).collect() };
        let plan = |input: Input| {
            let read = schema.fields.iter().filter(|field| !is_added(input.config, &field.name)).cloned().collect();
            Arc::new(Plan::new(input.config.clone(), input.files, Schema { fields: read }, Part::All))
        };
        let plans = inputs.into_iter().map(plan).collect();
        Ok(Source { plans, arrow: Arc::new(arrow_schema(&schema)), schema, made_of: None })
    }

    /// The columns that a scan gives, in the order in which they were asked for.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The files in the order in which they are read.
    pub fn files(&self) -> Vec<&Path> {
        self.plans.iter().flat_map(|plan| plan.files.paths.iter().map(PathBuf::as_path)).collect()
    }

    /// The same rows with some of the columns only.
    ///
    /// If bad rows are skipped, all columns stay: a row that is bad in another column would come back.
    pub(crate) fn select(&self, columns: &[&str]) -> Result<Source> {
        let is_skipping = self.plans.iter().any(|plan| plan.config.on_error == OnError::Skip);
        if columns.is_empty() || is_skipping {
            return Ok(self.clone());
        }
        let places = columns.iter().map(|column| self.position(column)).collect::<Result<Vec<_>>>()?;
        let schema = Schema { fields: places.into_iter().map(|place| self.schema.fields[place].clone()).collect() };
        let plan = |plan: &Arc<Plan>| {
            let is_read =
                |field: &&Field| schema.get(&field.name).is_some() || plan.part.columns().contains(&field.name);
            let mut read: Vec<Field> = plan.schema.fields.iter().filter(is_read).cloned().collect();
            if read.is_empty() {
                // Something must be read to tell how many rows there are.
                read.extend(plan.schema.fields.first().cloned());
            }
            Arc::new(Plan::new(plan.config.clone(), plan.files.clone(), Schema { fields: read }, plan.part.clone()))
        };
        let plans = self.plans.iter().map(plan).collect();
        Ok(Source { plans, arrow: Arc::new(arrow_schema(&schema)), schema, made_of: self.made_of.clone() })
    }

    /// The rows in two parts: those to learn from, and one in `one_in` that is held out to judge by. Which row is in which
    /// part depends on its place alone, so every pass and every start of a program finds the same.
    pub fn hold_out(&self, one_in: u64) -> (Source, Source) {
        (self.of_part(&Part::Learnt(one_in)), self.of_part(&Part::HeldOut(one_in)))
    }

    /// The rows to learn from, to judge by and for the final figures, told apart by their keys ([`SplitConfig`]).
    ///
    /// # Errors
    ///
    /// When a key is not a column of the source, or the shares cannot be.
    pub fn split(&self, split: &SplitConfig) -> Result<[Source; 3]> {
        split.check()?;
        split.by.iter().try_for_each(|key| self.position(key).map(drop))?;
        Ok(split.ranges().map(|range| self.of_part(&Part::Keyed(range))))
    }

    fn of_part(&self, part: &Part) -> Source {
        let plan = |plan: &Arc<Plan>| {
            Arc::new(Plan::new(plan.config.clone(), plan.files.clone(), plan.schema.clone(), part.clone()))
        };
        Source { plans: self.plans.iter().map(plan).collect(), ..self.clone() }
    }

    /// The same, but known by what its rows were made of: its files may be removed and made again.
    pub(crate) fn made_of(self, origin: &str) -> Source {
        Source { made_of: Some(origin.into()), ..self }
    }

    /// Where a column stands among those of the source.
    fn position(&self, column: &str) -> Result<usize> {
        let names: Vec<String> = self.schema.names().map(str::to_owned).collect();
        position(&names, column, self.files()[0])
    }

    /// Starts a pass over all rows.
    ///
    /// # Errors
    ///
    /// None today: what goes wrong comes with the batches.
    pub fn scan(&self) -> Result<Scan> {
        Ok(Scan::start(&self.plans, &self.arrow))
    }

    /// Refuses a source without rows.
    ///
    /// # Errors
    ///
    /// [`Error::NoRows`] when there is none. What goes wrong with a row is told by a scan, not here.
    pub fn check_rows(&self) -> Result<()> {
        let mut scan = self.scan()?;
        if scan.next().is_none() { Err(self.no_rows(&scan)) } else { Ok(()) }
    }

    /// What tells whether the data is the same as before: the files' names, sizes and times of change, and how they are
    /// read.
    ///
    /// # Errors
    ///
    /// When a file is not there any more.
    pub fn fingerprint(&self) -> Result<String> {
        let mut hash = crc32fast::Hasher::new();
        if let Some(origin) = &self.made_of {
            hash.update(format!("{origin} {:?} {:?}", self.schema, self.plans[0].part).as_bytes());
            return Ok(format!("{:08x}-{origin}", hash.finalize()));
        }
        for plan in self.plans.iter() {
            hash.update(format!("{:?} {:?} {:?}", plan.config, plan.schema, plan.part).as_bytes());
        }
        let mut bytes = 0;
        let files = self.files();
        for path in &files {
            let file = std::fs::metadata(path).map_err(Error::io("look at", path))?;
            let changed =
                file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            hash.update(format!("{}\n{}\n{}\n", path.display(), file.len(), changed.as_nanos()).as_bytes());
            bytes += file.len();
        }
        Ok(format!("{:08x}-{}-{bytes}", hash.finalize(), files.len()))
    }

    /// The columns as Arrow sees them.
    pub(crate) fn arrow_schema(&self) -> &SchemaRef {
        &self.arrow
    }

    /// The error of a pass that found no row.
    pub(crate) fn no_rows(&self, scan: &Scan) -> Error {
        let names: Vec<_> = self.files().iter().map(|path| format!("`{}`", path.display())).collect();
        Error::NoRows { files: listed(names.iter().map(String::as_str)), skipped: scan.skipped() }
    }
}

#[cfg(test)]
mod tests {
    use trainyard_features::ColumnType::{Float, Int};

    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, SourceConfig) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        (folder, SourceConfig { path: path.as_path().into(), ..SourceConfig::default() })
    }

    #[track_caller]
    fn check_error(types: &[(&str, ColumnType)], needed: &[Needed], expected: &str) {
        let (_folder, mut config) = file("a,b\n1,2\n");
        config.types = types.iter().map(|(name, column_type)| ((*name).to_owned(), *column_type)).collect();
        let error = Source::open(&config, needed).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn contradicting_types_are_refused() {
        check_error(
            &[("a", Int)],
            &[("a", Some(Float))],
            "`types` gives column `a` as `int`, but it is needed as `float`",
        );
        check_error(&[], &[("a", Some(Float)), ("a", Some(Int))], "column `a` as `int`, but it is needed as `float`");
    }

    #[test]
    fn a_type_for_a_column_that_is_not_there_is_refused() {
        check_error(&[("aa", Int)], &[("b", None)], "has no column `aa`");
    }

    #[test]
    fn no_column_is_too_few() {
        check_error(&[], &[], "name at least one");
    }

    #[test]
    fn a_column_that_is_needed_twice_comes_once() {
        let (_folder, config) = file("a,b\n1,2\n");
        let source = Source::open(&config, &[("a", None), ("b", None), ("a", Some(Float))]).unwrap();
        assert_eq!(source.schema(), &Schema::new([("a", Float), ("b", Int)]));
    }

    #[test]
    fn columns_can_be_selected() {
        let (_folder, mut config) = file("a,b\n1,2\n");
        let source = Source::open_all(&config).unwrap();
        assert_eq!(crate::testing::rows(&source.select(&["b"]).unwrap()).unwrap(), ["2"]);
        config.on_error = OnError::Skip;
        let skipping = Source::open_all(&config).unwrap();
        assert_eq!(crate::testing::rows(&skipping.select(&["b"]).unwrap()).unwrap(), ["1|2"]);
        assert!(matches!(source.select(&["c"]), Err(Error::MissingColumn { .. })));
    }

    #[test]
    fn each_row_is_learnt_or_held_out() {
        let text: String = (0..20_000).map(|i| format!("{i}\n")).collect();
        let (_folder, config) = file(&format!("a\n{text}"));
        let (learnt, held_out) = Source::open(&config, &[("a", Some(Int))]).unwrap().hold_out(10);
        let (learnt_rows, held_out_rows) =
            (crate::testing::rows(&learnt).unwrap(), crate::testing::rows(&held_out).unwrap());
        assert!((1800..2200).contains(&held_out_rows.len()), "{}", held_out_rows.len());
        let mut all: Vec<u64> = learnt_rows.iter().chain(&held_out_rows).map(|row| row.parse().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..20_000).collect::<Vec<_>>());
        assert_eq!(crate::testing::rows(&held_out).unwrap(), held_out_rows);
        assert_ne!(learnt.fingerprint().unwrap(), held_out.fingerprint().unwrap());
    }

    #[test]
    fn the_fingerprint_follows_the_data() {
        let (folder, config) = file("a\n1\n");
        let source = Source::open(&config, &[("a", None)]).unwrap();
        let before = source.fingerprint().unwrap();
        assert_eq!(source.fingerprint().unwrap(), before);
        std::fs::write(folder.path().join("t.csv"), "a\n1\n2\n").unwrap();
        assert_ne!(source.fingerprint().unwrap(), before);
    }

    #[test]
    fn a_scan_that_is_dropped_early_ends() {
        let (_folder, config) = file(&format!("a\n{}", "1\n".repeat(100_000)));
        let mut scan = Source::open(&config, &[("a", None)]).unwrap().scan().unwrap();
        assert!(scan.next().unwrap().is_ok());
    }

    #[test]
    fn a_file_that_goes_away_is_an_error_of_the_scan() {
        let (folder, config) = file("a\n1\n");
        let source = Source::open(&config, &[("a", None)]).unwrap();
        std::fs::remove_file(folder.path().join("t.csv")).unwrap();
        let results: Vec<_> = source.scan().unwrap().collect();
        assert!(matches!(results.as_slice(), [Err(Error::Io { .. })]));
    }
}
