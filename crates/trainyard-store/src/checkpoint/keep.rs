//! Which checkpoints stay.

use super::staging::remove;
use crate::Result;
use crate::error::io;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The steps that have a directory, ascending.
pub(super) fn steps(dir: &Path) -> Result<Vec<u64>> {
    let mut steps = Vec::new();
    for entry in fs::read_dir(dir).map_err(io("list", dir))? {
        let entry = entry.map_err(io("list", dir))?;
        let step = entry.file_name().to_str().and_then(parse_step);
        steps.extend(step.filter(|_| entry.path().is_dir()));
    }
    steps.sort_unstable();
    Ok(steps)
}

/// Removes all but the newest `keep` checkpoints and the protected ones, after one of step `saved` was written.
pub(super) fn prune(dir: &Path, saved: u64, keep: usize, protected: &BTreeSet<u64>) -> Result<()> {
    surplus(&steps(dir)?, saved, keep, protected).into_iter().try_for_each(|step| remove(dir, step))
}

/// The steps to remove. Those after `saved` do not count and stay: training has fallen back behind them, so they are damaged
/// or someone's choice, and must not push out what it stands on. With `keep` 0 all stay.
fn surplus(steps: &[u64], saved: u64, keep: usize, protected: &BTreeSet<u64>) -> Vec<u64> {
    if keep == 0 {
        return Vec::new();
    }
    let past = steps.iter().copied().filter(|&step| step <= saved).rev();
    past.skip(keep).filter(|step| !protected.contains(step)).collect()
}

/// A step as this crate writes it: no sign, no zeros in front.
fn parse_step(name: &str) -> Option<u64> {
    name.parse().ok().filter(|step: &u64| step.to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(steps: &[u64], saved: u64, keep: usize, protected: &[u64], expected: &[u64]) {
        assert_eq!(surplus(steps, saved, keep, &protected.iter().copied().collect()), expected);
    }

    #[test]
    fn the_newest_stay() {
        check(&[1, 2, 3, 4], 4, 2, &[], &[2, 1]);
    }

    #[test]
    fn the_protected_stay_beyond_them() {
        check(&[1, 2, 3, 4], 4, 2, &[1], &[2]);
    }

    #[test]
    fn later_steps_do_not_push_out_the_one_just_saved() {
        check(&[1, 2, 3, 8, 9], 3, 2, &[], &[1]);
    }

    #[test]
    fn with_zero_all_stay() {
        check(&[1, 2, 3], 3, 0, &[], &[]);
    }

    #[test]
    fn only_plain_numbers_are_steps() {
        for (name, expected) in
            [("10", Some(10)), ("010", None), ("+1", None), ("best", None), (".1.new.tmp-1-1", None)]
        {
            assert_eq!(parse_step(name), expected, "{name}");
        }
    }
}
