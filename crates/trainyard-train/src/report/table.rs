//! Tables of the run: its facts, its metrics and its losses.

use super::html::{Element, shorten};
use super::number::{NONE, count, decimals, metric, number};
use super::{HistoryPoint, MetricRow};

/// Characters shown of a name that the user chose.
pub(crate) const NAME_LENGTH: usize = 80;

/// Rows of the table of losses.
const HISTORY_ROWS_MAX: usize = 100;

/// Facts as a list of names and values.
pub(crate) fn facts(facts: &[(String, String)]) -> Option<Element> {
    let fact = |(name, value): &(String, String)| {
        let name = Element::new("dt").text(&shorten(name, NAME_LENGTH));
        Element::new("div").child(name).child(Element::new("dd").text(&shorten(value, 200)))
    };
    (!facts.is_empty()).then(|| Element::classed("dl", "facts").children(facts.iter().map(fact)))
}

/// A row per metric; when a column is a baseline, the last column tells how the model compares to it.
pub(crate) fn metrics(metrics: &[MetricRow], columns: &[String]) -> Option<Element> {
    if metrics.is_empty() {
        return None;
    }
    let compared = Compared::find(columns);
    let names = columns.iter().map(|column| shorten(column, NAME_LENGTH));
    let title = compared
        .as_ref()
        .map(|compared| format!("{} against baseline", shorten(&columns[compared.model], NAME_LENGTH)));
    let head = head("metric", names.chain(title));
    let rows = metrics.iter().map(|row| metric_row(row, columns.len(), compared.as_ref()));
    Some(scrolling(Element::new("table").child(head).child(Element::new("tbody").children(rows))))
}

/// The losses as numbers, the last hundred, folded away.
pub(crate) fn history(history: &[HistoryPoint], best_step: u64) -> Option<Element> {
    let shown = &history[history.len().saturating_sub(HISTORY_ROWS_MAX)..];
    let title = match history.len() {
        0 => return None,
        all if all > shown.len() => format!("Losses as numbers (last {} of {})", shown.len(), count(all as u64)),
        _ => "Losses as numbers".to_owned(),
    };
    let head = head("step", ["epoch", "training loss", "evaluation loss"].map(str::to_owned));
    let rows = shown.iter().map(|point| history_row(point, best_step));
    let table = Element::new("table").child(head).child(Element::new("tbody").children(rows));
    Some(Element::new("details").child(Element::new("summary").text(&title)).child(scrolling(table)))
}

/// A table that scrolls sideways where it is wider than the screen.
pub(crate) fn scrolling(table: Element) -> Element {
    Element::classed("div", "scroll").set("tabindex", 0).child(table)
}

/// The head of a table: the name of the first column, and those of the others, which hold numbers.
pub(crate) fn head(first: &str, others: impl IntoIterator<Item = String>) -> Element {
    let cell = |class, text: &str| Element::classed("th", class).set("scope", "col").text(text);
    let others = others.into_iter().map(|name| cell("number", &name));
    Element::new("thead").child(Element::new("tr").child(cell("name", first)).children(others))
}

/// A cell of a number.
pub(crate) fn cell(text: &str) -> Element {
    Element::classed("td", if text == NONE { "number none" } else { "number" }).text(text)
}

/// The first cell of a row.
pub(crate) fn row_name(name: &str) -> Element {
    Element::classed("th", "name").set("scope", "row").text(&shorten(name, NAME_LENGTH))
}

/// The columns that are compared.
struct Compared {
    model: usize,
    baseline: usize,
}

impl Compared {
    /// The first column named `baseline ..`, and the one that it names in brackets, or else the first.
    fn find(columns: &[String]) -> Option<Self> {
        let baseline = columns.iter().position(|column| column.starts_with("baseline"))?;
        let named = columns[baseline].split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        let model = columns.iter().position(|column| Some(column.as_str()) == named).unwrap_or(0);
        (model != baseline).then_some(Self { model, baseline })
    }

    fn cell(&self, row: &MetricRow) -> Element {
        let value = |idx: usize| row.values.get(idx).copied().flatten().filter(|value| value.is_finite());
        let (Some(model), Some(baseline)) = (value(self.model), value(self.baseline)) else { return cell(NONE) };
        let direction = Direction::of(&row.name);
        let verdict = direction.verdict(model - baseline);
        cell(&direction.change(model, baseline)).children(verdict.map(|(class, word)| {
            // The word repeats the colour for those who do not see it.
            Element::classed("span", class).text(&format!(" {word}"))
        }))
    }
}

/// Which way a metric improves, told by its name.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Direction {
    Up,
    Down,
    Unknown,
}

impl Direction {
    fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        match () {
            () if has(&["loss", "error", "rmse", "mae", "mse", "entropy", "deviance", "brier"]) => Self::Down,
            () if has(&["auc", "accuracy", "precision", "recall", "f1", "r2"]) => Self::Up,
            () => Self::Unknown,
        }
    }

    /// An error shrinks by a share of itself; a score, whose zero is arbitrary, grows by points.
    fn change(self, model: f64, baseline: f64) -> String {
        let sign = |change: f64| if change > 0.0 { "+" } else { "" };
        if self == Self::Down && baseline > 0.0 {
            let percent = (model / baseline - 1.0) * 100.0;
            return format!("{}{}\u{a0}%", sign(percent), decimals(percent, 1));
        }
        format!("{}{}", sign(model - baseline), number(model - baseline))
    }

    fn verdict(self, change: f64) -> Option<(&'static str, &'static str)> {
        let gain = match self {
            Self::Up => change,
            Self::Down => -change,
            Self::Unknown => return None,
        };
        if gain == 0.0 {
            return None;
        }
        Some(if gain > 0.0 { ("better", "better") } else { ("worse", "worse") })
    }
}

fn metric_row(row: &MetricRow, columns: usize, compared: Option<&Compared>) -> Element {
    let value = |idx: usize| row.values.get(idx).copied().flatten();
    let cells = (0..columns).map(|idx| cell(&value(idx).map_or_else(|| NONE.to_owned(), metric)));
    Element::new("tr").child(row_name(&row.name)).children(cells).children(compared.map(|compared| compared.cell(row)))
}

fn history_row(point: &HistoryPoint, best_step: u64) -> Element {
    let row = if point.step == best_step { Element::classed("tr", "best-row") } else { Element::new("tr") };
    let name = count(point.step) + if point.step == best_step { " (best)" } else { "" };
    let cells = [count(point.epoch), number(point.train_loss), number(point.eval_loss)];
    row.child(row_name(&name)).children(cells.iter().map(|text| cell(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 3] = ["eval", "test", "baseline (eval)"];

    #[track_caller]
    fn check(name: &str, values: &[Option<f64>], columns: &[&str], expected: &[&str]) {
        let row = MetricRow { name: name.to_owned(), values: values.to_vec() };
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let html = metrics(&[row], &columns).map(|table| table.to_string()).unwrap_or_default();
        for part in expected {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn an_error_is_compared_by_its_share() {
        let expected = ["eval against baseline", ">0.5000<", "−50.0\u{a0}%<span class=\"better\"> better</span>"];
        check("rmse", &[Some(0.5), Some(0.6), Some(1.0)], &COLUMNS, &expected);
        check(
            "log_loss",
            &[Some(1.5), None, Some(1.0)],
            &COLUMNS,
            &["+50.0\u{a0}%<span class=\"worse\"> worse</span>"],
        );
    }

    #[test]
    fn a_score_is_compared_by_points() {
        let expected = ["+0.3<span class=\"better\"> better</span>"];
        check("auc", &[Some(0.8), Some(0.7), Some(0.5)], &COLUMNS, &expected);
    }

    #[test]
    fn an_unknown_metric_is_compared_without_a_verdict() {
        check("calibration", &[Some(1.5), None, Some(1.0)], &COLUMNS, &[">+0.5</td></tr>"]);
    }

    #[test]
    fn what_is_missing_is_a_dash() {
        check("auc", &[None, Some(f64::NAN)], &COLUMNS, &[">–</td>", ">NaN</td>", ">–</td></tr>"]);
    }

    #[test]
    fn a_baseline_without_a_partner_is_compared_to_the_first_column() {
        check("auc", &[Some(0.75), Some(0.5)], &["eval", "baseline"], &["eval against baseline", "+0.25"]);
        check("auc", &[Some(0.5)], &["baseline"], &[">0.5000</td></tr>"]);
    }

    #[test]
    fn names_are_escaped() {
        check("<b>", &[Some(1.0)], &["<i>"], &["&lt;b&gt;", "&lt;i&gt;"]);
    }

    #[test]
    fn a_long_history_is_cut() {
        let points: Vec<HistoryPoint> =
            (0..1500).map(|step| HistoryPoint { step, epoch: 0, train_loss: 1.0, eval_loss: 1.0 }).collect();
        let html = history(&points, 1499).map(|table| table.to_string()).unwrap_or_default();
        assert!(html.contains("last 100 of 1,500") && html.contains("1,499 (best)"));
        assert_eq!(html.matches("<tr").count(), 101);
        assert!(history(&[], 0).is_none());
    }
}
