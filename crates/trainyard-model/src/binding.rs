//! Which input of a graph is fed from where, and which rows of tables a batch names.

use crate::architecture::{LABELS, SCALE, WEIGHTS};
use crate::inputs::{IDS, NUMERIC};
use crate::{Error, Result};
use std::cell::RefCell;
use trainyard_features::{Batch, Encoding};
use trainyard_graph::op::InputKind;
use trainyard_graph::{Bags, Feeds, Graph, Lanes, NodeId, Ragged};
use trainyard_nn::{ParamShape, ParamSpec};
use trainyard_store::{Index, Keys};

/// Which input of a graph is fed from where.
#[derive(Debug, Clone)]
pub struct Binding {
    /// By slot of the graph.
    slots: Vec<Slot>,
    groups: Vec<Group>,
    n_tables: usize,
    encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Slot {
    Numeric,
    /// The categorical feature of this number.
    Ids(usize),
    Labels,
    Weights,
    Scale,
    /// The dense parameter of this number.
    Dense(usize),
    /// The table of this number.
    Rows(usize),
}

/// Features and tables that must number rows alike, since a feature reads several tables or a table serves several features.
#[derive(Debug, Clone, Default)]
struct Group {
    features: Vec<usize>,
    tables: Vec<usize>,
}

/// The rows that a batch names. Buffers are reused from batch to batch.
#[derive(Debug, Clone, Default)]
pub struct BatchKeys {
    /// The ids of each table's rows.
    pub keys: Keys,
    /// For each categorical feature, where the row of each of its ids stands among the keys.
    indices: Vec<Vec<u32>>,
    groups: Vec<GroupKeys>,
    ones: Vec<f32>,
}

/// The rows that a batch names in the tables of one group.
#[derive(Debug, Clone, Default)]
struct GroupKeys {
    unique: Vec<u64>,
    /// For each feature of the group.
    indices: Vec<Vec<u32>>,
}

/// A batch and parameters, as a program reads them.
#[derive(Debug)]
pub struct BatchFeeds<'a, D = Vec<f32>> {
    /// Says which input is what.
    pub binding: &'a Binding,
    /// Features, labels and weights.
    pub batch: &'a Batch,
    /// The rows the batch names.
    pub keys: &'a BatchKeys,
    /// Values of dense parameters.
    pub dense: &'a [D],
    /// The rows of each table, in the order of the keys.
    pub rows: &'a [Vec<f32>],
    /// What the sum of losses is multiplied with.
    pub scale: f32,
}

impl Binding {
    /// Finds out by the inputs' names what they are.
    ///
    /// # Errors
    ///
    /// When an input is neither a feature nor a parameter nor about labels.
    pub fn new(graph: &Graph, specs: &[ParamSpec], encoding: &Encoding) -> Result<Self> {
        let slots =
            graph.inputs().iter().map(|&node| slot(graph, node, specs, encoding)).collect::<Result<Vec<_>>>()?;
        let n_tables = specs.iter().filter(|spec| is_table(spec)).count();
        let groups = groups(graph, &slots);
        Ok(Self { slots, groups, n_tables, encoding: encoding.clone() })
    }

    /// Refuses a batch with other lists of ids than the graph reads. What else may be wrong with a batch, a run of the program finds.
    ///
    /// # Errors
    ///
    /// `Config`, which says what the batch has.
    pub fn check(&self, batch: &Batch) -> Result<()> {
        let rows = batch.ids.iter().map(Ragged::rows).find(|&rows| rows != batch.rows);
        let features = self.encoding.categorical.len();
        if batch.ids.len() == features && rows.is_none() {
            return Ok(());
        }
        let (lists, rows) = (batch.ids.len(), rows.unwrap_or(batch.rows));
        let problem = format!("a batch has {} rows with {lists} lists of ids of {rows} rows", batch.rows);
        Err(Error::config(problem, format!("the model reads {features} of {}", batch.rows)))
    }

    /// The error of a program that refused a batch. Where a number is not finite it names the feature, of which the program knows the place
    /// alone.
    pub fn explain(&self, batch: &Batch, error: trainyard_graph::Error) -> Error {
        self.not_finite(batch).unwrap_or_else(|| error.into())
    }

    fn not_finite(&self, batch: &Batch) -> Option<Error> {
        let (at, width) = (batch.numeric.iter().position(|x| !x.is_finite())?, self.encoding.numeric_width().max(1));
        let (row, column) = (at / width, at % width);
        let mut features = self.encoding.numeric.iter();
        let feature = features.find(|feature| (feature.offset..feature.offset + feature.width).contains(&column))?;
        let problem = format!("feature `{}` is {} in row {row} of a batch", feature.name, batch.numeric[at]);
        Some(Error::config(problem, "numbers must be finite: fill in what is missing, or leave the row out"))
    }

    /// Collects the rows of tables that a batch names, each once, in the order in which they appear.
    pub fn keys(&self, batch: &Batch, keys: &mut BatchKeys, lanes: &Lanes) {
        let BatchKeys { keys, indices, groups, ones } = keys;
        keys.tables.resize_with(self.n_tables, Vec::new);
        indices.resize_with(batch.ids.len(), Vec::new);
        ones.resize(ones.len().max(batch.rows), 1.0);
        groups.resize_with(self.groups.len(), GroupKeys::default);
        lanes.each(groups, |i, found| found.collect(&self.groups[i], batch));
        for (group, found) in self.groups.iter().zip(groups) {
            for (&feature, of_feature) in group.features.iter().zip(&mut found.indices) {
                std::mem::swap(&mut indices[feature], of_feature);
            }
            for &table in &group.tables {
                keys.tables[table].clone_from(&found.unique);
            }
        }
    }
}

impl GroupKeys {
    fn collect(&mut self, group: &Group, batch: &Batch) {
        // Apart from `self`: lanes that wrote to neighbours in memory would wait for each other.
        let (mut unique, mut all) = (std::mem::take(&mut self.unique), std::mem::take(&mut self.indices));
        unique.clear();
        all.resize_with(group.features.len(), Vec::new);
        INDEX.with_borrow_mut(|index| {
            index.clear();
            for (&feature, indices) in group.features.iter().zip(&mut all) {
                indices.clear();
                index.number(&batch.ids[feature].ids, &mut unique, indices);
            }
        });
        (self.unique, self.indices) = (unique, all);
    }
}

thread_local! {
    /// One for each lane, so that it stays in the lane's cache from feature to feature.
    static INDEX: RefCell<Index> = RefCell::new(Index::with_capacity(512));
}

fn is_table(spec: &ParamSpec) -> bool {
    matches!(spec.shape, ParamShape::Table { .. })
}

fn slot(graph: &Graph, node: NodeId, specs: &[ParamSpec], encoding: &Encoding) -> Result<Slot> {
    let input = graph.input_of(node).ok_or_else(|| Error::Internal("an input that is none".to_owned()))?;
    let place = |table: bool| {
        let of_kind = || specs.iter().filter(|spec| is_table(spec) == table);
        let position = of_kind().position(|spec| spec.name == input.name)?;
        let fits = of_kind().nth(position).is_some_and(|spec| spec.shape.len() == input.shape.row_len());
        fits.then_some(position)
    };
    let feature = |name: &str| encoding.categorical.iter().position(|feature| feature.name == name);
    let found = match (input.kind, input.name.as_str()) {
        (InputKind::Param, _) => place(false).map(Slot::Dense),
        (InputKind::Table, _) => place(true).map(Slot::Rows),
        (InputKind::Ids, name) => name.strip_prefix(IDS).and_then(feature).map(Slot::Ids),
        (InputKind::Data, NUMERIC) => (input.shape.row_len() == encoding.numeric_width()).then_some(Slot::Numeric),
        (InputKind::Data, LABELS) => Some(Slot::Labels),
        (InputKind::Data, WEIGHTS) => Some(Slot::Weights),
        (InputKind::Data, SCALE) => Some(Slot::Scale),
        (InputKind::Data, _) => None,
    };
    found.ok_or_else(|| {
        Error::config(
            format!("the model's input `{}` of shape {} is neither a feature nor a parameter", input.name, input.shape),
            "read features through `Inputs`, and ask the network for parameters",
        )
    })
}

/// Features and tables that meet in a bag, directly or through others.
fn groups(graph: &Graph, slots: &[Slot]) -> Vec<Group> {
    let slot_of = |node: NodeId| graph.inputs().iter().position(|&input| input == node).map(|i| slots[i]);
    let mut groups: Vec<Group> = Vec::new();
    for (_, node) in graph.nodes().filter(|(_, node)| node.op.looks_up()) {
        let (Some(Slot::Rows(table)), Some(Slot::Ids(feature))) = (slot_of(node.inputs[0]), slot_of(node.inputs[1]))
        else {
            continue;
        };
        let (met, mut apart): (Vec<Group>, Vec<Group>) =
            groups.into_iter().partition(|group| group.tables.contains(&table) || group.features.contains(&feature));
        let mut joined = Group { features: vec![feature], tables: vec![table] };
        met.into_iter().for_each(|group| {
            joined.features.extend(group.features);
            joined.tables.extend(group.tables);
        });
        joined.features.sort_unstable();
        joined.features.dedup();
        joined.tables.sort_unstable();
        joined.tables.dedup();
        apart.push(joined);
        groups = apart;
    }
    groups
}

impl<D: AsRef<[f32]> + Sync> Feeds for BatchFeeds<'_, D> {
    fn rows(&self) -> usize {
        self.batch.rows
    }

    fn floats(&self, slot: usize) -> &[f32] {
        match self.binding.slots[slot] {
            Slot::Numeric => &self.batch.numeric,
            Slot::Labels => &self.batch.labels,
            Slot::Weights if self.batch.weights.is_empty() => &self.keys.ones[..self.batch.rows],
            Slot::Weights => &self.batch.weights,
            Slot::Scale => std::slice::from_ref(&self.scale),
            Slot::Dense(param) => self.dense[param].as_ref(),
            Slot::Rows(table) => &self.rows[table],
            Slot::Ids(_) => &[],
        }
    }

    fn bags(&self, slot: usize) -> Bags<'_> {
        let Slot::Ids(feature) = self.binding.slots[slot] else { return Bags::default() };
        let ids = &self.batch.ids[feature];
        Bags { offsets: &ids.offsets, indices: &self.keys.indices[feature], weights: ids.weights.as_deref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, ModelConfig, Regression, WideDeep};
    use trainyard_features::{CategoricalFeature, NumericFeature};
    use trainyard_nn::Loss;

    fn encoding() -> Encoding {
        let categorical = |name: &str| CategoricalFeature::new(name, 10);
        Encoding {
            numeric: vec![NumericFeature { name: "x".to_owned(), width: 2, offset: 0 }],
            categorical: vec![categorical("a"), categorical("b")],
        }
    }

    #[test]
    fn tables_of_one_feature_share_keys_and_those_of_others_do_not() {
        let model = ModelConfig::WideDeep(WideDeep::default());
        let built = Architecture::new(&model, &Regression::new(Loss::SquaredError), &encoding()).unwrap();
        let binding = Binding::new(&built.graph, &built.specs, &encoding()).unwrap();
        let mut batch = Batch { rows: 3, numeric: vec![0.0; 6], ..Batch::default() };
        batch.ids = vec![Ragged::from_single(vec![7, 3, 7]), Ragged::from_single(vec![1, 1, 1])];
        let mut keys = BatchKeys::default();
        for _ in 0..2 {
            binding.keys(&batch, &mut keys, &Lanes::new(2));
            let names = built.specs.iter().filter(|spec| is_table(spec)).map(|spec| spec.name.as_str());
            let by_name: Vec<(&str, &[u64])> = names.zip(keys.keys.tables.iter().map(Vec::as_slice)).collect();
            assert_eq!(by_name.len(), 4);
            for (name, ids) in by_name {
                let expected: &[u64] = if name.contains("/a/") { &[7, 3] } else { &[1] };
                assert_eq!(ids, expected, "{name}");
            }
            assert_eq!(keys.indices, [vec![0, 1, 0], vec![0, 0, 0]]);
        }
    }
}
