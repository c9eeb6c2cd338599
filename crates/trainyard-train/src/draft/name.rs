//! What the name of a column gives away.

/// Names of what numbers the rows.
const KEYS: [&str; 9] = ["id", "key", "uuid", "guid", "index", "row", "rowid", "row_id", "row_number"];

/// Words of names whose numbers are names rather than amounts.
const CATEGORIES: [&str; 21] = [
    "id", "code", "zip", "zipcode", "postcode", "area", "zone", "district", "region", "tract", "type", "kind",
    "category", "class", "group", "hour", "weekday", "week", "day", "month", "dow",
];

/// Words of names of amounts, whatever else is in them: `hours_per_week`, `zone_count`.
const AMOUNTS: [&str; 10] = ["per", "count", "number", "num", "total", "sum", "mean", "average", "size", "amount"];

/// Words of names of times.
const TIMES: [&str; 4] = ["time", "timestamp", "date", "datetime"];

/// Whether rows are named by the column.
pub(super) fn is_key(name: &str) -> bool {
    KEYS.contains(&name.to_lowercase().as_str())
}

/// Whether whole numbers in the column stand for something.
pub(super) fn is_category(name: &str) -> bool {
    has_word(name, &CATEGORIES) && !has_word(name, &AMOUNTS)
}

/// Whether whole numbers in the column may be seconds since 1970.
pub(super) fn is_time(name: &str) -> bool {
    has_word(name, &TIMES)
}

/// Whether the column holds degrees of latitude.
pub(super) fn is_latitude(name: &str) -> bool {
    has_word(name, &["latitude", "lat"])
}

/// Whether the column holds degrees of longitude.
pub(super) fn is_longitude(name: &str) -> bool {
    has_word(name, &["longitude", "lon", "lng"])
}

fn has_word(name: &str, wanted: &[&str]) -> bool {
    words(name).iter().any(|word| wanted.contains(&word.as_str()))
}

/// The words of a name in lower case: `pickupZip_code` has `pickup`, `zip` and `code`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.extend(character.to_lowercase());
        }
        was_lower = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_words() {
        assert_eq!(words("pickupZip_code"), ["pickup", "zip", "code"]);
        assert_eq!(words("Trip ID-2"), ["trip", "id", "2"]);
        assert_eq!(words("__"), [""; 0]);
    }

    #[test]
    fn words_tell_what_numbers_are() {
        assert!(is_category("storeId") && is_category("pickup_community_area") && !is_category("width"));
        assert!(!is_category("hours-per-week") && !is_category("zone_count"));
        assert!(is_time("trip_start_timestamp") && !is_time("times"));
        assert!(is_key("ID") && !is_key("user_id"));
        assert!(is_latitude("pickupLat") && is_longitude("dropoff longitude") && !is_latitude("plate"));
    }
}
