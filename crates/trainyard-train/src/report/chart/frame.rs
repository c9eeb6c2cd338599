//! Frames: the area between two axes, its grid and the names at its edges.

use super::axis::Axis;
use crate::report::html::Element;
use crate::report::svg::{self, Point};

/// Size of a chart. The page scales it to the width there is: about as many pixels on a screen, fewer on a phone.
const SIZE: Point = (480.0, 320.0);

/// Space for the names of ticks and axes: left, right, above and below the area.
const MARGINS: [f64; 4] = [62.0, 14.0, 26.0, 48.0];

/// An area between axes.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The axis below, from left to right.
    pub(crate) x: Axis,
    /// The axis at the left, from bottom to top.
    pub(crate) y: Axis,
}

impl Frame {
    /// Where a pair of values lies in the picture.
    pub(crate) fn place(&self, x: f64, y: f64) -> Point {
        let [left, right, top, bottom] = MARGINS;
        let (width, height) = (SIZE.0 - left - right, SIZE.1 - top - bottom);
        (left + self.x.place(x) * width, SIZE.1 - bottom - self.y.place(y) * height)
    }

    /// A picture with shapes above the grid.
    pub(crate) fn draw(&self, label: &str, shapes: impl IntoIterator<Item = Element>) -> Element {
        svg::picture("chart", SIZE, label).children(self.grid()).children(shapes).children(self.titles())
    }

    /// A line between two pairs of values.
    pub(crate) fn line(&self, class: &'static str, from: Point, to: Point) -> Element {
        svg::line(class, self.place(from.0, from.1), self.place(to.0, to.1))
    }

    fn grid(&self) -> Vec<Element> {
        let (x, y) = (self.x.range(), self.y.range());
        let mut shapes = Vec::new();
        for (tick, name) in &self.y.ticks {
            let (left, down) = self.place(x.low, *tick);
            shapes.push(self.line("grid", (x.low, *tick), (x.high, *tick)));
            shapes.push(svg::text("tick end", (left - 8.0, down + 4.0), name));
        }
        for (tick, name) in &self.x.ticks {
            let (right, bottom) = self.place(*tick, y.low);
            shapes.push(svg::line("mark", (right, bottom), (right, bottom + 4.0)));
            shapes.push(svg::text("tick middle", (right, bottom + 18.0), name));
        }
        shapes.push(self.line("axis", (x.low, y.low), (x.high, y.low)));
        shapes
    }

    fn titles(&self) -> [Element; 2] {
        let [left, right, _, _] = MARGINS;
        let below = ((SIZE.0 + left - right) / 2.0, SIZE.1 - 8.0);
        [svg::text("title middle", below, &self.x.title), svg::text("title", (4.0, 14.0), &self.y.title)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::range::Range;
    use super::*;

    fn frame() -> Frame {
        Frame { x: Axis::linear(Range::new(0.0, 1.0), "<x>"), y: Axis::linear(Range::new(0.0, 2.0), "y") }
    }

    #[test]
    fn corners_of_the_range_are_corners_of_the_area() {
        assert_eq!((frame().place(0.0, 0.0), frame().place(1.0, 2.0)), ((62.0, 272.0), (466.0, 26.0)));
    }

    #[test]
    fn titles_are_escaped() {
        assert!(frame().draw("label", []).to_string().contains("&lt;x&gt;"));
    }
}
