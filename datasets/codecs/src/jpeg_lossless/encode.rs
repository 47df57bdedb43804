//! Encodes one component or several, interleaved, with the best Huffman table for the frame (T.81 annexes H and K.2).
//!
//! Invariant: integer arithmetic only, so the same samples give the same bytes everywhere.

use crate::agreement::encodes;
use crate::markers::{DHT, DRI, EOI, SOF3, SOI, SOS};
use crate::{CodecError, Frame};

/// How a frame is encoded losslessly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The prediction, 1 to 7 (T.81 table H.1).
    pub selection: u8,
    /// Low bits that are dropped from each sample; above 0 it is not lossless.
    pub transform: u8,
    /// Rows between restart markers, 0 for none.
    pub restart_rows: usize,
}

impl Default for Options {
    /// Selection value 1, as DICOM's transfer syntax `.70` asks for, nothing dropped, no restart markers.
    fn default() -> Self {
        Self { selection: 1, transform: 0, restart_rows: 0 }
    }
}

/// Encodes a frame of 1 or 3 components and 1 to 16 bits, which are coded as 2 at least.
///
/// # Errors
///
/// The frame is empty, larger than 65535 pixels a side, or its samples are not those of its shape; the options are none.
pub fn encode(frame: &Frame<'_>, options: &Options) -> Result<Vec<u8>, CodecError> {
    encodes(frame)?;
    let shape = frame.shape;
    let precision = shape.precision.max(2);
    let side = |side: usize| u16::try_from(side).ok().filter(|side| *side > 0);
    let (Some(rows), Some(columns)) = (side(shape.rows), side(shape.columns)) else {
        return Err(CodecError::Invalid("a frame has 1 to 65535 rows and columns"));
    };
    let Ok(restart) = u16::try_from(options.restart_rows * shape.columns) else {
        return Err(CodecError::Invalid("a restart interval has 16 bits"));
    };
    if !(1..=7).contains(&options.selection) || u16::from(options.transform) >= precision {
        return Err(CodecError::Invalid("no such prediction or point transform"));
    }
    let differences = differences(frame, precision, options);
    let mut counts = [0_u32; 17];
    differences.iter().for_each(|&d| counts[category(d)] += 1);
    let (lengths, values) = best_table(&counts);

    let mut out = vec![0xFF, SOI];
    segment(&mut out, SOF3, |body| {
        body.push(precision as u8);
        body.extend([rows, columns].map(u16::to_be_bytes).concat());
        body.push(shape.components as u8);
        (1..=shape.components as u8).for_each(|id| body.extend([id, 0x11, 0]));
    });
    segment(&mut out, DHT, |body| {
        body.push(0);
        body.extend(lengths);
        body.extend(&values);
    });
    if restart > 0 {
        segment(&mut out, DRI, |body| body.extend(restart.to_be_bytes()));
    }
    segment(&mut out, SOS, |body| {
        body.push(shape.components as u8);
        (1..=shape.components as u8).for_each(|id| body.extend([id, 0]));
        body.extend([options.selection, 0, options.transform]);
    });
    let codes = codes(&lengths, &values);
    let interval = match options.restart_rows {
        0 => differences.len(),
        rows => rows * shape.columns * shape.components,
    };
    for (index, interval) in differences.chunks(interval).enumerate() {
        if index > 0 {
            out.extend([0xFF, 0xD0 | (index - 1) as u8 & 7]);
        }
        let mut bits = Bits { out: &mut out, pending: 0, count: 0 };
        for &difference in interval {
            let category = category(difference);
            let (code, length) = codes[category];
            // Category 16 is 32768 alone and has no bits (H.1.2.2).
            let extra = if category == 16 { 0 } else { category as u32 };
            let low = difference.wrapping_sub(difference >> 15) & ((1_u32 << extra) - 1) as u16;
            bits.push(code << extra | u32::from(low), length + extra);
        }
        bits.finish();
    }
    out.extend([0xFF, EOI]);
    Ok(out)
}

/// How many bits a difference needs, 0 to 16.
fn category(difference: u16) -> usize {
    (16 - difference.cast_signed().unsigned_abs().leading_zeros()) as usize
}

fn segment(out: &mut Vec<u8>, marker: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = Vec::new();
    body(&mut bytes);
    out.extend([0xFF, marker]);
    // Every body above is a few hundred bytes.
    out.extend((bytes.len() as u16 + 2).to_be_bytes());
    out.extend(bytes);
}

/// Samples less what annex H predicts, in the order of the scan.
fn differences(frame: &Frame<'_>, precision: u16, options: &Options) -> Vec<u16> {
    let (step, stride) = (frame.shape.components, frame.shape.columns * frame.shape.components);
    let sample = |at: usize| i32::from(frame.samples[at] >> options.transform);
    let start = 1 << (precision - u16::from(options.transform) - 1);
    let mut differences = Vec::with_capacity(frame.samples.len());
    for row in 0..frame.shape.rows {
        let begins = row == 0 || options.restart_rows > 0 && row % options.restart_rows == 0;
        for at in row * stride..(row + 1) * stride {
            let first = at < row * stride + step;
            let prediction = match (begins, first, options.selection) {
                (true, true, _) => start,
                (true, false, _) | (false, false, 1) => sample(at - step),
                (false, true, _) | (_, _, 2) => sample(at - stride),
                (_, _, 3) => sample(at - stride - step),
                (_, _, 4) => sample(at - step) + sample(at - stride) - sample(at - stride - step),
                (_, _, 5) => sample(at - step) + ((sample(at - stride) - sample(at - stride - step)) >> 1),
                (_, _, 6) => sample(at - stride) + ((sample(at - step) - sample(at - stride - step)) >> 1),
                _ => (sample(at - step) + sample(at - stride)) >> 1,
            };
            differences.push((sample(at) - prediction) as u16);
        }
    }
    differences
}

/// Code lengths of 1 to 16 bits, and the categories by code, that need the fewest bits (T.81 K.2). The code of all ones
/// is not used.
fn best_table(counts: &[u32; 17]) -> ([u8; 16], Vec<u8>) {
    /// Stands for the code of all ones.
    const RESERVED: usize = 17;
    let mut weights: Vec<u64> = counts.iter().map(|&count| u64::from(count)).collect();
    // The rarest of all, so that it gets the longest code.
    weights.iter_mut().for_each(|weight| *weight *= 2);
    weights.push(1);
    let mut groups: Vec<Vec<usize>> = (0..=RESERVED).map(|symbol| vec![symbol]).collect();
    let mut lengths = [0_usize; RESERVED + 1];
    loop {
        let mut present: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0).collect();
        present.sort_by_key(|&i| (weights[i], usize::MAX - i));
        let &[least, second, ..] = present.as_slice() else { break };
        weights[second] += std::mem::take(&mut weights[least]);
        let joined = std::mem::take(&mut groups[least]);
        groups[second].extend(joined);
        groups[second].iter().for_each(|&symbol| lengths[symbol] += 1);
    }
    // Figure K.3: codes of more than 16 bits are moved up in pairs.
    let mut by_length = [0_usize; 2 * RESERVED];
    lengths.iter().filter(|&&length| length > 0).for_each(|&length| by_length[length] += 1);
    for length in (17..by_length.len()).rev() {
        while by_length[length] > 0 {
            let shorter = (1..length - 1).rev().find(|&shorter| by_length[shorter] > 0).unwrap_or(1);
            by_length[length] -= 2;
            by_length[length - 1] += 1;
            by_length[shorter + 1] += 2;
            by_length[shorter] -= 1;
        }
    }
    if let Some(longest) = by_length.iter_mut().rev().find(|count| **count > 0) {
        *longest -= 1;
    }
    let mut values: Vec<usize> = (0..RESERVED).filter(|&symbol| counts[symbol] > 0).collect();
    values.sort_by_key(|&symbol| (lengths[symbol], symbol));
    (std::array::from_fn(|i| by_length[i + 1] as u8), values.into_iter().map(|value| value as u8).collect())
}

/// Code and length of each category (annex C).
fn codes(lengths: &[u8; 16], values: &[u8]) -> [(u32, u32); 17] {
    let mut codes = [(0, 0); 17];
    let (mut code, mut values) = (0, values.iter());
    for (length, &count) in (1..).zip(lengths) {
        for &value in values.by_ref().take(usize::from(count)) {
            codes[usize::from(value)] = (code, length);
            code += 1;
        }
        code <<= 1;
    }
    codes
}

/// Writes bits, the first the highest, with a zero byte stuffed behind each FF.
struct Bits<'a> {
    out: &'a mut Vec<u8>,
    pending: u64,
    count: u32,
}

impl Bits<'_> {
    fn push(&mut self, value: u32, count: u32) {
        self.pending = self.pending << count | u64::from(value);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.pending >> self.count) as u8;
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }

    /// Fills the last byte with ones (F.1.2.3).
    fn finish(mut self) {
        let fill = (8 - self.count % 8) % 8;
        self.push((1 << fill) - 1, fill);
    }
}
