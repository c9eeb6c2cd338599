//! How much memory the work on rows may take.

use std::fmt;
use std::fs;
use std::str::FromStr;
use std::thread;

use serde::{Deserialize, Serialize};

/// A bound on the memory that fitting, encoding, shuffling and loading take together with the program itself: what they
/// hold for rows follows from it, and neither from the number of rows nor from that of threads.
///
/// It is written as a number with a unit, `"1GiB"` or `"500 MB"`; a number alone counts bytes. The model is not part of it,
/// and a single batch or row is as large as it is.
///
/// ```
/// use trainyard_data::Memory;
///
/// let memory: Memory = "1GiB".parse()?;
/// assert_eq!(memory.bytes(), 1 << 30);
/// assert_eq!(memory.to_string(), "1GiB");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Memory(u64);

const MIB: u64 = 1 << 20;
const UNITS: [(&str, u64); 7] = [
    ("GiB", MIB << 10),
    ("GB", 1_000_000_000),
    ("MiB", MIB),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1000),
    ("B", 1),
];

impl Memory {
    /// The least that can be asked for, 64 MiB: the program and a few batches take that much.
    pub const LEAST: Memory = Memory(64 * MIB);
    /// What a machine is taken to have that does not tell, 4 GiB.
    const UNKNOWN: u64 = 4096 * MIB;

    /// Half of what the machine has, or of what its container may use.
    pub fn of_machine() -> Self {
        let limits = [of_machine(), of_container()];
        Self(limits.into_iter().flatten().min().unwrap_or(Self::UNKNOWN) / 2).max(Self::LEAST)
    }

    /// The bound in bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// Bytes that a group of blocks may take that a [`Loader`](crate::Loader) mixes; it holds two of them. An eighth, and not
    /// over 256 MiB, so that all machines of 4 GiB and more mix the same rows unless they are told otherwise.
    pub fn shuffle_bytes(self) -> u64 {
        (self.0 / 8).min(256 * MIB)
    }

    /// Bytes that counts of values may take while features are fitted, before they go to disk: a half. Samples of them, for statistics, are
    /// bounded by themselves.
    pub fn fit_bytes(self) -> u64 {
        self.0 / 2
    }

    /// Bytes of rows that may be on their way from a file to a cache: a quarter.
    pub(crate) fn flight_bytes(self) -> u64 {
        self.0 / 4
    }
}

/// What the machine lends to the work on rows. Results do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Threads that compute. At least 1.
    pub threads: usize,
    /// The memory that rows may take.
    pub memory: Memory,
}

impl Default for Resources {
    /// All cores and half of the memory.
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self { threads, memory: Memory::of_machine() }
    }
}

/// Physical memory as Linux tells it: `MemTotal: 1234 kB`.
fn of_machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1 << 10)
}

/// The limit of the control group that a container is, if there is one.
fn of_container() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    files.iter().find_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
}

impl TryFrom<String> for Memory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Memory> for String {
    fn from(memory: Memory) -> Self {
        memory.to_string()
    }
}

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim();
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((number.strip_suffix(unit)?, *bytes)));
        let (number, unit) = unit.unwrap_or((number, 1));
        let bytes = number.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        let bytes = bytes.map(|number| (number * unit as f64).round());
        let Some(bytes) = bytes.filter(|bytes| *bytes < u64::MAX as f64) else {
            return Err(format!("`{text}` is no amount of memory; write it as `1GiB` or `500MB`"));
        };
        let memory = Self(bytes as u64);
        if memory < Self::LEAST {
            return Err(format!("`{text}` is too little memory; give at least {}", Self::LEAST));
        }
        Ok(memory)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, bytes)| self.0.is_multiple_of(*bytes));
        let (unit, bytes) = whole.unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes: u64, shown: &str) {
        let memory: Memory = text.parse().unwrap();
        assert_eq!((memory.bytes(), memory.to_string().as_str()), (bytes, shown));
        assert_eq!(memory.to_string().parse(), Ok(memory));
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let error = text.parse::<Memory>().unwrap_err();
        assert!(error.contains(text) && error.contains(expected), "{error}");
    }

    #[test]
    fn amounts_are_written_with_units() {
        check("1GiB", 1 << 30, "1GiB");
        check(" 1.5 GiB ", 3 << 29, "1536MiB");
        check("256MiB", 256 << 20, "256MiB");
        check("10GB", 10_000_000_000, "10GB");
        check("500 MB", 500_000_000, "500MB");
        check("100000001", 100_000_001, "100000001B");
    }

    #[test]
    fn what_is_no_amount_or_too_little_is_refused() {
        for text in ["", "much", "1 TB", "-1GiB", "nanGB", "1e300GiB", "1 G", "GiB"] {
            check_refused(text, "no amount of memory; write it as `1GiB`");
        }
        for text in ["0", "1", "63MiB"] {
            check_refused(text, "too little memory; give at least 64MiB");
        }
    }

    #[test]
    fn the_machine_is_asked() {
        assert!((Memory::LEAST.bytes()..1 << 50).contains(&Memory::of_machine().bytes()));
    }

    #[test]
    fn a_spec_holds_it_as_text() {
        let memory: Memory = serde_json::from_str("\"1GiB\"").unwrap();
        assert_eq!(serde_json::to_string(&memory).unwrap(), "\"1GiB\"");
        assert!(serde_json::from_str::<Memory>("\"1 lot\"").is_err());
    }
}
