//! The tensors of a checkpoint, by name.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use crate::Graph;

/// Why weights do not serve a network.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// A tensor is not there.
    #[error("the weights lack {}", .0.join(", "))]
    Missing(Vec<String>),
    /// A tensor has another shape.
    #[error("{name} has the shape {found:?}, the network needs {needed:?}")]
    Shape {
        /// Its key.
        name: String,
        /// In the file.
        found: Vec<usize>,
        /// In the network.
        needed: Vec<usize>,
    },
    /// A tensor holds a value that is no number.
    #[error("{0} holds a value that is no finite number")]
    NotFinite(String),
    /// The file is no safetensors file, or a tensor is of a kind that candle does not know.
    #[error("the weights cannot be read: {0}")]
    Read(#[from] candle_core::Error),
}

/// Named tensors, f32, on the CPU.
#[derive(Debug, Clone, Default)]
pub struct Weights(BTreeMap<String, Tensor>);

impl Weights {
    /// Reads the bytes of a safetensors file; floating-point tensors become f32, others are left out.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?;
        Self::from_tensors(tensors)
    }

    /// Takes named tensors; floating-point tensors become f32, others are left out.
    pub fn from_tensors(tensors: impl IntoIterator<Item = (String, Tensor)>) -> Result<Self, WeightsError> {
        let floats = tensors.into_iter().filter(|(_, t)| t.dtype().is_float());
        let f32s = floats.map(|(name, t)| Ok((name, t.to_dtype(DType::F32)?.contiguous()?)));
        Ok(Self(f32s.collect::<Result<_, WeightsError>>()?))
    }

    /// A tensor by its key.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// All keys, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Demands every parameter of the network, in its shape, finite. Tensors that the network does not name are left
    /// alone: published checkpoints carry a few.
    pub fn check(&self, graph: &Graph) -> Result<(), WeightsError> {
        let parameters = graph.parameters();
        let missing: Vec<String> =
            parameters.iter().filter(|p| self.get(&p.name).is_none()).map(|p| p.name.clone()).collect();
        if !missing.is_empty() {
            return Err(WeightsError::Missing(missing));
        }
        for p in parameters {
            let Some(tensor) = self.get(&p.name) else { continue };
            if tensor.dims() != p.shape {
                return Err(WeightsError::Shape {
                    name: p.name.clone(),
                    found: tensor.dims().to_vec(),
                    needed: p.shape.clone(),
                });
            }
            // A sum of squares is finite only if every term is.
            let sum = tensor.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar::<f64>()?;
            if !sum.is_finite() {
                return Err(WeightsError::NotFinite(p.name.clone()));
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
        check(weights(&[1.0, 2.0], &[2, 1]), Some("has the shape [2, 1]"));
        check(weights(&[1.0, f32::NAN], &[1, 2]), Some("no finite number"));
        check(weights(&[1.0, f32::INFINITY], &[1, 2]), Some("no finite number"));
        check(Weights::default(), Some("lack head.weight"));
    }
}
