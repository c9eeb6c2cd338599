//! Which parameters a store can hold.

use crate::{Error, Result};
use std::collections::HashSet;
use trainyard_nn::{ParamShape, ParamSpec};

/// Values of one dense parameter or one row: 4 GiB of them. A larger number is a mistake, or a file made to exhaust memory.
const MAX_LEN: usize = 1 << 30;

/// Refuses names that come twice, parameters without values and those of an absurd size.
pub(crate) fn check_specs(specs: &[ParamSpec]) -> Result<()> {
    let mut names = HashSet::new();
    for spec in specs {
        if !names.insert(&spec.name) {
            return Err(refused(spec, "is there twice", "give each parameter a name of its own"));
        }
        if checked_len(&spec.shape).is_none_or(|len| len == 0 || len > MAX_LEN) {
            return Err(refused(spec, &format!("has shape {:?}", spec.shape), "it must have 1 to 2^30 values"));
        }
        spec.initializer.check()?;
    }
    Ok(())
}

/// Refuses `asked` when it is not what the store `has`.
pub(crate) fn check_equal(has: &[ParamSpec], asked: &[ParamSpec]) -> Result<()> {
    let difference = match has.iter().zip(asked).find(|(has, asked)| has != asked) {
        Some((has, asked)) => format!("{has:?} where {asked:?} was asked for"),
        None if has.len() != asked.len() => format!("{} of them where {} were asked for", has.len(), asked.len()),
        None => return Ok(()),
    };
    Err(Error::OtherParams { difference })
}

/// The sizes of the axes of a dense parameter; none for a table.
pub(crate) fn dense_dims(spec: &ParamSpec) -> Option<&[usize]> {
    match &spec.shape {
        ParamShape::Dense(dims) => Some(dims),
        ParamShape::Table { .. } => None,
    }
}

/// The dimension of a table; none for a dense parameter.
pub(crate) fn table_dim(spec: &ParamSpec) -> Option<usize> {
    match spec.shape {
        ParamShape::Dense(_) => None,
        ParamShape::Table { dim } => Some(dim),
    }
}

fn checked_len(shape: &ParamShape) -> Option<usize> {
    match shape {
        ParamShape::Dense(dims) => dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim)),
        ParamShape::Table { dim } => Some(*dim),
    }
}

fn refused(spec: &ParamSpec, problem: &str, expected: &str) -> Error {
    Error::Spec { name: spec.name.clone(), problem: problem.into(), expected: expected.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_nn::Initializer;

    #[track_caller]
    fn check_refused(shapes: &[(&str, ParamShape)], expected: &str) {
        let spec = |(name, shape): &(&str, ParamShape)| ParamSpec::new(*name, shape.clone(), Initializer::Zeros);
        let specs: Vec<_> = shapes.iter().map(spec).collect();
        let message = check_specs(&specs).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn a_name_twice_is_refused() {
        let shape = ParamShape::Table { dim: 2 };
        check_refused(&[("a", shape.clone()), ("a", shape)], "`a` is there twice");
    }

    #[test]
    fn a_parameter_without_values_is_refused() {
        check_refused(&[("a", ParamShape::Dense(vec![3, 0]))], "1 to 2^30");
        check_refused(&[("a", ParamShape::Table { dim: 0 })], "1 to 2^30");
    }

    #[test]
    fn a_size_that_overflows_is_refused() {
        check_refused(&[("a", ParamShape::Dense(vec![usize::MAX, 2]))], "1 to 2^30");
        check_refused(&[("a", ParamShape::Table { dim: usize::MAX })], "1 to 2^30");
    }

    #[test]
    fn other_specs_are_named() {
        let spec = |dim| ParamSpec::new("a", ParamShape::Table { dim }, Initializer::Zeros);
        let message = check_equal(&[spec(2)], &[spec(3)]).unwrap_err().to_string();
        assert!(message.contains("dim: 2") && message.contains("dim: 3"), "{message}");
        assert!(check_equal(&[spec(2)], &[]).is_err());
    }
}
