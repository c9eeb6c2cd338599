//! Histograms of one column of one or two data sets, for the rows of a table.

use super::range::Range;
use crate::report::html::{Element, shorten};
use crate::report::number::{count, number, percent};
use crate::report::svg::{self, Point};
use trainyard_features::ValueCount;
use trainyard_features::profile::{Bucket, NumberProfile};

/// Size of a picture.
const SIZE: Point = (210.0, 46.0);

/// Bars of the most frequent values.
const RANKS: usize = 12;

/// The colours of the data sets.
const CLASSES: [&str; 2] = ["series-a", "series-b"];

/// Buckets of equal width, one outline per data set, on a common axis; `None` when none has numbers.
pub(crate) fn standard(columns: &[Option<&NumberProfile>]) -> Option<Element> {
    let of = |column: &Option<&NumberProfile>| column.map(|numbers| numbers.histogram.clone()).unwrap_or_default();
    outlines(&columns.iter().map(of).collect::<Vec<_>>(), "Histogram of ten buckets of equal width")
}

/// Buckets of a tenth of the numbers each.
pub(crate) fn quantile(columns: &[Option<&NumberProfile>]) -> Option<Element> {
    let of = |column: &Option<&NumberProfile>| column.map(deciles).unwrap_or_default();
    outlines(&columns.iter().map(of).collect::<Vec<_>>(), "Histogram of ten buckets of equal count")
}

fn deciles(numbers: &NumberProfile) -> Vec<Bucket> {
    let inner = (1..10).filter_map(|i| numbers.quantile(f64::from(i) / 10.0));
    let edges: Vec<f64> = [numbers.min].into_iter().chain(inner).chain([numbers.max]).collect();
    let bucket = |ends: &[f64]| Bucket { low: ends[0], high: ends[1].max(ends[0]), count: numbers.count / 10 };
    if numbers.count > 0 { edges.windows(2).map(bucket).collect() } else { Vec::new() }
}

fn outlines(histograms: &[Vec<Bucket>], label: &str) -> Option<Element> {
    let ends = histograms.iter().flatten().flat_map(|bucket| [bucket.low, bucket.high]);
    let range = Range::of(ends)?;
    let shapes =
        histograms.iter().zip(CLASSES).filter(|(buckets, _)| !buckets.is_empty()).flat_map(|(buckets, class)| {
            let densities = densities(buckets, range);
            let tallest = densities.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
            let bars =
                buckets.iter().zip(&densities).map(|(bucket, density)| bar(class, bucket, density / tallest, range));
            bars.collect::<Vec<_>>()
        });
    Some(svg::picture("spark wide", SIZE, label).children(shapes.collect::<Vec<_>>()))
}

/// Numbers per width. A bucket without width is as wide as a hundredth of the picture.
fn densities(buckets: &[Bucket], range: Range) -> Vec<f64> {
    let width = |bucket: &Bucket| (bucket.high - bucket.low).max(range.span() / 100.0);
    buckets.iter().map(|bucket| bucket.count as f64 / width(bucket)).collect()
}

fn bar(class: &'static str, bucket: &Bucket, height: f64, range: Range) -> Element {
    let place = |value: f64| ((value - range.low) / range.span()).clamp(0.0, 1.0) * SIZE.0;
    let (left, right) = (place(bucket.low), place(bucket.high));
    let tall = height * (SIZE.1 - 2.0);
    let bar = svg::rect(class, (left, SIZE.1 - tall), ((right - left).max(SIZE.0 / 100.0), tall));
    let (low, high) = (number(bucket.low), number(bucket.high));
    bar.tooltip(&format!("{low} to {high}: {}", count(bucket.count)))
}

/// The most frequent values of the first data set that has any, with their shares in all.
pub(crate) fn ranks(columns: &[Option<(&[ValueCount], u64)>]) -> Option<Element> {
    let (listed, _) = columns.iter().flatten().find(|(values, _)| !values.is_empty())?;
    let shown: Vec<&ValueCount> = listed.iter().take(RANKS).collect();
    let share = |column: &Option<(&[ValueCount], u64)>, value: &str| {
        let found = column.and_then(|(values, all)| {
            let found = values.iter().find(|other| other.value == value)?;
            Some(found.count as f64 / all.max(1) as f64)
        });
        found.unwrap_or_default()
    };
    let shares: Vec<Vec<f64>> =
        columns.iter().map(|column| shown.iter().map(|value| share(column, &value.value)).collect()).collect();
    let tallest = shares.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
    let slot = SIZE.0 / RANKS as f64;
    let width = (slot - 3.0) / columns.len().max(1) as f64;
    let bars = shares.iter().zip(CLASSES).enumerate().flat_map(|(set, (shares, class))| {
        let bars = shares.iter().zip(&shown).enumerate().map(move |(idx, (share, value))| {
            let tall = share / tallest * (SIZE.1 - 2.0);
            let corner = (idx as f64 * slot + set as f64 * width, SIZE.1 - tall);
            svg::rect(class, corner, (width, tall)).tooltip(&format!(
                "{}: {}",
                shorten(&value.value, 80),
                percent(*share)
            ))
        });
        bars.collect::<Vec<_>>()
    });
    Some(svg::picture("spark wide", SIZE, "Shares of the most frequent values").children(bars.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(low: f64, high: f64, count: u64) -> Bucket {
        Bucket { low, high, count }
    }

    #[test]
    fn both_data_sets_share_an_axis() {
        let html = outlines(&[vec![bucket(0.0, 10.0, 5)], vec![bucket(10.0, 20.0, 7)]], "x").unwrap().to_string();
        assert!(html.contains(r#"<rect class="series-a" x="0" y="2" width="105" height="44">"#), "{html}");
        assert!(html.contains(r#"<rect class="series-b" x="105" y="2" width="105" height="44">"#), "{html}");
        assert!(html.contains("10 to 20: 7"), "{html}");
    }

    #[test]
    fn a_bucket_of_the_same_count_and_half_the_width_is_twice_as_high() {
        let range = Range { low: 0.0, high: 3.0 };
        assert_eq!(densities(&[bucket(0.0, 2.0, 4), bucket(2.0, 3.0, 4)], range), [2.0, 4.0]);
    }

    #[test]
    fn nothing_has_no_picture() {
        assert!(outlines(&[Vec::new()], "x").is_none());
        assert!(ranks(&[None, Some((&[], 0))]).is_none());
    }

    #[test]
    fn values_are_named_and_escaped() {
        let values = [ValueCount { value: "<b>".to_owned(), count: 3 }];
        let html = ranks(&[Some((&values, 4)), Some((&values, 6))]).unwrap().to_string();
        assert!(html.contains("&lt;b&gt;: 75\u{a0}%") && html.contains("&lt;b&gt;: 50\u{a0}%"), "{html}");
    }
}
