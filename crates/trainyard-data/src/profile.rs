//! What all rows of a source are like.

use trainyard_features::profile::{Profile, Profiler, ProfilerConfig, Refiner};

use crate::gather::{Findings, gather};
use crate::ordered::internal;
use crate::{Engine, Result, Source};

/// How to profile.
#[derive(Debug, Clone)]
pub struct Profiling {
    /// What is to be found out.
    pub config: ProfilerConfig,
    /// Whether to pass over the rows again where that makes quantiles and buckets exact.
    pub exact: bool,
    /// Where the rows are looked at. The result does not depend on it.
    pub engine: Engine,
}

impl Default for Profiling {
    /// Everything but the comparison with a label, on all cores.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { config: ProfilerConfig { label: None, rows: true }, exact: true, engine: threads.into() }
    }
}

/// Finds out what all rows of a source are like, and how many could not be read; see [`trainyard_features::profile`].
///
/// `progress` is called from time to time with the rows read so far, those of all passes together.
///
/// ```
/// use trainyard_data::{Profiling, Source, SourceConfig, profile};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("people.csv");
/// std::fs::write(&path, "age,city\n42,Bern\n,Basel\n30,Bern\n")?;
/// let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
///
/// let (people, _skipped) = profile(&Source::open_all(&config)?, &Profiling::default(), &|_rows| {})?;
/// assert_eq!((people.rows, people.columns[0].missing), (3, 1));
/// assert_eq!(people.columns[1].values.as_ref().map(|cities| cities.unique), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When a row cannot be read, there are no rows, or the label is not among the columns.
pub fn profile(source: &Source, how: &Profiling, progress: &dyn Fn(u64)) -> Result<(Profile, u64)> {
    let mut rows: u64 = 0;
    let mut count = |more: u64| {
        rows += more;
        progress(rows);
    };
    let empty = Findings::Profile(Profiler::new(source.schema(), &how.config)?);
    let (found, skipped) = gather(source, &how.engine, &empty, &mut count)?;
    let Findings::Profile(profiler) = found else { return Err(internal("a profile became a refinement")) };
    let wanted = if how.exact { profiler.refiners() } else { Vec::new() };
    let refine = |refiner: Refiner| {
        let source = source.select(&refiner.columns())?;
        match gather(&source, &how.engine, &Findings::Refinement(refiner), &mut count)?.0 {
            Findings::Refinement(refiner) => Ok(refiner),
            Findings::Profile(_) => Err(internal("a refinement became a profile")),
        }
    };
    let refiners = wanted.into_iter().map(refine).collect::<Result<Vec<_>>>()?;
    Ok((profiler.finish(&refiners), skipped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::people;
    use crate::{Error, Format, SinkFormat, SourceConfig};

    fn of(config: &SourceConfig, threads: usize) -> Result<Profile> {
        let label = Some("rich".to_owned());
        let how = Profiling { config: ProfilerConfig { label, rows: true }, exact: true, engine: threads.into() };
        Ok(profile(&Source::open_all(config)?, &how, &|_| {})?.0)
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_threads_or_the_format() {
        let (folder, config) = people(20_000);
        let expected = of(&config, 1).unwrap().to_json().unwrap();
        for threads in [0, 2, 5] {
            assert_eq!(of(&config, threads).unwrap().to_json().unwrap(), expected);
        }
        let path = folder.path().join("people.parquet");
        let source = Source::open_all(&config).unwrap();
        let mut sink: Option<crate::Sink> = None;
        for batch in source.scan().unwrap() {
            let batch = batch.unwrap();
            let sink = sink.get_or_insert_with(|| {
                crate::Sink::create(Some(&path), Some(SinkFormat::Parquet), &batch.schema()).unwrap()
            });
            sink.write(&batch).unwrap();
        }
        sink.unwrap().finish().unwrap();
        let config =
            SourceConfig { path: path.as_path().into(), format: Some(Format::Parquet), ..SourceConfig::default() };
        assert_eq!(of(&config, 2).unwrap().to_json().unwrap(), expected);
    }

    #[test]
    fn no_rows_and_an_unknown_label_are_errors() {
        let (_folder, config) = people(0);
        assert!(matches!(of(&config, 2), Err(Error::NoRows { .. })));
        let (_folder, config) = people(5);
        let how =
            Profiling { config: ProfilerConfig { label: Some("rch".to_owned()), rows: false }, ..Profiling::default() };
        let error = profile(&Source::open_all(&config).unwrap(), &how, &|_| {}).unwrap_err();
        assert!(error.to_string().contains("did you mean `rich`?"), "{error}");
    }
}
