//! Tables of embeddings that features share, and vocabularies that are fitted together for it.

use super::Source;
use crate::op::Kind;
use crate::spec::{FeatureSpec, FeatureSpecs};
use crate::{Error, Result};

/// The table that each feature shares: the one that it names, or that of the ids that it passes on.
pub(super) fn tables(
    specs: &FeatureSpecs,
    sources: &[Vec<Source>],
    order: &[usize],
    kinds: &[Kind],
) -> Result<Vec<Option<String>>> {
    let entries: Vec<(&str, &FeatureSpec)> = specs.iter().collect();
    let mut tables: Vec<Option<String>> = vec![None; entries.len()];
    for &i in order {
        let (name, spec) = entries[i];
        if spec.share.is_some() && !matches!(kinds[i], Kind::Ids | Kind::WeightedIds) {
            let problem = "`share` names a table of embeddings, which only categorical features have; remove it";
            return Err(Error::feature(name, problem));
        }
        let inherited = match sources[i].first() {
            Some(&Source::Feature(read)) if spec.op.operation().keeps_ids() => tables[read].clone(),
            _ => None,
        };
        tables[i] = spec.share.clone().or(inherited);
    }
    check_names(&entries, &tables)?;
    Ok(tables)
}

/// A model names a table by the feature that has it, or by `share`: the two must not meet.
fn check_names(entries: &[(&str, &FeatureSpec)], tables: &[Option<String>]) -> Result<()> {
    for (name, spec) in entries {
        let Some(share) = &spec.share else { continue };
        let namesake = entries.iter().position(|(other, _)| other == share);
        if namesake.is_some_and(|i| tables[i].as_ref() != Some(share)) {
            let problem =
                format!("`share` is `{share}`, which is a feature that shares another table or none; rename one");
            return Err(Error::feature(name, problem));
        }
    }
    Ok(())
}

/// Checks that features of one table that are fitted together can be: equal parameters, and values of one kind.
pub(super) fn check_fitted_together(
    specs: &FeatureSpecs,
    tables: &[Option<String>],
    input: impl Fn(usize) -> Option<Kind>,
) -> Result<()> {
    let entries: Vec<(&str, &FeatureSpec)> = specs.iter().collect();
    for (i, (name, spec)) in entries.iter().enumerate() {
        let Some(table) = tables[i].as_ref().filter(|_| spec.op.operation().is_fitted_together()) else { continue };
        if spec.op.operation().joint_needs(1).is_some() {
            let problem = format!("shares `{table}`, so its values must be ranked by frequency, not by the label");
            return Err(Error::feature(name, problem));
        }
        // Ids may come from a feature that is fitted together with this one, and each would wait for the other.
        if input(i) == Some(Kind::Ids) {
            return Err(Error::feature(
                name,
                format!("shares `{table}`, so it must read values, not the ids of a feature"),
            ));
        }
        let same = |j: &usize| tables[*j].as_ref() == Some(table) && entries[*j].1.op.operation().is_fitted_together();
        let Some(first) = (0..i).find(same) else { continue };
        let with = format!("shares `{table}` with `{}`", entries[first].0);
        if spec.op != entries[first].1.op {
            return Err(Error::feature(name, with + ", so both need the same parameters"));
        }
        if input(i).map(values) != input(first).map(values) {
            return Err(Error::feature(name, with + ", so both must read the same kind of values"));
        }
    }
    Ok(())
}

/// What a value is, however many of them a row has.
fn values(kind: Kind) -> Kind {
    if kind == Kind::Tokens { Kind::Text } else { kind }
}
