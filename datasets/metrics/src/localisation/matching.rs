//! Which lesions are found by which marks.
//!
//! A lesion is found by the mark with the highest score among those that hit it; several lesions may be found by one mark. A
//! mark that hits no lesion is false. A further hit on a lesion that is found already is, by choice, neither true nor false
//! ([`Further::Ignored`], the rule of Chakraborty's JAFROC) or false ([`Further::False`], the rule of detection challenges).

use super::{Point, Rectangle, Region};
use crate::{Result, Undefined};

/// A place that was marked, with a score: larger is more suspicious.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mark {
    /// A point.
    Point {
        /// Where.
        at: Point,
        /// How suspicious.
        score: f64,
    },
    /// A box.
    Rectangle {
        /// Where.
        at: Rectangle,
        /// How suspicious.
        score: f64,
    },
}

impl Mark {
    /// How suspicious.
    pub fn score(&self) -> f64 {
        match self {
            Self::Point { score, .. } | Self::Rectangle { score, .. } => *score,
        }
    }

    /// The point, or the middle of the box.
    pub fn centre(&self) -> Point {
        match self {
            Self::Point { at, .. } => *at,
            Self::Rectangle { at, .. } => at.centre(),
        }
    }
}

/// When a mark hits a lesion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HitRule {
    /// The mark's centre lies in the lesion's region.
    InRegion,
    /// The mark's centre lies in the smallest box around the lesion.
    InBox,
    /// The mark's centre is at most so many pixels from the middle of the smallest box around the lesion.
    Within {
        /// Above 0.
        radius_pixels: f64,
    },
    /// The IoU of the mark's box and the smallest box around the lesion is at least this, above 0 and at most 1; a mark
    /// that is a point is an error.
    Iou {
        /// The threshold.
        at_least: f64,
    },
}

impl HitRule {
    fn check(self) -> Result<()> {
        let (what, value, allowed, domain) = match self {
            Self::InRegion | Self::InBox => return Ok(()),
            Self::Within { radius_pixels: r } => ("the radius", r, r > 0.0 && r.is_finite(), "finite and above 0"),
            Self::Iou { at_least: t } => ("the IoU", t, t > 0.0 && t <= 1.0, "above 0 and at most 1"),
        };
        if allowed { Ok(()) } else { Err(Undefined::Parameter { what, value, domain }) }
    }
}

/// What a further hit on a lesion counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Further {
    /// As nothing.
    Ignored,
    /// As a false mark.
    False,
}

/// What an image's marks found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// For each lesion the highest score of a mark that hits it.
    pub lesions: Vec<Option<f64>>,
    /// The scores of false marks, in the marks' order.
    pub false_marks: Vec<f64>,
}

/// Which lesions of an image its marks find. Of equal scores the first mark finds the lesion.
///
/// ```
/// use uvid_metrics::localisation::{Further, HitRule, Mark, Point, Rectangle, Region, find};
///
/// let lesion = Region::Rectangle(Rectangle::new(10., 10., 20., 20.)?);
/// let mark = |x, score| Mark::Point { at: Point { x, y: 15. }, score };
/// let found = find(&[mark(12., 0.4), mark(18., 0.7), mark(40., 0.9)], &[lesion], HitRule::InRegion, Further::Ignored)?;
/// assert_eq!(found.lesions, [Some(0.7)]);
/// assert_eq!(found.false_marks, [0.9]);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::Value`] for a score or place that is not finite, [`Undefined::Parameter`] for a rule out of its domain,
/// [`Undefined::Degenerate`] where a rule needs boxes and a mark or lesion has none.
pub fn find(marks: &[Mark], lesions: &[Region], rule: HitRule, further: Further) -> Result<Found> {
    rule.check()?;
    crate::sample::finite("the mark's score", &marks.iter().map(Mark::score).collect::<Vec<_>>())?;
    crate::sample::finite("the mark's x", &marks.iter().map(|mark| mark.centre().x).collect::<Vec<_>>())?;
    crate::sample::finite("the mark's y", &marks.iter().map(|mark| mark.centre().y).collect::<Vec<_>>())?;
    let mut best: Vec<Option<usize>> = vec![None; lesions.len()];
    let mut hits = vec![false; marks.len()];
    for (lesion, best) in lesions.iter().zip(&mut best) {
        // An empty lesion is a fault of the annotation even where the rule would not ask for its box.
        let bounds = lesion.bounds()?;
        for (row, mark) in marks.iter().enumerate() {
            if !hit(mark, lesion, &bounds, rule)? {
                continue;
            }
            hits[row] = true;
            if best.is_none_or(|best| mark.score() > marks[best].score()) {
                *best = Some(row);
            }
        }
    }
    let is_false = |row: &usize| match further {
        Further::Ignored => !hits[*row],
        Further::False => !best.contains(&Some(*row)),
    };
    Ok(Found {
        lesions: best.iter().map(|best| best.map(|row| marks[row].score())).collect(),
        false_marks: (0..marks.len()).filter(is_false).map(|row| marks[row].score()).collect(),
    })
}

fn hit(mark: &Mark, lesion: &Region, bounds: &Rectangle, rule: HitRule) -> Result<bool> {
    let centre = mark.centre();
    Ok(match rule {
        HitRule::InRegion => lesion.contains(centre),
        HitRule::InBox => bounds.contains(centre),
        HitRule::Within { radius_pixels } => {
            let middle = bounds.centre();
            (centre.x - middle.x).hypot(centre.y - middle.y) <= radius_pixels
        }
        HitRule::Iou { at_least } => match mark {
            Mark::Rectangle { at, .. } => at.iou(bounds) >= at_least,
            Mark::Point { .. } => return Err(Undefined::Degenerate("a mark is a point: it has no IoU")),
        },
    })
}
