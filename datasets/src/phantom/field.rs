//! Smooth functions over the image, computed on a coarse grid.
//!
//! Invariant: a grid covers every pixel of its image; between nodes it is bilinear.

/// Values at every `step`-th pixel.
pub(super) struct Field {
    step: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Field {
    /// Evaluates `f(row, column)`, in pixels, at the nodes.
    pub(super) fn new(rows: usize, columns: usize, step: usize, mut f: impl FnMut(f64, f64) -> f64) -> Self {
        let step = step.max(1);
        let (node_rows, node_columns) = (rows.div_ceil(step) + 1, columns.div_ceil(step) + 1);
        let mut values = Vec::with_capacity(node_rows * node_columns);
        for i in 0..node_rows {
            for j in 0..node_columns {
                values.push(f((i * step) as f64, (j * step) as f64) as f32);
            }
        }
        Self { step, columns: node_columns, values }
    }

    /// A field of zeros to be drawn upon.
    pub(super) fn zero(rows: usize, columns: usize, step: usize) -> Self {
        Self::new(rows, columns, step, |_, _| 0.0)
    }

    /// Pixels between nodes.
    pub(super) fn step(&self) -> usize {
        self.step
    }

    /// Raises a node to `value` where it is lower; a node outside is ignored.
    pub(super) fn raise(&mut self, node_row: i64, node_column: i64, value: f32) {
        let (Ok(r), Ok(c)) = (usize::try_from(node_row), usize::try_from(node_column)) else { return };
        if c < self.columns
            && let Some(v) = self.values.get_mut(r * self.columns + c)
            && *v < value
        {
            *v = value;
        }
    }

    /// Writes the first `out.len()` pixels of a row.
    pub(super) fn row_into(&self, row: usize, out: &mut [f32]) {
        let (i, rest) = (row / self.step, row % self.step);
        let t = rest as f32 / self.step as f32;
        let upper = self.values.get(i * self.columns..).unwrap_or_default();
        let lower = if rest == 0 { upper } else { upper.get(self.columns..).unwrap_or_default() };
        let node = |j: usize| {
            let (a, b) = (upper.get(j).copied().unwrap_or(0.0), lower.get(j).copied().unwrap_or(0.0));
            a + (b - a) * t
        };
        for (j, cells) in out.chunks_mut(self.step).enumerate() {
            let (a, b) = (node(j), if j + 1 < self.columns { node(j + 1) } else { node(j) });
            let slope = (b - a) / self.step as f32;
            for (k, v) in cells.iter_mut().enumerate() {
                *v = a + slope * k as f32;
            }
        }
    }

    /// The value nearest to a pixel.
    pub(super) fn near(&self, row: f64, column: f64) -> f32 {
        let node = |x: f64| (x.max(0.0) / self.step as f64 + 0.5) as usize;
        let (r, c) = (node(row), node(column).min(self.columns.saturating_sub(1)));
        self.values.get(r * self.columns + c).copied().unwrap_or(0.0)
    }
}

/// 0 below `lo`, 1 above `hi`, smooth between.
pub(super) fn smoothstep(lo: f64, hi: f64, x: f64) -> f64 {
    let t = ((x - lo) / (hi - lo)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// [`smoothstep`] in single precision, for pixels.
pub(super) fn smoothstep32(lo: f32, hi: f32, x: f32) -> f32 {
    let t = ((x - lo) / (hi - lo)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
