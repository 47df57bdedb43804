//! A network on a device in one precision, batch by batch.

use std::time::{Duration, Instant};

use anyhow::Context;
use candle_core::Tensor;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uvid_kernels::{Backend, Ceilings, Outputs};

use super::energy::Meter;
use super::subject::Subject;

/// Images of an exam: CC and MLO of both sides.
pub(super) const EXAM_IMAGES: f64 = 4.0;
/// Runs of a measurement at least, unless they take so many times as long as was asked for.
pub(super) const RUNS_MIN: usize = 3;
pub(super) const OVERTIME_MAX: f64 = 10.0;
/// Runs by which a device's own stages are measured at most.
const STAGE_ROUNDS_MAX: f64 = 20.0;

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) images: &'a [usize],
    pub(super) seconds: f64,
    pub(super) in_flight: usize,
    pub(super) meter: Option<&'a Meter>,
}

/// One network, precision and batch. Milliseconds and rates are of whole runs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) network: String,
    pub(super) backend: String,
    pub(super) precision: String,
    /// Images and units of a run, and what a unit is.
    pub(super) images: usize,
    pub(super) units: usize,
    pub(super) unit: &'static str,
    pub(super) in_flight: usize,
    pub(super) runs: usize,
    pub(super) images_per_second: f64,
    pub(super) exams_per_second: f64,
    /// By the host's clock, inputs in memory to results in memory.
    pub(super) ms: Spread,
    /// By the device's, where there is one.
    pub(super) device: Option<DeviceMs>,
    /// Operations as defined, a multiply-add being two; bytes of values that the fused steps read and write, and of weights.
    pub(super) flops: f64,
    pub(super) value_bytes: f64,
    pub(super) weight_bytes: f64,
    pub(super) gflops_per_second: f64,
    pub(super) gb_per_second: f64,
    /// Shares of the ceilings that were measured, and of the roofline's time.
    pub(super) share_of_flops: Option<f64>,
    pub(super) share_of_copy: Option<f64>,
    pub(super) roofline_ms: Option<f64>,
    pub(super) share_of_roofline: Option<f64>,
    pub(super) joules_per_image: Option<f64>,
    /// SHA-256 of the first unit's results, f32 little endian, outputs in the order of their names.
    pub(super) digest: String,
}

/// Milliseconds of many runs.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) p5: f64,
    pub(super) p95: f64,
}

/// Milliseconds on the device, medians.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct DeviceMs {
    pub(super) up: f64,
    pub(super) network: f64,
    pub(super) down: f64,
}

impl Spread {
    /// Of durations; there is at least one.
    pub(super) fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut ms: Vec<f64> = times.into_iter().map(|time| time.as_secs_f64() * 1e3).collect();
        ms.sort_by(f64::total_cmp);
        let at = |share: f64| ms.get((share * ms.len().saturating_sub(1) as f64).round() as usize).copied();
        let at = |share| at(share).unwrap_or(f64::NAN);
        Self { median: at(0.5), p5: at(0.05), p95: at(0.95) }
    }
}

/// All batches that were asked for, as whole units, each once.
pub(super) fn rows(
    subject: &Subject<'_>,
    backend: Backend,
    ceilings: Option<&Ceilings>,
    asked: &Asked<'_>,
) -> anyhow::Result<Vec<Row>> {
    let mut batches: Vec<usize> = asked.images.iter().map(|images| images.div_ceil(subject.images)).collect();
    batches.sort_unstable();
    batches.dedup();
    let most = batches.last().copied().unwrap_or(1);
    let inputs = subject.inputs(most)?;
    let of = |units: usize| {
        let inputs = inputs.iter().map(|t| t.narrow(0, 0, t.dim(0)? / most * units));
        let inputs = inputs.collect::<candle_core::Result<Vec<Tensor>>>()?;
        row(subject, backend, ceilings, asked, units, &inputs)
            .with_context(|| format!("{} by {backend}, {} images", subject.name, units * subject.images))
    };
    batches.iter().map(|units| of(*units)).collect()
}

fn row(
    subject: &Subject<'_>,
    backend: Backend,
    ceilings: Option<&Ceilings>,
    asked: &Asked<'_>,
    units: usize,
    inputs: &[Tensor],
) -> anyhow::Result<Row> {
    // Not counted: memory is taken, launches are recorded.
    let digest = digest(&subject.run(inputs)?, units)?;
    let before = asked.meter.and_then(Meter::joules);
    let start = Instant::now();
    let times = timed(subject, inputs, asked)?;
    let elapsed = start.elapsed().as_secs_f64();
    let after = asked.meter.and_then(Meter::joules);
    let ms = Spread::of(times.iter().copied());
    let rounds = (1e3 * asked.seconds / ms.median).clamp(1.0, STAGE_ROUNDS_MAX) as usize;
    let device = subject.stages(inputs, rounds)?.map(|stages| DeviceMs {
        up: Spread::of(stages.iter().map(|s| s.up)).median,
        network: Spread::of(stages.iter().map(|s| s.network)).median,
        down: Spread::of(stages.iter().map(|s| s.down)).median,
    });
    let images = units * subject.images;
    let measured = (images * times.len()) as f64;
    let (flops, value_bytes) = (units as f64 * subject.flops(), units as f64 * subject.value_bytes());
    let weight_bytes = subject.weight_bytes();
    // Several runs at once share a processor: the rate is of all of them.
    let network = device.map_or(elapsed / times.len() as f64, |device| device.network / 1e3);
    let (flop_rate, byte_rate) = (flops / network, (value_bytes + weight_bytes) / network);
    let roofline = ceilings.and_then(|c| subject.roofline(units, c, backend.precision()));
    Ok(Row {
        network: subject.name.clone(),
        backend: backend.to_string(),
        precision: backend.precision().to_string(),
        images,
        units,
        unit: subject.unit,
        in_flight: asked.in_flight,
        runs: times.len(),
        images_per_second: measured / elapsed,
        exams_per_second: measured / elapsed / EXAM_IMAGES,
        ms,
        device,
        flops,
        value_bytes,
        weight_bytes,
        gflops_per_second: flop_rate / 1e9,
        gb_per_second: byte_rate / 1e9,
        share_of_flops: ceilings.and_then(|c| Some(flop_rate / c.flops(backend.precision())?)),
        share_of_copy: ceilings.map(|c| byte_rate / c.copy),
        roofline_ms: roofline.map(|seconds| seconds * 1e3),
        share_of_roofline: roofline.map(|seconds| seconds / network),
        joules_per_image: before.zip(after).map(|(before, after)| (after - before) / measured),
        digest,
    })
}

/// What each run took, as many at once as are asked for.
fn timed(subject: &Subject<'_>, inputs: &[Tensor], asked: &Asked<'_>) -> anyhow::Result<Vec<Duration>> {
    let least = RUNS_MIN.div_ceil(asked.in_flight);
    let start = Instant::now();
    let runs = || -> candle_core::Result<Vec<Duration>> {
        let mut times = Vec::new();
        while !is_enough(times.len(), least, start, asked.seconds) {
            let begun = Instant::now();
            subject.run(inputs)?;
            times.push(begun.elapsed());
        }
        Ok(times)
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..asked.in_flight).map(|_| scope.spawn(runs)).collect();
        let mut all = Vec::new();
        for thread in running {
            all.extend(thread.join().map_err(|_| anyhow::anyhow!("a run panicked"))??);
        }
        Ok(all)
    })
}

/// Whether so many runs will do.
pub(super) fn is_enough(runs: usize, least: usize, start: Instant, seconds: f64) -> bool {
    let elapsed = start.elapsed().as_secs_f64();
    runs > 0 && elapsed >= seconds && (runs >= least || elapsed >= OVERTIME_MAX * seconds)
}

/// Of the first of so many units.
fn digest(outputs: &Outputs, units: usize) -> candle_core::Result<String> {
    let mut hash = Sha256::new();
    for tensor in outputs.values() {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        values.iter().take(values.len() / units).for_each(|value| hash.update(value.to_le_bytes()));
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A network whose first unit has other results in another batch.
pub(super) fn differing(rows: &[Row]) -> Option<String> {
    rows.windows(2).find_map(|pair| {
        let same = pair[0].network == pair[1].network && pair[0].backend == pair[1].backend;
        (same && pair[0].digest != pair[1].digest).then(|| format!("{} by {}", pair[1].network, pair[1].backend))
    })
}
