//! Colours, dashes and markers that are told apart by colour-blind eyes and in black and white.

use super::drawing::{Colour, Drawing, Fill, Place, Stroke, at};

/// Letters, axes.
pub const INK: Colour = Colour(34, 34, 34);
/// Labels of less weight.
pub const SOFT: Colour = Colour(95, 95, 95);
/// The grid.
pub const GRID: Colour = Colour(229, 229, 229);
/// Lines that are there to be compared with.
pub const REFERENCE: Colour = Colour(120, 120, 120);
/// Series of which there are many, readers above all.
pub const CROWD: Colour = Colour(150, 150, 150);

/// Okabe and Ito's colours ("Color universal design", 2008) without yellow, which is lost on white.
pub const COLOURS: [Colour; 7] = [
    Colour(0, 114, 178),
    Colour(213, 94, 0),
    Colour(0, 158, 115),
    Colour(204, 121, 167),
    Colour(230, 159, 0),
    Colour(86, 180, 233),
    Colour(0, 0, 0),
];

/// Dashes; with 7 colours, 35 lines before one looks like another.
pub const DASHES: [&[f64]; 5] = [&[], &[7.0, 3.0], &[2.0, 2.0], &[9.0, 3.0, 2.0, 3.0], &[5.0, 2.0, 1.5, 2.0, 1.5, 2.0]];

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// A disc.
    Disc,
    /// A square.
    Square,
    /// A triangle that stands on its side.
    Triangle,
    /// A square on its corner.
    Diamond,
    /// A triangle that stands on its corner.
    Wedge,
    /// Two strokes.
    Cross,
    /// An empty circle.
    Ring,
}

impl Marker {
    /// All, in the order in which series get them.
    pub const ALL: [Self; 7] =
        [Self::Disc, Self::Square, Self::Triangle, Self::Diamond, Self::Wedge, Self::Cross, Self::Ring];

    /// Draws it.
    pub(crate) fn draw(self, drawing: &mut Drawing, place: Place, radius: f64, colour: Colour, opacity: f64) {
        let fill = Some(Fill { colour, opacity });
        let edge = |width| Some(Stroke { opacity, ..Stroke::solid(colour, width) });
        let around = |corners: &[(f64, f64)]| -> Vec<Place> {
            corners.iter().map(|(x, y)| at(place.x + x * radius, place.y + y * radius)).collect()
        };
        match self {
            Self::Disc => drawing.circle(place, radius, None, fill),
            Self::Ring => drawing.circle(place, radius, edge(radius * 0.4), Some(Fill::solid(Colour::WHITE))),
            Self::Square => {
                drawing.polygon(around(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]), None, fill);
            }
            Self::Triangle => drawing.polygon(around(&[(0.0, -1.15), (1.1, 0.85), (-1.1, 0.85)]), None, fill),
            Self::Wedge => drawing.polygon(around(&[(0.0, 1.15), (1.1, -0.85), (-1.1, -0.85)]), None, fill),
            Self::Diamond => drawing.polygon(around(&[(0.0, -1.3), (1.1, 0.0), (0.0, 1.3), (-1.1, 0.0)]), None, fill),
            Self::Cross => {
                let stroke = Stroke { opacity, ..Stroke::solid(colour, radius * 0.5) };
                drawing.line(around(&[(-0.9, -0.9), (0.9, 0.9)]), stroke.clone());
                drawing.line(around(&[(-0.9, 0.9), (0.9, -0.9)]), stroke);
            }
        }
    }
}
