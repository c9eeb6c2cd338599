//! One scan over the training rows: what it computes and what it fills.

use super::collector::Collector;
use super::joint::{Joint, JointNeeds};
use super::memory::Memory;
use super::quantiles::Refinement;
use super::state::State;
use super::survey::{Needs, Survey};
use crate::label::{Label, LabelSpec};
use crate::op::{Constants, Kernel};
use crate::pipeline::Pipeline;
use crate::plan::{Plan, Source};
use crate::schema::Schema;
use crate::spec::FeatureSpecs;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

const FORMAT: &str = "trainyard-round";

/// The version of [`Round::to_bytes`] that this program writes and reads.
const VERSION: u64 = 1;

/// A scan over the training rows that is to be made. Cloning it is cheap.
///
/// As bytes it travels to other processes, each of which collects a part of the rows and sends its
/// [`Collector`] back as bytes:
///
/// ```text
/// driver:   fitting.round() ── to_bytes ──────────────┐          ┌──> read ──> merge ──> absorb
/// process:                           Round::from_bytes └> collector ── update(batch) .. ── to_bytes
/// ```
#[derive(Debug, Clone)]
pub struct Round(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: Arc<Plan>,
    known: Known,
    pipeline: Pipeline,
    looks: Vec<Look>,
    joint_looks: Vec<JointLook>,
    label_slot: Option<usize>,
    fingerprint: OnceLock<[u8; 32]>,
}

/// What the rounds before have found.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// By feature, `None` before it is fitted.
    pub constants: Vec<Option<Arc<Constants>>>,
    /// The same.
    pub kernels: Vec<Option<Arc<Kernel>>>,
    /// `None` before it is fitted, and when there is none.
    pub label: Option<Label>,
}

/// A column or feature that is looked at: its place among all that must be found out, and the slot that holds its values.
#[derive(Debug)]
pub(super) struct Look {
    /// Place among [`Plan::needs`].
    pub target: usize,
    pub slot: usize,
    goal: Goal,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Goal {
    /// All that one scan can find.
    Survey,
    /// Quantiles, inside these bins.
    Refinement(Vec<u16>),
}

/// The inputs of a feature that are looked at together.
#[derive(Debug)]
pub(super) struct JointLook {
    /// Place among [`Plan::joint_needs`].
    pub target: usize,
    pub slots: Vec<usize>,
    pub feature: String,
    needs: JointNeeds,
}

/// What a round does, by place among [`Plan::needs`] and [`Plan::joint_needs`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Goals {
    pub single: Vec<(usize, Goal)>,
    pub joint: Vec<usize>,
}

impl Known {
    /// Nothing.
    pub fn new(plan: &Plan) -> Self {
        let n = plan.nodes.len();
        Self { constants: vec![None; n], kernels: vec![None; n], label: None }
    }

    /// Whether the values of a column or feature can be computed.
    pub fn is_ready(&self, source: Source) -> bool {
        match source {
            Source::Column(_) => true,
            Source::Feature(i) => self.kernels[i].is_some(),
        }
    }

    /// Adds the constants of a feature whose inputs are known.
    pub fn fit(&mut self, plan: &Plan, node: usize, constants: Arc<Constants>) -> Result<()> {
        self.kernels[node] = Some(Arc::new(plan.build(node, &constants, &self.kernels)?));
        self.constants[node] = Some(constants);
        Ok(())
    }
}

impl Round {
    pub(super) fn new(plan: Arc<Plan>, known: Known, goals: Goals) -> Result<Self> {
        let (needs, joint_needs) = (plan.needs(), plan.joint_needs());
        let wrong = || Error::exchange("it looks for something that its features do not need");
        let mut wanted = Vec::new();
        for (target, goal) in &goals.single {
            let (source, needs) = needs.get(*target).filter(|(_, needs)| goal.fits(needs)).ok_or_else(wrong)?;
            debug_assert!(!needs.is_empty());
            wanted.push(*source);
        }
        let joints: Vec<(usize, usize, JointNeeds)> = (goals.joint.iter())
            .map(|&target| joint_needs.get(target).map(|(node, needs)| (target, *node, *needs)).ok_or_else(wrong))
            .collect::<Result<_>>()?;
        wanted.extend(joints.iter().flat_map(|(_, node, _)| &plan.nodes[*node].sources));
        let reads_label = joints.iter().any(|(_, _, needs)| needs.reads_label());
        if reads_label && known.label.is_none() {
            return Err(wrong());
        }
        wanted.extend(reads_label.then_some(Source::Column(plan.n_inputs)));
        let (pipeline, slots) = Pipeline::new(&plan, &known.kernels, &wanted, reads_label)?;
        let label_slot = slots.last().copied().filter(|_| reads_label);
        let mut slots = slots.into_iter();
        let look = |((target, goal), slot)| Look { target, slot, goal };
        let looks = goals.single.into_iter().zip(&mut slots).map(look).collect();
        let joint_look = |(target, node, needs): (usize, usize, JointNeeds)| {
            let slots = slots.by_ref().take(plan.nodes[node].sources.len()).collect();
            JointLook { target, slots, feature: plan.nodes[node].name.clone(), needs }
        };
        let joint_looks = joints.into_iter().map(joint_look).collect();
        let fingerprint = OnceLock::new();
        Ok(Self(Arc::new(Inner { plan, known, pipeline, looks, joint_looks, label_slot, fingerprint })))
    }

    /// The names of the raw columns that the round reads.
    pub fn columns(&self) -> Vec<&str> {
        self.0.pipeline.columns().collect()
    }

    /// An empty collector, for one part of the rows, with the memory that is usual.
    pub fn collector(&self) -> Collector {
        self.collector_within(Memory::default())
    }

    /// An empty collector, for one part of the rows, with this memory.
    pub fn collector_within(&self, memory: Memory) -> Collector {
        Collector::new(Some(self.clone()), memory)
    }

    /// The round for another process: features, what is known of them, and what to look for. Equal rounds give equal bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when it cannot be written, which would be a bug.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let Inner { plan, known, looks, joint_looks, .. } = &*self.0;
        let names = plan.nodes.iter().map(|node| Cow::Borrowed(node.name.as_str()));
        let fitted = names
            .zip(&known.constants)
            .filter_map(|(name, constants)| constants.as_ref().map(|constants| (name, Cow::Borrowed(&**constants))));
        let document = Document {
            format: Cow::Borrowed(FORMAT),
            version: VERSION,
            columns: plan.schema(),
            features: Cow::Borrowed(&plan.specs),
            label: plan.label.clone(),
            weight: plan.weight.as_ref().map(|weight| weight.name.clone()),
            fitted: fitted.collect(),
            fitted_label: known.label.clone(),
            goals: Goals {
                single: looks.iter().map(|look| (look.target, look.goal.clone())).collect(),
                joint: joint_looks.iter().map(|look| look.target).collect(),
            },
        };
        serde_json::to_vec(&document).map_err(|error| Error::Internal(format!("a round cannot be written: {error}")))
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Exchange`] when it is of another program or damaged; the errors of [`Features::new`](crate::Features::new) when
    /// its features are wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Document::parse(bytes)?.round()
    }

    /// Reads what the collector of another process, or of this one, has found in the same round.
    ///
    /// # Errors
    ///
    /// [`Error::Exchange`] when the bytes are damaged, or of another round or program.
    pub fn read(&self, bytes: &[u8]) -> Result<Collector> {
        Collector::from_bytes(self, bytes)
    }

    /// SHA-256 of [`to_bytes`](Self::to_bytes).
    pub(super) fn fingerprint(&self) -> Result<[u8; 32]> {
        if let Some(fingerprint) = self.0.fingerprint.get() {
            return Ok(*fingerprint);
        }
        let fingerprint = Sha256::digest(self.to_bytes()?).into();
        Ok(*self.0.fingerprint.get_or_init(|| fingerprint))
    }

    /// Whether what one collects belongs to the other.
    pub(super) fn is_same(&self, other: &Self) -> Result<bool> {
        Ok(Arc::ptr_eq(&self.0, &other.0) || self.fingerprint()? == other.fingerprint()?)
    }

    pub(super) fn pipeline(&self) -> &Pipeline {
        &self.0.pipeline
    }

    pub(super) fn looks(&self) -> &[Look] {
        &self.0.looks
    }

    pub(super) fn joint_looks(&self) -> &[JointLook] {
        &self.0.joint_looks
    }

    /// The label and its slot, when something asks for it.
    pub(super) fn label(&self) -> Option<(&Label, usize)> {
        self.0.known.label.as_ref().zip(self.0.label_slot)
    }

    /// An empty state for each column or feature that is looked at.
    pub(super) fn states(&self) -> Vec<State> {
        let needs = self.0.plan.needs();
        self.0.looks.iter().map(|look| look.goal.state(&needs[look.target].1)).collect()
    }

    /// An empty state for each feature whose inputs are looked at together.
    pub(super) fn joints(&self) -> Vec<Joint> {
        let classes = self.0.known.label.as_ref().map_or(0, |label| label.classes().len());
        self.0.joint_looks.iter().map(|look| Joint::new(look.needs, classes)).collect()
    }
}

impl Goal {
    /// Whether a round may look for this: bins come from a file, and each takes memory.
    fn fits(&self, needs: &Needs) -> bool {
        match self {
            Self::Survey => true,
            Self::Refinement(bins) => bins.len() <= needs.quantiles.len() && bins.is_sorted_by(|a, b| a < b),
        }
    }

    fn state(&self, needs: &Needs) -> State {
        match self {
            Self::Survey => State::Survey(Box::new(Survey::new(needs))),
            Self::Refinement(bins) => State::Refinement(Refinement::new(bins.clone())),
        }
    }
}

/// A round as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    format: Cow<'a, str>,
    version: u64,
    columns: Schema,
    features: Cow<'a, FeatureSpecs>,
    label: Option<LabelSpec>,
    weight: Option<String>,
    /// Constants by feature, empty ones too: those that are not here are still to be fitted.
    fitted: BTreeMap<Cow<'a, str>, Cow<'a, Constants>>,
    fitted_label: Option<Label>,
    goals: Goals,
}

/// What can be read of a round of any version.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

impl Document<'_> {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let not_ours = |error: serde_json::Error| Error::exchange(format!("it is not a round of ours: {error}"));
        let header: Header = serde_json::from_slice(bytes).map_err(not_ours)?;
        if (header.format.as_str(), header.version) != (FORMAT, VERSION) {
            let Header { format, version } = header;
            return Err(Error::exchange(format!(
                "it is `{format}` of version {version}, expected `{FORMAT}` of version {VERSION}; use the same program everywhere"
            )));
        }
        serde_json::from_slice(bytes).map_err(not_ours)
    }

    fn round(self) -> Result<Round> {
        let plan = Plan::new(self.features.into_owned(), &self.columns, self.label, self.weight)?;
        if self.fitted_label.as_ref().is_some_and(|label| Some(label.spec()) != plan.label.as_ref()) {
            return Err(Error::exchange("its label is not that of its features"));
        }
        let mut known = Known { label: self.fitted_label, ..Known::new(&plan) };
        for (i, node) in plan.nodes.iter().enumerate() {
            if let Some(constants) = self.fitted.get(node.name.as_str()) {
                known.fit(&plan, i, Arc::new(constants.clone().into_owned()))?;
            }
        }
        Round::new(Arc::new(plan), known, self.goals)
    }
}
