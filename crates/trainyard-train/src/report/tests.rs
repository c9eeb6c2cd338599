//! The page as a whole, and what the tests of its parts share.

use super::*;
use trainyard_features::{ColumnType, ValueCount};

/// Tags that have no end.
const VOID: [&str; 1] = ["meta"];

/// A column of numbers with these minimum, deciles and maximum.
pub(super) fn numbers(name: &str, knots: &[f32]) -> ColumnStatistics {
    ColumnStatistics {
        name: name.to_owned(),
        column_type: ColumnType::Float,
        count: 100,
        missing: 0,
        mean: knots.first().map(|_| 0.5),
        std: knots.first().map(|_| 0.25),
        min: knots.first().copied().map(f64::from),
        max: knots.last().copied().map(f64::from),
        quantiles: if knots.len() > 2 { knots[1..knots.len() - 1].to_vec() } else { knots.to_vec() },
        quantiles_exact: true,
        distinct: None,
        top: Vec::new(),
    }
}

/// A column of text with these values and their counts.
pub(super) fn words(name: &str, values: &[(&str, u64)]) -> ColumnStatistics {
    let top = values.iter().map(|(value, count)| ValueCount { value: (*value).to_owned(), count: *count });
    let count = values.iter().map(|(_, count)| count).sum();
    let distinct = Some(values.len() as u64);
    ColumnStatistics { column_type: ColumnType::Text, count, distinct, top: top.collect(), ..numbers(name, &[]) }
}

/// What a report is made of, owned.
struct Run {
    name: &'static str,
    task: &'static str,
    facts: Vec<(String, String)>,
    metrics: Vec<MetricRow>,
    columns: Vec<String>,
    history: Vec<HistoryPoint>,
    predictions: Vec<(f32, f32)>,
    statistics: Vec<ColumnStatistics>,
    label: Option<ColumnStatistics>,
}

impl Run {
    fn new(task: &'static str) -> Self {
        let history = (1..=20).map(|idx| HistoryPoint {
            step: idx * 50,
            epoch: idx / 5,
            train_loss: 1.0 / idx as f64,
            eval_loss: 1.1 / idx as f64,
        });
        Self {
            name: "houses",
            task,
            facts: vec![("training rows".to_owned(), "7,333".to_owned())],
            metrics: vec![MetricRow { name: "rmse".to_owned(), values: vec![Some(0.5), None, Some(1.0)] }],
            columns: ["eval", "test", "baseline (eval)"].map(str::to_owned).to_vec(),
            history: history.collect(),
            predictions: (0..300).map(|idx| (idx as f32 / 300.0, (idx % 2) as f32)).collect(),
            statistics: vec![numbers("size", &[0.0, 1.0, 2.0]), words("city", &[("Rome", 60), ("Oslo", 40)])],
            label: Some(words("species", &[("cat", 60), ("dog", 40)])),
        }
    }

    fn empty(task: &'static str) -> Self {
        let run = Self { name: "", facts: Vec::new(), metrics: Vec::new(), columns: Vec::new(), ..Self::new(task) };
        Self { history: Vec::new(), predictions: Vec::new(), statistics: Vec::new(), label: None, ..run }
    }

    fn html(&self) -> String {
        let Self { name, task, facts, metrics, columns, history, predictions, statistics, label } = self;
        let label = label.as_ref();
        let report =
            Report { name, task, facts, metrics, columns, history, best_step: 950, predictions, statistics, label };
        report.to_html()
    }
}

/// Asserts that every tag that starts also ends, in order, and that attributes are quoted and not repeated.
#[track_caller]
fn check_balanced(html: &str) {
    let style = html.find("<style>").zip(html.find("</style>"));
    let without_style = style.map_or(html.to_owned(), |(start, end)| html[..start + 7].to_owned() + &html[end..]);
    let mut open: Vec<&str> = Vec::new();
    for part in without_style.split('<').skip(1).filter(|part| !part.starts_with('!')) {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains('>'), "a bare `>` in {part}");
        match tag.strip_prefix('/') {
            Some(end) => assert_eq!(open.pop(), Some(end), "{part}"),
            None => open.extend(Some(check_tag(tag)).filter(|name| !VOID.contains(name))),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// The name of a tag whose attributes are well formed.
#[track_caller]
fn check_tag(tag: &str) -> &str {
    let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
    let pieces: Vec<&str> = attributes.split('"').collect();
    let mut names: Vec<&str> = pieces.iter().step_by(2).map(|name| name.trim_start()).collect();
    assert_eq!(names.pop(), Some(""), "{tag}");
    assert!(names.iter().all(|name| name.ends_with('=') && name.len() > 1), "{tag}");
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{tag}");
    name
}

#[track_caller]
fn check(run: &Run, expected: &[&str]) {
    let html = run.html();
    check_balanced(&html);
    assert!(html.starts_with("<!DOCTYPE html>\n<html") && html.ends_with("</html>\n"));
    for part in expected {
        assert!(html.contains(part), "{part} is not in {html}");
    }
}

#[test]
fn regression_shows_what_was_predicted() {
    check(
        &Run::new("regression"),
        &["<h3>Predicted against actual</h3>", "<h3>Residuals</h3>", "Best step 950 of 1,000"],
    );
}

#[test]
fn binary_shows_whether_probabilities_hold() {
    check(&Run::new("binary"), &["<h3>ROC curve</h3>", "<h3>Reliability</h3>", "<h3>Probabilities by class</h3>"]);
}

#[test]
fn multiclass_shows_the_classes() {
    check(&Run::new("multiclass"), &["<h3>Loss</h3>", "<h3>Classes in the training data</h3>"]);
}

#[test]
fn a_report_of_nothing_is_a_page() {
    for task in ["regression", "binary", "multiclass", "other"] {
        check(&Run::empty(task), &["No loss was recorded."]);
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert_eq!(Run::new("binary").html(), Run::new("binary").html());
}

#[test]
fn nothing_is_loaded_or_run() {
    let html = Run::new("regression").html().to_lowercase();
    for part in
        ["<script", "<link", "<img", "<iframe", "://", "url(", "@import", "href=", "src=", "onclick=", "onload="]
    {
        assert!(!html.contains(part), "{part}");
    }
}

#[test]
fn what_users_name_cannot_leave_its_place() {
    let evil = "\"'><script>alert(1)</script><!--&\u{0}";
    let mut run = Run::new("multiclass");
    (run.name, run.task) = (evil, evil);
    run.facts.push((evil.to_owned(), evil.to_owned()));
    run.metrics[0].name = evil.to_owned();
    run.columns[0] = evil.to_owned();
    run.statistics[0].name = evil.to_owned();
    run.statistics[1] = words(evil, &[(evil, 3)]);
    run.label = Some(words(evil, &[(evil, 3)]));
    check(&run, &["&lt;script&gt;alert(1)"]);
    assert!(!run.html().contains("<script") && !run.html().contains("<!--"));
}

#[test]
fn very_long_names_are_cut() {
    let mut run = Run::new("regression");
    let plain = run.html().len();
    run.facts[0].0 = "n".repeat(100_000);
    run.metrics[0].name = "n".repeat(100_000);
    run.columns[0] = "n".repeat(100_000);
    run.statistics[0].name = "n".repeat(100_000);
    run.statistics[1] = words("city", &[("R", 1)]);
    run.statistics[1].top[0].value = "n".repeat(100_000);
    check(&run, &[]);
    assert!(run.html().len() < plain + 2_000, "{} {plain}", run.html().len());
}

#[test]
fn numbers_at_the_edges_are_drawn_or_named() {
    let extremes =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.0, -0.0, 1e-300];
    for (task, loss) in ["regression", "binary"].into_iter().flat_map(|task| extremes.map(|loss| (task, loss))) {
        let mut run = Run::new(task);
        run.history[3] = HistoryPoint { step: u64::MAX, epoch: u64::MAX, train_loss: loss, eval_loss: loss };
        run.predictions.extend([(loss as f32, 1.0), (0.5, loss as f32), (f32::MAX, f32::MIN)]);
        run.metrics[0].values = vec![Some(loss), Some(loss), Some(loss)];
        let column = &mut run.statistics[0];
        (column.mean, column.std, column.min, column.max) = (Some(loss), Some(loss), Some(loss), Some(loss));
        check(&run, &[]);
        let drawn = run.html().replace("NaN", "");
        assert!(!drawn.contains("=\"inf") && !drawn.contains("nan"), "{task} {loss}");
    }
}
