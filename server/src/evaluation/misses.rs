//! The rows on which a model was most wrong.

use uvid_datasets::sets::Cohort;
use uvid_evaluation::analysis::{Finding, Grid, Lesions, Marks, Part, Score, Section, Study, number};
use uvid_evaluation::figure::{About, Gallery};

use super::picture::panel;
use super::places::Places;
use crate::pipeline::Limits;

/// Rows listed on each side.
const LISTED: usize = 10;
/// Of which so many are shown.
const SHOWN: usize = 4;

/// A set on disk, where there is one, with what is marked in its images.
pub struct Shown<'a> {
    /// The set.
    pub cohort: &'a Cohort,
    /// Where its files lie.
    pub places: &'a Places,
    /// The lesions.
    pub lesions: &'a Lesions,
    /// The marks of each model.
    pub marks: &'a [Marks],
    /// Of files.
    pub limits: &'a Limits,
}

/// Rows with the outcome and the lowest scores, rows without it and the highest, of each model; with pictures.
pub fn misses(study: &Study, names: &[String], shown: Option<&Shown<'_>>) -> Section {
    let mut section = Section { id: "misses", title: "Worst misses".into(), parts: Vec::new(), findings: Vec::new() };
    section.parts.push(Part::Words(
        "Rows with the outcome whose scores are lowest, and rows without it whose scores are highest. Look at them before you look at \
         any number: a wrong label, a marker taken for a finding, a view that was cut off show themselves here."
            .into(),
    ));
    let columns: Vec<Vec<Option<String>>> = names.iter().filter_map(|name| study.table.texts(name).ok()).collect();
    let row_name = |row: usize| columns.iter().filter_map(|c| c[row].as_deref()).collect::<Vec<_>>().join(" ");
    for (at, score) in study.models().enumerate() {
        for (positive, title) in [(true, "with the outcome, lowest scores"), (false, "without it, highest scores")] {
            let rows = worst(study, score, positive);
            let grid = rows
                .iter()
                .enumerate()
                .map(|(rank, row)| vec![format!("{}. {}", rank + 1, row_name(*row)), number(score.values[*row])]);
            let header = vec!["row".to_owned(), "score".to_owned()];
            let title = format!("{}: {title}", score.name);
            section.parts.push(Part::Grid(Grid {
                title: title.clone(),
                header,
                rows: grid.collect(),
                note: String::new(),
            }));
            for row in &rows {
                let measure = if positive { "low score with the outcome" } else { "high score without the outcome" };
                let finding = Finding::new("misses", &score.name, measure, Ok(score.values[*row]));
                section.findings.push(finding.among(&row_name(*row)));
            }
            if let Some(shown) = shown {
                let id = format!("misses-{at}-{}", if positive { "missed" } else { "alarms" });
                section.parts.extend(gallery(study, score, &rows, shown, id, title));
            }
        }
    }
    section
}

fn worst(study: &Study, score: &Score, positive: bool) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..study.rows()).filter(|row| study.positive[*row] == positive).collect();
    // The lowest of those with the outcome, the highest of the others; ties by place, so that the list is always the same.
    rows.sort_by(|a, b| {
        let order = score.values[*a].total_cmp(&score.values[*b]);
        if positive { order } else { order.reverse() }
    });
    rows.truncate(LISTED);
    rows
}

/// The images of the first rows, those with a lesion first.
fn gallery(study: &Study, score: &Score, rows: &[usize], shown: &Shown<'_>, id: String, title: String) -> Option<Part> {
    let columns = ["patient", "exam", "image", "breast"].map(|name| (name, study.table.texts(name).ok()));
    let marks = of_output(shown.marks, &score.name);
    let about = About::new(id, title, "One image of each row, the brightest white; not for reading.");
    let mut gallery = Gallery::new(about, "lesion", "strongest marks of the model");
    for row in rows {
        let of_row = |image: &&usize| {
            let image = &shown.cohort.images[**image];
            let text = |name: &str| {
                let column = columns.iter().find(|(of, _)| *of == name)?.1.as_ref()?;
                column[*row].as_deref()
            };
            let is = |name: &str, value: &str| text(name).is_none_or(|own| own == value);
            is("patient", &image.patient)
                && is("exam", &image.exam)
                && is("image", &image.image)
                && image.laterality.is_none_or(|side| is("breast", &side.to_string()))
        };
        let places: Vec<usize> = (0..shown.cohort.images.len()).collect();
        let mut of_row: Vec<usize> = places.iter().filter(of_row).copied().collect();
        of_row.sort_by_key(|place| !shown.lesions.of_image.contains_key(&shown.cohort.images[*place].image));
        let title = format!("score {}", number(score.values[*row]));
        let panel = of_row.first().and_then(|place| {
            let marked = (shown.lesions, marks);
            panel(shown.cohort, shown.places, *place, marked, title, shown.limits)
        });
        if let Some(panel) = panel {
            gallery = gallery.panel(panel);
        }
        if gallery.panels.len() == SHOWN {
            break;
        }
    }
    let figure = gallery.figure().ok()?;
    Some(Part::Figure(Box::new(figure), String::new()))
}

/// Where the model points for an output: of several kinds of marks those that are called after it, `malignant-saliency` of
/// `malignant`; else the first.
fn of_output<'a>(marks: &'a [Marks], score: &str) -> Option<&'a Marks> {
    let package = score.split(':').next().unwrap_or_default();
    let named = marks.iter().find(|marks| marks.model.contains(':') && marks.model.starts_with(score));
    named.or_else(|| marks.iter().find(|marks| marks.model.split(':').next() == Some(package)))
}
