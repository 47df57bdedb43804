//! From differences to samples, a row at a time (T.81 table H.1, H.1.2.1).
//!
//! Invariant: all sums are modulo 2^16, so the order in which they are made does not matter: what is predicted by the
//! left neighbour is a running sum over the row.

/// Replaces the differences of the first row of a scan or restart interval by its samples: each is predicted by its left
/// neighbour, the first by `start`.
pub(super) fn first(row: &mut [u16], start: u16) {
    running(row, start);
}

/// Replaces the differences of any later row by its samples. The first is predicted by the one above.
///
/// `selection` is 1 to 7; `above` is as long as `row`.
pub(super) fn next(selection: u8, above: &[u16], row: &mut [u16]) {
    let Some(&top) = above.first() else { return };
    match selection {
        1 => running(row, top),
        2 => row.iter_mut().zip(above).for_each(|(x, rb)| *x = x.wrapping_add(*rb)),
        3 => {
            let corners = std::iter::once(&top).chain(above);
            row.iter_mut().zip(corners).for_each(|(x, rc)| *x = x.wrapping_add(*rc));
        }
        // x - rb is the running sum of the differences.
        4 => {
            let mut sum = 0_u16;
            for (x, rb) in row.iter_mut().zip(above) {
                sum = sum.wrapping_add(*x);
                *x = sum.wrapping_add(*rb);
            }
        }
        // x is the running sum of the differences and the halved slopes above.
        5 => {
            for (x, pair) in row.iter_mut().skip(1).zip(above.windows(2)) {
                *x = x.wrapping_add(half(pair[1], pair[0]));
            }
            running(row, top);
        }
        6 => serial(above, row, |ra, rb, rc| rb.wrapping_add(half(ra, rc))),
        _ => serial(above, row, |ra, rb, _| ((u32::from(ra) + u32::from(rb)) >> 1) as u16),
    }
}

/// (a - b) / 2, rounded down.
fn half(a: u16, b: u16) -> u16 {
    ((i32::from(a) - i32::from(b)) >> 1) as u16
}

fn running(row: &mut [u16], start: u16) {
    let mut sum = start;
    #[cfg(target_arch = "x86_64")]
    let row = {
        let (eights, rest) = row.as_chunks_mut::<8>();
        // SAFETY: every x86-64 processor has SSE2.
        #[allow(unsafe_code)]
        unsafe {
            sum = running_eights(eights, sum);
        }
        rest
    };
    for x in row {
        sum = sum.wrapping_add(*x);
        *x = sum;
    }
}

/// Sums within eight lanes in three steps instead of eight; gives the last sum.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn running_eights(eights: &mut [[u16; 8]], start: u16) -> u16 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi16, _mm_extract_epi16, _mm_loadu_si128, _mm_set1_epi16, _mm_shuffle_epi32,
        _mm_shufflehi_epi16, _mm_slli_si128, _mm_storeu_si128,
    };
    let mut last = _mm_set1_epi16(start.cast_signed());
    for eight in eights {
        let place: *mut __m128i = eight.as_mut_ptr().cast();
        // SAFETY: a chunk has the 16 bytes of a register, which need not be aligned.
        #[allow(unsafe_code)]
        let mut sums = unsafe { _mm_loadu_si128(place) };
        sums = _mm_add_epi16(sums, _mm_slli_si128::<2>(sums));
        sums = _mm_add_epi16(sums, _mm_slli_si128::<4>(sums));
        sums = _mm_add_epi16(sums, _mm_slli_si128::<8>(sums));
        sums = _mm_add_epi16(sums, last);
        // The highest lane to all.
        last = _mm_shuffle_epi32::<0xFF>(_mm_shufflehi_epi16::<0xFF>(sums));
        // SAFETY: as above.
        #[allow(unsafe_code)]
        unsafe {
            _mm_storeu_si128(place, sums);
        }
    }
    _mm_extract_epi16::<0>(last) as u16
}

/// A prediction that needs the left sample itself: by left, above and left of above.
fn serial(above: &[u16], row: &mut [u16], predicted: impl Fn(u16, u16, u16) -> u16) {
    let Some((first, rest)) = row.split_first_mut() else { return };
    let mut left = first.wrapping_add(above[0]);
    *first = left;
    for (x, pair) in rest.iter_mut().zip(above.windows(2)) {
        left = x.wrapping_add(predicted(left, pair[1], pair[0]));
        *x = left;
    }
}
