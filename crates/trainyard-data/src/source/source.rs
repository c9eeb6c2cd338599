//! Files as a table.

use std::io::Read;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use trainyard_features::{ColumnType, Field, Schema};

use super::columns::{RawColumn, arrow_type, list_type, merge, position};
use super::config::{Format, OnError, SourceConfig, config as config_error};
use super::csv::CsvFile;
use super::files::Files;
use super::location::{Location, Stores};
use super::plan::{Part, Plan};
use super::scan::Scan;
use super::{csv, ipc, parquet, records};
use crate::error::{Error, Result, listed};
use crate::ordered::map_in_order;

/// Rows that tell the types of a CSV file's columns.
const INFERENCE_ROWS: usize = 10_000;

/// Files that are looked at at once: they may be far away.
const LOOKS: usize = 8;
/// Rows of each further file that are compared with those of the first, where rows name their columns themselves.
const COMPARED_ROWS: usize = 100;

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
    plan: Arc<Plan>,
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
        Self::open_in(Stores::from_environment(), config, needed)
    }

    /// Opens a source whose remote files lie in these stores.
    pub(super) fn open_in(
        stores: Stores,
        config: &SourceConfig,
        needed: &[(&str, Option<ColumnType>)],
    ) -> Result<Source> {
        config.check()?;
        let files = Files::find(config, stores)?;
        let needed = unique(needed)?;
        let known = known_columns(config, &files, &needed)?;
        Self::with_types(config, files, known, &needed)
    }

    /// Opens a source with all the columns that the first file has.
    ///
    /// # Errors
    ///
    /// As [`Source::open`].
    pub fn open_all(config: &SourceConfig) -> Result<Source> {
        config.check()?;
        let files = Files::find(config, Stores::from_environment())?;
        let known = known_columns(config, &files, &[])?;
        let names: Vec<String> =
            known.iter().map(|column| column.name.clone()).filter(|name| !name.is_empty()).collect();
        let needed: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
        Self::with_types(config, files, known, &needed)
    }

    fn with_types(config: &SourceConfig, files: Files, known: Vec<RawColumn>, needed: &[Needed]) -> Result<Source> {
        let names: Vec<String> = known.iter().map(|column| column.name.clone()).collect();
        config.types.keys().try_for_each(|name| position(&names, name, &files.locations[0]).map(drop))?;
        let known = |name: &str| known.iter().find(|column| column.name == name);
        let mut types = needed.iter().map(|need| declared_type(config, need)).collect::<Result<Vec<_>>>()?;
        for ((name, _), declared) in needed.iter().zip(&mut types) {
            *declared = declared.or(known(name).and_then(|known| known.column_type));
        }
        if files.format == Format::Csv {
            infer_types(config, &files, needed, &mut types)?;
        }
        let field = |((name, _), column_type): (&Needed, Option<ColumnType>)| {
            let column_type = column_type.unwrap_or(ColumnType::Text);
            let is_list = known(name).is_some_and(|known| known.is_list);
            let data_type = if is_list { list_type() } else { arrow_type(column_type) };
            match (is_list, column_type) {
                (true, ColumnType::Float | ColumnType::Int | ColumnType::Bool) => config_error(
                    "types",
                    format!("gives column `{name}` as `{column_type}`, but it holds lists: `text`"),
                ),
                _ => Ok((Field { name: (*name).to_owned(), column_type }, data_type)),
            }
        };
        let fields = needed.iter().zip(types).map(field).collect::<Result<_>>()?;
        Ok(Source { plan: Arc::new(Plan::new(config.clone(), files, fields)) })
    }

    /// The columns that a scan gives, in the order in which they were asked for.
    pub fn schema(&self) -> &Schema {
        &self.plan.schema
    }

    /// The files in the order in which they are read.
    pub fn files(&self) -> &[Location] {
        &self.plan.files.locations
    }

    /// How the files are written.
    pub fn format(&self) -> Format {
        self.plan.files.format
    }

    /// The bytes of one of the files, unpacked if it is packed.
    ///
    /// # Errors
    ///
    /// When it is not there any more, or may not be read.
    pub fn bytes(&self, file: &Location) -> Result<Box<dyn Read + Send>> {
        self.plan.files.open(file)
    }

    /// The same rows with some of the columns only.
    ///
    /// If bad rows are skipped, all columns stay: a row that is bad in another column would come back.
    pub(crate) fn select(&self, columns: &[&str]) -> Result<Source> {
        if columns.is_empty() || self.plan.config.on_error == OnError::Skip {
            return Ok(self.clone());
        }
        let names: Vec<String> = self.schema().names().map(str::to_owned).collect();
        let places = columns.iter().map(|column| position(&names, column, &self.files()[0]));
        let places = places.collect::<Result<Vec<_>>>()?;
        Ok(Source { plan: Arc::new(self.plan.of_columns(&places)) })
    }

    /// The rows in two parts: those to learn from, and one in `one_in` that is held out to judge by. Which row is in which
    /// part depends on its place alone, so every pass and every start of a program finds the same.
    pub fn hold_out(&self, one_in: u64) -> (Source, Source) {
        let part = |part| Source { plan: Arc::new(self.plan.of_part(part)) };
        (part(Part::Learnt(one_in)), part(Part::HeldOut(one_in)))
    }

    /// Starts a pass over all rows.
    ///
    /// # Errors
    ///
    /// None today: what goes wrong comes with the batches.
    pub fn scan(&self) -> Result<Scan> {
        Ok(Scan::start(Arc::clone(&self.plan)))
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

    /// What tells whether the data is the same as before: the files' names, sizes and times of change (of an object, its
    /// tag), and how they are read.
    ///
    /// # Errors
    ///
    /// When a file is not there any more.
    pub fn fingerprint(&self) -> Result<String> {
        let mut hash = crc32fast::Hasher::new();
        let mut bytes = 0;
        let how = format!("{:?} {:?} {:?}", self.plan.config, self.plan.schema, self.plan.part);
        hash.update(how.as_bytes());
        for (file, stat) in self.files().iter().zip(self.plan.files.stats()?) {
            hash.update(format!("{file}\n{}\n{}\n", stat.size, stat.version).as_bytes());
            bytes += stat.size;
        }
        Ok(format!("{:08x}-{}-{bytes}", hash.finalize(), self.files().len()))
    }

    /// Bytes of all files, packed ones as they lie.
    ///
    /// # Errors
    ///
    /// When a file is not there any more.
    pub fn total_bytes(&self) -> Result<u64> {
        Ok(self.plan.files.stats()?.iter().map(|stat| stat.size).sum())
    }

    /// The columns as Arrow sees them.
    pub(super) fn arrow_schema(&self) -> &SchemaRef {
        &self.plan.arrow
    }

    /// The error of a pass that found no row.
    pub(crate) fn no_rows(&self, scan: &Scan) -> Error {
        let names: Vec<_> = self.files().iter().map(|path| format!("`{path}`")).collect();
        Error::NoRows { files: listed(names.iter().map(String::as_str)), skipped: scan.skipped() }
    }
}

/// A column and the type that is asked for.
type Needed<'a> = (&'a str, Option<ColumnType>);

/// The columns without repetition; a type that is given with one mention counts for all.
fn unique<'a>(needed: &[Needed<'a>]) -> Result<Vec<Needed<'a>>> {
    let mut unique: Vec<Needed> = Vec::new();
    for &(name, column_type) in needed {
        match unique.iter_mut().find(|(known, _)| *known == name) {
            None => unique.push((name, column_type)),
            Some((_, known)) => *known = agreed(name, *known, column_type, "needed")?,
        }
    }
    if unique.is_empty() {
        return config_error("features", "read no column; name at least one");
    }
    Ok(unique)
}

/// The one of two types that is given, if they do not differ.
fn agreed(name: &str, a: Option<ColumnType>, b: Option<ColumnType>, how: &str) -> Result<Option<ColumnType>> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => {
            config_error("types", format!("gives column `{name}` as `{b}`, but it is {how} as `{a}`; make them one"))
        }
        _ => Ok(a.or(b)),
    }
}

fn declared_type(config: &SourceConfig, need: &Needed) -> Result<Option<ColumnType>> {
    agreed(need.0, need.1, config.types.get(need.0).copied(), "needed")
}

/// The columns of the first file with the types that the format knows, after a check that all files have the needed ones and
/// agree on their types.
fn known_columns(config: &SourceConfig, files: &Files, needed: &[Needed]) -> Result<Vec<RawColumn>> {
    let names: Vec<&str> = needed.iter().map(|(name, _)| *name).collect();
    let is_open = |name: &str| needed.is_empty() || needed.contains(&(name, None));
    let decides = |name: &str| is_open(name) && !config.types.contains_key(name);
    let mut locations = files.locations.iter();
    let (mut known, mut first) = (Vec::new(), &files.locations[0]);
    // A file of records may have none, and then tells no columns.
    for location in locations.by_ref() {
        (known, first) = (file_columns(config, files, location, (&names, INFERENCE_ROWS))?, location);
        if !known.is_empty() {
            break;
        }
    }
    let look = |location| match file_columns(config, files, location, (&names, COMPARED_ROWS)) {
        Ok(columns) => Ok((location, columns)),
        Err(error) => Err(compared(error, first)),
    };
    let add = |other| merge(&mut known, first, other, files.format == Format::JsonLines, decides).map(|()| true);
    map_in_order(locations.map(Ok), LOOKS, look, add)?;
    let all: Vec<String> = known.iter().map(|column| column.name.clone()).collect();
    names.iter().try_for_each(|name| position(&all, name, first).map(drop))?;
    Ok(known)
}

fn file_columns(
    config: &SourceConfig,
    files: &Files,
    location: &Location,
    (needed, rows): (&[&str], usize),
) -> Result<Vec<RawColumn>> {
    match files.format {
        Format::Parquet => parquet::columns(files, location, needed),
        Format::Arrow => ipc::columns(files, location, needed),
        Format::JsonLines | Format::TfRecord => records::columns(config, files, location, (needed, rows)),
        Format::Csv => {
            let names = CsvFile::open(location, files.open(location)?, config)?.names;
            needed.iter().try_for_each(|name| position(&names, name, location).map(drop))?;
            Ok(names.into_iter().map(RawColumn::untyped).collect())
        }
    }
}

/// Says that the first file has the column that another one lacks.
fn compared(error: Error, first: &Location) -> Error {
    match error {
        Error::MissingColumn { path, column, columns, .. } => {
            let suggestion = format!(", which `{first}` has; give all files the same columns");
            Error::MissingColumn { path, column, columns, suggestion }
        }
        error => error,
    }
}

/// Fills in the types that are not known yet from the first rows.
fn infer_types(
    config: &SourceConfig,
    files: &Files,
    needed: &[Needed],
    types: &mut [Option<ColumnType>],
) -> Result<()> {
    let open: Vec<usize> = (0..types.len()).filter(|&i| types[i].is_none()).collect();
    if open.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = open.iter().map(|&i| needed[i].0).collect();
    let evidence = csv::infer(config, files, &names, INFERENCE_ROWS)?;
    for (i, evidence) in open.into_iter().zip(evidence) {
        types[i] = evidence.column_type();
    }
    Ok(())
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
