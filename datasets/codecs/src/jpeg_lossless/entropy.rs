//! From bits to differences (T.81 H.2.2), one by one or several at once.
//!
//! Invariant: no bit behind the end of the data becomes a difference.

use super::huffman::{Code, Table};
use super::scan::PADDING;
use crate::CodecError;

const NO_SUCH_CODE: CodecError = CodecError::Invalid("the code stream has no such code");

/// Zero bytes behind the last code that are let pass: what encoders add to make a length even, or a multiple of four.
const LEFT_MAX: usize = 3;

/// Unstuffed data with [`PADDING`] zeros behind it, and a place in it.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// In bits, from the start.
    at: usize,
}

impl<'a> Bits<'a> {
    /// Of data that ends with the padding.
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// How many bits there are.
    fn end(&self) -> usize {
        (self.data.len() - PADDING) * 8
    }

    /// The next bits from the top, 57 at least; `None` behind the end.
    #[inline(always)]
    fn peek(&self) -> Option<u64> {
        let bytes = self.data.get(self.at / 8..)?.first_chunk::<8>()?;
        Some(u64::from_be_bytes(*bytes) << (self.at % 8))
    }

    /// That nothing is left but what fills the last byte, and [`LEFT_MAX`] zeros.
    pub(super) fn finish(&self) -> Result<(), CodecError> {
        let left = self.data.get(self.at.div_ceil(8)..self.data.len() - PADDING).unwrap_or_default();
        if left.len() > LEFT_MAX || left.iter().any(|byte| *byte != 0) {
            return Err(CodecError::Invalid("the code stream has more samples than its header says"));
        }
        Ok(())
    }

    /// The next difference.
    pub(super) fn difference(&mut self, table: &Table) -> Result<u16, CodecError> {
        const CUT: CodecError = CodecError::BreaksOff("in its samples");
        let bits = self.peek().ok_or(CUT)?;
        // The last byte is filled with ones, which are no code.
        let code = table.code(bits).ok_or(if self.at + 16 > self.end() { CUT } else { NO_SUCH_CODE })?;
        self.at += (code.length + code.extra()) as usize;
        if self.at > self.end() { Err(CUT) } else { Ok(code.difference(bits << code.length)) }
    }
}

/// Bits that are looked up at once. The table has 8 bytes for each of their values: 16 KiB, which stays in the
/// first-level cache beside the rows.
const INDEX_BITS: u32 = 11;

/// The most differences by one look-up.
const AT_ONCE_MAX: usize = 15;

/// Several differences by one look-up, without a branch that the data decide.
///
/// The first difference of an entry is made from the bits that follow its code, which may reach beyond those looked up;
/// where they do not, what fits behind it is in the entry: two differences, and any number of zeros.
pub(super) struct Lookup {
    entries: Box<[Entry; 1 << INDEX_BITS]>,
    /// How many bits the code has that is all zeros, if it stands for a difference of 0; else more than are looked up.
    zero_bits: u32,
    table: Table,
}

/// From its lowest bit: how many bits are used (8 bits), how many differences they give (8), length (8) and category (8)
/// of the first one's code, the second difference (16), the third (16). 0 where the first code itself does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry(u64);

impl Entry {
    #[inline(always)]
    fn used(self) -> usize {
        self.0 as usize & 63
    }

    /// Up to [`AT_ONCE_MAX`].
    #[inline(always)]
    fn count(self) -> usize {
        (self.0 >> 8) as usize & AT_ONCE_MAX
    }

    /// The first three differences, the bits that were looked up being at the top of `bits`.
    #[inline(always)]
    fn differences(self, bits: u64) -> [u16; 3] {
        let (length, category) = ((self.0 >> 16) as u32 & 15, (self.0 >> 24) as u32 & 15);
        // As in `Code::difference`, in a form that gives 0 for category 0 too: a leading 0 means that
        // 2^category - 1 is to be taken away.
        let rest = bits << length;
        let value = rest >> 1 >> (63 - category);
        let negative = (!rest).cast_signed() >> 63;
        let first = (value.cast_signed() - negative) + (negative << category);
        [first as u16, (self.0 >> 32) as u16, (self.0 >> 48) as u16]
    }
}

impl Lookup {
    pub(super) fn new(table: &Table) -> Self {
        let top = |index: usize| (index as u64) << (64 - INDEX_BITS);
        // What each index starts with, so that the walk below is a look-up too.
        let fits = |code: &Code| code.length <= INDEX_BITS && code.category < 16;
        let codes: Vec<Option<Code>> = (0..1 << INDEX_BITS).map(|i| table.code(top(i)).filter(fits)).collect();
        let mut entries = Box::new([Entry(0); 1 << INDEX_BITS]);
        for (index, entry) in entries.iter_mut().enumerate() {
            let Some(first) = codes[index] else { continue };
            let (mut used, mut count, mut others) = (first.length + first.extra(), 1, [0_u16; 2]);
            while count < AT_ONCE_MAX && used < INDEX_BITS {
                let rest = top(index) << used;
                let Some(code) = codes[(rest >> (64 - INDEX_BITS)) as usize] else { break };
                if used + code.length + code.extra() > INDEX_BITS {
                    break;
                }
                match (others.get_mut(count - 1), code.difference(rest << code.length)) {
                    (Some(place), difference) => *place = difference,
                    (None, 0) => {}
                    (None, _) => break,
                }
                used += code.length + code.extra();
                count += 1;
            }
            let bytes = [used as u8, count as u8, first.length as u8, first.category as u8];
            let [second, third] = others.map(u64::from);
            *entry = Entry(u64::from(u32::from_le_bytes(bytes)) | second << 32 | third << 48);
        }
        let zero = codes[0].filter(|code| code.category == 0);
        Self { entries, zero_bits: zero.map_or(u32::MAX, |code| code.length), table: table.clone() }
    }

    /// Decodes differences to `out` from `*at`, which goes along, until `until` at least are there; up to [`PLACES`]
    /// more may be. What is behind them stays 0, as it has to be before: a run of zeros is not written.
    pub(super) fn differences(
        &self,
        bits: &mut Bits<'_>,
        out: &mut [u16],
        at: &mut usize,
        until: usize,
    ) -> Result<(), CodecError> {
        while *at < until {
            self.many(bits, out, at, until);
            // What the look-ups leave.
            for _ in 0..2 * AT_ONCE_MAX {
                if let Some(place) = out.get_mut(*at).filter(|_| *at < until) {
                    *place = bits.difference(&self.table)?;
                    *at += 1;
                }
            }
        }
        Ok(())
    }

    /// The same, as far as look-ups can be made without asking whether there are bits for them and places in `out`: not
    /// in the last bytes, not for the last samples, and up to a code that is too long for the table.
    fn many(&self, bits: &mut Bits<'_>, out: &mut [u16], at: &mut usize, until: usize) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("bmi2") {
            // SAFETY: the processor has BMI2.
            #[allow(unsafe_code)]
            return unsafe { self.many_bmi2(bits, out, at, until) };
        }
        self.many_anywhere(bits, out, at, until);
    }

    /// With shifts that do not go through one register.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi2")]
    fn many_bmi2(&self, bits: &mut Bits<'_>, out: &mut [u16], at: &mut usize, until: usize) {
        self.many_anywhere(bits, out, at, until);
    }

    #[inline(always)]
    fn many_anywhere(&self, bits: &mut Bits<'_>, out: &mut [u16], progress: &mut usize, until: usize) {
        /// What a code with its bits takes at most.
        const USED_MAX: usize = INDEX_BITS as usize + 15;
        /// What [`Window`] has.
        const AHEAD: usize = 56;
        const { assert!(2 * USED_MAX <= AHEAD) };
        let last = bits.end().saturating_sub(256);
        let (mut at_bit, mut at) = (bits.at, *progress);
        let Some(mut window) = Window::new(bits) else { return };
        while at < until && at_bit < last {
            let Some(places) = out.get_mut(at..).and_then(|out| out.first_chunk_mut::<PLACES>()) else { break };
            let first = window.bits;
            let index = (first >> (64 - INDEX_BITS)) as usize;
            let one = self.entries[index];
            let (used, count) = if index == 0 && self.zero_bits <= INDEX_BITS {
                // Black: as many zeros as there are codes for them, one at least.
                let zeros = first.leading_zeros().min(AHEAD as u32) / self.zero_bits;
                ((zeros * self.zero_bits) as usize, zeros as usize)
            } else {
                let second = first << one.used();
                let two = self.entries[(second >> (64 - INDEX_BITS)) as usize];
                put(places, 0, one.differences(first));
                put(places, one.count(), two.differences(second));
                let (mut used, mut count) = (one.used() + two.used(), one.count() + two.count());
                if one.0 == 0 || two.0 == 0 {
                    (at_bit, at) = (at_bit + used, at + count);
                    break;
                }
                if used <= AHEAD - USED_MAX {
                    let third = second << two.used();
                    let three = self.entries[(third >> (64 - INDEX_BITS)) as usize];
                    put(places, count, three.differences(third));
                    (used, count) = (used + three.used(), count + three.count());
                }
                (used, count)
            };
            if window.skip(bits.data, used).is_none() {
                break;
            }
            (at_bit, at) = (at_bit + used, at + count);
        }
        (bits.at, *progress) = (at_bit, at);
    }
}

/// The next 64 bits, and 56 at least of those behind them, so that a load is never waited for.
struct Window {
    bits: u64,
    behind: u64,
    /// How many bits of `behind` count; those below them are of the next byte, or 0.
    count: usize,
    /// The next byte to load.
    next: usize,
}

impl Window {
    fn new(bits: &Bits<'_>) -> Option<Self> {
        let byte = bits.at / 8;
        let mut window = Self { bits: 0, behind: 0, count: 0, next: byte };
        window.load(bits.data)?;
        // Twice 28 of the 56 bits that a load gives at least, and the 8 bits behind.
        for used in [28, 28, 8 + bits.at % 8] {
            window.skip(bits.data, used)?;
        }
        Some(window)
    }

    #[inline(always)]
    fn load(&mut self, data: &[u8]) -> Option<()> {
        let bytes = data.get(self.next..)?.first_chunk::<8>()?;
        self.behind |= u64::from_be_bytes(*bytes) >> self.count;
        self.next += (63 - self.count) >> 3;
        self.count |= 56;
        Some(())
    }

    /// Goes on by up to 56 bits.
    #[inline(always)]
    fn skip(&mut self, data: &[u8], used: usize) -> Option<()> {
        self.bits = self.bits << used | self.behind >> 1 >> (63 - used);
        self.behind <<= used;
        self.count -= used;
        self.load(data)
    }
}

/// What three look-ups, or one run of zeros, may write.
const PLACES: usize = 64;
const _: () = assert!(3 * AT_ONCE_MAX + 4 <= PLACES && 57 <= PLACES);

#[inline(always)]
fn put(places: &mut [u16; PLACES], at: usize, [a, b, c]: [u16; 3]) {
    if let Some(places) = places.get_mut(at..at + 4) {
        places.copy_from_slice(&[a, b, c, 0]);
    }
}
