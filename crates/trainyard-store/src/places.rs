//! Where the row of each id of a table is.

use crate::index::{ABSENT, Index};

/// Ids below this are kept in a list: what it takes, 4 MiB a table at most, is less than an index of a tenth as many.
const LISTED: usize = 1 << 20;

/// Ids below this have places of their own, if rows are short: [`SHORT`] floats for each take 4 MiB a table at most.
const OWN: usize = 1 << 18;

/// Floats that a row with a place of its own takes at most: 16 bytes, so that rows that nobody asks for cost little more than the 4
/// bytes of a place in a list.
const SHORT: usize = 4;

/// The place of each id that has a row.
///
/// Ids of features are mostly small, since vocabularies and hash buckets count from 0. What looking up costs is misses of the
/// processor's caches, so these are kept few: a short row lies at the place of its id, and only whether it is there is looked up, a bit
/// an id. Places of longer rows are a list, which takes 4 bytes an id where an [`Index`] takes 32 to 64. The first larger id turns the
/// one into the other.
#[derive(Debug)]
pub(crate) enum Places {
    /// The place of an id is the id: a bit for each that has a row.
    Own(Vec<u64>),
    /// By id the place and 1, 0 for an id without a row.
    Listed(Vec<u32>),
    /// Of any ids.
    Indexed(Index),
}

impl Places {
    /// No places yet, of rows that take so many floats with what fills them up.
    pub(crate) fn new(stride: usize) -> Self {
        if stride <= SHORT { Self::Own(Vec::new()) } else { Self::Listed(Vec::new()) }
    }

    /// The same with room for these ids.
    pub(crate) fn with_room_for(stride: usize, ids: &[u64]) -> Self {
        let end = ids.iter().max().map_or(0, |&most| most.saturating_add(1));
        match Self::new(stride) {
            Self::Own(_) if end <= OWN as u64 => Self::Own(vec![0; (end as usize).div_ceil(64)]),
            _ if end <= LISTED as u64 => Self::Listed(vec![0; end as usize]),
            _ => Self::Indexed(Index::with_capacity(ids.len())),
        }
    }

    /// The place of an id.
    pub(crate) fn find(&self, id: u64) -> Option<usize> {
        match self {
            Self::Own(present) => Some(own(present, id)).filter(|&place| place != ABSENT),
            Self::Listed(places) => Some(listed(places, id)).filter(|&place| place != ABSENT),
            Self::Indexed(index) => index.find(id),
        }
    }

    /// The places of ids, [`ABSENT`] for those that have none.
    pub(crate) fn find_all(&self, ids: &[u64], places: &mut Vec<usize>) {
        places.clear();
        match self {
            Self::Own(present) => places.extend(ids.iter().map(|&id| own(present, id))),
            Self::Listed(list) => places.extend(ids.iter().map(|&id| listed(list, id))),
            Self::Indexed(index) => index.find_all(ids, places),
        }
    }

    /// Adds an id that is not there, and gives its place: `next`, behind all others, unless it has one of its own.
    pub(crate) fn add(&mut self, id: u64, next: usize) -> usize {
        match self {
            Self::Own(present) if id < OWN as u64 => {
                let word = id as usize / 64;
                if word >= present.len() {
                    present.resize((word + 1).next_power_of_two(), 0);
                }
                present[word] |= 1 << (id % 64);
                return id as usize;
            }
            Self::Listed(places) if id < LISTED as u64 => {
                if id as usize >= places.len() {
                    places.resize((id as usize + 1).next_power_of_two(), 0);
                }
                // A place is below `OWN`, or one of `LISTED` that follow, so it fits.
                places[id as usize] = next as u32 + 1;
            }
            Self::Indexed(index) => index.insert(id, next),
            Self::Own(_) | Self::Listed(_) => {
                self.widen();
                return self.add(id, next);
            }
        }
        next
    }

    /// Makes it hold larger ids. Places stay, and so do those between that nobody has.
    fn widen(&mut self) {
        if let Self::Own(_) = self {
            let mut list = vec![0; 2 * OWN];
            self.iter().for_each(|(id, place)| list[id as usize] = place as u32 + 1);
            *self = Self::Listed(list);
        } else {
            let mut index = Index::default();
            self.iter().for_each(|(id, place)| index.insert(id, place));
            *self = Self::Indexed(index);
        }
    }

    /// All ids with their places, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, usize)> {
        let (present, list, index) = match self {
            Self::Own(present) => (present.as_slice(), &[][..], None),
            Self::Listed(list) => (&[][..], list.as_slice(), None),
            Self::Indexed(index) => (&[][..], &[][..], Some(index)),
        };
        let own = (0..64 * present.len() as u64).filter(|&id| own(present, id) != ABSENT).map(|id| (id, id as usize));
        let listed = |(id, &place): (usize, &u32)| (place > 0).then(|| (id as u64, place as usize - 1));
        own.chain(list.iter().enumerate().filter_map(listed)).chain(index.into_iter().flat_map(Index::iter))
    }
}

fn own(present: &[u64], id: u64) -> usize {
    let word = present.get((id / 64) as usize).copied().unwrap_or_default();
    if word >> (id % 64) & 1 == 1 { id as usize } else { ABSENT }
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

    /// Rows that have places of their own, and rows that have none.
    const STRIDES: [usize; 2] = [SHORT, SHORT + 1];

    /// Adds ids and finds them, and none other; no two have one place.
    fn check(ids: &[u64], mut places: Places) {
        let (mut expected, mut next) = (BTreeMap::new(), 0);
        for &id in ids {
            assert_eq!(places.find(id), expected.get(&id).copied());
            expected.entry(id).or_insert_with(|| {
                let place = places.add(id, next);
                next = next.max(place + 1);
                place
            });
        }
        assert_eq!(places.iter().collect::<BTreeMap<_, _>>(), expected);
        assert_eq!(expected.values().collect::<std::collections::BTreeSet<_>>().len(), expected.len());
        let (others, mut found) = (ids.iter().map(|id| id ^ 1), Vec::new());
        let asked: Vec<u64> = ids.iter().copied().chain(others).collect();
        places.find_all(&asked, &mut found);
        let of_asked = asked.iter().map(|id| expected.get(id).copied().unwrap_or(ABSENT));
        assert!(found.iter().copied().eq(of_asked));
    }

    fn check_all(ids: &[u64]) {
        for stride in STRIDES {
            check(ids, Places::new(stride));
            check(ids, Places::with_room_for(stride, ids));
        }
    }

    #[test]
    fn a_list_ends_with_the_first_large_id() {
        let (own, last) = (OWN as u64 - 1, LISTED as u64 - 1);
        for ids in
            [&[0, last][..], &[7, last, last + 1, 3, u64::MAX], &[own, 5, own + 1, last + 1], &[9, u64::MAX], &[]]
        {
            check_all(ids);
        }
        let mut places = Places::new(SHORT);
        let kinds = [own, own + 1, last, last + 1].map(|id| {
            places.add(id, id as usize);
            match places {
                Places::Own(_) => "own",
                Places::Listed(_) => "listed",
                Places::Indexed(_) => "indexed",
            }
        });
        assert_eq!(kinds, ["own", "listed", "listed", "indexed"]);
    }

    #[test]
    fn with_room_from_the_start_a_list_does_not_grow() {
        for ids in [&[0, 5, 2][..], &[LISTED as u64 - 1]] {
            let mut places = Places::with_room_for(SHORT + 1, ids);
            ids.iter().enumerate().for_each(|(place, &id)| assert_eq!(places.add(id, place), place));
            let Places::Listed(list) = places else { panic!("{ids:?} are not listed") };
            assert_eq!(list.len() as u64, ids.iter().max().unwrap() + 1);
        }
        for stride in STRIDES {
            assert!(matches!(Places::with_room_for(stride, &[1, LISTED as u64]), Places::Indexed(_)));
            assert!(matches!(Places::with_room_for(stride, &[u64::MAX]), Places::Indexed(_)));
        }
    }

    proptest! {
        #[test]
        fn it_is_a_map(ids in prop::collection::vec(
            prop_oneof![
                0..2000u64,
                (OWN as u64 - 9)..(OWN as u64 + 2),
                (LISTED as u64 - 9)..(LISTED as u64 + 2),
                any::<u64>(),
            ],
            0..200,
        )) {
            check_all(&ids);
        }

        #[test]
        fn small_ids_are_mapped(ids in prop::collection::vec(0..2000u64, 0..200)) {
            check_all(&ids);
        }
    }
}
