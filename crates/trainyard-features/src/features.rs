//! Features that are checked, but not fitted yet.

use crate::Result;
use crate::fit::Fitting;
use crate::label::LabelSpec;
use crate::plan::Plan;
use crate::schema::Schema;
use crate::spec::FeatureSpecs;

/// Features that are checked against a schema and ordered, but not fitted yet.
///
/// The name of a feature hides a column of the same name, except in the feature itself: a feature `city` may read the
/// column `city`, and all others that read `city` get the feature. A feature reaches the model unless another one reads it;
/// `output` in its table says otherwise.
#[derive(Debug, Clone)]
pub struct Features {
    fitting: Fitting,
}

impl Features {
    /// Puts features together.
    ///
    /// # Errors
    ///
    /// [`Feature`](crate::Error::Feature) when a table is wrong: it reads a name that is neither a column nor a feature,
    /// reads features in a circle, or its operation does not take such an input or parameter.
    /// [`Spec`](crate::Error::Spec) when no feature reaches the model, or when the label or weight is not a fitting column.
    pub fn new(specs: FeatureSpecs, schema: &Schema, label: Option<LabelSpec>, weight: Option<String>) -> Result<Self> {
        Ok(Self { fitting: Fitting::new(Plan::new(specs, schema, label, weight)?)? })
    }

    /// Starts fitting.
    pub fn fit(self) -> Fitting {
        self.fitting
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;
    use crate::{Features, LabelSpec, LabelTask};

    fn columns() -> Columns {
        vec![("x", floats(&[1.0, 3.0])), ("city", texts(&["a", "b"]))]
    }

    #[track_caller]
    fn check_refused(toml: &str, expected: &str) {
        let message = features(toml, &columns()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    /// The specs are JSON, which keeps their order whatever parser of TOML is in use.
    #[track_caller]
    fn check_encoding(json: &str, numeric: &[&str], categorical: &[&str]) {
        let features = Features::new(serde_json::from_str(json).unwrap(), &schema(&columns()), None, None);
        let fitted = fit_features(features.unwrap(), &columns()).unwrap();
        let encoding = fitted.encoding();
        assert_eq!(encoding.numeric.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>(), numeric);
        assert_eq!(encoding.categorical.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>(), categorical);
    }

    #[test]
    fn a_feature_that_another_reads_does_not_reach_the_model() {
        let a = r#""a": { "op": "log1p", "input": "x" }"#;
        check_encoding(&format!(r#"{{ {a}, "b": {{ "op": "z_score", "input": "a" }} }}"#), &["b"], &[]);
    }

    #[test]
    fn output_decides_against_the_default() {
        let a = r#""a": { "op": "log1p", "input": "x", "output": true }"#;
        check_encoding(&format!(r#"{{ {a}, "b": {{ "op": "z_score", "input": "a" }} }}"#), &["a", "b"], &[]);
        check_encoding(
            &format!(r#"{{ {a}, "b": {{ "op": "z_score", "input": "a", "output": false }} }}"#),
            &["a"],
            &[],
        );
    }

    #[test]
    fn features_are_encoded_as_written_and_computed_as_needed() {
        let a = r#""a": { "op": "log1p", "input": "x", "output": true }"#;
        check_encoding(&format!(r#"{{ "b": {{ "op": "z_score", "input": "a" }}, {a} }}"#), &["b", "a"], &[]);
    }

    #[test]
    fn a_feature_hides_the_column_of_its_name_from_others() {
        let city = r#""city": { "op": "vocabulary", "output": true }"#;
        let cross = r#""c": { "op": "cross", "inputs": ["city", "city"], "buckets": 5 }"#;
        check_encoding(&format!("{{ {city}, {cross} }}"), &[], &["city", "c"]);
    }

    const SHARED: &str = "
        [a]
        op = 'vocabulary'
        share = 't'
        [history_a]
        op = 'tokenize'
        input = 'b'
        [history_b]
        op = 'vocabulary'
        input = 'history_a'
        share = 't'
        [history_c]
        op = 'sequence'
        input = 'history_b'
        length = 2";

    #[test]
    fn vocabularies_that_share_are_one_over_all_of_their_inputs() {
        let columns = vec![("a", texts(&["x", "y", "-"])), ("b", texts(&["y z y", "z x", "w w w w w"]))];
        let fitted = fit(SHARED, &columns).unwrap();
        let batch = fitted.transform(&rows(&columns)).unwrap();
        // w 5, y 3, z 2, x 2; the order of features in TOML is that of their names.
        assert_eq!((&batch.ids[0].ids[..], &batch.ids[1].ids[..]), (&[3, 1][..], &[1, 2, 2, 3, 0, 0][..]));
        let shared = |feature: &crate::CategoricalFeature| (feature.buckets, feature.table.clone());
        let tables: Vec<_> = fitted.encoding().categorical.iter().map(shared).collect();
        assert_eq!(tables, [(5, Some("t".to_string())), (5, Some("t".to_string()))]);
        let read = crate::FittedFeatures::from_json(&fitted.to_json()).unwrap();
        assert_eq!((read.to_json(), read.transform(&rows(&columns)).unwrap()), (fitted.to_json(), batch));
    }

    #[track_caller]
    fn check_share(toml: &str, expected: &str) {
        let columns = vec![("a", texts(&["x"])), ("b", texts(&["y"])), ("n", ints(&[Some(1)]))];
        check_error(toml, columns, expected);
    }

    #[test]
    fn what_cannot_share_a_table_says_why() {
        let a = "[a]\nop = 'vocabulary'\nshare = 't'\n[b]\n";
        check_share(
            &format!("{a}op = 'vocabulary'\nshare = 't'\ntop_k = 5"),
            "`[features.b]`: shares `t` with `a`, so both need the same parameters",
        );
        check_share(
            &format!("{a}op = 'vocabulary'\nshare = 't'\ninput = 'n'"),
            "`[features.b]`: shares `t` with `a`, so both must read the same kind of values",
        );
        check_share(
            &format!("{a}op = 'hash'\nshare = 't'\nbuckets = 9"),
            "`[features.b]`: shares `t` with `a`, but has 9 buckets and `a` has 2; features of one table need the same ids",
        );
        check_share(
            "[a]\nop = 'vocabulary'\nshare = 't'\n[c]\nop = 'vocabulary'\nshare = 't'\ninput = 'a'",
            "`[features.c]`: shares `t`, so it must read values, not the ids of a feature",
        );
        check_share("[n]\nop = 'numeric'\nshare = 't'", "`share` names a table of embeddings, which only categorical");
        check_share(
            "[a]\nop = 'vocabulary'\nshare = 'b'\n[b]\nop = 'vocabulary'",
            "`share` is `b`, which is a feature that shares another table or none; rename one",
        );
    }

    #[test]
    fn columns_that_only_unused_features_read_are_no_inputs() {
        let fitted = fit("[x]\nop = 'z_score'\n[city]\nop = 'vocabulary'\noutput = false", &columns()).unwrap();
        assert_eq!(fitted.inputs().names().collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn an_unknown_name_is_listed_with_what_there_is() {
        check_refused(
            "[a]\nop = 'z_score'\ninput = 'citi'\n[b]\nop = 'log1p'\ninput = 'x'",
            "`[features.a]`: reads `citi`, which is neither a column nor another feature; did you mean `city`? \
             (columns: `x`, `city`; features: `b`)",
        );
    }

    #[test]
    fn a_circle_is_shown() {
        check_refused(
            "[a]\nop = 'log1p'\ninput = 'b'\n[b]\nop = 'log1p'\ninput = 'c'\n[c]\nop = 'log1p'\ninput = 'b'",
            "`[features.b]`: features read each other in a circle: `b` → `c` → `b`",
        );
    }

    #[test]
    fn a_long_chain_of_features_is_no_problem() {
        let link = |i: usize| format!(r#", "f{}": {{ "op": "numeric", "input": "f{i}" }}"#, i + 1);
        let chain: String = (0..5000).map(link).collect();
        check_encoding(&format!(r#"{{ "f0": {{ "op": "numeric", "input": "x" }}{chain} }}"#), &["f5000"], &[]);
    }

    #[test]
    fn no_feature_for_the_model_is_an_error() {
        check_refused("", "no feature reaches the model; add a table `[features.NAME]`");
        check_refused("[x]\nop = 'numeric'\noutput = false", "no feature reaches the model");
    }

    #[test]
    fn the_label_must_not_be_read() {
        let specs = toml::from_str("[a]\nop = 'log1p'\ninput = 'x'").unwrap();
        let label = LabelSpec::new("x", LabelTask::Regression);
        let message = Features::new(specs, &schema(&columns()), Some(label), None).unwrap_err().to_string();
        assert_eq!(message, "`[features.a]`: reads column `x`, which is the label; a model must not see its answer");
    }

    #[test]
    fn an_unknown_weight_or_one_of_text_is_refused() {
        let check = |weight: &str, expected: &str| {
            let specs = toml::from_str("[x]\nop = 'log1p'").unwrap();
            let message = Features::new(specs, &schema(&columns()), None, Some(weight.to_string())).unwrap_err();
            assert!(message.to_string().contains(expected), "{message}");
        };
        check("y", "the weight column `y` is not in the data (columns: `x`, `city`)");
        check("city", "the weight column `city` is text");
    }
}
