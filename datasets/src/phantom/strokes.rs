//! Cooper's ligaments and vessels: thin curved lines.
//!
//! Invariant: lines are drawn as the brightest of what crosses, never as a sum, so crossings are no specks.

use super::anatomy::Shape;
use super::field::Field;
use super::random::Stream;

/// A curve through three points, in nominal millimetres.
pub(super) struct Stroke {
    /// Start, control point and end of a quadratic Bezier curve.
    pub(super) points: [(f64, f64); 3],
    /// Width at the start and at the end.
    pub(super) width: (f64, f64),
    /// Brightness in the middle of the line.
    pub(super) value: f64,
}

/// Draws a stroke into a field.
pub(super) fn draw(field: &mut Field, shape: &Shape, stroke: &Stroke) {
    let node = shape.scale / field.step() as f64;
    let [a, b, c] = stroke.points;
    let length = hypot(b.0 - a.0, b.1 - a.1) + hypot(c.0 - b.0, c.1 - b.1);
    let samples = ((length * node * 1.5) as usize).clamp(2, 20_000);
    for i in 0..=samples {
        let t = i as f64 / samples as f64;
        let u = 1.0 - t;
        let at = |p: f64, q: f64, r: f64| (u * u * p + 2.0 * u * t * q + t * t * r) * node;
        let (x, y) = (at(a.0, b.0, c.0), at(a.1, b.1, c.1));
        // Lines thinner than a node keep its width and lose brightness instead.
        let width = (stroke.width.0 * u + stroke.width.1 * t) * node;
        let radius = (width * 0.5).max(0.5);
        // Both ends fade into the tissue.
        let fade = (8.0 * t * u).min(1.0);
        dab(field, (x, y), radius, (stroke.value * fade * (width * 0.5 / radius)) as f32);
    }
}

fn dab(field: &mut Field, (x, y): (f64, f64), radius: f64, value: f32) {
    let reach = (radius * 1.6) as i64 + 1;
    let (cx, cy) = (x as i64, y as i64);
    for row in cy - reach..=cy + reach {
        for column in cx - reach..=cx + reach {
            let (dx, dy) = (column as f64 - x, row as f64 - y);
            let fall = 1.0 - (dx * dx + dy * dy) / (radius * radius * 2.56);
            if fall > 0.0 {
                field.raise(row, column, value * (fall * fall) as f32);
            }
        }
    }
}

/// The ligaments and vessels of a breast.
pub(super) fn stroma(shape: &Shape, stream: &mut Stream, rows: usize, columns: usize) -> Field {
    // A fifth of a millimetre a node is finer than any of these lines.
    let mut field = Field::zero(rows, columns, ((shape.scale * 0.2) as usize).max(1));
    for _ in 0..60 {
        let ligament = ligament(shape, stream);
        draw(&mut field, shape, &ligament);
    }
    for _ in 0..5 {
        vessel(&mut field, shape, stream);
    }
    field
}

/// An arc from within the gland to the skin.
fn ligament(shape: &Shape, s: &mut Stream) -> Stroke {
    let (nx, ny) = shape.nipple();
    let angle = s.between(-1.45, 1.45);
    let (from, to) = (s.between(0.25, 0.7), s.between(0.75, 1.02));
    let ray = |k: f64, turn: f64| {
        let r = shape.depth() * k;
        (nx - shape.depth() + r * libm::cos(angle + turn), ny + r * libm::sin(angle + turn))
    };
    let side = if s.unit() < 0.5 { -1.0 } else { 1.0 };
    let bend = side * s.between(0.12, 0.4);
    Stroke {
        points: [ray(from, 0.0), ray(0.45 * from + 0.55 * to, bend), ray(to, bend * s.between(0.2, 1.0))],
        width: (s.between(0.7, 1.4), s.between(0.4, 0.7)),
        value: s.between(0.025, 0.075),
    }
}

/// A tortuous vessel: a few arcs, each beginning where the last ended, in its direction.
fn vessel(field: &mut Field, shape: &Shape, s: &mut Stream) {
    let mut at = (s.between(0.0, 20.0), shape.nipple().1 + s.between(-0.8, 0.8) * shape.depth());
    let mut heading = s.between(-0.5, 0.5);
    let mut width = s.between(1.0, 1.9);
    let value = s.between(0.05, 0.11);
    for _ in 0..6 {
        let step = s.between(8.0, 18.0);
        let turn = s.between(-0.7, 0.7);
        let middle = (at.0 + step * 0.5 * libm::cos(heading), at.1 + step * 0.5 * libm::sin(heading));
        heading += turn;
        let end = (middle.0 + step * 0.5 * libm::cos(heading), middle.1 + step * 0.5 * libm::sin(heading));
        draw(field, shape, &Stroke { points: [at, middle, end], width: (width, width * 0.88), value });
        // Overlap hides where one arc fades into the next.
        at = middle;
        heading = libm::atan2(end.1 - middle.1, end.0 - middle.0);
        width *= 0.88;
    }
}

/// The length of (a, b).
pub(super) fn hypot(a: f64, b: f64) -> f64 {
    (a * a + b * b).sqrt()
}
