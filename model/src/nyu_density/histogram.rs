//! What share of an image's pixels falls into each of the bins between its smallest and its largest value.
//!
//! An image of few grey levels has levels that lie on the edge between two bins (51, 102, 153 and 204 of 0..255 with
//! 50 bins), thousands of pixels each, and the rounding of the arithmetic decides which bin gets them. The authors'
//! numbers come out only if theirs is followed:
//!
//! 1. In f32, x = (v - mean(v)) / std(v), where std is that of v - mean(v) about its own mean. Sums are NumPy's over
//!    blocks of 8192 values ([`sum`]), the blocks added one after the other.
//! 2. In f64, bin k reaches from edge k to below edge k + 1; edge k = min(x) + k (max(x) - min(x)) / bins, and the
//!    last edge, which belongs to its bin, is max(x).
//!
//! Measured on the four images that the authors publish: with these steps their published output comes out to six
//! digits. In exact arithmetic, or with today's NumPy, it is off by 0.002.

/// The share of the pixels in each bin; `None` where all pixels have one value.
pub fn shares(pixels: &[u16], bins: usize) -> Option<Vec<f32>> {
    let (least, most) = (pixels.iter().min()?, pixels.iter().max()?);
    if least == most {
        return None;
    }
    let standard = Standard::of(pixels);
    let edges = edges(standard.of_value(*least), standard.of_value(*most), bins);
    let mut levels = vec![0u32; usize::from(most - least) + 1];
    pixels.iter().for_each(|v| levels[usize::from(v - least)] += 1);
    let mut counts = vec![0u64; bins];
    for (value, count) in (*least..=*most).zip(levels) {
        // The edges rise: those at or below x come first.
        let below = edges.partition_point(|edge| *edge <= standard.of_value(value));
        counts[below.clamp(1, bins) - 1] += u64::from(count);
    }
    Some(counts.iter().map(|n| (*n as f64 / pixels.len() as f64) as f32).collect())
}

/// `bins + 1` equally spaced numbers.
fn edges(least: f64, most: f64, bins: usize) -> Vec<f64> {
    let step = (most - least) / bins as f64;
    (0..bins).map(|k| k as f64 * step + least).chain([most]).collect()
}

/// Step 1.
#[derive(Debug, Clone, Copy)]
struct Standard {
    mean: f32,
    deviation: f32,
}

impl Standard {
    fn of(pixels: &[u16]) -> Self {
        let n = pixels.len() as f32;
        let values: Vec<f32> = pixels.iter().map(|v| f32::from(*v)).collect();
        let mean = sum(&values) / n;
        let mut centred: Vec<f32> = values.iter().map(|v| v - mean).collect();
        let left = sum(&centred) / n;
        centred.iter_mut().for_each(|v| *v = (*v - left) * (*v - left));
        Self { mean, deviation: (sum(&centred) / n).sqrt() }
    }

    fn of_value(self, value: u16) -> f64 {
        f64::from((f32::from(value) - self.mean) / self.deviation)
    }
}

/// The sum as NumPy's buffered reduction makes it: pairwise within blocks of 8192 values, block after block.
pub fn sum(values: &[f32]) -> f32 {
    values.chunks(8192).map(pairwise).fold(0.0, |sum, block| sum + block)
}

/// NumPy's pairwise sum: halves (the first a multiple of 8) down to 128 values, those in eight interleaved sums.
fn pairwise(values: &[f32]) -> f32 {
    if values.len() > 128 {
        let half = values.len() / 2;
        let (first, second) = values.split_at(half - half % 8);
        return pairwise(first) + pairwise(second);
    }
    let eights = values.chunks_exact(8);
    let rest = eights.remainder();
    let mut r = [0f32; 8];
    for eight in eights {
        r.iter_mut().zip(eight).for_each(|(sum, v)| *sum += v);
    }
    let paired = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    rest.iter().fold(paired, |sum, v| sum + v)
}

#[cfg(test)]
mod tests {
    use super::*;

    // import numpy
    // x = ((numpy.arange(20000) * 7919 % 1024) / 7).astype(numpy.float32)
    // f = numpy.float32(0)
    // for i in range(0, 20000, 8192): f += x[i:i + 8192].sum()
    // print(f, x[:100].sum(), x[:1001].sum(), x[:5].sum())
    #[test]
    fn sums_are_numpys() {
        let x: Vec<f32> = (0..20_000u64).map(|i| ((i * 7919 % 1024) as f64 / 7.0) as f32).collect();
        let check = |n: usize, expected: f32| assert_eq!(sum(&x[..n]), expected, "{n}");
        check(20_000, 1.4601531e+06);
        check(100, 6922.572);
        check(1001, 73130.85);
        check(5, 341.4286);
    }

    #[test]
    fn shares_sum_to_one_and_follow_the_values() {
        let check = |pixels: &[u16], bins: usize, expected: Option<&[f32]>| {
            assert_eq!(shares(pixels, bins).as_deref(), expected, "{pixels:?}");
        };
        check(&[], 2, None);
        check(&[3, 3], 2, None);
        check(&[0, 1, 9, 10], 2, Some(&[0.5, 0.5]));
        check(&[0, 1, 9, 65535], 5, Some(&[0.75, 0.0, 0.0, 0.0, 0.25]));
        check(&[5, 6, 7, 8, 8], 3, Some(&[0.2, 0.2, 0.6]));
    }
}
