//! Arrow columns of any type to raw columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Builder, ListBuilder, StringBuilder};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, nullif};
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMillisecondType, TimestampSecondType};
use trainyard_features::ColumnType;

use super::csv::{Column, Rules};
use crate::Result;

/// A raw column, and the rows whose values could not be converted, which are missing in it.
#[derive(Debug)]
pub(crate) struct Converted {
    pub array: ArrayRef,
    pub bad: Vec<usize>,
}

/// The raw type that holds values of an Arrow type; `None` for the type of only missing values.
///
/// Dates and times become text as a CSV would write them, so that both formats give the same features.
///
/// # Errors
///
/// The name of a type that has no raw type.
pub(crate) fn column_type(data_type: &DataType) -> Result<Option<ColumnType>, String> {
    Ok(Some(match data_type {
        DataType::Null => return Ok(None),
        DataType::Boolean => ColumnType::Bool,
        DataType::Dictionary(_, values) => return column_type(values),
        data_type if data_type.is_integer() => ColumnType::Int,
        data_type if is_fraction(data_type) => ColumnType::Float,
        data_type if data_type.is_string() || is_bytes(data_type) || is_time(data_type) => ColumnType::Text,
        data_type => return Err(data_type.to_string()),
    }))
}

/// The raw type of a column, and whether it holds lists of texts or whole numbers, which become texts.
///
/// # Errors
///
/// The name of a type that has no raw type.
pub(crate) fn raw_type(data_type: &DataType) -> Result<(Option<ColumnType>, bool), String> {
    use DataType::{FixedSizeList, LargeList, List};
    match data_type {
        List(item) | LargeList(item) | FixedSizeList(item, _) => match column_type(item.data_type()) {
            Ok(None | Some(ColumnType::Int | ColumnType::Text)) => Ok((Some(ColumnType::Text), true)),
            _ => Err(data_type.to_string()),
        },
        data_type => Ok((column_type(data_type)?, false)),
    }
}

/// Old writers left out the mark that bytes are text.
fn is_bytes(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary};
    matches!(data_type, Binary | BinaryView | FixedSizeBinary(_) | LargeBinary)
}

fn is_fraction(data_type: &DataType) -> bool {
    data_type.is_floating() || data_type.is_decimal()
}

fn is_time(data_type: &DataType) -> bool {
    use DataType::{Date32, Date64, Time32, Time64, Timestamp};
    matches!(data_type, Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..))
}

/// Converts a column. What is not exact is bad: 2.5 is no whole number, and 2⁶³ none of 64 bits.
///
/// Texts follow the rules of CSV, and so does whatever has no conversion of its own, by way of text.
pub(crate) fn convert(array: &ArrayRef, to: &DataType, rules: &Rules) -> Result<Converted> {
    let from = array.data_type();
    let is_truth = *from == DataType::Boolean;
    match to {
        DataType::List(_) => lists(array, to),
        DataType::Int64 if is_fraction(from) => whole_numbers(array),
        DataType::Int64 if from.is_integer() || is_truth => checked_cast(array, to),
        DataType::Float64 if from.is_integer() || is_fraction(from) || is_truth => checked_cast(array, to),
        DataType::Boolean if is_truth => checked_cast(array, to),
        DataType::Timestamp(..) if from == to => checked_cast(array, to),
        DataType::Timestamp(..) if *from == DataType::Timestamp(TimeUnit::Millisecond, None) => Ok(seconds(array)),
        DataType::Utf8 if from.is_string() && !rules.trim => texts(&cast(array, to)?, rules),
        _ => by_way_of_text(array, to, rules),
    }
}

fn checked_cast(array: &ArrayRef, to: &DataType) -> Result<Converted> {
    let converted = cast(array, to)?;
    let is_bad = |&row: &usize| converted.is_null(row) && array.is_valid(row);
    let bad = if converted.null_count() == array.null_count() {
        Vec::new()
    } else {
        (0..array.len()).filter(is_bad).collect()
    };
    Ok(Converted { array: converted, bad })
}

/// Numbers that may have fractions as whole ones; NaN is missing, as where a table with missing numbers was written.
fn whole_numbers(array: &ArrayRef) -> Result<Converted> {
    let floats = cast(array, &DataType::Float64)?;
    let mut builder = Int64Builder::with_capacity(floats.len());
    let mut bad = Vec::new();
    for (row, value) in floats.as_primitive::<Float64Type>().iter().enumerate() {
        let value = value.filter(|value| !value.is_nan());
        // 2⁶³ is the first float that an `i64` does not hold.
        let whole = value.filter(|value| value.fract() == 0.0 && (-(2f64.powi(63))..2f64.powi(63)).contains(value));
        if value.is_some() && whole.is_none() {
            bad.push(row);
        }
        builder.append_option(whole.map(|value| value as i64));
    }
    Ok(Converted { array: Arc::new(builder.finish()), bad })
}

/// Milliseconds as seconds, whose fractions are dropped.
fn seconds(array: &ArrayRef) -> Converted {
    let millis = array.as_primitive::<TimestampMillisecondType>();
    let seconds = millis.unary::<_, TimestampSecondType>(|millis| millis.div_euclid(1000));
    Converted { array: Arc::new(seconds), bad: Vec::new() }
}

/// Texts as they are, but for those that mean "missing".
fn texts(array: &ArrayRef, rules: &Rules) -> Result<Converted> {
    let texts = array.as_string::<i32>();
    let is_missing = |row| texts.is_valid(row) && rules.text(texts.value(row).as_bytes()).is_none();
    let missing = BooleanBuffer::collect_bool(texts.len(), is_missing);
    let is_any = missing.has_true();
    let array = if is_any { nullif(array, &missing.into())? } else { Arc::clone(array) };
    Ok(Converted { array, bad: Vec::new() })
}

fn by_way_of_text(array: &ArrayRef, to: &DataType, rules: &Rules) -> Result<Converted> {
    let mut column = Column::new(scalar_type(to), array.len(), 0);
    let mut bad = Vec::new();
    let mut push = |row: usize, text: Option<&[u8]>| {
        if !column.push(text.unwrap_or_default(), rules) {
            bad.push(row);
        }
    };
    if is_bytes(array.data_type()) {
        let bytes = cast(array, &DataType::LargeBinary)?;
        bytes.as_binary::<i64>().iter().enumerate().for_each(|(row, bytes)| push(row, bytes));
    } else {
        let texts = cast(array, &DataType::LargeUtf8)?;
        texts.as_string::<i64>().iter().enumerate().for_each(|(row, text)| push(row, text.map(str::as_bytes)));
    }
    Ok(Converted { array: column.finish()?, bad })
}

fn scalar_type(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Float64 => ColumnType::Float,
        DataType::Int64 => ColumnType::Int,
        DataType::Boolean => ColumnType::Bool,
        DataType::Timestamp(..) => ColumnType::Time,
        _ => ColumnType::Text,
    }
}

/// Lists of texts. One value is a list of it. What is no text in UTF-8 makes its row bad.
fn lists(array: &ArrayRef, to: &DataType) -> Result<Converted> {
    let is_list = matches!(array.data_type(), DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..));
    let lists = if is_list {
        cast(array, to)?
    } else {
        let texts = cast(array, &DataType::Utf8)?;
        let mut builder = ListBuilder::new(StringBuilder::new());
        texts.as_string::<i32>().iter().for_each(|text| builder.append_option(text.map(|text| [Some(text)])));
        Arc::new(builder.finish())
    };
    let bad = (0..array.len()).filter(|&row| array.is_valid(row) && lists.is_null(row)).collect();
    Ok(Converted { array: lists, bad })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::columns::list_type;
    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Float64Array, Int32Array, LargeStringArray, ListArray, StringArray,
        StringViewArray, TimestampMillisecondArray, TimestampSecondArray, UInt64Array,
    };
    use arrow::datatypes::Int32Type;

    #[track_caller]
    fn check(array: impl Array + 'static, to: ColumnType, expected: &[Option<&str>], bad: &[usize]) {
        let rules = Rules { trim: false, missing: vec!["?".into()] };
        let converted = convert(&(Arc::new(array) as ArrayRef), &to.arrow(), &rules).unwrap();
        assert_eq!(converted.array.data_type(), &to.arrow());
        let texts = cast(&converted.array, &DataType::Utf8).unwrap();
        assert_eq!(texts.as_string::<i32>().iter().collect::<Vec<_>>(), expected);
        assert_eq!(converted.bad, bad);
    }

    #[test]
    fn numbers_become_numbers() {
        check(Int32Array::from(vec![Some(1), None]), ColumnType::Float, &[Some("1.0"), None], &[]);
        check(Int32Array::from(vec![Some(1), None]), ColumnType::Int, &[Some("1"), None], &[]);
    }

    #[test]
    fn only_whole_numbers_become_int() {
        let floats = Float64Array::from(vec![Some(1.0), Some(2.5), Some(f64::NAN), None, Some(9.3e18)]);
        check(floats, ColumnType::Int, &[Some("1"), None, None, None, None], &[1, 4]);
        check(UInt64Array::from(vec![7, u64::MAX]), ColumnType::Int, &[Some("7"), None], &[1]);
    }

    #[test]
    fn texts_follow_the_rules_of_csv() {
        let texts = StringArray::from(vec![Some(" 1 "), Some("?"), Some(""), None, Some("x")]);
        check(texts.clone(), ColumnType::Int, &[Some("1"), None, None, None, None], &[4]);
        check(texts.slice(1, 4), ColumnType::Text, &[None, None, None, Some("x")], &[]);
        check(texts, ColumnType::Text, &[Some(" 1 "), None, None, None, Some("x")], &[]);
        check(LargeStringArray::from(vec!["?", "y"]), ColumnType::Text, &[None, Some("y")], &[]);
        check(StringViewArray::from(vec!["", "z"]), ColumnType::Text, &[None, Some("z")], &[]);
    }

    #[test]
    fn truth_is_a_number_and_a_number_may_be_truth() {
        check(BooleanArray::from(vec![true, false]), ColumnType::Float, &[Some("1.0"), Some("0.0")], &[]);
        check(Int32Array::from(vec![1, 0, 2]), ColumnType::Bool, &[Some("true"), Some("false"), None], &[2]);
    }

    #[test]
    fn dates_become_text() {
        check(Date32Array::from(vec![0]), ColumnType::Text, &[Some("1970-01-01")], &[]);
    }

    /// Only times of our own files are times without being declared.
    #[test]
    fn timestamps_of_other_files_are_text() {
        assert_eq!(column_type(&ColumnType::Time.arrow()), Ok(Some(ColumnType::Text)));
        assert_eq!(column_type(&DataType::Timestamp(TimeUnit::Millisecond, None)), Ok(Some(ColumnType::Text)));
    }

    #[test]
    fn dates_texts_and_times_become_times() {
        let day = [Some("2024-05-01T00:00:00"), None];
        check(Date32Array::from(vec![Some(19_844), None]), ColumnType::Time, &day, &[]);
        let texts = StringArray::from(vec![Some("2024-05-01"), Some("?"), Some("2024-05-32"), Some("1714521600")]);
        check(texts, ColumnType::Time, &[day[0], None, None, None], &[2, 3]);
        check(TimestampSecondArray::from(vec![Some(1_714_521_600), None]), ColumnType::Time, &day, &[]);
        // A fraction is dropped, which before 1970 is no truncation of the number.
        let millis = TimestampMillisecondArray::from(vec![1_714_521_600_999, -1]);
        check(millis.clone(), ColumnType::Time, &[day[0], Some("1969-12-31T23:59:59")], &[]);
        check(millis.with_timezone("+02:00"), ColumnType::Time, &[day[0], Some("1969-12-31T23:59:59")], &[]);
    }

    #[test]
    fn types_without_values_and_without_use() {
        assert_eq!(column_type(&DataType::Null), Ok(None));
        assert_eq!(column_type(&DataType::Duration(TimeUnit::Second)), Err("Duration(s)".to_owned()));
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        assert_eq!(column_type(&dictionary), Ok(Some(ColumnType::Text)));
    }
    #[test]
    fn bytes_are_text_if_they_can_be() {
        let bytes = BinaryArray::from(vec![Some(&b"a"[..]), Some(b"\xff"), None, Some(b"?")]);
        check(bytes, ColumnType::Text, &[Some("a"), None, None, None], &[1]);
        check(BinaryArray::from(vec![&b" 7"[..]]), ColumnType::Int, &[Some("7")], &[]);
    }

    #[track_caller]
    fn check_lists(array: impl Array + 'static, expected: &[Option<&[&str]>]) {
        let rules = Rules { trim: false, missing: Vec::new() };
        let Converted { array, bad } = convert(&(Arc::new(array) as ArrayRef), &list_type(), &rules).unwrap();
        let mut builder = ListBuilder::new(StringBuilder::new());
        expected.iter().for_each(|row| builder.append_option(row.map(|row| row.iter().map(|text| Some(*text)))));
        assert_eq!((array.as_list::<i32>(), bad), (&builder.finish(), vec![]));
    }

    #[test]
    fn lists_hold_texts() {
        let ints =
            ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), Some(-2)]), None, Some(vec![])]);
        check_lists(ints, &[Some(&["1", "-2"]), None, Some(&[])]);
        check_lists(StringArray::from(vec![Some("a"), None]), &[Some(&["a"]), None]);
        let floats = DataType::new_list(DataType::Float64, true);
        assert!(raw_type(&floats).is_err());
    }
}
