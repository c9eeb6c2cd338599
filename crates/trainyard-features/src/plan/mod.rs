//! Features put together: names resolved, kinds checked, order found.

mod order;
mod resolve;
mod share;

use crate::error::{list, suggestion};
use crate::fit::{JointNeeds, Needs};
use crate::label::{LabelSpec, LabelTask};
use crate::op::{Constants, FeatureOp, Input, Kernel, Kind};
use crate::schema::{ColumnType, Field, Schema};
use crate::spec::{FeatureSpec, FeatureSpecs};
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Features that are checked against a schema and ordered.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The raw columns that features read, in the order of the schema, then that of the label.
    pub columns: Vec<Field>,
    /// How many of the columns features read.
    pub n_inputs: usize,
    /// The features that reach the model, directly or through others, each after those that it reads.
    pub nodes: Vec<Node>,
    /// The nodes that the model sees, in the order in which they were written.
    pub encoded: Vec<usize>,
    /// The specs of the nodes, in the order in which they were written.
    pub specs: FeatureSpecs,
    pub label: Option<LabelSpec>,
    pub weight: Option<Field>,
}

/// A feature that reaches the model.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub name: String,
    pub op: FeatureOp,
    pub sources: Vec<Source>,
    pub kind: Kind,
    /// The table of embeddings that it shares with others.
    pub table: Option<String>,
}

/// Where values come from: a raw column or a feature, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Column(usize),
    Feature(usize),
}

impl Plan {
    /// Puts features together; see [`crate::Features::new`].
    pub fn new(specs: FeatureSpecs, schema: &Schema, label: Option<LabelSpec>, weight: Option<String>) -> Result<Self> {
        check_names(schema)?;
        let resolver = resolve::Resolver::new(&specs, schema);
        let sources = specs.iter().map(|(name, spec)| resolver.sources(name, spec)).collect::<Result<Vec<_>>>()?;
        let order = order::order(&specs, &sources)?;
        let kinds = kinds(&specs, schema, &sources, &order)?;
        let tables = share::tables(&specs, &sources, &order, &kinds)?;
        share::check_fitted_together(&specs, &tables, |i| {
            sources[i].first().map(|&source| kind(schema, &kinds, source))
        })?;

        let read: HashSet<Source> = sources.iter().flatten().copied().collect();
        let encoded: Vec<usize> = (specs.iter().enumerate())
            .filter(|(i, (_, spec))| spec.output.unwrap_or(!read.contains(&Source::Feature(*i))))
            .map(|(i, _)| i)
            .collect();
        if encoded.is_empty() {
            return Err(Error::spec("no feature reaches the model; add a table `[features.NAME]` with an `op`"));
        }
        check_encoded(&specs, &kinds, &encoded)?;
        let weight = weight.map(|name| weight_field(schema, &name)).transpose()?;
        let label_field = label.as_ref().map(|label| label.field(schema)).transpose()?;
        let graph = Graph { specs: &specs, schema, sources, order, kinds, tables, encoded };
        let mut plan = graph.prune();
        if let Some(field) = label_field {
            plan.check_no_leak(&field.name)?;
            plan.columns.push(field);
        }
        plan.check_label_is_there(label.as_ref())?;
        Ok(Self { label, weight, ..plan })
    }

    /// The raw columns that features read.
    pub fn inputs(&self) -> &[Field] {
        &self.columns[..self.n_inputs]
    }

    /// The columns of features, label and weight: with the specs they make the same plan.
    pub fn schema(&self) -> Schema {
        let mut fields = self.columns.clone();
        let is_other = |weight: &&Field| fields.iter().all(|field| field.name != weight.name);
        let weight = self.weight.as_ref().filter(is_other).cloned();
        fields.extend(weight);
        Schema { fields }
    }

    /// What fitting must find out about each column and feature that some operation, the label or the statistics ask about.
    pub fn needs(&self) -> Vec<(Source, Needs)> {
        let column = |(i, field): (usize, &Field)| (Source::Column(i), Needs::statistics(field.column_type.into()));
        let mut all: Vec<(Source, Needs)> = self.columns.iter().enumerate().map(column).collect();
        if let (Some(label), Some((_, needs))) = (&self.label, all.get_mut(self.n_inputs)) {
            needs.merge(label.needs());
        }
        for node in &self.nodes {
            let needs = node.op.operation().needs();
            let Some(&source) = node.sources.first().filter(|_| !needs.is_empty()) else { continue };
            match all.iter_mut().find(|(other, _)| *other == source) {
                Some((_, mine)) => mine.merge(needs),
                None => all.push((source, needs)),
            }
        }
        all
    }

    /// The nodes that ask for all of their inputs together, and what for.
    pub fn joint_needs(&self) -> Vec<(usize, JointNeeds)> {
        let needs = |node: &Node| node.op.operation().joint_needs(node.sources.len());
        self.nodes.iter().enumerate().filter_map(|(i, node)| Some((i, needs(node)?))).collect()
    }

    /// The nodes that are fitted as one with a node, itself among them, in order.
    pub fn fitted_together(&self, node: usize) -> Vec<usize> {
        let is_one = |node: &Node| node.table.is_some() && node.op.operation().is_fitted_together();
        let of = &self.nodes[node];
        if !is_one(of) {
            return vec![node];
        }
        (0..self.nodes.len()).filter(|&i| is_one(&self.nodes[i]) && self.nodes[i].table == of.table).collect()
    }

    /// Builds the kernel of a node, given those of the nodes before it.
    pub fn build(&self, node: usize, constants: &Constants, kernels: &[Option<Arc<Kernel>>]) -> Result<Kernel> {
        let inputs = self.inputs_of(node, kernels)?;
        let node = &self.nodes[node];
        node.op.operation().build(constants, &inputs).map_err(|problem| Error::feature(&node.name, problem))
    }

    /// What a node reads, given the kernels of the nodes before it.
    pub fn inputs_of(&self, node: usize, kernels: &[Option<Arc<Kernel>>]) -> Result<Vec<Input>> {
        let node = &self.nodes[node];
        let size = |source: Source| match source {
            Source::Column(_) => Some(1),
            Source::Feature(i) => kernels.get(i)?.as_ref().map(|kernel| kernel.size),
        };
        let inputs: Option<Vec<Input>> =
            (node.sources.iter()).map(|&source| Some(Input { size: size(source)?, ..self.input(source) })).collect();
        inputs.ok_or_else(|| Error::Internal(format!("feature `{}` comes before its inputs", node.name)))
    }

    fn input(&self, source: Source) -> Input {
        match source {
            Source::Column(i) => column_input(&self.columns[i]),
            Source::Feature(i) => feature_input(&self.nodes[i].name, self.nodes[i].kind),
        }
    }

    fn check_label_is_there(&self, label: Option<&LabelSpec>) -> Result<()> {
        let task = label.map(|label| label.task);
        for (node, needs) in self.joint_needs().into_iter().filter(|(_, needs)| needs.reads_label()) {
            let problem = match (needs, task) {
                (JointNeeds::ValuesByClass, Some(LabelTask::Binary | LabelTask::Multiclass)) => continue,
                (JointNeeds::ValuesByClass, Some(LabelTask::Regression)) => {
                    "ranks values by what they say about the class, but the label is a number; use `order = \"frequency\"`"
                }
                (JointNeeds::ValuesByClass, None) => {
                    "ranks values by what they say about the label, but there is none; name one in `[data]`"
                }
                (_, Some(LabelTask::Regression | LabelTask::Binary)) => continue,
                (_, Some(LabelTask::Multiclass)) => {
                    "takes the mean of the label, which has several classes; use `vocabulary`"
                }
                (_, None) => "takes the mean of the label, but there is none; name one in `[data]`",
            };
            return Err(Error::feature(&self.nodes[node].name, problem));
        }
        Ok(())
    }

    fn check_no_leak(&self, label: &str) -> Result<()> {
        let Some(column) = self.inputs().iter().position(|field| field.name == label) else { return Ok(()) };
        let reads = |node: &&Node| node.sources.contains(&Source::Column(column));
        let name = self.nodes.iter().find(reads).map(|node| node.name.as_str()).unwrap_or_default();
        let problem = format!("reads column `{label}`, which is the label; a model must not see its answer");
        Err(Error::feature(name, problem))
    }
}

/// All features of a spec, resolved and checked.
struct Graph<'a> {
    specs: &'a FeatureSpecs,
    schema: &'a Schema,
    sources: Vec<Vec<Source>>,
    order: Vec<usize>,
    kinds: Vec<Kind>,
    tables: Vec<Option<String>>,
    encoded: Vec<usize>,
}

impl Graph<'_> {
    /// Keeps what reaches the model.
    fn prune(self) -> Plan {
        let mut live: HashSet<Source> = self.encoded.iter().map(|&i| Source::Feature(i)).collect();
        for &i in self.order.iter().rev() {
            if live.contains(&Source::Feature(i)) {
                live.extend(&self.sources[i]);
            }
        }
        let columns: Vec<usize> =
            (0..self.schema.fields.len()).filter(|&i| live.contains(&Source::Column(i))).collect();
        let order: Vec<usize> = self.order.iter().copied().filter(|&i| live.contains(&Source::Feature(i))).collect();
        let new_column: HashMap<usize, usize> = columns.iter().enumerate().map(|(new, &old)| (old, new)).collect();
        let new_node: HashMap<usize, usize> = order.iter().enumerate().map(|(new, &old)| (old, new)).collect();
        let renumber = |source: &Source| match source {
            Source::Column(old) => Source::Column(new_column[old]),
            Source::Feature(old) => Source::Feature(new_node[old]),
        };
        let specs: Vec<(&str, &FeatureSpec)> = self.specs.iter().collect();
        let node = |&i: &usize| Node {
            name: specs[i].0.to_string(),
            op: specs[i].1.op.clone(),
            sources: self.sources[i].iter().map(renumber).collect(),
            kind: self.kinds[i],
            table: self.tables[i].clone(),
        };
        Plan {
            columns: columns.iter().map(|&i| self.schema.fields[i].clone()).collect(),
            n_inputs: columns.len(),
            nodes: order.iter().map(node).collect(),
            encoded: self.encoded.iter().map(|old| new_node[old]).collect(),
            specs: self.specs.keep(|i| live.contains(&Source::Feature(i))),
            label: None,
            weight: None,
        }
    }
}

/// The kinds of all features.
fn kinds(specs: &FeatureSpecs, schema: &Schema, sources: &[Vec<Source>], order: &[usize]) -> Result<Vec<Kind>> {
    let specs: Vec<(&str, &FeatureSpec)> = specs.iter().collect();
    let mut kinds = vec![Kind::Number; specs.len()];
    for &i in order {
        let input = |source: &Source| match source {
            Source::Column(column) => column_input(&schema.fields[*column]),
            Source::Feature(read) => feature_input(specs[*read].0, kinds[*read]),
        };
        let inputs: Vec<Input> = sources[i].iter().map(input).collect();
        let (name, spec) = specs[i];
        kinds[i] = spec.op.operation().check(&inputs).map_err(|problem| Error::feature(name, problem))?;
    }
    Ok(kinds)
}

fn kind(schema: &Schema, kinds: &[Kind], source: Source) -> Kind {
    match source {
        Source::Column(i) => schema.fields[i].column_type.into(),
        Source::Feature(i) => kinds[i],
    }
}

fn column_input(field: &Field) -> Input {
    Input { name: field.name.clone(), is_column: true, kind: field.column_type.into(), size: 1 }
}

fn feature_input(name: &str, kind: Kind) -> Input {
    Input { name: name.to_string(), is_column: false, kind, size: 0 }
}

fn check_names(schema: &Schema) -> Result<()> {
    let mut seen = HashSet::new();
    match schema.names().find(|name| !seen.insert(*name)) {
        Some(name) => Err(Error::column(name, "is there twice; rename one of the two")),
        None => Ok(()),
    }
}

/// Checks that a model can read what reaches it.
fn check_encoded(specs: &FeatureSpecs, kinds: &[Kind], encoded: &[usize]) -> Result<()> {
    let name = |i: usize| specs.names().nth(i).unwrap_or_default();
    match encoded.iter().find(|&&i| kinds[i] == Kind::Tokens) {
        Some(&i) => {
            let problem = "makes lists of text, which no model reads; make ids of them with `vocabulary` or `hash`";
            Err(Error::feature(name(i), problem))
        }
        None => Ok(()),
    }
}

fn weight_field(schema: &Schema, name: &str) -> Result<Field> {
    let field = schema.get(name).ok_or_else(|| {
        let nearest = suggestion(name, schema.names());
        let columns = list(schema.names());
        Error::spec(format!("the weight column `{name}` is not in the data{nearest} (columns: {columns})"))
    })?;
    if matches!(field.column_type, ColumnType::Text | ColumnType::Time) {
        let found = field.column_type;
        return Err(Error::spec(format!(
            "the weight column `{name}` is {found}; expected numbers that are at least 0"
        )));
    }
    Ok(field.clone())
}
