//! How many different values there are.

use std::collections::HashSet;
use trainyard_features::hash::farm_fingerprint64;

/// Different values that are kept with their counts.
pub(super) const FEW: usize = 20;

/// Counts different values exactly, up to a limit.
#[derive(Debug, Clone)]
pub(super) struct Distinct {
    limit: usize,
    added: u64,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// Up to [`FEW`] values and how often each came.
    Few(Vec<(Box<str>, u64)>),
    /// Hashes of the values. Two of one hash would be counted as one; among 100,000 the chance is below 10⁻⁹.
    Many(HashSet<u64>),
    /// Beyond the limit, reached after so many values.
    Full { after: u64 },
}

impl Distinct {
    /// No values yet; counting stops beyond `limit`.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, added: 0, state: State::Few(Vec::new()) }
    }

    /// Takes a value into account, as if it came `times` times.
    pub(super) fn add(&mut self, value: &str, times: u64) {
        self.added += times;
        if let State::Few(values) = &mut self.state {
            if let Some((_, count)) = values.iter_mut().find(|(known, _)| **known == *value) {
                *count += times;
                return;
            }
            if values.len() < FEW {
                values.push((value.into(), times));
                return;
            }
            self.state = State::Many(values.iter().map(|(known, _)| hash(known)).collect());
        }
        if let State::Many(hashes) = &mut self.state {
            hashes.insert(hash(value));
            if hashes.len() > self.limit {
                self.state = State::Full { after: self.added };
            }
        }
    }

    /// How many values differ, or one more than the limit.
    pub(super) fn count(&self) -> u64 {
        (match &self.state {
            State::Few(values) => values.len(),
            State::Many(hashes) => hashes.len(),
            State::Full { .. } => self.limit + 1,
        }) as u64
    }

    /// Whether [`count`](Self::count) is below the limit and thus right.
    pub(super) fn is_exact(&self) -> bool {
        !matches!(self.state, State::Full { .. })
    }

    /// Different values per value, up to where counting stopped; 1 when all differ.
    pub(super) fn share(&self) -> f64 {
        let added = if let State::Full { after } = self.state { after } else { self.added };
        self.count() as f64 / added.max(1) as f64
    }

    /// The values by falling count, of equal count in the order of their texts; `None` when there are more than [`FEW`].
    pub(super) fn few(&self) -> Option<Vec<(&str, u64)>> {
        let State::Few(values) = &self.state else { return None };
        let mut values: Vec<(&str, u64)> = values.iter().map(|(value, count)| (&**value, *count)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        Some(values)
    }
}

fn hash(value: &str) -> u64 {
    farm_fingerprint64(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distinct(limit: usize, values: impl IntoIterator<Item = u32>) -> Distinct {
        let mut distinct = Distinct::new(limit);
        values.into_iter().for_each(|value| distinct.add(&value.to_string(), 1));
        distinct
    }

    #[test]
    fn few_values_have_counts() {
        let few = distinct(100, [3, 1, 3, 2]);
        assert_eq!(few.few().unwrap(), [("3", 2), ("1", 1), ("2", 1)]);
        assert_eq!((few.count(), few.share()), (3, 0.75));
    }

    #[test]
    fn many_values_are_counted_only() {
        let many = distinct(100, (0..90).chain(0..90));
        assert_eq!((many.count(), many.share(), many.is_exact()), (90, 0.5, true));
        assert!(many.few().is_none());
    }

    #[test]
    fn beyond_the_limit_the_count_stops() {
        let full = distinct(100, (0..50).chain(0..1000));
        assert_eq!((full.count(), full.is_exact()), (101, false));
        assert_eq!(full.share(), 101.0 / 151.0);
        assert_eq!(distinct(100, 0..1000).share(), 1.0);
    }
}
