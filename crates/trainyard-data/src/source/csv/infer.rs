//! Types of columns from their first values.

use super::file::CsvFile;
use super::value::{Evidence, Rules};
use crate::Result;
use crate::source::columns::position;
use crate::source::config::{OnError, SourceConfig};
use crate::source::files::Files;

/// What the first `limit` rows of the files tell about the columns `names`.
pub(in crate::source) fn infer(
    config: &SourceConfig,
    files: &Files,
    names: &[&str],
    limit: usize,
) -> Result<Vec<Evidence>> {
    let rules = Rules::new(config);
    let mut evidence = vec![Evidence::default(); names.len()];
    let mut rows = 0;
    for location in &files.locations {
        if rows == limit {
            break;
        }
        let mut file = CsvFile::open(location, files.open(location)?, config)?;
        let positions =
            names.iter().map(|name| position(&file.head.names, name, location)).collect::<Result<Vec<_>>>()?;
        while rows < limit
            && let Some(text) = file.next(limit - rows)?
        {
            let mut records = text.records();
            while records.advance(limit) {
                if let ([misfit, ..], OnError::Fail) = (records.misfits(), config.on_error) {
                    return Err(text.ragged(misfit));
                }
                rows += records.rows();
                for (evidence, &i) in evidence.iter_mut().zip(&positions) {
                    records.each(i, |_, field| evidence.add(field, &rules));
                }
            }
        }
    }
    Ok(evidence)
}
