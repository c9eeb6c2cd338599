//! What a model is built from: a network under construction, and features to read.

use crate::error::listed;
use crate::{Error, Result};
use std::collections::BTreeMap;
use trainyard_features::{CategoricalFeature, Encoding, NumericFeature};
use trainyard_graph::{Dim, NodeId};
use trainyard_nn::Network;

/// Name of the input that holds all numeric features.
pub(crate) const NUMERIC: &str = "numeric";
/// Leads the names of the inputs that hold a categorical feature's ids.
pub(crate) const IDS: &str = "ids/";

/// A network under construction, and the features that it may read.
///
/// A feature becomes an input of the graph when a model asks for it, so a model that leaves features out does not read them.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The network to add layers to.
    pub network: Network,
    encoding: &'a Encoding,
    numeric: Option<NodeId>,
    ids: BTreeMap<String, NodeId>,
}

impl<'a> Inputs<'a> {
    pub(crate) fn new(encoding: &'a Encoding) -> Self {
        Self { network: Network::new(), encoding, numeric: None, ids: BTreeMap::new() }
    }

    /// The features there are.
    pub fn encoding(&self) -> &'a Encoding {
        self.encoding
    }

    /// All numeric features side by side, `[batch, width]`; `None` when there are none.
    ///
    /// # Errors
    ///
    /// When the graph refuses.
    pub fn numeric(&mut self) -> Result<Option<NodeId>> {
        let width = self.encoding.numeric_width();
        if self.numeric.is_none() && width > 0 {
            self.numeric = Some(self.network.graph.input(NUMERIC, &[Dim::Batch, Dim::Fixed(width)])?);
        }
        Ok(self.numeric)
    }

    /// The numeric features of these names side by side, in this order; `None` for no names.
    ///
    /// # Errors
    ///
    /// When there is no such numeric feature.
    pub fn numeric_features(&mut self, names: &[&str]) -> Result<Option<NodeId>> {
        if names.iter().copied().eq(self.encoding.numeric.iter().map(|feature| feature.name.as_str())) {
            return self.numeric();
        }
        let parts = names.iter().map(|name| self.numeric_feature(name)).collect::<Result<Vec<_>>>()?;
        if parts.is_empty() { Ok(None) } else { Ok(Some(self.network.graph.concat(&parts)?)) }
    }

    /// The ids of a categorical feature.
    ///
    /// # Errors
    ///
    /// When there is no such categorical feature.
    pub fn ids(&mut self, name: &str) -> Result<NodeId> {
        if let Some(&node) = self.ids.get(name) {
            return Ok(node);
        }
        if !self.encoding.categorical.iter().any(|feature| feature.name == name) {
            return Err(unknown("categorical", name, self.encoding.categorical.iter().map(|f| f.name.as_str())));
        }
        let node = self.network.graph.ids(&format!("{IDS}{name}"))?;
        self.ids.insert(name.to_owned(), node);
        Ok(node)
    }

    fn numeric_feature(&mut self, name: &str) -> Result<NodeId> {
        let found = self.encoding.numeric.iter().find(|feature| feature.name == name);
        let (Some(NumericFeature { offset, width, .. }), Some(all)) = (found, self.numeric()?) else {
            return Err(unknown("numeric", name, self.encoding.numeric.iter().map(|f| f.name.as_str())));
        };
        Ok(self.network.graph.slice(all, *offset, *width)?)
    }
}

/// Numeric and categorical features that one part of a model reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selection<'a> {
    pub(crate) numeric: Vec<&'a str>,
    pub(crate) categorical: Vec<&'a CategoricalFeature>,
}

impl<'a> Selection<'a> {
    /// The features of these names; all when there is no list.
    pub(crate) fn of(encoding: &'a Encoding, names: Option<&'a [String]>) -> Result<Self> {
        let all = encoding.numeric.iter().map(|f| f.name.as_str());
        let Some(names) = names else {
            return Ok(Self { numeric: all.collect(), categorical: encoding.categorical.iter().collect() });
        };
        let mut selection = Self { numeric: Vec::new(), categorical: Vec::new() };
        for name in names {
            let categorical = encoding.categorical.iter().find(|feature| feature.name == *name);
            match categorical {
                Some(feature) => selection.categorical.push(feature),
                None if encoding.numeric.iter().any(|f| f.name == *name) => selection.numeric.push(name),
                None => {
                    let categorical = encoding.categorical.iter().map(|f| f.name.as_str());
                    return Err(unknown("encoded", name, all.chain(categorical)));
                }
            }
        }
        Ok(selection)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.numeric.is_empty() && self.categorical.is_empty()
    }
}

/// The error of a feature that a model reads and that is not there.
pub(crate) fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    Error::config(
        format!("the model reads feature `{name}`, which is no {kind} feature"),
        format!("the {kind} features are {}", listed(known)),
    )
}
