//! What a scan fills for one column or feature.

use super::counts::Counts;
use super::memory::Counted;
use super::quantiles::Refinement;
use super::survey::Survey;
use super::wire::{Reader, Wire, Writer};
use crate::Result;
use crate::column::Column;
use crate::op::Checked;

/// What a scan has found about one target.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// The first scan.
    Survey(Box<Survey>),
    /// The second.
    Refinement(Refinement),
}

impl State {
    /// Adds rows.
    pub fn update(&mut self, column: &Column) {
        match self {
            Self::Survey(survey) => survey.update(column),
            Self::Refinement(refinement) => {
                if let Some(values) = column.as_f32() {
                    refinement.update(&values);
                }
            }
        }
    }

    /// Adds the rows that another of the same kind has seen.
    pub fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Survey(mine), Self::Survey(theirs)) => mine.merge(*theirs),
            (Self::Refinement(mine), Self::Refinement(theirs)) => mine.merge(&theirs),
            _ => {}
        }
    }
}

impl Counted for State {
    fn counted_mut(&mut self) -> impl Iterator<Item = &mut Counts> {
        let survey = if let Self::Survey(survey) = self { Some(survey) } else { None };
        survey.into_iter().flat_map(|survey| survey.counted_mut())
    }
}

impl Wire for State {
    fn write(&self, out: &mut Writer) -> Result<()> {
        match self {
            Self::Survey(survey) => survey.write(out),
            Self::Refinement(refinement) => refinement.write(out),
        }
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        match self {
            Self::Survey(survey) => survey.read(from),
            Self::Refinement(refinement) => refinement.read(from),
        }
    }
}
