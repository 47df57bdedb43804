//! From tissue to pixels.
//!
//! An image for presentation is what a processed mammogram looks like: the thinner rim of the breast is brought up to
//! the level of the rest. An image for processing is the plain attenuation, on a linear scale.
//!
//! Invariants: air is exactly 0, the breast nowhere; a MONOCHROME1 image is the exact inversion of the MONOCHROME2 one;
//! only masks of [`Truth`] tell what differs from air.

use uvid_exam::{Intent, Laterality, Side, Slot};

use super::field::{smoothstep, smoothstep32};
use super::lesions::{self, Drawn};
use super::markers;
use super::random::Stream;
use super::spec::{GreyCurve, Implants, Photometric, Spec};
use super::tissue::Tissue;
use super::truth::{Mask, Truth};

/// A table over [0, 1], linear between its entries.
struct Table(Vec<f32>);

impl Table {
    fn new(f: impl Fn(f64) -> f64) -> Self {
        Self((0..=2048).map(|i| f(f64::from(i) / 2048.0) as f32).collect())
    }

    fn at(&self, x: f32) -> f32 {
        let x = x.clamp(0.0, 1.0) * 2047.0;
        let i = x as usize;
        self.0[i] + (self.0[i + 1] - self.0[i]) * (x - i as f32)
    }
}

/// Distance from the skin, nominal millimetres, at which the breast has its full thickness.
const ROLL_MM: f32 = 24.0;

/// How brightness depends on the intent and the style.
struct Look {
    /// Thickness of tissue by distance from the skin.
    thickness: Table,
    /// The bright line of the skin, by distance.
    skin_line: Table,
    /// From tissue to grey, both 0 to 1.
    grey: Table,
    /// Standard deviation of the noise where tissue is 1.
    noise: f32,
    /// Smallest and largest value stored within the breast.
    floor: f32,
    top: f32,
}

impl Look {
    fn new(spec: &Spec) -> Self {
        let presentation = spec.intent == Intent::ForPresentation;
        // A half circle; 0.5 is its square root, other powers lift or lower the rim.
        let power = if presentation { 0.27 } else { 0.5 };
        let curve = if presentation { spec.style.curve } else { GreyCurve::Linear };
        let film = |x: f64| 1.0 / (1.0 + libm::exp(-6.0 * (x - 0.5)));
        let grey = move |x: f64| match curve {
            GreyCurve::Linear => x,
            GreyCurve::Film => (film(x) - film(0.0)) / (film(1.0) - film(0.0)),
            GreyCurve::Soft => libm::pow(x, 0.8),
        };
        let max = f32::from(spec.style.max());
        // Where the padding value is low, the breast stays above it.
        let padding = spec.style.padding.map_or(0.0, |p| f32::from(p.value));
        Self {
            thickness: Table::new(|t| libm::pow(1.0 - (1.0 - t) * (1.0 - t), power)),
            skin_line: Table::new(|t| {
                let z = (t * f64::from(ROLL_MM) - 0.9) / 0.55;
                0.11 * libm::exp(-0.5 * z * z)
            }),
            grey: Table::new(grey),
            noise: if presentation { 0.016 } else { 0.022 },
            floor: if padding < max / 16.0 { padding + 1.0 } else { 1.0 },
            top: max * if presentation { 0.97 } else { 0.6 },
        }
    }
}

/// Draws one view, and tells what it shows.
pub(super) fn view(spec: &Spec, slot: Slot) -> (Vec<u16>, Truth) {
    let (rows, columns) = (spec.rows, spec.columns);
    let tissue = Tissue::new(spec.seed, slot, rows, columns, spec.density);
    let lesions = draw_lesions(spec, slot, &tissue);
    let (mut pixels, mut truth) = expose(spec, slot, tissue, lesions);
    if slot.laterality() == Laterality::Right {
        mirror(&mut pixels, &mut truth, columns);
    }
    add_foreign(spec, slot, &mut pixels, &mut truth);
    for lesion in &mut truth.lesions {
        confine(&mut lesion.mask, &truth.breast, lesion.center);
    }
    if spec.style.photometric == Photometric::Monochrome1 {
        let max = spec.style.max();
        pixels.iter_mut().for_each(|p| *p = max - *p);
    }
    (pixels, truth)
}

fn draw_lesions(spec: &Spec, slot: Slot, tissue: &Tissue) -> Vec<Drawn> {
    let mine = spec.lesions.iter().enumerate().filter(|(_, l)| l.laterality == slot.laterality());
    mine.map(|(k, lesion)| {
        let mut stream = Stream::new(spec.seed, &format!("{slot} lesion {k}"));
        let size = (tissue.rows, tissue.columns);
        lesions::draw(lesion, &tissue.shape, &tissue.skin, &mut stream, size, spec.spacing_mm)
    })
    .collect()
}

/// The rows that one row of pixels is made of.
struct Rows {
    skin: Vec<f32>,
    pectoral: Vec<f32>,
    stroma: Vec<f32>,
    strands: Vec<f32>,
    grain: Vec<f32>,
    lace: Vec<f32>,
    extra: Vec<f32>,
}

impl Rows {
    fn new(columns: usize) -> Self {
        let row = || vec![0.0; columns];
        Self { skin: row(), pectoral: row(), stroma: row(), strands: row(), grain: row(), lace: row(), extra: row() }
    }

    /// Loads a row, and says where the breast ends in it.
    fn load(&mut self, tissue: &mut Tissue, lesions: &[Drawn], row: usize) -> usize {
        tissue.skin.row_into(row, &mut self.skin);
        let end = self.skin.iter().rposition(|d| *d > 0.0).map_or(0, |last| last + 1);
        tissue.pectoral.row_into(row, &mut self.pectoral[..end]);
        tissue.stroma.row_into(row, &mut self.stroma[..end]);
        tissue.strands.row_into(row, &mut self.strands[..end]);
        tissue.grain.row_into(row, &mut self.grain[..end]);
        tissue.lace.row_into(row, &mut self.lace[..end]);
        self.extra.fill(0.0);
        for (left, values) in lesions.iter().filter_map(|l| l.row(row)) {
            for (sum, v) in self.extra[left..].iter_mut().zip(values) {
                *sum += v;
            }
        }
        end
    }
}

/// What tissue attenuates, 0 (air) to about 1, before noise.
fn attenuation(look: &Look, rows: &Rows, c: usize, score: f32, threshold: f32) -> f32 {
    let (skin, grain, strands) = (rows.skin[c], rows.grain[c], rows.strands[c]);
    let dense = smoothstep32(threshold - 0.55, threshold + 0.55, score);
    let bulk = (score - threshold).clamp(0.0, 2.5);
    // Where the lace texture crosses 0 there is a wall.
    let wall = (1.0 - 6.0 * rows.lace[c].abs()).max(0.0);
    let lines = rows.stroma[c] + 0.03 * wall * (1.0 + 0.5 * grain);
    let fat = 0.255 + 0.026 * grain + 0.014 * strands + lines * (1.0 - 0.6 * dense);
    let gland = dense * (0.235 + 0.055 * grain + 0.05 * bulk + 0.022 * strands);
    let tissue = fat + gland;
    let edge = smoothstep32(-0.9, 1.3, rows.pectoral[c]);
    let deep = (rows.pectoral[c] / 60.0).clamp(0.0, 1.0);
    let muscle = 0.56 + 0.10 * deep + 0.024 * strands + 0.016 * grain;
    let mixed = tissue + (muscle - tissue) * edge * 0.95;
    let depth = skin / ROLL_MM;
    look.thickness.at(depth) * (mixed + 0.32 * rows.extra[c]) + look.skin_line.at(depth)
}

/// Brightness of an implant, and how much of the pixel it covers.
fn implant(spec: &Spec, tissue: &Tissue, row: usize, c: usize, skin: f32) -> (f32, f32) {
    if spec.implants != Implants::Present {
        return (0.0, 0.0);
    }
    let (x, y) = tissue.shape.at(row as f64, c as f64);
    let (nx, ny) = tissue.shape.nipple();
    let (u, v) = ((x - 0.12 * nx) / (0.48 * nx), (y - ny) / (0.58 * nx));
    // An ellipsoid against the chest wall, always covered by tissue.
    let inside = (1.0 - (u * u + v * v).sqrt()) * 0.5 * nx;
    let inside = inside.min(f64::from(skin) - 9.0);
    let rim = 0.05 * (1.0 - smoothstep(0.6, 2.0, inside));
    ((0.86 + rim) as f32, smoothstep(-0.3, 0.6, inside) as f32)
}

/// Exposes a left breast.
fn expose(spec: &Spec, slot: Slot, mut tissue: Tissue, lesions: Vec<Drawn>) -> (Vec<u16>, Truth) {
    let (height, columns) = (spec.rows, spec.columns);
    let look = Look::new(spec);
    let mut noise = Stream::new(spec.seed, &format!("{slot} noise {}", spec.repeat));
    let mut pixels = vec![0u16; height * columns];
    let mut breast = Mask::empty(0, 0, height, columns);
    let mut pectoral = Mask::empty(0, 0, height, columns);
    let (mut counted, mut dense) = (0u64, 0u64);
    let mut rows = Rows::new(columns);
    for (row, out) in pixels.chunks_exact_mut(columns).enumerate() {
        let end = rows.load(&mut tissue, &lesions, row);
        let scores = tissue.scores(row);
        let start = row * columns;
        for (c, pixel) in out.iter_mut().enumerate().take(end) {
            if rows.skin[c] <= 0.0 {
                continue;
            }
            let mut v = attenuation(&look, &rows, c, scores[c], tissue.threshold);
            let (bright, cover) = implant(spec, &tissue, row, c, rows.skin[c]);
            v += (bright - v) * cover;
            v += look.noise * v.max(0.02).sqrt() * noise.normal();
            let grey = look.grey.at(v);
            // Rounded; the breast never reaches down to air.
            *pixel = (grey * look.top + 0.5).max(look.floor) as u16;
            breast.bits[start + c] = true;
            if rows.pectoral[c] > 0.0 {
                pectoral.bits[start + c] = true;
            } else {
                counted += 1;
                dense += u64::from(scores[c] > tissue.threshold);
            }
        }
    }
    let truth = Truth {
        breast,
        pectoral,
        foreign: Mask::empty(0, 0, height, columns),
        lesions: lesions.into_iter().map(|l| l.truth).collect(),
        dense_fraction: if counted == 0 { 0.0 } else { dense as f64 / counted as f64 },
        nipple: tissue.shape.to_pixels(tissue.shape.nipple()),
        chest_wall: Side::Left,
    };
    (pixels, truth)
}

fn mirror(pixels: &mut [u16], truth: &mut Truth, columns: usize) {
    pixels.chunks_exact_mut(columns).for_each(<[u16]>::reverse);
    truth.breast.mirror(columns);
    truth.pectoral.mirror(columns);
    let flip = |c: f64| columns as f64 - c;
    for lesion in &mut truth.lesions {
        lesion.mask.mirror(columns);
        lesion.center.1 = flip(lesion.center.1);
        lesion.outline.iter_mut().for_each(|p| p.1 = flip(p.1));
    }
    truth.nipple.1 = flip(truth.nipple.1);
    truth.chest_wall = Side::Right;
}

/// Adds what is no tissue: paddle, letters, and last the border of padding, which hides all else.
fn add_foreign(spec: &Spec, slot: Slot, pixels: &mut [u16], truth: &mut Truth) {
    let (rows, columns) = (spec.rows, spec.columns);
    let max = spec.style.max();
    let wall_left = truth.chest_wall == Side::Left;
    // Columns counted from the chest wall.
    let from_wall = |k: usize| if wall_left { k } else { columns - 1 - k };
    if spec.paddle_edge {
        let first = (columns as f64 * 0.94) as usize;
        let paddle = (f32::from(max) * 0.45) as u16;
        for row in 0..rows {
            for k in first..(first + 1 + columns / 600).min(columns) {
                paint(pixels, truth, columns, (row, from_wall(k)), paddle);
            }
        }
    }
    if spec.markers {
        let text = format!("{} {}", slot.laterality(), slot.view());
        let letters = markers::text(&text, rows, columns, wall_left);
        let white = (f32::from(max) * 0.985) as u16;
        for at in letters.pixels() {
            paint(pixels, truth, columns, at, white);
        }
    }
    if let Some(padding) = spec.style.padding {
        let border = (rows.min(columns) as f64 * padding.border) as usize;
        for row in 0..rows {
            let inner = if row < border || row >= rows - border { 0 } else { columns - border };
            for k in inner..columns {
                let at = (row, from_wall(k));
                paint(pixels, truth, columns, at, padding.value);
                truth.breast.bits[at.0 * columns + at.1] = false;
                truth.pectoral.bits[at.0 * columns + at.1] = false;
            }
        }
    }
}

fn paint(pixels: &mut [u16], truth: &mut Truth, columns: usize, (row, column): (usize, usize), value: u16) {
    pixels[row * columns + column] = value;
    truth.foreign.bits[row * columns + column] = true;
}

/// Keeps of a lesion's mask what lies in the breast; if that is nothing, the breast's pixel nearest to its centre.
fn confine(mask: &mut Mask, breast: &Mask, center: (f64, f64)) {
    let kept: Vec<(usize, usize)> = mask.pixels().filter(|&(r, c)| breast.contains(r, c)).collect();
    mask.bits.fill(false);
    if kept.is_empty() {
        let distance = |&(r, c): &(usize, usize)| {
            let (dr, dc) = (r as f64 + 0.5 - center.0, c as f64 + 0.5 - center.1);
            dr * dr + dc * dc
        };
        let nearest = breast.pixels().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some((row, column)) = nearest {
            *mask = Mask::empty(row, column, 1, 1);
            mask.insert(row, column);
        }
    }
    for (row, column) in kept {
        mask.insert(row, column);
    }
}
