//! What a card could do at most, measured on it with events: see `ceiling.cu`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Ceilings;
use crate::device::{Device, DeviceFault, FaultKind, Function, Grid, Params, Stream, gpus};

use super::stages::between;

/// The struct of `ceiling.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct CeilingCopyParams {
    from: u64,
    to: u64,
    count: i64,
}

/// The struct of `ceiling.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct CeilingRateParams {
    out: u64,
    never: f32,
    factor: f32,
    steps: i32,
    one: u32,
}

const _: () = assert!(size_of::<CeilingCopyParams>() == 24 && size_of::<CeilingRateParams>() == 24, "as in ceiling.cu");
// SAFETY: repr(C), the struct of ceiling.cu.
unsafe impl Params for CeilingCopyParams {}
// SAFETY: the same.
unsafe impl Params for CeilingRateParams {}

/// Bytes of the largest copy within a device: many times its caches.
const COPY_BYTES_MAX: usize = 512 << 20;
/// Bytes of the largest copy to a device and from it.
const LINK_BYTES_MAX: usize = 64 << 20;
/// Bytes of the smallest copies.
const COPY_BYTES_MIN: usize = 256 << 10;
/// Rounds of arithmetic at most.
const STEPS_MAX: usize = 1 << 16;
/// Work is doubled until it takes so long.
const ENOUGH: Duration = Duration::from_millis(4);
/// Measurements of which the best counts, and how long they take together at most.
const ROUNDS: usize = 12;
const ROUNDS_TIME_MAX: Duration = Duration::from_millis(200);
/// Blocks of 256 threads for each processor: as many threads as one holds.
const BLOCKS_PER_PROCESSOR: usize = 8;
/// Warps of a block.
const WARPS: usize = 8;

/// What the GPU of this number could do at most, measured now, in about a second.
///
/// # Errors
///
/// There is no such GPU, or it fails.
pub fn ceilings(ordinal: usize) -> Result<Ceilings, DeviceFault> {
    let device = Device::open(ordinal)?;
    let said = |said: String| DeviceFault { ordinal, kind: FaultKind::Failed, said };
    let gpus = gpus().map_err(|why| said(why.to_string()))?;
    let gpu = gpus.get(ordinal).ok_or_else(|| said("there is no such GPU".into()))?;
    let blocks = gpu.processors.max(1) * BLOCKS_PER_PROCESSOR;
    let meter = Meter { stream: device.stream()?, device, blocks, memory: gpu.memory };
    // As the kernel says: 8 sums, 16 times, and 8 products of 16x8x16, 4 times.
    let (fma, mma) = ((2 * 8 * 16 * 256) as f64, (2 * 16 * 8 * 16 * 8 * 4 * WARPS) as f64);
    let (up, down) = meter.link()?;
    Ok(Ceilings {
        copy: meter.copy()?,
        f32: meter.rate("ceiling_fma", 0, fma)?,
        bf16: Some(meter.rate("ceiling_mma_bf16", 0x3f80, mma)?),
        f16: Some(meter.rate("ceiling_mma_f16", 0x3c00, mma)?),
        up: Some(up),
        down: Some(down),
    })
}

struct Meter {
    device: Arc<Device>,
    stream: Stream,
    blocks: usize,
    /// Bytes that the device has.
    memory: usize,
}

impl Meter {
    /// The best rate of some work, in its units a second: doubled from `least` on until it takes long enough.
    fn best(
        &self,
        least: usize,
        most: usize,
        mut work: impl FnMut(usize) -> Result<(), DeviceFault>,
    ) -> Result<f64, DeviceFault> {
        let mut timed = |size: usize| -> Result<Duration, DeviceFault> {
            let begun = self.stream.event()?;
            work(size)?;
            let done = self.stream.event()?;
            self.stream.wait()?;
            Ok(between(&begun, &done))
        };
        let mut size = least;
        let mut best = timed(size)?;
        while best < ENOUGH && size < most {
            size *= 2;
            best = timed(size)?;
        }
        let start = Instant::now();
        for _ in 1..ROUNDS {
            if start.elapsed() > ROUNDS_TIME_MAX {
                break;
            }
            best = best.min(timed(size)?);
        }
        // No clock is finer.
        Ok(size as f64 / best.as_secs_f64().max(1e-9))
    }

    /// Bytes read and written a second.
    fn copy(&self) -> Result<f64, DeviceFault> {
        let function = self.device.function("ceiling_copy", 0)?;
        let bytes = COPY_BYTES_MAX.min(self.memory / 8).next_multiple_of(16);
        let (from, to) = (self.device.allocate(bytes)?, self.device.allocate(bytes)?);
        // SAFETY: it is there, and all that comes later in the stream is waited for.
        unsafe { self.stream.fill(from.address(), 1, bytes) }?;
        let rate = self.best(COPY_BYTES_MIN.min(bytes), bytes, |size| {
            let count = size.min(bytes) / 16;
            let params = CeilingCopyParams { from: from.address(), to: to.address(), count: count as i64 };
            self.launch(function, count.div_ceil(1024), &params)
        })?;
        Ok(2.0 * rate)
    }

    /// Operations a second of a kernel whose blocks do so many in a step.
    fn rate(&self, kernel: &str, one: u32, of_block: f64) -> Result<f64, DeviceFault> {
        let function = self.device.function(kernel, 0)?;
        let out = self.device.allocate(256 * size_of::<f32>())?;
        let steps = self.best(1, STEPS_MAX, |steps| {
            let steps = i32::try_from(steps).unwrap_or(i32::MAX);
            let params = CeilingRateParams { out: out.address(), never: f32::NAN, factor: 0.75, steps, one };
            self.launch(function, self.blocks, &params)
        })?;
        Ok(steps * of_block * self.blocks as f64)
    }

    /// Bytes a second up and down, from and to pinned memory.
    fn link(&self) -> Result<(f64, f64), DeviceFault> {
        let bytes = LINK_BYTES_MAX.min(self.memory / 8);
        let there = self.device.allocate(bytes)?;
        let mut here = self.device.pinned(bytes)?;
        let least = COPY_BYTES_MIN.min(bytes);
        // SAFETY: both sides live, and are waited for, nobody looking at them before.
        let up =
            self.best(least, bytes, |size| unsafe { self.stream.upload(&here, 0, there.address(), size.min(bytes)) })?;
        // SAFETY: the same.
        let down = self.best(least, bytes, |size| unsafe {
            self.stream.download(there.address(), &mut here, 0, size.min(bytes))
        })?;
        Ok((up, down))
    }

    fn launch<P: Params>(&self, function: Function, blocks: usize, params: &P) -> Result<(), DeviceFault> {
        let grid = Grid { blocks: [blocks.max(1), 1, 1], threads: 256, shared: 0 };
        // SAFETY: the parameters are the kernel's; what they point to is waited for.
        unsafe { self.stream.launch(function, grid, params) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_are_numbers_above_0() {
        uvid_cuda_simulator::load_unless_real();
        let found = ceilings(0).expect("a device");
        let Ceilings { copy, f32, bf16, f16, up, down } = found;
        for rate in [Some(copy), Some(f32), bf16, f16, up, down] {
            assert!(rate.is_some_and(|rate| rate.is_finite() && rate > 0.0), "{found:?}");
        }
        assert_eq!(ceilings(99).map_err(|fault| fault.kind), Err(FaultKind::Failed));
    }

    /// That what is timed is done.
    #[test]
    fn the_timed_copy_copies() {
        uvid_cuda_simulator::load_unless_real();
        let device = Device::open(0).expect("a device");
        let meter = Meter { stream: device.stream().expect("stream"), device, blocks: 1, memory: 0 };
        // Not a whole number of blocks.
        let count = 2500usize;
        let bytes: Vec<u8> = (0..count * 16).map(|i| (i * 7 % 251) as u8).collect();
        let (from, to) = (meter.device.allocate(bytes.len()), meter.device.allocate(bytes.len()));
        let (from, to) = (from.expect("memory"), to.expect("memory"));
        meter.stream.upload_now(&bytes, &from).expect("upload");
        let params = CeilingCopyParams { from: from.address(), to: to.address(), count: count as i64 };
        let function = meter.device.function("ceiling_copy", 0).expect("a kernel");
        meter.launch(function, count.div_ceil(1024), &params).expect("launches");
        let mut back = meter.device.pinned(bytes.len()).expect("memory");
        // SAFETY: both live, and are waited for.
        unsafe { meter.stream.download(to.address(), &mut back, 0, bytes.len()) }.expect("download");
        meter.stream.wait().expect("waits");
        assert!(back.bytes() == bytes);
    }
}
