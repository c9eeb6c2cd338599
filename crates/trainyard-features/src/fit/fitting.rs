//! Rounds of scans.

use super::collector::Collector;
use super::joint::{Joint, JointNeeds};
use super::memory::Memory;
use super::quantiles::Refinement;
use super::round::{Goal, Goals, Known, Round};
use super::state::State;
use super::survey::{Findings, Needs, Survey};
use crate::artifact::Document;
use crate::fitted::FittedFeatures;
use crate::op::{Checked, Constants, Operation};
use crate::plan::{Plan, Source};
use crate::schema::Schema;
use crate::statistics::ColumnStatistics;
use crate::{Error, Result};
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
    plan: Arc<Plan>,
    known: Known,
    targets: Vec<Target>,
    joints: Vec<JointTarget>,
    round: Option<Round>,
    /// Whether no column is looked at before the label is known.
    label_first: bool,
    /// That of the collectors, for what features share.
    memory: Memory,
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
    /// Nothing reads it any more but the report, if it is a column.
    Released(Option<Box<ColumnStatistics>>),
}

impl Target {
    /// All that is to be found out.
    fn findings(&self) -> Option<Findings<'_>> {
        match &self.progress {
            Progress::Done(survey, refinement) => Some(Findings { survey, refinement: refinement.as_ref() }),
            _ => None,
        }
    }

    /// What is needed, as soon as it is known: only quantiles wait for a second scan.
    fn findings_for(&self, needs: &Needs) -> Option<Findings<'_>> {
        match &self.progress {
            Progress::Surveyed(survey, _) if needs.quantiles.is_empty() => Some(Findings { survey, refinement: None }),
            _ => self.findings(),
        }
    }

    /// What the next scan looks for; `None` when there is nothing left to find.
    fn next_goal(&self) -> Option<Goal> {
        match &self.progress {
            Progress::Unseen => Some(Goal::Survey),
            Progress::Surveyed(_, bins) => Some(Goal::Refinement(bins.clone())),
            Progress::Done(..) | Progress::Released(_) => None,
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

impl Fitting {
    pub(crate) fn new(plan: Plan) -> Result<Self> {
        let target = |(source, needs)| Target { source, needs, progress: Progress::Unseen };
        let targets = plan.needs().into_iter().map(target).collect();
        let joint = |(node, needs)| JointTarget { node, needs, found: None };
        let joints = plan.joint_needs().into_iter().map(joint).collect();
        let mut fitting = Self {
            known: Known::new(&plan),
            plan: Arc::new(plan),
            targets,
            joints,
            round: None,
            label_first: false,
            memory: Memory::default(),
        };
        fitting.advance()?;
        Ok(fitting)
    }

    /// Where no feature learns from rows, looks at the label alone first: that pass reads a single column, and the one for
    /// statistics, the last, can be made while rows are encoded by what is [`learnt`](Self::learnt). Else nothing changes.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`], which would be a bug.
    pub fn label_first(mut self) -> Result<Self> {
        self.label_first = self.known.kernels.iter().all(Option::is_some);
        self.round = self.next_round()?;
        Ok(self)
    }

    /// Whether there is no label, or it was found out what it is.
    pub fn knows_label(&self) -> bool {
        self.known.label.is_some() || self.plan.label.is_none()
    }

    /// What transforms rows, as soon as nothing but statistics is to be found out, which it then lacks. A label that is not known
    /// yet is taken for what it usually is: whether it is that shows in the [`encoding_fingerprint`] of what is fitted.
    ///
    /// [`encoding_fingerprint`]: FittedFeatures::encoding_fingerprint
    ///
    /// # Errors
    ///
    /// [`Error::Internal`], which would be a bug.
    pub fn learnt(&self) -> Result<Option<FittedFeatures>> {
        let mut known = self.known.clone();
        if let (None, Some(spec)) = (&known.label, &self.plan.label) {
            known.label = spec.usual(self.plan.columns[self.plan.n_inputs].column_type);
        }
        let is_learnt = known.kernels.iter().all(Option::is_some) && known.label.is_some() == self.plan.label.is_some();
        is_learnt.then(|| FittedFeatures::new(document(&self.plan, known))).transpose()
    }

    /// Whether no further round is needed.
    pub fn finished(&self) -> bool {
        self.round.is_none()
    }

    /// The scan that is to be made next; `None` when finished.
    pub fn round(&self) -> Option<&Round> {
        self.round.as_ref()
    }

    /// The names of the raw columns that this round reads; empty when finished.
    pub fn columns(&self) -> Vec<&str> {
        self.round().map(Round::columns).unwrap_or_default()
    }

    /// An empty collector, for one partition of this round, with the memory that is usual. When fitting is finished it collects
    /// nothing.
    pub fn collector(&self) -> Collector {
        self.collector_within(Memory::default())
    }

    /// The same with this memory; the collectors of all partitions together take as much as the sum of theirs.
    pub fn collector_within(&self, memory: Memory) -> Collector {
        Collector::new(self.round.clone(), memory)
    }

    /// Ends the round with what all of its partitions have shown together.
    ///
    /// # Errors
    ///
    /// [`Error::Fit`] when there were no rows or the collector is of another round; [`Error::Column`] when the label cannot
    /// be learnt: it is missing in some rows, or always the same; [`Error::Feature`] when a feature cannot be fitted.
    pub fn absorb(&mut self, collector: Collector) -> Result<()> {
        let round = self.round.clone();
        let round = round.ok_or_else(|| Error::fit("no further round is needed; call `finish`"))?;
        self.memory = collector.memory().clone();
        let (states, joints) = collector.into_parts(&round)?;
        for (look, state) in round.looks().iter().zip(states) {
            self.targets[look.target].absorb(state)?;
        }
        for (look, joint) in round.joint_looks().iter().zip(joints) {
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
            return Err(Error::fit("a further scan of the training data is needed"));
        }
        let mut statistics = Vec::with_capacity(self.plan.columns.len());
        for (i, field) in self.plan.columns.iter().enumerate() {
            let of_column = self.target(Source::Column(i));
            let Some(Target { progress: Progress::Released(Some(found)), .. }) = of_column else {
                return Err(Error::Internal(format!("column `{}` was not seen", field.name)));
            };
            statistics.push(ColumnStatistics::clone(found));
        }
        let label_statistics = statistics.split_off(self.plan.n_inputs).pop();
        FittedFeatures::new(Document { statistics, label_statistics, ..document(&self.plan, self.known) })
    }

    /// Fits what has become ready and plans the next round.
    fn advance(&mut self) -> Result<()> {
        if let (None, Some(spec)) = (&self.known.label, &self.plan.label) {
            let place = self.plan.n_inputs;
            let findings = self.target(Source::Column(place)).and_then(Target::findings);
            self.known.label =
                findings.map(|findings| spec.fit(self.plan.columns[place].column_type, &findings)).transpose()?;
        }
        for node in 0..self.plan.nodes.len() {
            if self.known.kernels[node].is_none() {
                self.fit_node(node)?;
            }
        }
        self.release()?;
        self.round = self.next_round()?;
        Ok(())
    }

    /// Lets go of what was found about columns and features that no operation will ask about: counts may be large.
    fn release(&mut self) -> Result<()> {
        let plan = &self.plan;
        for target in &mut self.targets {
            let mut readers = plan.nodes.iter().zip(&self.known.kernels);
            let is_asked =
                readers.any(|(node, kernel)| kernel.is_none() && node.sources.first() == Some(&target.source));
            let Some(findings) = target.findings().filter(|_| !is_asked) else { continue };
            let statistics = match target.source {
                Source::Column(i) => Some(Box::new(ColumnStatistics::new(&plan.columns[i], &findings)?)),
                Source::Feature(_) => None,
            };
            target.progress = Progress::Released(statistics);
        }
        Ok(())
    }

    /// Fits a feature if all that it needs is known.
    fn fit_node(&mut self, index: usize) -> Result<()> {
        let plan = self.plan.clone();
        let node = &plan.nodes[index];
        let operation = node.op.operation();
        if !node.sources.iter().all(|&source| self.known.is_ready(source)) {
            return Ok(());
        }
        let constants = if let Some(target) = self.joints.iter().find(|target| target.node == index) {
            let Some(joint) = &target.found else { return Ok(()) };
            operation.fit_joint(joint, &self.plan.inputs_of(index, &self.known.kernels)?).map(Arc::new)
        } else if operation.needs().is_empty() {
            Ok(Arc::default())
        } else {
            let Some(constants) = self.fit_constants(index) else { return Ok(()) };
            constants
        };
        let constants = constants.map_err(|problem| Error::feature(&node.name, problem))?;
        self.known.fit(&self.plan, index, constants)
    }

    /// The constants of a feature, or of all that are fitted as one with it; `None` when something is not known yet.
    fn fit_constants(&self, index: usize) -> Option<Checked<Arc<Constants>>> {
        let together = self.plan.fitted_together(index);
        if let Some(constants) = together.iter().find_map(|&i| self.known.constants[i].clone()) {
            return Some(Ok(constants));
        }
        let mut sources: Vec<Source> = Vec::new();
        for &source in together.iter().filter_map(|&i| self.plan.nodes[i].sources.first()) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let operation = self.plan.nodes[index].op.operation();
        let needs = operation.needs();
        let found = |source: &Source| self.target(*source)?.findings_for(&needs);
        let findings: Vec<Findings<'_>> = sources.iter().map(found).collect::<Option<_>>()?;
        match findings.as_slice() {
            [] => None,
            [one] => Some(operation.fit(one).map(Arc::new)),
            several => Some(self.fit_shared(operation, several).map(Arc::new)),
        }
    }

    /// The constants over the values of several columns or features.
    fn fit_shared(&self, operation: &dyn Operation, findings: &[Findings<'_>]) -> Checked<Constants> {
        let [first, rest @ ..] = findings else { return Err("shares nothing; please report it".to_string()) };
        let mut whole = first.survey.clone();
        let mut merge = |mut survey: Survey| -> Result<()> {
            self.memory.make_room_to_merge(whole.counted_mut().zip(survey.counted_mut()).collect())?;
            whole.merge(survey);
            self.memory.settle(whole.counted_mut())
        };
        let merged = rest.iter().try_for_each(|findings| merge(findings.survey.clone()));
        merged.map_err(|error| error.to_string())?;
        operation.fit(&Findings { survey: &whole, refinement: None })
    }

    fn next_round(&self) -> Result<Option<Round>> {
        let is_due = |target: &Target| self.known.is_ready(target.source) && !self.waits_for_label(target);
        let ready = self.targets.iter().enumerate().filter(|(_, target)| is_due(target));
        let single: Vec<(usize, Goal)> = ready.filter_map(|(i, target)| Some((i, target.next_goal()?))).collect();
        let joint: Vec<usize> = (0..self.joints.len()).filter(|&i| self.is_joint_open(&self.joints[i])).collect();
        if single.is_empty() && joint.is_empty() {
            return Ok(None);
        }
        Round::new(self.plan.clone(), self.known.clone(), Goals { single, joint }).map(Some)
    }

    fn waits_for_label(&self, target: &Target) -> bool {
        let is_open = self.label_first && self.plan.label.is_some() && self.known.label.is_none();
        is_open && target.source != Source::Column(self.plan.n_inputs)
    }

    /// Whether a feature is to be looked at whose inputs are ready.
    fn is_joint_open(&self, target: &JointTarget) -> bool {
        let mut sources = self.plan.nodes[target.node].sources.iter();
        let label_is_ready = self.known.label.is_some() || !target.needs.reads_label();
        target.found.is_none() && label_is_ready && sources.all(|&source| self.known.is_ready(source))
    }

    fn target(&self, source: Source) -> Option<&Target> {
        self.targets.iter().find(|target| target.source == source)
    }
}

/// What is known, without statistics.
fn document(plan: &Plan, known: Known) -> Document {
    let names = plan.nodes.iter().map(|node| node.name.clone());
    let constants = known.constants.into_iter().flatten().map(Arc::unwrap_or_clone);
    let fitted = names.zip(constants).filter(|(_, constants)| !constants.is_empty());
    Document {
        inputs: Schema { fields: plan.inputs().to_vec() },
        features: plan.specs.clone(),
        fitted: fitted.collect(),
        label: known.label,
        weight: plan.weight.clone(),
        ..Document::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::*;
    use crate::{Features, LabelSpec, LabelTask, LabelValue};

    /// Numbers so near to each other that one scan leaves their quartiles open, others whose quartiles it finds, a text, and the
    /// label.
    fn columns(n: i32) -> Columns {
        let numbers = |number: fn(i32, i32) -> f64| (0..n).map(|i| number(i, n)).collect::<Vec<f64>>();
        let towns: Vec<&str> = ["Bern", "Basel", "Chur"].into_iter().cycle().take(n as usize).collect();
        vec![
            ("near", floats(&numbers(|i, n| f64::from(i) / f64::from(n)))),
            ("far", floats(&numbers(|i, _| f64::from(1i32 << (i % 4))))),
            ("town", texts(&towns)),
            ("answer", floats(&numbers(|i, _| f64::from(i % 2)))),
        ]
    }

    fn features(specs: &str, columns: &Columns, label: Option<LabelSpec>) -> Features {
        Features::new(toml::from_str(specs).unwrap(), &schema(columns), label, None).unwrap()
    }

    fn answer() -> Option<LabelSpec> {
        Some(LabelSpec::new("answer", LabelTask::Binary))
    }

    /// What is fitted, and for each scan the columns that it reads and whether features are learnt before it.
    fn finish(mut fitting: Fitting, columns: &Columns) -> (FittedFeatures, Vec<(Vec<String>, bool)>) {
        let mut scans = Vec::new();
        while !fitting.finished() {
            let reads = fitting.columns().into_iter().map(str::to_owned).collect();
            scans.push((reads, fitting.learnt().unwrap().is_some()));
            let collector = fitting.collector();
            collector.update(&rows(columns)).unwrap();
            fitting.absorb(collector).unwrap();
        }
        (fitting.finish().unwrap(), scans)
    }

    /// For each scan that fitting takes, the columns that it reads.
    fn scans(specs: &str, columns: &Columns) -> Vec<Vec<String>> {
        let (_, scans) = finish(features(specs, columns, answer()).fit(), columns);
        scans.into_iter().map(|(reads, _)| reads).collect()
    }

    const HASHED: &str = r#"hashed = { op = "hash", input = "town", buckets = 10 }"#;

    #[test]
    fn where_only_the_label_is_learnt_statistics_wait_for_the_last_scan() {
        let columns = columns(100);
        let label_first = |label| finish(features(HASHED, &columns, label).fit().label_first().unwrap(), &columns);
        let towns = || Some(LabelSpec::new("town", LabelTask::Multiclass));
        let specs = r#"part = { op = "bucketize", input = "near", boundaries = [0.5] }"#;
        let (fitted, scans) = finish(features(specs, &columns, towns()).fit().label_first().unwrap(), &columns);
        assert_eq!(fitted.to_json(), finish(features(specs, &columns, towns()).fit(), &columns).0.to_json());
        let reads = |column: &str, is_learnt| (vec![column.to_owned()], is_learnt);
        assert_eq!(scans, [reads("town", false), reads("near", true)]);
        assert_eq!(label_first(None).1, [reads("town", true)]);
    }

    #[test]
    fn a_usual_label_is_learnt_before_any_scan() {
        let learnt = |spec: LabelSpec, columns: &Columns| {
            let learnt = features(HASHED, columns, Some(spec)).fit().learnt().unwrap()?;
            Some(learnt.label().unwrap().classes().to_vec())
        };
        let columns = columns(10);
        let of = |column: &str, task| learnt(LabelSpec::new(column, task), &columns);
        assert_eq!(of("answer", LabelTask::Binary), Some(vec!["0".to_owned(), "1".to_owned()]));
        assert_eq!(of("near", LabelTask::Regression), Some(vec![]));
        assert_eq!(of("answer", LabelTask::Multiclass), None);
        let positive = |value| LabelSpec { positive: Some(value), ..answer().unwrap() };
        assert_eq!(learnt(positive(LabelValue::Int(0)), &columns), Some(vec!["1".to_owned(), "0".to_owned()]));
        assert_eq!(learnt(positive(LabelValue::Int(2)), &columns), None);
    }

    #[test]
    fn a_label_that_is_not_as_usual_shows_in_the_fingerprint() {
        let check = |numbers: [f64; 2], is_usual: bool| {
            let columns = vec![("town", texts(&["Bern", "Chur"])), ("answer", floats(&numbers))];
            let fitting = features(HASHED, &columns, answer()).fit();
            let learnt = fitting.learnt().unwrap().unwrap();
            let (fitted, _) = finish(fitting, &columns);
            assert_eq!(fitted.encoding_fingerprint() == learnt.encoding_fingerprint(), is_usual, "{numbers:?}");
        };
        check([0.0, 1.0], true);
        check([1.0, 2.0], false);
        check([-1.0, 1.0], false);
    }

    #[test]
    fn where_features_are_learnt_nothing_waits() {
        let specs = r#"
            known = { op = "vocabulary", input = "town" }
            large = { op = "log1p", input = "near" }
        "#;
        let columns = columns(100);
        let (_, scans) = finish(features(specs, &columns, answer()).fit().label_first().unwrap(), &columns);
        assert_eq!(scans, [(["near", "town", "answer"].map(str::to_owned).to_vec(), false)]);
    }

    #[test]
    fn what_is_learnt_transforms_as_what_is_fitted() {
        let columns = columns(100);
        let fitting = features(HASHED, &columns, None).fit().label_first().unwrap();
        let learnt = fitting.learnt().unwrap().unwrap();
        let (fitted, _) = finish(fitting, &columns);
        let rows = rows(&columns);
        assert_eq!(learnt.transform(&rows).unwrap(), fitted.transform(&rows).unwrap());
        assert!(learnt.statistics().is_empty() && fitted.statistics().len() == 1);
        assert_eq!(learnt.encoding_fingerprint(), fitted.encoding_fingerprint());
        assert_ne!(learnt.fingerprint(), fitted.fingerprint());
    }

    #[track_caller]
    fn check(specs: &str, expected: &[&[&str]]) {
        assert_eq!(scans(specs, &columns(10_000)), expected);
    }

    #[test]
    fn features_of_raw_columns_take_one_scan() {
        let specs = r#"
            scaled = { op = "z_score", input = "near" }
            range = { op = "min_max", input = "far" }
            axis = { op = "pca", inputs = ["near", "far"], components = 1 }
            known = { op = "vocabulary", input = "town" }
            hashed = { op = "hash", input = "town", buckets = 10 }
        "#;
        check(specs, &[&["near", "far", "town", "answer"]]);
    }

    #[test]
    fn features_that_are_not_fitted_take_none_of_their_own() {
        check(r#"large = { op = "log1p", input = "near" }"#, &[&["near", "answer"]]);
        let specs = r#"
            large = { op = "log1p", input = "near" }
            scaled = { op = "z_score", input = "large" }
            twice = { op = "sql", expr = "scaled * 2" }
            again = { op = "z_score", input = "twice" }
        "#;
        check(specs, &[&["near", "answer"], &["near"]]);
    }

    #[test]
    fn quantiles_take_a_second_scan_where_the_first_leaves_them_open() {
        check(r#"part = { op = "bucketize", input = "far", quantiles = 4 }"#, &[&["far", "answer"]]);
        let specs = r#"
            part = { op = "bucketize", input = "near", quantiles = 4 }
            range = { op = "min_max", input = "far" }
        "#;
        check(specs, &[&["near", "far", "answer"], &["near"]]);
    }

    #[test]
    fn a_chain_of_fitted_features_takes_a_scan_for_each() {
        let link = |i: usize| {
            let input = if i == 0 { "near".to_owned() } else { format!("link_{}", i - 1) };
            format!("link_{i} = {{ op = \"z_score\", input = \"{input}\" }}\n")
        };
        for n in 1..=6 {
            let specs: String = (0..n).map(link).collect();
            assert_eq!(scans(&specs, &columns(100)).len(), n);
        }
    }

    #[test]
    fn what_reads_the_label_waits_for_it() {
        let specs = r#"known = { op = "vocabulary", input = "town", order = "mutual_information" }"#;
        assert_eq!(scans(specs, &columns(100)).len(), 2);
    }

    #[test]
    fn a_scan_serves_all_that_is_ready_however_they_depend() {
        let specs = r#"
            part = { op = "bucketize", input = "near", quantiles = 4 }
            first = { op = "z_score", input = "near" }
            first_part = { op = "bucketize", input = "first", quantiles = 4 }
            second = { op = "z_score", input = "first" }
            third = { op = "z_score", input = "second" }
            range = { op = "min_max", input = "far" }
            known = { op = "vocabulary", input = "town" }
            mean = { op = "target_encode", input = "known" }
            mean_scaled = { op = "z_score", input = "mean" }
        "#;
        assert_eq!(scans(specs, &columns(10_000)).len(), 3);
    }

    #[test]
    fn hundreds_of_vocabularies_take_one_scan() {
        let mut columns = columns(100);
        let towns = columns[2].1.clone();
        let names: Vec<&'static str> = (0..300).map(|i| &*format!("town_{i}").leak()).collect();
        columns.extend(names.iter().map(|name| (*name, towns.clone())));
        let specs: String = names.iter().map(|name| format!("{name} = {{ op = \"vocabulary\" }}\n")).collect();
        let scans = scans(&specs, &columns);
        assert_eq!(scans.iter().map(Vec::len).collect::<Vec<_>>(), [301], "the label is read, too");
    }
}
