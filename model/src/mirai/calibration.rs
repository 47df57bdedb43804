//! From a year's raw score to the probability of a cancer by then.
//!
//! Two logistic steps follow one another in the published calibrator, so that they are one:
//! `p = 1 / (1 + exp(cs (bs x + bo) + co)) = 1 / (1 + exp(-(a x + b)))`. Everything is f64. The years are calibrated
//! apart: nothing but the data makes a later year's probability the larger.

use serde::{Deserialize, Serialize};

/// The numbers of one year.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Calibrator {
    /// Both steps in one.
    Composite(Composite),
    /// As the published file holds them.
    TwoSteps(TwoSteps),
}

/// `1 / (1 + exp(-(a x + b)))`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// Above 0.
    pub a: f64,
    /// Added.
    pub b: f64,
}

/// `1 / (1 + exp(calibrator_slope (base_slope x + base_offset) + calibrator_offset))`; the calibrator's slope is
/// negative in the published file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoSteps {
    /// `base_estimator_slope`.
    pub base_slope: f64,
    /// `base_estimator_offset`.
    pub base_offset: f64,
    /// `calibrator_slope`.
    pub calibrator_slope: f64,
    /// `calibrator_offset`.
    pub calibrator_offset: f64,
}

impl Calibrator {
    /// The calibrator of 12 March 2022, years 1 to 5, recovered from the table of its values that the authors publish
    /// (`Mirai_pred_rf_callibrator_mar12_2022_values.csv`: 101 scores a year, reproduced to 1e-16).
    pub fn published() -> [Self; 5] {
        [
            (5.202204577500693, -6.941708811474186),
            (4.719061780284344, -6.1189816713625085),
            (4.276177460151399, -5.45589794861255),
            (4.218360381892917, -5.119448091633599),
            (3.90438404034106, -4.776621706974411),
        ]
        .map(|(a, b)| Self::Composite(Composite { a, b }))
    }

    /// The probability of a raw score.
    pub fn of(&self, score: f64) -> f64 {
        let exponent = match *self {
            Self::Composite(Composite { a, b }) => -(a * score + b),
            Self::TwoSteps(s) => s.calibrator_slope * (s.base_slope * score + s.base_offset) + s.calibrator_offset,
        };
        1.0 / (1.0 + exponent.exp())
    }

    /// Whether its numbers are numbers, and a higher score means a higher risk.
    pub(super) fn is_sound(&self) -> bool {
        match *self {
            Self::Composite(Composite { a, b }) => a.is_finite() && b.is_finite() && a > 0.0,
            Self::TwoSteps(s) => {
                let numbers = [s.base_slope, s.base_offset, s.calibrator_slope, s.calibrator_offset];
                numbers.iter().all(|v| v.is_finite()) && s.base_slope * s.calibrator_slope < 0.0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_calibrator_gives_published_probabilities() {
        // Raw scores and calibrated probabilities of the real model, published with an ONNX export of it.
        let check = |score: f64, expected: [f64; 5]| {
            for (calibrator, expected) in Calibrator::published().iter().zip(expected) {
                let found = calibrator.of(score);
                assert!((found - expected).abs() <= 1e-15, "{found}, expected {expected}");
            }
        };
        check(
            0.674984335899353,
            [0.031361750369428745, 0.050513106489711676, 0.07112434849366805, 0.09345836541153572, 0.10515419343485845],
        );
        check(
            0.6651845574378967,
            [0.029849513405875334, 0.04834063500266817, 0.06840509636981701, 0.09001433527229759, 0.1016078621095382],
        );
    }

    #[test]
    fn two_steps_are_one() {
        let one = Calibrator::Composite(Composite { a: 3.0, b: -1.5 });
        let steps = TwoSteps { base_slope: 2.0, base_offset: 0.5, calibrator_slope: -1.5, calibrator_offset: 2.25 };
        for score in [0.0, 0.3, 1.0] {
            let (a, b) = (one.of(score), Calibrator::TwoSteps(steps).of(score));
            assert!((a - b).abs() <= 1e-15, "{a}, {b}");
        }
    }

    #[test]
    fn a_manifest_may_give_either() {
        #[derive(Deserialize)]
        struct Holder {
            calibration: Vec<Calibrator>,
        }
        let text = "calibration = [{ a = 1.0, b = 2.0 }, \
                    { base_slope = 1.0, base_offset = 2.0, calibrator_slope = 3.0, calibrator_offset = 4.0 }]";
        let holder: Holder = toml::from_str(text).expect("parses");
        assert!(matches!(holder.calibration[..], [Calibrator::Composite(_), Calibrator::TwoSteps(_)]));
        assert!(toml::from_str::<Holder>("calibration = [{ a = 1.0, b = 2.0, c = 3.0 }]").is_err());
    }
}
