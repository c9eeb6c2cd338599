//! Which ids of a batch came before.

/// A hash table from ids to their places among the distinct ids. Clearing it costs nothing: entries know for which batch they
/// were made.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// A power of two of them, at least twice the distinct ids: as few as will do, since they stay in cache.
    entries: Vec<Entry>,
    /// Number of the batch.
    batch: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    id: u64,
    batch: u32,
    place: u32,
}

impl Places {
    /// Forgets all ids.
    pub(crate) fn clear(&mut self) {
        if self.entries.is_empty() || self.batch == u32::MAX {
            *self = Self { entries: vec![Entry::default(); self.entries.len().max(1024)], batch: 0 };
        }
        self.batch += 1;
    }

    /// The place of `id` in `unique`, to whose end it is added if it is new.
    pub(crate) fn place(&mut self, id: u64, unique: &mut Vec<u64>) -> u32 {
        let (mask, mut at) = (self.entries.len() - 1, self.home(id));
        loop {
            let entry = &mut self.entries[at];
            if entry.batch != self.batch {
                *entry = Entry { id, batch: self.batch, place: unique.len() as u32 };
                unique.push(id);
                if unique.len() * 2 > self.entries.len() {
                    self.grow();
                }
                return unique.len() as u32 - 1;
            }
            if entry.id == id {
                return entry.place;
            }
            at = (at + 1) & mask;
        }
    }

    /// Fibonacci hashing: the upper bits of the product depend on all bits of the id.
    fn home(&self, id: u64) -> usize {
        (id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (self.entries.len() - 1)
    }

    fn grow(&mut self) {
        let doubled = vec![Entry::default(); self.entries.len() * 2];
        let current = self.batch;
        for entry in std::mem::replace(&mut self.entries, doubled).into_iter().filter(|entry| entry.batch == current) {
            let (mask, mut at) = (self.entries.len() - 1, self.home(entry.id));
            while self.entries[at].batch == current {
                at = (at + 1) & mask;
            }
            self.entries[at] = entry;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_has_the_place_of_its_first_appearance_in_the_batch() {
        let mut places = Places::default();
        for ids in [vec![7, 3, 7, u64::MAX, 0, 3], vec![3, 7], (0..9000).map(|i| (i % 3000) << 40).collect()] {
            let mut unique = Vec::new();
            places.clear();
            let found: Vec<u32> = ids.iter().map(|&id| places.place(id, &mut unique)).collect();
            assert!(found.iter().zip(&ids).all(|(&place, &id)| unique[place as usize] == id));
            let mut distinct = unique.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), unique.len());
        }
    }
}
