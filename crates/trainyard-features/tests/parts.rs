//! Rounds and what collectors found, as bytes between processes: refused when they are damaged or of another round, and safe to
//! read whatever is in them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{batch, features, fit, rows};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use trainyard_features::{Error, Fitting, Round};

/// The rounds that the features take, each with what a collector found in it.
fn rounds() -> Vec<(Round, Vec<u8>)> {
    let mut rounds = Vec::new();
    let mut fitting = features().fit();
    while let Some(round) = fitting.round().cloned() {
        let collector = round.collector();
        collector.update(&batch(&rows())).unwrap();
        rounds.push((round, collector.to_bytes().unwrap()));
        fitting.absorb(collector).unwrap();
    }
    rounds
}

#[track_caller]
fn check_refused(round: &Round, bytes: &[u8], expected: &str) {
    let message = round.read(bytes).unwrap_err().to_string();
    assert!(message.starts_with("cannot take in a part of fitting: ") && message.contains(expected), "{message}");
}

#[test]
fn a_round_reads_the_columns_of_its_copy_and_knows_it_by_its_bytes() {
    for (round, _) in rounds() {
        let copy = Round::from_bytes(&round.to_bytes().unwrap()).unwrap();
        assert_eq!((copy.columns(), copy.to_bytes().unwrap()), (round.columns(), round.to_bytes().unwrap()));
        let mine = round.collector();
        mine.update(&batch(&rows())).unwrap();
        let mut theirs = copy.collector();
        theirs.update(&batch(&rows())).unwrap();
        assert_eq!(theirs.rows(), 50);
        theirs.merge(mine).unwrap();
        assert_eq!(theirs.rows(), 100);
    }
}

#[test]
fn what_comes_as_bytes_is_fitted_as_what_was_seen_here() {
    let mut fitting = features().fit();
    while let Some(round) = fitting.round().cloned() {
        let collector = round.collector();
        collector.update(&batch(&rows())).unwrap();
        fitting.absorb(round.read(&collector.to_bytes().unwrap()).unwrap()).unwrap();
    }
    assert_eq!(fitting.finish().unwrap().to_json(), fit(&[vec![batch(&rows())]], false).to_json());
}

#[test]
fn what_is_of_another_round_is_refused() {
    let rounds = rounds();
    check_refused(&rounds[1].0, &rounds[0].1, "are of another round; make new ones for each round");
    let message = rounds[0].0.collector().merge(rounds[1].0.collector()).unwrap_err().to_string();
    assert_eq!(
        message,
        "cannot fit the features: the collectors are of different rounds; merge those of one round only"
    );
    let mut fitting: Fitting = features().fit();
    assert!(matches!(fitting.absorb(rounds[1].0.collector()), Err(Error::Fit { .. })));
}

#[test]
fn damaged_bytes_are_refused() {
    let (round, bytes) = rounds().swap_remove(0);
    for end in [0, 7, 71, 72, bytes.len() - 1] {
        assert!(round.read(&bytes[..end]).is_err(), "{end}");
    }
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    check_refused(&round, &flipped, "are damaged: their hash is another; send them again");
    let mut other = bytes;
    other[7] = 99;
    check_refused(&round, &other, "is not a collector of this version; use the same program everywhere");
}

#[test]
fn a_round_of_another_version_is_refused() {
    let text = String::from_utf8(rounds()[0].0.to_bytes().unwrap()).unwrap();
    let message = Round::from_bytes(text.replacen("\"version\":1", "\"version\":2", 1).as_bytes()).unwrap_err();
    assert!(message.to_string().contains("it is `trainyard-round` of version 2, expected"), "{message}");
    assert!(matches!(Round::from_bytes(b"{}"), Err(Error::Exchange { .. })));
}

/// Replaces bytes of what a collector found, and makes the hash fit again.
fn forged(bytes: &[u8], changes: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) -> Vec<u8> {
    let (header, hash) = (40, 32);
    let mut bytes = bytes[..bytes.len() - hash].to_vec();
    for (place, byte) in changes {
        let place = header + place.index(bytes.len() - header);
        bytes[place] = *byte;
    }
    if let Some(cut) = cut {
        bytes.truncate(header + cut.index(bytes.len() - header));
    }
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn forged_bytes_are_read_or_refused(
        round in 0usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        thread_local!(static ROUNDS: Vec<(Round, Vec<u8>)> = rounds());
        ROUNDS.with(|rounds| {
            let (round, bytes) = &rounds[round % rounds.len()];
            if let Ok(read) = round.read(&forged(bytes, &changes, cut)) {
                let mut collector = round.collector();
                collector.update(&batch(&rows())).unwrap();
                collector.merge(read).unwrap();
                collector.to_bytes().unwrap();
            }
        });
    }

    #[test]
    fn a_changed_round_is_read_or_refused(
        round in 0usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0x20u8..0x7f), 1..4),
    ) {
        thread_local!(static BYTES: Vec<Vec<u8>> = rounds().iter().map(|(round, _)| round.to_bytes().unwrap()).collect());
        BYTES.with(|rounds| {
            let mut bytes = rounds[round % rounds.len()].clone();
            for (place, byte) in &changes {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            if let Ok(round) = Round::from_bytes(&bytes) {
                let _ = round.collector().update(&batch(&rows()));
            }
        });
    }
}
