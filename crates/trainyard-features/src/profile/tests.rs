use super::*;
use crate::{ColumnType, Schema};
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder, TimestampSecondArray,
};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use std::sync::Arc;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn floats(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn schema(rows: &RecordBatch) -> Schema {
    use arrow::datatypes::DataType;
    let fields = rows.schema();
    Schema::new(fields.fields().iter().map(|field| {
        let column_type = match field.data_type() {
            DataType::Float64 => ColumnType::Float,
            DataType::Int64 => ColumnType::Int,
            DataType::Boolean => ColumnType::Bool,
            DataType::Timestamp(..) => ColumnType::Time,
            _ => ColumnType::Text,
        };
        (field.name().clone(), column_type)
    }))
}

/// Both scans over rows that are cut into parts, which are merged in the order given.
fn profile_of(rows: &RecordBatch, label: Option<&str>, parts: &[std::ops::Range<usize>]) -> Profile {
    let config = ProfilerConfig { label: label.map(str::to_owned), rows: true };
    let empty = Profiler::new(&schema(rows), &config).unwrap();
    let slices: Vec<RecordBatch> = parts.iter().map(|part| rows.slice(part.start, part.len())).collect();
    let mut profiler = empty.clone();
    for slice in &slices {
        let mut part = empty.clone();
        part.update(slice).unwrap();
        // Through its bytes, as between machines.
        profiler.merge(&serde_json::from_str(&serde_json::to_string(&part).unwrap()).unwrap());
    }
    let mut refiners = profiler.refiners();
    for refiner in &mut refiners {
        let empty = refiner.clone();
        for slice in &slices {
            let mut part = empty.clone();
            part.update(slice).unwrap();
            refiner.merge(&serde_json::from_str(&serde_json::to_string(&part).unwrap()).unwrap());
        }
    }
    profiler.finish(&refiners)
}

fn profile(rows: &RecordBatch, label: Option<&str>) -> Profile {
    profile_of(rows, label, std::slice::from_ref(&(0..rows.num_rows())))
}

fn column(array: ArrayRef) -> ColumnProfile {
    profile(&batch(vec![("x", array)]), None).columns.remove(0)
}

/// Times of one day, which share a bin of the first scan.
#[test]
fn times_are_seconds_with_values_that_say_so() {
    let seconds: Vec<i64> = (0..1000).map(|i| 1_714_521_600 + 86 * i).collect();
    let times = column(Arc::new(TimestampSecondArray::from(seconds.clone())));
    let ints = column(Arc::new(Int64Array::from(seconds)));
    assert_eq!((times.column_type, &times.numbers), (ColumnType::Time, &ints.numbers));
    assert!(times.numbers.as_ref().unwrap().exact);
    let [times, ints] = [&times, &ints].map(|column| column.values.as_ref().unwrap());
    assert_eq!((times.unique, ints.unique), (1000, 1000));
    assert!(
        ints.top.iter().zip(&times.top).all(|(int, time)| crate::time::parse(&time.value) == int.value.parse().ok())
    );
}

/// `numpy` 2.4.6: `x = numpy.array([3, 0, -1.5, 7, 0, 2.5, 100])`; `x.mean()`, `x.std()`, `scipy.stats.skew(x)` of SciPy 1.17.1,
/// `numpy.histogram(x, 10)`, and `numpy.sort(x)[int(0.5 * 7)]`.
#[test]
fn numbers_match_numpy() {
    let values = [
        Some(3.0),
        Some(0.0),
        None,
        Some(-1.5),
        Some(f64::NAN),
        Some(7.0),
        Some(-0.0),
        Some(2.5),
        Some(f64::INFINITY),
        Some(100.0),
    ];
    let column = column(floats(&values));
    assert_eq!((column.count, column.missing), (9, 1));
    let numbers = column.numbers.unwrap();
    assert_eq!(
        (numbers.count, numbers.zeros, numbers.nan, numbers.positive_infinite, numbers.negative_infinite),
        (7, 2, 1, 1, 0)
    );
    assert!((numbers.mean - 15.857_142_857_142_858).abs() < 1e-12);
    assert!((numbers.std - 34.447_386_678_521_66).abs() < 1e-10, "{}", numbers.std);
    assert!((numbers.skewness - 2.017_689_526_974_627_3).abs() < 1e-12, "{}", numbers.skewness);
    assert_eq!((numbers.min, numbers.max), (-1.5, 100.0));
    assert_eq!(numbers.histogram.iter().map(|bucket| bucket.count).collect::<Vec<_>>(), [6, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert!((numbers.histogram[0].high - 8.65).abs() < 1e-12 && numbers.histogram[9].high == 100.0);
    assert_eq!((numbers.quantile(0.5), numbers.quantile(0.001), numbers.exact), (Some(2.5), Some(-1.5), true));
    assert!(column.values.is_none());
}

/// Random numbers against sorting, and buckets against counting.
#[test]
fn quantiles_and_buckets_are_exact_after_the_second_scan() {
    let mut values: Vec<f64> = (0..5000_u64).map(|i| ((i * 7919) % 5003) as f64 * 0.25 - 400.0).collect();
    let numbers = column(floats(&values.iter().copied().map(Some).collect::<Vec<_>>())).numbers.unwrap();
    values.sort_by(f64::total_cmp);
    for quantile in &numbers.quantiles {
        let place = (quantile.share * 1000.0).round() as usize * values.len() / 1000;
        assert_eq!(quantile.value as f32, values[place] as f32, "{}", quantile.share);
    }
    for bucket in &numbers.histogram[..9] {
        let inside = values.iter().filter(|value| bucket.low <= **value && **value < bucket.high).count();
        assert_eq!(bucket.count, inside as u64);
    }
    assert!(numbers.exact);
}

#[test]
fn equal_numbers_are_one_bucket() {
    let numbers = column(floats(&[Some(5.0), Some(5.0)])).numbers.unwrap();
    assert_eq!(numbers.histogram, [Bucket { low: 5.0, high: 5.0, count: 2 }]);
    assert_eq!(column(floats(&[None, None])).numbers.unwrap().histogram, []);
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let numbers = column(floats(&[Some(f64::MAX), Some(f64::MIN), Some(0.0)])).numbers.unwrap();
    assert_eq!(numbers.histogram.iter().map(|bucket| bucket.count).sum::<u64>(), 3);
    assert_eq!((numbers.count, numbers.max), (3, f64::MAX));
}

#[test]
fn texts_are_counted() {
    let column = column(texts(&["é", "b", "", "bb", "b"]));
    assert_eq!((column.count, column.missing), (4, 1));
    let values = column.values.unwrap();
    assert_eq!((values.unique, values.exact, values.mean_length), (3, true, Some(1.25)));
    assert_eq!((values.top[0].value.as_str(), values.top[0].count), ("b", 2));
}

#[test]
fn lists_have_lengths_and_their_items_are_counted() {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a"), Some("b"), Some("a")]);
    lists.append_null();
    lists.append_value([Some("b")]);
    let column = column(Arc::new(lists.finish()));
    assert_eq!((column.count, column.missing), (2, 1));
    assert_eq!(column.lists, Some(ListProfile { min: 1, max: 3, mean: 2.0 }));
    assert_eq!(column.values.unwrap().count, 4);
}

#[test]
fn bools_are_values() {
    let column = column(Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)])));
    assert_eq!((column.count, column.values.unwrap().top[0].value.as_str()), (3, "true"));
}

#[track_caller]
fn check_association(x: ArrayRef, label: ArrayRef, measure: Measure, expected: f64) {
    let profile = profile(&batch(vec![("x", x), ("y", label)]), Some("y"));
    assert!(profile.columns[1].associations.is_empty());
    let found = profile.columns[0].associations.iter().find(|found| found.measure == measure);
    let found = found.unwrap_or_else(|| panic!("{:?}", profile.columns[0].associations));
    assert!((found.value - expected).abs() < 1e-12, "{found:?}");
}

/// `numpy.corrcoef([1, 2, 3, 6], [4, 1, 1, 0])[0, 1]` of NumPy 2.4.6.
#[test]
fn numbers_are_correlated_with_numbers() {
    let (x, y) =
        ([Some(1.0), Some(2.0), None, Some(3.0), Some(6.0)], [Some(4.0), Some(1.0), Some(9.0), Some(1.0), Some(0.0)]);
    check_association(floats(&x), floats(&y), Measure::Pearson, -0.801_783_725_737_273_2);
}

/// By hand: the means of the groups are 1.5, 4 and 6, the mean is 3.4, so of a total of 17.2 the groups explain
/// 2 · 1.9² + 2 · 0.6² + 2.6² = 14.7.
#[test]
fn the_correlation_ratio_is_that_of_the_groups() {
    let (x, y) = (["a", "a", "b", "b", "c"], [Some(1.0), Some(2.0), Some(3.0), Some(5.0), Some(6.0)]);
    check_association(texts(&x), floats(&y), Measure::CorrelationRatio, (14.7_f64 / 17.2).sqrt());
    check_association(floats(&y), texts(&x), Measure::CorrelationRatio, (14.7_f64 / 17.2).sqrt());
}

/// `sklearn.metrics.mutual_info_score(x, y) / scipy.stats.entropy([2, 2])` of scikit-learn 1.9.1: the value `a` tells the class, `b` says nothing, so
/// half of the rows have an entropy of 1 bit left.
#[test]
fn the_uncertainty_coefficient_is_the_share_of_entropy_that_is_told() {
    let (x, y) = (["a", "b", "b", "c"], ["no", "no", "yes", "yes"]);
    check_association(texts(&x), texts(&y), Measure::Uncertainty, 0.5);
}

/// `sklearn.metrics.roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])`.
#[test]
fn the_area_under_the_curve_is_that_of_the_column_alone() {
    let labels: ArrayRef = Arc::new(Int64Array::from(vec![0, 0, 1, 1]));
    check_association(floats(&[0.1, 0.4, 0.35, 0.8].map(Some)), labels.clone(), Measure::Auc, 0.75);
    check_association(floats(&[-0.1, -0.4, -0.35, -0.8].map(Some)), labels.clone(), Measure::Auc, 0.75);
    check_association(texts(&["a", "b", "b", "c"]), labels, Measure::Auc, 0.875);
}

#[test]
fn a_label_that_is_not_there_is_named_with_the_nearest() {
    let rows = batch(vec![("price", floats(&[Some(1.0)]))]);
    let config = ProfilerConfig { label: Some("prise".to_owned()), rows: false };
    let message = Profiler::new(&schema(&rows), &config).unwrap_err().to_string();
    assert!(message.contains("`prise` is not in the data; did you mean `price`?"), "{message}");
}

#[test]
fn a_column_that_is_the_label_in_disguise_is_told() {
    let n = 200;
    let label: Vec<i64> = (0..n).map(|i| i * 7 % 3 % 2).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("leak", Arc::new(Float64Array::from_iter_values(label.iter().map(|y| *y as f64 * 10.0 + 1.0)))),
        ("word", Arc::new(StringArray::from_iter_values(label.iter().map(|y| if *y == 1 { "paid" } else { "open" })))),
        ("noise", Arc::new(Float64Array::from_iter_values((0..n).map(|i| (i * 37 % 101) as f64)))),
        ("id", Arc::new(StringArray::from_iter_values((0..n).map(|i| format!("row {i}"))))),
        ("y", Arc::new(Int64Array::from(label))),
    ];
    let hints = hints(&profile(&batch(columns), Some("y")));
    let columns: Vec<_> = hints.iter().map(|hint| hint.column.as_deref().unwrap()).collect();
    assert_eq!(columns, ["leak", "word", "id"]);
    assert!(hints[0].text.contains("alone predicts `y`"), "{}", hints[0].text);
}

#[test]
fn rows_that_stand_in_both_data_sets_are_counted() {
    let rows = |range: std::ops::Range<i64>| {
        let texts: Vec<String> = range.clone().map(|i| format!("t{i}")).collect();
        let a: (&str, ArrayRef) = ("a", Arc::new(Int64Array::from_iter_values(range.clone())));
        let b: (&str, ArrayRef) = ("b", Arc::new(StringArray::from_iter_values(texts)));
        (a, b)
    };
    let (a, b) = rows(0..100);
    let train = profile(&batch(vec![a, b]), None);
    let (a, b) = rows(90..200);
    let eval = profile(&batch(vec![b, a.clone()]), None);
    assert_eq!(shared_rows(&train, &eval), Some((10, true)));
    assert_eq!(train.duplicate_rows(), Some((0, true)));
    assert_eq!(shared_rows(&train, &profile(&batch(vec![a]), None)), None);
}

/// By hand, and 0.6556390622295666 as `scipy.spatial.distance.jensenshannon([1/2, 1/2, 0], [1/4, 0, 3/4], 2) ** 2` has it.
#[test]
fn distances_of_values_are_those_of_their_shares() {
    let (a, b) = (column(texts(&["a", "a", "b", "b"])), column(texts(&["a", "c", "c", "c"])));
    assert_eq!(l_infinity(&a, &b), Some(0.75));
    // p = (1/2, 1/2, 0), q = (1/4, 0, 3/4), m = (3/8, 1/4, 3/8).
    let expected = (0.5 * (4.0_f64 / 3.0).log2() + 0.5 + 0.25 * (2.0_f64 / 3.0).log2() + 0.75) / 2.0;
    assert!((jensen_shannon(&a, &b).unwrap() - expected).abs() < 1e-12);
    assert_eq!(jensen_shannon(&a, &a), Some(0.0));
    assert_eq!(jensen_shannon(&a, &column(texts(&["z"]))), Some(1.0));
    assert_eq!(jensen_shannon(&a, &column(texts(&[""]))), None);
}

/// By hand.
#[test]
fn distances_of_numbers_are_over_the_cells_that_both_know() {
    let of = |values: &[f64]| column(floats(&values.iter().copied().map(Some).collect::<Vec<_>>()));
    let even = |from: i32| of(&(from..from + 11).map(f64::from).collect::<Vec<_>>());
    assert!(jensen_shannon(&even(0), &even(20)).unwrap() > 0.5);
    assert_eq!(jensen_shannon(&even(0), &even(0)), Some(0.0));
    // p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4).
    let expected = (0.5 * (2.0_f64 / 3.0).log2() + 0.5 + (4.0_f64 / 3.0).log2()) / 2.0;
    assert!((jensen_shannon(&of(&[1.0, f64::NAN]), &of(&[1.0])).unwrap() - expected).abs() < 1e-12);
    // p = (1/2, 1/2, 0), q = (1/2, 0, 1/2): each number is a cell.
    assert!((jensen_shannon(&of(&[0.0, 10.0]), &of(&[0.0, 5.0])).unwrap() - 0.5).abs() < 1e-12);
}

/// Two samples of a skewed distribution in steps of a tenth, of which one has an outlier; then the same with a drift.
#[test]
fn an_outlier_is_no_drift_and_a_drift_is_one() {
    let sample = |seed: u64, scale: f64| -> Vec<Option<f64>> {
        let uniform = (0..5000).map(|i| ((i * 7919 + seed * 104_729) % 5003) as f64 / 5003.0);
        uniform.map(|u| Some((-(1.0 - u).ln() * 30.0 * scale).round() / 10.0)).collect()
    };
    let plain = column(floats(&sample(1, 1.0)));
    let with_outlier = column(floats(&[sample(2, 1.0), vec![Some(5000.0)]].concat()));
    let drifted = column(floats(&sample(2, 2.0)));
    assert!(jensen_shannon(&plain, &with_outlier).unwrap() < 0.01, "{:?}", jensen_shannon(&plain, &with_outlier));
    assert!(jensen_shannon(&plain, &drifted).unwrap() > 0.05, "{:?}", jensen_shannon(&plain, &drifted));
}

/// Normal numbers (sums of twelve uniform ones), few and many.
#[test]
fn few_rows_of_one_distribution_are_no_drift() {
    let sample = |stream: &str, n: u64| -> Vec<Option<f64>> {
        let stream = trainyard_graph::random::stream(1, stream);
        (0..n).map(|i| Some(f64::from(trainyard_graph::random::normal(stream, i)))).collect()
    };
    let many = column(floats(&sample("many", 5000)));
    for i in 0..10 {
        let few = column(floats(&sample(&format!("few {i}"), 100)));
        assert!(jensen_shannon(&many, &few).unwrap() < 0.1, "{:?}", jensen_shannon(&many, &few));
    }
}

#[test]
fn distances_of_the_largest_and_the_smallest_numbers_are_numbers() {
    let of = |values: &[f64]| column(floats(&values.iter().copied().map(Some).collect::<Vec<_>>()));
    for values in [[f64::MIN, f64::MAX], [0.0, 5e-324]] {
        let distance = jensen_shannon(&of(&values), &of(&[0.0, 1.0])).unwrap();
        assert!((0.0..=1.0).contains(&distance), "{distance}");
    }
}

#[test]
fn the_most_different_column_comes_first() {
    let a = profile(&batch(vec![("same", texts(&["a", "b"])), ("other", texts(&["a", "b"]))]), None);
    let b = profile(&batch(vec![("same", texts(&["b", "a"])), ("other", texts(&["c", "d"]))]), None);
    let distances = distances(&a, &b);
    assert_eq!(distances.iter().map(|distance| distance.column.as_str()).collect::<Vec<_>>(), ["other", "same"]);
}

#[test]
fn a_profile_survives_its_file() {
    let rows = batch(vec![("x", floats(&[Some(0.1), Some(f64::NAN), None])), ("t", texts(&["a", "", "b"]))]);
    let profile = profile(&rows, Some("x"));
    assert_eq!(Profile::from_json(&profile.to_json().unwrap()).unwrap(), profile);
    let later = profile.to_json().unwrap().replace("\"version\":2", "\"version\":3");
    assert!(Profile::from_json(&later).unwrap_err().to_string().contains("format version 3"));
    for damaged in ["", "{}", "[1]", "{\"version\":1}"] {
        assert!(matches!(Profile::from_json(damaged), Err(crate::Error::Saved { .. })), "{damaged}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_order_and_partition_gives_the_same_bytes(
        rows in prop::collection::vec((prop::option::of(prop_oneof![-1e3..1e3, Just(f64::NAN), Just(f64::INFINITY), Just(0.1)]), 0_i64..40, "[a-c]{0,2}"), 1..200),
        cuts in prop::collection::vec(0_usize..200, 0..4),
        label in 0_usize..3,
    ) {
        let n = rows.len();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("x", Arc::new(rows.iter().map(|row| row.0).collect::<Float64Array>())),
            ("n", Arc::new(rows.iter().map(|row| Some(row.1)).collect::<Int64Array>())),
            ("t", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.2)))),
        ];
        let rows = batch(columns);
        let label = ["x", "n", "t"][label];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(n)).chain([0, n]).collect();
        cuts.sort_unstable();
        let mut parts: Vec<_> = cuts.windows(2).map(|ends| ends[0]..ends[1]).collect();
        parts.reverse();
        let whole = profile(&rows, Some(label)).to_json().unwrap();
        prop_assert_eq!(profile_of(&rows, Some(label), &parts).to_json().unwrap(), whole);
    }

    #[test]
    fn no_bytes_make_reading_a_profile_panic(text in ".{0,200}") {
        let _ = Profile::from_json(&text);
    }
}
