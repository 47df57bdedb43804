//! What a breast is made of, before it becomes an image.
//!
//! Fibroglandular tissue is where a *score* (readiness of the place plus texture) exceeds a threshold, and the
//! threshold is the quantile of the scores that gives the density asked for. So the dense set grows with the density
//! and the share realised is the share asked for.
//!
//! Invariant: everything is a function of the seed, the view and the size; pixels outside the breast have no score.

use uvid_exam::Slot;

use super::anatomy::Shape;
use super::field::Field;
use super::random::Stream;
use super::strokes;
use super::texture::{PointNoise, Texture};

/// The score of a pixel outside the breast.
const OUTSIDE: f32 = f32::MIN;
/// Scores are counted in this many bins between -SCORE_MAX and SCORE_MAX.
const BINS: usize = 1 << 14;
const SCORE_MAX: f32 = 8.0;
/// Width of a bin.
const BIN: f32 = 2.0 * SCORE_MAX / BINS as f32;

/// The layers of one breast in one view, drawn as a left breast.
pub(super) struct Tissue {
    pub(super) shape: Shape,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Distance to the skin, nominal millimetres.
    pub(super) skin: Field,
    /// Distance to the pectoral muscle's edge, nominal millimetres.
    pub(super) pectoral: Field,
    /// Ligaments and vessels.
    pub(super) stroma: Field,
    /// Noise that runs along ducts and muscle fibres.
    pub(super) strands: Field,
    /// Fine texture.
    pub(super) grain: Texture,
    /// Thin walls between lobules of fat.
    pub(super) lace: Texture,
    scores: Vec<f32>,
    /// The score above which tissue is dense.
    pub(super) threshold: f32,
}

impl Tissue {
    /// Grows the tissue of a breast.
    pub(super) fn new(seed: u64, slot: Slot, rows: usize, columns: usize, density: f64) -> Self {
        let shape = Shape::new(seed, slot, rows, columns);
        let stream = |what: &str| Stream::new(seed, &format!("{slot} {what}"));
        // Half a nominal millimetre a node: finer than the skin is thick.
        let step = (shape.scale * 0.5) as usize;
        let field = |f: &dyn Fn(f64, f64) -> f64| {
            Field::new(rows, columns, step, |row, column| {
                let (x, y) = shape.at(row, column);
                f(x, y)
            })
        };
        let skin = field(&|x, y| shape.skin(x, y));
        let pectoral = field(&|x, y| shape.pectoral(x, y));
        let strands = strands(&shape, &mut stream("strands"), &skin, rows, columns);
        let mut tissue = Self {
            stroma: strokes::stroma(&shape, &mut stream("stroma"), rows, columns),
            grain: Texture::new(&mut stream("grain"), rows, columns, shape.scale * 9.0, 2.0),
            rows,
            columns,
            skin,
            pectoral,
            strands,
            lace: Texture::new(&mut stream("lace"), rows, columns, shape.scale * 11.0, shape.scale * 4.0),
            scores: Vec::new(),
            threshold: 0.0,
            shape,
        };
        let counts = tissue.score(&mut stream("gland"));
        tissue.threshold = quantile(&counts, density);
        tissue
    }

    /// The scores of a row.
    pub(super) fn scores(&self, row: usize) -> &[f32] {
        &self.scores[row * self.columns..(row + 1) * self.columns]
    }

    /// Fills in the scores and counts them; the pectoral muscle, neither dense nor fat, does not count.
    fn score(&mut self, stream: &mut Stream) -> Vec<u64> {
        let (rows, columns) = (self.rows, self.columns);
        let shape = &self.shape;
        let gland = Field::new(rows, columns, (shape.scale * 1.0) as usize, |row, column| {
            let (x, y) = shape.at(row, column);
            let skin = f64::from(self.skin.near(row, column));
            if skin < -4.0 { 0.0 } else { shape.gland(x, y, skin) }
        });
        let mut texture = Texture::new(stream, rows, columns, shape.scale * 34.0, shape.scale * 0.6);
        let [mut skin, mut pectoral, mut readiness, mut strands, mut noise] = [(); 5].map(|()| vec![0.0; columns]);
        let mut counts = vec![0u64; BINS];
        self.scores = vec![OUTSIDE; rows * columns];
        for (row, scores) in self.scores.chunks_exact_mut(columns).enumerate() {
            self.skin.row_into(row, &mut skin);
            let end = skin.iter().rposition(|d| *d > 0.0).map_or(0, |last| last + 1);
            self.pectoral.row_into(row, &mut pectoral[..end]);
            gland.row_into(row, &mut readiness[..end]);
            self.strands.row_into(row, &mut strands[..end]);
            texture.row_into(row, &mut noise[..end]);
            for c in 0..end {
                if skin[c] <= 0.0 {
                    continue;
                }
                let duct = if pectoral[c] > 0.0 { 0.0 } else { strands[c] };
                let score = 0.95 * readiness[c] + 0.72 * noise[c] + 0.30 * duct;
                scores[c] = score.clamp(-0.99 * SCORE_MAX, 0.99 * SCORE_MAX);
                if pectoral[c] <= 0.0 {
                    counts[((scores[c] + SCORE_MAX) / BIN) as usize] += 1;
                }
            }
        }
        counts
    }
}

/// The score above which the share `density` of all counted scores lies.
fn quantile(counts: &[u64], density: f64) -> f32 {
    let wanted = (density * counts.iter().sum::<u64>() as f64) as u64;
    let (mut above, mut bin) = (0, counts.len());
    while bin > 0 && above < wanted {
        bin -= 1;
        above += counts[bin];
    }
    bin as f32 * BIN - SCORE_MAX
}

/// Noise stretched along the ducts, which run towards the nipple, and in the muscle along its fibres.
fn strands(shape: &Shape, stream: &mut Stream, skin: &Field, rows: usize, columns: usize) -> Field {
    let noise = PointNoise::new(stream, 64);
    Field::new(rows, columns, (shape.scale * 0.4) as usize, |row, column| {
        if skin.near(row, column) < -4.0 {
            return 0.0;
        }
        let (x, y) = shape.at(row, column);
        if shape.pectoral(x, y) > 0.0 {
            let (along, across) = shape.fibres(x, y);
            return 0.7 * noise.at(along / 40.0, across / 3.5) + 0.7 * noise.at(along / 18.0 + 9.0, across / 1.4);
        }
        let (angle, radius) = shape.polar(x, y);
        let wide = noise.at(angle * 16.0, radius / 22.0);
        let fine = noise.at(angle * 40.0 + 17.0, radius / 11.0 + 5.0);
        0.75 * wide + 0.65 * fine
    })
}
