//! What was measured, for people and for programs.

use std::io::Write;

use serde_json::{Value, json};
use uvid_kernels::{Ceilings, StepReport};

use super::measure::Row;
use super::subject::Layers;
use super::{Results, exam};
use crate::commands::plan;

/// For people.
pub(super) fn table(out: &mut impl Write, results: &Results) -> std::io::Result<()> {
    writeln!(out, "{}", results.device.name())?;
    if let Some(ceilings) = &results.ceilings {
        writeln!(out, "{}", measured_now(ceilings))?;
    }
    if !results.rows.is_empty() {
        writeln!(out)?;
        writeln!(
            out,
            "{:<22} {:>5} {:>6} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8} {:>9} {:>5} {:>8} {:>5} {:>8} {:>8}",
            "network",
            "in",
            "images",
            "images/s",
            "exams/s",
            "ms",
            "p5",
            "p95",
            "up",
            "network",
            "down",
            "GFLOP/s",
            "%",
            "GB/s",
            "%",
            "roofline",
            "J/image"
        )?;
    }
    for row in &results.rows {
        line(out, row)?;
    }
    for exams in &results.exams {
        of_exams(out, exams)?;
    }
    for layers in &results.layers {
        steps(out, layers)?;
    }
    Ok(())
}

fn measured_now(ceilings: &Ceilings) -> String {
    let Ceilings { copy, f32, bf16, f16, up, down } = ceilings;
    let mut said =
        format!("at most, as just measured: {:.0} GB/s read and written, {:.0} GFLOP/s in f32", copy / 1e9, f32 / 1e9);
    for (rate, what) in [(bf16, "GFLOP/s in bf16"), (f16, "in f16"), (up, "GB/s up"), (down, "GB/s down")] {
        if let Some(rate) = rate {
            said += &format!(", {:.*} {what}", if what.contains("GB/s") { 1 } else { 0 }, rate / 1e9);
        }
    }
    said
}

fn dash(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"))
}

fn line(out: &mut impl Write, row: &Row) -> std::io::Result<()> {
    let percent = |share: Option<f64>| dash(share.map(|share| 100.0 * share), 0);
    writeln!(
        out,
        "{:<22} {:>5} {:>6} {:>9.1} {:>9.1} {:>9.3} {:>9.3} {:>8.3} {:>8} {:>8} {:>8} {:>9.0} {:>5} {:>8.1} {:>5} {:>7}% {:>8}",
        row.network,
        row.precision,
        row.images,
        row.images_per_second,
        row.exams_per_second,
        row.ms.median,
        row.ms.p5,
        row.ms.p95,
        dash(row.device.map(|d| d.up), 3),
        dash(row.device.map(|d| d.network), 3),
        dash(row.device.map(|d| d.down), 3),
        row.gflops_per_second,
        percent(row.share_of_flops),
        row.gb_per_second,
        percent(row.share_of_copy),
        percent(row.share_of_roofline),
        dash(row.joules_per_image, 3),
    )
}

fn of_exams(out: &mut impl Write, exams: &exam::Exams) -> std::io::Result<()> {
    writeln!(
        out,
        "\n{} by {}, a phantom's exam of {} images from decoded pixels in memory: {:.2} exams/s\n  prepare {:.1} ms ({:.1} to {:.1}), predict {:.1} ms ({:.1} to {:.1})",
        exams.model,
        exams.backend,
        exams.images,
        exams.exams_per_second,
        exams.prepare.median,
        exams.prepare.p5,
        exams.prepare.p95,
        exams.predict.median,
        exams.predict.p5,
        exams.predict.p95,
    )
}

fn steps(out: &mut impl Write, layers: &Layers) -> std::io::Result<()> {
    writeln!(out, "\n{} by {}, one item", layers.network, layers.backend)?;
    for (name, arena, steps) in &layers.parts {
        plan::steps(out, name, steps, *arena)?;
    }
    Ok(())
}

/// For a document: docs/performance.md.
pub(super) fn markdown(out: &mut impl Write, results: &Results) -> std::io::Result<()> {
    writeln!(out, "{}", results.device.name())?;
    if let Some(ceilings) = &results.ceilings {
        writeln!(out, "\n{}", measured_now(ceilings))?;
    }
    let names = [
        "network",
        "precision",
        "images",
        "images/s",
        "exams/s",
        "ms",
        "p5",
        "p95",
        "up ms",
        "network ms",
        "down ms",
        "GFLOP/s",
        "of ceiling",
        "GB/s",
        "of ceiling",
        "of roofline",
        "J/image",
    ];
    writeln!(out, "\n| {} |\n|---|---|{}", names.join(" | "), "--:|".repeat(names.len() - 2))?;
    let percent = |share: Option<f64>| share.map_or_else(|| "-".into(), |share| format!("{:.0} %", 100.0 * share));
    for row in &results.rows {
        let cells = [
            row.network.clone(),
            row.precision.clone(),
            row.images.to_string(),
            format!("{:.1}", row.images_per_second),
            format!("{:.1}", row.exams_per_second),
            format!("{:.3}", row.ms.median),
            format!("{:.3}", row.ms.p5),
            format!("{:.3}", row.ms.p95),
            dash(row.device.map(|d| d.up), 3),
            dash(row.device.map(|d| d.network), 3),
            dash(row.device.map(|d| d.down), 3),
            format!("{:.0}", row.gflops_per_second),
            percent(row.share_of_flops),
            format!("{:.1}", row.gb_per_second),
            percent(row.share_of_copy),
            percent(row.share_of_roofline),
            dash(row.joules_per_image, 3),
        ];
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    results.exams.iter().try_for_each(|exams| of_exams(out, exams))
}

/// For programs.
pub(super) fn json(results: &Results) -> Value {
    let ceilings = results.ceilings.as_ref().map(|c| {
        json!({
            "copy_bytes_per_second": c.copy, "f32_flops_per_second": c.f32, "bf16_flops_per_second": c.bf16,
            "f16_flops_per_second": c.f16, "up_bytes_per_second": c.up, "down_bytes_per_second": c.down,
        })
    });
    let gpu = results.device.gpu().map(|gpu| {
        json!({
            "ordinal": gpu.ordinal, "name": gpu.name, "uuid": gpu.uuid, "memory_bytes": gpu.memory,
            "capability": [gpu.capability.0, gpu.capability.1], "processors": gpu.processors,
        })
    });
    let step = |s: &StepReport| {
        json!({
            "layer": s.layer, "kernel": s.kernel, "input": s.input, "output": s.output, "per_item": s.per_item,
            "flops": s.flops, "value_bytes": s.bytes, "weight_bytes": s.weight_bytes, "ms": s.time.as_secs_f64() * 1e3,
        })
    };
    let layers = results.layers.iter().map(|layers| {
        let part = |(name, arena, steps): &(String, usize, Vec<StepReport>)| {
            json!({"name": name, "arena_bytes": arena, "steps": steps.iter().map(step).collect::<Vec<_>>()})
        };
        let parts: Vec<Value> = layers.parts.iter().map(part).collect();
        json!({"network": layers.network, "backend": layers.backend, "parts": parts})
    });
    json!({
        "uvid": env!("CARGO_PKG_VERSION"),
        "device": results.device.name(),
        "gpu": gpu,
        "ceilings": ceilings,
        "exam_images": super::measure::EXAM_IMAGES,
        "rows": results.rows,
        "exams": results.exams,
        "layers": layers.collect::<Vec<_>>(),
        "skipped": results.skipped,
    })
}
