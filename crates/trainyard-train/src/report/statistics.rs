//! The table of the columns of the training data.

use super::chart::{deciles, top_values};
use super::html::{Element, shorten};
use super::number::{NONE, count, optional, percent};
use super::table::{cell, head, row_name, scrolling};
use trainyard_features::{ColumnStatistics, ColumnType, time};

/// Columns that are listed.
const COLUMNS_MAX: usize = 200;

/// A row per column, the label first; `None` when there are none.
pub(crate) fn statistics(label: Option<&ColumnStatistics>, columns: &[ColumnStatistics]) -> Option<Element> {
    let shown = &columns[..columns.len().min(COLUMNS_MAX)];
    if label.is_none() && shown.is_empty() {
        return None;
    }
    let names = ["values", "missing", "mean", "std", "min", "median", "max", "distinct"];
    let rows = label.into_iter().map(|label| row(label, true)).chain(shown.iter().map(|column| row(column, false)));
    let table = Element::classed("table", "statistics").child(head("column", names.map(str::to_owned)));
    let table = scrolling(table.child(Element::new("tbody").children(rows)));
    let note = format!("Columns listed: {} of {}.", shown.len(), count(columns.len() as u64));
    let note = (shown.len() < columns.len()).then(|| Element::classed("p", "note").text(&note));
    Some(Element::new("div").child(table).children(note))
}

fn row(column: &ColumnStatistics, is_label: bool) -> Element {
    let badge = |class, text: &str| Element::classed("span", class).text(text);
    let name = row_name(&column.name).child(badge("badge", &column.column_type.to_string()));
    let name = name.children(is_label.then(|| badge("badge label-badge", "label")));
    let numbers = [
        missing(column),
        place(column, column.mean),
        optional(column.std),
        place(column, column.min),
        median(column),
        place(column, column.max),
        distinct(column),
    ];
    Element::new("tr").child(name).child(picture(column)).children(numbers.iter().map(|text| cell(text)))
}

fn picture(column: &ColumnStatistics) -> Element {
    let cell = Element::classed("td", "picture");
    if let Some(histogram) = deciles(column) {
        return cell.child(histogram);
    }
    match top_values(column) {
        Some(bar) => cell.child(bar).child(Element::classed("div", "top").text(&top_text(column))),
        None => cell.text(if column.count == 0 { "all missing" } else { NONE }),
    }
}

fn missing(column: &ColumnStatistics) -> String {
    percent(column.missing as f64 / (column.count + column.missing) as f64)
}

/// The fifth of the nine deciles.
fn median(column: &ColumnStatistics) -> String {
    let median = column.quantiles.get(column.quantiles.len() / 2).map(|median| f64::from(*median));
    let sign = if median.is_some() && !column.quantiles_exact { "≈\u{a0}" } else { "" };
    format!("{sign}{}", place(column, median))
}

/// A number of a column, or the time that it stands for.
fn place(column: &ColumnStatistics, value: Option<f64>) -> String {
    match value {
        Some(seconds) if column.column_type == ColumnType::Time => time::text(seconds.round() as i64),
        value => optional(value),
    }
}

fn distinct(column: &ColumnStatistics) -> String {
    match column.distinct {
        None => NONE.to_owned(),
        // The most frequent ones are known where all were counted.
        Some(distinct) if distinct > 0 && column.top.is_empty() => format!("≈\u{a0}{}", count(distinct)),
        Some(distinct) => count(distinct),
    }
}

/// The most frequent values and their shares, in a line.
fn top_text(column: &ColumnStatistics) -> String {
    let share = |value: u64| percent(value as f64 / column.count.max(1) as f64);
    let values = column.top.iter().take(3).map(|top| format!("{}\u{a0}{}", shorten(&top.value, 18), share(top.count)));
    values.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{numbers, words};
    use super::*;

    #[track_caller]
    fn check(column: &ColumnStatistics, expected: &[&str]) {
        let html = statistics(None, std::slice::from_ref(column)).map(|table| table.to_string()).unwrap_or_default();
        for part in expected {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn numbers_have_their_moments_and_a_histogram() {
        let deciles = [0.0, 1.0, 2.0, 3.0, 4.0, 5.5, 6.0, 7.0, 8.0, 9.0, 10.0];
        check(&numbers("fare", &deciles), &["float", "class=\"spark\"", ">5.5</td>", ">10</td>"]);
    }

    #[test]
    fn words_have_their_most_frequent_values() {
        let column = words("city", &[("Rome", 60), ("<Oslo>", 40)]);
        check(&column, &["text", "Rome\u{a0}60\u{a0}%, &lt;Oslo&gt;\u{a0}40\u{a0}%", ">2</td>"]);
    }

    #[test]
    fn estimates_are_marked() {
        let mut column = words("key", &[]);
        for distinct in [1_000_000, 31_992] {
            (column.distinct, column.count) = (Some(distinct), 5);
            check(&column, &[&format!("≈\u{a0}{}", count(distinct))]);
        }
        let mut column = numbers("fare", &[1.0, 2.0, 3.0]);
        column.quantiles_exact = false;
        check(&column, &[">≈\u{a0}2</td>"]);
    }

    #[test]
    fn a_column_without_values_is_said_to_be_missing() {
        let mut column = numbers("fare", &[]);
        (column.count, column.missing) = (0, 9);
        check(&column, &["all missing", ">100\u{a0}%</td>"]);
    }

    #[test]
    fn thousands_of_columns_are_cut() {
        let columns: Vec<ColumnStatistics> = (0..3000).map(|idx| numbers(&format!("c{idx}"), &[1.0])).collect();
        let html = statistics(None, &columns).map(|table| table.to_string()).unwrap_or_default();
        assert!(html.contains("Columns listed: 200 of 3,000.") && !html.contains(">c200<"));
    }

    #[test]
    fn the_label_comes_first() {
        let html = statistics(Some(&numbers("price", &[1.0])), &[numbers("size", &[1.0])]);
        let html = html.map(|table| table.to_string()).unwrap_or_default();
        assert!(html.find("price") < html.find("size") && html.contains(">label<"));
    }
}
