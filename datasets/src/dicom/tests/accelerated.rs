//! Pixels that are decoded elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use uvid_codecs::{Accelerator, Decoding, Format, Proven, Shape, decode};
use uvid_exam::{Laterality, Reduced, Slot, View};

use super::*;
use crate::phantom::{TransferSyntax, Wrap, encode};

const ROWS: usize = 96;
const COLUMNS: usize = 64;

/// Decodes as the codecs do; of frames like the test's it changes a sample, so that it is seen who decoded.
struct Other(Arc<[AtomicUsize; 2]>);

impl Accelerator for Other {
    fn decode(&self, format: Format, codestream: &[u8], shape: &Shape) -> Option<Vec<u16>> {
        let (_, mut samples, _) = decode(format, codestream, shape, &Decoding::default(), 1 << 20).ok()?;
        if (shape.rows, shape.columns) == (ROWS, COLUMNS) {
            samples[0] = 77;
        }
        Some(samples)
    }

    fn decoded(&self, here: bool) {
        self.0[usize::from(here)].fetch_add(1, Ordering::Relaxed);
    }
}

fn file(transfer_syntax: TransferSyntax) -> Vec<u8> {
    let slot = Slot::of(Laterality::Left, View::CranioCaudal).expect("a slot");
    let wrapped = Wrap { transfer_syntax, padding: None, ..Wrap::new(slot, ROWS, COLUMNS, 1) };
    let values: Vec<u16> = (0..ROWS * COLUMNS).map(|i| 100 + (i % COLUMNS) as u16 * 9).collect();
    encode(&values, &wrapped).expect("writes")
}

#[test]
fn only_what_allows_no_loss_at_full_resolution() {
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let proven = Arc::new(Proven::new(Box::new(Other(Arc::clone(&counts)))).expect("proven"));
    let check = |bytes: &[u8], side_min: Option<usize>, expected: Option<bool>, what: &str| {
        let before = [0, 1].map(|i| counts[i].load(Ordering::Relaxed));
        let read = |accelerator| {
            let object = Object::of(bytes, &Limits::default()).expect("opens").with_accelerator(accelerator);
            let received = { object }.read_reduced(side_min.map(|side_min| Reduced { side_min })).expect("reads");
            match received.content {
                Content::Mammogram(image) => image.pixels,
                Content::Listed(listed) => panic!("{what}: {:?}", listed.fate),
            }
        };
        let (here, there) = (read(None), read(Some(Arc::clone(&proven))));
        let counted = [0, 1].map(|i| counts[i].load(Ordering::Relaxed) - before[i]);
        let differ = here.values().iter().zip(there.values()).filter(|(a, b)| a != b).count();
        assert_eq!(differ, usize::from(expected == Some(true)), "{what}");
        assert_eq!(counted, [usize::from(expected == Some(false)), usize::from(expected == Some(true))], "{what}");
    };
    let wavelet = file(TransferSyntax::Jpeg2000Lossless);
    check(&wavelet, None, Some(true), "whole");
    check(&wavelet, Some(32), Some(false), "reduced");
    check(&file(TransferSyntax::JpegLossless), None, Some(false), "another format");
    check(&file(TransferSyntax::ExplicitLittle), None, None, "not compressed");
    // The same stream where the transfer syntax would allow loss.
    let (lossless, either) = (b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.91");
    let at = wavelet.windows(lossless.len()).position(|bytes| bytes == lossless).expect("its transfer syntax");
    let mut possibly = wavelet;
    possibly[at..at + either.len()].copy_from_slice(either);
    check(&possibly, None, Some(false), "possibly with loss");
}
