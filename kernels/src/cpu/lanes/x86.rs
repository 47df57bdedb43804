//! AVX-512 and AVX2 with FMA.

use std::arch::x86_64::*;

use super::Lanes;

/// Eight values, AVX2 and FMA.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Avx2(__m256);

/// Sixteen values, AVX-512 F.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Avx512(__m512);

/// The methods are the instructions; each is as safe as its caller makes it.
macro_rules! lanes {
    ($name:ident, $lanes:literal, splat $splat:ident, load $load:ident, store $store:ident, add $add:ident, sub $sub:ident,
     mul $mul:ident, div $div:ident, fma $fma:ident, max $max:ident, largest $largest:expr, min $min:ident, sqrt $sqrt:ident,
     round $round:expr, exp2 $exp2:expr) => {
        impl Lanes for $name {
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $splat(value) })
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: the caller's: the set is there, the values can be read.
                Self(unsafe { $load(from) })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: the caller's: the set is there, the values can be written.
                unsafe { $store(to, self.0) }
            }

            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $add(self.0, b.0) })
            }

            #[inline(always)]
            unsafe fn sub(self, b: Self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $sub(self.0, b.0) })
            }

            #[inline(always)]
            unsafe fn mul(self, b: Self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $mul(self.0, b.0) })
            }

            #[inline(always)]
            unsafe fn div(self, b: Self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $div(self.0, b.0) })
            }

            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $fma(self.0, b.0, c.0) })
            }

            #[inline(always)]
            unsafe fn max(self, b: Self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $max(self.0, b.0) })
            }

            #[inline(always)]
            unsafe fn largest(self, b: Self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $largest(self.0, b.0) })
            }

            #[inline(always)]
            unsafe fn min(self, b: Self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $min(self.0, b.0) })
            }

            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $sqrt(self.0) })
            }

            #[inline(always)]
            unsafe fn round(self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $round(self.0) })
            }

            #[inline(always)]
            unsafe fn exp2_whole(self) -> Self {
                // SAFETY: the caller's: the instruction set is there.
                Self(unsafe { $exp2(self.0) })
            }
        }
    };
}

const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

lanes! {
    Avx2, 8, splat _mm256_set1_ps, load _mm256_loadu_ps, store _mm256_storeu_ps, add _mm256_add_ps, sub _mm256_sub_ps,
    mul _mm256_mul_ps, div _mm256_div_ps, fma _mm256_fmadd_ps, max _mm256_max_ps, largest |a, b| {
        _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a))
    },
    min _mm256_min_ps,
    sqrt _mm256_sqrt_ps, round |v| _mm256_round_ps::<NEAREST>(v),
    exp2 |v| {
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(v), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
    }
}

lanes! {
    Avx512, 16, splat _mm512_set1_ps, load _mm512_loadu_ps, store _mm512_storeu_ps, add _mm512_add_ps, sub _mm512_sub_ps,
    mul _mm512_mul_ps, div _mm512_div_ps, fma _mm512_fmadd_ps, max _mm512_max_ps, largest |a, b| {
        _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a), a)
    },
    min _mm512_min_ps,
    sqrt _mm512_sqrt_ps, round |v| _mm512_roundscale_ps::<NEAREST>(v),
    exp2 |v| {
        let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(v), _mm512_set1_epi32(127));
        _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
    }
}
