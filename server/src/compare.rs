//! Two models over the same exams: what each says of the same exam, breast and image, and where their flags part.
//!
//! Invariant: only outputs of the same name, kind and level are paired, of images only those of the same image, and only
//! over exams that both have scored.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::paired::{Differences, Pair};
use crate::report::json::{FlagJson, OutputJson, PackageJson, ReportJson, State, ValueJson};

/// What is said of every comparison.
pub const HOW: &str = "Differences are B - A. Interval: 95 % of the mean difference, by t with standard errors clustered \
by exam. Limits of agreement: mean +/- 1.96 SD. Values of images are paired only \
where both are of the same image. Equal values share the mean of their ranks. Where there are too few \
values, or all are the same, there is no number.";

/// What a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The exam.
    Exam,
    /// A breast.
    Breast,
    /// An image.
    Image,
}

impl Level {
    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exam => "exam",
            Self::Breast => "breast",
            Self::Image => "image",
        }
    }
}

/// A comparison, ready to be printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparisonJson {
    /// How the numbers were made.
    pub how: &'static str,
    /// The first model.
    pub a: PackageJson,
    /// The second.
    pub b: PackageJson,
    /// Exams that both scored.
    pub exams: usize,
    /// Of these, exams where a standard view is filled by another image for each, or for one alone.
    pub other_images: usize,
    /// Exams that the first alone scored.
    pub only_a: usize,
    /// Exams that the second alone scored.
    pub only_b: usize,
    /// Exams that neither scored.
    pub neither: usize,
    /// Outputs that both give.
    pub outputs: Vec<PairedOutputJson>,
    /// Operating points that both have.
    pub operating_points: Vec<PairedPointJson>,
}

/// An output that both models give at the same level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairedOutputJson {
    /// What its values belong to.
    pub level: Level,
    /// Its name.
    pub output: String,
    /// `score`, `probability`, `risk` or `percentile`.
    pub kind: &'static str,
    /// Items.
    pub n: usize,
    /// Exams that they are of.
    pub exams: usize,
    /// Mean by the first.
    pub mean_a: f64,
    /// Mean by the second.
    pub mean_b: f64,
    /// Mean of B - A.
    pub mean_difference: f64,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Standard deviation of B - A.
    pub sd: Option<f64>,
    /// Limits of agreement.
    pub limits_of_agreement: Option<[f64; 2]>,
    /// The largest absolute difference.
    pub largest: LargestJson,
    /// Spearman's rank correlation.
    pub spearman: Option<f64>,
}

/// Where two models differ most.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LargestJson {
    /// B - A there, without its sign.
    pub difference: f64,
    /// Study Instance UID.
    pub study: String,
    /// `L` or `R`, or the image's view; empty for the exam.
    pub item: String,
}

/// An operating point of the same name in both models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairedPointJson {
    /// Its name.
    pub point: String,
    /// The exam, or each breast.
    pub level: Level,
    /// The first's threshold.
    pub threshold_a: f64,
    /// The second's.
    pub threshold_b: f64,
    /// Items that both flag.
    pub both: usize,
    /// Items that the first alone flags.
    pub only_a: usize,
    /// Items that the second alone flags.
    pub only_b: usize,
    /// Items that neither flags.
    pub neither: usize,
}

/// An output: level, name, kind.
type Key = (Level, String, &'static str);

/// A value's item: as it is printed, and for an image its SOP Instance UID.
type Item = (String, String);

/// A value: of which item, and how much.
type Valued = (Key, Item, f64);

/// The reports of two models, gathered exam by exam.
#[derive(Debug, Clone)]
pub struct Comparison {
    result: ComparisonJson,
    values: BTreeMap<Key, Gathered>,
}

/// The values of one output: each item by both models, and its study and name.
#[derive(Debug, Clone, Default)]
struct Gathered {
    pairs: Vec<Pair>,
    places: Vec<(String, String)>,
}

impl Comparison {
    /// Of these two models, over no exam yet.
    pub fn new(a: PackageJson, b: PackageJson) -> Self {
        let (outputs, operating_points) = (Vec::new(), Vec::new());
        let result = ComparisonJson {
            how: HOW,
            a,
            b,
            exams: 0,
            other_images: 0,
            only_a: 0,
            only_b: 0,
            neither: 0,
            outputs,
            operating_points,
        };
        Self { result, values: BTreeMap::new() }
    }

    /// Adds an exam: what the first and the second model say of it.
    pub fn add(&mut self, a: &ReportJson, b: &ReportJson) {
        let exams = match (a.state, b.state) {
            (State::Scored, State::Scored) => &mut self.result.exams,
            (State::Scored, State::NotScored) => &mut self.result.only_a,
            (State::NotScored, State::Scored) => &mut self.result.only_b,
            (State::NotScored, State::NotScored) => &mut self.result.neither,
        };
        *exams += 1;
        if a.state == State::NotScored || b.state == State::NotScored {
            return;
        }
        let images = |r: &ReportJson| -> BTreeSet<Item> {
            r.images.iter().map(|i| (i.slot.clone(), i.sop_instance.clone())).collect()
        };
        if images(a) != images(b) {
            self.result.other_images += 1;
        }
        let (cluster, study) = (self.result.exams, a.study.clone().unwrap_or_default());
        let others: BTreeMap<(Key, Item), f64> = values(b).into_iter().map(|(k, item, v)| ((k, item), v)).collect();
        for (key, item, value) in values(a) {
            if let Some(other) = others.get(&(key.clone(), item.clone())) {
                let gathered = self.values.entry(key).or_default();
                gathered.pairs.push(Pair { cluster, a: value, b: *other });
                gathered.places.push((study.clone(), item.0));
            }
        }
        self.add_flags(a, b);
    }

    fn add_flags(&mut self, a: &ReportJson, b: &ReportJson) {
        for first in &a.flags {
            let same = |f: &&FlagJson| (&f.point, &f.laterality) == (&first.point, &first.laterality);
            let Some(second) = b.flags.iter().find(same) else { continue };
            let level = if first.laterality.is_some() { Level::Breast } else { Level::Exam };
            let points = &mut self.result.operating_points;
            let place = points.iter().position(|p| p.point == first.point && p.level == level).unwrap_or_else(|| {
                points.push(PairedPointJson {
                    point: first.point.clone(),
                    level,
                    threshold_a: first.threshold,
                    threshold_b: second.threshold,
                    both: 0,
                    only_a: 0,
                    only_b: 0,
                    neither: 0,
                });
                points.len() - 1
            });
            let point = &mut points[place];
            *match (first.flagged, second.flagged) {
                (true, true) => &mut point.both,
                (true, false) => &mut point.only_a,
                (false, true) => &mut point.only_b,
                (false, false) => &mut point.neither,
            } += 1;
        }
    }

    /// The comparison.
    pub fn finish(mut self) -> ComparisonJson {
        for ((level, output, kind), Gathered { pairs, places }) in self.values {
            let Some(d) = Differences::of(&pairs) else { continue };
            let (study, item) = places[d.largest].clone();
            let difference = (pairs[d.largest].b - pairs[d.largest].a).abs();
            self.result.outputs.push(PairedOutputJson {
                level,
                output,
                kind,
                n: d.n,
                exams: d.clusters,
                mean_a: d.mean_a,
                mean_b: d.mean_b,
                mean_difference: d.mean,
                interval: d.interval,
                sd: d.sd,
                limits_of_agreement: d.limits,
                largest: LargestJson { difference, study, item },
                spearman: d.spearman,
            });
        }
        self.result
    }
}

/// Every number that a report holds.
fn values(report: &ReportJson) -> Vec<Valued> {
    let exam = report.exam.iter().filter_map(|o| valued(Level::Exam, ("", ""), o));
    let breasts = report
        .breasts
        .iter()
        .flat_map(|b| b.outputs.iter().filter_map(|o| valued(Level::Breast, (&b.laterality, ""), o)));
    let images = report
        .images
        .iter()
        .flat_map(|i| i.outputs.iter().filter_map(|o| valued(Level::Image, (&i.slot, &i.sop_instance), o)));
    exam.chain(breasts).chain(images).collect()
}

fn valued(level: Level, (item, image): (&str, &str), output: &OutputJson) -> Option<Valued> {
    let name = output.name.clone();
    let (name, kind, value) = match &output.value {
        ValueJson::Score { value } => (name, "score", *value),
        ValueJson::Probability { value } => (name, "probability", *value),
        // Risks at different horizons are different outputs.
        ValueJson::Risk { value, years } => (format!("{name} ({years} years)"), "risk", *value),
        ValueJson::Percentile { value } => (name, "percentile", *value),
        ValueJson::Category { .. } | ValueJson::RelativeRisk { .. } => return None,
    };
    Some(((level, name, kind), (item.to_owned(), image.to_owned()), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn images_are_paired_only_with_themselves() {
        let report = |l_cc: &str, value: f64| -> ReportJson {
            let image = |slot: &str, sop: &str| {
                json!({ "slot": slot, "sop_instance": sop, "file_size": [1, 1], "heatmaps": [],
                        "outputs": [{ "name": "s", "kind": "score", "value": value }] })
            };
            serde_json::from_value(json!({
                "study": "1.2", "state": "scored", "disclaimer": "",
                "package": { "name": "p", "version": "1", "digest": "d", "recipe_digest": "r" },
                "exam": [{ "name": "s", "kind": "score", "value": value }], "breasts": [],
                "images": [image("L-CC", l_cc), image("R-CC", "1.3")], "received": [], "missing": [], "reasons": [],
                "milliseconds": { "read": 0.0, "assemble": 0.0, "prepare": 0.0, "predict": 0.0 },
            }))
            .expect("a report")
        };
        let compare = |other: &str| {
            let a = report("1.1", 1.0);
            let mut comparison = Comparison::new(a.package.clone(), a.package.clone());
            comparison.add(&a, &report(other, 3.0));
            comparison.finish()
        };
        let n = |c: &ComparisonJson| c.outputs.iter().map(|o| (o.level, o.n)).collect::<Vec<_>>();
        let same = compare("1.1");
        assert_eq!((same.exams, same.other_images, n(&same)), (1, 0, vec![(Level::Exam, 1), (Level::Image, 2)]));
        let other = compare("1.9");
        assert_eq!((other.exams, other.other_images, n(&other)), (1, 1, vec![(Level::Exam, 1), (Level::Image, 1)]));
        assert_eq!(other.outputs[1].largest.item, "R-CC");
        assert!(crate::report::comparison::table(&other).contains("from other images in 1 of them"));
    }
}
