//! From the words of a frame to its stored values (PS3.5 section 8.1.1).
//!
//! Invariant: a word gives the bits that Bits Stored and High Bit name, and what lies in the others is another's: it is
//! never part of a value; [`Bits::is_odd`] tells where it is more than a sign.

use dicom_core::Tag;

use super::element::DataSet;
use super::pixels::Layout;

/// From a coded word to `stored - lo`.
pub(super) struct Bits {
    shift: u16,
    mask: u16,
    sign: i32,
    lo: i32,
    hi: i32,
    /// What is coded above Bits Stored, and the sign below it, once the word is shifted.
    above: u16,
    signed_below: u16,
    /// What is coded below.
    below: u16,
    /// Whether the bits that are kept are all of Bits Stored and no more.
    whole: bool,
}

impl Bits {
    /// `precision` is how many bits of a word were coded. Where something may have been lost, values that overshot are
    /// clamped; elsewhere, what is outside Bits Stored is another's (an overlay) and dropped.
    pub(super) fn new(layout: &Layout, precision: u16, clamp: bool) -> Self {
        let (lo, hi) = layout.range().into_inner();
        let shift = if precision > layout.high { layout.high + 1 - layout.stored } else { 0 };
        let kept = if clamp { precision - shift } else { (precision - shift).min(layout.stored) };
        let sign = if layout.signed { 1 << (kept - 1) } else { 0 };
        let low = |bits: u16| u16::MAX.checked_shr(u32::from(16 - bits)).unwrap_or_default();
        let stored = layout.stored.min(precision - shift);
        let above = low(precision - shift) & !low(stored);
        let signed_below = if layout.signed { 1 << (stored - 1) } else { 0 };
        Self {
            shift,
            mask: low(kept),
            sign,
            lo,
            hi,
            above,
            signed_below,
            below: low(shift),
            whole: kept == layout.stored,
        }
    }

    /// Whether what was coded above Bits Stored says no more than the sign: of a word that is a number of all its bits,
    /// that it is one that Bits Stored can hold.
    pub(super) fn is_extended(&self, word: u16) -> bool {
        let word = word >> self.shift;
        word & self.above == if word & self.signed_below == 0 { 0 } else { self.above }
    }

    /// Whether what lies outside of Bits Stored is neither nothing nor a sign.
    pub(super) fn is_odd(&self, word: u16) -> bool {
        let above = (word >> self.shift) & self.above;
        let signed = (word >> self.shift) & self.signed_below != 0;
        // Without a branch: every pixel is asked.
        (word & self.below != 0) | ((above != 0) & !(signed & (above == self.above)))
    }

    /// Whether that is so of any of these.
    pub(super) fn any_odd(&self, words: &[u16]) -> bool {
        (self.above | self.below) != 0 && words.iter().fold(false, |odd, word| odd | self.is_odd(*word))
    }

    /// The stored values of words.
    pub(super) fn apply(&self, words: &mut [u16]) {
        if self.whole {
            // lo is 0, or that of the sign alone: none is beyond, and stored - lo is the word with its sign turned.
            let sign = self.sign as u16;
            words.iter_mut().for_each(|word| *word = ((*word >> self.shift) & self.mask) ^ sign);
        } else {
            words.iter_mut().for_each(|word| *word = self.value(*word));
        }
    }

    pub(super) fn value(&self, word: u16) -> u16 {
        let bits = i32::from((word >> self.shift) & self.mask);
        let stored = (bits ^ self.sign) - self.sign;
        // Within 0..=65535: lo..=hi spans at most 16 bits.
        (stored.clamp(self.lo, self.hi) - self.lo) as u16
    }
}

/// Whether bits of the pixels that Bits Stored leaves hold an overlay (PS3.3 C.9.2, as it was before 2004): a plane
/// whose Overlay Bit Position (60xx,0102) is one of them, and that has no Overlay Data (60xx,3000) of its own.
/// `precision` is how many bits of a word were coded.
pub(super) fn hold_overlay(data: &DataSet<'_>, layout: &Layout, precision: u16) -> bool {
    let left = |bit: u16| bit < precision && (bit > layout.high || bit + layout.stored <= layout.high);
    (0x6000..=0x601E).step_by(2).any(|group| {
        data.word(Tag(group, 0x0102)).is_some_and(left)
            && data.get(Tag(group, 0x3000)).is_none_or(|overlay| overlay.bytes.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(stored: u16, high: u16, signed: bool) -> Layout {
        let allocated = if high < 8 { 8 } else { 16 };
        Layout { rows: 1, columns: 1, allocated, stored, high, signed }
    }

    #[test]
    fn bits() {
        let check = |word: u16, layout: Layout, precision, clamp, stored: i32| {
            let pixel = Bits::new(&layout, precision, clamp).value(word);
            assert_eq!(i32::from(pixel) + layout.range().start(), stored, "{word:#x} {layout:?}");
        };
        // An overlay above the stored bits, values left-aligned, a sign bit below the top.
        check(0xF123, layout(12, 11, false), 16, false, 0x123);
        check(0x123F, layout(12, 15, false), 16, false, 0x123);
        check(0xF800, layout(12, 11, true), 16, false, -2048);
        check(0x0FFF, layout(12, 11, true), 16, false, -1);
        check(0x8000, layout(16, 15, true), 16, false, -32768);
        check(0x80, layout(8, 7, true), 8, false, -128);
        // A code stream of fewer bits than Bits Stored has its own sign bit.
        check(0x3FF, layout(12, 11, true), 10, false, -1);
        check(0x3FF, layout(12, 11, false), 10, false, 0x3FF);
        check(0x123, layout(12, 15, false), 12, false, 0x123);
        // A lossy code stream may overshoot.
        check(0x1001, layout(12, 11, false), 16, true, 0xFFF);
        check(0x7FFF, layout(12, 11, true), 16, true, 2047);
    }

    #[test]
    fn a_sign_goes_on_above() {
        let check = |word: u16, layout: Layout, precision, expected| {
            assert_eq!(Bits::new(&layout, precision, false).is_extended(word), expected, "{word:#x} {layout:?}");
        };
        for (word, unsigned, signed) in
            [(0, true, true), (0x7FF, true, true), (0xFFF, true, false), (0xF800, false, true), (0x1000, false, false)]
        {
            check(word, layout(12, 11, false), 16, unsigned);
            check(word, layout(12, 11, true), 16, signed);
        }
        check(0x8800, layout(12, 14, true), 16, false);
        check(0xC000, layout(12, 14, true), 16, true);
        check(0x4000, layout(12, 14, false), 16, true);
        // Nothing is above.
        check(0xFFFF, layout(16, 15, false), 16, true);
        check(0x8000, layout(16, 15, true), 16, true);
        check(0x800, layout(12, 11, true), 12, true);
        check(0x123, layout(12, 15, false), 12, true);
    }

    proptest! {
        #[test]
        fn many_words_have_the_values_of_each(
            stored in 1_u16..=16, up in 0_u16..16, precision in 1_u16..=16, signed: bool, clamp: bool, words: Vec<u16>,
        ) {
            let layout = layout(stored, (stored - 1 + up).min(15), signed);
            let bits = Bits::new(&layout, precision, clamp);
            let expected: Vec<u16> = words.iter().map(|word| bits.value(*word)).collect();
            let mut words = words;
            bits.apply(&mut words);
            prop_assert_eq!(words, expected);
        }

        #[test]
        fn what_is_stored_comes_back(
            stored in 1_u16..=16, up in 0_u16..16, signed: bool, inverted: bool, value: u16, around: u16,
        ) {
            let high = (stored - 1 + up).min(15);
            let layout = layout(stored, high, signed);
            let shift = high + 1 - stored;
            let mask = u16::MAX >> (16 - stored);
            let container = if layout.allocated == 8 { 0xFF } else { 0xFFFF };
            let word = (((value & mask) << shift) | (around & !(mask << shift))) & container;
            let (lo, hi) = layout.range().into_inner();
            let expected = if signed && value & mask & (1 << (stored - 1)) != 0 {
                i32::from(value & mask) - (1 << stored)
            } else {
                i32::from(value & mask)
            };
            let pixel = Bits::new(&layout, layout.allocated, false).value(word);
            let span = (hi - lo) as u16;
            let pixel = if inverted { span - pixel } else { pixel };
            let pixels = uvid_exam::Pixels::new(1, 1, lo..=hi, inverted, vec![pixel]).expect("valid");
            prop_assert_eq!(pixels.stored(pixel), expected);
        }
    }
}
