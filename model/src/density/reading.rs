//! From the network's score map to what is said about an image, a breast or an exam.
//!
//! With w the share of breast in each 8 x 8 cell, the score is S = sum(w * map) / max(sum(w), 1e-6). The cumulative
//! logits c_k = scale * S - thresholds\[k\] give P(class > k) = sigmoid(c_k), and P(A) = 1 - g_0, P(B) = g_0 - g_1,
//! P(C) = g_1 - g_2, P(D) = g_2. P(dense) = P(C) + P(D) = g_1. The letter is the most probable category, provisional
//! until a site has checked the cuts.

use uvid_exam::{Affine, Heatmap, Output, Probability, RawScore, Reason, Value};

use crate::manifest::{Calibration, RelativeRisk};
use crate::predictor::LoadError;

/// Rows and columns of input under one cell of the map.
pub const CELL: usize = 8;

/// The network's map with the share of breast in every cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
    weights: Vec<f64>,
}

impl Map {
    /// `input` is the network's input of `size` rows and columns (its breast is what is above 0), `values` its map:
    /// one value for each 8 x 8 cell, else there is no `Map`.
    pub fn new(input: &[f32], size: (usize, usize), values: Vec<f32>) -> Option<Self> {
        let (rows, columns) = (size.0 / CELL, size.1 / CELL);
        if values.len() != rows * columns || input.len() != size.0 * size.1 {
            return None;
        }
        let share = |i: usize, j: usize| {
            let line = |r: usize| &input[r * size.1 + j * CELL..r * size.1 + (j + 1) * CELL];
            let breast: usize = (i * CELL..(i + 1) * CELL).map(|r| line(r).iter().filter(|v| **v > 0.0).count()).sum();
            breast as f64 / (CELL * CELL) as f64
        };
        let weights = (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))).map(|(i, j)| share(i, j)).collect();
        Some(Self { rows, columns, values, weights })
    }

    /// The share of breast in every cell, row-major.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The image's score S, before calibration.
    pub fn score(&self) -> f64 {
        let sum: f64 = self.weights.iter().sum();
        let weighted: f64 = self.weights.iter().zip(&self.values).map(|(w, v)| w * f64::from(*v)).sum();
        weighted / sum.max(1e-6)
    }
}

/// Turns scores into outputs.
#[derive(Debug, Clone)]
pub struct Reader {
    calibration: Calibration,
    relative_risks: Vec<RelativeRisk>,
}

impl Reader {
    /// Demands a scale above 0 and rising thresholds: with others a probability could be negative.
    pub fn new(calibration: Calibration, relative_risks: Vec<RelativeRisk>) -> Result<Self, LoadError> {
        let t = calibration.thresholds;
        let finite = t.iter().chain([&calibration.scale]).all(|v| v.is_finite());
        if !(finite && calibration.scale > 0.0 && t[0] < t[1] && t[1] < t[2]) {
            return Err(LoadError::Calibration("needs a scale above 0 and rising thresholds".into()));
        }
        Ok(Self { calibration, relative_risks })
    }

    /// P(class > k) for k = 0, 1, 2.
    fn cumulative(&self, score: f64) -> [f64; 3] {
        self.calibration.thresholds.map(|t| sigmoid(self.calibration.scale * score - t))
    }

    /// P(A), P(B), P(C), P(D).
    pub fn probabilities(&self, score: f64) -> [f64; 4] {
        let [g0, g1, g2] = self.cumulative(score);
        [1.0 - g0, g0 - g1, g1 - g2, g2]
    }

    /// Everything that is said of a score; an error if it is no number.
    pub fn outputs(&self, score: f64) -> Result<Vec<Output>, Reason> {
        let probability =
            |p: f64| Probability::new(p).map(Value::Probability).map_err(|e| Reason::ModelFailed(e.to_string()));
        let mut outputs = Vec::new();
        let mut push = |name: &str, value: Value| outputs.push(Output { name: name.to_owned(), value });
        let p = self.probabilities(score);
        push("p_dense", probability(self.cumulative(score)[1])?);
        let letters = ["A", "B", "C", "D"];
        // The first of the most probable; `>` leaves ties with the lower category.
        let best = (1..4).fold(0, |best, i| if p[i] > p[best] { i } else { best });
        push("density", Value::Category(letters[best].to_owned()));
        for (letter, value) in ["p_a", "p_b", "p_c", "p_d"].into_iter().zip(p) {
            push(letter, probability(value)?);
        }
        let raw = RawScore::new(score).map_err(|e| Reason::ModelFailed(e.to_string()))?;
        push("density_score", Value::Score(raw));
        for risk in self.relative_risks.iter().filter(|r| r.category == letters[best]) {
            push(
                &format!("relative_risk_vs_{}", risk.reference.to_lowercase()),
                Value::RelativeRisk {
                    ratio: risk.ratio,
                    interval: risk.interval.map(|[lo, hi]| (lo, hi)),
                    reference: format!("BI-RADS {}", risk.reference),
                    source: risk.source.clone(),
                },
            );
        }
        Ok(outputs)
    }

    /// The dense-tissue map: the chance of a dense category if the whole breast looked like this place.
    pub fn heatmap(&self, map: &Map, input_to_file: &Affine) -> Heatmap {
        let dense = |v: f32| sigmoid(self.calibration.scale * f64::from(v) - self.calibration.thresholds[1]) as f32;
        let cells = map.values.iter().zip(&map.weights);
        let values = cells.map(|(v, w)| if *w > 0.0 { dense(*v) } else { f32::NAN }).collect();
        let cell_to_input = Affine::scale_then_move(CELL as f64, CELL as f64, 0.0, 0.0);
        Heatmap {
            name: "dense-tissue".to_owned(),
            rows: map.rows,
            columns: map.columns,
            values,
            to_file: cell_to_input.then(input_to_file),
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
