//! Models beside readers, and readers beside each other.

use uvid_metrics::agreement::fleiss::fleiss;
use uvid_metrics::agreement::icc::{Form, Ratings, Unit};
use uvid_metrics::precision_recall::average_precision;
use uvid_metrics::readers::{self as mrmc, Figures, Random, StudentEstimate};
use uvid_metrics::subgroups::{Adjustment, adjust};
use uvid_metrics::{Interval, Undefined, roc};

use super::discrimination::samples;
use super::{Finding, Options, Section, Study, StudyError, number, p_value};
use crate::figure::{About, Figure, FigureError, Plot, Series};

/// Each reader, their mean with an interval that holds for other readers and cases, and each model against it.
///
/// # Errors
///
/// Fewer than two readers, or a score out of its domain.
pub fn readers(study: &Study, options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("readers", "Models and readers");
    section.no_weights(study);
    let study = &*study.unweighted();
    let read: Vec<_> = study.readers().collect();
    if read.len() < 2 {
        return Err(StudyError::Nothing("--reader, twice at least"));
    }
    let scores = vec![read.iter().map(|reader| reader.values.clone()).collect::<Vec<_>>()];
    let multi = mrmc::Study::new(&scores, &study.positive).and_then(|multi| match &study.clusters {
        Some(clusters) => multi.clustered(clusters.clone()),
        None => Ok(multi),
    });
    let figures = multi.as_ref().map_err(Clone::clone).and_then(Figures::delong);
    let mean = figures.as_ref().map_err(Clone::clone).and_then(|figures| figures.modality(0, Random::ReadersAndCases));
    let mean =
        student("mean of readers", "AUC", mean, options).by("Obuchowski-Rockette, Hillis; random readers and cases");
    section.words(format!(
        "{} readers read the same {} rows. The mean of their areas under the ROC curve is **{}**. Its interval, and \
         those of the differences below, allow for these readers and these cases being samples: they are about the mean of all such \
         readers over all such cases.",
        read.len(),
        study.rows(),
        mean.text()
    ));
    section.figure(
        curves(study),
        "A model whose curve runs above most grey ones ranks these rows better than most of these readers. A reader who gives few \
         different scores has a curve of few corners, which costs area.",
    );
    let mut lines = vec![vec!["mean of readers".to_owned(), mean.text()]];
    lines[0].resize(6, String::new());
    let mut tests: Vec<(usize, String, f64)> = Vec::new();
    section.findings.push(mean.rows(study.rows()));
    section.findings.push(Finding::new("readers", "readers", "number of readers", Ok(read.len() as f64)));
    for model in study.models() {
        let found = multi
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|multi| mrmc::against(multi, 0, &model.values, Random::ReadersAndCases));
        let difference = found.as_ref().map(|found| found.difference).map_err(Clone::clone);
        let inferior = difference.clone().and_then(|difference| difference.non_inferiority(options.margin));
        let subject = format!("{} - mean of readers", model.name);
        let finding = student(&subject, "difference of AUC", difference.clone(), options)
            .rows(study.rows())
            .by("Obuchowski-Rockette, Hillis; random readers and cases");
        let not_worse = Finding::new("readers", &subject, "AUC not inferior", difference.map(|d| d.value))
            .tested(&inferior)
            .rows(study.rows())
            .by(&format!("one-sided, margin {}", options.margin));
        let better = study.sample(model).and_then(|sample| beaten(study, roc::auc(&sample)?));
        lines.push(vec![
            model.name.clone(),
            found.map_or_else(|why| why.to_string(), |found| number(found.program)),
            finding.text(),
            finding.p_text(),
            String::new(),
            not_worse.p_text(),
        ]);
        tests.extend(finding.p.map(|p| (lines.len() - 1, subject.clone(), p)));
        let beaten =
            Finding::new("readers", &model.name, "share of readers with a smaller AUC", better).rows(study.rows());
        section.findings.extend([finding, not_worse, beaten]);
    }
    let adjusted = adjust(&tests.iter().map(|(.., p)| *p).collect::<Vec<_>>(), Adjustment::Holm);
    for ((line, subject, _), p) in tests.iter().zip(adjusted.unwrap_or_default()) {
        lines[*line][4] = p_value(p);
        let finding = Finding::new("readers", subject, "difference of AUC, adjusted p", Ok(p)).by("Holm");
        section.findings.push(Finding { p: Some(p), ..finding.rows(study.rows()) });
    }
    section.grid(
        "Each model beside the mean of the readers",
        &["", "AUC", "model - readers", "p", "p, adjusted", "p, not inferior"],
        lines,
        &format!(
            "In brackets {:.0} % intervals (Obuchowski and Rockette, Hillis; random readers and cases). p: two-sided; adjusted by Holm's \
             method for all models of this table. p, not inferior: one-sided, worse by no more than {}, a margin that must have been \
             fixed beforehand.",
            100.0 * options.confidence.get(),
            options.margin
        ),
    );
    each(&mut section, study, options)?;
    Ok(section)
}

fn student(subject: &str, measure: &str, estimate: Result<StudentEstimate, Undefined>, options: &Options) -> Finding {
    let test = estimate.clone().and_then(|estimate| estimate.test(0.0));
    let finding = Finding::new("readers", subject, measure, estimate.clone().map(|estimate| estimate.value));
    let is_area = measure == "AUC";
    // Student's interval knows no bounds.
    let lowest = if is_area { 0.0 } else { -1.0 };
    let interval = estimate.ok().map(|estimate| estimate.interval(options.confidence).within(lowest, 1.0));
    let finding = finding.with_interval(interval);
    // Whether an area differs from 0 is no question.
    if is_area { finding } else { finding.tested(&test) }
}

fn beaten(study: &Study, area: f64) -> Result<f64, Undefined> {
    let areas = study.readers().map(|reader| roc::auc(&study.sample(reader)?)).collect::<Result<Vec<_>, _>>()?;
    Ok(areas.iter().filter(|other| **other < area).count() as f64 / areas.len() as f64)
}

fn each(section: &mut Section, study: &Study, options: &Options) -> Result<(), StudyError> {
    let mut lines = Vec::new();
    for (score, sample) in samples(study)?.iter().filter(|(score, _)| score.is_reader) {
        let finding =
            Finding::estimate("readers", &score.name, "AUC", roc::delong(sample), options.confidence, (0.0, 1.0));
        let finding = finding.of(sample).by(study.delong());
        let precision = Finding::new("readers", &score.name, "average precision", average_precision(sample)).of(sample);
        lines.push(vec![score.name.clone(), finding.text(), precision.text()]);
        section.findings.extend([finding, precision]);
    }
    let note = format!("In brackets {:.0} % intervals, DeLong.", 100.0 * options.confidence.get());
    section.grid("Each reader", &["reader", "AUC", "average precision"], lines, &note);
    Ok(())
}

fn curves(study: &Study) -> Result<Figure, FigureError> {
    let about = About::new("readers", "Readers and models", "Grey: each reader.");
    let mut plot = Plot::roc(about);
    let count = study.readers().count();
    for score in study.readers().chain(study.models()) {
        let Ok(curve) = study.sample(score).and_then(|sample| roc::corners(&sample)) else { continue };
        let points: Vec<_> = curve.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
        plot = plot.series(match score.is_reader {
            true => Series::line(format!("{count} readers"), &points).crowd(),
            false => Series::line(score.name.clone(), &points),
        });
    }
    plot.figure()
}

/// Whether readers say the same of the same rows: intraclass correlation of their scores, kappa of their decisions at or above
/// a threshold.
///
/// # Errors
///
/// Fewer than two readers.
pub fn agreement(study: &Study, threshold: f64, options: &Options) -> Result<Section, StudyError> {
    let mut section = Section::new("agreement", "Agreement of readers");
    let read: Vec<_> = study.readers().collect();
    if read.len() < 2 {
        return Err(StudyError::Nothing("--reader, twice at least"));
    }
    section.no_weights(study);
    section.words(format!(
        "**Intraclass correlation** (ICC) is the share of the variation of single scores that lies between rows: 1 is complete \
         agreement, 0 none. ICC (2,1) counts it as disagreement when one reader scores all rows higher than another, ICC (3,1) does \
         not. **Kappa** is the agreement beyond chance, of its largest possible, on who is recalled: here at a score of at least \
         {threshold}."
    ));
    let mut lines = Vec::new();
    let mut add = |finding: Finding| {
        lines.push(vec![finding.measure.clone(), finding.text()]);
        section.findings.push(finding.rows(study.rows()));
    };
    let of_row = |row: usize| read.iter().map(|reader| reader.values[row]).collect::<Vec<f64>>();
    let ratings: Vec<Vec<f64>> = (0..study.rows()).map(of_row).collect();
    agreements(&ratings, threshold, options).into_iter().for_each(&mut add);
    let note = format!(
        "In brackets {:.0} % intervals. Rows of one patient count as if they were of several, so intervals are too narrow where patients \
         have several rows.",
        100.0 * options.confidence.get()
    );
    section.grid("Agreement", &["", "all readers"], lines, &note);
    Ok(section)
}

fn agreements(ratings: &[Vec<f64>], threshold: f64, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    let finding = |measure: &str, value| Finding::new("agreement", "readers", measure, value);
    for (measure, form) in [("ICC (2,1)", Form::Agreement), ("ICC (3,1)", Form::Consistency)] {
        let icc = Ratings::new(ratings).and_then(|ratings| ratings.icc(form, Unit::Single, options.confidence));
        // Of a few rows on which readers differ more than rows do, the formula's ends change places or leave the value out.
        let interval = icc.as_ref().map_err(Clone::clone).and_then(|icc| {
            let Interval { lower, upper } = icc.interval;
            let sound = lower < upper && (lower..=upper).contains(&icc.value);
            sound.then_some(Some(icc.interval)).ok_or(Undefined::Degenerate("the formula has none for these rows"))
        });
        findings.push(finding(measure, icc.map(|icc| icc.value)).or_no_interval(interval).by("Shrout and Fleiss"));
    }
    let recalls = |row: &Vec<f64>| row.iter().filter(|score| **score >= threshold).count() as u32;
    let counts: Vec<Vec<u32>> = ratings.iter().map(|row| vec![row.len() as u32 - recalls(row), recalls(row)]).collect();
    let kappa = fleiss(&counts).map(|kappa| kappa.estimate);
    let fleiss = Finding::estimate("agreement", "readers", "Fleiss' kappa", kappa, options.confidence, (-1.0, 1.0));
    findings.push(fleiss.by("Fleiss"));
    findings
}
