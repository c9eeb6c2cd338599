//! Words of a spec and of its comments.

/// A key of TOML, in quotes where it needs them.
pub(super) fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// A text of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\t' => quoted += "\\t",
            character if character.is_control() => quoted += &format!("\\u{:04X}", u32::from(character)),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A list of texts of TOML.
pub(super) fn list<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}

/// A name or value in a comment: on one line, and not too long.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let plain = |c: char| if c.is_control() { c.escape_default().collect() } else { String::from(c) };
    let mut shown: String = text.chars().take(LONGEST).map(plain).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// A count with its thousands set apart.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number in at most five digits.
pub(super) fn number(value: f64) -> String {
    format!("{value:.4e}").parse::<f64>().unwrap_or(value).to_string()
}

/// A share of a whole.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    if percent > 0.0 && percent < 0.1 { "< 0.1 %".to_owned() } else { format!("{percent:.1} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_key(name: &str) {
        let table: toml::Table = format!("{} = {}", key(name), quoted(name)).parse().unwrap();
        assert_eq!(table, toml::Table::from_iter([(name.to_owned(), toml::Value::String(name.to_owned()))]));
    }

    #[test]
    fn any_name_is_a_key() {
        let names =
            ["a_b-1", "", "a b", "a.b", "é", "say \"hi\"", "back\\slash", "two\nlines\t\u{7f}\u{1}", "'''", "#"];
        names.into_iter().for_each(check_key);
        assert_eq!((key("a_b-1"), key("a.b")), ("a_b-1".to_owned(), "\"a.b\"".to_owned()));
    }

    #[test]
    fn lists_are_lists() {
        assert_eq!(list(["a", "?"]), "[\"a\", \"?\"]");
    }

    #[test]
    fn comments_stay_on_their_line() {
        assert_eq!(shown("a\nb"), "`a\\nb`");
        assert_eq!(shown(&"x".repeat(41)), format!("`{}…`", "x".repeat(40)));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.1, -73.987_654, 39.0, 1e7].map(number), ["0.1", "-73.988", "39", "10000000"]);
        assert_eq!([(1, 4), (0, 3), (1, 100_000)].map(|(a, b)| percent(a, b)), ["25.0 %", "0.0 %", "< 0.1 %"]);
    }
}
