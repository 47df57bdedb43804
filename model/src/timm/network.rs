//! Which network, and a member of the ensemble that runs it.

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};
use uvid_kernels::{Backend, Builder, Executor, Features, GraphError, Images, Map, Outputs, Weights, WeightsError};

use super::convnext;
use super::efficientnet::{Origin, Plan};
use crate::architecture::{PreparedImage, Unscored, images};
use crate::predictor::LoadError;

/// A network, as the recipe states it. The weights must have exactly these stages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What it is built of.
    pub family: Family,
    /// Blocks of each stage.
    pub depths: Vec<usize>,
    /// Channels of each stage.
    pub widths: Vec<usize>,
    /// How the last map becomes a vector, timm's `global_pool`.
    #[serde(default)]
    pub pool: Pool,
}

/// How the last map becomes a vector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// timm's `avg`, its default.
    #[default]
    Mean,
    /// timm's `max`.
    Max,
}

impl Pool {
    pub(super) fn of(self, b: &Builder<'_>, x: Map) -> Features {
        match self {
            Self::Mean => b.mean_over_map(x),
            Self::Max => b.max_over_map(x),
        }
    }
}

/// What a network is built of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// timm's `convnext_tiny` to `convnext_large`.
    Convnext,
    /// timm's `efficientnet_…` and `efficientnetv2_…`.
    Efficientnet,
    /// timm's `tf_efficientnet_…` and `tf_efficientnetv2_…`: other padding, other eps.
    TfEfficientnet,
}

impl Family {
    /// Where the tensors of a block begin.
    fn block(self, stage: usize, block: usize) -> String {
        match self {
            Self::Convnext => format!("stages.{stage}.blocks.{block}."),
            Self::Efficientnet | Self::TfEfficientnet => format!("blocks.{stage}.{block}."),
        }
    }

    /// The last linear layer.
    fn classifier(self) -> &'static str {
        match self {
            Self::Convnext => "head.fc.weight",
            Self::Efficientnet | Self::TfEfficientnet => "classifier.weight",
        }
    }
}

impl Network {
    /// Whether the numbers can be those of a network at all.
    pub(super) fn is_sound(&self) -> bool {
        let stages = match self.family {
            Family::Convnext => 4..=4,
            Family::Efficientnet | Family::TfEfficientnet => 6..=7,
        };
        let sound = |n: &usize| (1..=16384).contains(n);
        stages.contains(&self.depths.len())
            && self.depths.len() == self.widths.len()
            && self.depths.iter().chain(&self.widths).all(sound)
    }

    /// How many blocks each stage has, by the names of their tensors.
    fn depths_of(&self, weights: &Weights) -> Vec<usize> {
        let has = |stage: usize, block: usize| weights.any_under(&self.family.block(stage, block));
        let depth = |stage: usize| (0..).take_while(|block| has(stage, *block)).count();
        (0..).map(depth).take_while(|depth| *depth > 0).collect()
    }
}

/// One checkpoint of the ensemble, loaded.
pub struct Member {
    network: Executor,
    classes: usize,
}

/// What one member says of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The network's outputs, by class.
    pub logits: Vec<f64>,
    /// The same of every place of the last map, where the score is their mean.
    pub activation: Option<Activation>,
}

/// The logits that every place of the last map would give alone; their mean are the logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// Rows of the map.
    pub rows: usize,
    /// Columns of the map.
    pub columns: usize,
    /// For each class `rows * columns` values, row-major.
    pub logits: Vec<Vec<f64>>,
}

impl Member {
    /// Its networks, by name.
    pub(crate) fn networks(&self) -> Vec<(String, &Executor)> {
        vec![("network".to_owned(), &self.network)]
    }

    /// The keys of the checkpoint that it uses.
    pub fn parameters(&self) -> Vec<String> {
        self.network.graph().parameter_names().collect()
    }

    /// Loads a checkpoint for an input of these channels, rows and columns.
    pub fn new(
        weights: &Weights,
        network: &Network,
        channels: usize,
        [rows, columns]: [usize; 2],
        backend: Backend,
    ) -> Result<Self, LoadError> {
        let found = network.depths_of(weights);
        if found != network.depths {
            let problem = format!("the weights have {found:?} blocks, the recipe says {:?}", network.depths);
            return Err(GraphError { at: "stages".into(), problem }.into());
        }
        let classifier = network.family.classifier();
        let classes = match weights.get(classifier).map(Tensor::dims) {
            Some([classes, _]) => *classes,
            Some(_) | None => return Err(WeightsError::Missing(vec![classifier.to_owned()]).into()),
        };
        let size = [rows, columns];
        let efficientnet = |origin: Origin| -> Result<_, LoadError> {
            Ok(Plan::of(weights, network)?.describe(origin, network, classes, channels, size)?)
        };
        let graph = match network.family {
            Family::Convnext => convnext::describe(network, classes, channels, size)?,
            Family::Efficientnet => efficientnet(Origin::Torch)?,
            Family::TfEfficientnet => efficientnet(Origin::TensorFlow)?,
        };
        Ok(Self { network: Executor::new(graph, weights, backend)?, classes })
    }

    /// How many classes it tells apart.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Runs one image: `x` is (1, channels, rows, columns).
    pub fn run(&self, x: &Tensor) -> candle_core::Result<Reading> {
        Ok(self.run_with_marks(x, &[])?.0)
    }

    /// Runs one image and also returns the values marked with these names.
    pub fn run_with_marks(&self, x: &Tensor, marks: &[&str]) -> candle_core::Result<(Reading, Outputs)> {
        let (readings, outputs) = self.look(&x.clone().into(), marks)?;
        let [reading] = readings.try_into().map_err(|_| candle_core::Error::msg("these are several images"))?;
        Ok((reading, outputs))
    }

    /// Images where this member's network runs.
    pub(crate) fn images(&self, prepared: &[&PreparedImage]) -> Result<Images, Unscored> {
        images(&self.network, prepared)
    }

    /// Runs several images at once: (N, channels, rows, columns).
    pub(crate) fn read(&self, images: &Images) -> candle_core::Result<Vec<Reading>> {
        Ok(self.look(images, &[])?.0)
    }

    fn look(&self, images: &Images, marks: &[&str]) -> candle_core::Result<(Vec<Reading>, Outputs)> {
        let outputs = self.network.look(&[images], marks)?;
        let doubles = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_from(1)?.to_vec2::<f64>();
        let mut activations = Vec::new();
        if let Some(map) = outputs.get("activation") {
            let (_, _, rows, columns) = map.dims4()?;
            for logits in doubles(map)? {
                let logits = logits.chunks_exact(rows * columns).map(<[f64]>::to_vec).collect();
                activations.push(Activation { rows, columns, logits });
            }
        }
        let mut activations = activations.into_iter();
        let reading = |logits| Reading { logits, activation: activations.next() };
        Ok((doubles(&outputs["logits"])?.into_iter().map(reading).collect(), outputs))
    }
}
