//! Uvid as a contestant: a process of its own that obeys the same lines as the peers do.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use uvid_kernels::{Backend, Executor, Graph, InstructionSet, Options, Outputs, Precision, Weights};

use crate::networks::{self, Network};

/// Ours, by the names that `--contestant` takes.
pub(crate) const NAMES: &[&str] = &["Uvid f32", "Uvid bf16", "Uvid f32 avx2", "Uvid reference"];

/// The executor of this name: the one place that knows which there are. Rayon's threads are those of the environment.
fn executor(name: &str, graph: Graph, weights: &Weights) -> Result<Executor, String> {
    let options = Options::default();
    let backend = match name {
        "Uvid reference" => Backend::Reference,
        "Uvid bf16" => Backend::Cpu(Options { precision: Precision::Bf16, ..options }),
        "Uvid f32 avx2" => Backend::Cpu(Options { set: InstructionSet::Avx2, ..options }),
        _ => Backend::Cpu(options),
    };
    Executor::new(graph, weights, backend).map_err(|e| e.to_string())
}

struct Loaded {
    network: Network,
    executors: Vec<Executor>,
    /// Those from outside, in order.
    inputs: Vec<Tensor>,
}

/// Obeys until its input ends.
pub(crate) fn contestant(name: &str) {
    println!("{}", json!({"version": env!("CARGO_PKG_VERSION")}));
    let (mut loaded, mut outputs) = (None, HashMap::new());
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let answer = obey(name, &line, &mut loaded, &mut outputs).unwrap_or_else(|why| json!({"error": why}));
        println!("{answer}");
        let _ = std::io::stdout().flush();
    }
}

fn obey(
    name: &str,
    line: &str,
    loaded: &mut Option<Loaded>,
    outputs: &mut HashMap<String, Tensor>,
) -> Result<Value, String> {
    let ask: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let text = |key: &str| ask[key].as_str().ok_or("it asks for nothing");
    match text("do")? {
        "load" => {
            *loaded = Some(load(name, Path::new(text("folder")?))?);
            Ok(json!({}))
        }
        "run" => {
            let loaded = loaded.as_ref().ok_or("nothing is loaded")?;
            let start = Instant::now();
            *outputs = loaded.run().map_err(|e| e.to_string())?;
            Ok(json!({"ms": start.elapsed().as_secs_f64() * 1e3}))
        }
        _ => {
            candle_core::safetensors::save(outputs, text("file")?).map_err(|e| e.to_string())?;
            Ok(json!({}))
        }
    }
}

fn load(name: &str, folder: &Path) -> Result<Loaded, String> {
    let read = |file: &str| std::fs::read(folder.join(file)).map_err(|e| e.to_string());
    let described: Value = serde_json::from_slice(&read("network.json")?).map_err(|e| e.to_string())?;
    let all = networks::all().map_err(|e| e.to_string())?;
    let network = all.into_iter().find(|n| described["name"] == n.name).ok_or("no such network")?;
    let weights = Weights::from_safetensors(&read("weights.safetensors")?).map_err(|e| e.to_string())?;
    let load = |part: &networks::Part| executor(name, part.graph.clone(), &weights);
    let executors = network.parts.iter().map(load).collect::<Result<_, _>>()?;
    let mut named =
        candle_core::safetensors::load(folder.join("inputs.safetensors"), &Device::Cpu).map_err(|e| e.to_string())?;
    let inputs = (0..named.len()).filter_map(|i| named.remove(&i.to_string())).collect();
    Ok(Loaded { network, executors, inputs })
}

impl Loaded {
    /// Every part after those that it reads; the outputs that none reads.
    fn run(&self) -> candle_core::Result<HashMap<String, Tensor>> {
        let mut given = self.inputs.iter();
        let mut found: HashMap<&str, Outputs> = HashMap::new();
        for (part, executor) in self.network.parts.iter().zip(&self.executors) {
            let read = |i: usize| part.reads.iter().find(|r| r.input == i).map(|r| &found[r.part][r.output]);
            let inputs = (0..part.graph.inputs().len()).filter_map(|i| read(i).or_else(|| given.next()).cloned());
            let inputs: Vec<Tensor> = inputs.collect();
            let outputs = executor.run(&inputs)?;
            found.insert(part.name, outputs);
        }
        let named = |(part, output): (&networks::Part, &str)| {
            (format!("{}.{output}", part.name), found[part.name][output].clone())
        };
        Ok(self.network.outputs().map(named).collect())
    }
}
