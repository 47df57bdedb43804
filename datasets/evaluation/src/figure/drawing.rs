//! What a figure is drawn with: shapes and texts at places, from the back to the front.
//!
//! Lengths are in CSS pixels, of which a PDF takes one as one point before it scales the figure. x grows to the right, y
//! downwards. Everything lies within the drawing.

use std::sync::Arc;

use super::font::Typeface;
use super::picture::Picture;

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// Black.
    pub const BLACK: Self = Self(0, 0, 0);
    /// White.
    pub const WHITE: Self = Self(255, 255, 255);

    /// This colour over white, `share` of it, from 0 to 1.
    #[must_use]
    pub fn tint(self, share: f64) -> Self {
        let mix = |channel: u8| (255.0 - (255.0 - f64::from(channel)) * share.clamp(0.0, 1.0)).round() as u8;
        Self(mix(self.0), mix(self.1), mix(self.2))
    }
}

/// A place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// A place, shortly.
pub(crate) fn at(x: f64, y: f64) -> Place {
    Place { x, y }
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// The left edge.
    pub x: f64,
    /// The upper edge.
    pub y: f64,
    /// To the right edge.
    pub width: f64,
    /// To the lower edge.
    pub height: f64,
}

impl Area {
    /// The right edge.
    pub fn right(self) -> f64 {
        self.x + self.width
    }

    /// The lower edge.
    pub fn bottom(self) -> f64 {
        self.y + self.height
    }

    /// Whether they share more than an edge.
    pub fn overlaps(self, other: Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub colour: Colour,
    /// Its width.
    pub width: f64,
    /// Lengths of dashes and gaps in turn; none for a solid line.
    pub dash: &'static [f64],
    /// 0 (unseen) to 1.
    pub opacity: f64,
}

impl Stroke {
    /// A solid line.
    pub fn solid(colour: Colour, width: f64) -> Self {
        Self { colour, width, dash: &[], opacity: 1.0 }
    }

    /// With dashes.
    #[must_use]
    pub fn dashed(mut self, dash: &'static [f64]) -> Self {
        self.dash = dash;
        self
    }
}

/// How an area is filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fill {
    /// Its colour.
    pub colour: Colour,
    /// 0 (unseen) to 1.
    pub opacity: f64,
}

impl Fill {
    /// Nothing shines through.
    pub fn solid(colour: Colour) -> Self {
        Self { colour, opacity: 1.0 }
    }
}

/// Which point of a text its place is; always on the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Where it begins.
    Start,
    /// Its middle.
    Middle,
    /// Where it ends.
    End,
}

/// A line of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// A point of its baseline.
    pub place: Place,
    /// What it says.
    pub text: String,
    /// Height of the font.
    pub size: f64,
    /// Its typeface.
    pub typeface: Typeface,
    /// Which point `place` is.
    pub anchor: Anchor,
    /// Whether it is read upwards: turned by a quarter against the clock.
    pub upwards: bool,
    /// Its colour.
    pub colour: Colour,
}

impl Label {
    /// The room that it takes.
    pub fn area(&self) -> Area {
        let width = super::font::width(&self.text, self.size, self.typeface);
        let before = match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        // Helvetica's ascenders and descenders.
        let (above, height) = (0.74 * self.size, 0.95 * self.size);
        if self.upwards {
            Area { x: self.place.x - above, y: self.place.y - (width - before), width: height, height: width }
        } else {
            Area { x: self.place.x - before, y: self.place.y - above, width, height }
        }
    }
}

/// One thing that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// Straight lines through places, and what they enclose.
    Path {
        /// At least two.
        places: Vec<Place>,
        /// Whether the last is joined with the first.
        closed: bool,
        /// The line.
        stroke: Option<Stroke>,
        /// What is inside.
        fill: Option<Fill>,
    },
    /// A rectangle.
    Rectangle {
        /// Where.
        area: Area,
        /// Radius of its corners; 0 for sharp ones.
        radius: f64,
        /// Its edge.
        stroke: Option<Stroke>,
        /// What is inside.
        fill: Option<Fill>,
    },
    /// A circle.
    Circle {
        /// Its middle.
        centre: Place,
        /// Its radius.
        radius: f64,
        /// Its edge.
        stroke: Option<Stroke>,
        /// What is inside.
        fill: Option<Fill>,
    },
    /// A line of text.
    Text(Label),
    /// A picture.
    Picture {
        /// Where.
        area: Area,
        /// Its pixels.
        picture: Arc<Picture>,
    },
}

/// A figure, laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// What is drawn, the hindmost first.
    pub marks: Vec<Mark>,
}

impl Drawing {
    /// Nothing yet.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, marks: Vec::new() }
    }

    /// A line through places; fewer than two draw nothing.
    pub fn line(&mut self, places: Vec<Place>, stroke: Stroke) {
        if places.len() > 1 {
            self.marks.push(Mark::Path { places, closed: false, stroke: Some(stroke), fill: None });
        }
    }

    /// A line from a place to another one.
    pub fn segment(&mut self, from: Place, to: Place, stroke: Stroke) {
        self.line(vec![from, to], stroke);
    }

    /// What lies between places; fewer than three draw nothing.
    pub fn polygon(&mut self, places: Vec<Place>, stroke: Option<Stroke>, fill: Option<Fill>) {
        if places.len() > 2 {
            self.marks.push(Mark::Path { places, closed: true, stroke, fill });
        }
    }

    /// A rectangle with sharp corners.
    pub fn rectangle(&mut self, area: Area, stroke: Option<Stroke>, fill: Option<Fill>) {
        self.marks.push(Mark::Rectangle { area, radius: 0.0, stroke, fill });
    }

    /// A circle.
    pub fn circle(&mut self, centre: Place, radius: f64, stroke: Option<Stroke>, fill: Option<Fill>) {
        self.marks.push(Mark::Circle { centre, radius, stroke, fill });
    }

    /// Text in regular letters.
    pub fn text(&mut self, place: Place, text: impl Into<String>, size: f64, anchor: Anchor, colour: Colour) {
        self.label(place, text, size, Typeface::Regular, anchor, colour);
    }

    /// Text in bold letters.
    pub fn bold(&mut self, place: Place, text: impl Into<String>, size: f64, anchor: Anchor, colour: Colour) {
        self.label(place, text, size, Typeface::Bold, anchor, colour);
    }

    /// Text that is read upwards.
    pub fn upwards(&mut self, place: Place, text: impl Into<String>, size: f64, colour: Colour) {
        let (text, typeface, anchor) = (text.into(), Typeface::Regular, Anchor::Middle);
        self.marks.push(Mark::Text(Label { place, text, size, typeface, anchor, upwards: true, colour }));
    }

    /// Text.
    pub fn label(
        &mut self,
        place: Place,
        text: impl Into<String>,
        size: f64,
        typeface: Typeface,
        anchor: Anchor,
        colour: Colour,
    ) {
        let text = text.into();
        if !text.is_empty() {
            self.marks.push(Mark::Text(Label { place, text, size, typeface, anchor, upwards: false, colour }));
        }
    }

    /// The labels.
    pub fn labels(&self) -> impl Iterator<Item = &Label> {
        self.marks.iter().filter_map(|mark| match mark {
            Mark::Text(label) => Some(label),
            Mark::Path { .. } | Mark::Rectangle { .. } | Mark::Circle { .. } | Mark::Picture { .. } => None,
        })
    }
}
