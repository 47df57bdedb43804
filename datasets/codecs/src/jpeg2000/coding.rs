//! How components are coded (ISO 15444-1 A.6.1, A.6.2), and what that may cost.
//!
//! Invariant: [`Coding::check`] passes no stream whose packets, or whose positions that a decoder must visit to find
//! them, are more than the limits below, whichever style applies to whichever tile.

use crate::CodecError;
use crate::jpeg2000::grid::Grid;
use crate::jpeg2000::header::SHORT;

/// Layers times precincts, of all tiles, components and resolutions. A mammogram in precincts of 64 by 64 has 3000 for
/// each layer.
const PACKETS_MAX: u64 = 1 << 20;
/// Precincts without layers. OpenJPEG keeps some 1.5 KiB for each.
const PRECINCTS_MAX: u64 = 1 << 16;
/// Places on the reference grid where a precinct of some resolution may start, times components and resolutions:
/// progressions by position visit each.
const POSITIONS_MAX: u64 = 1 << 24;
/// A.6.1: NL is 0 to 32.
const LEVELS_MAX: u8 = 32;

/// The SPcod or SPcoc parameters (tables A.15, A.20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Style {
    /// Decomposition levels.
    pub(super) levels: u8,
    /// 5-3, else 9-7.
    pub(super) reversible: bool,
    /// Code-block style.
    blocks: u8,
    /// Exponents of width and height of a precinct, for each resolution from the smallest.
    precincts: Vec<(u8, u8)>,
}

impl Style {
    /// `flags` is Scod or Scoc.
    pub(super) fn read(flags: u8, body: &[u8]) -> Result<Self, CodecError> {
        let [levels, width, height, blocks, transform] = *body.first_chunk::<5>().ok_or(SHORT)?;
        if levels > LEVELS_MAX {
            return Err(CodecError::Invalid("the code stream has more than 32 decomposition levels"));
        }
        // Table A.18: exponents from 2, sides to 1024, at most 4096 samples.
        if width > 8 || height > 8 || width + height > 8 {
            return Err(CodecError::Invalid("the code-blocks are larger than allowed"));
        }
        if transform > 1 {
            return Err(CodecError::Unsupported("a wavelet of JPEG 2000 part 2"));
        }
        let resolutions = usize::from(levels) + 1;
        let precincts = if flags & 1 != 0 {
            let sizes = body.get(5..5 + resolutions).ok_or(SHORT)?;
            sizes.iter().map(|size| (size & 0x0F, size >> 4)).collect()
        } else {
            vec![(15, 15); resolutions]
        };
        Ok(Self { levels, reversible: transform == 1, blocks, precincts })
    }

    /// Precincts and positions of one component, in all tiles.
    fn cost(&self, grid: &Grid) -> (u64, u64) {
        let halvings = |resolution: usize| self.levels - resolution as u8;
        let of_resolution = |(resolution, &(x, y)): (usize, &(u8, u8))| {
            let times = halvings(resolution);
            grid.x.precincts(times, x).saturating_mul(grid.y.precincts(times, y))
        };
        let precincts = self.precincts.iter().enumerate().map(of_resolution).fold(0, u64::saturating_add);
        let step = |side: fn(&(u8, u8)) -> u8| {
            let sides = self.precincts.iter().enumerate();
            sides.map(|(r, size)| u32::from(side(size)) + u32::from(halvings(r))).min().unwrap_or(0)
        };
        let positions = grid.x.steps(step(|size| size.0)).saturating_mul(grid.y.steps(step(|size| size.1)));
        (precincts, positions.saturating_mul(self.precincts.len() as u64))
    }
}

/// All styles that a stream names, for whatever tile or component.
#[derive(Debug, Default)]
pub(super) struct Coding {
    /// Most layers of any tile.
    layers: u16,
    /// Fewest layers of any tile.
    layers_min: Option<u16>,
    /// Progressions that POC segments list.
    pub(super) changes: u64,
    styles: Vec<Style>,
}

/// Different styles of one stream: one for each component and some to spare for tiles.
const STYLES_MAX: usize = 64;

impl Coding {
    /// Whether there is a COD.
    pub(super) fn declared(&self) -> bool {
        self.layers_min.is_some()
    }

    pub(super) fn add_layers(&mut self, layers: u16) {
        self.layers = self.layers.max(layers);
        self.layers_min = Some(self.layers_min.map_or(layers, |min| min.min(layers)));
    }

    pub(super) fn add(&mut self, style: Style) {
        if !self.styles.contains(&style) && self.styles.len() <= STYLES_MAX {
            self.styles.push(style);
        }
    }

    pub(super) fn styles(&self) -> impl Iterator<Item = &Style> {
        self.styles.iter()
    }

    /// Whether code-blocks are of ISO 15444-15 (its table A.5: bit 6; bit 7 as well where both kinds are mixed).
    pub(super) fn high_throughput(&self) -> Result<bool, CodecError> {
        let of_block = |style: &Style| style.blocks & 0xC0;
        match self.styles().map(of_block).reduce(|a, b| if a == b { a } else { 0xC0 }) {
            None | Some(0) => Ok(false),
            Some(0x40) => Ok(true),
            Some(_) => Err(CodecError::Unsupported("a mix of code-blocks with and without high throughput")),
        }
    }

    /// Holds the stream to the limits. A whole stream of `bytes` has a byte for each packet (B.10).
    pub(super) fn check(&self, grid: &Grid, components: usize, bytes: Option<usize>) -> Result<(), CodecError> {
        if self.styles.len() > STYLES_MAX {
            return Err(CodecError::Unsupported("a code stream of more than 64 coding styles"));
        }
        if self.layers_min == Some(0) {
            return Err(CodecError::Invalid("the code stream has no layer"));
        }
        let costs = self.styles().map(|style| style.cost(grid));
        let (precincts, positions) = costs.fold((0, 0), |most, cost| (most.0.max(cost.0), most.1.max(cost.1)));
        let of_components = |count: u64| count.saturating_mul(components as u64);
        let precincts = of_components(precincts);
        let packets = precincts.saturating_mul(u64::from(self.layers));
        let positions = of_components(positions).saturating_mul(1 + self.changes);
        if precincts > PRECINCTS_MAX || packets > PACKETS_MAX || positions > POSITIONS_MAX {
            return Err(CodecError::Unsupported("a code stream of so many packets"));
        }
        // With several styles the count is only a bound from above.
        let exact = self.styles.len() == 1 && self.layers_min == Some(self.layers);
        if exact && bytes.is_some_and(|bytes| packets > bytes as u64) {
            return Err(CodecError::Invalid("the code stream is shorter than its packets"));
        }
        Ok(())
    }
}
