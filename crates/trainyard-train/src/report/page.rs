//! The page: which parts there are and in which order.

use super::chart::{self, Figure};
use super::html::{Element, shorten};
use super::number::{count, number};
use super::table::{self, NAME_LENGTH};
use super::{Report, statistics};

/// Colours and layout of the page.
const STYLE: &str = include_str!("style.css");

/// What a browser is told before it reads on. The policy forbids scripts and anything from elsewhere.
const META: &str = concat!(
    r#"<meta charset="utf-8">"#,
    r#"<meta name="viewport" content="width=device-width, initial-scale=1">"#,
    r#"<meta name="color-scheme" content="light dark">"#,
    r#"<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">"#,
);

/// The report as an HTML document.
pub(crate) fn page(report: &Report<'_>) -> String {
    document(report.name, [header(report)].into_iter().chain(sections(report)))
}

/// A whole document of these parts.
pub(crate) fn document(name: &str, parts: impl IntoIterator<Item = Element>) -> String {
    let title = Element::new("title").text(&format!("{} · Trainyard", shorten(name, NAME_LENGTH)));
    let head = Element::new("head").markup(META).child(title).child(Element::new("style").markup(STYLE));
    let main = Element::new("main").children(parts).child(footer());
    let html = Element::new("html").set("lang", "en").child(head).child(Element::new("body").child(main));
    format!("<!DOCTYPE html>\n{html}\n")
}

fn header(report: &Report<'_>) -> Element {
    let task = Element::classed("span", "task").text(&shorten(report.task, NAME_LENGTH));
    let name = Element::new("h1").text(&shorten(report.name, 200));
    let header = Element::new("header").child(task).child(name).children(best(report));
    header.children(table::facts(report.facts))
}

/// The step whose parameters were kept, in a sentence.
fn best(report: &Report<'_>) -> Option<Element> {
    let last = report.history.last()?;
    let (best_step, steps) = (count(report.best_step), count(last.step));
    let best = report.history.iter().find(|point| point.step == report.best_step);
    let loss = best.filter(|best| best.eval_loss.is_finite());
    let loss = loss.map(|best| format!(", evaluation loss {}", number(best.eval_loss))).unwrap_or_default();
    Some(Element::classed("p", "lead").text(&format!("Best step {best_step} of {steps}{loss}.")))
}

fn sections(report: &Report<'_>) -> impl Iterator<Item = Element> {
    let history = table::history(report.history, report.best_step);
    let figures = figures(report);
    let figures = Element::classed("div", "figures").children(figures.iter().map(Figure::element));
    let data = statistics::statistics(report.label, report.statistics);
    let metrics = table::metrics(report.metrics, report.columns).map(|table| section("Metrics", "", [table]));
    let training = section("Training", "", [figures].into_iter().chain(history));
    let about = "Columns as read, before features are made of them. Histograms are drawn from deciles, without long tails; the \
                 line is the median.";
    let data = data.map(|table| section("Training data", about, [table]));
    metrics.into_iter().chain([training]).chain(data)
}

/// A part of the page under a title.
pub(crate) fn section(title: &str, about: &str, parts: impl IntoIterator<Item = Element>) -> Element {
    let about = (!about.is_empty()).then(|| Element::classed("p", "about").text(about));
    Element::new("section").child(Element::new("h2").text(title)).children(about).children(parts)
}

/// The charts of a task, the loss first.
fn figures(report: &Report<'_>) -> Vec<Figure> {
    let mut figures = vec![chart::losses(report.history, report.best_step)];
    let predictions = report.predictions;
    match report.task {
        "regression" => {
            figures.extend([chart::scatter, chart::residuals, chart::distributions].map(|figure| figure(predictions)));
        }
        "binary" => {
            figures.extend([chart::roc, chart::reliability, chart::probabilities].map(|figure| figure(predictions)));
        }
        _ => figures.extend(report.label.and_then(chart::classes)),
    }
    figures
}

fn footer() -> Element {
    Element::new("footer").text("Made by Trainyard. This file is complete: it needs no network and runs no scripts.")
}
