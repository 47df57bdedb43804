//! What every step of a compiled network is: work that falls into pieces, each of which writes pixels of its own.
//!
//! Invariants: maps lie channels last, in blocks of [`BLOCK`] channels, image after image without gaps; what a pixel
//! becomes depends on neither the number of images, nor the pieces, nor the thread.

use super::isa::InstructionSet;
use super::lanes::Lanes;

#[cfg(test)]
pub(super) use crate::compile::Second;
pub(super) use crate::compile::{Activation, Epilogue, Size};

/// Maps in memory: channel k of column c of row r of image n lies at
/// `start + ((n * rows + r) * columns + c) * pixel + k`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maps<P> {
    /// The first value.
    pub(super) start: P,
    /// Of each image.
    pub(super) size: Size,
    /// Values from a pixel to the next: at least the padded channels, a multiple of [`BLOCK`].
    pub(super) pixel: usize,
}

/// Maps to be read.
pub(super) type Source = Maps<*const f32>;
/// Maps to be written.
pub(super) type Target = Maps<*mut f32>;

impl Source {
    /// The first channel of a pixel, counted through all images.
    ///
    /// # Safety
    ///
    /// There are so many pixels.
    #[inline(always)]
    pub(super) unsafe fn pixel(self, pixel: usize) -> *const f32 {
        // SAFETY: the caller's.
        unsafe { self.start.add(pixel * self.pixel) }
    }
}

impl Target {
    /// The first channel of a pixel, counted through all images.
    ///
    /// # Safety
    ///
    /// There are so many pixels.
    #[inline(always)]
    pub(super) unsafe fn pixel(self, pixel: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { self.start.add(pixel * self.pixel) }
    }
}

/// What a step reads and writes in one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operands<'a> {
    /// Images.
    pub(super) images: usize,
    /// What it reads, in the order that the kernel names; a residual is the last.
    pub(super) x: &'a [Source],
    /// What it writes, in the order that the kernel names.
    pub(super) y: &'a [Target],
}

// SAFETY: pieces of one step write pixels of their own, and nothing that the step reads.
unsafe impl Send for Operands<'_> {}
// SAFETY: the same.
unsafe impl Sync for Operands<'_> {}

/// A step's computation, made for one size of input.
pub(super) trait Kernel: Send + Sync {
    /// How many pieces the work on so many images falls into. Small work is one piece.
    fn pieces(&self, images: usize) -> usize;

    /// f32s of scratch memory that a piece needs, whatever is in them.
    fn scratch(&self) -> usize {
        0
    }

    /// Does a piece.
    ///
    /// # Safety
    ///
    /// The operands are of the sizes that the kernel was made for and lie in memory that nobody else writes; `y` is
    /// written by no other piece at the pixels of this one; the kernel's instruction set is there; `piece` is less than
    /// [`Kernel::pieces`]; `scratch` has [`Kernel::scratch`] values, aligned to 64 bytes.
    unsafe fn run(&self, piece: usize, operands: Operands<'_>, scratch: *mut f32);

    /// Floating-point operations for one image, a multiply-add being two.
    fn flops(&self) -> u64;

    /// Bytes of packed weights.
    fn weight_bytes(&self) -> usize {
        0
    }

    /// For people: "direct 3x3/2", "winograd 4x4".
    fn name(&self) -> String;
}

/// Where an epilogue's residual is read and its values go, for one pixel: null where there is none.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) residual: Option<Source>,
    pub(super) first: Option<Target>,
    pub(super) second: Option<Target>,
}

impl Epilogue {
    /// Picks an epilogue's operands: `x[at]` is the residual, if there is one; `y` are the values that are stored.
    #[inline(always)]
    pub(super) fn ends(&self, operands: Operands<'_>, at: usize) -> Ends {
        let mut y = operands.y.iter().copied();
        Ends {
            residual: operands.x.get(at).copied().filter(|_| self.residual),
            first: if self.first { y.next() } else { None },
            second: if self.second.is_some() { y.next() } else { None },
        }
    }

    /// Finishes the channels from `channel` on of a pixel (counted through all images).
    ///
    /// # Safety
    ///
    /// The set of `V` is there; the ends have the pixel, and as many channels as a vector from `channel` on.
    #[inline(always)]
    pub(super) unsafe fn finish<V: Lanes>(&self, v: V, ends: &Ends, pixel: usize, channel: usize) {
        // SAFETY: the caller's.
        unsafe { self.finish_row([v], ends, pixel, channel) }
    }

    /// Finishes neighbouring pixels, as [`Epilogue::finish`] does one.
    ///
    /// # Safety
    ///
    /// Of [`Epilogue::finish`], for each of the pixels.
    #[inline(always)]
    pub(super) unsafe fn finish_row<V: Lanes, const N: usize>(
        &self,
        mut v: [V; N],
        ends: &Ends,
        pixel: usize,
        channel: usize,
    ) {
        // SAFETY: the caller's; bias, scale and shift are as long as the padded channels.
        unsafe {
            let bias = V::load(self.bias.as_ptr().add(channel));
            for v in &mut v {
                *v = v.add(bias);
            }
            if let Some(residual) = ends.residual {
                let from = residual.pixel(pixel).add(channel);
                for (i, v) in v.iter_mut().enumerate() {
                    *v = v.add(V::load(from.add(i * residual.pixel)));
                }
            }
            for v in &mut v {
                *v = self.activation.of(*v);
            }
            if let Some(first) = ends.first {
                let to = first.pixel(pixel).add(channel);
                for (i, v) in v.iter().enumerate() {
                    v.store(to.add(i * first.pixel));
                }
            }
            if let (Some(to), Some(second)) = (ends.second, &self.second) {
                let scale = V::load(second.scale.as_ptr().add(channel));
                let shift = V::load(second.shift.as_ptr().add(channel));
                let start = to.pixel(pixel).add(channel);
                for (i, v) in v.iter().enumerate() {
                    second.activation.of(v.mul_add(scale, shift)).store(start.add(i * to.pixel));
                }
            }
        }
    }
}

impl Activation {
    /// The activation of a vector.
    ///
    /// # Safety
    ///
    /// The set of `V` is there.
    #[inline(always)]
    pub(super) unsafe fn of<V: Lanes>(self, v: V) -> V {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Self::None => v,
                // In this order, what is no number stays none.
                Self::Relu => V::splat(0.0).max(v),
                Self::Gelu => super::functions::gelu(v),
                Self::Silu => super::functions::silu(v),
                Self::Sigmoid => super::functions::sigmoid(v),
            }
        }
    }
}

/// A kernel's instruction set, known to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Available(InstructionSet);

impl Available {
    /// If it is.
    pub(super) fn new(set: InstructionSet) -> Option<Self> {
        set.is_available().then_some(Self(set))
    }

    /// Which.
    pub(super) fn set(self) -> InstructionSet {
        self.0
    }
}
