//! What is measured: a network of several parts, or one of a package's.

use std::path::Path;

use anyhow::Context;
use candle_core::Tensor;
use uvid_kernels::{Backend, Ceilings, Executor, Outputs, Precision, Stages, StepReport, trial};
use uvid_model::{Predictor, published};

/// A network that can be run.
pub(super) struct Subject<'a> {
    pub(super) name: String,
    /// What a batch is counted in: an image or an exam.
    pub(super) unit: &'static str,
    /// Images of a unit.
    pub(super) images: usize,
    of: Of<'a>,
    parts: Vec<Part>,
}

enum Of<'a> {
    Published(&'a published::Loaded),
    Package(&'a Executor),
}

/// The steps of a part, for one item, and how many items a unit has.
struct Part {
    name: String,
    items: usize,
    arena: usize,
    steps: Vec<StepReport>,
}

/// The steps of a network.
pub(super) struct Layers {
    pub(super) network: String,
    pub(super) backend: String,
    /// Name, bytes of values of an item, steps.
    pub(super) parts: Vec<(String, usize, Vec<StepReport>)>,
}

/// Runs of which the best counts, where steps are timed.
const ROUNDS: usize = 5;

impl<'a> Subject<'a> {
    /// Of the literature.
    pub(super) fn published(loaded: &'a published::Loaded) -> anyhow::Result<Self> {
        let network = &loaded.network;
        let parts = network.parts.iter().zip(&loaded.executors);
        let parts = parts.map(|(part, executor)| Part::of(part.name, part.items, executor, 1));
        let parts = parts.collect::<anyhow::Result<_>>()?;
        let of = Of::Published(loaded);
        Ok(Self { name: network.name.to_owned(), unit: network.unit, images: network.images, of, parts })
    }

    /// All networks of a model, each alone; an item of one counts as an image.
    pub(super) fn of_model(predictor: &'a Predictor) -> anyhow::Result<Vec<Self>> {
        let of = |(name, executor): (String, &'a Executor)| {
            let parts = vec![Part::of(&name, 1, executor, 1)?];
            let name = format!("{} {name}", predictor.id().name);
            Ok(Self { name, unit: "image", images: 1, of: Of::Package(executor), parts })
        };
        predictor.networks().into_iter().map(of).collect()
    }

    /// Made-up inputs of so many units; the first of them are the same in every batch.
    pub(super) fn inputs(&self, units: usize) -> candle_core::Result<Vec<Tensor>> {
        match self.of {
            Of::Published(loaded) => published::folder::inputs(&loaded.network, units),
            Of::Package(executor) => trial::inputs(executor.graph(), units),
        }
    }

    pub(super) fn run(&self, inputs: &[Tensor]) -> candle_core::Result<Outputs> {
        match self.of {
            Of::Published(loaded) => loaded.run(inputs),
            Of::Package(executor) => executor.run(inputs),
        }
    }

    /// Where the time goes on a device, so many times, all parts together; `None` where none is involved.
    pub(super) fn stages(&self, inputs: &[Tensor], rounds: usize) -> candle_core::Result<Option<Vec<Stages>>> {
        let loaded = match self.of {
            Of::Package(executor) => return executor.stages(inputs, rounds),
            Of::Published(loaded) => loaded,
        };
        let mut all: Option<Vec<Stages>> = None;
        let read = |name: &str| loaded.network.parts.iter().flat_map(|part| &part.reads).any(|read| read.part == name);
        loaded.run_by(inputs, &mut |part, executor, inputs| {
            if let Some(stages) = executor.stages(inputs, rounds)? {
                let all = all.get_or_insert_with(|| vec![Stages::default(); rounds]);
                for (sum, stages) in all.iter_mut().zip(stages) {
                    sum.up += stages.up;
                    sum.network += stages.network;
                    sum.down += stages.down;
                }
            }
            // What nobody reads need not be computed once more.
            if read(part.name) { executor.run(inputs) } else { Ok(Outputs::new()) }
        })?;
        Ok(all)
    }

    /// Operations of a unit as the layers are defined, a multiply-add being two.
    pub(super) fn flops(&self) -> f64 {
        self.steps().map(|(items, step)| items as f64 * step.flops as f64).sum()
    }

    /// Bytes of values that the steps of a unit read and write.
    pub(super) fn value_bytes(&self) -> f64 {
        self.steps().map(|(items, step)| items as f64 * step.bytes as f64).sum()
    }

    /// Bytes of weights that a run reads, whatever its batch.
    pub(super) fn weight_bytes(&self) -> f64 {
        self.steps().map(|(_, step)| step.weight_bytes as f64).sum()
    }

    /// Seconds that so many units take at least: each step its operations or its bytes, whichever takes longer.
    pub(super) fn roofline(&self, units: usize, ceilings: &Ceilings, precision: Precision) -> Option<f64> {
        let peak = ceilings.flops(precision)?;
        let step = |(items, step): (usize, &StepReport)| {
            let items = (items * units) as f64;
            let bytes = items * step.bytes as f64 + step.weight_bytes as f64;
            (items * step.flops as f64 / peak).max(bytes / ceilings.copy)
        };
        Some(self.steps().map(step).sum())
    }

    fn steps(&self) -> impl Iterator<Item = (usize, &StepReport)> {
        self.parts.iter().flat_map(|part| part.steps.iter().map(|step| (part.items, step)))
    }

    /// Its steps, with the time that each takes for one item.
    pub(super) fn layers(&self, backend: Backend) -> anyhow::Result<Layers> {
        let executors: Vec<&Executor> = match self.of {
            Of::Published(loaded) => loaded.executors.iter().collect(),
            Of::Package(executor) => vec![executor],
        };
        let parts = self.parts.iter().zip(executors);
        let parts = parts.map(|(part, executor)| {
            let timed = Part::of(&part.name, part.items, executor, ROUNDS)?;
            Ok((timed.name, timed.arena, timed.steps))
        });
        let parts = parts.collect::<anyhow::Result<_>>()?;
        Ok(Layers { network: self.name.clone(), backend: backend.to_string(), parts })
    }
}

impl Part {
    fn of(name: &str, items: usize, executor: &Executor, rounds: usize) -> anyhow::Result<Self> {
        let steps = executor.profile(rounds).with_context(|| format!("running {name}"))?;
        Ok(Self { name: name.to_owned(), items, arena: executor.arena_bytes().unwrap_or(0), steps })
    }
}

/// Writes one unit of a network for others to run, and what it gives here: `outputs.safetensors`.
pub(super) fn export(loaded: &published::Loaded, folder: &Path) -> anyhow::Result<()> {
    let network = &loaded.network;
    if !published::folder::is_for_peers(network) {
        eprintln!(
            "skipped: {} cannot be written for others: it has operations that they are not told of",
            network.name
        );
        return Ok(());
    }
    let place = published::folder::write(network, 1, folder).map_err(anyhow::Error::msg)?;
    let outputs = loaded.run(&published::folder::inputs(network, 1)?)?;
    let outputs: std::collections::HashMap<_, _> = outputs.into_iter().collect();
    candle_core::safetensors::save(&outputs, place.join("outputs.safetensors"))
        .with_context(|| format!("writing to {}", place.display()))
}
