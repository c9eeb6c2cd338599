//! Rounds of scans.

use super::joint::{Joint, JointNeeds};
use super::quantiles::Refinement;
use super::survey::{Findings, Needs, Survey};
use crate::artifact::Document;
use crate::column::Column;
use crate::fitted::FittedFeatures;
use crate::label::Label;
use crate::op::{Args, Checked, Constants, Kernel};
use crate::pipeline::{Made, Pass, Pipeline};
use crate::plan::{Plan, Source};
use crate::schema::Schema;
use crate::statistics::ColumnStatistics;
use crate::{Error, Result};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// Features being fitted.
///
/// Each round sees all training rows once, in any order, cut into any partitions, each with a [`Collector`] of its own. One
/// round serves all features whose inputs are ready, however many; features on top of fitted ones take a further round, and
/// so do quantiles that one scan leaves open. The result is the same, byte for byte, for any order and partition.
///
/// ```text
/// while !fitting.finished():   collector per partition ── update(batch) .. ──> merge ──> absorb
/// ```
#[derive(Debug, Clone)]
pub struct Fitting {
    plan: Plan,
    constants: Vec<Option<Constants>>,
    kernels: Vec<Option<Arc<Kernel>>>,
    targets: Vec<Target>,
    joints: Vec<JointTarget>,
    label: Option<Label>,
    round: Option<Arc<Round>>,
}

/// A column or feature about which something must be found out.
#[derive(Debug, Clone)]
struct Target {
    source: Source,
    needs: Needs,
    progress: Progress,
}

#[derive(Debug, Clone)]
enum Progress {
    Unseen,
    Surveyed(Survey, Vec<u16>),
    Done(Survey, Option<Refinement>),
}

impl Target {
    fn findings(&self) -> Option<Findings<'_>> {
        match &self.progress {
            Progress::Done(survey, refinement) => Some(Findings { survey, refinement: refinement.as_ref() }),
            _ => None,
        }
    }

    /// The state that the next scan fills; `None` when there is nothing left to find.
    fn next_state(&self) -> Option<State> {
        match &self.progress {
            Progress::Unseen => Some(State::Survey(Box::new(Survey::new(&self.needs)))),
            Progress::Surveyed(_, bins) => Some(State::Refinement(Refinement::new(bins.clone()))),
            Progress::Done(..) => None,
        }
    }

    fn absorb(&mut self, state: State) -> Result<()> {
        let progress = std::mem::replace(&mut self.progress, Progress::Unseen);
        self.progress = match (progress, state) {
            (Progress::Unseen, State::Survey(survey)) => {
                let bins = survey.unresolved(&self.needs.quantiles);
                if bins.is_empty() { Progress::Done(*survey, None) } else { Progress::Surveyed(*survey, bins) }
            }
            (Progress::Surveyed(survey, _), State::Refinement(refinement)) => Progress::Done(survey, Some(refinement)),
            _ => return Err(Error::Internal("a collector of another round was absorbed".to_string())),
        };
        Ok(())
    }
}

/// A feature about whose inputs together something must be found out.
#[derive(Debug, Clone)]
struct JointTarget {
    node: usize,
    needs: JointNeeds,
    found: Option<Joint>,
}

/// What a scan does: computes columns and features, and fills a state from some of them.
#[derive(Debug)]
struct Round {
    pipeline: Pipeline,
    /// By target looked at: the slot that holds its values, its place among all targets, and an empty state.
    looks: Vec<Look>,
    /// The same by feature whose inputs are looked at together.
    joint_looks: Vec<JointLook>,
    /// The label and its slot, when one of these asks for it.
    label: Option<(Label, usize)>,
}

#[derive(Debug)]
struct Look {
    slot: usize,
    target: usize,
    state: State,
}

#[derive(Debug)]
struct JointLook {
    slots: Vec<usize>,
    target: usize,
    feature: String,
    joint: Joint,
}

impl Round {
    /// The round that fills these states, each of a target.
    fn new(fitting: &Fitting, open: Vec<(usize, State)>, joint: Vec<usize>) -> Result<Self> {
        let (plan, targets) = (&fitting.plan, joint.iter().map(|&target| &fitting.joints[target]));
        let reads_label = targets.clone().any(|target| target.needs.reads_label());
        let mut wanted: Vec<Source> = open.iter().map(|(target, _)| fitting.targets[*target].source).collect();
        wanted.extend(targets.clone().flat_map(|target| &plan.nodes[target.node].sources));
        wanted.extend(reads_label.then_some(Source::Column(plan.n_inputs)));
        let (pipeline, slots) = Pipeline::new(plan, &fitting.kernels, &wanted, reads_label)?;
        let (label, mut slots) = (fitting.label.clone().zip(slots.last().copied()), slots.into_iter());
        let looks = open.into_iter().zip(&mut slots).map(|((target, state), slot)| Look { slot, target, state });
        let looks = looks.collect();
        let joint_look = |target: usize| {
            let JointTarget { node, needs, .. } = fitting.joints[target];
            let slots = slots.by_ref().take(plan.nodes[node].sources.len()).collect();
            JointLook { slots, target, feature: plan.nodes[node].name.clone(), joint: Joint::new(needs) }
        };
        let joint_looks = joint.into_iter().map(joint_look).collect();
        Ok(Self { pipeline, looks, joint_looks, label: label.filter(|_| reads_label) })
    }
}

impl JointLook {
    fn update(&self, joint: &mut Joint, made: &Made, labels: &[f32], rows: usize) -> Result<()> {
        let args = Args { columns: &made.columns, inputs: &self.slots, rows, row_hashes: &made.row_hashes };
        joint.update(args, labels).map_err(|problem| Error::feature(&self.feature, problem))
    }
}

/// What a scan has found about one target.
#[derive(Debug, Clone)]
enum State {
    Survey(Box<Survey>),
    Refinement(Refinement),
}

impl State {
    fn update(&mut self, column: &Column) {
        match self {
            Self::Survey(survey) => survey.update(column),
            Self::Refinement(refinement) => {
                if let Some(values) = column.as_f32() {
                    refinement.update(&values);
                }
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Survey(mine), Self::Survey(theirs)) => mine.merge(theirs),
            (Self::Refinement(mine), Self::Refinement(theirs)) => mine.merge(theirs),
            _ => {}
        }
    }
}

/// What one partition of the rows has shown in one round.
#[derive(Debug, Clone)]
pub struct Collector {
    round: Option<Arc<Round>>,
    rows: u64,
    states: Vec<State>,
    joints: Vec<Joint>,
}

impl Collector {
    /// Adds rows.
    ///
    /// # Errors
    ///
    /// [`Error::Column`] when a column is absent or of another type; [`Error::Feature`] when a feature cannot take a value.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        if let Some(round) = &self.round {
            let made = round.pipeline.run(batch, Pass::Training)?;
            for (state, look) in self.states.iter_mut().zip(&round.looks) {
                state.update(&made.columns[look.slot]);
            }
            let labels = round.label.as_ref().map(|(label, slot)| label.encode(&made.columns[*slot]));
            let labels = labels.transpose()?.unwrap_or_default();
            for (joint, look) in self.joints.iter_mut().zip(&round.joint_looks) {
                look.update(joint, &made, &labels, batch.num_rows())?;
            }
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Adds the rows that another collector of the same round has seen.
    pub fn merge(&mut self, other: Self) {
        self.states.iter_mut().zip(&other.states).for_each(|(mine, theirs)| mine.merge(theirs));
        self.joints.iter_mut().zip(&other.joints).for_each(|(mine, theirs)| mine.merge(theirs));
        self.rows += other.rows;
    }
}

impl Fitting {
    pub(crate) fn new(plan: Plan) -> Result<Self> {
        let target = |(source, needs)| Target { source, needs, progress: Progress::Unseen };
        let targets = plan.needs().into_iter().map(target).collect();
        let joint = |(node, needs)| JointTarget { node, needs, found: None };
        let joints = plan.joint_needs().into_iter().map(joint).collect();
        let n = plan.nodes.len();
        let (constants, kernels) = (vec![None; n], vec![None; n]);
        let mut fitting = Self { plan, constants, kernels, targets, joints, label: None, round: None };
        fitting.advance()?;
        Ok(fitting)
    }

    /// Whether no further round is needed.
    pub fn finished(&self) -> bool {
        self.round.is_none()
    }

    /// The names of the raw columns that this round reads; empty when finished.
    pub fn columns(&self) -> Vec<&str> {
        self.round.iter().flat_map(|round| round.pipeline.columns()).collect()
    }

    /// An empty collector, for one partition of this round. When fitting is finished it collects nothing.
    pub fn collector(&self) -> Collector {
        let looks = self.round.iter().flat_map(|round| &round.looks);
        let joints = self.round.iter().flat_map(|round| &round.joint_looks);
        Collector {
            round: self.round.clone(),
            rows: 0,
            states: looks.map(|look| look.state.clone()).collect(),
            joints: joints.map(|look| look.joint.clone()).collect(),
        }
    }

    /// Ends the round with what all of its partitions have shown together.
    ///
    /// # Errors
    ///
    /// [`Error::Fit`] when there were no rows or the collector is of another round; [`Error::Column`] when the label cannot
    /// be learnt: it is missing in some rows, or always the same; [`Error::Feature`] when a feature cannot be fitted.
    pub fn absorb(&mut self, collector: Collector) -> Result<()> {
        let fit_error = |problem: &str| Error::Fit { problem: problem.to_string() };
        let same = |round: &Arc<Round>| collector.round.as_ref().is_some_and(|other| Arc::ptr_eq(round, other));
        let Some(round) = self.round.clone().filter(same) else {
            return Err(fit_error("the collector is of another round; make a new one for each round"));
        };
        if collector.rows == 0 {
            return Err(fit_error("the training data has no rows"));
        }
        for (look, state) in round.looks.iter().zip(collector.states) {
            self.targets[look.target].absorb(state)?;
        }
        for (look, joint) in round.joint_looks.iter().zip(collector.joints) {
            self.joints[look.target].found = Some(joint);
        }
        self.advance()
    }

    /// What was found, ready to transform rows.
    ///
    /// # Errors
    ///
    /// [`Error::Fit`] when a round is still to be done.
    pub fn finish(self) -> Result<FittedFeatures> {
        if !self.finished() {
            return Err(Error::Fit { problem: "a further scan of the training data is needed".to_string() });
        }
        let mut statistics = Vec::with_capacity(self.plan.columns.len());
        for (i, field) in self.plan.columns.iter().enumerate() {
            let findings = self.findings(Source::Column(i));
            let findings = findings.ok_or_else(|| Error::Internal(format!("column `{}` was not seen", field.name)))?;
            statistics.push(ColumnStatistics::new(field, &findings)?);
        }
        let label_statistics = statistics.split_off(self.plan.n_inputs).pop();
        let names = self.plan.nodes.iter().map(|node| node.name.clone());
        let fitted = names.zip(self.constants.into_iter().flatten()).filter(|(_, constants)| !constants.is_empty());
        let document = Document {
            inputs: Schema { fields: self.plan.inputs().to_vec() },
            features: self.plan.specs.clone(),
            fitted: fitted.collect(),
            label: self.label,
            weight: self.plan.weight.clone(),
            statistics,
            label_statistics,
            ..Document::default()
        };
        FittedFeatures::new(document)
    }

    /// Fits what has become ready and plans the next round.
    fn advance(&mut self) -> Result<()> {
        if let (None, Some(spec)) = (&self.label, &self.plan.label) {
            let place = self.plan.n_inputs;
            let findings = self.findings(Source::Column(place));
            self.label =
                findings.map(|findings| spec.fit(self.plan.columns[place].column_type, &findings)).transpose()?;
        }
        for node in 0..self.plan.nodes.len() {
            if self.kernels[node].is_none() {
                self.fit_node(node)?;
            }
        }
        self.round = self.next_round()?;
        Ok(())
    }

    /// Fits a feature if all that it needs is known.
    fn fit_node(&mut self, index: usize) -> Result<()> {
        let node = &self.plan.nodes[index];
        let operation = node.op.operation();
        if !node.sources.iter().all(|&source| self.is_ready(source)) {
            return Ok(());
        }
        let constants = if let Some(target) = self.joints.iter().find(|target| target.node == index) {
            let Some(joint) = &target.found else { return Ok(()) };
            operation.fit_joint(joint, &self.plan.inputs_of(index, &self.kernels)?)
        } else if operation.needs().is_empty() {
            Ok(Constants::default())
        } else {
            let Some(constants) = self.fit_constants(index) else { return Ok(()) };
            constants
        };
        let constants = constants.map_err(|problem| Error::feature(&node.name, problem))?;
        self.kernels[index] = Some(Arc::new(self.plan.build(index, &constants, &self.kernels)?));
        self.constants[index] = Some(constants);
        Ok(())
    }

    /// The constants of a feature, or of all that are fitted as one with it; `None` when something is not known yet.
    fn fit_constants(&self, index: usize) -> Option<Checked<Constants>> {
        let together = self.plan.fitted_together(index);
        if let Some(constants) = together.iter().find_map(|&i| self.constants[i].clone()) {
            return Some(Ok(constants));
        }
        let mut sources: Vec<Source> = Vec::new();
        for &source in together.iter().filter_map(|&i| self.plan.nodes[i].sources.first()) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let findings: Vec<Findings<'_>> = sources.iter().map(|&source| self.findings(source)).collect::<Option<_>>()?;
        let operation = self.plan.nodes[index].op.operation();
        match findings.as_slice() {
            [] => None,
            [one] => Some(operation.fit(one)),
            [first, rest @ ..] => {
                let mut survey = first.survey.clone();
                rest.iter().for_each(|findings| survey.merge(findings.survey));
                Some(operation.fit(&Findings { survey: &survey, refinement: None }))
            }
        }
    }

    fn next_round(&self) -> Result<Option<Arc<Round>>> {
        let ready = self.targets.iter().enumerate().filter(|(_, target)| self.is_ready(target.source));
        let open: Vec<(usize, State)> = ready.filter_map(|(i, target)| Some((i, target.next_state()?))).collect();
        let joint: Vec<usize> = (0..self.joints.len()).filter(|&i| self.is_joint_open(&self.joints[i])).collect();
        if open.is_empty() && joint.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Round::new(self, open, joint)?)))
    }

    /// Whether a feature is to be looked at whose inputs are ready.
    fn is_joint_open(&self, target: &JointTarget) -> bool {
        let mut sources = self.plan.nodes[target.node].sources.iter();
        let label_is_ready = self.label.is_some() || !target.needs.reads_label();
        target.found.is_none() && label_is_ready && sources.all(|&source| self.is_ready(source))
    }

    fn is_ready(&self, source: Source) -> bool {
        match source {
            Source::Column(_) => true,
            Source::Feature(i) => self.kernels[i].is_some(),
        }
    }

    fn findings(&self, source: Source) -> Option<Findings<'_>> {
        self.targets.iter().find(|target| target.source == source)?.findings()
    }
}
