//! The first of many by a rank.

/// The least number of which twice as many are held before they are cut: a low limit would else cut at each text.
const FEW: usize = 1024;

/// The greatest of many texts by a rank, those of equal rank by their bytes, in memory of their number.
#[derive(Debug)]
pub(super) struct Top<R> {
    limit: usize,
    kept: Vec<(R, String)>,
    /// Lower ranks are not among them.
    floor: Option<R>,
}

impl<R: Ord + Copy> Top<R> {
    /// Keeps so many.
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), floor: None }
    }

    /// Adds a text, which is only made when it may be kept.
    pub fn push(&mut self, rank: R, text: impl FnOnce() -> String) {
        if self.floor.is_none_or(|floor| rank >= floor) {
            self.kept.push((rank, text()));
        }
        if self.kept.len() >= self.limit.max(FEW).saturating_mul(2) {
            self.cut();
        }
    }

    /// The texts by falling rank.
    pub fn into_sorted(mut self) -> Vec<(R, String)> {
        self.kept.sort_unstable_by(|a, b| b.cmp(a));
        self.kept.truncate(self.limit);
        self.kept
    }

    fn cut(&mut self) {
        if let Some(last) = self.limit.min(self.kept.len()).checked_sub(1) {
            self.kept.select_nth_unstable_by(last, |a, b| b.cmp(a));
            self.floor = Some(self.kept[last].0);
        }
        self.kept.truncate(self.limit);
    }
}
