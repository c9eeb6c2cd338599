//! Enums that a user writes as a bare name or as a table: `optimizer = "adam"`, or `[optimizer.adam]` with settings.

use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use std::{collections::BTreeMap, fmt, marker::PhantomData};

/// An enum whose derived form is externally tagged.
pub(crate) trait Tagged: Sized {
    /// The derived deserialization.
    fn tagged<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Derived by `#[serde(remote = "Self")]`, serialization stays as it is, and deserialization takes a bare name for a
/// variant with all defaults.
macro_rules! name_or_table {
    ($name:ident) => {
        impl $crate::named::Tagged for $name {
            fn tagged<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize(deserializer)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::named::NameOrTable::default())
            }
        }
    };
}
pub(crate) use name_or_table;

/// Reads either form.
pub(crate) struct NameOrTable<T>(PhantomData<T>);

impl<T> Default for NameOrTable<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Tagged> Visitor<'de> for NameOrTable<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or a table of settings under that name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        let bare: Result<T, E> = T::tagged(name.into_deserializer());
        bare.or_else(|_| {
            let defaults = BTreeMap::from([(name, BTreeMap::<&str, f32>::new())]);
            self.visit_map(defaults.into_deserializer())
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::tagged(MapAccessDeserializer::new(map))
    }
}
