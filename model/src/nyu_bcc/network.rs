//! The networks of BCC: a ResNet-22 for each kind of view, and small heads over its averaged maps.
//!
//! The columns for CC and MLO have weights of their own; left and right share them. A head is two linear layers and a
//! softmax over pairs (no, yes).
//!
//! | model | head | reads | says |
//! |---|---|---|---|
//! | view-wise | `cc`, `mlo` | the left and the right view, 2 x 256 | left benign, right benign, left malignant, right malignant |
//! | image-wise | `lcc`, `rcc`, `lmlo`, `rmlo` | one view, 256 | benign, malignant |
//!
//! The image-wise checkpoint's heads have eight outputs as well; the authors' way to score one image reads the first
//! four and leaves the others alone.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use uvid_exam::Slot;
use uvid_kernels::{Backend, Executor, Graph, GraphError, Images, Outputs, Weights};

use super::{Model, Windows};
use crate::predictor::LoadError;
use crate::resnet22::resnet22;

/// The networks by name: of each kind of view, and of each head.
pub struct Graphs {
    /// From (N, channels, rows, columns) of the window to `vector`.
    pub columns: Vec<(&'static str, Graph)>,
    /// From the vectors of a head's views to `pairs`.
    pub heads: Vec<(&'static str, Graph)>,
}

/// The networks with the checkpoint's widths, or as published where it lacks the tensor that tells.
///
/// # Errors
///
/// The windows are too small.
pub fn graphs(weights: &Weights, model: Model, windows: &Windows, channels: usize) -> Result<Graphs, GraphError> {
    let width = weights.dim("four_view_resnet.cc.first_conv.weight", 0).unwrap_or(16);
    let column = |name, window| Ok((name, describe_column(name, window, channels, width)?));
    let columns = [column("cc", windows.cc), column("mlo", windows.mlo)];
    let (names, published): (&[&'static str], _) = match model {
        Model::ViewWise => (&["cc", "mlo"], 512),
        Model::ImageWise => (&["lcc", "rcc", "lmlo", "rmlo"], 256),
    };
    let head = |name: &&'static str| {
        let hidden = weights.dim(&format!("fc1_{name}.weight"), 0).unwrap_or(published);
        Ok((*name, describe_head(name, model, width << 4, hidden)?))
    };
    Ok(Graphs {
        columns: columns.into_iter().collect::<Result<_, _>>()?,
        heads: names.iter().map(head).collect::<Result<_, _>>()?,
    })
}

/// The classifier, loaded.
pub struct Classifier {
    columns: BTreeMap<&'static str, Executor>,
    heads: BTreeMap<&'static str, Executor>,
}

/// The column that looks at a view.
pub fn column(slot: Slot) -> &'static str {
    match slot {
        Slot::LeftCc | Slot::RightCc => "cc",
        Slot::LeftMlo | Slot::RightMlo => "mlo",
    }
}

/// The image-wise model's head for a view.
pub fn head(slot: Slot) -> &'static str {
    match slot {
        Slot::LeftCc => "lcc",
        Slot::RightCc => "rcc",
        Slot::LeftMlo => "lmlo",
        Slot::RightMlo => "rmlo",
    }
}

impl Classifier {
    /// Loads a checkpoint whose columns take `channels` channels.
    pub fn new(
        weights: &Weights,
        model: Model,
        windows: &Windows,
        channels: usize,
        backend: Backend,
    ) -> Result<Self, LoadError> {
        let Graphs { columns, heads } = graphs(weights, model, windows, channels)?;
        // All at once: whoever has the wrong file is told all that is missing.
        weights.fit(columns.iter().chain(&heads).map(|(_, graph)| graph))?;
        let load = |(name, graph)| Ok::<_, LoadError>((name, Executor::new(graph, weights, backend)?));
        Ok(Self {
            columns: columns.into_iter().map(load).collect::<Result<_, _>>()?,
            heads: heads.into_iter().map(load).collect::<Result<_, _>>()?,
        })
    }

    /// Its networks, by name.
    pub(crate) fn networks(&self) -> Vec<(String, &Executor)> {
        let columns = self.columns.iter().map(|(name, network)| (format!("column {name}"), network));
        columns.chain(self.heads.iter().map(|(name, network)| (format!("head {name}"), network))).collect()
    }

    /// The keys of the checkpoint that it uses.
    pub fn parameters(&self) -> Vec<String> {
        let graphs = self.columns.values().chain(self.heads.values()).map(Executor::graph);
        graphs.flat_map(Graph::parameter_names).collect()
    }

    /// A view's vector: the channels of its column, averaged. `input` is (1, channels, rows, columns) of the window.
    pub fn vector(&self, slot: Slot, input: &Tensor) -> candle_core::Result<Vec<f32>> {
        self.vector_with_marks(slot, input, &[])?["vector"].flatten_all()?.to_vec1()
    }

    /// The column that looks at a view.
    pub(crate) fn column(&self, slot: Slot) -> candle_core::Result<&Executor> {
        named(&self.columns, column(slot))
    }

    /// The same as `vector`, of an input that may be where the column runs.
    pub(crate) fn look(&self, slot: Slot, input: &Images) -> candle_core::Result<Vec<f32>> {
        self.column(slot)?.look(&[input], &[])?["vector"].flatten_all()?.to_vec1()
    }

    /// The same as `vector`, with marked values of the column.
    pub fn vector_with_marks(&self, slot: Slot, input: &Tensor, marks: &[&str]) -> candle_core::Result<Outputs> {
        named(&self.columns, column(slot))?.run_with_marks(std::slice::from_ref(input), marks)
    }

    /// The probabilities of "yes" that a head reads from its views' vectors.
    pub fn read(&self, head: &str, vectors: &[&[f32]]) -> candle_core::Result<Vec<f64>> {
        let length = vectors.first().map_or(0, |v| v.len());
        let x = Tensor::from_vec(vectors.concat(), (vectors.len(), length), &Device::Cpu)?;
        let pairs = named(&self.heads, head)?.run(&[x])?["pairs"].flatten_all()?.to_vec1::<f32>()?;
        Ok(pairs.chunks_exact(2).map(|pair| f64::from(pair[1])).collect())
    }
}

fn named<'a>(networks: &'a BTreeMap<&'static str, Executor>, name: &str) -> candle_core::Result<&'a Executor> {
    networks.get(name).ok_or_else(|| candle_core::Error::msg(format!("this model has no {name}")))
}

fn describe_column(name: &str, window: [usize; 2], channels: usize, width: usize) -> Result<Graph, GraphError> {
    Graph::build(|b| {
        let x = b.input_maps(1, channels, window[0], window[1]);
        let x = resnet22(&b.pp("four_view_resnet").pp(name), x, width, 0)?;
        b.output("vector", b.mean_over_map(x));
        Ok(())
    })
}

fn describe_head(name: &str, model: Model, channels: usize, hidden: usize) -> Result<Graph, GraphError> {
    let (views, read) = match model {
        Model::ViewWise => (2, 8),
        Model::ImageWise => (1, 4),
    };
    Graph::build(|b| {
        let x = b.join_item(b.input_features(views, channels));
        let x = b.relu(b.pp(format!("fc1_{name}")).linear(x, hidden, true));
        let x = b.pp(format!("output_layer_{name}")).pp("fc_layer").linear(x, 8, true);
        b.output("pairs", b.softmax_over_channels(b.slice_channels(x, 0, read)?, 2)?);
        Ok(())
    })
}

/// Small networks, of odd sizes, for the test that runs every architecture on every backend.
#[cfg(test)]
pub(crate) fn examples() -> Vec<Graph> {
    let column = |channels, width| describe_column("cc", [131, 109], channels, width).expect("fits");
    let head = |model| describe_head("lcc", model, 40, 24).expect("fits");
    vec![column(1, 16), column(3, 6), head(Model::ViewWise), head(Model::ImageWise)]
}
