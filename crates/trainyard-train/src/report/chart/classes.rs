//! The classes of the training data.

use super::figure::Figure;
use crate::report::html::{Element, shorten};
use crate::report::number::{count, percent};
use crate::report::svg;
use trainyard_features::{ColumnStatistics, ValueCount};

const TITLE: &str = "Classes in the training data";

/// Width of the picture, and where its bars start and end.
const EDGES: [f64; 3] = [480.0, 130.0, 400.0];

/// Height of a row.
const ROW: f64 = 26.0;

/// A bar per class, the most frequent first; `None` when the label's values were not counted.
pub(crate) fn classes(label: &ColumnStatistics) -> Option<Figure> {
    let most = label.top.first()?.count.max(1);
    let bars = label.top.iter().enumerate().map(|(idx, class)| bar(idx, class, most, label.count));
    let size = (EDGES[0], label.top.len() as f64 * ROW + 8.0);
    let picture = svg::picture("chart", size, "Rows of each class").children(bars);
    let listed = label.top.len() as u64;
    let hidden = label.distinct.unwrap_or(listed).saturating_sub(listed);
    let figure = Figure::new(TITLE, "Share of the rows that have a label.", picture);
    Some(figure.note((hidden > 0).then(|| format!("Rarer classes that are not drawn: {}.", count(hidden)))))
}

fn bar(idx: usize, class: &ValueCount, most: u64, rows: u64) -> Element {
    let [_, left, right] = EDGES;
    let (top, middle) = (idx as f64 * ROW + 6.0, idx as f64 * ROW + 18.0);
    let width = (right - left) * class.count as f64 / most as f64;
    let tooltip = format!("{}: {} rows", shorten(&class.value, 80), count(class.count));
    Element::new("g").tooltip(&tooltip).children([
        svg::rect("solid", (left, top), (width, ROW - 10.0)),
        svg::text("tick end", (left - 8.0, middle), &shorten(&class.value, 18)),
        svg::text("tick", (left + width + 8.0, middle), &percent(class.count as f64 / rows.max(1) as f64)),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{numbers, words};
    use super::*;

    #[track_caller]
    fn check(label: &ColumnStatistics, expected: &[&str]) {
        let html = classes(label).map(|figure| figure.element().to_string()).unwrap_or_default();
        for part in expected {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn a_class_is_a_bar_with_its_share() {
        check(&words("species", &[("cat", 30), ("<dog>", 10)]), &[">cat<", ">75\u{a0}%<", "&lt;dog&gt;: 10 rows"]);
    }

    #[test]
    fn classes_beyond_the_list_are_counted() {
        let mut label = words("species", &[("cat", 30)]);
        label.distinct = Some(1201);
        check(&label, &["Rarer classes that are not drawn: 1,200."]);
    }

    #[test]
    fn a_label_of_numbers_has_no_bars() {
        assert!(classes(&numbers("price", &[1.0, 2.0])).is_none());
    }
}
