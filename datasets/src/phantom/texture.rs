//! Random texture with the power spectrum of breast tissue.
//!
//! Mammograms have a power spectrum near 1/f^3 (Burgess 1999). A sum of octaves of band-limited noise has it when each
//! octave's amplitude is proportional to the square root of its length: in two dimensions an octave of 1/f^3 holds a
//! variance proportional to 1/f. Each octave is a lattice of random values under cubic B-splines, which show no grid.
//!
//! Invariant: a texture depends on its stream and sizes alone, has mean 0 and, over large areas, variance about 1.

use super::random::Stream;

/// A cubic B-spline lattice of random values, its knots `spacing` pixels apart.
struct Octave {
    spacing: usize,
    amplitude: f32,
    columns: usize,
    values: Vec<f32>,
    /// The four B-spline weights at each phase between two knots.
    weights: Vec<[f32; 4]>,
}

/// 1 / (sum of squared weights in one dimension), averaged over the phases: restores unit variance.
const SPLINE_GAIN: f32 = 2.085;

impl Octave {
    fn new(stream: &mut Stream, rows: usize, columns: usize, spacing: usize) -> Self {
        let (lattice_rows, lattice_columns) = (rows / spacing + 4, columns / spacing + 4);
        let values = (0..lattice_rows * lattice_columns).map(|_| stream.normal()).collect();
        let weights = (0..spacing).map(|phase| spline(phase as f32 / spacing as f32)).collect();
        Self { spacing, amplitude: SPLINE_GAIN, columns: lattice_columns, values, weights }
    }

    /// Adds the first pixels of a row to `out`; `scratch` is overwritten.
    fn add_row(&self, row: usize, out: &mut [f32], scratch: &mut Vec<f32>) {
        let (base, phase) = (row / self.spacing, row % self.spacing);
        let w = self.weights[phase].map(|w| w * self.amplitude);
        let used = (out.len().div_ceil(self.spacing) + 3).min(self.columns);
        let lattice = |k: usize| {
            let start = (base + k) * self.columns;
            &self.values[start..start + used]
        };
        let (a, b, c, d) = (lattice(0), lattice(1), lattice(2), lattice(3));
        scratch.clear();
        scratch.extend((0..used).map(|j| w[0] * a[j] + w[1] * b[j] + w[2] * c[j] + w[3] * d[j]));
        for (cells, knots) in out.chunks_mut(self.spacing).zip(scratch.windows(4)) {
            for (v, w) in cells.iter_mut().zip(&self.weights) {
                *v += w[0] * knots[0] + w[1] * knots[1] + w[2] * knots[2] + w[3] * knots[3];
            }
        }
    }
}

/// The weights of four neighbouring knots, `t` in [0, 1) past the second.
fn spline(t: f32) -> [f32; 4] {
    let u = 1.0 - t;
    [
        u * u * u / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * u * u * u - 6.0 * u * u + 4.0) / 6.0,
        t * t * t / 6.0,
    ]
}

/// A texture over a whole image.
pub(super) struct Texture {
    octaves: Vec<Octave>,
    scratch: Vec<f32>,
}

impl Texture {
    /// Octaves from `longest` pixels down to `shortest` (at least 2), halving.
    ///
    /// An image smaller than the longest octave just sees less of it.
    pub(super) fn new(stream: &mut Stream, rows: usize, columns: usize, longest: f64, shortest: f64) -> Self {
        let mut octaves = Vec::new();
        let mut length = longest.max(2.0);
        let mut variance = 0.0;
        while octaves.is_empty() || length >= shortest.max(2.0) {
            let mut octave = Octave::new(stream, rows, columns, (length + 0.5) as usize);
            octave.amplitude *= (length as f32).sqrt();
            variance += length as f32;
            octaves.push(octave);
            length /= 2.0;
        }
        for octave in &mut octaves {
            octave.amplitude /= variance.sqrt();
        }
        Self { octaves, scratch: Vec::new() }
    }

    /// Writes the first `out.len()` pixels of a row.
    pub(super) fn row_into(&mut self, row: usize, out: &mut [f32]) {
        out.fill(0.0);
        for octave in &self.octaves {
            octave.add_row(row, out, &mut self.scratch);
        }
    }
}

/// Value noise at single points, for coordinates that are not those of the image (angles and radii).
pub(super) struct PointNoise {
    size: usize,
    values: Vec<f32>,
}

impl PointNoise {
    /// A lattice of `size` x `size` values, repeated endlessly.
    pub(super) fn new(stream: &mut Stream, size: usize) -> Self {
        Self { size, values: (0..size * size).map(|_| stream.normal()).collect() }
    }

    /// The noise at (u, v), knots at the integers; variance about 1.
    pub(super) fn at(&self, u: f64, v: f64) -> f64 {
        let cell = |x: f64| {
            let floor = libm::floor(x);
            (floor as i64, spline((x - floor) as f32))
        };
        let ((i, wu), (j, wv)) = (cell(u), cell(v));
        let wrap = |k: i64| k.rem_euclid(self.size as i64) as usize;
        let mut sum = 0.0;
        for (di, a) in wu.iter().enumerate() {
            let row = wrap(i + di as i64) * self.size;
            for (dj, b) in wv.iter().enumerate() {
                sum += a * b * self.values[row + wrap(j + dj as i64)];
            }
        }
        f64::from(sum * SPLINE_GAIN)
    }
}
