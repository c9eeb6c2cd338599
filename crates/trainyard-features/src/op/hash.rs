//! A value as its hash.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of, check_buckets, one};
use crate::column::{Column, single_ids, token_ids};
use crate::hash::{Buckets, farm_fingerprint64, farm_number};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;
use std::hash::Hasher;

/// `id = FarmHash64(text) % buckets`, with ints as their decimal text; with `salt`, `SipHash-2-4(salt, text) % buckets`.
///
/// The same ids as TensorFlow's `to_hash_bucket_fast` and `to_hash_bucket_strong`, and Keras' `Hashing`. A row has an id for
/// each of its tokens, in their order. Missing values, and empty text, have no id.
///
/// Export: ONNX has no such hash, so an exported graph begins behind it, with ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hash {
    /// Number of ids. At least 1.
    pub buckets: u64,
    /// Two numbers that make other collisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<[u64; 2]>,
}

impl Operation for Hash {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        any_of(one(inputs)?, &[Kind::Text, Kind::Tokens, Kind::Int], "text, tokens or whole numbers (int)")?;
        check_buckets("buckets", self.buckets)?;
        Ok(Kind::Ids)
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let (buckets, salt) = (Buckets::new(self.buckets), self.salt);
        let text_id = move |text: &str| match salt {
            None => buckets.of(farm_fingerprint64(text.as_bytes())),
            Some(salt) => buckets.of(sip_hash(salt, text.as_bytes())),
        };
        let number_id = move |number: i64| match salt {
            None => buckets.of(farm_number(number)),
            Some(salt) => buckets.of(sip_hash(salt, number.to_string().as_bytes())),
        };
        Ok(Kernel::new(self.buckets, move |args: Args<'_>| match args.column(0)? {
            Column::Text(texts) => Ok(Column::Ids(single_ids(args.rows, texts.iter().map(|text| text.map(text_id))))),
            Column::Tokens(tokens) => Ok(Column::Ids(token_ids(tokens, |token| Some(text_id(token)), None))),
            Column::Int(array) => {
                Ok(Column::Ids(single_ids(args.rows, array.iter().map(|number| number.map(number_id)))))
            }
            _ => Err("input is neither text, tokens nor int; please report it".to_string()),
        }))
    }
}

fn sip_hash([key_0, key_1]: [u64; 2], text: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(key_0, key_1);
    hasher.write(text);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::sip_hash;
    use crate::op::testing::*;

    /// `tft.hash_strings`, mappers_test.py, 11 buckets.
    #[test]
    fn text_matches_tensorflow_transform() {
        let spec = "[x]\nop = 'hash'\nbuckets = 11";
        check_ids(spec, vec![("x", texts(&["Car", "-", "Bus", "Tree", ""]))], &[&[8], &[], &[4], &[5], &[]], 11);
    }

    /// `tft.hash_strings` with key `[123, 456]`, mappers_test.py, 11 buckets.
    #[test]
    fn salted_text_matches_tensorflow_transform() {
        let spec = "[x]\nop = 'hash'\nbuckets = 11\nsalt = [123, 456]";
        check_ids(spec, vec![("x", texts(&["Cake", "Pie", "Sundae"]))], &[&[6], &[5], &[6]], 11);
    }

    /// `tft.hash_strings` of a sparse tensor with key `[321, 555]`, mappers_test.py, 173 buckets.
    #[test]
    fn salted_tokens_match_tensorflow_transform() {
        let spec = "[t]\nop = 'tokenize'\ninput = 'x'\n[y]\nop = 'hash'\ninput = 't'\nbuckets = 173\nsalt = [321, 555]";
        check_ids(spec, vec![("x", texts(&["$$$ %^#", "&$!#@", "$$$", ""]))], &[&[16, 156], &[9], &[16], &[]], 173);
    }

    #[test]
    fn salted_hashes_match_the_golden_vectors() {
        let golden = include_str!("../../tests/golden/features_golden.json");
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        for pair in golden["siphash24_key_123_456"].as_array().unwrap() {
            let expected: u64 = pair[1].as_str().unwrap().parse().unwrap();
            assert_eq!(sip_hash([123, 456], pair[0].as_str().unwrap().as_bytes()), expected);
        }
    }

    #[test]
    fn ints_hash_as_their_decimal_text() {
        let spec = "[x]\nop = 'hash'\nbuckets = 1000";
        // FarmHash of "101", from the golden vectors.
        check_ids(spec, vec![("x", ints(&[Some(101), None]))], &[&[7_111_978_204_949_978_653 % 1000], &[]], 1000);
    }

    #[test]
    fn floats_are_refused() {
        check_error("[x]\nop = 'hash'\nbuckets = 3", vec![("x", floats(&[1.0]))], "needs text, tokens or whole numbers (int)");
    }
}
