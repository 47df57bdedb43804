//! Masses, spiculated masses and calcifications.
//!
//! Invariant: a lesion adds brightness only within its own rectangle; the mask is what a reader would outline (without
//! the thin ends of spicules), never empty, and holds pixels of the breast only.

use core::f64::consts::TAU;

use super::anatomy::Shape;
use super::field::Field;
use super::random::Stream;
use super::spec::{Lesion, LesionKind};
use super::strokes::hypot;
use super::truth::{LesionTruth, Mask};

/// Vertices of an outline.
const VERTICES: usize = 48;

/// Brightness to be added to a rectangle of the image, and what it is.
pub(super) struct Drawn {
    /// First row of the rectangle.
    pub(super) top: usize,
    /// First column of the rectangle.
    pub(super) left: usize,
    /// Columns of the rectangle.
    pub(super) columns: usize,
    pub(super) values: Vec<f32>,
    pub(super) truth: LesionTruth,
}

impl Drawn {
    /// What to add to a row of the image: the first column, and the values.
    pub(super) fn row(&self, row: usize) -> Option<(usize, &[f32])> {
        let start = row.checked_sub(self.top)?.checked_mul(self.columns)?;
        self.values.get(start..start + self.columns).map(|values| (self.left, values))
    }
}

/// Draws a lesion into an image of a left breast. `skin` is the distance to the skin.
pub(super) fn draw(
    lesion: &Lesion,
    shape: &Shape,
    skin: &Field,
    stream: &mut Stream,
    (rows, columns): (usize, usize),
    spacing_mm: f64,
) -> Drawn {
    let center = shape.to_pixels(shape.place(lesion.position));
    let radius = (lesion.diameter_mm / spacing_mm * 0.5).clamp(0.6, rows.min(columns) as f64 * 0.25);
    let form = Form::new(lesion, radius, 1.0 / spacing_mm, stream);
    let reach = radius * form.reach() + 2.0;
    let low = |c: f64| (c - reach).max(0.0) as usize;
    let high = |c: f64, n: usize| ((c + reach).max(0.0) as usize + 1).min(n);
    let (top, left) = (low(center.0).min(rows - 1), low(center.1).min(columns - 1));
    let (bottom, right) = (high(center.0, rows).max(top + 1), high(center.1, columns).max(left + 1));
    let mut mask = Mask::empty(top, left, bottom - top, right - left);
    let mut values = Vec::with_capacity(mask.bits.len());
    for row in top..bottom {
        for column in left..right {
            let (dy, dx) = (row as f64 + 0.5 - center.0, column as f64 + 0.5 - center.1);
            let inside_breast = f64::from(skin.near(row as f64, column as f64)) > 0.0;
            let (value, inside) = form.at(dx, dy);
            values.push((value * lesion.contrast) as f32);
            if inside && inside_breast {
                mask.insert(row, column);
            }
        }
    }
    // A lesion smaller than a pixel still has the pixel it lies in.
    mask.insert((center.0 as usize).min(rows - 1), (center.1 as usize).min(columns - 1));
    let outline = form.outline(radius).into_iter().map(|(dx, dy)| (center.0 + dy, center.1 + dx)).collect();
    let columns = right - left;
    Drawn { top, left, columns, values, truth: LesionTruth { lesion: *lesion, center, outline, mask } }
}

/// A lesion about its centre, in pixels.
struct Form {
    kind: LesionKind,
    radius: f64,
    /// Amplitude and phase of the contour's 2nd, 3rd, … harmonic.
    harmonics: Vec<(f64, f64)>,
    spicules: Vec<Spicule>,
    specks: Vec<Speck>,
}

struct Spicule {
    direction: (f64, f64),
    length: f64,
    width: f64,
    bend: f64,
}

struct Speck {
    at: (f64, f64),
    /// Half axes along and across `direction`.
    axes: (f64, f64),
    direction: (f64, f64),
    value: f64,
}

impl Form {
    fn new(lesion: &Lesion, radius: f64, pixels_per_mm: f64, s: &mut Stream) -> Self {
        let (amplitude, harmonics) = match lesion.kind {
            LesionKind::Mass => (0.09, 3),
            LesionKind::SpiculatedMass => (0.13, 7),
            LesionKind::Calcifications => (0.06, 3),
        };
        let harmonics = (0..harmonics)
            .map(|k| (amplitude * s.between(0.4, 1.0) / (1.0 + 0.4 * f64::from(k)), s.between(0.0, TAU)))
            .collect();
        let (spicules, specks) = match lesion.kind {
            LesionKind::Mass => (Vec::new(), Vec::new()),
            LesionKind::SpiculatedMass => (spicules(radius, pixels_per_mm, s), Vec::new()),
            LesionKind::Calcifications => (Vec::new(), specks(radius, pixels_per_mm, s)),
        };
        Self { kind: lesion.kind, radius, harmonics, spicules, specks }
    }

    /// How far it is seen, in radii.
    fn reach(&self) -> f64 {
        match self.kind {
            LesionKind::Mass | LesionKind::Calcifications => 1.5,
            LesionKind::SpiculatedMass => 3.2,
        }
    }

    /// The contour's radius in a direction.
    fn contour(&self, angle: f64) -> f64 {
        let waves = self.harmonics.iter().enumerate();
        let sum: f64 = waves.map(|(k, (a, phase))| a * libm::cos((k + 2) as f64 * angle + phase)).sum();
        self.radius * (1.0 + sum)
    }

    fn outline(&self, radius: f64) -> Vec<(f64, f64)> {
        (0..VERTICES)
            .map(|k| {
                let angle = TAU * k as f64 / VERTICES as f64;
                let r = self.contour(angle).max(0.3 * radius);
                (r * libm::cos(angle), r * libm::sin(angle))
            })
            .collect()
    }

    /// Brightness at a point, and whether it is within the outline.
    fn at(&self, dx: f64, dy: f64) -> (f64, bool) {
        let r = hypot(dx, dy) / self.contour(libm::atan2(dy, dx)).max(0.3 * self.radius);
        let value = match self.kind {
            LesionKind::Mass => ball(r, 1.12),
            LesionKind::SpiculatedMass => {
                let lines = self.spicules.iter().map(|s| s.at(dx, dy)).fold(0.0, f64::max);
                ball(r, 1.3).max(lines * 0.6)
            }
            LesionKind::Calcifications => self.specks.iter().map(|s| s.at(dx, dy)).fold(0.0, f64::max),
        };
        (value, r <= 1.0)
    }
}

/// The projection of a ball whose edge fades out at `end` radii.
fn ball(r: f64, end: f64) -> f64 {
    let t = (1.0 - r * r / (end * end)).max(0.0);
    t.sqrt() * t.min(0.5) * 2.0
}

impl Spicule {
    fn at(&self, dx: f64, dy: f64) -> f64 {
        let along = dx * self.direction.0 + dy * self.direction.1;
        if along <= 0.0 || along >= self.length {
            return 0.0;
        }
        let t = along / self.length;
        let across = dy * self.direction.0 - dx * self.direction.1 - self.bend * t * t * self.length;
        let width = self.width * (1.25 - t);
        let fall = 1.0 - across * across / (width * width);
        if fall > 0.0 { fall * (1.0 - t) } else { 0.0 }
    }
}

impl Speck {
    fn at(&self, dx: f64, dy: f64) -> f64 {
        let (x, y) = (dx - self.at.0, dy - self.at.1);
        let u = (x * self.direction.0 + y * self.direction.1) / self.axes.0;
        let v = (y * self.direction.0 - x * self.direction.1) / self.axes.1;
        let fall = 1.0 - (u * u + v * v);
        if fall > 0.0 { self.value * fall.sqrt() } else { 0.0 }
    }
}

fn direction(s: &mut Stream) -> (f64, f64) {
    let angle = s.between(0.0, TAU);
    (libm::cos(angle), libm::sin(angle))
}

fn spicules(radius: f64, pixels_per_mm: f64, s: &mut Stream) -> Vec<Spicule> {
    (0..26)
        .map(|_| Spicule {
            direction: direction(s),
            length: radius * s.between(1.3, 3.0),
            width: (pixels_per_mm * s.between(0.25, 0.6)).max(0.7),
            bend: s.between(-0.18, 0.18),
        })
        .collect()
}

/// 9 to 24 specks of 0.2 to 0.6 mm, denser in the middle, some of them short rods.
fn specks(radius: f64, pixels_per_mm: f64, s: &mut Stream) -> Vec<Speck> {
    let count = s.between(9.0, 25.0) as usize;
    (0..count)
        .map(|_| {
            let ((c, d), r) = (direction(s), radius * s.unit() * 0.92);
            let half = pixels_per_mm * s.between(0.10, 0.28);
            let stretch = if s.unit() < 0.3 { s.between(1.5, 3.0) } else { 1.0 };
            Speck {
                at: (r * c, r * d),
                axes: ((half * stretch).max(0.75), half.max(0.75)),
                direction: direction(s),
                value: s.between(0.7, 1.4),
            }
        })
        .collect()
}
