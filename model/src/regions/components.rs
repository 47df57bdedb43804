//! Connected components, found by the runs of their rows.
//!
//! Runs are in raster order. Runs of neighbouring rows that overlap are joined under the first of them, so that the
//! root of a component is the run with its first pixel.

use super::Mask;

/// Pixels of a row, from `first` to before `end`.
struct Run {
    row: u32,
    first: u32,
    end: u32,
    /// An earlier run of the same component, or itself.
    parent: u32,
}

/// All runs of a mask, joined.
struct Runs(Vec<Run>);

impl Runs {
    fn of(mask: &Mask) -> Self {
        let mut runs = Self(Vec::new());
        let mut above = 0..0;
        for row in 0..mask.rows {
            let start = runs.0.len();
            runs.add(row, mask.row(row));
            let here = start..runs.0.len();
            runs.join(above, here.clone());
            above = here;
        }
        runs
    }

    /// The runs of one row.
    fn add(&mut self, row: usize, words: &[u64]) {
        let mut open = None;
        let mut last = 0;
        let mut turn = |at: usize| match open.take() {
            None => open = Some(at),
            Some(first) => {
                let parent = self.0.len() as u32;
                self.0.push(Run { row: row as u32, first: first as u32, end: at as u32, parent });
            }
        };
        for (i, word) in words.iter().enumerate() {
            // Where a pixel differs from the one before it.
            let mut turns = word ^ (word << 1 | last);
            last = word >> 63;
            while turns != 0 {
                turn(64 * i + turns.trailing_zeros() as usize);
                turns &= turns - 1;
            }
        }
        if last == 1 {
            turn(64 * words.len());
        }
    }

    /// Joins runs of a row with those of the row above that they touch.
    fn join(&mut self, mut above: std::ops::Range<usize>, here: std::ops::Range<usize>) {
        for run in here {
            let (first, end) = (self.0[run].first, self.0[run].end);
            while above.start < above.end && self.0[above.start].end <= first {
                above.start += 1;
            }
            for touched in above.clone() {
                if self.0[touched].first >= end {
                    break;
                }
                let (a, b) = (self.root(touched), self.root(run));
                self.0[a.max(b)].parent = a.min(b) as u32;
            }
        }
    }

    /// The first run of a run's component.
    fn root(&mut self, mut run: usize) -> usize {
        while self.0[run].parent as usize != run {
            // Every second one on the way is brought nearer.
            let grandparent = self.0[self.0[run].parent as usize].parent;
            self.0[run].parent = grandparent;
            run = grandparent as usize;
        }
        run
    }

    /// The root of every run.
    fn roots(&mut self) -> Vec<u32> {
        (0..self.0.len()).map(|run| self.root(run) as u32).collect()
    }
}

impl Run {
    fn len(&self) -> usize {
        (self.end - self.first) as usize
    }
}

impl Mask {
    /// The component with most pixels; the first met in raster order among equals. `None` if nothing is true.
    pub fn largest_component(&self) -> Option<Self> {
        let mut runs = Runs::of(self);
        let roots = runs.roots();
        let mut sizes = vec![0usize; roots.len()];
        roots.iter().zip(&runs.0).for_each(|(root, run)| sizes[*root as usize] += run.len());
        // The last of the largest in reverse order is the first met.
        let (best, _) = sizes.iter().enumerate().rev().max_by_key(|(_, size)| **size)?;
        let mut component = Self { words: vec![0; self.words.len()], ..*self };
        for (_, run) in roots.iter().zip(&runs.0).filter(|(root, _)| **root as usize == best) {
            let columns = run.first as usize..run.end as usize;
            let start = run.row as usize * self.width;
            for word in columns.start / 64..columns.end.div_ceil(64) {
                component.words[start + word] |= super::bits(&columns, word);
            }
        }
        Some(component)
    }

    /// The components, each as its pixels (places in row-major order) in raster order; in the raster order of their
    /// first pixels.
    pub fn components(&self) -> Vec<Vec<usize>> {
        let mut runs = Runs::of(self);
        let roots = runs.roots();
        let mut number = vec![0; roots.len()];
        let mut components: Vec<Vec<usize>> = Vec::new();
        for (i, (root, run)) in roots.iter().zip(&runs.0).enumerate() {
            let root = *root as usize;
            if root == i {
                number[root] = components.len();
                components.push(Vec::new());
            }
            let start = run.row as usize * self.columns;
            components[number[root]].extend(start + run.first as usize..start + run.end as usize);
        }
        components
    }
}
