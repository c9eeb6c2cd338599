//! Elements: markup that is balanced and escaped by construction.

use std::fmt::{Display, Formatter, Result};

/// An element of HTML or SVG: `<tag attributes>inner</tag>`.
///
/// The end tag is always written, which both languages read, so a page is balanced; text is always escaped, so user data cannot
/// leave its place.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    tag: &'static str,
    attributes: String,
    inner: String,
}

impl Element {
    /// An empty element.
    pub(crate) fn new(tag: &'static str) -> Self {
        Self { tag, attributes: String::new(), inner: String::new() }
    }

    /// An element of a class of the style sheet.
    pub(crate) fn classed(tag: &'static str, class: &'static str) -> Self {
        Self::new(tag).set("class", class)
    }

    /// Adds an attribute.
    pub(crate) fn set(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.extend([" ", name, "=\"", &escape(&value.to_string()), "\""]);
        self
    }

    /// Appends text.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.inner.push_str(&escape(text));
        self
    }

    /// Appends markup, which only this crate's source can give.
    pub(crate) fn markup(mut self, markup: &'static str) -> Self {
        self.inner.push_str(markup);
        self
    }

    /// Appends an element.
    pub(crate) fn child(mut self, child: Self) -> Self {
        self.inner.push_str(&child.to_string());
        self
    }

    /// Appends elements.
    pub(crate) fn children(self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// Appends what the pointer shows when it rests here.
    pub(crate) fn tooltip(self, text: &str) -> Self {
        self.child(Self::new("title").text(text))
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { tag, attributes, inner } = self;
        write!(f, "<{tag}{attributes}>{inner}</{tag}>")
    }
}

/// Text of at most `length` characters, cut with an ellipsis.
pub(crate) fn shorten(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length.saturating_sub(1)).chain(['…']).collect()
}

/// Text as markup. Control characters, which no document may hold, become `�`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' => escaped.push(' '),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Element::new("b").set("title", text).text(text).to_string(), expected);
    }

    #[test]
    fn plain_text_stays() {
        check("größe 1", r#"<b title="größe 1">größe 1</b>"#);
    }

    #[test]
    fn markup_in_text_is_shown_not_run() {
        check("<i>&'", r#"<b title="&lt;i&gt;&amp;&#39;">&lt;i&gt;&amp;&#39;</b>"#);
    }

    #[test]
    fn a_quote_does_not_end_an_attribute() {
        check(r#"" onclick="x"#, r#"<b title="&quot; onclick=&quot;x">&quot; onclick=&quot;x</b>"#);
    }

    #[test]
    fn control_characters_are_replaced() {
        check("a\u{0}b\nc", "<b title=\"a\u{fffd}b c\">a\u{fffd}b c</b>");
    }

    #[test]
    fn long_text_is_cut_at_characters() {
        assert_eq!(shorten("äöüß", 3), "äö…");
        assert_eq!(shorten("äöü", 3), "äöü");
    }
}
