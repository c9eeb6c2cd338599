//! Figures: a picture with its title, legend and notes.

use crate::report::html::Element;
use crate::report::number::count;

/// A picture and the words around it.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    title: &'static str,
    about: String,
    legend: Vec<(&'static str, String)>,
    picture: Option<Element>,
    notes: Vec<String>,
}

impl Figure {
    /// A figure of a picture; `about` says in a sentence how to read it.
    pub(crate) fn new(title: &'static str, about: impl Into<String>, picture: Element) -> Self {
        Self { title, about: about.into(), legend: Vec::new(), picture: Some(picture), notes: Vec::new() }
    }

    /// A figure without a picture, and why there is none.
    pub(crate) fn without_picture(title: &'static str, reason: impl Into<String>) -> Self {
        Self { title, about: reason.into(), legend: Vec::new(), picture: None, notes: Vec::new() }
    }

    /// Adds to the legend what has the colour of a class.
    pub(crate) fn legend(mut self, class: &'static str, text: impl Into<String>) -> Self {
        self.legend.push((class, text.into()));
        self
    }

    /// Adds a sentence below the picture; none when there is nothing to say.
    pub(crate) fn note(mut self, note: Option<String>) -> Self {
        self.notes.extend(note);
        self
    }

    /// Adds a sentence on rows that are not drawn, as a number of theirs is not finite; none when there are none.
    pub(crate) fn left_out(self, rows: usize) -> Self {
        let note = format!("Rows whose prediction or label is not finite: {}.", count(rows as u64));
        self.note((rows > 0).then_some(note))
    }

    /// The figure as an element of three parts, which the page lines up with those of its neighbours.
    pub(crate) fn element(&self) -> Element {
        let head = Element::new("figcaption").child(Element::new("h3").text(self.title));
        let head = head.child(Element::new("p").text(&self.about)).children(self.legend_element());
        let picture = self.picture.clone().unwrap_or_else(|| Element::new("div"));
        let notes = self.notes.iter().map(|note| Element::classed("p", "note").text(note));
        let notes = Element::new("div").children(notes);
        Element::classed("figure", "card").child(head).child(picture).child(notes)
    }

    fn legend_element(&self) -> Option<Element> {
        let entry =
            |(class, text): &(&'static str, String)| Element::new("li").child(Element::classed("i", class)).text(text);
        (!self.legend.is_empty()).then(|| Element::classed("ul", "legend").children(self.legend.iter().map(entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_its_words_in_order() {
        let figure = Figure::new("T", "about", Element::new("svg")).legend("series-a", "<a>").note(Some("note".into()));
        let expected = "<figure class=\"card\"><figcaption><h3>T</h3><p>about</p><ul class=\"legend\"><li>\
            <i class=\"series-a\"></i>&lt;a&gt;</li></ul></figcaption><svg></svg>\
            <div><p class=\"note\">note</p></div></figure>";
        assert_eq!(figure.element().to_string(), expected);
    }

    #[test]
    fn nothing_to_say_is_not_said() {
        let figure = Figure::without_picture("T", "none").note(None).left_out(0);
        let expected =
            "<figure class=\"card\"><figcaption><h3>T</h3><p>none</p></figcaption><div></div><div></div></figure>";
        assert_eq!(figure.element().to_string(), expected);
    }
}
