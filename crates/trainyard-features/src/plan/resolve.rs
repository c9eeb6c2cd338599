//! From names to columns and features.

use super::Source;
use crate::error::{list, suggestion};
use crate::schema::Schema;
use crate::spec::{FeatureSpec, FeatureSpecs};
use crate::{Error, Result};
use std::collections::HashMap;

/// Finds what names stand for.
pub(super) struct Resolver<'a> {
    features: HashMap<&'a str, usize>,
    columns: HashMap<&'a str, usize>,
    schema: &'a Schema,
    specs: &'a FeatureSpecs,
}

impl<'a> Resolver<'a> {
    pub fn new(specs: &'a FeatureSpecs, schema: &'a Schema) -> Self {
        let features = specs.names().enumerate().map(|(i, name)| (name, i)).collect();
        let columns = schema.names().enumerate().map(|(i, name)| (name, i)).collect();
        Self { features, columns, schema, specs }
    }

    /// What a feature reads.
    pub fn sources(&self, feature: &str, spec: &FeatureSpec) -> Result<Vec<Source>> {
        let own = spec.op.operation().reads().map_err(|problem| Error::feature(feature, problem))?;
        if own.is_some() && !spec.inputs.is_empty() {
            return Err(Error::feature(feature, "needs no `input`: it reads the names in its expression"));
        }
        let names = match own {
            Some(names) => names,
            None if spec.inputs.is_empty() => vec![feature.to_string()],
            None => spec.inputs.clone(),
        };
        names.iter().map(|name| self.source(feature, name)).collect()
    }

    fn source(&self, feature: &str, name: &str) -> Result<Source> {
        let other = self.features.get(name).filter(|_| name != feature).map(|&i| Source::Feature(i));
        let column = || self.columns.get(name).map(|&i| Source::Column(i));
        other.or_else(column).ok_or_else(|| {
            let others = || self.specs.names().filter(|other| *other != feature);
            let nearest = suggestion(name, self.schema.names().chain(others()));
            let (columns, features) = (list(self.schema.names()), list(others()));
            let problem = format!(
                "reads `{name}`, which is neither a column nor another feature{nearest} (columns: {columns}; \
                 features: {features})"
            );
            Error::feature(feature, problem)
        })
    }
}
