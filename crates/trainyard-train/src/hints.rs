//! What makes a model look better than it will be, as far as a quick look tells.

use crate::spec::Spec;
use crate::splits::all_rows;
use crate::{Error, Result};
use trainyard_data::{Profiling, Source, profile};
use trainyard_features::profile::{ProfilerConfig, hints, shared_rows};

/// Bytes of files up to which a run looks at its data before it begins: a second's reading.
const BYTES: u64 = 64 << 20;

/// Share of the evaluation rows that may stand in the training rows by chance.
const SHARED: f64 = 0.01;

/// Notices on the rows of a run: columns that predict the label alone, columns that name rows, rows that are learnt from and
/// judged by. None when the files are so large that looking would take long.
pub(crate) fn notices(train: &Source, eval: &Source, label: &str, threads: usize) -> Result<Vec<String>> {
    if train.total_bytes()? + eval.total_bytes()? > BYTES {
        return Ok(Vec::new());
    }
    let config = ProfilerConfig { label: Some(label.to_owned()), rows: true };
    let how = Profiling { config, exact: false, engine: threads.into() };
    let look = |source: &Source| Ok::<_, Error>(profile(source, &how, &|_| {})?.0);
    let (train, eval) = (look(train)?, look(eval)?);
    let shared = shared_rows(&train, &eval).filter(|(rows, _)| *rows as f64 > SHARED * eval.rows as f64);
    let shared = shared.map(|(rows, _)| {
        format!(
            "{rows} of {} evaluation rows stand in the training rows, too: the figures look better than they are",
            eval.rows
        )
    });
    Ok(hints(&train).into_iter().map(|hint| hint.text).chain(shared).collect())
}

/// What a first look at the training rows of a spec tells of columns that predict the label alone, and of columns that name rows
/// and are not among its keys. Nothing when the files are so large that looking would take long.
///
/// # Errors
///
/// When the rows cannot be read.
pub fn first_look(spec: &Spec) -> Result<Vec<String>> {
    let source = all_rows(spec)?;
    if source.total_bytes()? > BYTES {
        return Ok(Vec::new());
    }
    let config = ProfilerConfig { label: Some(spec.data.label.column.clone()), rows: false };
    let how = Profiling { config, exact: false, ..Profiling::default() };
    let (profile, _) = profile(&source, &how, &|_| {})?;
    let is_key = |column: &Option<String>| column.as_ref().is_some_and(|column| spec.data.keys.contains(column));
    Ok(hints(&profile).into_iter().filter(|hint| !is_key(&hint.column)).map(|hint| hint.text).collect())
}
