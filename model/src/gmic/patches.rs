//! Which six patches the local network looks at: where the saliency is highest, greedily.

/// Where patches begin, (row, column) in the window, best first.
///
/// Each class's map is stretched to 0..1 (a constant map counts as 0 everywhere) and the two are added. A patch covers
/// `round(patch * cells / pixels)` cells each way; the place with the highest mean wins, the first in raster order
/// among equals, and its cells are set to 0 for the next round.
pub fn locate(
    saliency: &[Vec<f32>; 2],
    (rows, columns): (usize, usize),
    window: [usize; 2],
    patch_size: usize,
    count: usize,
) -> Vec<(usize, usize)> {
    let mut map = vec![0.0f32; rows * columns];
    for class in saliency {
        let lo = class.iter().copied().fold(f32::INFINITY, f32::min);
        let hi = class.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if hi > lo {
            map.iter_mut().zip(class).for_each(|(m, v)| *m += (v - lo) / (hi - lo));
        }
    }
    let cells = |cells: usize, pixels: usize| (patch_size as f64 * cells as f64 / pixels as f64).round_ties_even();
    let height = (cells(rows, window[0]) as usize).clamp(1, rows);
    let width = (cells(columns, window[1]) as usize).clamp(1, columns);
    let mut found = Vec::with_capacity(count);
    for _ in 0..count {
        let (i, j) = best(&map, columns, (rows - height + 1, columns - width + 1), (height, width));
        for r in i..i + height {
            map[r * columns + j..r * columns + j + width].fill(0.0);
        }
        let place = |cell: usize, cells: usize, pixels: usize| {
            let at = (cell as f64 / cells as f64 * pixels as f64).round_ties_even() as usize;
            at.min(pixels.saturating_sub(patch_size))
        };
        found.push((place(i, rows, window[0]), place(j, columns, window[1])));
    }
    found
}

/// The place with the largest sum; the first in raster order among equals.
fn best(map: &[f32], columns: usize, places: (usize, usize), size: (usize, usize)) -> (usize, usize) {
    let sum = |i: usize, j: usize| -> f32 {
        (i..i + size.0).map(|r| map[r * columns + j..r * columns + j + size.1].iter().sum::<f32>()).sum()
    };
    let mut best = ((0, 0), f32::NEG_INFINITY);
    for (i, j) in (0..places.0).flat_map(|i| (0..places.1).map(move |j| (i, j))) {
        let s = sum(i, j);
        if s > best.1 {
            best = ((i, j), s);
        }
    }
    best.0
}
