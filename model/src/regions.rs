//! Connected regions of a mask, and their growing and shrinking by city-block distance.
//!
//! A mask is row-major. Neighbours are the four that share an edge. What lies outside the image is background.

/// A yes-or-no picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// `rows * columns` values.
    pub values: Vec<bool>,
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

/// Whether the last half of the columns (floor of the width) holds more of what `counts` than the first.
pub fn right_half_is_fuller<T>(values: &[T], columns: usize, counts: impl Fn(&T) -> bool) -> bool {
    let half = columns / 2;
    let count = |from: usize, to: usize| -> usize {
        values.chunks_exact(columns).map(|row| row[from..to].iter().filter(|v| counts(v)).count()).sum()
    };
    count(columns - half, columns) > count(0, half)
}

impl Mask {
    /// The box around what is true; `None` if nothing is.
    pub fn bounds(&self) -> Option<Bounds> {
        let mut bounds: Option<Bounds> = None;
        for (i, row) in self.values.chunks_exact(self.columns).enumerate() {
            let Some(first) = row.iter().position(|m| *m) else { continue };
            let end = row.iter().rposition(|m| *m).map_or(first + 1, |last| last + 1);
            let b = bounds.get_or_insert(Bounds { top: i, bottom: i + 1, left: first, right: end });
            *b = Bounds { top: b.top, bottom: i + 1, left: b.left.min(first), right: b.right.max(end) };
        }
        bounds
    }

    /// The component with most pixels; the first met in raster order among equals. `None` if nothing is true.
    pub fn largest_component(&self) -> Option<Self> {
        let (label, sizes) = self.labels();
        // The last of the largest in reverse order is the first met.
        let (best, _) = sizes.iter().enumerate().rev().max_by_key(|(_, size)| **size)?;
        Some(self.with(label.iter().map(|l| *l as usize == best + 1).collect()))
    }

    /// The components, each as its pixels in raster order; in the raster order of their first pixels.
    pub fn components(&self) -> Vec<Vec<usize>> {
        let (label, sizes) = self.labels();
        let mut components: Vec<Vec<usize>> = sizes.iter().map(|size| Vec::with_capacity(*size)).collect();
        for (pixel, label) in label.iter().enumerate().filter(|(_, label)| **label > 0) {
            components[*label as usize - 1].push(pixel);
        }
        components
    }

    /// For each pixel the number of its component, from 1, or 0; for each component its size.
    fn labels(&self) -> (Vec<u32>, Vec<usize>) {
        let (values, columns) = (&self.values, self.columns);
        let mut label = vec![0u32; values.len()];
        let mut sizes = Vec::new();
        let mut stack = Vec::new();
        for seed in 0..values.len() {
            if !values[seed] || label[seed] != 0 {
                continue;
            }
            let number = sizes.len() as u32 + 1;
            let mut size = 0;
            label[seed] = number;
            stack.push(seed);
            while let Some(at) = stack.pop() {
                size += 1;
                let column = at % columns;
                let neighbours = [
                    at.checked_sub(columns),
                    (at + columns < values.len()).then_some(at + columns),
                    (column > 0).then(|| at - 1),
                    (column + 1 < columns).then_some(at + 1),
                ];
                for n in neighbours.into_iter().flatten() {
                    if values[n] && label[n] == 0 {
                        label[n] = number;
                        stack.push(n);
                    }
                }
            }
            sizes.push(size);
        }
        (label, sizes)
    }

    /// What remains after `n` erosions with the four-neighbour cross: pixels further than `n` from background.
    pub fn eroded(&self, n: u16) -> Self {
        let distance = self.distance_to(false, true);
        self.with(distance.iter().map(|d| *d > n).collect())
    }

    /// What it grows to in `n` dilations with the four-neighbour cross: pixels at most `n` away.
    pub fn dilated(&self, n: u16) -> Self {
        let distance = self.distance_to(true, false);
        self.with(distance.iter().map(|d| *d <= n).collect())
    }

    /// City-block distance of each pixel to the nearest of `value`, in two passes; `outside` tells whether what lies
    /// outside the image counts as one.
    fn distance_to(&self, value: bool, outside: bool) -> Vec<u16> {
        let (columns, beyond) = (self.columns, if outside { 0 } else { u16::MAX });
        let mut d: Vec<u16> = self.values.iter().map(|v| if *v == value { 0 } else { u16::MAX }).collect();
        for i in 0..d.len() {
            let left = if i % columns > 0 { d[i - 1] } else { beyond };
            let above = if i >= columns { d[i - columns] } else { beyond };
            d[i] = d[i].min(left.min(above).saturating_add(1));
        }
        for i in (0..d.len()).rev() {
            let right = if i % columns + 1 < columns { d[i + 1] } else { beyond };
            let below = if i + columns < d.len() { d[i + columns] } else { beyond };
            d[i] = d[i].min(right.min(below).saturating_add(1));
        }
        d
    }

    fn with(&self, values: Vec<bool>) -> Self {
        Self { rows: self.rows, columns: self.columns, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One step with the cross, as written in a textbook.
    fn step(mask: &Mask, erode: bool) -> Mask {
        let at = |r: i64, c: i64| {
            let inside = (0..mask.rows as i64).contains(&r) && (0..mask.columns as i64).contains(&c);
            inside && mask.values[r as usize * mask.columns + c as usize]
        };
        let cell = |i: usize| {
            let (r, c) = ((i / mask.columns) as i64, (i % mask.columns) as i64);
            let cross = [at(r, c), at(r - 1, c), at(r + 1, c), at(r, c - 1), at(r, c + 1)];
            if erode { cross.iter().all(|v| *v) } else { cross.iter().any(|v| *v) }
        };
        mask.with((0..mask.values.len()).map(cell).collect())
    }

    fn random() -> impl Strategy<Value = Mask> {
        (1usize..14, 1usize..14, 0.0f64..1.0).prop_flat_map(|(rows, columns, p)| {
            prop::collection::vec(prop::bool::weighted(p), rows * columns).prop_map(move |values| Mask {
                rows,
                columns,
                values,
            })
        })
    }

    proptest! {
        #[test]
        fn distance_does_in_two_passes_what_n_steps_do(mask in random(), n in 0u16..6) {
            let (mut eroded, mut dilated) = (mask.clone(), mask.clone());
            for _ in 0..n {
                eroded = step(&eroded, true);
                dilated = step(&dilated, false);
            }
            prop_assert_eq!(mask.eroded(n), eroded);
            prop_assert_eq!(mask.dilated(n), dilated);
        }

        #[test]
        fn a_component_is_closed_and_none_is_larger(mask in random()) {
            let Some(component) = mask.largest_component() else {
                prop_assert!(!mask.values.contains(&true));
                return Ok(());
            };
            // Growing by one pixel within the mask adds nothing.
            let grown = step(&component, false);
            let within: Vec<bool> = grown.values.iter().zip(&mask.values).map(|(g, m)| *g && *m).collect();
            prop_assert_eq!(&within, &component.values);
            let rest = mask.with(mask.values.iter().zip(&component.values).map(|(m, c)| *m && !*c).collect());
            let size = |m: &Mask| m.values.iter().filter(|v| **v).count();
            let next = rest.largest_component().map_or(0, |m| size(&m));
            prop_assert!(next <= size(&component));
        }
    }

    #[test]
    fn equals_go_to_the_first_in_raster_order() {
        let mask = Mask { rows: 3, columns: 3, values: [1, 0, 1, 0, 0, 0, 1, 0, 1].map(|v| v == 1).to_vec() };
        let first = mask.largest_component().expect("one").bounds().expect("box");
        assert_eq!(first, Bounds { top: 0, bottom: 1, left: 0, right: 1 });
    }
}
