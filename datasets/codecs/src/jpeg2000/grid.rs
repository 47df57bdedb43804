//! The reference grid, and how tiles lie on it (ISO 15444-1 annex B).
//!
//! Invariant: a [`Grid`] has an area and at most [`TILES_MAX`] tiles, of which the first is not empty.

use crate::CodecError;

/// OpenJPEG keeps some 7 KiB a tile from the start; the smallest tiles in use, 64 by 64, cut a mammogram into 3000.
const TILES_MAX: u64 = 8192;

/// One axis: from where to where the image reaches, and the tiles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    start: u64,
    end: u64,
    tile_start: u64,
    tile: u64,
}

impl Axis {
    fn tiles(self) -> u64 {
        (self.end - self.tile_start).div_ceil(self.tile)
    }

    /// From where to where each tile reaches (B-7 to B-10).
    fn each(self) -> impl Iterator<Item = (u64, u64)> {
        (0..self.tiles()).map(move |tile| {
            let start = self.tile_start + tile * self.tile;
            (start.max(self.start), (start + self.tile).min(self.end))
        })
    }

    /// The precincts along this axis, of all tiles, of 2^`size` samples, in a resolution halved `times` (B-15, B-16).
    pub(super) fn precincts(self, times: u8, size: u8) -> u64 {
        let of_tile = |(start, end): (u64, u64)| {
            let (start, end) = (halved(start, times), halved(end, times));
            if start < end { end.div_ceil(1 << size) - (start >> size) } else { 0 }
        };
        self.each().map(of_tile).sum()
    }

    /// The steps of 2^`step` along this axis, of all tiles.
    pub(super) fn steps(self, step: u32) -> u64 {
        self.each().map(|(start, end)| (end - start).div_ceil(1 << step.min(32)) + 1).sum()
    }
}

fn halved(side: u64, times: u8) -> u64 {
    side.div_ceil(1 << times.min(32))
}

/// Both axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Grid {
    /// From SIZ, x before y: where the image ends and starts, the size of a tile, where the first tile starts.
    pub(super) fn new(
        end: [u32; 2],
        start: [u32; 2],
        tile: [u32; 2],
        tile_start: [u32; 2],
    ) -> Result<Self, CodecError> {
        let axis = |i: usize| {
            let [start, end, tile_start, tile] = [start[i], end[i], tile_start[i], tile[i]].map(u64::from);
            if start >= end {
                return Err(CodecError::Invalid("the code stream has no area"));
            }
            // A.5.1: the first tile holds something of the image.
            if tile_start > start || tile_start + tile <= start {
                return Err(CodecError::Invalid("the first tile lies outside the image"));
            }
            Ok(Axis { start, end, tile_start, tile })
        };
        let (x, y) = (axis(0)?, axis(1)?);
        match x.tiles().saturating_mul(y.tiles()) {
            0..=TILES_MAX => Ok(Self { x, y }),
            _ => Err(CodecError::Unsupported("a code stream of more than 8192 tiles")),
        }
    }

    pub(super) fn tiles(&self) -> usize {
        // At most TILES_MAX.
        (self.x.tiles() * self.y.tiles()) as usize
    }

    /// Columns and rows.
    pub(super) fn sides(&self) -> [usize; 2] {
        [self.x, self.y].map(|axis| (axis.end - axis.start) as usize)
    }

    /// Of `levels`, how many halvings give the sides that [`crate::Shape::reduced`] promises. An image that does not start
    /// at 0 can come out one sample smaller or larger.
    pub(super) fn reductions(&self, levels: u8) -> u8 {
        let agrees = |times: &u8| {
            [self.x, self.y].iter().all(|axis| {
                halved(axis.end, *times) - halved(axis.start, *times) == halved(axis.end - axis.start, *times)
            })
        };
        (1..=levels).take_while(agrees).count() as u8
    }
}
