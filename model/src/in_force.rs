//! From a network's raw scores to what a reader gets: calibrated probabilities, percentiles and flags.
//!
//! Invariants: a calibration and a percentile read a raw score and stand beside it, never in its place; a flag says
//! which threshold it was cut at and, where a site set it, who did and why.

use uvid_exam::{Flag, Laterality, Output, Percentile, Probability, Reason, Value};

use crate::architecture::Readings;
use crate::manifest::{Level, Manifest, OperatingPoint, Site};
use crate::predictor::LoadError;

/// What is derived from a package's raw scores at this site.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InForce {
    calibrated: Vec<crate::manifest::OutputCalibration>,
    percentiles: Vec<crate::manifest::Percentiles>,
    points: Vec<(OperatingPoint, Option<String>)>,
}

impl InForce {
    /// The package's own, with the thresholds that the site has set.
    pub(crate) fn new(manifest: &Manifest, site: &Site) -> Result<Self, LoadError> {
        for c in &manifest.calibrated {
            let sound = c.slope.is_finite() && c.slope != 0.0 && c.intercept.is_finite();
            LoadError::unless_all(&[("calibrated", sound)])?;
        }
        let rising = |p: &crate::manifest::Percentiles| {
            p.scores.len() > 1 && p.scores.iter().all(|v| v.is_finite()) && p.scores.is_sorted()
        };
        LoadError::unless_all(&[("percentiles", manifest.percentiles.iter().all(rising))])?;
        let mut points: Vec<_> = manifest.operating_points.iter().map(|p| (p.clone(), None)).collect();
        for set in &site.operating_points {
            if !set.threshold.is_finite() {
                return Err(LoadError::OperatingPoint(format!("{}: its threshold is no number", set.name)));
            }
            let Some((point, by)) = points.iter_mut().find(|(p, _)| p.name == set.name) else {
                let known: Vec<&str> = manifest.operating_points.iter().map(|p| p.name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(LoadError::OperatingPoint(format!("{} is not among the package's: {known}", set.name)));
            };
            point.threshold = set.threshold;
            *by = Some(format!("{}: {}", set.by, set.reason));
        }
        Ok(Self { calibrated: manifest.calibrated.clone(), percentiles: manifest.percentiles.clone(), points })
    }

    /// Adds what is derived, and returns what the operating points say.
    pub(crate) fn apply(&self, readings: &mut Readings) -> Result<Vec<Flag>, Reason> {
        readings.images.iter_mut().try_for_each(|image| self.derive(&mut image.outputs, Level::Image))?;
        readings.breasts.iter_mut().try_for_each(|breast| self.derive(&mut breast.outputs, Level::Breast))?;
        self.derive(&mut readings.exam, Level::Exam)?;
        let mut flags = Vec::new();
        for (point, set_by) in &self.points {
            let mut cut = |outputs: &[Output], laterality: Option<Laterality>| {
                let of = outputs.iter().find(|o| o.name == point.output);
                if let Some(value) = of.and_then(|output| output.value.number()) {
                    flags.push(Flag {
                        point: point.name.clone(),
                        output: point.output.clone(),
                        laterality,
                        threshold: point.threshold,
                        flagged: value >= point.threshold,
                        set_by: set_by.clone(),
                    });
                }
            };
            match point.level {
                Level::Exam => cut(&readings.exam, None),
                Level::Breast => readings.breasts.iter().for_each(|b| cut(&b.outputs, Some(b.laterality))),
                // The loader refuses it: an image alone is not acted upon.
                Level::Image => {}
            }
        }
        Ok(flags)
    }

    fn derive(&self, outputs: &mut Vec<Output>, level: Level) -> Result<(), Reason> {
        let raw = |outputs: &[Output], name: &str| {
            outputs
                .iter()
                .filter(|o| o.name == name)
                .find_map(|o| if let Value::Score(s) = o.value { Some(s) } else { None })
        };
        for calibration in self.calibrated.iter().filter(|c| c.levels.contains(&level)) {
            if let Some(score) = raw(outputs, &calibration.output) {
                let p =
                    Probability::new(calibration.of(score.get())).map_err(|e| Reason::ModelFailed(e.to_string()))?;
                outputs.push(Output { name: calibration.gives.clone(), value: Value::Probability(p) });
            }
        }
        for percentiles in self.percentiles.iter().filter(|p| p.levels.contains(&level)) {
            let score = raw(outputs, &percentiles.output);
            if let Some(place) = score.and_then(|score| Percentile::among(score, &percentiles.scores)) {
                outputs.push(Output { name: percentiles.gives.clone(), value: Value::Percentile(place) });
            }
        }
        Ok(())
    }
}
