//! A report with one block of each kind.

use uvid_evaluation::document::{Align, Document, KeyNumber, Prose, Table};
use uvid_evaluation::figure::Figure;

/// With all of the figures.
pub fn report(figures: Vec<Figure>) -> Document {
    let mut document = Document::new("Evaluation of GMIC", "1,440 breasts of 720 women, reader study")
        .metadata("Table", "results.csv, sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
        .metadata("Made by", "uvid evaluate, version 0.1.0")
        .metadata("Seed", "1,000 bootstrap samples of patients, seed 17")
        .heading(1, "Summary")
        .paragraph(
            Prose::from("The model finds cancer with an area under the ROC curve of ")
                .bold("0.881 (0.842 to 0.915)")
                .text(". The table is ")
                .code("results.csv")
                .text("; the method is DeLong's, see ")
                .link("DeLong, DeLong and Clarke-Pearson 1988", "https://doi.org/10.2307/2531595")
                .text(". Serbian: čćđšž ČĆĐŠŽ, Ćirilica: Институт за онкологију. Signs: κ 0.61, χ² 3.84, ≥ 0.5, ≤ 1, −0.02, 3 × 4 ± 1, α → β, 乳."),
        )
        .key_numbers(vec![
            KeyNumber::new("AUC", "0.881", "95% interval 0.842 to 0.915"),
            KeyNumber::new("Sensitivity at 90% specificity", "71.8%", "61 of 85; 61.4% to 80.2%"),
            KeyNumber::new("Cancers", "85", "of 1,440 breasts"),
            KeyNumber::new("Left out", "12", "rows without an outcome"),
        ])
        .note("How to read this", "Intervals are at 95%. They are not corrected for the number of comparisons.")
        .warning("Few cancers", Prose::from("In ").bold("3 of 12").text(" groups there are fewer than 10 cancers: their intervals are wide."))
        .list(vec!["Every number names its interval and its method.".into(), Prose::from("Every figure has its data beside it, as ").code("CSV").text(".")]);
    let mut table = Table::new(
        "Discrimination by model and reader",
        &[
            ("Model or reader", Align::Left),
            ("AUC", Align::Right),
            ("95% interval", Align::Left),
            ("Sensitivity", Align::Right),
            ("Specificity", Align::Right),
            ("Note", Align::Left),
        ],
    )
    .group("", 1)
    .group("Discrimination", 2)
    .group("At the threshold", 2)
    .footnote(
        Prose::from("Intervals by DeLong's method; sensitivity and specificity by Wilson's. ")
            .bold("–")
            .text(": there is none."),
    );
    for i in 0..60 {
        let note = if i % 7 == 0 {
            "The threshold was set on another table, so that nothing was tuned on this one"
        } else {
            ""
        };
        table = table.row(vec![
            format!("Reader {}", i + 1).into(),
            Prose::new().bold(format!("0.{}", 700 + 3 * i)),
            format!("0.{} to 0.{}", 650 + 3 * i, 750 + 3 * i).into(),
            format!("{}.1%", 60 + i / 3).into(),
            format!("{}.9%", 95 - i / 3).into(),
            note.into(),
        ]);
    }
    document = document.heading(1, "Tables").heading(2, "A long one").table(table);
    let many: Vec<(String, Align)> = (0..12).map(|i| (format!("Column number {i}"), Align::Right)).collect();
    let many: Vec<(&str, Align)> = many.iter().map(|(name, align)| (name.as_str(), *align)).collect();
    let row = |i: u32| (0..12).map(|c| Prose::from(format!("{}.{}", i * c, c))).collect();
    document = document
        .heading(2, "A wide one")
        .table((0..4).fold(Table::new("Twelve columns", &many), |table, i| table.row(row(i))));
    document = document.heading(1, "Figures");
    for figure in figures {
        let title = figure.title().to_owned();
        document = document.heading(2, title).figure(
            figure,
            "What the figure says, for who has not seen such a one before: the further up and to the left, the better.",
        );
    }
    document
        .page_break()
        .heading(1, "Methods")
        .definitions(vec![
            ("AUC".into(), "The share of pairs of a woman with cancer and one without in which the first has the higher score; a tie counts half.".into()),
            ("Brier score".into(), "The mean squared difference of the predicted risk and the outcome.".into()),
        ])
        .heading(2, "Made again")
        .code("uvid evaluate --table results.csv --score gmic_top5 --outcome malignant --patient patient_id --bootstrap 1000 --seed 17 --out report/\nsha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  results.csv")
}
