//! What a cache says about itself, in the footer of its file.

use serde::{Deserialize, Serialize};
use trainyard_graph::random;

use super::labels::LabelTotals;
use super::layout::Layout;

/// The key in the footer's metadata.
pub(super) const KEY: &str = "trainyard.cache";
/// The version that this code writes and reads.
pub(super) const VERSION: u32 = 3;
/// Seed of [`Index::content`]. It stays between versions: where the bytes of blocks do, too, as those without ids of 16 bits from format 2
/// to 3, training goes on with what a later version encodes.
const CONTENT: u64 = 1;

/// What is in the file, and where. It alone decides how the file is read; Arrow's own footer serves other programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Index {
    /// The format of the file.
    pub version: u32,
    /// The `encoding_fingerprint` of the features that made the rows, and what they were made for.
    pub fingerprint: String,
    /// What the source was.
    pub source: String,
    /// Rows of the source that could not be read and were left out.
    pub skipped: u64,
    /// How the rows are stored.
    pub layout: Layout,
    /// The blocks, in the order of the rows.
    pub blocks: Vec<BlockEntry>,
    /// What their labels add up to.
    pub labels: LabelTotals,
}

/// Where a block is and what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct BlockEntry {
    /// Its first byte.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// CRC-32 of its bytes.
    pub crc: u32,
    /// Its rows.
    pub rows: u32,
    /// The mean of its labels; 0 without labels.
    pub label_mean: f64,
    /// Their variance; 0 without labels.
    pub label_variance: f64,
}

impl Index {
    /// Its text: a checksum, then JSON.
    pub(super) fn to_text(&self) -> Result<String, String> {
        let json = serde_json::to_string(self).map_err(|error| error.to_string())?;
        Ok(format!("{:08x} {json}", crc32fast::hash(json.as_bytes())))
    }

    /// Reads [`Index::to_text`], or says why it cannot.
    pub(super) fn from_text(text: &str) -> Result<Self, String> {
        let (crc, json) = text.split_once(' ').ok_or("its index has no checksum")?;
        if u32::from_str_radix(crc, 16) != Ok(crc32fast::hash(json.as_bytes())) {
            return Err("the checksum of its index does not fit".to_owned());
        }
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if version != VERSION {
            return Err(format!("it has format version {version}, but this program reads version {VERSION}"));
        }
        serde_json::from_str(json).map_err(|error| format!("its index cannot be read: {error}"))
    }

    /// Rows of all blocks.
    pub(super) fn rows(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.rows)).sum()
    }

    /// What tells these rows from others: a hash of how many each block has and of their bytes.
    pub(super) fn content(&self) -> u64 {
        let start = random::stream(CONTENT, "content");
        self.blocks
            .iter()
            .fold(start, |hash, block| random::bits(hash, u64::from(block.rows) << 32 | u64::from(block.crc)))
    }

    /// The part of the labels' variance that lies between blocks, in `[0, 1]`; 0 when all labels are equal.
    pub(super) fn label_clustering(&self) -> f64 {
        let rows = self.rows() as f64;
        let weighted = |value: &dyn Fn(&BlockEntry) -> f64| {
            self.blocks.iter().map(|block| f64::from(block.rows) * value(block)).sum::<f64>() / rows
        };
        let mean = weighted(&|block| block.label_mean);
        let between = weighted(&|block| (block.label_mean - mean).powi(2));
        let total = between + weighted(&|block| block.label_variance);
        if total > 0.0 { between / total } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(means_and_variances: &[(f64, f64)]) -> Index {
        let block = |&(label_mean, label_variance): &(f64, f64)| BlockEntry {
            offset: 0,
            length: 0,
            crc: 0,
            rows: 100,
            label_mean,
            label_variance,
        };
        let layout = Layout { numeric_width: 1, ids: Vec::new(), labels: true, weights: false };
        let blocks = means_and_variances.iter().map(block).collect();
        let labels = LabelTotals { weight: 300.0, sum: 0.1, classes: vec![100.0, 200.0] };
        Index { version: VERSION, fingerprint: "f".into(), source: "s".into(), skipped: 0, layout, blocks, labels }
    }

    #[track_caller]
    fn check_clustering(blocks: &[(f64, f64)], expected: f64) {
        assert!((index(blocks).label_clustering() - expected).abs() < 1e-12);
    }

    #[test]
    fn sorted_labels_are_clustered() {
        check_clustering(&[(0.0, 0.0), (1.0, 0.0)], 1.0);
    }

    #[test]
    fn mixed_labels_are_not_clustered() {
        check_clustering(&[(0.5, 0.25), (0.5, 0.25)], 0.0);
        check_clustering(&[(1.0, 0.0)], 0.0);
    }

    #[test]
    fn other_rows_have_another_content() {
        let index = index(&[(0.0, 0.0), (0.0, 0.0)]);
        let changed = |change: &dyn Fn(&mut Vec<BlockEntry>)| {
            let mut other = index.clone();
            change(&mut other.blocks);
            other.content()
        };
        let contents = [
            index.content(),
            changed(&|blocks| blocks[1].crc = 1),
            changed(&|blocks| blocks[0].crc = 1),
            changed(&|blocks| blocks[0].rows = 99),
            changed(&|blocks| blocks.truncate(1)),
        ];
        assert_eq!(contents.iter().collect::<std::collections::BTreeSet<_>>().len(), contents.len());
        assert_eq!(changed(&|blocks| blocks[0].offset = 7), index.content());
        assert_eq!(index.content(), 11_589_622_501_288_511_963, "checkpoints know it");
    }

    #[test]
    fn the_text_gives_the_index_back() {
        let index = index(&[(0.1, 0.2)]);
        assert_eq!(Index::from_text(&index.to_text().unwrap()), Ok(index));
    }

    #[test]
    fn damage_and_other_versions_are_told() {
        let text = index(&[]).to_text().unwrap();
        assert!(Index::from_text(&text.replace("\"f\"", "\"g\"")).unwrap_err().contains("checksum"));
        let later = Index { version: VERSION + 1, ..index(&[]) };
        let told = format!("format version {}", VERSION + 1);
        assert!(Index::from_text(&later.to_text().unwrap()).unwrap_err().contains(&told));
        assert!(Index::from_text("").is_err());
    }
}
