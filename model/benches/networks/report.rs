//! The results as Markdown for people and JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::contestants::{self, Run};
use crate::machine::Machine;
use crate::measure::{Entry, Precision};

/// A network, a batch, a number of threads, and how everyone did.
pub(crate) struct Row {
    pub(crate) network: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) units: usize,
    pub(crate) images: usize,
    pub(crate) threads: usize,
    /// Multiply-adds of the batch, and bytes of the weights in f32.
    pub(crate) multiply_adds: u64,
    pub(crate) weight_bytes: usize,
    pub(crate) entries: Vec<Entry>,
}

impl Row {
    pub(crate) fn title(&self) -> String {
        let Self { network, unit, units, images, threads, .. } = self;
        format!("{network}, {unit}s: {units} (images: {images}), threads: {threads}")
    }

    /// Everyone's median in a line.
    pub(crate) fn line(&self) -> String {
        let times: Vec<String> = self.entries.iter().map(|e| format!("{} {:.1} ms", e.name, e.median())).collect();
        format!("{}: {}", self.title(), times.join(" · "))
    }

    /// The fastest peer whose outputs are right.
    fn fastest(&self, precision: Precision) -> Option<&Entry> {
        let peers = self.entries.iter().filter(|e| !contestants::ours(&e.name) && e.precision == precision);
        peers.filter(|e| e.right() && !e.runs.is_empty()).min_by(|a, b| a.median().total_cmp(&b.median()))
    }

    /// The right one that runs in bf16.
    fn openvino_bf16(&self) -> Option<&Entry> {
        self.entries.iter().find(|e| e.name.starts_with("OpenVINO") && e.precision == Precision::Bf16 && e.right())
    }

    /// The least memory of PyTorch's right variants of this precision.
    fn pytorch_mb(&self, precision: Precision) -> f64 {
        let variants = self.entries.iter().filter(|e| e.name.starts_with("PyTorch") && e.precision == precision);
        variants.filter(|e| e.right()).map(Entry::own_mb).fold(f64::NAN, f64::min)
    }

    fn gflops(&self, entry: &Entry) -> f64 {
        2e-6 * self.multiply_adds as f64 / entry.median()
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("\n### {}\n\n", self.title());
        let (gflop, mb) = (2e-9 * self.multiply_adds as f64, self.weight_bytes as f64 / 1e6);
        let _ = writeln!(text, "{gflop:.2} GFLOP, weights {mb:.1} MB in f32.\n");
        text.push_str("| | ms | least | CPU ms | GFLOP/s | / fastest f32 peer | / OpenVINO bf16 | peak MB | of it libraries | own / PyTorch's own | difference |\n");
        text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n");
        for e in &self.entries {
            let over =
                |other: Option<&Entry>| other.map_or("-".to_owned(), |o| format!("{:.2}", e.median() / o.median()));
            let difference = match &e.difference {
                Ok(d) if e.right() => format!("{d:.1e}"),
                Ok(d) => format!("**{d:.1e}**"),
                // Its words may be long, and have bars.
                Err(why) => format!("fails: {}", why.replace('|', "/").chars().take(90).collect::<String>()),
            };
            let _ = writeln!(
                text,
                "| {} | {:.1} | {:.1} | {:.1} | {:.0} | {} | {} | {:.0} | {:.0} | {:.2} | {difference} |",
                e.name,
                e.median(),
                e.least(),
                e.median_cpu(),
                self.gflops(e),
                over(self.fastest(Precision::F32)),
                over(self.openvino_bf16()),
                e.peak_mb,
                e.before_mb,
                e.own_mb() / self.pytorch_mb(e.precision),
            );
        }
        text
    }

    fn json(&self) -> Value {
        let entry = |e: &Entry| {
            let (state, said) = match &e.difference {
                Ok(_) if e.right() => ("right", None),
                Ok(_) => ("wrong", None),
                Err(why) => ("fails", Some(why)),
            };
            let ms = |of: fn(&Run) -> f64| e.runs.iter().map(of).collect::<Vec<_>>();
            json!({
                "who": e.name, "version": e.version, "state": state, "said": said,
                "precision": format!("{:?}", e.precision).to_lowercase(),
                "difference": e.difference.as_ref().ok(), "ms": ms(|r| r.ms), "cpu_ms": ms(|r| r.cpu_ms),
                "peak_mb": e.peak_mb, "libraries_mb": e.before_mb,
            })
        };
        json!({
            "network": self.network, "unit": self.unit, "units": self.units, "images": self.images,
            "threads": self.threads, "multiply_adds": self.multiply_adds, "weight_bytes": self.weight_bytes,
            "entries": self.entries.iter().map(entry).collect::<Value>(),
        })
    }
}

/// What goes before the tables.
pub(crate) fn heading(machine: &Machine, rows: &[Row], rounds: usize, load: &str) -> String {
    let entries = rows.iter().flat_map(|r| &r.entries).filter(|e| !e.version.is_empty());
    let library = |e: &Entry| format!("{} {}", e.name.split(' ').next().unwrap_or(""), e.version);
    let libraries: std::collections::BTreeSet<String> = entries.map(library).collect();
    let libraries: Vec<String> = libraries.into_iter().collect();
    format!("{}\n{}. Load at the end {load}. Medians of {rounds} rounds.\n", machine.markdown(), libraries.join(", "))
}

pub(crate) fn json(machine: &Machine, rows: &[Row], rounds: usize, load: &str) -> String {
    let rows: Value = rows.iter().map(Row::json).collect();
    format!("{:#}\n", json!({"machine": machine.json(), "load_at_end": load, "rounds": rounds, "rows": rows}))
}
