//! A report as JSON: the schema that `uvid score --format json` and the REST API share.
//!
//! Invariant: everything but `milliseconds` is a function of the files and the package; two runs give the same text.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uvid_exam::{Flag, Heatmap, Output, PackageId, Region, StudyInstanceUid, Value};

use super::{DISCLAIMER, Report};

/// The outcome of one exam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportJson {
    /// Study Instance UID (0020,000D); null if no file could be read.
    pub study: Option<String>,
    /// Whether there are scores.
    pub state: State,
    /// What every output says.
    pub disclaimer: String,
    /// The model package.
    pub package: PackageJson,
    /// What computed the scores: two runs on the same backend give the same bits. Absent if not scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Values for the exam; empty if not scored.
    pub exam: Vec<OutputJson>,
    /// What the operating points in force say; empty if not scored.
    #[serde(default)]
    pub flags: Vec<FlagJson>,
    /// Values by breast.
    pub breasts: Vec<BreastJson>,
    /// Values by image that fills a standard view.
    pub images: Vec<ImageJson>,
    /// What became of every file of the study.
    pub received: Vec<ReceivedJson>,
    /// Standard views that no image fills: `L-CC`, `L-MLO`, `R-CC`, `R-MLO`.
    pub missing: Vec<String>,
    /// Why there are no scores; empty if scored.
    pub reasons: Vec<ReasonJson>,
    /// How long each stage took.
    pub milliseconds: StagesJson,
}

/// Whether an exam has scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has.
    Scored,
    /// It has not; `reasons` says why.
    NotScored,
}

/// A model package's identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageJson {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the package.
    pub digest: String,
    /// SHA-256 of the recipe in force.
    pub recipe_digest: String,
    /// Who replaced the package's calibration at this site, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalibrated: Option<String>,
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutputJson {
    /// Its name; the package's card says what it means.
    pub name: String,
    /// The value with its kind.
    #[serde(flatten)]
    pub value: ValueJson,
}

/// A value of one of the kinds that do not mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ValueJson {
    /// A raw score on the model's own scale: its order means something, its size only to that model, even where it lies
    /// between 0 and 1.
    Score {
        /// Any number.
        value: f64,
    },
    /// A calibrated probability.
    Probability {
        /// From 0 to 1.
        value: f64,
    },
    /// The calibrated probability that a cancer is diagnosed within so many years.
    Risk {
        /// From the exam on.
        years: u8,
        /// From 0 to 1.
        value: f64,
    },
    /// The share of a reference population whose score is not above this one.
    Percentile {
        /// From 0 to 100.
        value: f64,
    },
    /// A category of a published scale.
    Category {
        /// Its letter or name.
        value: String,
    },
    /// A published relative risk of the category; literature, not the model's own estimate.
    RelativeRisk {
        /// The ratio.
        value: f64,
        /// 95 % confidence interval.
        #[serde(skip_serializing_if = "Option::is_none")]
        interval: Option<[f64; 2]>,
        /// The category that it is measured against.
        reference: String,
        /// Where it was published.
        source: String,
    },
}

/// What one operating point says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlagJson {
    /// The operating point's name; the package's card says what was measured there.
    pub point: String,
    /// The output that it cuts.
    pub output: String,
    /// `L` or `R`; absent for the exam.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub laterality: Option<String>,
    /// Flagged at or above.
    pub threshold: f64,
    /// Whether the output is.
    pub flagged: bool,
    /// Who set the threshold at this site, and why; absent where the package's own is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
}

/// The values of one breast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BreastJson {
    /// `L` or `R`.
    pub laterality: String,
    /// Its values.
    pub outputs: Vec<OutputJson>,
}

/// The values of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageJson {
    /// The view that it fills: `L-CC`, `L-MLO`, `R-CC` or `R-MLO`.
    pub slot: String,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: String,
    /// Rows (0028,0010) and Columns (0028,0011) of the file.
    pub file_size: (usize, usize),
    /// Its values.
    pub outputs: Vec<OutputJson>,
    /// Coarse pictures of where a value comes from.
    pub heatmaps: Vec<HeatmapJson>,
    /// Places that the model points at, the strongest first.
    #[serde(default)]
    pub regions: Vec<RegionJson>,
}

/// A place that the model points at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegionJson {
    /// What for: the class of a saliency map, or `patch`.
    pub name: String,
    /// How strongly: the highest raw value within, or the weight of a patch.
    pub score: f64,
    /// The outline as (row, column) in the file's pixel coordinates; the last point joins the first.
    pub outline: Vec<[f64; 2]>,
}

/// A coarse picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeatmapJson {
    /// What the values are.
    pub name: String,
    /// Rows of cells.
    pub rows: usize,
    /// Columns of cells.
    pub columns: usize,
    /// From 0 to 1, row by row; null outside the breast.
    pub values: Vec<Option<f32>>,
    /// File row of a point = `[0] * cell row + [1] * cell column + [2]`; cell (i, j) covers [i, i+1) x [j, j+1).
    pub to_file_row: [f64; 3],
    /// File column of a point, likewise.
    pub to_file_column: [f64; 3],
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceivedJson {
    /// SOP Instance UID, or the file's name if it could not be read.
    pub file: String,
    /// Stable, for programs: `chosen`, `outranked`, `additional-view`, `unreadable` …
    #[serde(default)]
    pub code: String,
    /// In words.
    pub fate: String,
    /// What was odd about it and tolerated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Why there is no score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonJson {
    /// Stable, for programs.
    pub code: String,
    /// For people.
    pub text: String,
}

/// Milliseconds by stage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StagesJson {
    /// DICOM to mammograms.
    pub read: f64,
    /// Choosing the images.
    pub assemble: f64,
    /// The package's pre-processing.
    pub prepare: f64,
    /// The network.
    pub predict: f64,
}

/// A report's text as JSON, without its times: what is equal between two runs.
pub fn without_times(text: &str) -> Option<serde_json::Value> {
    let mut value: serde_json::Value = serde_json::from_str(text).ok()?;
    value.as_object_mut()?.remove("milliseconds");
    Some(value)
}

impl ReportJson {
    /// The report of a study whose UID is known from elsewhere: one of which no file could be read is a study all the
    /// same.
    pub fn of(study: &StudyInstanceUid, report: &Report) -> Self {
        Self { study: Some(study.to_string()), ..Self::from(report) }
    }
}

impl From<&Report> for ReportJson {
    fn from(report: &Report) -> Self {
        let scores = report.outcome.as_ref().ok();
        let reasons = report.outcome.as_ref().err();
        let received = report.fates.iter().map(|(uid, fate)| ReceivedJson {
            file: uid.to_string(),
            code: fate.code().to_owned(),
            fate: fate.to_string(),
            notes: report.notes.iter().filter(|(of, _)| of == uid).map(|(_, note)| note.clone()).collect(),
        });
        let unreadable = report.unreadable.iter().map(|u| ReceivedJson {
            file: u.name.clone(),
            code: "unreadable".to_owned(),
            fate: format!("cannot be read: {}", u.problem),
            notes: vec![],
        });
        let ms = |d: std::time::Duration| d.as_secs_f64() * 1e3;
        Self {
            study: report.study.as_ref().map(ToString::to_string),
            state: if scores.is_some() { State::Scored } else { State::NotScored },
            disclaimer: DISCLAIMER.to_owned(),
            package: PackageJson::from(&report.package),
            backend: scores.map(|s| s.backend.clone()),
            exam: scores.map(|s| outputs(&s.exam)).unwrap_or_default(),
            flags: scores.iter().flat_map(|s| &s.flags).map(FlagJson::from).collect(),
            breasts: scores.iter().flat_map(|s| &s.breasts).map(BreastJson::from).collect(),
            images: scores.iter().flat_map(|s| &s.images).map(ImageJson::from).collect(),
            received: received.chain(unreadable).collect(),
            missing: report.missing.iter().map(ToString::to_string).collect(),
            reasons: reasons
                .into_iter()
                .flatten()
                .map(|r| ReasonJson { code: r.code().to_owned(), text: r.to_string() })
                .collect(),
            milliseconds: StagesJson {
                read: ms(report.stages.read),
                assemble: ms(report.stages.assemble),
                prepare: ms(report.stages.prepare),
                predict: ms(report.stages.predict),
            },
        }
    }
}

impl From<&PackageId> for PackageJson {
    fn from(id: &PackageId) -> Self {
        Self {
            name: id.name.clone(),
            version: id.version.clone(),
            digest: id.digest.clone(),
            recipe_digest: id.recipe_digest.clone(),
            recalibrated: id.recalibrated.clone(),
        }
    }
}

impl From<&uvid_exam::BreastScores> for BreastJson {
    fn from(breast: &uvid_exam::BreastScores) -> Self {
        Self { laterality: breast.laterality.to_string(), outputs: outputs(&breast.outputs) }
    }
}

impl From<&uvid_exam::ImageScores> for ImageJson {
    fn from(image: &uvid_exam::ImageScores) -> Self {
        Self {
            slot: image.slot.to_string(),
            sop_instance: image.sop_instance.to_string(),
            file_size: image.file_size,
            outputs: outputs(&image.outputs),
            heatmaps: image.heatmaps.iter().map(HeatmapJson::from).collect(),
            regions: image.regions.iter().map(RegionJson::from).collect(),
        }
    }
}

impl From<&Flag> for FlagJson {
    fn from(flag: &Flag) -> Self {
        Self {
            point: flag.point.clone(),
            output: flag.output.clone(),
            laterality: flag.laterality.map(|l| l.to_string()),
            threshold: flag.threshold,
            flagged: flag.flagged,
            set_by: flag.set_by.clone(),
        }
    }
}

impl From<&Region> for RegionJson {
    fn from(region: &Region) -> Self {
        Self {
            name: region.name.clone(),
            score: region.score.get(),
            outline: region.outline.iter().map(|(row, column)| [*row, *column]).collect(),
        }
    }
}

impl From<&Heatmap> for HeatmapJson {
    fn from(map: &Heatmap) -> Self {
        Self {
            name: map.name.clone(),
            rows: map.rows,
            columns: map.columns,
            values: map.values.iter().map(|v| v.is_finite().then_some(*v)).collect(),
            to_file_row: map.to_file.row,
            to_file_column: map.to_file.column,
        }
    }
}

fn outputs(outputs: &[Output]) -> Vec<OutputJson> {
    outputs.iter().map(|o| OutputJson { name: o.name.clone(), value: ValueJson::from(&o.value) }).collect()
}

impl From<&Value> for ValueJson {
    fn from(value: &Value) -> Self {
        match value {
            Value::Score(score) => Self::Score { value: score.get() },
            Value::Probability(p) => Self::Probability { value: p.get() },
            Value::Risk { years, probability } => Self::Risk { years: *years, value: probability.get() },
            Value::Percentile(p) => Self::Percentile { value: p.get() },
            Value::Category(value) => Self::Category { value: value.clone() },
            Value::RelativeRisk { ratio, interval, reference, source } => Self::RelativeRisk {
                value: *ratio,
                interval: interval.map(|(lo, hi)| [lo, hi]),
                reference: reference.clone(),
                source: source.clone(),
            },
        }
    }
}
