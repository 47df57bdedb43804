//! The tensors of a checkpoint, by name.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Device, Tensor};

use crate::{Graph, Op, Parameter};

/// Why weights do not serve a network.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// A tensor is not there.
    #[error("the weights lack {}", .0.join(", "))]
    Missing(Vec<String>),
    /// Names or shapes are not those of the network.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// A tensor holds a value that is no number.
    #[error("{0} holds a value that is no finite number")]
    NotFinite(String),
    /// A variance is below 0.
    #[error("{0} holds a variance below 0")]
    Negative(String),
    /// A tensor has a side of 0, or one that no network has.
    #[error("{0} has the shape {1:?}")]
    Size(String, Vec<usize>),
    /// The file is no safetensors file, or a tensor is of a kind that candle does not know.
    #[error("the weights cannot be read: {0}")]
    Read(#[from] candle_core::Error),
}

/// All that keeps tensors from serving a network: names that are not there, and shapes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct Misfit {
    /// Parameters that are not there.
    pub missing: Vec<Missing>,
    /// Parameters that are there in another shape.
    pub shapes: Vec<WrongShape>,
}

/// A parameter that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its key.
    pub name: String,
    /// The most similar keys that are there and that the network does not name, the nearest first; at most three.
    pub nearest: Vec<String>,
}

/// A parameter of another shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongShape {
    /// Its key.
    pub name: String,
    /// In the network.
    pub expected: Vec<usize>,
    /// In the file.
    pub found: Vec<usize>,
}

/// The longest side of a tensor in a package.
const SIDE_MAX: usize = 1 << 20;
/// The missing names that are given similar ones; the others are named alone.
const SUGGESTED_MAX: usize = 1000;
/// The most similar names that are given for a missing one.
const NEAREST_MAX: usize = 3;
/// The names that are compared letter by letter with a missing one: those that share the longest ending, and as many
/// that share the longest beginning.
const CANDIDATES_MAX: usize = 16;

impl Misfit {
    /// Holds what was found, names and shapes, against the parameters of a network. Tensors that the network does not
    /// name are left alone. For a checkpoint that is being imported this needs no tensor in memory.
    pub fn check<'a>(
        parameters: &[&Parameter],
        found: impl IntoIterator<Item = (&'a str, &'a [usize])>,
    ) -> Result<(), Self> {
        let found: BTreeMap<&str, &[usize]> = found.into_iter().collect();
        let needed: BTreeSet<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
        let unused: Vec<&str> = found.keys().copied().filter(|name| !needed.contains(name)).collect();
        let mut misfit = Self { missing: Vec::new(), shapes: Vec::new() };
        for p in parameters {
            match found.get(p.name.as_str()) {
                None => {
                    let suggested = misfit.missing.len() < SUGGESTED_MAX;
                    let nearest = if suggested { nearest(&p.name, &unused) } else { Vec::new() };
                    misfit.missing.push(Missing { name: p.name.clone(), nearest });
                }
                Some(shape) if **shape != p.shape => misfit.shapes.push(WrongShape {
                    name: p.name.clone(),
                    expected: p.shape.clone(),
                    found: shape.to_vec(),
                }),
                Some(_) => {}
            }
        }
        if misfit.missing.is_empty() && misfit.shapes.is_empty() { Ok(()) } else { Err(misfit) }
    }

    /// One line for each tensor.
    fn describe(&self) -> String {
        let missing = self.missing.iter().map(|m| match m.nearest.as_slice() {
            [] => m.name.clone(),
            nearest => format!("{} (there is {})", m.name, nearest.join(", ")),
        });
        let shape = |s: &WrongShape| format!("{}: expected {:?}, found {:?}", s.name, s.expected, s.found);
        let lists: [(&str, Vec<String>); 2] =
            [("the weights lack", missing.collect()), ("wrong shapes:", self.shapes.iter().map(shape).collect())];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        lists.map(|(title, list)| format!("{title}\n  {}", list.join("\n  "))).collect::<Vec<_>>().join("\n")
    }
}

/// The names most like `name`: by the letters that would have to change, and no more than half of them.
fn nearest(name: &str, unused: &[&str]) -> Vec<String> {
    let ending = |other: &&str| name.bytes().rev().zip(other.bytes().rev()).take_while(|(a, b)| a == b).count();
    let beginning = |other: &&str| name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let mut by_ending = unused.to_vec();
    by_ending.sort_by_key(|other| Reverse(ending(other)));
    let mut by_beginning = unused.to_vec();
    by_beginning.sort_by_key(|other| Reverse(beginning(other)));
    let candidates = by_ending.iter().take(CANDIDATES_MAX).chain(by_beginning.iter().take(CANDIDATES_MAX));
    // A name that is the end of the other is like it, however much stands before.
    let ends = |a: &str, b: &str| a.strip_suffix(b).is_some_and(|before| before.ends_with('.'));
    let near = |other: &str| {
        let (apart, half) = (name.len().abs_diff(other.len()), name.len().min(other.len()) / 2);
        if ends(other, name) || ends(name, other) {
            return Some(apart);
        }
        // A distance is at least the difference in length.
        (apart <= half).then(|| distance(name, other)).filter(|d| *d <= half)
    };
    let mut ranked: Vec<(usize, &str)> = candidates.filter_map(|other| Some((near(other)?, *other))).collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().take(NEAREST_MAX).map(|(_, other)| other.to_owned()).collect()
}

/// Bytes to insert, delete or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let best = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

/// Named tensors, f32 (those of a reference in f64 apart), on the CPU.
#[derive(Debug, Clone, Default)]
pub struct Weights(BTreeMap<String, Tensor>);

impl Weights {
    /// Reads the bytes of a safetensors file; floating-point tensors become f32, others are left out.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?;
        let odd = tensors.iter().find(|(_, t)| !t.dims().iter().all(|side| (1..=SIDE_MAX).contains(side)));
        if let Some((name, tensor)) = odd {
            return Err(WeightsError::Size(name.clone(), tensor.dims().to_vec()));
        }
        Self::from_tensors(tensors)
    }

    /// Whether a key begins so.
    pub fn any_under(&self, prefix: &str) -> bool {
        let after = (std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded);
        self.0.range::<str, _>(after).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// Takes named tensors; floating-point tensors become f32, others are left out.
    pub fn from_tensors(tensors: impl IntoIterator<Item = (String, Tensor)>) -> Result<Self, WeightsError> {
        let floats = tensors.into_iter().filter(|(_, t)| t.dtype().is_float());
        let f32s = floats.map(|(name, t)| Ok((name, t.to_dtype(DType::F32)?.contiguous()?)));
        Ok(Self(f32s.collect::<Result<_, WeightsError>>()?))
    }

    /// The same values in f64.
    pub(crate) fn to_f64(&self) -> Result<Self, WeightsError> {
        let double = |(name, t): (&String, &Tensor)| Ok((name.clone(), t.to_dtype(DType::F64)?));
        Ok(Self(self.0.iter().map(double).collect::<Result<_, WeightsError>>()?))
    }

    /// A tensor by its key.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// A dimension of a tensor, if there is such a tensor with so many.
    pub fn dim(&self, name: &str, index: usize) -> Option<usize> {
        self.get(name)?.dims().get(index).copied()
    }

    /// All keys, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Demands every parameter of these networks, in its shape, of all of them together.
    pub fn fit<'g>(&self, graphs: impl IntoIterator<Item = &'g Graph>) -> Result<(), WeightsError> {
        let parameters: Vec<&Parameter> = graphs.into_iter().flat_map(Graph::parameters).collect();
        Ok(Misfit::check(&parameters, self.0.iter().map(|(name, t)| (name.as_str(), t.dims())))?)
    }

    /// Demands every parameter of the network, in its shape, finite. Tensors that the network does not name are left
    /// alone: published checkpoints carry a few.
    pub fn check(&self, graph: &Graph) -> Result<(), WeightsError> {
        let parameters = graph.parameters();
        self.fit([graph])?;
        for p in parameters {
            let Some(tensor) = self.get(&p.name) else { continue };
            // A sum of squares is finite only if every term is.
            let sum = tensor.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar::<f64>()?;
            if !sum.is_finite() {
                return Err(WeightsError::NotFinite(p.name.clone()));
            }
        }
        for node in graph.nodes() {
            let Op::BatchNorm { var, eps, .. } = &node.op else { continue };
            let Some(tensor) = self.get(&var.name) else { continue };
            let least = tensor.to_dtype(DType::F64)?.flatten_all()?.min(0)?.to_scalar::<f64>()?;
            // Its square root would be no number, and the activation after it would make a 0 of that.
            if least + eps <= 0.0 || least.is_nan() {
                return Err(WeightsError::Negative(var.name.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(values: &[f32], shape: &[usize]) -> Weights {
        let tensor = Tensor::from_slice(values, shape, &Device::Cpu).expect("tensor");
        Weights::from_tensors([("head.weight".to_owned(), tensor)]).expect("weights")
    }

    #[test]
    fn weights_must_serve_the_network() {
        let graph = Graph::build(|b| {
            b.output("y", b.pp("head").linear(b.input_features(1, 2), 1, false));
            Ok(())
        })
        .expect("graph");
        let check = |w: Weights, expected: Option<&str>| {
            let error = w.check(&graph).err().map(|e| e.to_string());
            match expected {
                None => assert_eq!(error, None),
                Some(text) => assert!(error.as_deref().unwrap_or("").contains(text), "{error:?}"),
            }
        };
        check(weights(&[1.0, 2.0], &[1, 2]), None);
        check(weights(&[1.0, 2.0], &[2, 1]), Some("wrong shapes:\n  head.weight: expected [1, 2], found [2, 1]"));
        check(weights(&[1.0, f32::NAN], &[1, 2]), Some("no finite number"));
        check(weights(&[1.0, f32::INFINITY], &[1, 2]), Some("no finite number"));
        check(Weights::default(), Some("lack\n  head.weight"));
    }

    #[test]
    fn a_variance_below_0_is_no_variance() {
        let graph = Graph::build(|b| {
            b.output("y", b.pp("bn").batch_norm(b.input_maps(1, 1, 2, 2)));
            Ok(())
        })
        .expect("graph");
        let check = |variance: f32, fits: bool| {
            let tensor = |v: f32| Tensor::from_slice(&[v], 1, &Device::Cpu).expect("tensor");
            let named = [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", variance)];
            let named = named.map(|(name, v)| (format!("bn.{name}"), tensor(v)));
            assert_eq!(Weights::from_tensors(named).expect("weights").check(&graph).is_ok(), fits, "{variance}");
        };
        check(1.0, true);
        check(0.0, true);
        check(-1e-3, false);
    }

    #[test]
    fn a_misfit_lists_everything() {
        let check = |needed: &[(&str, &[usize])], found: &[(&str, &[usize])], expected: &str| {
            let parameters: Vec<_> =
                needed.iter().map(|(n, s)| Parameter { name: (*n).to_owned(), shape: s.to_vec() }).collect();
            let message = Misfit::check(&parameters.iter().collect::<Vec<_>>(), found.iter().copied());
            assert_eq!(message.map_or_else(|m| m.to_string(), |()| "fits".to_owned()), expected);
        };
        check(&[("fc.weight", &[1, 2])], &[("fc.weight", &[1, 2]), ("more", &[3])], "fits");
        // What is near must be unused: fc2.weight serves itself.
        check(
            &[("fc1.weight", &[2]), ("fc2.weight", &[2])],
            &[("fc2.weight", &[2]), ("module.fc1.weight", &[2]), ("fc_1.weight", &[2]), ("unlike", &[2])],
            "the weights lack\n  fc1.weight (there is fc_1.weight, module.fc1.weight)",
        );
        check(
            &[("a", &[1]), ("b.bias", &[1]), ("c.weight", &[2]), ("d.weight", &[3, 3])],
            &[("c.weight", &[1, 2]), ("d.weight", &[9])],
            "the weights lack\n  a\n  b.bias\nwrong shapes:\n  c.weight: expected [2], found [1, 2]\n  \
             d.weight: expected [3, 3], found [9]",
        );
        let names: Vec<String> = (0..23).map(|i| format!("layer{i:02}")).collect();
        let many: Vec<(&str, &[usize])> = names.iter().map(|n| (n.as_str(), [1].as_slice())).collect();
        check(&many, &[], &format!("the weights lack\n  {}", names.join("\n  ")));
    }

    #[test]
    fn distances() {
        let check = |a: &str, b: &str, expected: usize| assert_eq!(distance(a, b), expected, "{a} {b}");
        check("", "", 0);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
        check("conv1.weight", "conv_1.weight", 1);
    }
}
