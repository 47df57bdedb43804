//! Weights as kernels read them.
//!
//! Invariant: the first value begins a cache line, so that a vector which starts at a multiple of 16 values is read from
//! one line.

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; 16]);

/// Values that begin a cache line; the last line is filled up with zeros.
pub(super) struct Packed(Box<[Line]>);

fn line(values: impl Iterator<Item = u32>) -> Line {
    let mut line = [0; 16];
    line.iter_mut().zip(values).for_each(|(to, from)| *to = from);
    Line(line)
}

impl Packed {
    /// Of these values.
    pub(super) fn new(values: &[f32]) -> Self {
        Self(values.chunks(16).map(|values| line(values.iter().map(|value| value.to_bits()))).collect())
    }

    /// Of these bf16 values.
    pub(super) fn bf16(values: &[u16]) -> Self {
        let pair = |pair: &[u16]| pair.iter().rev().fold(0, |bits, value| bits << 16 | u32::from(*value));
        Self(values.chunks(32).map(|values| line(values.chunks(2).map(pair))).collect())
    }

    /// The first value.
    #[inline(always)]
    pub(super) fn as_ptr(&self) -> *const f32 {
        self.0.as_ptr().cast()
    }

    /// Of all lines.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_begin_a_line_and_are_filled_up() {
        let packed = Packed::new(&[1.0; 17]);
        assert_eq!(packed.as_ptr().align_offset(64), 0);
        assert_eq!(packed.bytes(), 128);
        assert_eq!(packed.0[1].0[..2], [1.0_f32.to_bits(), 0]);
        let halves = Packed::bf16(&[1, 2, 3]);
        // SAFETY: a line holds 32.
        assert_eq!(unsafe { halves.as_ptr().cast::<[u16; 4]>().read() }, [1, 2, 3, 0]);
    }
}
