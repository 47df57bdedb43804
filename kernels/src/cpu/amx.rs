//! Advanced Matrix Extensions: sums of products of bf16 in tiles of 16 x 16 f32 (Intel SDM volume 1, chapter 18).
//!
//! Tile registers are state of a thread: between [`begin`] and [`end`] they are this module's alone, no compiler and
//! no other code of this program touches them. 0 to 3 are sums, 4 to 7 factors.
//!
//! Invariant: nothing here is called before [`is_available`] has said yes; elsewhere than on x86-64 Linux it never does.

use std::sync::OnceLock;

/// Values of bf16 in a row of a tile: the length of a step.
pub(super) const STEP: usize = 32;
/// Rows of a tile, and sums in a row.
pub(super) const SIDE: usize = 16;
/// bf16 values in a tile.
pub(super) const TILE: usize = SIDE * STEP;

/// The nearest bf16, ties to even, as the processor rounds; what is no number stays none.
pub(super) fn bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    if value.is_subnormal() {
        return (bits >> 16) as u16 & 0x8000;
    }
    ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) as u16
}

/// Whether the processor has AMX for bf16 beside AVX-512, and the kernel lets this process use it. Asks once.
pub(super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(arch::ask)
}

pub(super) use arch::{begin, convert, end, multiply_2x2, multiply_4x1, store, zero};

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod arch {
    use std::arch::asm;
    use std::arch::x86_64::*;

    use super::super::isa::InstructionSet;
    use super::STEP;

    pub(super) fn ask() -> bool {
        const AMX_BF16_AND_TILE: u32 = 1 << 22 | 1 << 24;
        const AVX512_BF16: u32 = 1 << 5;
        const TILE_STATE: u64 = 1 << 17 | 1 << 18;
        // What AVX-512 needs includes XGETBV.
        InstructionSet::Avx512.is_available()
            && __cpuid_count(7, 0).edx & AMX_BF16_AND_TILE == AMX_BF16_AND_TILE
            && __cpuid_count(7, 1).eax & AVX512_BF16 != 0
            // SAFETY: the operating system keeps the state of AVX, and so has XGETBV.
            && unsafe { enabled_state() } & TILE_STATE == TILE_STATE
            && permitted()
    }

    #[target_feature(enable = "xsave")]
    unsafe fn enabled_state() -> u64 {
        // SAFETY: register 0 is always there.
        unsafe { _xgetbv(0) }
    }

    /// Asks the kernel for the tiles' 8 KB of state, for all threads of this process (Linux, x86/xstate).
    fn permitted() -> bool {
        const ARCH_PRCTL: i64 = 158;
        const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
        const XFEATURE_XTILEDATA: u64 = 18;
        let result: i64;
        // SAFETY: a system call that reads and writes no memory of ours.
        unsafe {
            asm!("syscall", inlateout("rax") ARCH_PRCTL => result, in("rdi") ARCH_REQ_XCOMP_PERM,
                in("rsi") XFEATURE_XTILEDATA, lateout("rcx") _, lateout("r11") _, options(nostack));
        }
        result == 0
    }

    /// All tiles whole.
    #[repr(C, align(64))]
    struct Configuration {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        row_bytes: [u16; 16],
        rows: [u8; 16],
    }

    static WHOLE: Configuration = Configuration {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
        rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
    };

    /// Configures this thread's tiles.
    ///
    /// # Safety
    ///
    /// AMX is available.
    #[inline(always)]
    pub(in crate::cpu) unsafe fn begin() {
        // SAFETY: the caller's; the configuration is a valid one of palette 1.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const WHOLE, options(nostack, readonly)) }
    }

    /// Gives this thread's tiles up, so that they need not be kept when another is run.
    ///
    /// # Safety
    ///
    /// AMX is available.
    #[inline(always)]
    pub(in crate::cpu) unsafe fn end() {
        // SAFETY: the caller's.
        unsafe { asm!("tilerelease", options(nostack, nomem)) }
    }

    /// Sums of nothing.
    ///
    /// # Safety
    ///
    /// After [`begin`].
    #[inline(always)]
    pub(in crate::cpu) unsafe fn zero() {
        // SAFETY: the caller's.
        unsafe { asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack, nomem)) }
    }

    /// Adds the products of two tiles of 16 positions and of two panels of weights, for some steps: positions lie `apart`
    /// bytes from each other, a step's weights lie panel after panel.
    ///
    /// # Safety
    ///
    /// After [`begin`]; the factors can be read, and there is a step.
    #[inline(always)]
    pub(in crate::cpu) unsafe fn multiply_2x2(a: [*const u16; 2], apart: usize, b: *const u16, steps: usize) {
        // SAFETY: the caller's.
        unsafe {
            asm!(
                "2:",
                "tileloadd tmm6, [{b} + {row}*1]",
                "tileloadd tmm4, [{a0} + {apart}*1]",
                "tileloadd tmm7, [{b} + {row}*1 + 1024]",
                "tileloadd tmm5, [{a1} + {apart}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a0}, 64",
                "add {a1}, 64",
                "add {b}, 2048",
                "dec {steps}",
                "jnz 2b",
                a0 = inout(reg) a[0] => _, a1 = inout(reg) a[1] => _, b = inout(reg) b => _,
                steps = inout(reg) steps => _, apart = in(reg) apart, row = in(reg) 64usize,
                options(nostack, readonly)
            );
        }
    }

    /// The same of four tiles of 16 positions and of one panel.
    ///
    /// # Safety
    ///
    /// After [`begin`]; the factors can be read, and there is a step.
    #[inline(always)]
    pub(in crate::cpu) unsafe fn multiply_4x1(a: [*const u16; 4], apart: usize, b: *const u16, steps: usize) {
        // SAFETY: the caller's.
        unsafe {
            asm!(
                "2:",
                "tileloadd tmm6, [{b} + {row}*1]",
                "tileloadd tmm4, [{a0} + {apart}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{a1} + {apart}*1]",
                "tdpbf16ps tmm1, tmm5, tmm6",
                "tileloadd tmm7, [{a2} + {apart}*1]",
                "tdpbf16ps tmm2, tmm7, tmm6",
                "tileloadd tmm4, [{a3} + {apart}*1]",
                "tdpbf16ps tmm3, tmm4, tmm6",
                "add {a0}, 64",
                "add {a1}, 64",
                "add {a2}, 64",
                "add {a3}, 64",
                "add {b}, 1024",
                "dec {steps}",
                "jnz 2b",
                a0 = inout(reg) a[0] => _, a1 = inout(reg) a[1] => _, a2 = inout(reg) a[2] => _,
                a3 = inout(reg) a[3] => _, b = inout(reg) b => _,
                steps = inout(reg) steps => _, apart = in(reg) apart, row = in(reg) 64usize,
                options(nostack, readonly)
            );
        }
    }

    /// Stores the four tiles of sums, each row `apart` bytes from the last.
    ///
    /// # Safety
    ///
    /// After [`begin`]; the memory can be written.
    #[inline(always)]
    pub(in crate::cpu) unsafe fn store(to: [*mut f32; 4], apart: usize) {
        // SAFETY: the caller's.
        unsafe {
            asm!(
                "tilestored [{0} + {4}*1], tmm0",
                "tilestored [{1} + {4}*1], tmm1",
                "tilestored [{2} + {4}*1], tmm2",
                "tilestored [{3} + {4}*1], tmm3",
                in(reg) to[0], in(reg) to[1], in(reg) to[2], in(reg) to[3], in(reg) apart,
                options(nostack)
            );
        }
    }

    /// Rounds pixels of so many channels to bf16, with zeros up to a multiple of 16 channels. Pixels lie `from_apart`
    /// and `to_apart` values from each other.
    ///
    /// # Safety
    ///
    /// AMX is available; the pixels can be read up to whole blocks of 16 channels, and written.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(in crate::cpu) unsafe fn convert(
        (from, from_apart): (*const f32, usize),
        (to, to_apart): (*mut u16, usize),
        pixels: usize,
        channels: usize,
    ) {
        // Pixels without gaps are one long pixel.
        let dense = from_apart == channels && to_apart == channels;
        let (pixels, channels) = if dense { (1, pixels * channels) } else { (pixels, channels) };
        let whole = channels / STEP * STEP;
        let rest = channels - whole;
        let (low, high) = (mask(rest), mask(rest.saturating_sub(16)));
        for pixel in 0..pixels {
            // SAFETY: the caller's; masked values are not touched.
            unsafe {
                let (from, to) = (from.add(pixel * from_apart), to.add(pixel * to_apart));
                for channel in (0..whole).step_by(STEP) {
                    let from = from.add(channel);
                    let values = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from.add(16)), _mm512_loadu_ps(from));
                    to.add(channel).cast::<__m512bh>().write_unaligned(values);
                }
                if rest > 0 {
                    let values = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(low, from.add(whole)));
                    to.add(whole).cast::<__m256bh>().write_unaligned(values);
                }
                if rest > 16 {
                    let values = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(high, from.add(whole + 16)));
                    to.add(whole + 16).cast::<__m256bh>().write_unaligned(values);
                }
            }
        }
    }

    /// The first so many of 16 lanes.
    fn mask(lanes: usize) -> u16 {
        if lanes < 16 { (1 << lanes) - 1 } else { u16::MAX }
    }
}

/// Where there is no AMX: never called.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod arch {
    pub(super) fn ask() -> bool {
        false
    }
    pub(in crate::cpu) unsafe fn begin() {}
    pub(in crate::cpu) unsafe fn end() {}
    pub(in crate::cpu) unsafe fn zero() {}
    pub(in crate::cpu) unsafe fn multiply_2x2(_: [*const u16; 2], _: usize, _: *const u16, _: usize) {}
    pub(in crate::cpu) unsafe fn multiply_4x1(_: [*const u16; 4], _: usize, _: *const u16, _: usize) {}
    pub(in crate::cpu) unsafe fn store(_: [*mut f32; 4], _: usize) {}
    pub(in crate::cpu) unsafe fn convert(_: (*const f32, usize), _: (*mut u16, usize), _: usize, _: usize) {}
}

#[cfg(test)]
#[path = "amx_tests.rs"]
mod tests;
