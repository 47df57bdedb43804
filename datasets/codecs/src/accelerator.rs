//! Decoding elsewhere than on this processor: on a graphics card, say.
//!
//! What decodes is the caller's [`Accelerator`]; here is what it is asked for, and the proof that it decodes as the codecs
//! here do.
//!
//! Invariants:
//! - An accelerator decodes nothing that is used before it has given every sample of the probes of that format: the one way
//!   to use it is [`Proven`].
//! - It is asked only for frames that every right decoder gives alike, and whose form the probes have: unsigned, of one
//!   component, of [`SIDE_MIN`] or more a side, whole, at full resolution, coded without loss, with nothing unusual in the
//!   headers ([`crate::jpeg2000::plain`]).
//! - Where it gives nothing, or what cannot be the frame, the caller decodes with [`crate::Codec`].
//!
//! That a stream is coded without loss is more than its wavelet says: one of the 5-3 transform may be cut short, and how
//! decoders round what is left of a coefficient is their choice (ISO 15444-1 E.1.1.2). The caller knows it from a transfer
//! syntax that allows no loss.

use std::fmt;

use crate::{CodecError, Decoding, Encoding, Format, Frame, Header, Shape, decode, jpeg2000};

/// Decodes frames, if it likes to.
pub trait Accelerator: Send + Sync {
    /// The samples of a bare code stream of this shape, as [`crate::Codec::decode`] gives them; `None` leaves it to the
    /// processor.
    fn decode(&self, format: Format, codestream: &[u8], shape: &Shape) -> Option<Vec<u16>>;

    /// For whoever counts: a frame is decoded `here`, or left to the processor. Of probes nothing is said.
    fn decoded(&self, here: bool) {
        let _ = here;
    }
}

/// Rows and columns below which a frame is not worth asking for; the probes have no less.
const SIDE_MIN: usize = 32;

/// An accelerator that decodes as the codecs here do.
pub struct Proven {
    accelerator: Box<dyn Accelerator>,
    formats: Vec<Format>,
    refused: Vec<Unproven>,
}

/// Why an accelerator is not used for a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it {what} of {} of {} x {} samples with {} bits", .format.codec().name(), .shape.rows, .shape.columns, .shape.precision)]
pub struct Unproven {
    /// Of which format the probe is.
    pub format: Format,
    /// What the probe is.
    pub shape: Shape,
    /// What it does.
    what: &'static str,
}

impl Proven {
    /// Lets it decode every probe, and compares every sample with the codec's.
    ///
    /// # Errors
    ///
    /// It cannot be used for any format: why not for the first.
    pub fn new(accelerator: Box<dyn Accelerator>) -> Result<Self, Unproven> {
        let mut proven = Self { accelerator, formats: Vec::new(), refused: Vec::new() };
        for format in [Format::Jpeg2000, Format::Htj2k] {
            match prove(&*proven.accelerator, format) {
                Ok(()) => proven.formats.push(format),
                Err(unproven) => proven.refused.push(unproven),
            }
        }
        match proven.refused.first() {
            Some(refused) if proven.formats.is_empty() => Err(refused.clone()),
            _ => Ok(proven),
        }
    }

    /// What it is used for.
    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// What it is not used for.
    pub fn refused(&self) -> &[Unproven] {
        &self.refused
    }

    /// The samples of a frame that was inspected and is known to be coded without loss; `None` if the codec is to decode
    /// it.
    pub fn decode(&self, stream: &[u8], header: &Header) -> Option<Vec<u16>> {
        let samples = if self.formats.contains(&header.format) { self.samples(stream, header) } else { None };
        self.accelerator.decoded(samples.is_some());
        samples
    }

    /// Counts a frame that it cannot be asked for.
    pub fn pass_over(&self) {
        self.accelerator.decoded(false);
    }

    fn samples(&self, stream: &[u8], header: &Header) -> Option<Vec<u16>> {
        if header.shape.rows.min(header.shape.columns) < SIDE_MIN {
            return None;
        }
        let codestream = jpeg2000::plain(stream, header)?;
        let samples = self.accelerator.decode(header.format, codestream, &header.shape)?;
        fits(&samples, &header.shape).then_some(samples)
    }
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proven").field("formats", &self.formats).field("refused", &self.refused).finish_non_exhaustive()
    }
}

/// Whether these can be samples of such a frame.
fn fits(samples: &[u16], shape: &Shape) -> bool {
    let above = u16::MAX.checked_shl(shape.precision.into()).unwrap_or(0);
    shape.samples() == Some(samples.len()) && samples.iter().all(|sample| sample & above == 0)
}

fn prove(accelerator: &dyn Accelerator, format: Format) -> Result<(), Unproven> {
    for (shape, stream) in probes(format) {
        let unproven = |what| Unproven { format, shape, what };
        let stream = stream.map_err(|_| unproven("could not be given a probe"))?;
        let count = shape.samples().unwrap_or_default();
        let decoded = decode(format, &stream, &shape, &Decoding::default(), count);
        let (header, expected, _) = decoded.map_err(|_| unproven("could not be compared with our own decoding"))?;
        let codestream = jpeg2000::plain(&stream, &header).ok_or_else(|| unproven("could not be asked for a probe"))?;
        match accelerator.decode(format, codestream, &header.shape) {
            None => return Err(unproven("does not decode a probe")),
            Some(samples) if samples != expected => return Err(unproven("decodes other samples from a probe")),
            Some(_) => {}
        }
    }
    Ok(())
}

type Probe = (Shape, Result<Vec<u8>, CodecError>);

/// Frames with sides that are even, odd and less than a code-block, and streams of other encoders with what ours does not
/// write: tiles, layers, HTJ2K.
fn probes(format: Format) -> Vec<Probe> {
    /// Rows, columns, precision.
    const FRAMES: [(usize, usize, u16); 5] = [(37, 53, 8), (64, 64, 10), (131, 70, 12), (300, 217, 14), (257, 129, 16)];
    const JPEG2000: [(Shape, &[u8]); 2] = [
        (grey(70, 90, 12), include_bytes!("jpeg2000/tests/streams/pcrl_tiles.j2k")),
        (grey(70, 90, 12), include_bytes!("jpeg2000/tests/streams/rlcp_layers.j2k")),
    ];
    const HTJ2K: [(Shape, &[u8]); 3] = [
        (grey(40, 50, 12), include_bytes!("jpeg2000/tests/streams/ht_lrcp.j2c")),
        (grey(40, 50, 16), include_bytes!("jpeg2000/tests/streams/ht_16_bits.j2c")),
        (grey(70, 90, 16), include_bytes!("jpeg2000/tests/streams/ht_tile_parts.j2c")),
    ];
    let given = |streams: &[(Shape, &[u8])]| -> Vec<Probe> {
        streams.iter().map(|(shape, stream)| (*shape, Ok(stream.to_vec()))).collect()
    };
    match format {
        Format::Jpeg2000 => {
            let shapes = FRAMES.iter().map(|&(rows, columns, precision)| grey(rows, columns, precision));
            let smooth = shapes.clone().map(|shape| encoded(shape, |_, row, column| (row * 7 + column * 3) as u16));
            // The upper half of a product's bits, so that every bit of a sample is coded.
            let noise = shapes.map(|shape| {
                encoded(shape, |state, _, _| {
                    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (*state >> 48) as u16
                })
            });
            smooth.chain(noise).chain(given(&JPEG2000)).collect()
        }
        Format::Htj2k => given(&HTJ2K),
        Format::JpegLossless
        | Format::JpegDct
        | Format::JpegLs
        | Format::JpegXl
        | Format::Rle
        | Format::DeflatedFrame => Vec::new(),
    }
}

const fn grey(rows: usize, columns: usize, precision: u16) -> Shape {
    Shape { rows, columns, components: 1, precision, signed: false }
}

fn encoded(shape: Shape, sample: impl Fn(&mut u64, usize, usize) -> u16) -> Probe {
    let mask = u16::MAX >> (16 - shape.precision);
    let mut state = 1;
    let mut samples = Vec::new();
    for row in 0..shape.rows {
        samples.extend((0..shape.columns).map(|column| sample(&mut state, row, column) & mask));
    }
    let frame = Frame { shape, samples: &samples };
    (shape, Format::Jpeg2000.codec().encode(&frame, &Encoding::Lossless))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Decodes as the codecs do, but for what a test changes.
    struct Other {
        change: fn(Format, &Shape, Vec<u16>) -> Option<Vec<u16>>,
        counts: Arc<[AtomicUsize; 2]>,
    }

    impl Accelerator for Other {
        fn decode(&self, format: Format, codestream: &[u8], shape: &Shape) -> Option<Vec<u16>> {
            let count = shape.samples()?;
            let (_, samples, _) = decode(format, codestream, shape, &Decoding::default(), count).ok()?;
            (self.change)(format, shape, samples)
        }

        fn decoded(&self, here: bool) {
            self.counts[usize::from(here)].fetch_add(1, Ordering::Relaxed);
        }
    }

    type Change = fn(Format, &Shape, Vec<u16>) -> Option<Vec<u16>>;

    fn proven(change: Change) -> (Result<Proven, Unproven>, Arc<[AtomicUsize; 2]>) {
        let counts: Arc<[AtomicUsize; 2]> = Arc::default();
        (Proven::new(Box::new(Other { change, counts: Arc::clone(&counts) })), counts)
    }

    #[test]
    fn one_sample_of_one_probe_decides() {
        let check = |change: Change, expected: Result<&[Format], &str>| match (proven(change).0, expected) {
            (Ok(proven), Ok(formats)) => {
                assert_eq!(proven.formats(), formats);
                assert_eq!(proven.formats().len() + proven.refused().len(), 2);
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (other, expected) => panic!("{other:?}, expected {expected:?}"),
        };
        check(|_, _, samples| Some(samples), Ok(&[Format::Jpeg2000, Format::Htj2k]));
        check(|_, _, _| None, Err("it does not decode a probe of JPEG 2000 of 37 x 53 samples with 8 bits"));
        check(|format, _, samples| (format == Format::Jpeg2000).then_some(samples), Ok(&[Format::Jpeg2000]));
        check(|format, _, samples| (format == Format::Htj2k).then_some(samples), Ok(&[Format::Htj2k]));
        let last: Change = |_, shape, mut samples| {
            *samples.last_mut()? ^= u16::from(shape.rows != 37);
            Some(samples)
        };
        check(last, Err("it decodes other samples from a probe of JPEG 2000 of 64 x 64 samples with 10 bits"));
        let wide: Change = |_, shape, mut samples| {
            samples[0] ^= u16::from(shape.rows == 257);
            Some(samples)
        };
        check(wide, Ok(&[Format::Htj2k]));
        let short: Change = |_, shape, samples| Some(samples[..samples.len() - usize::from(shape.rows > 100)].to_vec());
        check(short, Ok(&[Format::Htj2k]));
    }

    #[test]
    fn what_it_gives_is_used_if_it_can_be_the_frame() {
        // No probe has so many.
        fn is_ours(shape: &Shape) -> bool {
            shape.samples() == Some(32 * 33)
        }
        let check = |change: Change, shape: Shape, expected: bool| {
            let (proven, counts) = proven(change);
            let samples = vec![3; shape.samples().expect("small")];
            let stream = Format::Jpeg2000.codec().encode(&Frame { shape, samples: &samples }, &Encoding::Lossless);
            let stream = stream.expect("encoded");
            let header = Format::Jpeg2000.codec().inspect(&stream, &shape).expect("a header");
            let decoded = proven.expect("proven").decode(&stream, &header);
            assert_eq!(decoded, expected.then_some(samples), "{shape:?}");
            let counted = [0, 1].map(|i| counts[i].load(Ordering::Relaxed));
            assert_eq!(counted, if expected { [0, 1] } else { [1, 0] }, "{shape:?}");
        };
        let ours = grey(33, 32, 12);
        check(|_, _, samples| Some(samples), ours, true);
        check(|_, shape, samples| (!is_ours(shape)).then_some(samples), ours, false);
        check(|_, shape, samples| Some(if is_ours(shape) { vec![3; 32 * 33 - 1] } else { samples }), ours, false);
        check(|_, shape, samples| Some(if is_ours(shape) { vec![1 << 12; 32 * 33] } else { samples }), ours, false);
        check(|_, _, samples| Some(samples), Shape { signed: true, ..ours }, false);
        check(|_, _, samples| Some(samples), Shape { components: 3, ..ours }, false);
        check(|_, _, samples| Some(samples), grey(31, 500, 12), false);
    }
}
