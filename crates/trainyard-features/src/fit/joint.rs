//! What fitting finds out about several columns of the same rows together.

use super::counts::Counts;
use super::covariance::Covariance;
use super::information::ValuesByClass;
use super::label_means::LabelMeans;
use super::memory::Counted;
use super::moments::Moments;
use super::wire::{Reader, Wire, Writer};
use crate::Result;
use crate::hash::Map;
use crate::op::{Args, Checked};

/// What must be found out about all inputs of a feature together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JointNeeds {
    /// How this many numbers vary together.
    Covariance(usize),
    /// Mean, deviation and range of the first input, by the id of the second.
    MomentsById,
    /// The mean of the label by the id of the only input, over all rows and outside each of this many folds.
    LabelById(u64),
    /// The values of the only input by class of the label.
    ValuesByClass,
}

impl JointNeeds {
    /// Whether the label must be known.
    pub fn reads_label(self) -> bool {
        matches!(self, Self::LabelById(_) | Self::ValuesByClass)
    }
}

/// What a scan has found about the inputs of a feature.
#[derive(Debug, Clone)]
pub(crate) enum Joint {
    Covariance(Covariance),
    MomentsById(Map<u64, Moments>),
    LabelById(LabelMeans),
    ValuesByClass(ValuesByClass),
}

impl Joint {
    /// Nothing seen yet, of a label with this many classes.
    pub fn new(needs: JointNeeds, classes: usize) -> Self {
        match needs {
            JointNeeds::Covariance(dim) => Self::Covariance(Covariance::new(dim)),
            JointNeeds::MomentsById => Self::MomentsById(Map::default()),
            JointNeeds::LabelById(folds) => Self::LabelById(LabelMeans::new(folds)),
            JointNeeds::ValuesByClass => Self::ValuesByClass(ValuesByClass::new(classes)),
        }
    }

    /// Adds rows, with their labels when these were asked for.
    pub fn update(&mut self, args: Args<'_>, labels: &[f32]) -> Checked<()> {
        match self {
            Self::Covariance(covariance) => {
                let columns = (0..args.inputs.len()).map(|i| args.doubles(i)).collect::<Checked<Vec<_>>>()?;
                covariance.update(&columns);
            }
            Self::MomentsById(moments) => {
                let (values, ids) = (args.doubles(0)?, args.ids(1)?);
                for (row, value) in values.iter().enumerate() {
                    // A row with several ids belongs to none of them.
                    if let [id] = ids.row(row) {
                        moments.entry(*id).or_default().update(std::slice::from_ref(value));
                    }
                }
            }
            Self::LabelById(means) => means.update(args.ids(0)?, args.row_hashes, labels),
            Self::ValuesByClass(values) => values.update(args.column(0)?, labels),
        }
        Ok(())
    }

    /// Adds the rows that another of the same kind has seen.
    pub fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Covariance(mine), Self::Covariance(theirs)) => mine.merge(&theirs),
            (Self::MomentsById(mine), Self::MomentsById(theirs)) => {
                theirs.iter().for_each(|(&id, theirs)| mine.entry(id).or_default().merge(theirs));
            }
            (Self::LabelById(mine), Self::LabelById(theirs)) => mine.merge(&theirs),
            (Self::ValuesByClass(mine), Self::ValuesByClass(theirs)) => mine.merge(theirs),
            _ => {}
        }
    }
}

impl Counted for Joint {
    fn counted_mut(&mut self) -> impl Iterator<Item = &mut Counts> {
        let values = if let Self::ValuesByClass(values) = self { Some(values) } else { None };
        values.into_iter().flat_map(|values| values.counted_mut())
    }
}

impl Wire for Joint {
    fn write(&self, out: &mut Writer) -> Result<()> {
        match self {
            Self::Covariance(covariance) => covariance.write(out),
            Self::MomentsById(moments) => {
                out.number(moments.len() as u64);
                for (&id, moments) in moments {
                    out.number(id);
                    moments.write(out)?;
                }
                Ok(())
            }
            Self::LabelById(means) => means.write(out),
            Self::ValuesByClass(values) => values.write(out),
        }
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        match self {
            Self::Covariance(covariance) => covariance.read(from),
            Self::MomentsById(moments) => {
                for _ in 0..from.len(1)? {
                    let id = from.number()?;
                    let mut of_id = Moments::default();
                    of_id.read(from)?;
                    moments.insert(id, of_id);
                }
                Ok(())
            }
            Self::LabelById(means) => means.read(from),
            Self::ValuesByClass(values) => values.read(from),
        }
    }
}
