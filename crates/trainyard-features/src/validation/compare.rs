//! Data against other data.

use super::anomaly::{Anomaly, AnomalyKind};
use super::schema::{ColumnRule, DataSchema, Role, Thresholds};
use crate::profile::{ColumnProfile, Profile, jensen_shannon, l_infinity};
use crate::schema::ColumnType;

/// How far columns have moved since earlier data, where it is further than the schema allows.
pub fn compare_with_earlier(schema: &DataSchema, profile: &Profile, earlier: &Profile) -> Vec<Anomaly> {
    let kinds = (AnomalyKind::DriftLinf, AnomalyKind::DriftJs);
    compare(schema, (profile, earlier), kinds, |rule| (rule.drift, schema.drift))
}

/// How much columns differ in served data, where it is more than the schema allows.
pub fn compare_with_served(schema: &DataSchema, profile: &Profile, served: &Profile) -> Vec<Anomaly> {
    let kinds = (AnomalyKind::SkewLinf, AnomalyKind::SkewJs);
    compare(schema, (profile, served), kinds, |rule| (rule.skew, schema.skew))
}

fn compare(
    schema: &DataSchema,
    (mine, theirs): (&Profile, &Profile),
    (linf, js): (AnomalyKind, AnomalyKind),
    thresholds: impl Fn(&ColumnRule) -> (Option<Thresholds>, Thresholds),
) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    for (name, rule) in &schema.columns {
        let Some((a, b)) = mine.get(name).zip(theirs.get(name)) else { continue };
        let (own, common) = thresholds(rule);
        // Names of rows are others in other rows.
        let common = if matches!(rule.role, Role::Id | Role::Split) { Thresholds::default() } else { common };
        let Thresholds { l_infinity: most, jensen_shannon: most_js } = own.unwrap_or(common);
        let is_category = rule.values.is_some() || matches!(rule.column_type, ColumnType::Text | ColumnType::Bool);
        let most = most.filter(|_| is_category);
        anomalies.extend(exceeded(linf, name, most, l_infinity(a, b), &widest(a, b)));
        anomalies.extend(exceeded(js, name, most_js, jensen_shannon(a, b), ""));
    }
    anomalies
}

fn exceeded(kind: AnomalyKind, name: &str, most: Option<f64>, found: Option<f64>, detail: &str) -> Option<Anomaly> {
    let (most, found) = (most?, found?);
    let measure = match kind {
        AnomalyKind::DriftLinf | AnomalyKind::SkewLinf => "L-infinity distance",
        _ => "Jensen-Shannon divergence",
    };
    let (expected, found_text) = (format!("a {measure} of at most {most}"), format!("{found:.4}{detail}"));
    (found > most).then(|| kind.of(Some(name), expected, found_text))
}

/// The value whose share differs most.
fn widest(a: &ColumnProfile, b: &ColumnProfile) -> String {
    let Some((a, b)) = a.values.as_ref().zip(b.values.as_ref()) else { return String::new() };
    let share = |values: &crate::profile::ValueProfile, wanted: &str| {
        let found = values.top.iter().find(|value| value.value == wanted).map_or(0, |value| value.count);
        found as f64 / values.count.max(1) as f64
    };
    let values = a.top.iter().chain(&b.top).map(|value| value.value.as_str());
    let shares = values.map(|value| (value, share(a, value), share(b, value)));
    let widest = shares.max_by(|x, y| (x.1 - x.2).abs().total_cmp(&(y.1 - y.2).abs()));
    let text = |(value, mine, theirs): (&str, f64, f64)| format!(": `{value}` has {mine:.4}, there {theirs:.4}");
    widest.map(text).unwrap_or_default()
}
