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
        references(manifest)?;
        let rising = |p: &crate::manifest::Percentiles| {
            p.scores.len() > 1 && p.scores.iter().all(|v| v.is_finite()) && p.scores.is_sorted()
        };
        LoadError::unless_all(&[("percentiles", manifest.percentiles.iter().all(rising))])?;
        let mut points: Vec<_> = manifest.operating_points.iter().map(|p| (p.clone(), None)).collect();
        for set in &site.operating_points {
            if !set.threshold.is_finite() {
                return Err(LoadError::OperatingPoint(format!("{}: its threshold is no number", set.name)));
            }
            let mut known = false;
            // A name may stand for a threshold of the exam and one of a breast: the site's is for both.
            for (point, by) in points.iter_mut().filter(|(p, _)| p.name == set.name) {
                known = true;
                point.threshold = set.threshold;
                *by = Some(format!("{}: {}", set.by, set.reason));
            }
            if !known {
                let known: Vec<&str> = manifest.operating_points.iter().map(|p| p.name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(LoadError::OperatingPoint(format!("{} is not among the package's: {known}", set.name)));
            }
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
                // Without a number nobody would be flagged, and nobody would know.
                let value =
                    of.and_then(|output| output.value.number()).ok_or_else(|| absent(&point.name, &point.output))?;
                flags.push(Flag {
                    point: point.name.clone(),
                    output: point.output.clone(),
                    laterality,
                    threshold: point.threshold,
                    flagged: value >= point.threshold,
                    set_by: set_by.clone(),
                });
                Ok(())
            };
            match point.level {
                Level::Exam => cut(&readings.exam, None)?,
                Level::Breast if readings.breasts.is_empty() => return Err(absent(&point.name, &point.output)),
                Level::Breast => readings.breasts.iter().try_for_each(|b| cut(&b.outputs, Some(b.laterality)))?,
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
            let place = raw(outputs, &percentiles.output).and_then(|s| Percentile::among(s, &percentiles.scores));
            let place = place.ok_or_else(|| absent(&percentiles.gives, &percentiles.output))?;
            outputs.push(Output { name: percentiles.gives.clone(), value: Value::Percentile(place) });
        }
        Ok(())
    }
}

/// Refuses names that lead nowhere, or to two places.
fn references(manifest: &Manifest) -> Result<(), LoadError> {
    let derived = manifest.calibrated.iter().map(|c| (&c.output, &c.gives));
    let derived: Vec<_> = derived.chain(manifest.percentiles.iter().map(|p| (&p.output, &p.gives))).collect();
    let mut given: Vec<&String> = derived.iter().map(|(_, gives)| *gives).collect();
    for (output, gives) in &derived {
        if !manifest.outputs.contains_key(*output) {
            return Err(LoadError::Output(format!("{gives} is made of {output}, which is none of its outputs")));
        }
        if manifest.outputs.contains_key(*gives) || given.iter().filter(|g| *g == gives).count() > 1 {
            return Err(LoadError::Output(format!("{gives} is the name of two outputs")));
        }
    }
    given.extend(manifest.outputs.keys());
    for (i, point) in manifest.operating_points.iter().enumerate() {
        let same = |p: &OperatingPoint| p.name == point.name && p.level == point.level;
        if manifest.operating_points[..i].iter().any(same) {
            return Err(LoadError::OperatingPoint(format!("{} stands there twice", point.name)));
        }
        if !given.contains(&&point.output) {
            let problem = format!("{} cuts {}, which is none of the package's outputs", point.name, point.output);
            return Err(LoadError::OperatingPoint(problem));
        }
    }
    Ok(())
}

fn absent(what: &str, output: &str) -> Reason {
    Reason::ModelFailed(format!("{what} reads {output}, which the model did not give there"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{OutputCalibration, Percentiles, SiteOperatingPoint};
    use crate::package::Package;
    use uvid_exam::{BreastScores, RawScore};

    fn manifest() -> Manifest {
        let mut manifest = Package::bundled().expect("bundled").manifest().clone();
        manifest.calibrated = vec![OutputCalibration {
            output: "malignant".into(),
            gives: "p_malignant".into(),
            levels: vec![Level::Exam],
            slope: 2.0,
            intercept: -1.0,
            source: "a test".into(),
        }];
        manifest.percentiles = vec![Percentiles {
            output: "malignant".into(),
            gives: "malignant_percentile".into(),
            levels: vec![Level::Exam, Level::Breast],
            scores: vec![0.0, 0.5, 1.0],
            source: "a test".into(),
        }];
        let meaning = manifest.outputs["p_dense"].clone();
        manifest.outputs.insert("malignant".into(), meaning);
        let point = |name: &str, output: &str, level, threshold| OperatingPoint {
            name: name.into(),
            output: output.into(),
            level,
            threshold,
            sensitivity: 0.8,
            specificity: 0.9,
            source: "a test".into(),
        };
        manifest.operating_points =
            vec![point("recall", "malignant", Level::Breast, 0.5), point("urgent", "p_malignant", Level::Exam, 0.9)];
        manifest
    }

    fn readings() -> Readings {
        let outputs = |score: f64| vec![crate::architecture::raw("malignant", score).expect("finite")];
        let breast = |laterality, score| BreastScores { laterality, outputs: outputs(score) };
        let breasts = vec![breast(Laterality::Left, 0.25), breast(Laterality::Right, 0.5)];
        Readings { images: vec![], breasts, exam: outputs(0.5) }
    }

    fn names(outputs: &[Output]) -> Vec<&str> {
        outputs.iter().map(|o| o.name.as_str()).collect()
    }

    #[test]
    fn what_is_derived_stands_beside_the_raw_score_at_its_level() {
        let mut readings = readings();
        let flags = InForce::new(&manifest(), &Site::default()).expect("sound").apply(&mut readings).expect("applies");
        assert_eq!(names(&readings.exam), ["malignant", "p_malignant", "malignant_percentile"]);
        assert_eq!(names(&readings.breasts[0].outputs), ["malignant", "malignant_percentile"]);
        assert_eq!(readings.exam[0].value, Value::Score(RawScore::new(0.5).expect("finite")));
        // 2 * 0.5 - 1 = 0.
        assert_eq!(readings.exam[1].value, Value::Probability(Probability::new(0.5).expect("probability")));
        assert_eq!(readings.exam[2].value.number(), Some(50.0));
        assert_eq!(readings.breasts[0].outputs[1].value.number(), Some(25.0));

        let flags: Vec<_> = flags.iter().map(|f| (f.point.as_str(), f.laterality, f.flagged)).collect();
        let (left, right) = (Some(Laterality::Left), Some(Laterality::Right));
        assert_eq!(flags, [("recall", left, false), ("recall", right, true), ("urgent", None, false)]);
    }

    #[test]
    fn one_name_at_two_levels_is_set_at_both() {
        let mut manifest = manifest();
        manifest.operating_points.push(OperatingPoint { level: Level::Exam, ..manifest.operating_points[0].clone() });
        let set = SiteOperatingPoint { name: "recall".into(), threshold: 0.1, by: "A".into(), reason: "B".into() };
        let site = Site { operating_points: vec![set], ..Site::default() };
        let flags = InForce::new(&manifest, &site).expect("known").apply(&mut readings()).expect("applies");
        let recall: Vec<_> = flags.iter().filter(|f| f.point == "recall").map(|f| (f.threshold, f.flagged)).collect();
        assert_eq!(recall, [(0.1, true); 3]);
    }

    #[test]
    fn a_site_sets_a_threshold_and_is_named() {
        let set = |name: &str, threshold| Site {
            operating_points: vec![SiteOperatingPoint {
                name: name.into(),
                threshold,
                by: "Dr A".into(),
                reason: "local audit".into(),
            }],
            ..Site::default()
        };
        let flags =
            InForce::new(&manifest(), &set("urgent", 0.4)).expect("known").apply(&mut readings()).expect("applies");
        let urgent = flags.iter().find(|f| f.point == "urgent").expect("flag");
        assert_eq!(
            (urgent.threshold, urgent.flagged, urgent.set_by.as_deref()),
            (0.4, true, Some("Dr A: local audit"))
        );
        assert!(flags.iter().filter(|f| f.point == "recall").all(|f| f.set_by.is_none()));
        let site = set("urgent", 0.4);
        assert_ne!(manifest().recipe_digest(&site), manifest().recipe_digest(&Site::default()));

        let check = |site: Site, expected: &str| {
            let error = InForce::new(&manifest(), &site).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(set("urgnt", 0.4), "recall, urgent");
        check(set("urgent", f64::NAN), "no number");
    }

    #[test]
    fn numbers_that_calibrate_nothing_are_refused() {
        let check = |change: fn(&mut Manifest), key: &str| {
            let mut manifest = manifest();
            change(&mut manifest);
            let error = InForce::new(&manifest, &Site::default()).expect_err("refused").to_string();
            assert!(error.contains(key), "{error}");
        };
        check(|m| m.calibrated[0].slope = 0.0, "calibrated");
        check(|m| m.calibrated[0].intercept = f64::NAN, "calibrated");
        check(|m| m.percentiles[0].scores = vec![0.0], "percentiles");
        check(|m| m.percentiles[0].scores = vec![1.0, 0.0], "percentiles");
        check(|m| m.calibrated[0].output = "elsewhere".into(), "p_malignant is made of elsewhere");
        check(|m| m.calibrated[0].gives = "malignant".into(), "malignant is the name of two outputs");
        check(|m| m.percentiles[0].gives = "p_malignant".into(), "p_malignant is the name of two outputs");
        check(|m| m.operating_points[0].output = "elsewhere".into(), "recall cuts elsewhere");
        check(|m| m.operating_points.push(m.operating_points[0].clone()), "recall stands there twice");
    }

    #[test]
    fn a_flag_that_finds_nothing_to_cut_stops_the_study() {
        let mut manifest = manifest();
        manifest.operating_points[0].level = Level::Exam;
        manifest.operating_points[0].output = "density".into();
        let in_force = InForce::new(&manifest, &Site::default()).expect("sound");
        let reason = in_force.apply(&mut readings()).expect_err("stopped").to_string();
        assert!(reason.contains("recall reads density"), "{reason}");
    }
}
