//! A scan of one component, block of rows by block of rows, restart intervals on several threads.
//!
//! Invariant: the samples are those of [`super::reference`], for every number of threads.

use super::entropy::{Bits, Lookup};
use super::predict;
use super::scan::Scan;
use crate::{CodecError, Decoding, Extent, Missing};

/// Rows that are predicted while their differences are still in the second-level cache.
const BLOCK_BYTES: usize = 256 << 10;

/// Decodes to `out`, rows of `columns` samples, all 0.
pub(super) fn decode(
    scan: &Scan,
    columns: usize,
    precision: u16,
    how: &Decoding,
    out: &mut [u16],
) -> Result<Extent, CodecError> {
    let [component] = scan.components.as_slice() else {
        return Err(CodecError::Invalid("a scan has several components in a frame of one"));
    };
    let lookup = Lookup::new(&component.table);
    let interval = |(segment, out): &mut (&[u8], &mut [u16])| {
        let mut rows = Rows { scan, columns, mask: u16::MAX >> (16 - precision), out, at: 0, finished: 0 };
        rows.decode(&lookup, &mut Bits::new(segment), how.missing)
    };
    let intervals = out.chunks_mut(scan.restart_rows * columns);
    let expected = intervals.len();
    let mut pairs: Vec<(&[u8], &mut [u16])> = scan.segments.iter().zip(intervals).collect();
    let share = pairs.len().div_ceil(how.threads.get());
    let extents = if share == pairs.len() {
        pairs.iter_mut().map(interval).collect::<Result<Vec<_>, _>>()?
    } else {
        std::thread::scope(|scope| {
            let run = |share| {
                let all = move || <[_]>::iter_mut(share).map(interval).collect::<Result<Vec<_>, _>>();
                std::thread::Builder::new().spawn_scoped(scope, all)
            };
            let threads: Vec<_> = pairs.chunks_mut(share).map(run).collect();
            let failed = || CodecError::Library("a thread of the decoder failed".to_owned());
            let join = |thread: std::io::Result<std::thread::ScopedJoinHandle<'_, _>>| {
                thread.map_err(|_| failed())?.join().map_err(|_| failed())?
            };
            threads.into_iter().map(join).collect::<Result<Vec<Vec<_>>, _>>()
        })?
        .concat()
    };
    scan.complete(expected, how.missing, &extents)
}

/// The rows of a restart interval on their way from zeros to samples.
struct Rows<'a> {
    scan: &'a Scan,
    columns: usize,
    mask: u16,
    out: &'a mut [u16],
    /// How many differences are there.
    at: usize,
    /// How many rows are samples.
    finished: usize,
}

impl Rows<'_> {
    fn decode(&mut self, lookup: &Lookup, bits: &mut Bits<'_>, missing: Missing) -> Result<Extent, CodecError> {
        let rows = self.out.len() / self.columns;
        let block = (BLOCK_BYTES / 2 / self.columns).max(1);
        let mut next = 0;
        while next < rows {
            let until = (next + block).min(rows);
            let found = lookup.differences(bits, self.out, &mut self.at, until * self.columns);
            match found {
                Ok(()) => self.predict(next, until, self.columns),
                Err(CodecError::BreaksOff(_)) if missing == Missing::Keep => {
                    let whole = self.at / self.columns;
                    self.predict(next, whole, self.columns);
                    self.predict(whole, whole + 1, self.at % self.columns);
                    self.finish(rows);
                    return Ok(Extent::Part);
                }
                Err(error) => return Err(error),
            }
            next = until;
        }
        self.finish(rows);
        bits.finish()?;
        Ok(Extent::Whole)
    }

    /// The first `columns` differences of some rows to samples, but for what [`Self::finish`] does.
    fn predict(&mut self, from: usize, until: usize, columns: usize) {
        for row in from..until {
            let (above, below) = self.out.split_at_mut(row * self.columns);
            let row_values = &mut below[..columns];
            match row {
                0 => predict::first(row_values, self.scan.start),
                _ => predict::next(self.scan.selection, &above[(row - 1) * self.columns..][..columns], row_values),
            }
        }
        // The last row is still needed to predict from.
        self.finish(until.saturating_sub(1));
    }

    /// Point transform and precision of all rows before this one.
    fn finish(&mut self, until: usize) {
        if until <= self.finished {
            return;
        }
        let (transform, mask) = (self.scan.transform, self.mask);
        if transform > 0 || mask != u16::MAX {
            let rows = &mut self.out[self.finished * self.columns..until * self.columns];
            rows.iter_mut().for_each(|sample| *sample = *sample << transform & mask);
        }
        self.finished = until;
    }
}
