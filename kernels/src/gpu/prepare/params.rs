//! What kernels are launched with.
//!
//! Invariant: each struct is laid out as in the kernels' sources, field by field, without padding; both sides state its
//! size.

use super::{Air, CHANNELS_MAX, Frame};
use crate::device::Params;

/// The source: rows of so many pixels, each with `lead` of them before its first.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Rectangle {
    pub(super) pixels: u64,
    pub(super) pitch: i32,
    pub(super) lead: i32,
    pub(super) rows: i32,
    pub(super) columns: i32,
    pub(super) mirrored: i32,
    pub(super) unused: i32,
}

/// An axis on the device.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Placed {
    pub(super) firsts: u64,
    pub(super) starts: u64,
    pub(super) weights: u64,
    pub(super) samples: i32,
    pub(super) outputs: i32,
}

/// [`Air`].
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct AirParams {
    pub(super) value: i32,
    pub(super) least: i32,
    pub(super) most: i32,
}

impl From<Air> for AirParams {
    fn from(air: Air) -> Self {
        Self { value: air.value.into(), least: air.padding.0.into(), most: air.padding.1.into() }
    }
}

/// [`Frame`].
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct FrameParams {
    pub(super) rows: i32,
    pub(super) columns: i32,
    pub(super) row: i32,
    pub(super) column: i32,
}

impl From<Frame> for FrameParams {
    fn from(frame: Frame) -> Self {
        let [rows, columns, row, column] = [frame.size[0], frame.size[1], frame.at[0], frame.at[1]].map(|n| n as i32);
        Self { rows, columns, row, column }
    }
}

/// Of `prepare_moments`, `prepare_window` and `prepare_cubic`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct WindowParams {
    pub(super) source: Rectangle,
    pub(super) rows: Placed,
    pub(super) columns: Placed,
    pub(super) to: u64,
    pub(super) partial: u64,
    pub(super) settled: u64,
    pub(super) frame: FrameParams,
    pub(super) air: AirParams,
    pub(super) unused: i32,
}

/// Of `prepare_standard`, `prepare_mean`, `prepare_deviation` and `prepare_sides`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct SettleParams {
    pub(super) partial: u64,
    pub(super) settled: u64,
    pub(super) count: u64,
    pub(super) blocks: u64,
}

/// Of `prepare_spread` and `prepare_scale`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct PlaneParams {
    pub(super) plane: u64,
    pub(super) count: u64,
    pub(super) partial: u64,
    pub(super) settled: u64,
}

/// Of `prepare_triangle` and `prepare_align`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct TriangleParams {
    pub(super) source: Rectangle,
    pub(super) rows: Placed,
    pub(super) columns: Placed,
    pub(super) curve: u64,
    pub(super) plane: u64,
    pub(super) partial: u64,
    pub(super) settled: u64,
    pub(super) to: u64,
    pub(super) mean: f32,
    pub(super) deviation: f32,
}

/// Of `prepare_canvas`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct CanvasParams {
    pub(super) source: Rectangle,
    pub(super) rows: Placed,
    pub(super) columns: Placed,
    pub(super) curve: u64,
    pub(super) to: u64,
    pub(super) white: f64,
    pub(super) frame: FrameParams,
    pub(super) rows_first: i32,
    pub(super) truncate: i32,
    pub(super) channels: i32,
    pub(super) mean: [f32; CHANNELS_MAX],
    pub(super) deviation: [f32; CHANNELS_MAX],
    pub(super) unused: i32,
}

const _: () = assert!(size_of::<WindowParams>() == 152 && size_of::<SettleParams>() == 32);
const _: () = assert!(size_of::<PlaneParams>() == 32 && size_of::<TriangleParams>() == 144);
const _: () = assert!(size_of::<CanvasParams>() == 184);

// SAFETY: `repr(C)`, without padding, as in the kernels' sources; so are those below.
unsafe impl Params for WindowParams {}
// SAFETY: the same.
unsafe impl Params for SettleParams {}
// SAFETY: the same.
unsafe impl Params for PlaneParams {}
// SAFETY: the same.
unsafe impl Params for TriangleParams {}
// SAFETY: the same.
unsafe impl Params for CanvasParams {}
