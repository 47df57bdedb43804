//! Huffman tables of difference categories (T.81 annexes C and F.2.2.3, H.1.2.2).
//!
//! Invariant: the codes of a [`Table`] are prefix-free and each stands for a category of 0 to 16.

use crate::CodecError;

/// A table as DHT defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// For each length less one: the first 16 bits that are no code of this length or a shorter one.
    limits: [u32; 16],
    /// For each length less one: what to add to a code to get its place among the values, modulo 2^32.
    offsets: [u32; 16],
    /// Categories in the order of their codes.
    values: Vec<u8>,
}

/// A code that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    /// Its bits, 1 to 16.
    pub(super) length: u32,
    /// The category: how many bits follow and give the difference.
    pub(super) category: u32,
}

impl Code {
    /// Bits of the difference behind the code. Category 16 is 32768 alone and has none (H.1.2.2).
    pub(super) fn extra(self) -> u32 {
        if self.category == 16 { 0 } else { self.category }
    }

    /// The difference, modulo 2^16, from the bits that follow the code, at the top of `rest` (F.2.2.1, EXTEND).
    pub(super) fn difference(self, rest: u64) -> u16 {
        match self.category {
            0 => 0,
            16 => 0x8000,
            category => {
                let value = (rest >> (64 - category)) as u16;
                // A leading 0 is a negative difference: value - (2^category - 1).
                let negative = !((rest.cast_signed() >> 63) as u16);
                value.wrapping_add(negative & (u16::MAX << category).wrapping_add(1))
            }
        }
    }
}

impl Table {
    /// From the numbers of codes of 1 to 16 bits, and the categories in order of code.
    pub(super) fn new(lengths: &[u8; 16], values: &[u8]) -> Result<Self, CodecError> {
        let total: usize = lengths.iter().map(|&n| usize::from(n)).sum();
        if total == 0 || values.len() != total {
            return Err(CodecError::Invalid("a Huffman table is empty or breaks off"));
        }
        if values.iter().any(|&category| category > 16) {
            return Err(CodecError::Invalid("a Huffman table holds a category above 16"));
        }
        let (mut limits, mut offsets) = ([0; 16], [0_u32; 16]);
        let (mut code, mut place) = (0_u32, 0_u32);
        for (index, &count) in lengths.iter().enumerate() {
            let unused = 15 - index;
            offsets[index] = place.wrapping_sub(code);
            code += u32::from(count);
            place += u32::from(count);
            if code > 2 << index {
                return Err(CodecError::Invalid("a Huffman table has more codes than bits allow"));
            }
            limits[index] = code << unused;
            code <<= 1;
        }
        Ok(Self { limits, offsets, values: values.to_vec() })
    }

    /// The code at the top of `bits`; `None` if there is none.
    pub(super) fn code(&self, bits: u64) -> Option<Code> {
        let window = (bits >> 48) as u32;
        let index = self.limits.iter().position(|&limit| window < limit)?;
        let place = (window >> (15 - index)).wrapping_add(self.offsets[index]);
        let category = u32::from(*self.values.get(place as usize)?);
        Some(Code { length: index as u32 + 1, category })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        // The luminance DC table of annex K.3.
        let lengths = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
        let table = Table::new(&lengths, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]).expect("legal");
        let check = |bits: &str, expected: Option<(u32, u32)>| {
            let word = u64::from_str_radix(bits, 2).expect("binary") << (64 - bits.len());
            assert_eq!(table.code(word).map(|c| (c.length, c.category)), expected, "{bits}");
        };
        check("00", Some((2, 0)));
        check("010", Some((3, 1)));
        check("110", Some((3, 5)));
        check("1110", Some((4, 6)));
        check("111111110", Some((9, 11)));
        check("111111111", None);
    }

    #[test]
    fn differences() {
        let check = |category: u32, bits: &str, expected: i32| {
            let rest = u64::from_str_radix(bits, 2).map_or(0, |word| word << (64 - bits.len()));
            let code = Code { length: 1, category };
            assert_eq!(code.difference(rest), expected as u16, "{category} {bits}");
        };
        check(0, "1111", 0);
        check(1, "0", -1);
        check(1, "1", 1);
        check(3, "000", -7);
        check(3, "011", -4);
        check(3, "100", 4);
        check(3, "111", 7);
        check(15, "000000000000000", -32767);
        check(15, "111111111111111", 32767);
        check(16, "0", 32768);
    }

    #[test]
    fn tables_that_are_none() {
        let check = |lengths: [u8; 16], values: &[u8]| assert!(Table::new(&lengths, values).is_err(), "{lengths:?}");
        let one = |at: usize, count: u8| std::array::from_fn(|i| if i == at { count } else { 0 });
        check([0; 16], &[]);
        check(one(0, 3), &[0, 1, 2]);
        check(one(1, 2), &[0]);
        check(one(1, 2), &[0, 17]);
        check(std::array::from_fn(|i| if i < 2 { 2 } else { 0 }), &[0, 1, 2, 3]);
    }
}
