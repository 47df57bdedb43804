//! Weights as kernels read them.
//!
//! Invariant: the first value begins a cache line, so that a vector which starts at a multiple of 16 values is read from
//! one line.

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Values that begin a cache line; the last line is filled up with zeros.
pub(super) struct Packed(Box<[Line]>);

impl Packed {
    /// Of these values.
    pub(super) fn new(values: &[f32]) -> Self {
        let line = |values: &[f32]| {
            let mut line = [0.0; 16];
            line[..values.len()].copy_from_slice(values);
            Line(line)
        };
        Self(values.chunks(16).map(line).collect())
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
        assert_eq!(packed.0[1].0[..2], [1.0, 0.0]);
    }
}
