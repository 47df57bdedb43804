//! What a report says, in the terms of structured reports: both of them are written from this.
//!
//! Invariants: everything refers to an image by its place in [`Reading::images`]; a mark is for presentation only where
//! an operating point of the package, or the lack of any, says so.

use uvid_datasets::dicom::Source;
use uvid_exam::{Fate, ImageScores, Laterality, Reason, Region, Scores, SopInstanceUid, Value, View};
use uvid_model::{Manifest, OperatingPoint, Recipe};

use super::content::Concept;
use super::{Context, codes};

/// How a mark is meant to be shown (CID 6034), the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Intent {
    /// At the recommended operating point.
    Required,
    /// At a more sensitive one, by its number; `None` where the package has none.
    Optional(Option<u32>),
    /// Below all of them, or of a class that is not marked.
    NotShown,
}

impl Intent {
    /// The same without the number of the operating point.
    pub fn without_point(self) -> Self {
        match self {
            Self::Optional(_) => Self::Optional(None),
            Self::Required | Self::NotShown => self,
        }
    }
}

/// A region of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark<'a> {
    /// Its image.
    pub image: usize,
    /// Its number among the marks of its image, from 1.
    pub number: usize,
    /// What the model says of it.
    pub region: &'a Region,
    /// Its outline as (column, row).
    pub outline: Vec<(f64, f64)>,
    /// The centre of gravity of the outline, as (column, row).
    pub center: (f64, f64),
    /// How it is meant.
    pub intent: Intent,
}

/// How a piece of work ended (CID 6042).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// Images that it was done on.
    pub done: Vec<usize>,
    /// Images that it could not be done on.
    pub failed: Vec<usize>,
}

impl Work {
    /// The code of CID 6042.
    pub fn status(&self) -> Concept {
        match (self.done.is_empty(), self.failed.is_empty()) {
            (false, true) => codes::SUCCEEDED,
            (false, false) => codes::PARTIALLY_SUCCEEDED,
            (true, false) => codes::FAILED,
            (true, true) => codes::NOT_ATTEMPTED,
        }
    }
}

/// An operating point with its number: 1 has the fewest marks, the last the most.
#[derive(Debug, Clone, PartialEq)]
pub struct Point<'a> {
    /// Its number.
    pub number: u32,
    /// The package's.
    pub point: &'a OperatingPoint,
    /// The threshold in force.
    pub threshold: f64,
}

/// A report in the terms of structured reports.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    /// The image library: every mammogram that was received.
    pub images: Vec<&'a Source>,
    /// Regions, by image, the strongest first.
    pub marks: Vec<Mark<'a>>,
    /// Images that could not be used: what of CID 6041, and the code of why.
    pub unusable: Vec<(usize, Concept, &'static str)>,
    /// Images whose file contradicts itself about what it shows.
    pub contradicted: Vec<usize>,
    /// Pairs of marks in the CC and the MLO view of a breast that agree in depth.
    pub pairs: Vec<(usize, usize)>,
    /// The operating points that cut the output of the recommended one, which is the package's first.
    pub points: Vec<Point<'a>>,
    /// The number of the recommended point.
    pub recommended: Option<u32>,
    /// How looking for places ended.
    pub detection: Work,
    /// How the package's analysis ended.
    pub analysis: Work,
    /// What kind of analysis it is (CID 6043).
    pub analysis_kind: Concept,
    /// In percent, where the package has a calibrated probability for what it says.
    pub certainty: Option<f64>,
}

impl<'a> Reading<'a> {
    /// Reads a report.
    pub fn of(context: &Context<'a>) -> Self {
        let images: Vec<&Source> = context.sources.iter().filter(|source| source.is_mammogram()).collect();
        let report = context.report;
        let scores = report.outcome.as_ref().ok();
        let place = |uid: &SopInstanceUid| images.iter().position(|image| image.sop_instance == *uid);
        let unusable = unusable(context, &images);
        let contradicted = contradicted(context, &images);
        let (points, recommended) = points(context.manifest, scores);
        let mut marks = Vec::new();
        let mut done = Vec::new();
        for image in scores.iter().flat_map(|s| &s.images) {
            let Some(at) = place(&image.sop_instance) else { continue };
            done.push(at);
            for (number, region) in (1..).zip(&image.regions) {
                let intent = intent(region, image.slot.laterality(), scores, &points, recommended);
                let outline: Vec<(f64, f64)> = region.outline.iter().map(|(row, column)| (*column, *row)).collect();
                let center = center(&outline);
                marks.push(Mark { image: at, number, region, outline, center, intent });
            }
        }
        let failed = match &report.outcome {
            Ok(_) => unusable.iter().map(|(at, ..)| *at).collect(),
            Err(reasons) if reasons.iter().any(fails) => (0..images.len()).collect(),
            Err(_) => Vec::new(),
        };
        let work = Work { done, failed };
        let detects =
            matches!(&context.manifest.recipe, Recipe::Gmic(recipe) if recipe.regions.is_some()) || !marks.is_empty();
        let density = matches!(&context.manifest.recipe, Recipe::Density(_) | Recipe::NyuDensity(_));
        let pairs = pairs(&images, &marks);
        Self {
            contradicted,
            pairs,
            unusable,
            points,
            recommended,
            detection: if detects { work.clone() } else { Work::default() },
            analysis: work,
            analysis_kind: if density { codes::COMPOSITION_ANALYSIS } else { codes::OVERALL_ANALYSIS },
            // A workstation may sort by it as by a suspicion of cancer, which density is none of.
            certainty: scores.filter(|_| !density).and_then(|scores| certainty(context, scores)),
            marks,
            images,
        }
    }

    /// The images, each with whether its file is sure of what it shows.
    pub fn library(&self) -> impl Iterator<Item = (&'a Source, bool)> {
        self.images.iter().enumerate().map(|(at, source)| (*source, !self.contradicted.contains(&at)))
    }

    /// Whether a mark is meant to be seen. That an image cannot be used is no finding.
    pub fn has_findings(&self) -> bool {
        self.marks.iter().any(|mark| mark.intent != Intent::NotShown)
    }

    /// The code of CID 6047. Without a score no algorithm succeeded.
    pub fn summary(&self) -> Concept {
        let any = !self.analysis.done.is_empty();
        let all = !self.analysis.done.is_empty() && self.analysis.failed.is_empty();
        match (all, any, self.has_findings()) {
            (true, _, true) => codes::ALL_WITH_FINDINGS,
            (true, _, false) => codes::ALL_WITHOUT_FINDINGS,
            (false, true, true) => codes::SOME_WITH_FINDINGS,
            (false, true, false) => codes::SOME_WITHOUT_FINDINGS,
            (false, false, _) => codes::NONE_SUCCEEDED,
        }
    }
}

/// Whether a reason is a failure of the computation; the others kept it from being attempted.
fn fails(reason: &Reason) -> bool {
    match reason {
        Reason::Unreadable(_) | Reason::NoBreastFound { .. } | Reason::ModelFailed(_) => true,
        Reason::NoMammogram
        | Reason::NoneTaken(_)
        | Reason::ViewMissing(..)
        | Reason::SeveralStudies(_)
        | Reason::SeveralPatients
        | Reason::DuplicateDiffers(_)
        | Reason::Contradiction { .. }
        | Reason::ObjectLost
        | Reason::TooManyPixels(_) => false,
    }
}

/// The images that a fate or a reason names as unusable.
fn unusable(context: &Context<'_>, images: &[&Source]) -> Vec<(usize, Concept, &'static str)> {
    let report = context.report;
    let mut found: Vec<(SopInstanceUid, Concept, &'static str)> = Vec::new();
    for (uid, fate) in &report.fates {
        if fate.unreadable().is_some() {
            found.push((uid.clone(), codes::NO_IMAGE, "unreadable"));
        } else if let Fate::Contradiction(reason) = fate {
            found.push((uid.clone(), codes::OTHER_FAILURE, reason.code()));
        }
    }
    for reason in report.outcome.as_ref().err().into_iter().flatten() {
        match reason {
            Reason::Contradiction { uid, .. } | Reason::DuplicateDiffers(uid) => {
                found.push((uid.clone(), codes::OTHER_FAILURE, reason.code()));
            }
            Reason::NoBreastFound { slot, .. } => {
                let fills = |fate: &Fate| matches!(fate, Fate::Chosen(filled) if filled.to_string() == *slot);
                let of = report.fates.iter().find(|(_, fate)| fills(fate));
                found.extend(of.map(|(uid, _)| (uid.clone(), codes::OTHER_FAILURE, reason.code())));
            }
            Reason::NoMammogram
            | Reason::NoneTaken(_)
            | Reason::ViewMissing(..)
            | Reason::SeveralStudies(_)
            | Reason::SeveralPatients
            | Reason::Unreadable(_)
            | Reason::ObjectLost
            | Reason::TooManyPixels(_)
            | Reason::ModelFailed(_) => {}
        }
    }
    let mut unusable: Vec<(usize, Concept, &'static str)> = Vec::new();
    for (uid, finding, code) in found {
        if let Some(at) = images.iter().position(|image| image.sop_instance == uid)
            && !unusable.iter().any(|(there, ..)| *there == at)
        {
            unusable.push((at, finding, code));
        }
    }
    unusable
}

/// The images whose files contradict themselves: what they say of side and view is repeated by nobody.
fn contradicted(context: &Context<'_>, images: &[&Source]) -> Vec<usize> {
    let report = context.report;
    let reasons: Vec<&Reason> = report.outcome.as_ref().err().into_iter().flatten().collect();
    let is = |image: &Source| {
        let uid = &image.sop_instance;
        report.fates.iter().any(|(of, fate)| of == uid && matches!(fate, Fate::Contradiction(_)))
            || reasons.iter().any(|reason| matches!(reason, Reason::Contradiction { uid: of, .. } if of == uid))
    };
    (0..images.len()).filter(|at| images.get(*at).is_some_and(|image| is(image))).collect()
}

/// The regions of an image that are meant to be seen, with their numbers among all of them, from 1.
pub fn presented<'a>(manifest: &Manifest, scores: &'a Scores, image: &'a ImageScores) -> Vec<(usize, &'a Region)> {
    let (points, recommended) = points(manifest, Some(scores));
    let side = image.slot.laterality();
    let meant = |region: &Region| intent(region, side, Some(scores), &points, recommended) != Intent::NotShown;
    (1..).zip(&image.regions).filter(|(_, region)| meant(region)).collect()
}

/// The package's points on the output of its first one, numbered by falling threshold; and the first one's number.
fn points<'a>(manifest: &'a Manifest, scores: Option<&Scores>) -> (Vec<Point<'a>>, Option<u32>) {
    let all = &manifest.operating_points;
    let Some(first) = all.first() else { return (Vec::new(), None) };
    let of = |point: &&OperatingPoint| point.output == first.output && point.level == first.level;
    let mut points: Vec<Point<'a>> = Vec::new();
    for point in all.iter().filter(of) {
        let flag = scores.and_then(|s| s.flags.iter().find(|f| f.point == point.name && f.output == point.output));
        let threshold = flag.map_or(point.threshold, |f| f.threshold);
        points.push(Point { number: 0, point, threshold });
    }
    points.sort_by(|a, b| b.threshold.total_cmp(&a.threshold));
    for (number, point) in (1..).zip(&mut points) {
        point.number = number;
    }
    let recommended = points.iter().find(|p| p.point.name == first.name).map(|p| p.number);
    (points, recommended)
}

/// A region is meant as its breast, or the exam, is flagged: a region's own value is a map's and cut by no point.
fn intent(
    region: &Region,
    laterality: Laterality,
    scores: Option<&Scores>,
    points: &[Point<'_>],
    recommended: Option<u32>,
) -> Intent {
    // What speaks for a benign lesion is no reason to look twice.
    if region.name.split(['-', '_', ' ']).next() == Some("benign") {
        return Intent::NotShown;
    }
    let Some(recommended) = recommended else { return Intent::Optional(None) };
    let flags = scores.map(|s| s.flags.as_slice()).unwrap_or_default();
    let flagged = |point: &&Point<'_>| {
        flags.iter().any(|f| {
            f.flagged
                && f.point == point.point.name
                && f.output == point.point.output
                && f.laterality.is_none_or(|of| of == laterality)
        })
    };
    match points.iter().find(flagged).map(|point| point.number) {
        Some(number) if number <= recommended => Intent::Required,
        Some(number) => Intent::Optional(Some(number)),
        None => Intent::NotShown,
    }
}

/// How far two marks of one place may differ in depth, mm: breasts are compressed differently in the two views.
pub const DEPTH_TOLERANCE_MM: f64 = 10.0;

/// The strongest marks of a class in the CC view and in the MLO view of a breast, where they lie as deep as each other,
/// within [`DEPTH_TOLERANCE_MM`]. Where a file does not say how deep that is there is no pair.
fn pairs(images: &[&Source], marks: &[Mark<'_>]) -> Vec<(usize, usize)> {
    let mut names: Vec<&str> = marks.iter().map(|mark| mark.region.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let strongest = |name: &str, laterality: Laterality, view: View| {
        let in_view = |mark: &Mark<'_>| {
            let image = images.get(mark.image);
            image.is_some_and(|i| i.laterality == Some(laterality) && i.view == Some(view)) && mark.region.name == name
        };
        let found = marks.iter().enumerate().filter(|(_, mark)| in_view(mark) && mark.intent != Intent::NotShown);
        // The first of equals.
        found.rev().max_by(|(_, a), (_, b)| a.region.score.get().total_cmp(&b.region.score.get())).map(|(at, _)| at)
    };
    let mut pairs = Vec::new();
    for name in names {
        for laterality in Laterality::ALL {
            let cc = strongest(name, laterality, View::CranioCaudal);
            let pair = cc.zip(strongest(name, laterality, View::MedioLateralOblique));
            let depth = |at: usize| marks.get(at).and_then(|mark| depth(images.get(mark.image)?, mark.center));
            let agree = |(cc, mlo): &(usize, usize)| {
                depth(*cc).zip(depth(*mlo)).is_some_and(|(cc, mlo)| (cc - mlo).abs() <= DEPTH_TOLERANCE_MM)
            };
            pairs.extend(pair.filter(agree));
        }
    }
    pairs
}

/// The distance of a point (column, row) from the chest wall's edge of the image, mm; `None` where the file says no
/// spacing, or not on which side the chest wall is.
fn depth(source: &Source, (column, _): (f64, f64)) -> Option<f64> {
    let (_, mm) = source.spacing()?;
    // Patient Orientation of the rows: whither columns grow (PS3.3 C.7.6.1.1.1).
    let (row, _) = source.orientation.as_ref()?;
    match row.chars().next()? {
        'A' => Some(column * mm),
        'P' => Some((f64::from(source.columns) - column) * mm),
        _ => None,
    }
}

/// A category's own calibrated probability, else that of the exam which the package's calibration gives.
fn certainty(context: &Context<'_>, scores: &Scores) -> Option<f64> {
    let probability = |name: &str| {
        scores.exam.iter().filter(|o| o.name == name).find_map(|o| match &o.value {
            Value::Probability(p) => Some(p.get() * 100.0),
            Value::Score(_)
            | Value::Risk { .. }
            | Value::Percentile(_)
            | Value::Category(_)
            | Value::RelativeRisk { .. } => None,
        })
    };
    let of_category =
        scores.exam.iter().find_map(|o| probability(&format!("p_{}", category(&o.value)?.to_lowercase())));
    of_category.or_else(|| context.manifest.calibrated.iter().find_map(|c| probability(&c.gives)))
}

/// The category, if the value is one.
pub fn category(value: &Value) -> Option<&str> {
    match value {
        Value::Category(category) => Some(category),
        Value::Score(_)
        | Value::Probability(_)
        | Value::Risk { .. }
        | Value::Percentile(_)
        | Value::RelativeRisk { .. } => None,
    }
}

/// Of less area, square pixels, an outline is a line.
const AREA_MIN: f64 = 0.5;

/// The centre of gravity of a polygon, or of its corners where it has hardly an area (pixels); within their bounds.
fn center(outline: &[(f64, f64)]) -> (f64, f64) {
    let Some(&(x0, y0)) = outline.first() else { return (0.0, 0.0) };
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let values = || outline.iter().map(of);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    };
    let (across, down) = (bounds(|p| p.0), bounds(|p| p.1));
    // Relative to a corner: far from the origin, small areas are differences of large numbers.
    let near = || outline.iter().map(|(x, y)| (x - x0, y - y0));
    let (mut area, mut x, mut y) = (0.0, 0.0, 0.0);
    for ((ax, ay), (bx, by)) in near().zip(near().cycle().skip(1)) {
        let cross = ax * by - bx * ay;
        area += cross;
        x += (ax + bx) * cross;
        y += (ay + by) * cross;
    }
    let n = outline.len() as f64;
    // `area` is twice the area.
    let (x, y) = if (area / 2.0).abs() >= AREA_MIN {
        (x / (3.0 * area), y / (3.0 * area))
    } else {
        (near().map(|p| p.0).sum::<f64>() / n, near().map(|p| p.1).sum::<f64>() / n)
    };
    // `max` and `min` as they pass over what is no number.
    ((x0 + x).max(across.0).min(across.1), (y0 + y).max(down.0).min(down.1))
}

#[cfg(test)]
mod tests {
    use uvid_datasets::dicom::{Limits, Source, read_source};
    use uvid_exam::{Laterality, RawScore, Region, View};

    use super::{Intent, Mark, center, depth, pairs};
    use crate::report::dicom::tests::mammogram;

    fn view(view: View, orientation: Option<&str>, spacing: Option<f64>) -> Source {
        let mut source = read_source(&mammogram("1.2.3", |_| {}, None), &Limits::default(), None).unwrap();
        source.view = Some(view);
        source.laterality = Some(Laterality::Left);
        source.orientation = orientation.map(|row| (row.to_owned(), "F".to_owned()));
        (source.imager_spacing, source.pixel_spacing) = (spacing.map(|mm| (mm, mm)), None);
        source.columns = 1000;
        source
    }

    #[test]
    fn marks_are_one_place_only_where_they_agree_in_depth() {
        let region = |name: &str| Region { name: name.into(), score: RawScore::new(0.5).unwrap(), outline: vec![] };
        let check = |cc: (&Source, f64, &str), mlo: (&Source, f64, &str), intent: Intent, expected: usize| {
            let regions = [region(cc.2), region(mlo.2)];
            let columns = [cc.1, mlo.1];
            let marks: Vec<Mark<'_>> = (0..2)
                .map(|i| {
                    let center = (columns[i], 50.0);
                    Mark { image: i, number: 1, region: &regions[i], outline: vec![], center, intent }
                })
                .collect();
            assert_eq!(pairs(&[cc.0, mlo.0], &marks).len(), expected, "{} {}", cc.1, mlo.1);
        };
        let cc = view(View::CranioCaudal, Some("A"), Some(0.1));
        let mlo = view(View::MedioLateralOblique, Some("P"), Some(0.1));
        // 40 mm from the left edge, 40 mm from the right one.
        check((&cc, 400.0, "malignant"), (&mlo, 600.0, "malignant"), Intent::Required, 1);
        check((&cc, 400.0, "malignant"), (&mlo, 501.0, "malignant"), Intent::Required, 1);
        check((&cc, 400.0, "malignant"), (&mlo, 499.0, "malignant"), Intent::Required, 0);
        check((&cc, 400.0, "malignant"), (&mlo, 400.0, "malignant"), Intent::Required, 0);
        check((&cc, 400.0, "malignant"), (&mlo, 600.0, "other"), Intent::Required, 0);
        check((&cc, 400.0, "malignant"), (&mlo, 600.0, "malignant"), Intent::NotShown, 0);
        for unknown in
            [view(View::MedioLateralOblique, None, Some(0.1)), view(View::MedioLateralOblique, Some("P"), None)]
        {
            check((&cc, 400.0, "malignant"), (&unknown, 600.0, "malignant"), Intent::Required, 0);
        }
        assert_eq!(depth(&view(View::CranioCaudal, Some("H"), Some(0.1)), (1.0, 1.0)), None);
    }

    #[test]
    fn a_center_of_gravity() {
        assert_eq!(center(&[(0.0, 0.0), (4.0, 0.0), (4.0, 2.0), (0.0, 2.0)]), (2.0, 1.0));
        assert_eq!(center(&[(0.0, 0.0), (0.0, 2.0), (4.0, 2.0), (4.0, 0.0)]), (2.0, 1.0));
        assert_eq!(center(&[(1.0, 1.0), (3.0, 1.0)]), (2.0, 1.0));
        assert_eq!(center(&[]), (0.0, 0.0));
        // A sliver far from the origin.
        let (x, y) = center(&[(3000.0, 4000.0), (3000.00001, 4100.0), (3000.0, 4200.0)]);
        assert!((3000.0..=3000.00001).contains(&x) && (4000.0..=4200.0).contains(&y), "{x} {y}");
        // A bow tie has no area.
        assert_eq!(center(&[(10.0, 10.0), (20.0, 20.0), (20.0, 10.0), (10.0, 20.0)]), (15.0, 15.0));
    }
}
