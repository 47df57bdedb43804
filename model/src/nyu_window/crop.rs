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

/// Finds the breast in the mask of what lies above air. `points_to` is the side of the image that the breast points to,
/// away from the chest wall.
pub fn crop(above: &Mask, points_to: Side, recipe: &CropRecipe) -> Result<Crop, NoBreast> {
    let core = above.eroded(usize::from(recipe.iterations)).largest_component().ok_or(NoBreast::Eroded)?;
    let breast = Breast::grown(&core, usize::from(recipe.iterations));
    let tight = breast.bounds().ok_or(NoBreast::Eroded)?;
    let (first, end) = breast.rows[tight.bottom - 1].ok_or(NoBreast::Eroded)?;
    let last = end - 1;

    let (rows, columns) = (above.rows(), above.columns());
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
        rightmost: breast.rightmost(bounds, points_to, recipe).ok_or(NoBreast::Eroded)?,
        bottommost: (tight.bottom - 1 - bounds.top, bottommost_columns),
        distance_from_starting_side,
    })
}

/// The first column of the breast and one past the last, in each row that has any. The box and the points ask for no
/// more.
struct Breast {
    rows: Vec<Option<(usize, usize)>>,
}

impl Breast {
    /// What `core` grows to in `n` dilations with the four-neighbour cross: a row reaches `n - d` columns further than
    /// one that is `d` rows away, as long as that is not negative.
    fn grown(core: &Mask, n: usize) -> Self {
        let extents: Vec<_> = (0..core.rows()).map(|row| core.extent(row)).collect();
        let grown = |row: usize| {
            let (from, to) = (row.saturating_sub(n), row.saturating_add(n + 1).min(extents.len()));
            let near = extents[from..to].iter().enumerate().filter_map(|(i, extent)| {
                let more = n - row.abs_diff(from + i);
                extent.map(|(first, end)| (first.saturating_sub(more), (end + more).min(core.columns())))
            });
            near.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        };
        Self { rows: (0..extents.len()).map(grown).collect() }
    }

    fn bounds(&self) -> Option<Bounds> {
        let there = || self.rows.iter().flatten();
        Some(Bounds {
            top: self.rows.iter().position(Option::is_some)?,
            bottom: self.rows.iter().rposition(Option::is_some)? + 1,
            left: there().map(|(first, _)| *first).min()?,
            right: there().map(|(_, end)| *end).max()?,
        })
    }

    /// The rows and the column of the point furthest from the chest wall, below the top third of the crop.
    fn rightmost(&self, b: Bounds, points_to: Side, recipe: &CropRecipe) -> Option<((usize, usize), usize)> {
        let ignored = (b.bottom - b.top) / recipe.search_divisor;
        let below = &self.rows[b.top + ignored..b.bottom];
        let furthest = |(first, end): (usize, usize)| match points_to {
            Side::Right => end - 1,
            Side::Left => first,
        };
        let reached = below.iter().flatten().map(|extent| furthest(*extent));
        let column = match points_to {
            Side::Right => reached.max()?,
            Side::Left => reached.min()?,
        };
        let there = |extent: &Option<(usize, usize)>| extent.is_some_and(|extent| furthest(extent) == column);
        let rows = (ignored + below.iter().position(there)?, ignored + below.iter().rposition(there)?);
        let x = match points_to {
            Side::Right => column - b.left,
            // As in the reference, without the -1 that mirroring would ask for.
            Side::Left => b.right - column,
        };
        Some((rows, x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regions::tests::{blobs, step};
    use proptest::prelude::*;

    /// The recipe as it is written down: pixel by pixel, step by step.
    fn by_the_book(above: &Mask, points_to: Side, recipe: &CropRecipe) -> Option<Crop> {
        let steps = |mask: Mask, erode| (0..recipe.iterations).fold(mask, |mask, _| step(&mask, erode));
        let breast = &steps(steps(above.clone(), true).largest_component()?, false);
        let tight = breast.bounds()?;
        let lowest: Vec<usize> = (0..breast.columns()).filter(|c| breast.is(tight.bottom - 1, *c)).collect();
        let (first, last) = (lowest[0], lowest[lowest.len() - 1]);
        let left = |column: usize| column.saturating_sub(recipe.buffer);
        let right = |column: usize| (column + recipe.buffer).min(breast.columns());
        let bounds = Bounds {
            top: tight.top.saturating_sub(recipe.buffer),
            bottom: (tight.bottom + recipe.buffer).min(breast.rows()),
            left: if points_to == Side::Left { left(tight.left) } else { tight.left },
            right: if points_to == Side::Right { right(tight.right) } else { tight.right },
        };
        let ignored = (bounds.bottom - bounds.top) / recipe.search_divisor;
        let rows = |c: usize| (ignored..bounds.bottom - bounds.top).filter(move |r| breast.is(bounds.top + r, c));
        let mut columns = (bounds.left..bounds.right).filter(|c| rows(*c).next().is_some());
        let column = if points_to == Side::Right { columns.next_back()? } else { columns.next()? };
        let points_right = points_to == Side::Right;
        Some(Crop {
            bounds,
            rightmost: (
                (rows(column).next()?, rows(column).next_back()?),
                if points_right { column - bounds.left } else { bounds.right - bounds.left - (column - bounds.left) },
            ),
            bottommost: (
                tight.bottom - 1 - bounds.top,
                if points_right {
                    (first - bounds.left, last - bounds.left)
                } else {
                    (bounds.right - last, bounds.right - first)
                },
            ),
            distance_from_starting_side: if points_right { tight.left } else { breast.columns() - tight.right },
        })
    }

    proptest! {
        #[test]
        fn the_crop_is_that_of_the_recipe(
            (columns, values) in blobs(), iterations in 0u16..12, buffer in 0usize..9, search_divisor in 1usize..5,
        ) {
            let above = Mask::of(&values, columns, |v| *v);
            let recipe = CropRecipe { iterations, buffer, search_divisor, air_share_min: 0.0 };
            for side in [Side::Left, Side::Right] {
                prop_assert_eq!(crop(&above, side, &recipe).ok(), by_the_book(&above, side, &recipe));
            }
        }
    }
}
