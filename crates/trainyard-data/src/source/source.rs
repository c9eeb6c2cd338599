//! Files as a table.

use std::io::Read;
use std::slice;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, SchemaRef};
#[cfg(feature = "cluster")]
use serde::{Deserialize, Serialize};
use trainyard_features::{ColumnType, Field, Schema};

#[cfg(feature = "cluster")]
use super::columns::list_type;
use super::columns::position;
use super::config::{Format, OnError, SourceConfig, config as config_error};
#[cfg(feature = "cluster")]
use super::files::Files;
use super::inputs::{Input, Needed, check_same_columns, common_fields, is_added, unique};
use super::location::{Location, Stores};
use super::piece::Piece;
use super::plan::{Part, Plan, arrow_schema};
use super::scan::Scan;
use super::split::SplitConfig;
use crate::error::{Error, Result, listed};
use crate::ordered::internal;

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
    /// How each input is read, in their order. At least one.
    plans: Arc<[Arc<Plan>]>,
    /// The files of all inputs.
    files: Arc<[Location]>,
    /// The columns that are given.
    schema: Schema,
    arrow: SchemaRef,
    pieces: Arc<OnceLock<Vec<Piece>>>,
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
        Self::open_in(Stores::from_environment(), configs, needed)
    }

    /// Opens a source whose remote files lie in these stores.
    pub(super) fn open_in(
        stores: Stores,
        configs: &[SourceConfig],
        needed: &[(&str, Option<ColumnType>)],
    ) -> Result<Source> {
        let needed = unique(needed)?;
        let find = |config| Input::find(config, stores.clone(), &needed);
        Self::of_inputs(configs.iter().map(find).collect::<Result<_>>()?, &needed)
    }

    /// Opens several inputs as one source with all of their columns, which must be the same; then come the weights, where the
    /// inputs have some that are not in their files ([`RowWeight`](super::RowWeight)).
    ///
    /// # Errors
    ///
    /// As [`Source::open_inputs`], and when an input has a column that another one lacks.
    pub fn open_all_inputs(configs: &[SourceConfig]) -> Result<Source> {
        let find = |config| Input::find(config, Stores::from_environment(), &[]);
        let inputs = configs.iter().map(find).collect::<Result<Vec<_>>>()?;
        check_same_columns(&inputs)?;
        let names = inputs.first().map(Input::names).unwrap_or_default();
        let needed: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
        Self::of_inputs(inputs, &needed)
    }

    fn of_inputs(inputs: Vec<Input>, needed: &[Needed]) -> Result<Source> {
        if inputs.is_empty() {
            return config_error("path", "is empty; name a file, a directory or a pattern");
        }
        let fields = common_fields(&inputs, needed)?;
        let plan = |input: Input| {
            let read = fields.iter().filter(|(field, _)| !is_added(input.config, &field.name)).cloned().collect();
            Plan::new(input.config.clone(), input.files, read)
        };
        Ok(Self::of_plans(inputs.into_iter().map(plan).collect(), fields.clone()))
    }

    /// The source that gives these columns of the rows that plans read.
    fn of_plans(plans: Vec<Plan>, fields: Vec<(Field, DataType)>) -> Source {
        let files = plans.iter().flat_map(|plan| plan.files.locations.iter().cloned()).collect();
        let arrow = arrow_schema(&fields);
        let schema = Schema { fields: fields.into_iter().map(|(field, _)| field).collect() };
        let plans = plans.into_iter().map(Arc::new).collect();
        Source { plans, files, schema, arrow, pieces: Arc::default(), made_of: None }
    }

    /// The columns that a scan gives, in the order in which they were asked for.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The files in the order in which they are read.
    pub fn files(&self) -> &[Location] {
        &self.files
    }

    /// How the files are written; those of the first input.
    pub fn format(&self) -> Format {
        self.plans[0].files.format
    }

    /// The bytes of one of the files, unpacked if it is packed.
    ///
    /// # Errors
    ///
    /// When it is not there any more, or may not be read.
    pub fn bytes(&self, file: &Location) -> Result<Box<dyn Read + Send>> {
        let has = |plan: &&Arc<Plan>| plan.files.locations.contains(file);
        self.plans.iter().find(has).unwrap_or(&self.plans[0]).files.open(file)
    }

    /// Whether rows that cannot be read are left out: which ones are depends on the columns that are read.
    pub(crate) fn is_skipping(&self) -> bool {
        self.plans.iter().any(|plan| plan.config.on_error == OnError::Skip)
    }

    /// The same rows with some of the columns only.
    ///
    /// If bad rows are skipped, all columns stay: a row that is bad in another column would come back.
    pub(crate) fn select(&self, columns: &[&str]) -> Result<Source> {
        if columns.is_empty() || self.is_skipping() {
            return Ok(self.clone());
        }
        let places = columns.iter().map(|column| self.position(column)).collect::<Result<Vec<_>>>()?;
        let field = |&place: &usize| (self.schema.fields[place].clone(), self.arrow.field(place).data_type().clone());
        let plan = |plan: &Arc<Plan>| {
            let is_read = |name: &str| columns.contains(&name) || plan.part.columns().iter().any(|key| key == name);
            let read = (0..plan.schema.fields.len()).filter(|&i| is_read(&plan.schema.fields[i].name));
            let read: Vec<usize> = read.collect();
            // Something must be read to tell how many rows there are, if files have columns.
            let any = &[0][..plan.schema.fields.len().min(1)];
            plan.of_columns(if read.is_empty() { any } else { &read })
        };
        let selected = Self::of_plans(self.plans.iter().map(plan).collect(), places.iter().map(field).collect());
        Ok(Source { made_of: self.made_of.clone(), ..selected })
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
        let plans = self.plans.iter().map(|plan| Arc::new(plan.of_part(part.clone()))).collect();
        Source { plans, ..self.clone() }
    }

    /// The same, but texts may come by their places in a dictionary (`Dictionary(Int32, Utf8)`) where a file has them so, in
    /// batches of so many rows. Who only counts texts then looks at each text once for all its rows in a batch.
    pub(crate) fn coded(&self, rows: usize) -> Source {
        Source { plans: self.plans.iter().map(|plan| Arc::new(plan.of_coded(rows))).collect(), ..self.clone() }
    }

    /// The same, but known by what its rows were made of: its files may be removed and made again.
    pub(crate) fn made_of(self, origin: &str) -> Source {
        Source { made_of: Some(origin.into()), ..self }
    }

    /// Where a column stands among those of the source.
    fn position(&self, column: &str) -> Result<usize> {
        let names: Vec<String> = self.schema.names().map(str::to_owned).collect();
        position(&names, column, &self.files[0])
    }

    /// How the input is read that a piece is cut from.
    pub(super) fn plan(&self, piece: &Piece) -> &Plan {
        &self.plans[piece.input]
    }

    /// Starts a pass over all rows.
    ///
    /// # Errors
    ///
    /// None today: what goes wrong comes with the batches.
    pub fn scan(&self) -> Result<Scan> {
        Ok(Scan::start(self.clone(), None))
    }

    /// The pieces that the source is cut into. One after the other they give the batches of [`Source::scan`].
    ///
    /// # Errors
    ///
    /// When a file is not there any more.
    pub fn pieces(&self) -> Result<&[Piece]> {
        if let Some(pieces) = self.pieces.get() {
            return Ok(pieces);
        }
        let mut all: Vec<Piece> = Vec::new();
        for (input, plan) in self.plans.iter().enumerate() {
            let first = all.len() as u64;
            let of_input = |piece: &Piece| Piece { number: first + piece.number, input, ..piece.clone() };
            all.extend(plan.files.pieces()?.iter().map(of_input));
        }
        Ok(self.pieces.get_or_init(|| all))
    }

    /// Starts a pass over the rows of some pieces of this source.
    ///
    /// # Errors
    ///
    /// When a piece is of another source.
    pub fn scan_pieces(&self, pieces: &[Piece]) -> Result<Scan> {
        let is_ours = |piece: &Piece| {
            self.plans.get(piece.input).is_some_and(|plan| piece.files.end <= plan.files.locations.len())
        };
        if !pieces.iter().all(is_ours) {
            return Err(internal("a piece is of another source"));
        }
        Ok(Scan::start(self.clone(), Some(pieces.to_vec())))
    }

    /// What another process needs to read the same rows in the same way; see [`Source::of_description`].
    ///
    /// # Errors
    ///
    /// When the current directory, from which relative paths count, is gone.
    #[cfg(feature = "cluster")]
    pub(crate) fn description(&self) -> Result<Description> {
        let input = |plan: &Arc<Plan>| {
            let files = plan.files.locations.iter().map(Location::to_text).collect::<Result<_>>()?;
            let columns = Columns::of(&plan.schema, &plan.arrow);
            Ok(DescribedInput { config: plan.config.clone(), format: plan.files.format, files, columns })
        };
        Ok(Description {
            inputs: self.plans.iter().map(input).collect::<Result<_>>()?,
            columns: Columns::of(&self.schema, &self.arrow),
            part: self.plans[0].part.clone(),
        })
    }

    /// The source that was described. Nothing is looked up: neither files nor types are found out anew.
    ///
    /// # Errors
    ///
    /// When it is no description of a source.
    #[cfg(feature = "cluster")]
    pub(crate) fn of_description(description: Description) -> Result<Source> {
        let Description { inputs, columns, part } = description;
        if inputs.is_empty() {
            return Err(internal("a source has no inputs"));
        }
        let plan = |DescribedInput { config, format, files, columns }: DescribedInput| {
            let locations = files.iter().map(|file| Location::parse(file)).collect::<Result<_>>()?;
            let files = Files::new(format, locations, Stores::from_environment());
            Ok(Plan::new(config, files, columns.fields()).of_part(part.clone()))
        };
        Ok(Self::of_plans(inputs.into_iter().map(plan).collect::<Result<_>>()?, columns.fields()))
    }

    /// Refuses a source without rows.
    ///
    /// # Errors
    ///
    /// [`Error::NoRows`] when there is none. What goes wrong with a row is told by a scan, not here.
    pub fn check_rows(&self) -> Result<()> {
        // Any column tells.
        let column = self.schema.names().take(1).collect::<Vec<_>>();
        let mut scan = self.select(&column)?.scan()?;
        if scan.next().is_none() { Err(self.no_rows(scan.skipped())) } else { Ok(()) }
    }

    /// What tells whether the data is the same as before: the files' names, sizes and times of change (of an object, its
    /// tag), and how they are read.
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
        let mut bytes = 0;
        for plan in self.plans.iter() {
            hash.update(format!("{:?} {:?} {:?}", plan.config, plan.schema, plan.part).as_bytes());
            for (file, stat) in plan.files.locations.iter().zip(plan.files.stats()?) {
                hash.update(format!("{file}\n{}\n{}\n", stat.size, stat.version).as_bytes());
                bytes += stat.size;
            }
        }
        Ok(format!("{:08x}-{}-{bytes}", hash.finalize(), self.files().len()))
    }

    /// Bytes of all files, packed ones as they lie.
    ///
    /// # Errors
    ///
    /// When a file is not there any more.
    pub fn total_bytes(&self) -> Result<u64> {
        self.size()
    }

    /// Bytes of all files.
    pub(super) fn size(&self) -> Result<u64> {
        let sizes = |plan: &Arc<Plan>| Ok(plan.files.stats()?.iter().map(|stat| stat.size).sum::<u64>());
        self.plans.iter().map(sizes).sum()
    }

    /// The columns as Arrow sees them.
    pub(crate) fn arrow_schema(&self) -> &SchemaRef {
        &self.arrow
    }

    /// The error of a pass that found no row and skipped so many.
    pub(crate) fn no_rows(&self, skipped: u64) -> Error {
        let names: Vec<_> = self.files().iter().map(|path| format!("`{path}`")).collect();
        Error::NoRows { files: listed(names.iter().map(String::as_str)), skipped }
    }
}

/// All that a source is, without what is in its files.
#[cfg(feature = "cluster")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Description {
    inputs: Vec<DescribedInput>,
    columns: Columns,
    part: Part,
}

#[cfg(feature = "cluster")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct DescribedInput {
    config: SourceConfig,
    format: Format,
    files: Vec<String>,
    columns: Columns,
}

/// Columns and of each whether it holds lists.
#[cfg(feature = "cluster")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Columns {
    schema: Schema,
    lists: Vec<bool>,
}

#[cfg(feature = "cluster")]
impl Columns {
    fn of(schema: &Schema, arrow: &SchemaRef) -> Self {
        let lists = arrow.fields().iter().map(|field| *field.data_type() == list_type()).collect();
        Self { schema: schema.clone(), lists }
    }

    fn fields(self) -> Vec<(Field, DataType)> {
        let field = |(field, is_list): (Field, bool)| {
            let data_type = if is_list { list_type() } else { field.column_type.arrow() };
            (field, data_type)
        };
        self.schema.fields.into_iter().zip(self.lists).map(field).collect()
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
    fn files_that_tell_no_column_have_rows_or_none() {
        for (text, has_rows) in [("", false), ("{}\n{}\n", true)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("t.jsonl");
            std::fs::write(&path, text).unwrap();
            let weight = Some(crate::RowWeight { factor: 2.0, column: None });
            let config = SourceConfig { path: path.as_path().into(), weight, ..SourceConfig::default() };
            let found = Source::open_all_inputs(&[config]).unwrap().check_rows();
            assert!(if has_rows { found.is_ok() } else { matches!(found, Err(Error::NoRows { .. })) }, "{found:?}");
        }
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
