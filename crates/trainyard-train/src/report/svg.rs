//! Shapes: the SVG elements that charts are made of.

use super::html::Element;

/// A place in a picture, in its units: right, then down.
pub(crate) type Point = (f64, f64);

/// A picture of a size, which the page may scale; `label` is what a screen reader says.
pub(crate) fn picture(class: &'static str, size: Point, label: &str) -> Element {
    let element =
        Element::classed("svg", class).set("viewBox", format_args!("0 0 {} {}", units(size.0), units(size.1)));
    element.set("role", "img").set("aria-label", label)
}

/// A straight line.
pub(crate) fn line(class: &'static str, from: Point, to: Point) -> Element {
    let element = Element::classed("line", class).set("x1", units(from.0)).set("y1", units(from.1));
    element.set("x2", units(to.0)).set("y2", units(to.1))
}

/// A rectangle by its upper left corner.
pub(crate) fn rect(class: &'static str, corner: Point, size: Point) -> Element {
    let element = Element::classed("rect", class).set("x", units(corner.0)).set("y", units(corner.1));
    element.set("width", units(size.0.max(0.0))).set("height", units(size.1.max(0.0)))
}

/// A disc.
pub(crate) fn circle(class: &'static str, center: Point, radius: f64) -> Element {
    Element::classed("circle", class).set("cx", units(center.0)).set("cy", units(center.1)).set("r", units(radius))
}

/// Straight lines from point to point.
pub(crate) fn polyline(class: &'static str, points: &[Point]) -> Element {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", units(*x), units(*y))).collect();
    Element::classed("polyline", class).set("points", points.join(" "))
}

/// Text that starts, ends or is centred at a point, as its class says.
pub(crate) fn text(class: &'static str, at: Point, text: &str) -> Element {
    Element::classed("text", class).set("x", units(at.0)).set("y", units(at.1)).text(text)
}

/// A length to a tenth of a unit, which is finer than a screen.
pub(crate) fn units(length: f64) -> String {
    let tenths = if length.is_finite() { (length * 10.0).round() / 10.0 } else { 0.0 };
    // Adding 0 turns −0 into 0.
    (tenths + 0.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(element: &Element, expected: &str) {
        assert_eq!(element.to_string(), expected);
    }

    #[test]
    fn lengths_are_rounded_to_tenths() {
        assert_eq!([1.0, 2.25, -0.01, f64::NAN].map(units), ["1", "2.3", "0", "0"]);
    }

    #[test]
    fn a_rectangle_has_no_negative_size() {
        let expected = r#"<rect class="bar" x="1" y="2" width="0" height="4"></rect>"#;
        check(&rect("bar", (1.0, 2.0), (-3.0, 4.0)), expected);
    }

    #[test]
    fn a_polyline_lists_its_points() {
        check(&polyline("a", &[(0.0, 1.0), (2.5, 3.0)]), r#"<polyline class="a" points="0,1 2.5,3"></polyline>"#);
    }

    #[test]
    fn the_label_of_a_picture_is_escaped() {
        let expected = r#"<svg class="chart" viewBox="0 0 4 3" role="img" aria-label="&lt;"></svg>"#;
        check(&picture("chart", (4.0, 3.0), "<"), expected);
    }
}
