//! Room in a lane's memory.

/// Room in a lane's memory: free stretches, by their start.
#[derive(Default)]
pub(super) struct Arena {
    free: Vec<(usize, usize)>,
    /// Numbers that it takes in all.
    pub(super) len: usize,
}

impl Arena {
    /// Numbers to which a stretch is rounded up: a line of the processor's cache.
    pub(super) const LINE: usize = 16;

    /// Takes the smallest free stretch that is long enough, or makes the arena longer.
    pub(super) fn take(&mut self, len: usize) -> usize {
        let len = len.next_multiple_of(Self::LINE);
        if len == 0 {
            return 0;
        }
        let fitting = self.free.iter().enumerate().filter(|(_, stretch)| stretch.1 >= len);
        if let Some((i, &(start, free))) = fitting.min_by_key(|(_, stretch)| stretch.1) {
            self.free[i] = (start + len, free - len);
            self.free.retain(|stretch| stretch.1 > 0);
            return start;
        }
        // Beyond all memory the places overlap, and the program is refused for its length.
        self.len = self.len.saturating_add(len);
        self.len - len
    }

    /// Gives a stretch back and joins it with its free neighbours.
    pub(super) fn give(&mut self, start: usize, len: usize) {
        if len == 0 {
            return;
        }
        self.free.push((start, len.next_multiple_of(Self::LINE)));
        self.free.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::with_capacity(self.free.len());
        for &(start, len) in &self.free {
            match joined.last_mut() {
                Some(last) if last.0 + last.1 == start => last.1 += len,
                _ => joined.push((start, len)),
            }
        }
        self.free = joined;
    }
}
