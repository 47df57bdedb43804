//! The shape of a breast in an image.
//!
//! Everything is drawn as a left breast, chest wall at column 0, in *nominal millimetres*: the image is scaled so that
//! a field of 240 x 190 of them fits, whatever the detector. x grows away from the chest wall, y downwards. The right
//! breast is mirrored at the very end.
//!
//! Invariant: shapes are signed distances (positive inside), accurate near their edges; both breasts and both views of
//! a seed are of one woman.

use uvid_exam::{Slot, View};

use super::field::smoothstep;
use super::random::Stream;
use super::spec::Position;

/// Rows and columns of the nominal field, in nominal millimetres.
const FIELD: (f64, f64) = (240.0, 190.0);

/// What both breasts of a woman share.
struct Woman {
    /// From the chest wall to the skin behind the nipple.
    depth: f64,
    /// Half the extent along the chest wall.
    half: f64,
    /// Roundness of the outline; 2 is an ellipse.
    exponent: f64,
    /// How far the breast hangs in MLO, radians.
    sag: f64,
    /// Where the pectoral muscle's edge leaves the upper border and the chest wall in MLO.
    pectoral: (f64, f64),
}

impl Woman {
    fn new(seed: u64) -> Self {
        let mut s = Stream::new(seed, "woman");
        let depth = s.between(80.0, 120.0);
        Self {
            depth,
            half: (depth * s.between(0.82, 1.0)).clamp(70.0, 102.0),
            exponent: s.between(2.0, 2.35),
            sag: s.between(0.10, 0.24),
            pectoral: (s.between(44.0, 68.0), s.between(132.0, 168.0)),
        }
    }
}

/// One breast in one view.
pub(super) struct Shape {
    view: View,
    /// Pixels per nominal millimetre.
    pub(super) scale: f64,
    depth: f64,
    half: f64,
    exponent: f64,
    /// Height of the ellipse's centre.
    center: f64,
    /// Direction of the breast's axis: cosine and sine of the sag.
    axis: (f64, f64),
    /// Tip of the nipple.
    nipple: (f64, f64),
    pectoral: Line,
    /// The skin of the axilla above and the trunk below, in MLO.
    trunk: Line,
    /// Phases of the outline's small irregularities.
    wobble: [f64; 3],
}

/// Where the ellipse's centre lies: behind the chest wall, so that the breast meets it at an angle.
const BEHIND: f64 = 6.0;

/// A straight edge from (x, 0) on the upper border to (0, y) on the chest wall.
struct Line {
    normal: (f64, f64),
    offset: f64,
}

impl Line {
    fn new(x: f64, y: f64) -> Self {
        let length = (x * x + y * y).sqrt();
        Self { normal: (y / length, x / length), offset: x * y / length }
    }

    /// Positive towards the upper chest wall corner.
    fn distance(&self, x: f64, y: f64) -> f64 {
        self.offset - self.normal.0 * x - self.normal.1 * y
    }

    /// Position along the edge, downwards.
    fn along(&self, x: f64, y: f64) -> f64 {
        self.normal.0 * y - self.normal.1 * x
    }
}

impl Shape {
    /// The shape for an image of so many pixels.
    pub(super) fn new(seed: u64, slot: Slot, rows: usize, columns: usize) -> Self {
        let woman = Woman::new(seed);
        let scale = (rows as f64 / FIELD.0).min(columns as f64 / FIELD.1);
        let height = rows as f64 / scale;
        // The two breasts of a woman differ a little.
        let mut side = Stream::new(seed, slot.laterality().letter());
        let mut s = Stream::new(seed, slot.name());
        let depth = woman.depth * side.between(0.97, 1.03);
        let mlo = slot.view() == View::MedioLateralOblique;
        let center = if mlo { height * 0.5 + s.between(16.0, 26.0) } else { height * 0.5 + s.between(-5.0, 5.0) };
        let sag = if mlo { woman.sag } else { s.between(-0.04, 0.04) };
        let axis = (libm::cos(sag), libm::sin(sag));
        let depth = if mlo { depth * 1.04 } else { depth };
        let tip = depth + BEHIND + 3.0;
        let trunk_top = if mlo { depth * 0.66 + 40.0 } else { 1.0 };
        Self {
            view: slot.view(),
            scale,
            depth,
            half: (woman.half * side.between(0.97, 1.03)).min(height * 0.44),
            exponent: woman.exponent,
            center,
            axis,
            nipple: (tip * axis.0 - BEHIND, center + tip * axis.1),
            pectoral: Line::new(woman.pectoral.0 + s.between(-4.0, 4.0), woman.pectoral.1 + s.between(-6.0, 6.0)),
            trunk: Line::new(trunk_top, height * s.between(0.98, 1.06)),
            wobble: [s.between(0.0, 6.0), s.between(0.0, 6.0), s.between(0.0, 6.0)],
        }
    }

    /// From pixels to nominal millimetres, (x, y).
    pub(super) fn at(&self, row: f64, column: f64) -> (f64, f64) {
        ((column + 0.5) / self.scale, (row + 0.5) / self.scale)
    }

    /// From nominal millimetres to continuous pixel coordinates, (row, column).
    pub(super) fn to_pixels(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (y * self.scale, x * self.scale)
    }

    /// Whether this is an MLO view.
    pub(super) fn is_mlo(&self) -> bool {
        self.view == View::MedioLateralOblique
    }

    /// Tip of the nipple, nominal millimetres.
    pub(super) fn nipple(&self) -> (f64, f64) {
        self.nipple
    }

    /// Depth of the breast, nominal millimetres.
    pub(super) fn depth(&self) -> f64 {
        self.depth
    }

    /// Coordinates along the breast's axis from the chest wall, and across it.
    fn own(&self, x: f64, y: f64) -> (f64, f64) {
        let (dx, dy) = (x + BEHIND, y - self.center);
        (dx * self.axis.0 + dy * self.axis.1, dy * self.axis.0 - dx * self.axis.1)
    }

    /// Distance to the superellipse of the breast proper.
    fn body(&self, x: f64, y: f64) -> f64 {
        let (u, v) = self.own(x, y);
        let (a, b, p) = (self.depth + BEHIND, self.half, self.exponent);
        let (su, sv) = (u.abs() / a, v.abs() / b);
        let (pu, pv) = (libm::pow(su, p - 1.0), libm::pow(sv, p - 1.0));
        let sum = (pu * su + pv * sv).max(1e-9);
        // First order: (1 - r) / |grad r| with r the superellipse's own radius, exact on the outline.
        let r = libm::pow(sum, 1.0 / p);
        let (gu, gv) = (pu / a, pv / b);
        let gradient = r / sum * (gu * gu + gv * gv).sqrt();
        (1.0 - r) / gradient.max(1e-4)
    }

    /// Distance to the skin; positive within the breast, its axilla and trunk.
    pub(super) fn skin(&self, x: f64, y: f64) -> f64 {
        let mut d = self.body(x, y).clamp(-80.0, 80.0);
        if self.is_mlo() {
            let bulge = 3.0 * libm::sin(self.trunk.along(x, y) / 45.0 + self.wobble[0]);
            d = smooth_max(d, self.trunk.distance(x, y) + bulge, 52.0);
        }
        let [w0, w1, w2] = self.wobble;
        d += 0.9 * libm::sin(x / 17.0 + w0) * libm::sin(y / 23.0 + w1) + 0.35 * libm::sin((x + y) / 9.0 + w2);
        let (nx, ny) = self.nipple;
        let (tx, ty) = (x - nx + 4.5 * self.axis.0, y - ny + 4.5 * self.axis.1);
        smooth_max(d, 4.5 - (tx * tx + ty * ty).sqrt(), 3.0)
    }

    /// Distance to the pectoral muscle's edge, positive within; far negative in CC.
    pub(super) fn pectoral(&self, x: f64, y: f64) -> f64 {
        if !self.is_mlo() {
            return -1e3;
        }
        let along = self.pectoral.along(x, y);
        let t = (along / 150.0).clamp(-1.0, 1.0);
        // Slightly convex, as it should be when the woman is relaxed.
        self.pectoral.distance(x, y) + 5.0 * (1.0 - t * t) + 0.6 * libm::sin(along / 13.0 + self.wobble[2])
    }

    /// How readily fibroglandular tissue is found here, about -1 to 1: a cone behind the nipple, fuller in the upper
    /// outer quadrant, with fat under the skin and before the muscle.
    pub(super) fn gland(&self, x: f64, y: f64, skin: f64) -> f64 {
        let (u, v) = self.own(x, y);
        let (a, b) = (self.depth + BEHIND, self.half);
        let (du, dv) = ((u - 0.54 * a) / (0.56 * a), (v + 0.10 * b) / (0.66 * b));
        let cone = 1.0 - (du * du + dv * dv);
        // The duct end of the cone reaches the nipple.
        let (nu, nv) = ((u - 0.9 * a) / (0.2 * a), v / (0.13 * b));
        let ducts = 0.8 * (1.0 - (nu * nu + nv * nv)).max(0.0);
        let fat = 1.6 * (1.0 - smoothstep(1.5, 15.0, skin)) + 0.9 * (1.0 - smoothstep(0.0, 22.0, x));
        let trunk = if self.is_mlo() { 1.5 * smoothstep(-6.0, 8.0, self.pectoral(x, y) + 14.0) } else { 0.0 };
        (cone.max(-1.2) + ducts - fat - trunk).max(-3.0)
    }

    /// Where a point of the breast lies in this view, nominal millimetres.
    pub(super) fn place(&self, position: Position) -> (f64, f64) {
        let up = if self.is_mlo() {
            (position.superior + position.lateral) * core::f64::consts::FRAC_1_SQRT_2
        } else {
            position.lateral
        };
        let v = -up.clamp(-1.0, 1.0) * self.half * 0.86;
        // Along a line parallel to the breast's axis, from the chest wall to the skin.
        let start = (v * -self.axis.1 - BEHIND, self.center + v * self.axis.0);
        let point = |u: f64| (start.0 + u * self.axis.0, start.1 + u * self.axis.1);
        let first = ((1.0 - start.0) / self.axis.0).max(0.0);
        let (mut inside, mut outside) = (first, first + self.depth * 1.3);
        for _ in 0..40 {
            let middle = 0.5 * (inside + outside);
            let (x, y) = point(middle);
            if self.skin(x, y) > 0.0 { inside = middle } else { outside = middle }
        }
        point(first + (inside - first) * position.depth.clamp(0.02, 0.98))
    }

    /// Angle about a point behind the chest wall, and distance from the nipple: the directions in which ducts and
    /// muscle fibres run.
    pub(super) fn polar(&self, x: f64, y: f64) -> (f64, f64) {
        let (dx, dy) = (self.nipple.0 + 12.0 - x, y - self.nipple.1);
        (libm::atan2(dy, dx), (dx * dx + dy * dy).sqrt())
    }

    /// Coordinates along and across the pectoral muscle's fibres.
    pub(super) fn fibres(&self, x: f64, y: f64) -> (f64, f64) {
        (self.pectoral.along(x, y), self.pectoral.distance(x, y))
    }
}

/// The larger of two distances, rounded where they meet within `k`.
fn smooth_max(a: f64, b: f64, k: f64) -> f64 {
    let h = (k - (a - b).abs()).max(0.0) / k;
    a.max(b) + h * h * k * 0.25
}
