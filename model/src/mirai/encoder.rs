//! The image encoder: the trunk of a ResNet-18, and the largest value of each of its last channels.
//!
//! The published file also holds risk factors, classes and hazards of a single image. Nothing reads them: the
//! aggregator takes the channels alone.

use candle_core::Tensor;
use uvid_kernels::{Backend, Executor, Graph, GraphError, Outputs, Weights};

use crate::architecture::{PreparedImage, Unscored, images};
use crate::predictor::LoadError;
use crate::resnet18::basic;

/// The network, loaded.
pub struct Encoder(Executor);

impl Encoder {
    /// Takes the weights by the names under which they were published; `size` is rows and columns of the input.
    pub fn new(weights: &Weights, size: [usize; 2], backend: Backend) -> Result<Self, LoadError> {
        Ok(Self(Executor::new(graph(weights, size)?, weights, backend)?))
    }

    /// Its networks, by name.
    pub(crate) fn networks(&self) -> Vec<(String, &Executor)> {
        vec![("encoder".to_owned(), &self.0)]
    }

    /// The keys of the checkpoint that it uses.
    pub fn parameters(&self) -> Vec<String> {
        self.0.graph().parameter_names().collect()
    }

    /// The vector of each image: `x` is (N, 1, rows, columns), the result (N, 8 * width).
    pub fn run(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        Ok(self.run_with_marks(x, &[])?["hidden"].clone())
    }

    /// The vectors of prepared views: (N, 8 * width).
    pub(crate) fn read(&self, views: &[&PreparedImage]) -> Result<Tensor, Unscored> {
        Ok(self.0.look(&[&images(&self.0, views)?], &[])?["hidden"].clone())
    }

    /// The same as `hidden`, with marked values.
    pub fn run_with_marks(&self, x: &Tensor, marks: &[&str]) -> candle_core::Result<Outputs> {
        self.0.run_with_marks(std::slice::from_ref(x), marks)
    }
}

/// The network with the checkpoint's width, or as published where it lacks the tensor that tells, so that all that is
/// missing is found together.
///
/// # Errors
///
/// The input is too small.
pub fn graph(weights: &Weights, [rows, columns]: [usize; 2]) -> Result<Graph, GraphError> {
    let width = weights.dim("_model.downsampler.conv1.weight", 0).unwrap_or(64);
    Graph::build(|b| {
        let net = b.pp("_model");
        let stem = net.pp("downsampler");
        // Trained on the grey image three times over.
        let x = b.repeat_channels(b.input_maps(1, 1, rows, columns), 3);
        let first = stem.pp("conv1");
        let x = first.mark(first.conv(x, width, 7, 2, 3, false)?);
        let x = b.relu(stem.pp("bn1").batch_norm(x));
        let mut x = stem.mark(b.max_pool(x, 3, 2, 1)?);
        for layer in 1..=4 {
            let (out, stride) = (width << (layer - 1), if layer == 1 { 1 } else { 2 });
            x = basic(&net.pp(format!("layer{layer}_0")), x, out, stride)?;
            let last = net.pp(format!("layer{layer}_1"));
            x = last.mark(basic(&last, x, out, 1)?);
        }
        b.output("hidden", b.max_over_map(x));
        Ok(())
    })
}

/// Small networks, of odd sizes, for the test that runs every architecture on every backend.
#[cfg(test)]
pub(crate) fn examples() -> Vec<Graph> {
    let example = |width: usize, size| {
        let stem = candle_core::Tensor::zeros((width, 3, 7, 7), candle_core::DType::F32, &candle_core::Device::Cpu);
        let named = [("_model.downsampler.conv1.weight".to_owned(), stem.expect("zeros"))];
        graph(&Weights::from_tensors(named).expect("weights"), size).expect("fits")
    };
    vec![example(7, [75, 61]), example(32, [96, 64])]
}
