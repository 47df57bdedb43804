//! What a programme would see if the AI took part.

use uvid_metrics::Undefined;
use uvid_metrics::operating_point::Aim as Reaching;
use uvid_metrics::proportions::Paired;
use uvid_metrics::workflow::{Arbiter, Comparison, Exam, Strategy, compare};

use super::{Aim, Finding, Options, Score, Section, Study, StudyError, percent};

/// Simulates ways of reading with each model beside two readers: their scores at or above `recall` are recalls.
///
/// # Errors
///
/// Fewer than two readers.
pub fn workflow(
    study: &Study,
    first: &str,
    second: &str,
    recall: f64,
    options: &Options,
) -> Result<Section, StudyError> {
    let mut section = Section::new("workflow", "Simulated workflows");
    section.no_weights(study);
    // Thresholds too are chosen with every row counted once.
    let study = &*study.unweighted();
    let find = |name: &str| {
        study.readers().find(|reader| reader.name == name).ok_or(StudyError::Nothing("--reader, twice at least"))
    };
    let (first, second) = (find(first)?, find(second)?);
    section.words(format!(
        "The decisions of {} and {} (recall at a score of at least {recall}) are replayed as they were made, row by row. The standard is \
         double reading in which whatever one of the two recalls is recalled, without arbitration. What a simulation cannot \
         know: that readers decide otherwise once they see the AI's result, and otherwise in practice than in a study.",
        first.name, second.name
    ));
    let standard = Strategy::DoubleReading { arbiter: Arbiter::AnyRecall };
    for model in study.models() {
        let exams = exams(study, model, first, second, recall);
        let double = compare(&exams, standard, standard);
        let mut lines = vec![line("double reading", &double, options)];
        // Beside itself it loses and gains nothing.
        lines[0].truncate(4);
        let mut own = findings(&model.name, "double reading", study, &double, options);
        own.retain(|found| ["recall rate", "sensitivity", "specificity"].contains(&found.measure.as_str()));
        section.findings.extend(own);
        for (name, strategy) in strategies(study, model) {
            let found = strategy.and_then(|strategy| compare(&exams, strategy, standard));
            section.findings.extend(findings(&model.name, &name, study, &found, options));
            lines.push(line(&name, &found, options));
        }
        section.grid(
            &format!("{} beside double reading", model.name),
            &["way of reading", "looks by humans", "recall rate", "sensitivity", "lost", "gained", "relative sensitivity"],
            lines,
            &format!(
                "Looks by humans: readings and arbitrations, of those of double reading. Lost: rows with the outcome that double reading \
                 recalls and this way does not; gained: the reverse. In brackets {:.0} % intervals of the ratio of the sensitivities, as if \
                 rows of one patient were of several. The AI's thresholds were chosen on these rows: what they reach is optimistic.",
                100.0 * options.confidence.get()
            ),
        );
    }
    Ok(section)
}

fn exams(study: &Study, model: &Score, first: &Score, second: &Score, recall: f64) -> Vec<Exam> {
    let exam = |row: usize| Exam {
        score: model.values[row],
        cancer: Some(study.positive[row]),
        first: Some(first.values[row] >= recall),
        second: Some(second.values[row] >= recall),
        consensus: None,
    };
    (0..study.rows()).map(exam).collect()
}

fn strategies(study: &Study, model: &Score) -> Vec<(String, Result<Strategy, Undefined>)> {
    let threshold = |aim: Reaching| study.sample(model).and_then(|sample| Aim::Reaching(aim).threshold(&sample));
    let arbiter = Arbiter::AnyRecall;
    let mut strategies: Vec<(String, Result<Strategy, Undefined>)> = [0.99, 0.95]
        .map(|s| {
            (
                format!("nobody reads below the AI's threshold of sensitivity {s}"),
                threshold(Reaching::Sensitivity(s)).map(|threshold| Strategy::RuleOut { threshold, arbiter }),
            )
        })
        .into();
    strategies.push((
        "the first reader alone below the AI's threshold of sensitivity 0.95".into(),
        threshold(Reaching::Sensitivity(0.95)).map(|threshold| Strategy::SingleBelow { threshold, arbiter }),
    ));
    strategies.push((
        "first reader and AI at specificity 0.9; where they differ, the second reader decides".into(),
        threshold(Reaching::Specificity(0.9))
            .map(|threshold| Strategy::AiAsSecond { threshold, arbiter: Arbiter::Second }),
    ));
    strategies.push((
        "double reading; the AI at specificity 0.98 recalls what both let go".into(),
        threshold(Reaching::Specificity(0.98)).map(|threshold| Strategy::SafetyNet {
            threshold,
            arbiter,
            rescue: arbiter,
        }),
    ));
    strategies.push((
        "AI alone at specificity 0.9".into(),
        threshold(Reaching::Specificity(0.9)).map(|threshold| Strategy::Standalone { threshold }),
    ));
    strategies
}

fn findings(
    model: &str,
    name: &str,
    study: &Study,
    found: &Result<Comparison, Undefined>,
    options: &Options,
) -> Vec<Finding> {
    let value = |of: &dyn Fn(&Comparison) -> Result<f64, Undefined>| found.as_ref().map_err(Clone::clone).and_then(of);
    let finding = |measure: &str, value| Finding::new("workflow", model, measure, value).among(name).rows(study.rows());
    let relative =
        found.as_ref().map_err(Clone::clone).and_then(|found| found.relative_sensitivity(options.confidence));
    let cancers = |of: fn(Paired) -> u64| value(&|found| found.cancers.clone().map(|paired| of(paired) as f64));
    vec![
        finding("rows with the outcome, lost", cancers(Paired::second_only)),
        finding("rows with the outcome, gained", cancers(Paired::first_only)),
        finding("workload change", value(&|found| found.workload_change.clone())),
        finding("recall rate", value(&|found| Ok(found.strategy.recall_rate()?.value()))),
        finding("sensitivity", value(&|found| Ok(found.strategy.sensitivity()?.value()))),
        finding("specificity", value(&|found| Ok(found.strategy.specificity()?.value()))),
        finding("relative sensitivity", relative.clone().map(|r| r.value))
            .with_interval(relative.ok().map(|r| r.interval)),
    ]
}

fn line(name: &str, found: &Result<Comparison, Undefined>, options: &Options) -> Vec<String> {
    let found = match found {
        Ok(found) => found,
        Err(why) => {
            return [name.to_owned(), format!("none: {why}")]
                .into_iter()
                .chain(std::iter::repeat_n(String::new(), 5))
                .collect();
        }
    };
    let relative = found.relative_sensitivity(options.confidence);
    let share = |value: Result<f64, Undefined>| value.map_or_else(|why| why.to_string(), percent);
    let lost = |of: fn(Paired) -> u64| {
        found.cancers.clone().map_or_else(|why| why.to_string(), |paired| of(paired).to_string())
    };
    vec![
        name.to_owned(),
        share(found.workload_change.clone().map(|change| 1.0 + change)),
        share(found.strategy.recall_rate().map(|rate| rate.value())),
        share(found.strategy.sensitivity().map(|rate| rate.value())),
        lost(Paired::second_only),
        lost(Paired::first_only),
        Finding::new("workflow", name, "relative sensitivity", relative.clone().map(|r| r.value))
            .with_interval(relative.ok().map(|r| r.interval))
            .text(),
    ]
}
