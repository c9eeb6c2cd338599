//! Several inputs as one table: what their columns have in common.

use arrow::datatypes::DataType;
use trainyard_features::{ColumnType, Field};

use super::columns::{RawColumn, list_type, merge, position};
use super::config::{Format, INPUT_WEIGHT, SourceConfig, config as refused};
use super::csv::{self, CsvFile};
use super::files::Files;
use super::location::{Location, Stores};
use super::{ipc, parquet, records};
use crate::error::{Error, Result, listed};
use crate::ordered::map_in_order;

/// Rows that tell the types of a CSV file's columns.
const INFERENCE_ROWS: usize = 10_000;

/// Files that are looked at at once: they may be far away.
const LOOKS: usize = 8;
/// Rows of each further file that are compared with those of the first, where rows name their columns themselves.
const COMPARED_ROWS: usize = 100;

/// A column and the type that is asked for.
pub(super) type Needed<'a> = (&'a str, Option<ColumnType>);

/// An input whose files were found.
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub config: &'a SourceConfig,
    pub files: Files,
    /// The columns of its first file, with the types that the format knows.
    known: Vec<RawColumn>,
}

impl<'a> Input<'a> {
    /// Finds the files, and checks that all of them have the columns that are needed.
    pub(super) fn find(config: &'a SourceConfig, stores: Stores, needed: &[Needed<'_>]) -> Result<Self> {
        config.check()?;
        let files = Files::find(config, stores)?;
        let read: Vec<Needed> = needed.iter().copied().filter(|(name, _)| !is_added(config, name)).collect();
        let input = Self { config, known: known_columns(config, &files, &read)?, files };
        let names = input.all_names();
        config.types.keys().try_for_each(|name| position(&names, name, &input.files.locations[0]).map(drop))?;
        if let Some(name) = names.iter().find(|name| is_added(config, name)) {
            let problem = format!("needs the name `{name}`, but `{}` has such a column", config.path);
            return refused(
                "weight",
                problem + "; if it holds weights, name it by `weight` in `[data]`, else rename it",
            );
        }
        Ok(input)
    }

    /// The names of the columns that have one, and of the column that its weight adds.
    pub(super) fn names(&self) -> Vec<String> {
        let added = self.config.weight.as_ref().filter(|weight| weight.column.is_none());
        let names = self.all_names().into_iter().filter(|name| !name.is_empty());
        names.chain(added.map(|weight| weight.name().to_owned())).collect()
    }

    fn all_names(&self) -> Vec<String> {
        self.known.iter().map(|column| column.name.clone()).collect()
    }

    fn column(&self, name: &str) -> Option<&RawColumn> {
        self.known.iter().find(|column| column.name == name)
    }

    /// The types of the columns that are needed: those asked for or configured, else those of the format or of the first rows.
    /// `None` where all values are missing.
    fn types(&self, needed: &[Needed]) -> Result<Vec<Option<ColumnType>>> {
        let mut types = needed.iter().map(|need| declared_type(self.config, need)).collect::<Result<Vec<_>>>()?;
        for ((name, _), declared) in needed.iter().zip(&mut types) {
            *declared = declared.or(self.column(name).and_then(|known| known.column_type));
        }
        if self.files.format == Format::Csv {
            infer_types(self.config, &self.files, needed, &mut types)?;
        }
        Ok(types)
    }
}

/// Whether a column is not in the files, but added to them.
pub(super) fn is_added(config: &SourceConfig, name: &str) -> bool {
    name == INPUT_WEIGHT && config.weight.as_ref().is_some_and(|weight| weight.column.is_none())
}

/// Refuses inputs whose columns differ, in whatever order.
pub(super) fn check_same_columns(inputs: &[Input]) -> Result<()> {
    let Some((first, others)) = inputs.split_first() else { return Ok(()) };
    let names = first.names();
    for other in others {
        let other_names = other.names();
        let lacks = |names: &[String], others: &[String]| -> Vec<String> {
            others.iter().filter(|name| !names.contains(name)).map(|name| format!("`{name}`")).collect()
        };
        let only = |lacking: Vec<String>, which: &str| {
            let names = listed(lacking.iter().map(String::as_str));
            if lacking.is_empty() { String::new() } else { format!(", only the {which} has {names}") }
        };
        let (first_only, second_only) = (lacks(&other_names, &names), lacks(&names, &other_names));
        if !(first_only.is_empty() && second_only.is_empty()) {
            let which = only(first_only, "first") + &only(second_only, "second");
            let problem =
                format!("have different columns{which}; give all inputs the same, by a `[view]` for instance");
            return Err(disagreement(first.config, other.config, problem));
        }
    }
    Ok(())
}

/// The columns that are needed, each of a type that holds the values of all inputs.
pub(super) fn common_fields(inputs: &[Input], needed: &[Needed]) -> Result<Vec<(Field, DataType)>> {
    let types = common_types(inputs, needed)?;
    let field = |((name, _), column_type): (&Needed, ColumnType)| {
        let is_list = |input: &&Input| input.column(name).is_some_and(|column| column.is_list);
        let is_value = |input: &&Input| {
            input.files.format == Format::Csv
                || input.column(name).is_some_and(|column| !column.is_list && column.column_type.is_some())
        };
        let data_type = match (inputs.iter().find(is_list), inputs.iter().find(is_value)) {
            (Some(lists), Some(values)) => {
                let problem = format!("have column `{name}` as lists and as single values; make it one of them");
                return Err(disagreement(lists.config, values.config, problem));
            }
            (Some(_), None) if column_type != ColumnType::Text => {
                let problem = format!("gives column `{name}` as `{column_type}`, but it holds lists: `text`");
                return refused("types", problem);
            }
            (Some(_), None) => list_type(),
            (None, _) => column_type.arrow(),
        };
        Ok((Field { name: (*name).to_owned(), column_type }, data_type))
    };
    needed.iter().zip(types).map(field).collect()
}

/// One type for each column that is needed, which holds the values of all inputs: whole numbers become numbers where another
/// input has fractions, and nothing else changes. Columns of only missing values are text.
fn common_types(inputs: &[Input], needed: &[Needed]) -> Result<Vec<ColumnType>> {
    let mut common: Vec<Option<(ColumnType, &SourceConfig)>> = vec![None; needed.len()];
    for input in inputs {
        for ((slot, found), (name, _)) in common.iter_mut().zip(input.types(needed)?).zip(needed) {
            let Some(found) = found else { continue };
            let (known, first) = slot.unwrap_or((found, input.config));
            let wider = wider(known, found).ok_or_else(|| types_differ(name, (first, known), (input.config, found)))?;
            *slot = Some((wider, if wider == known { first } else { input.config }));
        }
    }
    for input in inputs {
        for (slot, (name, _)) in common.iter().zip(needed) {
            // What the user has said of one input is not changed for another one.
            let (Some((found, other)), Some(&declared)) = (slot, input.config.types.get(*name)) else { continue };
            if declared != *found {
                return Err(types_differ(name, (input.config, declared), (other, *found)));
            }
        }
    }
    Ok(common.into_iter().map(|found| found.map_or(ColumnType::Text, |(column_type, _)| column_type)).collect())
}

/// The type that holds the values of both.
fn wider(a: ColumnType, b: ColumnType) -> Option<ColumnType> {
    use ColumnType::{Float, Int};
    match (a, b) {
        (a, b) if a == b => Some(a),
        (Int, Float) | (Float, Int) => Some(Float),
        _ => None,
    }
}

fn types_differ(name: &str, a: (&SourceConfig, ColumnType), b: (&SourceConfig, ColumnType)) -> Error {
    let problem = format!("have column `{name}` as `{}` and as `{}`; set one type for it in `types`", a.1, b.1);
    disagreement(a.0, b.0, problem)
}

fn disagreement(first: &SourceConfig, second: &SourceConfig, problem: String) -> Error {
    Error::Inputs { first: first.path.to_string(), second: second.path.to_string(), problem }
}

/// The columns without repetition; a type that is given with one mention counts for all.
pub(super) fn unique<'a>(needed: &[Needed<'a>]) -> Result<Vec<Needed<'a>>> {
    let mut unique: Vec<Needed> = Vec::new();
    for &(name, column_type) in needed {
        match unique.iter_mut().find(|(known, _)| *known == name) {
            None => unique.push((name, column_type)),
            Some((_, known)) => *known = agreed(name, *known, column_type, "needed")?,
        }
    }
    if unique.is_empty() {
        return refused("features", "read no column; name at least one");
    }
    Ok(unique)
}

/// The one of two types that is given, if they do not differ.
fn agreed(name: &str, a: Option<ColumnType>, b: Option<ColumnType>, how: &str) -> Result<Option<ColumnType>> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => {
            refused("types", format!("gives column `{name}` as `{b}`, but it is {how} as `{a}`; make them one"))
        }
        _ => Ok(a.or(b)),
    }
}

/// The type that is asked for or configured. A column of weights that a factor multiplies is one of numbers.
fn declared_type(config: &SourceConfig, need: &Needed) -> Result<Option<ColumnType>> {
    let is_weight = config.weight.as_ref().is_some_and(|weight| weight.name() == need.0);
    let needed = if is_weight { Some(ColumnType::Float) } else { need.1 };
    agreed(need.0, needed, config.types.get(need.0).copied(), "needed")
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
            let names = CsvFile::open(location, files.open(location)?, config)?.head.names.clone();
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
    use ColumnType::{Float, Int, Text};

    use super::*;
    use crate::source::{RowWeight, Source};
    use crate::testing::rows;

    /// A file for each text, as an input.
    fn inputs(texts: &[&str]) -> (tempfile::TempDir, Vec<SourceConfig>) {
        let folder = tempfile::tempdir().unwrap();
        let input = |(i, text): (usize, &&str)| {
            let path = folder.path().join(format!("{i}.csv"));
            std::fs::write(&path, text).unwrap();
            SourceConfig { path: path.as_path().into(), ..SourceConfig::default() }
        };
        let inputs = texts.iter().enumerate().map(input).collect();
        (folder, inputs)
    }

    #[track_caller]
    fn check(texts: &[&str], types: &[ColumnType], expected: &[&str]) {
        let (_folder, inputs) = inputs(texts);
        let source = Source::open_all_inputs(&inputs).unwrap();
        assert_eq!(source.schema().fields.iter().map(|field| field.column_type).collect::<Vec<_>>(), types);
        assert_eq!(rows(&source).unwrap(), expected);
    }

    #[track_caller]
    fn check_error(inputs: &[SourceConfig], expected: &[&str]) {
        let error = Source::open_all_inputs(inputs).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error}\nlacks `{part}`");
        }
    }

    #[test]
    fn rows_come_input_by_input_whatever_the_order_of_columns() {
        check(&["a,b\n1,x\n", "b,a\ny,2\nz,3\n"], &[Int, Text], &["1|x", "2|y", "3|z"]);
    }

    #[test]
    fn whole_numbers_widen_to_those_with_fractions() {
        check(&["a\n1\n", "a\n2.5\n"], &[Float], &["1.0", "2.5"]);
        check(&["a\n2.5\n", "a\n1\n"], &[Float], &["2.5", "1.0"]);
    }

    #[test]
    fn an_input_of_only_missing_values_takes_the_type_of_the_others() {
        check(&["a,b\n,1\n", "a,b\n2.5,2\n"], &[Float, Int], &["|1", "2.5|2"]);
        check(&["a,b\n,1\n", "a,b\n,2\n"], &[Text, Int], &["|1", "|2"]);
    }

    #[test]
    fn other_columns_and_types_are_refused_by_the_names_of_both() {
        let (_folder, differing) = inputs(&["a,b,c\n1,2,3\n", "a,d\n1,2\n"]);
        check_error(&differing, &["0.csv` and `", "1.csv`", "only the first has `b`, `c`, only the second has `d`"]);
        let (_folder, mut mixed) = inputs(&["a\n1\n", "a\nx\n"]);
        check_error(&mixed, &["0.csv` and `", "1.csv` have column `a` as `int` and as `text`", "`types`"]);
        mixed[0].types.insert("a".into(), Text);
        assert_eq!(rows(&Source::open_all_inputs(&mixed).unwrap()).unwrap(), ["1", "x"]);
    }

    #[test]
    fn a_type_that_was_given_is_not_widened() {
        let (_folder, mut inputs) = inputs(&["a\n1\n", "a\n2.5\n"]);
        inputs[0].types.insert("a".into(), Int);
        check_error(&inputs, &["0.csv` and `", "1.csv` have column `a` as `int` and as `float`"]);
    }

    fn weighted(texts: &[&str], factors: &[f64], column: Option<&str>) -> (tempfile::TempDir, Vec<SourceConfig>) {
        let (folder, mut inputs) = inputs(texts);
        for (input, &factor) in inputs.iter_mut().zip(factors) {
            input.weight = Some(RowWeight { factor, column: column.map(str::to_owned) });
        }
        (folder, inputs)
    }

    #[test]
    fn the_factor_of_an_input_is_a_column() {
        let (_folder, inputs) = weighted(&["a\n1\n2\n", "a\n3\n"], &[3.0, 1.0], None);
        let source = Source::open_all_inputs(&inputs).unwrap();
        assert_eq!(source.schema(), &trainyard_features::Schema::new([("a", Int), (INPUT_WEIGHT, Float)]));
        assert_eq!(rows(&source).unwrap(), ["1|3.0", "2|3.0", "3|1.0"]);
        assert_eq!(rows(&source.select(&["a"]).unwrap()).unwrap(), ["1", "2", "3"]);
        let source = Source::open_inputs(&inputs, &[(INPUT_WEIGHT, Some(Float)), ("a", None)]).unwrap();
        assert_eq!(rows(&source).unwrap(), ["3.0|1", "3.0|2", "1.0|3"]);
    }

    #[test]
    fn the_factor_multiplies_a_column_of_weights() {
        let (_folder, inputs) = weighted(&["a,w\n1,2\n2,\n", "a,w\n3,0.5\n"], &[3.0, 1.0], Some("w"));
        let source = Source::open_all_inputs(&inputs).unwrap();
        assert_eq!(rows(&source).unwrap(), ["1|6.0", "2|", "3|0.5"]);
    }

    #[test]
    fn a_column_of_the_name_of_the_factor_is_refused() {
        let (_folder, inputs) = weighted(&["input_weight\n1\n"], &[3.0], None);
        check_error(&inputs, &["`weight` needs the name `input_weight`", "0.csv` has such a column"]);
    }
}
