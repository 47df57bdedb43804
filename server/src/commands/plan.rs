//! `uvid model show --plan`: how a model's networks are compiled for this processor, and what each step costs.

use std::io::Write;
use std::time::Duration;

use uvid_model::{Backend, Predictor, StepReport};

/// Runs of which the best counts.
const ROUNDS: usize = 5;

/// Prints the steps of all networks.
pub(super) fn print(out: &mut impl Write, predictor: &Predictor) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let id = predictor.id();
    writeln!(
        out,
        "{} {} by {}, {threads} threads, one item, best of {ROUNDS}",
        id.name,
        id.version,
        predictor.backend()
    )?;
    if let Backend::Cpu(options) = predictor.backend()
        && let Some(peak) = options.set.peak_flops()
    {
        writeln!(out, "one thread could do {:.0} GFLOP/s in f32, as just measured", peak / 1e9)?;
    }
    for (name, network) in predictor.networks() {
        steps(out, &name, &network.profile(ROUNDS)?, network.arena_bytes().unwrap_or(0))?;
    }
    Ok(())
}

/// The steps of one network, whose values take so many bytes.
pub(super) fn steps(out: &mut impl Write, name: &str, steps: &[StepReport], arena: usize) -> std::io::Result<()> {
    writeln!(out, "\n{name}")?;
    writeln!(
        out,
        "  {:>3} {:<30} {:<22} {:>15} {:>15} {:>9} {:>8} {:>9} {:>8} {:>8}",
        "", "layer", "kernel", "input", "output", "MFLOP", "MB", "weights", "ms", "GFLOP/s"
    )?;
    for (i, step) in steps.iter().enumerate() {
        line(out, i + 1, step)?;
    }
    total(out, steps, arena)
}

fn line(out: &mut impl Write, number: usize, step: &StepReport) -> std::io::Result<()> {
    let shape = |s: [usize; 3], n: usize| {
        let times = if n > 1 { format!("{n}x") } else { String::new() };
        format!("{times}{}x{}x{}", s[0], s[1], s[2])
    };
    // The last words of a name tell most.
    let words = step.layer.chars().count();
    let layer: String = step.layer.chars().skip(words.saturating_sub(30)).collect();
    writeln!(
        out,
        "  {number:>3} {layer:<30} {:<22} {:>15} {:>15} {:>9.2} {:>8.2} {:>8.0}K {:>8.3} {:>8.1}",
        step.kernel,
        shape(step.input, 1),
        shape(step.output, step.per_item),
        step.flops as f64 / 1e6,
        step.bytes as f64 / 1e6,
        step.weight_bytes as f64 / 1e3,
        step.time.as_secs_f64() * 1e3,
        step.flops as f64 / step.time.as_secs_f64().max(1e-9) / 1e9,
    )
}

fn total(out: &mut impl Write, steps: &[StepReport], arena: usize) -> std::io::Result<()> {
    let time: Duration = steps.iter().map(|s| s.time).sum();
    let flops: u64 = steps.iter().map(|s| s.flops).sum();
    let weights: usize = steps.iter().map(|s| s.weight_bytes).sum();
    writeln!(
        out,
        "  {:.2} GFLOP in {:.2} ms, {:.0} GFLOP/s as the layers are defined; {:.1} MB of packed weights, {:.1} MB of values",
        flops as f64 / 1e9,
        time.as_secs_f64() * 1e3,
        flops as f64 / time.as_secs_f64().max(1e-9) / 1e9,
        weights as f64 / 1e6,
        arena as f64 / 1e6,
    )
}
