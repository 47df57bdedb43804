//! A folder with a network for the contestants: `network.json`, `weights.safetensors`, `inputs.safetensors`.
//!
//! Invariant: what is made is the same on every machine. Weights and inputs are random numbers of fixed seeds. Weights are scaled so that what passes through keeps its size:
//! uniform, of variance 2 / inputs before an activation (He et al. 2015); a block's second convolution is a quarter of
//! that, as trained ones are about. Batch norms have variances and scales around 1.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use uvid_kernels::{Node, Op, Padding, Parameter, Weights, WeightsError};

use super::{Network, Part, dims};

/// Writes all three, for a batch of so many units, into a folder of its own within this one, which is returned.
///
/// # Errors
///
/// The folder cannot be written, or the network has an operation that the peers are not told of: in words.
pub fn write(network: &Network, units: usize, folder: &Path) -> Result<PathBuf, String> {
    let folder = folder.join(format!("{}-{units}", network.name));
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    std::fs::write(folder.join("network.json"), describe(network, units)?.to_string()).map_err(|e| e.to_string())?;
    save(drawn(network), &folder.join("weights.safetensors"))?;
    let numbered = |inputs: Vec<Tensor>| inputs.into_iter().enumerate().map(|(i, t)| (i.to_string(), t)).collect();
    save(inputs(network, units).map(numbered), &folder.join("inputs.safetensors"))?;
    Ok(folder)
}

/// Whether the peers can be told of all its operations.
pub fn is_for_peers(network: &Network) -> bool {
    describe(network, 1).is_ok()
}

/// The network's weights.
///
/// # Errors
///
/// None but of memory.
pub fn weights(network: &Network) -> Result<Weights, WeightsError> {
    Weights::from_tensors(drawn(network)?)
}

/// The inputs from outside for a batch of so many units; the first are the same in every batch.
///
/// # Errors
///
/// None but of memory.
pub fn inputs(network: &Network, units: usize) -> candle_core::Result<Vec<Tensor>> {
    let input = |(i, shape): (usize, Vec<usize>)| uniform(&format!("input {i}"), &shape, 0.0, 1.7);
    network.inputs(units).into_iter().enumerate().map(input).collect()
}

fn drawn(network: &Network) -> candle_core::Result<HashMap<String, Tensor>> {
    let parameters = network.parts.iter().flat_map(|part| part.graph.parameters());
    parameters.map(|p| Ok((p.name.clone(), weight(p)?))).collect()
}

fn save(tensors: candle_core::Result<HashMap<String, Tensor>>, file: &Path) -> Result<(), String> {
    tensors.and_then(|tensors| candle_core::safetensors::save(&tensors, file)).map_err(|e| e.to_string())
}

fn weight(p: &Parameter) -> candle_core::Result<Tensor> {
    let fan_in: usize = p.shape.iter().skip(1).product();
    let he = (6.0 / fan_in as f64).sqrt();
    let (centre, reach) = match (p.shape.len(), p.name.ends_with("weight"), p.name.ends_with("running_var")) {
        (4, ..) if p.name.ends_with("conv2.weight") => (0.0, he / 4.0),
        (4, ..) => (0.0, he),
        (2, ..) => (0.0, he / 2f64.sqrt()),
        (_, true, _) | (_, _, true) => (1.0, 0.25),
        _ => (0.0, 0.1),
    };
    uniform(&p.name, &p.shape, centre, reach)
}

/// Numbers from `centre - reach` to `centre + reach`, the same for the same name: splitmix64 from its FNV-1a hash.
fn uniform(name: &str, shape: &[usize], centre: f64, reach: f64) -> candle_core::Result<Tensor> {
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let value = |i: usize| {
        let mut z = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (centre + reach * ((z >> 11) as f64 * 2f64.powi(-52) - 1.0)) as f32
    };
    Tensor::from_vec((0..shape.iter().product()).map(value).collect::<Vec<_>>(), shape, &Device::Cpu)
}

/// All parts as one list of nodes, each with the shape that it has in this batch.
fn describe(network: &Network, units: usize) -> Result<Value, String> {
    let (mut nodes, mut given) = (Vec::new(), 0);
    // Of each part, where its nodes are in the list.
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for part in &network.parts {
        let mut here: Vec<usize> = Vec::new();
        for node in part.graph.nodes() {
            let index = if let Op::Input(index) = &node.op { Some(*index) } else { None };
            let read = part.reads.iter().find(|r| Some(r.input) == index);
            if let Some(read) = read {
                let from = network.parts.iter().find(|p| p.name == read.part).ok_or("no such part")?;
                here.push(places[read.part][from.graph.outputs()[read.output].index()]);
                continue;
            }
            let (op, mut numbers) = operation(node)?;
            if op == "input" {
                numbers = json!([given]);
                given += 1;
            }
            here.push(nodes.len());
            let names: Vec<&str> = node.op.parameters().iter().map(|p| p.name.as_str()).collect();
            let inputs: Vec<usize> = node.inputs.iter().map(|id| here[id.index()]).collect();
            let shape = dims(node.shape, part.items * units);
            nodes.push(json!({"op": op, "inputs": inputs, "parameters": names, "numbers": numbers, "shape": shape}));
        }
        places.insert(part.name, here);
    }
    let name = |(part, output): (&Part, &str)| {
        (format!("{}.{output}", part.name), json!(places[part.name][part.graph.outputs()[output].index()]))
    };
    let outputs: serde_json::Map<_, _> = network.outputs().map(name).collect();
    Ok(json!({"name": network.name, "images": network.images, "nodes": nodes, "outputs": outputs}))
}

/// An operation's name for the peers, and its numbers.
#[allow(clippy::wildcard_enum_match_arm, reason = "what no network here has, the peers do not know")]
fn operation(node: &Node) -> Result<(&'static str, Value), String> {
    let even = |padding: &Padding| padding.uniform().ok_or("the peers are told of even padding only");
    Ok(match &node.op {
        Op::Input(index) => ("input", json!([index])),
        Op::Conv { stride, padding, .. } => ("conv", json!([stride, even(padding)?])),
        Op::BatchNorm { eps, .. } => ("batch_norm", json!([eps])),
        Op::LayerNorm { eps, .. } => ("layer_norm", json!([eps])),
        Op::Linear { .. } => ("linear", json!([])),
        Op::Table { .. } => ("table", json!([])),
        Op::Relu => ("relu", json!([])),
        Op::Sigmoid => ("sigmoid", json!([])),
        Op::Tanh => ("tanh", json!([])),
        Op::MaxPool { kernel, stride, padding } => ("max_pool", json!([kernel, stride, even(padding)?])),
        Op::RepeatChannels(times) => ("repeat_channels", json!([times])),
        Op::MeanOverMap => ("mean_over_map", json!([])),
        Op::MaxOverMap => ("max_over_map", json!([])),
        Op::Add => ("add", json!([])),
        Op::Mul => ("mul", json!([])),
        Op::Concat => ("concat", json!([])),
        Op::SliceChannels { from } => ("slice_channels", json!([from, node.shape.channels()])),
        Op::SoftmaxOverChannels { group } => ("softmax_over_channels", json!([group])),
        Op::SoftmaxOverItem { vectors } => ("softmax_over_item", json!([vectors])),
        Op::WeightedSumOverItem { vectors } => ("weighted_sum_over_item", json!([vectors])),
        Op::JoinItem { vectors } => ("join_item", json!([vectors])),
        Op::Attention { vectors, heads } => ("attention", json!([vectors, heads])),
        other => return Err(format!("the peers are not told of {other:?}")),
    })
}
