//! How an activation function is written: by its name, or as a table of its settings under that name.

use super::Activation;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Serialize, Serializer};
use std::{collections::BTreeMap, fmt};

impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

/// Reads either form; a bare name takes all defaults.
struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = Activation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an activation function, or a table of settings under that name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Activation, E> {
        let bare: Result<Activation, E> = Activation::deserialize(name.into_deserializer());
        bare.or_else(|_| {
            let defaults = BTreeMap::from([(name, BTreeMap::<&str, f32>::new())]);
            self.visit_map(defaults.into_deserializer())
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Activation, A::Error> {
        Activation::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Activation) {
        let read: Activation = serde_json::from_str(text).unwrap();
        assert_eq!(read, expected);
        assert_eq!(serde_json::from_str::<Activation>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
    }

    #[test]
    fn a_name_is_enough() {
        check(r#""relu""#, Activation::Relu);
        check(r#""gelu_tanh""#, Activation::GeluTanh);
        check(r#""swish""#, Activation::Silu);
        check(r#""leaky_relu""#, Activation::LeakyRelu { slope: Activation::LEAK });
    }

    #[test]
    fn a_table_has_the_settings() {
        check(r#"{"leaky_relu": {"slope": 0.2}}"#, Activation::LeakyRelu { slope: 0.2 });
        check(r#"{"leaky_relu": {}}"#, Activation::LeakyRelu { slope: Activation::LEAK });
    }

    #[test]
    fn an_unknown_name_or_setting_lists_the_known_ones() {
        let error = serde_json::from_str::<Activation>(r#""rleu""#).unwrap_err().to_string();
        assert!(error.contains("unknown variant `rleu`") && error.contains("`leaky_relu`"), "{error}");
        let error = serde_json::from_str::<Activation>(r#"{"leaky_relu": {"leak": 1.0}}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `leak`") && error.contains("`slope`"), "{error}");
    }
}
