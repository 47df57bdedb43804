//! Uvid as a contestant: a process of its own that obeys the same lines as the peers do.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use uvid_kernels::{Backend, InstructionSet, Options, Precision, Weights};
use uvid_model::published;

/// Ours, by the names that `--contestant` takes.
pub(crate) const NAMES: &[&str] = &["Uvid f32", "Uvid bf16", "Uvid f32 avx2", "Uvid reference"];

/// The backend of this name: the one place that knows which there are. Rayon's threads are those of the environment.
fn backend(name: &str) -> Backend {
    let options = Options::default();
    match name {
        "Uvid reference" => Backend::Reference,
        "Uvid bf16" => Backend::Cpu(Options { precision: Precision::Bf16, ..options }),
        "Uvid f32 avx2" => Backend::Cpu(Options { set: InstructionSet::Avx2, ..options }),
        _ => Backend::Cpu(options),
    }
}

struct Loaded {
    network: published::Loaded,
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
            *outputs = loaded.network.run(&loaded.inputs).map_err(|e| e.to_string())?.into_iter().collect();
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
    let all = published::all().map_err(|e| e.to_string())?;
    let network = all.into_iter().find(|n| described["name"] == n.name).ok_or("no such network")?;
    let weights = Weights::from_safetensors(&read("weights.safetensors")?).map_err(|e| e.to_string())?;
    let network = published::Loaded::new(network, &weights, backend(name)).map_err(|e| e.to_string())?;
    let mut named =
        candle_core::safetensors::load(folder.join("inputs.safetensors"), &Device::Cpu).map_err(|e| e.to_string())?;
    let inputs = (0..named.len()).filter_map(|i| named.remove(&i.to_string())).collect();
    Ok(Loaded { network, inputs })
}
