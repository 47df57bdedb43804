//! Points, rectangles, polygons and masks, in pixels: x to the right, y downwards, the first pixel from (0, 0) to (1, 1).

use crate::sample::finite;
use crate::{Result, Undefined};

/// The most pixels of a mask, or of the raster on which polygons are compared.
pub const PIXELS_MAX: usize = 1 << 28;

/// A place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// A rectangle along the axes. Invariant: finite ends, of positive width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Rectangle {
    /// From its ends.
    ///
    /// # Errors
    ///
    /// [`Undefined::Value`] where one is not finite, [`Undefined::Degenerate`] where width, height or area is not a
    /// positive finite number.
    pub fn new(left: f64, top: f64, right: f64, bottom: f64) -> Result<Self> {
        finite("the rectangle's end (left, top, right, bottom)", &[left, top, right, bottom])?;
        let area = (right - left) * (bottom - top);
        if !(right > left && bottom > top && area > 0.0 && area.is_finite()) {
            return Err(Undefined::Degenerate("the rectangle's area is not a positive finite number"));
        }
        Ok(Self { left, top, right, bottom })
    }

    /// (right - left) × (bottom - top).
    pub fn area(&self) -> f64 {
        (self.right - self.left) * (self.bottom - self.top)
    }

    /// Its upper left and its lower right corner.
    pub fn corners(&self) -> (Point, Point) {
        (Point { x: self.left, y: self.top }, Point { x: self.right, y: self.bottom })
    }

    /// Its middle.
    pub fn centre(&self) -> Point {
        Point { x: self.left / 2.0 + self.right / 2.0, y: self.top / 2.0 + self.bottom / 2.0 }
    }

    /// Whether a point lies within, the edges included.
    pub fn contains(&self, point: Point) -> bool {
        (self.left..=self.right).contains(&point.x) && (self.top..=self.bottom).contains(&point.y)
    }

    /// Intersection over union, 0 to 1.
    ///
    /// ```
    /// use uvid_metrics::localisation::Rectangle;
    ///
    /// let (a, b) = (Rectangle::new(0., 0., 2., 2.)?, Rectangle::new(1., 0., 3., 2.)?);
    /// assert_eq!(a.iou(&b), 1.0 / 3.0);
    /// # Ok::<(), uvid_metrics::Undefined>(())
    /// ```
    pub fn iou(&self, other: &Self) -> f64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let both = width * height;
        both / (self.area() + other.area() - both)
    }
}

/// A polygon, closed by itself. Invariant: at least three corners, finite. It may be concave and cross itself: a point is
/// within where a ray from it meets the outline an odd number of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon(Vec<Point>);

impl Polygon {
    /// From its corners in order.
    ///
    /// # Errors
    ///
    /// [`Undefined::TooFew`] corners, [`Undefined::Value`] where one is not finite.
    pub fn new(corners: &[Point]) -> Result<Self> {
        if corners.len() < 3 {
            return Err(Undefined::TooFew { what: "corners of the polygon", found: corners.len(), needed: 3 });
        }
        finite("the corner's x", &corners.iter().map(|p| p.x).collect::<Vec<_>>())?;
        finite("the corner's y", &corners.iter().map(|p| p.y).collect::<Vec<_>>())?;
        Ok(Self(corners.to_vec()))
    }

    /// Whether a point lies within; on a left or upper edge it does, on a right or lower edge it does not, so that of two
    /// polygons with a common edge one has the point.
    pub fn contains(&self, point: Point) -> bool {
        let edges = self.0.iter().zip(self.0.iter().cycle().skip(1));
        let crossed = edges.filter(|(a, b)| {
            (a.y > point.y) != (b.y > point.y) && {
                // From the upper end always, so that both polygons of an edge round alike.
                let (a, b) = if a.y < b.y { (a, b) } else { (b, a) };
                point.x < a.x + (b.x - a.x) * ((point.y - a.y) / (b.y - a.y))
            }
        });
        crossed.count() % 2 == 1
    }

    /// The pixels whose centres lie within.
    ///
    /// # Errors
    ///
    /// Those of [`Mask::new`]: an image of 0 or more than 2^28 pixels.
    pub fn raster(&self, width: usize, height: usize) -> Result<Mask> {
        let mut within = vec![false; pixels(width, height)?];
        // No centre outside the corners' bounds is within: those are not asked. A cast of what is below 0 is 0.
        let ends = |of: fn(&Point) -> f64, limit: usize| {
            let (low, high) = self.0.iter().map(of).fold((f64::MAX, f64::MIN), |(l, h), at| (l.min(at), h.max(at)));
            (low.floor() as usize).min(limit)..(high.ceil() as usize).min(limit)
        };
        for row in ends(|corner| corner.y, height) {
            for column in ends(|corner| corner.x, width) {
                within[row * width + column] = self.contains(Point { x: column as f64 + 0.5, y: row as f64 + 0.5 });
            }
        }
        Mask::new(width, within)
    }
}

/// The pixels of an image that belong to a region. Invariant: at least one pixel, at most 2^28, whole rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Of what is kept.
    width: usize,
    within: Vec<bool>,
    /// Column and row of its first pixel in the image.
    origin: (usize, usize),
    /// Width and height of the image.
    image: (usize, usize),
}

impl Mask {
    /// Row by row, from the top.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for an image of 0 or more than 2^28 pixels, [`Undefined::Length`] where rows are not whole.
    pub fn new(width: usize, within: Vec<bool>) -> Result<Self> {
        let height = within.len().checked_div(width).unwrap_or(0);
        let expected = pixels(width, height)?;
        crate::sample::same_length("pixels of the mask", expected, within.len())?;
        Ok(Self { width, within, origin: (0, 0), image: (width, height) })
    }

    /// The same region in less memory: only the smallest box around it is kept. An empty one stays as it is.
    #[must_use]
    pub fn cropped(self) -> Self {
        let filled = || self.within.iter().enumerate().filter(|(_, within)| **within).map(|(at, _)| at);
        let columns = || filled().map(|at| at % self.width);
        let (Some(first), Some(last)) = (filled().next(), filled().next_back()) else { return self };
        let (Some(left), Some(right)) = (columns().min(), columns().max()) else { return self };
        let (top, bottom) = (first / self.width, last / self.width);
        let rows = self.within.chunks(self.width).take(bottom + 1).skip(top);
        let within = rows.flat_map(|row| row[left..=right].iter().copied()).collect();
        let origin = (self.origin.0 + left, self.origin.1 + top);
        Self { width: right - left + 1, within, origin, image: self.image }
    }

    /// Pixels in a row of the image.
    pub fn width(&self) -> usize {
        self.image.0
    }

    /// Rows of the image.
    pub fn height(&self) -> usize {
        self.image.1
    }

    /// The pixels that are kept, row by row.
    pub fn pixels(&self) -> &[bool] {
        &self.within
    }

    /// Column and row of each pixel of the region.
    fn filled(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let places = self.within.iter().enumerate().filter(|(_, within)| **within);
        places.map(|(at, _)| (self.origin.0 + at % self.width, self.origin.1 + at / self.width))
    }

    /// Whether a point lies in a pixel of the region: the pixel in column `floor(x)` and row `floor(y)`.
    pub fn contains(&self, point: Point) -> bool {
        let (x, y) = (point.x - self.origin.0 as f64, point.y - self.origin.1 as f64);
        let inside = |value: f64, limit: usize| value >= 0.0 && value < limit as f64;
        inside(x, self.width)
            && inside(y, self.within.len() / self.width)
            && self.within[y as usize * self.width + x as usize]
    }

    /// Pixels of both over pixels of either, 0 to 1.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] where the images differ in size, [`Undefined::Degenerate`] where both are empty.
    pub fn iou(&self, other: &Self) -> Result<f64> {
        for (what, ours, theirs) in
            [("the other mask's width", self.width(), other.width()), ("its height", self.height(), other.height())]
        {
            if ours != theirs {
                return Err(Undefined::Parameter { what, value: theirs as f64, domain: "that of the first mask" });
            }
        }
        let centre = |(x, y): (usize, usize)| Point { x: x as f64 + 0.5, y: y as f64 + 0.5 };
        let both = self.filled().filter(|at| other.contains(centre(*at))).count();
        let either = self.filled().count() + other.filled().count() - both;
        if either == 0 {
            return Err(Undefined::Degenerate("both masks are empty: there is no intersection over union"));
        }
        Ok(both as f64 / either as f64)
    }
}

/// Where a lesion is.
#[derive(Debug, Clone, PartialEq)]
pub enum Region {
    /// A box.
    Rectangle(Rectangle),
    /// An outline.
    Polygon(Polygon),
    /// Pixels.
    Mask(Mask),
}

impl Region {
    /// Whether a point lies within.
    pub fn contains(&self, point: Point) -> bool {
        match self {
            Self::Rectangle(rectangle) => rectangle.contains(point),
            Self::Polygon(polygon) => polygon.contains(point),
            Self::Mask(mask) => mask.contains(point),
        }
    }

    /// The smallest box around it.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where it has no area, as an empty mask.
    pub fn bounds(&self) -> Result<Rectangle> {
        let points: Vec<Point> = match self {
            Self::Rectangle(rectangle) => return Ok(*rectangle),
            Self::Polygon(polygon) => polygon.0.clone(),
            Self::Mask(mask) => {
                let corners = |(x, y): (usize, usize)| {
                    let (x, y) = (x as f64, y as f64);
                    [Point { x, y }, Point { x: x + 1.0, y: y + 1.0 }]
                };
                mask.filled().flat_map(corners).collect()
            }
        };
        let first = *points.first().ok_or(Undefined::Degenerate("the region is empty"))?;
        let (low, high) = points.iter().fold((first, first), |(low, high), p| {
            (Point { x: low.x.min(p.x), y: low.y.min(p.y) }, Point { x: high.x.max(p.x), y: high.y.max(p.y) })
        });
        Rectangle::new(low.x, low.y, high.x, high.y)
    }
}

fn pixels(width: usize, height: usize) -> Result<usize> {
    match width.checked_mul(height) {
        Some(pixels @ 1..=PIXELS_MAX) => Ok(pixels),
        _ => {
            let value = width as f64 * height as f64;
            Err(Undefined::Parameter { what: "the pixels of the image", value, domain: "whole rows, from 1 to 2^28" })
        }
    }
}
