//! A value as its place among the most frequent.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, one};
use crate::column::{Column, single_ids, token_ids};
use crate::fit::{Counting, Findings, Informative, Joint, JointNeeds, Needs};
use crate::hash::{Map, farm_fingerprint64, farm_number};
use serde::{Deserialize, Serialize};
use trainyard_graph::Ragged;

/// The place of a value among those of the training data, by falling count, those of equal count by falling bytes of their
/// text. Values that are not among them go to `V + FarmHash64(text) % oov_buckets`, with `V` values in the vocabulary.
///
/// Reads text, tokens, int, bool and categorical features; ints count as their decimal text. A row has an id for each of its
/// tokens, in their order, and each counts. Missing values, empty text and rows without tokens have no id; with
/// `missing = "own_id"` they get the last one. Buckets: `V + oov_buckets`, and 1 for missing.
///
/// With `order = "mutual_information"` the place is that by what a value says about the class of the label: by falling
/// `Σ_c n_c · log2(n_c · n / (x · y_c))` over the classes, with `n_c` the rows that have both value and class, `x` those with the
/// value (a row counts once however often it has it), `y_c` those of the class, and `n` all. `adjusted` takes off what chance gives,
/// the mean of this over the hypergeometric distribution of `n_c` (adjusted mutual information without its division; Vinh et al.,
/// 2009), which rare values need. Pairs of value and class with `|x · y_c / n − n_c| < min_diff_from_avg` do not count.
///
/// Vocabularies with the same `share` in their tables are one, over the values of all of their inputs.
///
/// The order and the ids are those of `tft.compute_and_apply_vocabulary` (which leaves out tokens with line breaks, and has
/// no ids for unknown ones by default). Values are counted exactly, on disk where the memory for fitting does not suffice.
///
/// Export: ONNX has `LabelEncoder`, unless `oov_buckets` is above 1, which hashes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vocabulary {
    /// How many values to keep at most. By default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    /// Values that occur fewer times are left out. At least 1.
    pub min_count: u64,
    /// Ids shared by values that are not in the vocabulary; with 0 these have no id.
    pub oov_buckets: u64,
    /// What to do with missing values.
    pub missing: Missing,
    /// What comes first.
    #[serde(skip_serializing_if = "is_default")]
    pub order: Order,
    /// By mutual information: whether that of chance is taken off.
    #[serde(skip_serializing_if = "is_default")]
    pub adjusted: bool,
    /// By mutual information: how far the count of value and class must be from what chance would give, in rows.
    #[serde(skip_serializing_if = "is_default")]
    pub min_diff_from_avg: f64,
    /// By mutual information: values that have less are left out, in bits times rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_information: Option<f64>,
}

/// What comes first in a [`Vocabulary`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The most frequent values.
    #[default]
    Frequency,
    /// Those that say most about the class of the label.
    MutualInformation,
}

/// What [`Vocabulary`] does with missing values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They have no id.
    #[default]
    Drop,
    /// They have an id of their own, the last one.
    OwnId,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self {
            top_k: None,
            min_count: 1,
            oov_buckets: 1,
            missing: Missing::Drop,
            order: Order::Frequency,
            adjusted: false,
            min_diff_from_avg: 0.0,
            min_information: None,
        }
    }
}

impl Operation for Vocabulary {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let kinds = [Kind::Text, Kind::Tokens, Kind::Int, Kind::Bool, Kind::Ids];
        any_of(one(inputs)?, &kinds, "text, tokens, int, bool or a categorical feature")?;
        if self.top_k == Some(0) || self.min_count == 0 {
            return Err("`top_k` and `min_count` must be at least 1".to_string());
        }
        super::check_buckets("oov_buckets", self.oov_buckets.max(1))?;
        self.check_information()?;
        Ok(Kind::Ids)
    }

    fn is_fitted_together(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        match self.order {
            Order::Frequency => Needs { counting: Counting::All, ..Needs::default() },
            Order::MutualInformation => Needs::default(),
        }
    }

    fn joint_needs(&self, _: usize) -> Option<JointNeeds> {
        (self.order == Order::MutualInformation).then_some(JointNeeds::ValuesByClass)
    }

    fn fit_joint(&self, joint: &Joint, _: &[Input]) -> Checked<Constants> {
        let Joint::ValuesByClass(values) = joint else {
            return Err("did not ask for values by class; please report it".to_string());
        };
        let by = Informative {
            limit: self.limit(),
            min_count: self.min_count,
            min_information: self.min_information.unwrap_or(f64::NEG_INFINITY),
            adjusted: self.adjusted,
            min_diff_from_avg: self.min_diff_from_avg,
        };
        values.ranked(by).map(Constants::with_tokens).map_err(|error| error.to_string())
    }

    fn fit(&self, findings: &Findings<'_>) -> Checked<Constants> {
        let counts = findings.exact_counts()?;
        let ranked = counts.ranked(self.limit(), self.min_count).map_err(|error| error.to_string())?;
        Ok(Constants::with_tokens(ranked.values.into_iter().map(|(token, _)| token).collect()))
    }

    fn build(&self, constants: &Constants, inputs: &[Input]) -> Checked<Kernel> {
        let tokens = constants.tokens()?;
        let own_id = self.missing == Missing::OwnId;
        let known = tokens.len() as u64;
        let buckets = known + self.oov_buckets + u64::from(own_id);
        if buckets == 0 {
            return Err(format!(
                "the vocabulary is empty: no value occurs {} times; lower `min_count` or set `oov_buckets` to 1",
                self.min_count
            ));
        }
        let oov = Oov { known, buckets: self.oov_buckets };
        let missing = own_id.then_some(buckets - 1);
        match one(inputs)?.kind {
            Kind::Text | Kind::Tokens => {
                let ids = unique(tokens, |token| Some(Box::<str>::from(token)))?;
                Ok(Kernel::new(buckets, move |args: Args<'_>| text_ids(args, &ids, oov, missing)))
            }
            kind => {
                let ids = unique(tokens, |token| number(token, kind))?;
                let oov_id = move |word: u64| oov.id(hash(word, kind));
                let id = move |word: u64| ids.get(&word).copied().or_else(|| oov_id(word));
                Ok(Kernel::new(buckets, move |args: Args<'_>| number_ids(args, &id, missing)))
            }
        }
    }
}

impl Vocabulary {
    fn limit(&self) -> usize {
        self.top_k.and_then(|top_k| usize::try_from(top_k).ok()).unwrap_or(usize::MAX)
    }

    fn check_information(&self) -> Checked<()> {
        let asks = self.adjusted || self.min_diff_from_avg != 0.0 || self.min_information.is_some();
        if asks && self.order == Order::Frequency {
            return Err("`adjusted`, `min_diff_from_avg` and `min_information` need `order = \"mutual_information\"`".to_string());
        }
        let is_right = self.min_diff_from_avg >= 0.0 && self.min_diff_from_avg.is_finite();
        if !is_right || self.min_information.is_some_and(f64::is_nan) {
            return Err("`min_diff_from_avg` must be finite and at least 0, and `min_information` a number".to_string());
        }
        Ok(())
    }
}

/// Whether a parameter that came later need not be written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The ids of values that are not in the vocabulary.
#[derive(Debug, Clone, Copy)]
struct Oov {
    known: u64,
    buckets: u64,
}

impl Oov {
    fn id(self, hash: u64) -> Option<u64> {
        (self.buckets > 0).then(|| self.known + hash % self.buckets)
    }
}

fn text_ids(args: Args<'_>, ids: &Map<Box<str>, u64>, oov: Oov, missing: Option<u64>) -> Checked<Column> {
    let id = |text: &str| ids.get(text).copied().or_else(|| oov.id(farm_fingerprint64(text.as_bytes())));
    match args.column(0)? {
        Column::Text(texts) => Ok(Column::Ids(single_ids(args.rows, texts.iter().map(|text| text.map_or(missing, id))))),
        Column::Tokens(tokens) => Ok(Column::Ids(token_ids(tokens, id, missing))),
        _ => Err("input is neither text nor tokens; please report it".to_string()),
    }
}

fn number_ids(args: Args<'_>, id: &impl Fn(u64) -> Option<u64>, missing: Option<u64>) -> Checked<Column> {
    Ok(Column::Ids(match args.column(0)? {
        Column::Int(array) => {
            single_ids(args.rows, array.iter().map(|value| value.map_or(missing, |value| id(value as u64))))
        }
        Column::Bool(array) => {
            single_ids(args.rows, array.iter().map(|value| value.map_or(missing, |value| id(u64::from(value)))))
        }
        Column::Ids(rows) => {
            let mut ragged = Ragged::new();
            for row in 0..rows.rows() {
                let row = rows.row(row);
                ragged.ids.extend(row.iter().filter_map(|&word| id(word)));
                ragged.ids.extend(missing.filter(|_| row.is_empty()));
                ragged.offsets.push(ragged.ids.len() as u32);
            }
            ragged
        }
        _ => return Err("input is not categorical; please report it".to_string()),
    }))
}

/// The 64 bits that stand for a token of ints, bools or ids.
fn number(token: &str, kind: Kind) -> Option<u64> {
    match kind {
        Kind::Int => token.parse::<i64>().ok().map(|value| value as u64),
        Kind::Bool => token.parse::<bool>().ok().map(u64::from),
        _ => token.parse().ok(),
    }
}

/// The FarmHash of the text of such a token.
fn hash(word: u64, kind: Kind) -> u64 {
    match kind {
        Kind::Bool => farm_fingerprint64((word != 0).to_string().as_bytes()),
        Kind::Int => farm_number(word as i64),
        _ => farm_fingerprint64(word.to_string().as_bytes()),
    }
}

/// Numbers the tokens; those from a damaged file may be wrong or repeat.
fn unique<K: std::hash::Hash + Eq>(tokens: &[String], key: impl Fn(&str) -> Option<K>) -> Checked<Map<K, u64>> {
    let mut ids = Map::with_capacity_and_hasher(tokens.len(), Default::default());
    for (token, id) in tokens.iter().zip(0..) {
        let key = key(token).ok_or_else(|| format!("fitted token `{token}` is not of the type of the input"))?;
        if ids.insert(key, id).is_some() {
            return Err(format!("fitted token `{token}` is there twice"));
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;
    use crate::{Features, LabelSpec, LabelTask};

    #[track_caller]
    fn check(parameters: &str, training: &[&str], applied: &[&str], expected: &[&[u64]], buckets: u64) {
        let spec = format!("[x]\nop = 'vocabulary'\n{parameters}");
        check_applied_ids(&spec, vec![("x", texts(training))], vec![("x", texts(applied))], expected, buckets);
    }

    #[test]
    fn frequent_values_come_first_and_ties_fall_by_bytes() {
        check("", &["b", "a", "c", "c", "-"], &["c", "b", "a", "z", "-", ""], &[&[0], &[1], &[2], &[3], &[], &[]], 4);
    }

    #[test]
    fn rare_values_and_those_beyond_top_k_are_unknown() {
        check("min_count = 2", &["a", "a", "b"], &["a", "b"], &[&[0], &[1]], 2);
        check("top_k = 1", &["a", "a", "b"], &["a", "b"], &[&[0], &[1]], 2);
    }

    #[test]
    fn unknown_values_without_a_bucket_have_no_id() {
        check("oov_buckets = 0", &["a", "b"], &["b", "z"], &[&[0], &[]], 2);
    }

    /// `tft.compute_and_apply_vocabulary` with `num_oov_buckets`: `V + Fingerprint64(text) % n`. FarmHash of "Cat" is 4 mod 17.
    #[test]
    fn several_buckets_are_chosen_by_farm_hash() {
        check("oov_buckets = 17", &["a", "b"], &["Cat", "Dog"], &[&[2 + 4], &[2 + 12]], 19);
    }

    #[test]
    fn missing_gets_the_last_id_on_request() {
        check("missing = 'own_id'", &["a"], &["a", "-", "z"], &[&[0], &[2], &[1]], 3);
    }

    #[test]
    fn ints_and_bools_have_vocabularies_too() {
        let spec = "[x]\nop = 'vocabulary'";
        check_ids(spec, vec![("x", ints(&[Some(7), Some(-1), Some(7), None]))], &[&[0], &[1], &[0], &[]], 3);
        check_ids(spec, vec![("x", bools(&[Some(true), Some(false), Some(false)]))], &[&[1], &[0], &[0]], 3);
    }

    /// Fits to texts and classes, and compares the vocabulary.
    #[track_caller]
    fn check_informative(parameters: &str, values: &[&str], labels: &[i64], expected: &[&str]) {
        let task = if labels.contains(&2) { LabelTask::Multiclass } else { LabelTask::Binary };
        let labels: Vec<Option<i64>> = labels.iter().copied().map(Some).collect();
        let columns = vec![("x", texts(values)), ("y", ints(&labels))];
        let spec = format!("[x]\nop = 'vocabulary'\norder = 'mutual_information'\n{parameters}");
        let specs = toml::from_str(&spec).unwrap();
        let features = Features::new(specs, &schema(&columns), Some(LabelSpec::new("y", task)), None).unwrap();
        let fitted: serde_json::Value = serde_json::from_str(&fit_features(features, &columns).unwrap().to_json()).unwrap();
        assert_eq!(fitted["fitted"]["x"]["tokens"], serde_json::json!(expected));
    }

    const HELLO: [&str; 12] =
        ["hello", "hello", "hello", "goodbye", "aaaaa", "aaaaa", "goodbye", "goodbye", "aaaaa", "aaaaa", "goodbye", "goodbye"];
    const HELLO_LABELS: [i64; 12] = [1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0];
    const CLASSES: [i64; 15] = [0, 0, 0, 1, 2, 2, 2, 1, 1, 1, 0, 1, 1, 1, 0];
    const PREDICTORS: [&str; 15] = [
        "good_0", "good_0", "good_0", "good_1", "good_2", "good_2", "good_2", "good_1", "good_1", "weak_1", "good_0", "good_1",
        "good_1", "good_1", "weak_1",
    ];

    /// tensorflow_transform/beam/vocabulary_integration_test.py: `_unadjusted_mi_binary_label`,
    /// `_unadjusted_mi_multi_class_label` (names shortened) and `_unadjusted_mi_binary_label_min_diff_from_avg`.
    #[test]
    fn mutual_information_ranks_as_tensorflow_transform() {
        let (i, u, r) = ("informative", "uninformative", "uninformative_rare");
        check_informative("", &[i, i, i, u, u, u, u, r, r], &[1, 1, 1, 0, 1, 1, 0, 0, 1], &[i, u, r]);
        check_informative("", &PREDICTORS, &CLASSES, &["good_2", "good_1", "good_0", "weak_1"]);
        check_informative("min_diff_from_avg = 2", &HELLO, &HELLO_LABELS, &["hello", "goodbye", "aaaaa"]);
    }

    /// The same file: `_adjusted_mi_binary_label` and `_adjusted_mi_multi_class_label`, whose information is 5.4800901, 5.3861019,
    /// 4.9054722 and -0.9748023.
    #[test]
    fn adjusted_mutual_information_ranks_as_tensorflow_transform() {
        check_informative("adjusted = true", &HELLO, &HELLO_LABELS, &["goodbye", "aaaaa", "hello"]);
        check_informative("adjusted = true", &PREDICTORS, &CLASSES, &["good_1", "good_2", "good_0", "weak_1"]);
        let cut = "adjusted = true\nmin_information = ";
        check_informative(&format!("{cut}5.4800"), &PREDICTORS, &CLASSES, &["good_1"]);
        check_informative(&format!("{cut}4.9054"), &PREDICTORS, &CLASSES, &["good_1", "good_2", "good_0"]);
        check_informative(&format!("{cut}4.91"), &PREDICTORS, &CLASSES, &["good_1", "good_2"]);
    }

    #[test]
    fn mutual_information_needs_classes_and_its_order() {
        let column = || vec![("x", texts(&["a", "b"]))];
        let spec = "[x]\nop = 'vocabulary'\n";
        check_error(&format!("{spec}order = 'mutual_information'"), column(), "but there is none; name one in `[data]`");
        check_error(&format!("{spec}adjusted = true"), column(), "need `order = \"mutual_information\"`");
        let shared = format!("{spec}order = 'mutual_information'\nshare = 't'");
        check_error(&shared, column(), "shares `t`, so its values must be ranked by frequency, not by the label");
    }

    #[test]
    fn ids_of_another_feature_are_ranked_anew() {
        let spec = "[h]\nop = 'bucketize'\ninput = 'x'\nboundaries = [1, 2, 3]\n[v]\nop = 'vocabulary'\ninput = 'h'";
        check_ids(spec, vec![("x", floats(&[2.5, 0.0, 2.5]))], &[&[0], &[1], &[0]], 3);
    }

    #[test]
    fn floats_are_refused_with_two_ways_out() {
        check_error(
            "[x]\nop = 'vocabulary'",
            vec![("x", floats(&[1.0]))],
            "but column `x` is numeric; bucketize it, or declare its type: `[data.types]` `x = \"int\"` or `\"text\"`",
        );
    }

    #[test]
    fn an_empty_vocabulary_without_buckets_is_an_error() {
        let spec = "[x]\nop = 'vocabulary'\nmin_count = 3\noov_buckets = 0";
        check_error(spec, vec![("x", texts(&["a", "b"]))], "the vocabulary is empty: no value occurs 3 times");
    }
}
