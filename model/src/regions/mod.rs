//! Connected regions of a mask, and their shrinking by city-block distance.
//!
//! Neighbours are the four that share an edge. What lies outside the image is background.
//!
//! Invariant: a row is so many whole words, its first column the lowest bit of the first; bits behind the last column
//! are 0. So 64 pixels are moved, met or counted at once, and a mask of a 4096 x 3328 image stays in the cache.

mod components;
#[cfg(test)]
pub(crate) mod tests;

use std::ops::Range;

/// A yes-or-no picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    rows: usize,
    columns: usize,
    /// Words of a row.
    width: usize,
    words: Vec<u64>,
}

/// Where a mask is true: first row, end of rows, first column, end of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// First row.
    pub top: usize,
    /// One past the last row.
    pub bottom: usize,
    /// First column.
    pub left: usize,
    /// One past the last column.
    pub right: usize,
}

/// 64 values, or fewer, as bits.
fn word<T>(values: &[T], is: impl Fn(&T) -> bool) -> u64 {
    let mut bytes = [0u8; 64];
    match values.as_array::<64>() {
        // The length is known: many are compared at once.
        Some(values) => bytes.iter_mut().zip(values).for_each(|(b, v)| *b = u8::from(is(v))),
        None => bytes.iter_mut().zip(values).for_each(|(b, v)| *b = u8::from(is(v))),
    }
    // The product brings the lowest bits of eight bytes together in the highest byte.
    let eight = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    bytes.as_chunks::<8>().0.iter().rev().fold(0, |word, bytes| word << 8 | eight(bytes))
}

impl Mask {
    /// Where row-major `values` of so many columns, at least one, are.
    pub fn of<T>(values: &[T], columns: usize, is: impl Fn(&T) -> bool) -> Self {
        let (rows, width) = (values.len() / columns, columns.div_ceil(64));
        let mut words = Vec::with_capacity(rows * width);
        for row in values.chunks_exact(columns) {
            words.extend(row.chunks(64).map(|values| word(values, &is)));
        }
        Self { rows, columns, width, words }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    fn row(&self, row: usize) -> &[u64] {
        &self.words[row * self.width..(row + 1) * self.width]
    }

    /// Whether it is true there.
    pub fn is(&self, row: usize, column: usize) -> bool {
        self.row(row)[column / 64] >> (column % 64) & 1 == 1
    }

    /// Row-major, `rows` times `columns`.
    pub fn values(&self) -> impl Iterator<Item = bool> {
        (0..self.rows).flat_map(move |row| (0..self.columns).map(move |column| self.is(row, column)))
    }

    /// How many pixels are true.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The share of the pixels that is true.
    pub fn share(&self) -> f64 {
        self.count() as f64 / (self.rows * self.columns) as f64
    }

    /// How many are true within these columns.
    fn count_within(&self, columns: Range<usize>) -> usize {
        let inside: Vec<u64> = (0..self.width).map(|word| bits(&columns, word)).collect();
        let row = |row: &[u64]| row.iter().zip(&inside).map(|(word, bits)| (word & bits).count_ones() as usize).sum();
        self.words.chunks_exact(self.width).map::<usize, _>(row).sum()
    }

    /// How many of a row are true within these columns.
    pub fn count_in_row(&self, row: usize, columns: Range<usize>) -> usize {
        let words = columns.start / 64..columns.end.div_ceil(64).max(columns.start / 64);
        let row = self.row(row)[words.clone()].iter().zip(words);
        row.map(|(word, at)| (word & bits(&columns, at)).count_ones() as usize).sum()
    }

    /// Whether the last half of the columns (floor of the width) holds more than the first.
    pub fn right_half_is_fuller(&self) -> bool {
        let half = self.columns / 2;
        self.count_within(self.columns - half..self.columns) > self.count_within(0..half)
    }

    /// The first column of a row that is true, and one past the last; `None` if none is.
    pub fn extent(&self, row: usize) -> Option<(usize, usize)> {
        let row = self.row(row);
        let first = row.iter().position(|word| *word != 0)?;
        let last = row.iter().rposition(|word| *word != 0)?;
        let zeros = |word: u32| word as usize;
        Some((64 * first + zeros(row[first].trailing_zeros()), 64 * (last + 1) - zeros(row[last].leading_zeros())))
    }

    /// The box around what is true; `None` if nothing is.
    pub fn bounds(&self) -> Option<Bounds> {
        let extents = (0..self.rows).filter_map(|row| Some((row, self.extent(row)?)));
        extents.fold(None, |bounds: Option<Bounds>, (row, (left, right))| {
            let b = bounds.unwrap_or(Bounds { top: row, bottom: row + 1, left, right });
            Some(Bounds { top: b.top, bottom: row + 1, left: b.left.min(left), right: b.right.max(right) })
        })
    }

    /// The share of the image's border that is true, without so many rows at the top and bottom. There must be more.
    pub fn border_share(&self, rows_left_out: usize) -> f64 {
        let (first, last) = (rows_left_out, self.rows - 1 - rows_left_out);
        let count = |r: usize| self.row(r).iter().map(|word| word.count_ones() as usize).sum::<usize>();
        let ends_of = |r: usize| usize::from(self.is(r, 0)) + usize::from(self.is(r, self.columns - 1));
        let sides = (first..=last).map(ends_of).sum::<usize>();
        (count(first) + count(last) + sides) as f64 / (2 * self.columns + 2 * (last + 1 - first)) as f64
    }

    /// Makes these rows background.
    pub fn clear(&mut self, rows: Range<usize>) {
        self.words[rows.start * self.width..rows.end * self.width].fill(0);
    }

    /// Left and right swapped.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let values = |row: usize| (0..self.columns).rev().map(move |column| self.is(row, column));
        let values: Vec<bool> = (0..self.rows).flat_map(values).collect();
        Self::of(&values, self.columns, |v| *v)
    }

    /// What remains after `n` erosions with the four-neighbour cross: pixels further than `n` from background.
    ///
    /// With D(k) the pixels at most k away, D(k + j) is D(k), moved by j in each of the four directions, and D(k)
    /// itself, as long as j <= max(k, 1): the distance doubles with every step.
    #[must_use]
    pub fn eroded(&self, n: usize) -> Self {
        let mut mask = self.clone();
        let mut spare = self.clone();
        let mut reached = 0;
        while reached < n {
            let step = reached.max(1).min(n - reached);
            mask.meet(step, &mut spare.words);
            std::mem::swap(&mut mask.words, &mut spare.words);
            reached += step;
        }
        mask
    }

    /// Writes where this is true, and also `by` pixels above, below, to the left and to the right.
    fn meet(&self, by: usize, out: &mut [u64]) {
        let (words, bits) = (by / 64, by % 64);
        // A row with background on both sides.
        let mut wide = vec![0; self.width + 2 * words + 2];
        for (row, out) in out.chunks_exact_mut(self.width).enumerate() {
            if row < by || row + by >= self.rows {
                out.fill(0);
                continue;
            }
            let (above, here, below) = (self.row(row - by), self.row(row), self.row(row + by));
            wide[words + 1..][..self.width].copy_from_slice(here);
            let (left, right) = (wide.windows(2), wide[2 * words + 1..].windows(2));
            let vertical = above.iter().zip(below).zip(here).map(|((above, below), here)| above & below & here);
            for (((out, vertical), left), right) in out.iter_mut().zip(vertical).zip(left).zip(right) {
                // Two shifts, since one by 64 is none.
                let left = left[1] << bits | left[0] >> 1 >> (63 - bits);
                let right = right[0] >> bits | right[1] << 1 << (63 - bits);
                *out = vertical & left & right;
            }
        }
    }
}

/// Those bits of a row's word that are these columns.
fn bits(columns: &Range<usize>, word: usize) -> u64 {
    let below = |column: usize| match column.saturating_sub(64 * word) {
        n @ 0..64 => (1 << n) - 1,
        _ => u64::MAX,
    };
    below(columns.end) & !below(columns.start)
}
