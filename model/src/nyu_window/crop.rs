//! The box around the breast, and the two points that centre the window.
//!
//! The breast is the largest region that survives 100 erosions with the four-neighbour cross, grown back 100 times;
//! around it a buffer of 50 pixels, but none on the side of the chest wall. Points are in the crop after it has been
//! mirrored so that the chest wall is on the left.

use uvid_exam::Side;

use super::CropRecipe;
use crate::regions::{Bounds, Mask};

/// What the crop found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// The box, in the image.
    pub bounds: Bounds,
    /// The rows (first, last) and the column of the point furthest from the chest wall, below the top third.
    pub rightmost: ((usize, usize), usize),
    /// The row and the columns (first, last) of the lowest point.
    pub bottommost: (usize, (usize, usize)),
    /// Columns between the breast and the edge where the chest wall should be.
    pub distance_from_starting_side: usize,
}

/// No breast in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoBreast {
    /// Nothing is left of what lies above air.
    #[error("no region above background survives the erosion")]
    Eroded,
    /// The smallest value is hardly anywhere: it is not that of air.
    #[error("hardly any pixel has the image's smallest value; is its background even and dark?")]
    NoAir,
}

/// Finds the breast among the pixels above 0. `points_to` is the side of the image that the breast points to, away from
/// the chest wall.
pub fn crop(
    pixels: &[u16],
    rows: usize,
    columns: usize,
    points_to: Side,
    recipe: &CropRecipe,
) -> Result<Crop, NoBreast> {
    let above = Mask { rows, columns, values: pixels.iter().map(|v| *v > 0).collect() };
    let core = above.eroded(recipe.iterations).largest_component().ok_or(NoBreast::Eroded)?;
    let breast = core.dilated(recipe.iterations);
    let tight = breast.bounds().ok_or(NoBreast::Eroded)?;

    let row = |r: usize| &breast.values[r * columns..(r + 1) * columns];
    let lowest = row(tight.bottom - 1);
    let first = lowest.iter().position(|m| *m).ok_or(NoBreast::Eroded)?;
    let last = lowest.iter().rposition(|m| *m).ok_or(NoBreast::Eroded)?;

    let mut bounds = tight;
    bounds.top -= bounds.top.min(recipe.buffer);
    bounds.bottom += (rows - bounds.bottom).min(recipe.buffer);
    let (distance_from_starting_side, bottommost_columns) = match points_to {
        Side::Left => {
            bounds.left -= bounds.left.min(recipe.buffer);
            (columns - tight.right, (bounds.right - last, bounds.right - first))
        }
        Side::Right => {
            bounds.right += (columns - bounds.right).min(recipe.buffer);
            (tight.left, (first - bounds.left, last - bounds.left))
        }
    };
    Ok(Crop {
        bounds,
        rightmost: rightmost(&breast, bounds, points_to, recipe).ok_or(NoBreast::Eroded)?,
        bottommost: (tight.bottom - 1 - bounds.top, bottommost_columns),
        distance_from_starting_side,
    })
}

/// The rows and the column of the point furthest from the chest wall, below the top third of the crop.
fn rightmost(breast: &Mask, b: Bounds, points_to: Side, recipe: &CropRecipe) -> Option<((usize, usize), usize)> {
    let ignored = (b.bottom - b.top) / recipe.search_divisor;
    let is_breast = |r: usize, c: usize| breast.values[(b.top + r) * breast.columns + b.left + c];
    let (height, width) = (b.bottom - b.top, b.right - b.left);
    let in_column = |c: &usize| (ignored..height).any(|r| is_breast(r, *c));
    let column = match points_to {
        Side::Right => (0..width).rev().find(in_column)?,
        Side::Left => (0..width).find(in_column)?,
    };
    let first = (ignored..height).find(|r| is_breast(*r, column))?;
    let last = (ignored..height).rev().find(|r| is_breast(*r, column))?;
    let x = match points_to {
        Side::Right => column,
        // As in the reference, without the -1 that mirroring would ask for.
        Side::Left => width - column,
    };
    Some(((first, last), x))
}
