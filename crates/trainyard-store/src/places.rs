//! Where the row of each id of a table is.

use crate::index::{ABSENT, Index};

/// Ids below this are kept in a list: what it takes, 4 MiB a table at most, is less than an index of a tenth as many.
const LISTED: usize = 1 << 20;

/// The place of each id that has a row.
///
/// Ids of features are mostly small, since vocabularies and hash buckets count from 0. Their places are a list, which takes 4 bytes an id
/// where an [`Index`] takes 32 to 64, and so stays in the processor's caches: what looking up costs is misses of these. The first
/// larger id turns the list into an index.
#[derive(Debug)]
pub(crate) enum Places {
    /// By id the place and 1, 0 for an id without a row.
    Listed(Vec<u32>),
    /// Of any ids.
    Indexed(Index),
}

impl Default for Places {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Places {
    /// Room for these ids.
    pub(crate) fn with_room_for(ids: &[u64]) -> Self {
        let end = ids.iter().max().map_or(0, |&most| most.saturating_add(1));
        if end <= LISTED as u64 {
            Self::Listed(vec![0; end as usize])
        } else {
            Self::Indexed(Index::with_capacity(ids.len()))
        }
    }

    /// The place of an id.
    pub(crate) fn find(&self, id: u64) -> Option<usize> {
        match self {
            Self::Listed(places) => Some(listed(places, id)).filter(|&place| place != ABSENT),
            Self::Indexed(index) => index.find(id),
        }
    }

    /// The places of ids, [`ABSENT`] for those that have none.
    pub(crate) fn find_all(&self, ids: &[u64], places: &mut Vec<usize>) {
        match self {
            Self::Listed(list) => {
                places.clear();
                places.extend(ids.iter().map(|&id| listed(list, id)));
            }
            Self::Indexed(index) => index.find_all(ids, places),
        }
    }

    /// Adds an id that is not there.
    pub(crate) fn insert(&mut self, id: u64, place: usize) {
        match self {
            Self::Listed(places) if id < LISTED as u64 => {
                if id as usize >= places.len() {
                    places.resize((id as usize + 1).next_power_of_two(), 0);
                }
                // No place is beyond the number of ids.
                places[id as usize] = place as u32 + 1;
            }
            Self::Listed(_) => {
                let mut index = Index::default();
                self.iter().for_each(|(id, place)| index.insert(id, place));
                index.insert(id, place);
                *self = Self::Indexed(index);
            }
            Self::Indexed(index) => index.insert(id, place),
        }
    }

    /// All ids with their places, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, usize)> {
        let (list, index) = match self {
            Self::Listed(places) => (places.as_slice(), None),
            Self::Indexed(index) => (&[][..], Some(index)),
        };
        let present = |(id, &place): (usize, &u32)| (place > 0).then(|| (id as u64, place as usize - 1));
        list.iter().enumerate().filter_map(present).chain(index.into_iter().flat_map(Index::iter))
    }
}

fn listed(places: &[u32], id: u64) -> usize {
    // 0, for an id without a row, becomes `ABSENT`.
    (places.get(id as usize).copied().unwrap_or_default() as usize).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Inserts ids and finds them, and none other.
    fn check(ids: &[u64], mut places: Places) {
        let mut expected = BTreeMap::new();
        for (place, &id) in ids.iter().enumerate() {
            assert_eq!(places.find(id), expected.get(&id).copied());
            expected.entry(id).or_insert_with(|| {
                places.insert(id, place);
                place
            });
        }
        assert_eq!(places.iter().collect::<BTreeMap<_, _>>(), expected);
        let (others, mut found) = (ids.iter().map(|id| id ^ 1), Vec::new());
        let asked: Vec<u64> = ids.iter().copied().chain(others).collect();
        places.find_all(&asked, &mut found);
        let of_asked = asked.iter().map(|id| expected.get(id).copied().unwrap_or(ABSENT));
        assert!(found.iter().copied().eq(of_asked));
    }

    #[test]
    fn a_list_ends_with_the_first_large_id() {
        let last = LISTED as u64 - 1;
        check(&[0, last], Places::default());
        check(&[7, last, last + 1, 3, u64::MAX], Places::default());
        check(&[], Places::with_room_for(&[]));
        let mut places = Places::default();
        places.insert(last, 0);
        assert!(matches!(places, Places::Listed(_)));
        places.insert(last + 1, 1);
        assert!(matches!(places, Places::Indexed(_)));
    }

    #[test]
    fn with_room_from_the_start_a_list_does_not_grow() {
        for ids in [&[0, 5, 2][..], &[LISTED as u64 - 1]] {
            let mut places = Places::with_room_for(ids);
            ids.iter().enumerate().for_each(|(place, &id)| places.insert(id, place));
            let Places::Listed(list) = places else { panic!("{ids:?} are not listed") };
            assert_eq!(list.len() as u64, ids.iter().max().unwrap() + 1);
        }
        assert!(matches!(Places::with_room_for(&[1, LISTED as u64]), Places::Indexed(_)));
        assert!(matches!(Places::with_room_for(&[u64::MAX]), Places::Indexed(_)));
    }

    proptest! {
        #[test]
        fn it_is_a_map(ids in prop::collection::vec(prop_oneof![0..2000u64, (LISTED as u64 - 9)..(LISTED as u64 + 2), any::<u64>()], 0..200)) {
            check(&ids, Places::default());
            check(&ids, Places::with_room_for(&ids));
        }

        #[test]
        fn small_ids_are_mapped(ids in prop::collection::vec(0..2000u64, 0..200)) {
            check(&ids, Places::default());
            check(&ids, Places::with_room_for(&ids));
        }
    }
}
