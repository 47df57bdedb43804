//! The aggregator: a transformer over the four views, and the hazards of the years to come.
//!
//! Each view's vector is scaled and shifted by what it is a picture of (view, side, and how long ago: always now). One
//! or more layers of attention follow, without any order among the views, and a pool over them. From the pooled vector
//! the network predicts the woman's risk factors; known ones may take their places ([`Known`]). Vector and risk factors
//! together give a base logit and a hazard above 0 for each year; a year's logit is the base and the hazards up to it,
//! so that it never falls from one year to the next.

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use uvid_exam::{Laterality, Slot, View};
use uvid_kernels::{Backend, Builder, Executor, Features, Graph, GraphError, Outputs, Weights};

use super::risk_factors::{Known, RiskFactor};
use crate::predictor::LoadError;

/// Views of an exam.
pub(super) const VIEWS: usize = Slot::ALL.len();

/// What the published file states of its own architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregatorRecipe {
    /// `num_heads`.
    pub heads: usize,
    /// `num_layers`.
    pub layers: usize,
    /// `transfomer_hidden_dim` (so spelt).
    pub hidden: usize,
    /// `pool_name`.
    pub pool: Pool,
    /// `max_followup`: the years that are predicted.
    pub years: u8,
    /// `risk_factor_keys` with `risk_factor_key_to_num_class`, in their order.
    pub risk_factors: Vec<RiskFactor>,
}

impl AggregatorRecipe {
    /// Whether the numbers can describe a network.
    pub(super) fn is_sound(&self) -> bool {
        let bounded = |n: usize, max: usize| (1..=max).contains(&n);
        let mut keys: Vec<&str> = self.risk_factors.iter().map(|f| f.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        bounded(self.heads, 256)
            && bounded(self.layers, 64)
            && bounded(self.hidden, 16384)
            && bounded(usize::from(self.years), 50)
            && keys.len() == self.risk_factors.len()
            && self.risk_factors.iter().all(|f| bounded(f.classes, 256))
    }
}

/// How the views become one vector; names as in the published file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pool {
    /// Weighed by attention.
    #[serde(rename = "Simple_AttentionPool")]
    Attention,
    /// The largest value of each channel.
    #[serde(rename = "GlobalMaxPool")]
    Max,
    /// The mean of each channel.
    #[serde(rename = "GlobalAvgPool")]
    Mean,
}

/// What the aggregator says of an exam.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The logit of each year.
    pub logits: Vec<f32>,
    /// Their logistic function: the raw scores.
    pub scores: Vec<f32>,
    /// What each year adds to the logit; never below 0.
    pub hazards: Vec<f32>,
    /// The weight of each view in the pool; none if the pool weighs nothing.
    pub attention: Option<Vec<f32>>,
}

/// The network, loaded.
pub struct Aggregator {
    network: Executor,
    tables: Tables,
    recipe: AggregatorRecipe,
}

/// Rows of the tables of what a view is a picture of, and the width of each.
#[derive(Debug, Clone, Copy)]
struct Tables {
    views: usize,
    times: usize,
    sides: usize,
    width: usize,
}

impl Tables {
    /// As published where they are not there, so that all that is missing is found together.
    fn of(weights: &Weights) -> Self {
        let rows =
            |name: &str, published| weights.dim(&format!("transformer.{name}_embed.weight"), 0).unwrap_or(published);
        Self {
            views: rows("view", 3),
            times: rows("time", 11),
            sides: rows("side", 3),
            width: weights.dim("transformer.view_embed.weight", 1).unwrap_or(32),
        }
    }
}

impl Aggregator {
    /// Takes the weights by the names under which they were published.
    pub fn new(weights: &Weights, recipe: &AggregatorRecipe, backend: Backend) -> Result<Self, LoadError> {
        let tables = Tables::of(weights);
        LoadError::unless_all(&[
            ("aggregator: its tables of views and sides", tables.views > 1 && tables.sides > 1),
            ("aggregator: its table of times", tables.times > 0),
        ])?;
        let network = Executor::new(graph(weights, recipe)?, weights, backend)?;
        Ok(Self { network, tables, recipe: recipe.clone() })
    }

    /// Its networks, by name.
    pub(crate) fn networks(&self) -> Vec<(String, &Executor)> {
        vec![("aggregator".to_owned(), &self.network)]
    }

    /// The keys of the checkpoint that it uses.
    pub fn parameters(&self) -> Vec<String> {
        self.network.graph().parameter_names().collect()
    }

    /// Reads the four views: `hidden` is (4, width of the encoder), its rows in the order of `slots`, which does not
    /// matter otherwise.
    pub fn run(&self, hidden: &Tensor, slots: [Slot; VIEWS], known: &Known) -> candle_core::Result<Reading> {
        Ok(self.run_with_marks(hidden, slots, known, &[])?.0)
    }

    /// The same, with marked values.
    pub fn run_with_marks(
        &self,
        hidden: &Tensor,
        slots: [Slot; VIEWS],
        known: &Known,
        marks: &[&str],
    ) -> candle_core::Result<(Reading, Outputs)> {
        let one_hot = |size: usize, index: [usize; VIEWS]| {
            let values = index.iter().flat_map(|i| (0..size).map(|j| f32::from(j == *i))).collect::<Vec<_>>();
            Tensor::from_vec(values, (VIEWS, size), &Device::Cpu)
        };
        let row = |values: &[f32]| Tensor::from_slice(values, (1, values.len()), &Device::Cpu);
        let inputs = [
            hidden.clone(),
            // Row 1 is "not masked".
            one_hot(2, [1; VIEWS])?,
            one_hot(self.tables.views, slots.map(view_row))?,
            one_hot(self.tables.times, [0; VIEWS])?,
            one_hot(self.tables.sides, slots.map(side_row))?,
            row(&known.unknown)?,
            row(&known.given)?,
        ];
        // Without risk factors the network has no inputs for them.
        let inputs = if self.recipe.risk_factors.is_empty() { &inputs[..5] } else { &inputs[..] };
        let out = self.network.run_with_marks(inputs, marks)?;
        let values = |name: &str| out[name].flatten_all()?.to_vec1::<f32>();
        let reading = Reading {
            logits: values("logits")?,
            scores: values("scores")?,
            hazards: values("hazards")?,
            attention: out.contains_key("attention").then(|| values("attention")).transpose()?,
        };
        Ok((reading, out))
    }
}

/// The row of the table of views.
fn view_row(slot: Slot) -> usize {
    usize::from(slot.view() == View::MedioLateralOblique)
}

/// The row of the table of sides.
fn side_row(slot: Slot) -> usize {
    usize::from(slot.laterality() == Laterality::Left)
}

/// The network with the checkpoint's tables, or with those published where it lacks them. Its inputs are the encoder's
/// vectors; for each view a row of each table, one-hot, in the order mask, view, time, side; and, if the recipe has
/// risk factors, which of them are unknown and what is known of the others.
///
/// # Errors
///
/// The heads do not divide the channels.
pub fn graph(weights: &Weights, recipe: &AggregatorRecipe) -> Result<Graph, GraphError> {
    let encoder = weights.dim("projection_layer.weight", 1).unwrap_or(512);
    let (tables, hidden) = (Tables::of(weights), recipe.hidden);
    Graph::build(|b| {
        let x = b.input_features(VIEWS, encoder);
        let mask = b.pp("mask_embedding").table(b.input_features(VIEWS, 2), "weight", encoder);
        let net = b.pp("transformer");
        let embed = |name: &str, rows: usize| {
            net.pp(format!("{name}_embed")).table(b.input_features(VIEWS, rows), "weight", tables.width)
        };
        let (view, time, side) =
            (embed("view", tables.views), embed("time", tables.times), embed("side", tables.sides));

        let projection = b.pp("projection_layer");
        let x = projection.mark(projection.linear(b.add(x, mask)?, hidden, true));
        let picture = b.concat(b.concat(view, time)?, side)?;
        let scale = net.pp("embed_scale_fc");
        let scale = scale.mark(scale.linear(picture, hidden, true));
        let mut x = b.add(b.mul(scale, x)?, net.pp("embed_add_fc").linear(picture, hidden, true))?;
        for layer in 0..recipe.layers {
            x = attend(&net.pp(format!("transformer_layer_{layer}")), x, recipe)?;
        }
        let x = net.mark(x);

        let pooled = pool(&b.pp("pool").pp("internal_pool"), x, recipe.pool)?;
        let v = b.pp("pool").mark(b.relu(with_risk_factors(b, pooled, &recipe.risk_factors)?));
        let years = usize::from(recipe.years);
        let head = b.pp("prob_of_failure_layer");
        let hazards = b.relu(head.pp("hazard_fc").linear(v, years, true));
        let base = head.pp("base_hazard_fc").linear(v, 1, true);
        // Upper triangular ones: each year adds to itself and to those after it.
        let summed = head.table(hazards, "upper_triagular_mask", years);
        let logits = b.add(summed, b.repeat_channels(base, years))?;
        b.output("hazards", hazards);
        b.output("logits", logits);
        b.output("scores", b.sigmoid(logits));
        Ok(())
    })
}

/// A layer of the transformer: norms after the sums.
fn attend(b: &Builder<'_>, x: Features, recipe: &AggregatorRecipe) -> Result<Features, GraphError> {
    let linear = |b: Builder<'_>, x: Features| b.linear(x, recipe.hidden, true);
    let attention = b.pp("multihead_attention");
    let part = |name: &str| linear(attention.pp(name), x);
    let heads = b.attention(part("query"), part("key"), part("value"), recipe.heads)?;
    let a = attention.mark(linear(attention.pp("aggregate_fc"), heads));
    let norm = b.pp("layernorm_attn");
    let x = norm.mark(norm.layer_norm(b.add(a, x)?, 1e-5));
    let f = linear(b.pp("fc2"), b.relu(linear(b.pp("fc1"), x)));
    Ok(b.pp("layernorm_fc").layer_norm(b.add(f, x)?, 1e-5))
}

fn pool(b: &Builder<'_>, x: Features, pool: Pool) -> Result<Features, GraphError> {
    let pooled = match pool {
        Pool::Attention => {
            let fc = b.pp("attention_fc");
            let weights = b.softmax_over_item(fc.mark(fc.linear(x, 1, true)));
            b.output("attention", weights);
            b.weighted_sum_over_item(weights, x)?
        }
        Pool::Max => b.max_over_item(x),
        Pool::Mean => b.mean_over_item(x),
    };
    Ok(b.mark(pooled))
}

/// The pooled vector and behind it the risk factors: predicted from it, or given.
fn with_risk_factors(b: &Builder<'_>, pooled: Features, factors: &[RiskFactor]) -> Result<Features, GraphError> {
    let mut predicted: Option<Features> = None;
    for RiskFactor { key, classes } in factors {
        let logits = b.pp("pool").pp(format!("{key}_fc")).linear(pooled, *classes, true);
        let p = if *classes == 1 { b.sigmoid(logits) } else { b.softmax_over_channels(logits, *classes)? };
        predicted = Some(match predicted {
            Some(before) => b.concat(before, p)?,
            None => p,
        });
    }
    let Some(predicted) = predicted else { return Ok(pooled) };
    let all = factors.iter().map(|f| f.classes).sum();
    let (unknown, given) = (b.input_features(1, all), b.input_features(1, all));
    b.concat(pooled, b.add(b.mul(predicted, unknown)?, given)?)
}

/// Small networks, of odd sizes, for the test that runs every architecture on every backend.
#[cfg(test)]
pub(crate) fn examples() -> Vec<Graph> {
    let recipe =
        |heads, hidden, pool| AggregatorRecipe { heads, layers: 2, hidden, pool, years: 5, risk_factors: vec![] };
    let example = |encoder: usize, recipe: AggregatorRecipe| {
        let zeros = Tensor::zeros((recipe.hidden, encoder), candle_core::DType::F32, &Device::Cpu).expect("zeros");
        let weights = Weights::from_tensors([("projection_layer.weight".to_owned(), zeros)]).expect("weights");
        graph(&weights, &recipe).expect("fits")
    };
    vec![example(33, recipe(3, 21, Pool::Max)), example(64, recipe(4, 32, Pool::Attention))]
}
