//! The rows of a run: which to learn from, which to judge by, which for the final figures.
//!
//! ```text
//! inputs ──► divided by files, by keys, or one row in ten ──► the view, of each split apart ──► train, eval, test
//! ```

use crate::directory::Directory;
use crate::observer::{Event, Observer, Stage};
use crate::spec::Spec;
use crate::{Error, Result};
use trainyard_data::{SavedView, Source, View};
use trainyard_features::{ColumnType, Schema};

/// Without evaluation rows, one training row in so many is held out for them.
const HELD_OUT: u64 = 10;

/// The rows of each split.
#[derive(Debug, Clone)]
pub(crate) struct Splits {
    pub train: Source,
    pub eval: Source,
    pub test: Option<Source>,
}

/// The rows of `data.train` before they are divided, with all of their columns.
pub(crate) fn all_rows(spec: &Spec) -> Result<Source> {
    let all = Source::open_all_inputs(&spec.data.inputs(&spec.data.train, &spec.base)?)?;
    all.check_rows()?;
    Ok(all)
}

impl Splits {
    /// Divides `all` rows; those of other files are opened with its columns.
    pub(crate) fn of(spec: &Spec, all: Source) -> Result<Self> {
        let columns = typed(all.schema());
        let open = |split| Ok::<_, Error>(Source::open_inputs(&spec.data.inputs(split, &spec.base)?, &columns)?);
        let test = spec.data.test.as_ref().map(open).transpose()?;
        if let Some(split) = &spec.data.split {
            let [train, eval, test] = all.split(split)?;
            return Ok(Self { train, eval, test: (split.test > 0.0).then_some(test) });
        }
        let (train, eval) = match &spec.data.eval {
            Some(eval) => (all.clone(), open(eval)?),
            None => all.hold_out(HELD_OUT),
        };
        Ok(Self { train, eval, test })
    }

    /// The rows with some columns, which are read as these types.
    pub(crate) fn with_columns(spec: &Spec, columns: &Schema) -> Result<Self> {
        let mut needed = typed(columns);
        let keys = spec.data.split.iter().flat_map(|split| &split.by);
        needed.extend(keys.filter(|key| columns.get(key).is_none()).map(|key| (key.as_str(), None)));
        Self::of(spec, Source::open_inputs(&spec.data.inputs(&spec.data.train, &spec.base)?, &needed)?)
    }

    /// The training rows alone.
    pub(crate) fn training(spec: &Spec, all: &Source) -> Result<Source> {
        Ok(match (&spec.data.split, &spec.data.eval) {
            (Some(split), _) => {
                let [train, ..] = all.split(split)?;
                train
            }
            (None, Some(_)) => all.clone(),
            (None, None) => all.hold_out(HELD_OUT).0,
        })
    }

    /// The rows that the view makes of those of each split.
    pub(crate) fn viewed(
        spec: &Spec,
        (view, all): (&SavedView, &Source),
        directory: &Directory,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let view = View::open(&view.config)?;
        let raw = Self::of(spec, all.clone())?;
        let is_divided_by_place = spec.data.split.is_none() && spec.data.eval.is_none();
        let make = |split: &'static str, rows: &Source| -> Result<Source> {
            observer.on(Event::Stage { stage: Stage::View(split), rows: None });
            let made = view.make(rows, &directory.view(split), &|rows| observer.on(Event::Rows(rows)))?;
            if made.skipped > 0 {
                observer.on(Event::Notice(format!("{split}: {} rows that cannot be read were skipped", made.skipped)));
            }
            if made.mixes_rows && is_divided_by_place && split == "eval" {
                observer.on(Event::Notice(ALONE.to_owned()));
            }
            Ok(made.source)
        };
        let train = make("train", &raw.train)?;
        check_columns(spec, train.schema())?;
        let test = raw.test.as_ref().map(|rows| make("test", rows)).transpose()?;
        Ok(Self { eval: make("eval", &raw.eval)?, train, test })
    }
}

/// What to know of a view that mixes rows when those to judge by were taken from among the others.
const ALONE: &str = "the view's windows and aggregates see the rows of one split: one row in ten to judge by, without those \
                     around it; set `data.split` by the columns that they group by, or name later rows as `data.eval`";

/// The columns and their types, as they are asked for.
pub(crate) fn typed(columns: &Schema) -> Vec<(&str, Option<ColumnType>)> {
    columns.fields.iter().map(|field| (field.name.as_str(), Some(field.column_type))).collect()
}

/// Refuses a view that loses what the rows have besides features.
fn check_columns(spec: &Spec, given: &Schema) -> Result<()> {
    let weight = spec.data.weight_column();
    let wanted = [("label", Some(&spec.data.label.column)), ("weight", weight.as_ref())];
    for (role, column) in wanted {
        if let Some(column) = column.filter(|column| given.get(column).is_none()) {
            let columns = given.names().collect::<Vec<_>>().join(", ");
            return Err(Error::config(
                format!("the view gives no column `{column}`, which is the {role} (columns: {columns})"),
                format!("select `rows.{column}` in the `sql` of `[view]`"),
            ));
        }
    }
    Ok(())
}
