//! What a network has besides values: weights, biases. On the device they lie in one piece.

use half::{bf16, f16};

use crate::cpu::Precision;

/// Bytes at whose multiples vectors begin.
const ALIGNMENT: usize = 256;

/// Constants on their way to the device.
#[derive(Debug, Default)]
pub(super) struct Constants(Vec<u8>);

impl Constants {
    /// Appends f32s; gives where they begin.
    pub(super) fn f32s(&mut self, values: &[f32]) -> u64 {
        let at = self.begin();
        self.0.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        at
    }

    /// Appends values in a precision; gives where they begin.
    pub(super) fn values(&mut self, values: &[f32], precision: Precision) -> u64 {
        match precision {
            Precision::F32 => self.f32s(values),
            Precision::Bf16 => self.shorts(values.iter().map(|v| bf16::from_f32(*v).to_bits())),
            Precision::F16 => self.shorts(values.iter().map(|v| f16::from_f32(*v).to_bits())),
        }
    }

    fn shorts(&mut self, values: impl Iterator<Item = u16>) -> u64 {
        let at = self.begin();
        self.0.extend(values.flat_map(u16::to_le_bytes));
        at
    }

    fn begin(&mut self) -> u64 {
        self.0.resize(self.0.len().next_multiple_of(ALIGNMENT), 0);
        self.0.len() as u64
    }

    /// All of them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
