//! What the columns of one or two data sets are like, as one HTML page.

use super::chart;
use super::html::{Element, shorten};
use super::number::{NONE, count, metric, number, percent};
use super::page;
use super::table::{self, NAME_LENGTH, head, row_name, scrolling};
use trainyard_features::profile::{ColumnProfile, Distance, Hint, NumberProfile, Profile, ValueProfile, distances};

/// Columns that are drawn of each kind; a page of more would be too large to open.
const COLUMNS_MAX: usize = 500;

/// A data set and its name.
#[derive(Debug, Clone, Copy)]
pub struct NamedProfile<'a> {
    /// What it is called on the page.
    pub name: &'a str,
    /// What its columns are like.
    pub profile: &'a Profile,
}

/// What a page shows of data.
#[derive(Debug, Clone, Copy)]
pub struct DataReport<'a> {
    /// The data.
    pub data: NamedProfile<'a>,
    /// Other data to lay over it; columns are then sorted by how different they are.
    pub other: Option<NamedProfile<'a>>,
    /// What may be wrong.
    pub hints: &'a [Hint],
}

/// A column as the data sets have it, in their order.
struct Row<'a> {
    name: &'a str,
    columns: Vec<Option<&'a ColumnProfile>>,
    distance: Option<f64>,
}

impl DataReport<'_> {
    /// The page: a whole HTML document that refers to nothing outside itself.
    pub fn to_html(&self) -> String {
        let kind = Element::classed("span", "task").text("data");
        let name = Element::new("h1").text(&shorten(self.data.name, 200));
        let header = Element::new("header").child(kind).child(name).children(self.legend());
        let header = header.children(table::facts(&self.facts()));
        page::document(self.data.name, [header].into_iter().chain(self.sections()))
    }

    fn sets(&self) -> impl Iterator<Item = NamedProfile<'_>> {
        [self.data].into_iter().chain(self.other)
    }

    fn legend(&self) -> Option<Element> {
        self.other?;
        let entry = |(set, class): (NamedProfile<'_>, _)| {
            Element::new("li").child(Element::classed("i", class)).text(&shorten(set.name, NAME_LENGTH))
        };
        let entries = self.sets().zip(["series-a", "series-b"]).map(entry);
        Some(Element::classed("ul", "legend").children(entries.collect::<Vec<_>>()))
    }

    fn facts(&self) -> Vec<(String, String)> {
        let of = |text: &dyn Fn(&Profile) -> String| {
            self.sets().map(|set| text(set.profile)).collect::<Vec<_>>().join(" | ")
        };
        let duplicates = |profile: &Profile| match profile.duplicate_rows() {
            None => NONE.to_owned(),
            Some((rows, exact)) => estimate(rows, exact),
        };
        let mut facts = vec![
            ("rows".to_owned(), of(&|profile| count(profile.rows))),
            ("columns".to_owned(), of(&|profile| count(profile.columns.len() as u64))),
            ("rows equal to an earlier one".to_owned(), of(&duplicates)),
        ];
        facts.extend(self.data.profile.label.iter().map(|label| ("label".to_owned(), label.clone())));
        facts
    }

    fn sections(&self) -> Vec<Element> {
        let rows = self.rows();
        let has = |row: &&Row<'_>, wanted: fn(&ColumnProfile) -> bool| {
            row.columns.iter().flatten().any(|column| wanted(column))
        };
        let numbers: Vec<&Row<'_>> = rows.iter().filter(|row| has(row, |column| column.numbers.is_some())).collect();
        let values: Vec<&Row<'_>> = rows.iter().filter(|row| has(row, |column| column.numbers.is_none())).collect();
        let hints = self.hints.iter().map(|hint| Element::new("li").text(&hint.text));
        let hints = (!self.hints.is_empty())
            .then(|| page::section("Look at this", "", [Element::classed("ul", "hints").children(hints)]));
        let order = if self.other.is_some() { " The most different columns come first." } else { "" };
        let about_numbers =
            format!("Bars of equal width on the left, of a tenth of the rows each on the right.{order}");
        let about_values = format!("The twelve most frequent values, most frequent first.{order}");
        let numbers = self.table(&numbers, "Numbers", &about_numbers, &Self::number_row, &NUMBERS);
        let values = self.table(&values, "Values", &about_values, &Self::value_row, &VALUES);
        [hints, numbers, values].into_iter().flatten().collect()
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let distances = self.other.map(|other| distances(self.data.profile, other.profile)).unwrap_or_default();
        let of = |name: &str| {
            distances.iter().find(|distance| distance.column == name).and_then(|distance| distance.jensen_shannon)
        };
        let mut rows: Vec<Row<'_>> = Vec::new();
        for column in self.sets().flat_map(|set| &set.profile.columns) {
            if !rows.iter().any(|row| row.name == column.name) {
                let columns = self.sets().map(|set| set.profile.get(&column.name)).collect();
                rows.push(Row { name: &column.name, columns, distance: of(&column.name) });
            }
        }
        let place =
            |name: &str| distances.iter().position(|Distance { column, .. }| column == name).unwrap_or(usize::MAX);
        rows.sort_by_key(|row| if distances.is_empty() { 0 } else { place(row.name) });
        rows
    }

    fn table(
        &self,
        rows: &[&Row<'_>],
        title: &str,
        about: &str,
        row: &dyn Fn(&Self, &Row<'_>) -> Vec<Element>,
        names: &[&str],
    ) -> Option<Element> {
        if rows.is_empty() {
            return None;
        }
        let shown = &rows[..rows.len().min(COLUMNS_MAX)];
        let names = names.iter().map(|name| (*name).to_owned());
        let label = self.data.profile.label.is_some().then(|| "with the label".to_owned());
        let distance = self.other.is_some().then(|| "distance".to_owned());
        let body = shown.iter().copied().map(|shown| {
            let cells = row(self, shown).into_iter();
            let label = label.as_ref().map(|_| stacked(shown, association));
            let distance =
                distance.as_ref().map(|_| table::cell(&shown.distance.map_or_else(|| NONE.to_owned(), metric)));
            Element::new("tr").child(self.name(shown)).children(cells).children(label).children(distance)
        });
        let head = head("column", names.chain(label.clone()).chain(distance.clone()));
        let table = Element::classed("table", "statistics").child(head).child(Element::new("tbody").children(body));
        let note = format!("Columns listed: {} of {}.", shown.len(), count(rows.len() as u64));
        let note = (shown.len() < rows.len()).then(|| Element::classed("p", "note").text(&note));
        Some(page::section(title, about, [scrolling(table)].into_iter().chain(note)))
    }

    fn name(&self, row: &Row<'_>) -> Element {
        let types: Vec<String> = row.columns.iter().flatten().map(|column| column.column_type.to_string()).collect();
        let types =
            if types.windows(2).all(|pair| pair[0] == pair[1]) { types[..1].join("") } else { types.join(" | ") };
        let is_label = self.data.profile.label.as_deref() == Some(row.name);
        let badge = |class, text: &str| Element::classed("span", class).text(text);
        let label = is_label.then(|| badge("badge label-badge", "label"));
        row_name(row.name).child(badge("badge", &types)).children(label)
    }

    fn number_row(&self, row: &Row<'_>) -> Vec<Element> {
        let columns: Vec<_> =
            row.columns.iter().map(|column| column.and_then(|column| column.numbers.as_ref())).collect();
        let picture = |picture: Option<Element>| Element::classed("td", "picture").children(picture);
        let figures: [fn(&ColumnProfile, &NumberProfile) -> String; 8] = [
            |column, numbers| place(column, numbers.mean),
            |_, numbers| number(numbers.std),
            |column, numbers| percent(numbers.zeros as f64 / column.count.max(1) as f64),
            |column, numbers| place(column, numbers.min),
            |column, numbers| near(column, numbers.quantile(0.5), numbers.exact),
            |column, numbers| place(column, numbers.max),
            |_, numbers| count(numbers.nan),
            |_, numbers| count(numbers.infinite()),
        ];
        let cells = figures.map(|figure| {
            stacked(row, |column| {
                column
                    .numbers
                    .as_ref()
                    .filter(|numbers| numbers.count > 0 || numbers.nan > 0)
                    .map(|numbers| figure(column, numbers))
            })
        });
        let pictures = [picture(chart::standard(&columns)), picture(chart::quantile(&columns))];
        pictures.into_iter().chain(common(row)).chain(cells).collect()
    }

    fn value_row(&self, row: &Row<'_>) -> Vec<Element> {
        let columns: Vec<_> =
            row.columns.iter().map(|column| column.and_then(|column| column.values.as_ref())).collect();
        let ranked: Vec<_> =
            columns.iter().map(|values| values.map(|values| (values.top.as_slice(), values.count))).collect();
        let picture = Element::classed("td", "picture").children(chart::ranks(&ranked));
        let figures: [fn(&ValueProfile) -> String; 3] = [
            |values| estimate(values.unique, values.exact),
            |values| {
                values.top.first().map_or_else(
                    || NONE.to_owned(),
                    |top| {
                        format!(
                            "{}\u{a0}{}",
                            shorten(&top.value, 24),
                            percent(top.count as f64 / values.count.max(1) as f64)
                        )
                    },
                )
            },
            |values| values.mean_length.map_or_else(|| NONE.to_owned(), number),
        ];
        let cells = figures.map(|figure| stacked(row, |column| column.values.as_ref().map(figure)));
        let lists = stacked(row, |column| column.lists.map(|lists| format!("{} to {}", lists.min, lists.max)));
        [picture].into_iter().chain(common(row)).chain(cells).chain([lists]).collect()
    }
}

const NUMBERS: [&str; 12] =
    ["", "", "rows", "missing", "mean", "std", "zeros", "min", "median", "max", "NaN", "infinite"];

const VALUES: [&str; 7] = ["", "rows", "missing", "unique", "most frequent", "mean length", "per row"];

fn common(row: &Row<'_>) -> [Element; 2] {
    [stacked(row, |column| Some(count(column.count))), stacked(row, |column| Some(percent(1.0 - column.presence())))]
}

/// A cell with a line per data set.
fn stacked(row: &Row<'_>, text: impl Fn(&ColumnProfile) -> Option<String>) -> Element {
    let lines = row.columns.iter().zip(["line-a", "line-b"]).map(|(column, class)| {
        let text = column.and_then(&text).unwrap_or_else(|| NONE.to_owned());
        Element::classed("div", if row.columns.len() > 1 { class } else { "line" }).text(&text)
    });
    Element::classed("td", "number").children(lines)
}

fn association(column: &ColumnProfile) -> Option<String> {
    column.associations.first().map(|found| format!("{} ({})", metric(found.value), found.measure.name()))
}

fn estimate(value: u64, exact: bool) -> String {
    format!("{}{}", if exact { "" } else { "≈\u{a0}" }, count(value))
}

fn near(column: &ColumnProfile, value: Option<f64>, exact: bool) -> String {
    let mark = if exact { "" } else { "≈\u{a0}" };
    value.map_or_else(|| NONE.to_owned(), |value| format!("{mark}{}", place(column, value)))
}

/// A number of a column, or the time that it stands for.
fn place(column: &ColumnProfile, value: f64) -> String {
    column.time(value).unwrap_or_else(|| number(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Float64Array, StringArray};
    use arrow::record_batch::RecordBatch;
    use std::sync::Arc;
    use trainyard_features::profile::{Profiler, ProfilerConfig};
    use trainyard_features::{ColumnType, Schema};

    fn profile(numbers: &[f64], words: &[&str]) -> Profile {
        let schema = Schema::new([("fare", ColumnType::Float), ("<city>", ColumnType::Text)]);
        let columns: [(&str, ArrayRef); 2] = [
            ("fare", Arc::new(Float64Array::from(numbers.to_vec()))),
            ("<city>", Arc::new(StringArray::from(words.to_vec()))),
        ];
        let mut profiler =
            Profiler::new(&schema, &ProfilerConfig { label: Some("fare".to_owned()), rows: true }).unwrap();
        profiler.update(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        profiler.finish(&[])
    }

    #[test]
    fn a_page_shows_all_columns_and_escapes_them() {
        let profile = profile(&[1.0, 2.0, 3.0], &["Rome", "<Oslo>", "Rome"]);
        let data = NamedProfile { name: "a & b", profile: &profile };
        let hints = [Hint { column: None, text: "three <rows>".to_owned() }];
        let html = DataReport { data, other: None, hints: &hints }.to_html();
        for part in [
            "a &amp; b",
            "&lt;city&gt;",
            "Rome\u{a0}66.7\u{a0}%",
            "three &lt;rows&gt;",
            "correlation ratio",
            ">2</div>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        assert!(!html.contains("<script") && !html.contains("<Oslo>") && !html.contains("distance"));
    }

    #[test]
    fn two_data_sets_are_laid_over_each_other_the_most_different_column_first() {
        let (a, b) = (profile(&[1.0, 2.0], &["Rome", "Oslo"]), profile(&[1.0, 2.0], &["Bern", "Chur"]));
        let set = |name, profile| NamedProfile { name, profile };
        let html = DataReport { data: set("now", &a), other: Some(set("before", &b)), hints: &[] }.to_html();
        for part in ["class=\"line-b\"", "rect class=\"series-b\"", "distance", ">before</li>", ">1.000</td>"] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }
}
