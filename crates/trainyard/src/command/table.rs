//! Figures as a table.

use comfy_table::{Cell, CellAlignment, Table, presets};
use trainyard::train::report::MetricRow;

/// A table of figures: a row each, with a value for each column.
pub fn figures(columns: &[String], rows: &[MetricRow]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(std::iter::once("metric").chain(columns.iter().map(String::as_str)));
    for MetricRow { name, values } in rows {
        let cells = values
            .iter()
            .map(|value| Cell::new(value.map_or_else(String::new, number)).set_alignment(CellAlignment::Right));
        table.add_row(std::iter::once(Cell::new(name)).chain(cells));
    }
    table.to_string()
}

/// A number with five digits that count.
fn number(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    if (-4..6).contains(&digits) { format!("{value:.*}", (4 - digits).max(1) as usize) } else { format!("{value:.4e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_digits() {
        for (value, expected) in [(0.0, "0.0000"), (3.906_25, "3.9062"), (12_345.678, "12345.7"), (1e-9, "1.0000e-9")] {
            assert_eq!(number(value), expected);
        }
    }
}
