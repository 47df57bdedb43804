//! A report: sections, what they were made from, and what their author has still to say.
//!
//! Invariant: nothing in a report depends on the time or the machine; the same table and options give the same bytes.

use std::collections::BTreeMap;
use std::path::Path;

use crate::analysis::{Part, Section, summary};
use crate::checklist::{self, Guideline, How};
use crate::document::{Align, Block, Document, KeyNumber, NoteKind, Prose, Table};
use crate::table::TableError;

/// What every report says first.
pub const DISCLAIMER: &str = "For research. Statistics of a data set are no proof that a model is safe or useful for people: that takes a study in \
the place and population where it is to be used.";

/// The heading of the last section.
const PROVENANCE: &str = "How to make this report again";

/// What a report is made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// What it is about.
    pub title: String,
    /// In a line more.
    pub subtitle: String,
    /// Names and values at its head: the set, the packages with their digests.
    pub about: Vec<(String, String)>,
    /// In a sentence each, before all else: what a reader must know who reads nothing more.
    pub first: Vec<String>,
    /// Numbers that stand out: label, value, detail.
    pub key_numbers: Vec<(String, String, String)>,
    /// The analyses.
    pub sections: Vec<Section>,
    /// What can be done again and how: digests, versions, the `command`; of each model its `NAME, package`.
    pub provenance: Vec<(String, String)>,
    /// What the author has stated, by the keys of the checklist.
    pub stated: BTreeMap<String, String>,
}

impl Report {
    /// As a document.
    pub fn document(&self) -> Document {
        let mut document = Document::new(self.title.clone(), self.subtitle.clone());
        document.metadata.clone_from(&self.about);
        document = document.warning("Read first", DISCLAIMER);
        if !self.key_numbers.is_empty() {
            let number = |(label, value, detail): &(String, String, String)| KeyNumber::new(label, value, detail);
            document = document.key_numbers(self.key_numbers.iter().map(number).collect());
        }
        if !self.first.is_empty() {
            document = document.list(self.first.iter().map(|text| prose(text)).collect());
        }
        let summary = summary(&self.sections);
        if !summary.is_empty() {
            document = document.heading(1, "Summary").list(summary.iter().map(|text| prose(text)).collect());
        }
        for section in &self.sections {
            document = document.heading(1, section.title.clone());
            for part in &section.parts {
                document = document.block(block(part));
            }
        }
        document = self.checklists(document);
        document = document.heading(1, PROVENANCE);
        let lines = self.provenance.iter().map(|(name, value)| (name.clone(), Prose::new().code(value.clone())));
        document.definitions(lines.collect())
    }

    /// A table for each guideline: what is said here, what the author has stated, what is missing.
    fn checklists(&self, document: Document) -> Document {
        let known = |name: &str| self.provenance.iter().any(|(key, _)| key.ends_with(name));
        let is_grid = |part: &Part| matches!(part, Part::Grid(_));
        let by_subgroup = self.sections.iter().any(|section| section.id == "data" && section.parts.iter().any(is_grid));
        // The last section answers what was handed to it.
        let last = [("subgroup-rows", by_subgroup), ("provenance", known("command")), ("packages", known(", package"))];
        let last = last.into_iter().filter_map(|(id, known)| known.then_some(id));
        let sections: Vec<&str> = self.sections.iter().map(|section| section.id).chain(last).collect();
        let lines = checklist::filled(&sections, &self.stated);
        let mut document = document.heading(1, "Reporting guidelines").paragraph(
            "Which items of the guidelines this report answers, and which only its author can. That an item is answered here says where something \
             on it stands, not that it is enough.",
        );
        for guideline in Guideline::ALL {
            let header = [("item", Align::Left), ("topic", Align::Left), ("where", Align::Left)];
            let mut table = Table::new(guideline.name(), &header).footnote(guideline.citation());
            let (mut to_state, mut to_write) = (Vec::new(), Vec::new());
            for line in lines.iter().filter(|line| line.item.guideline == guideline) {
                let (number, topic) = (line.item.number, line.item.topic);
                let place = match &line.how {
                    How::Here { section, what } => format!("{}: {what}", self.title_of(section)),
                    How::Stated(text) => (*text).to_owned(),
                    How::Missing { key: Some(key) } => {
                        to_state.push(format!("{number} {topic} ({key})"));
                        continue;
                    }
                    How::Missing { key: None } => {
                        to_write.push(format!("{number} {topic}"));
                        continue;
                    }
                };
                table = table.row(vec![number.into(), topic.into(), place.into()]);
            }
            document = document.heading(2, guideline.name()).table(table);
            let left = |what: &str, items: &[String]| Prose::new().bold(what).text(format!(" {}.", items.join("; ")));
            if !to_state.is_empty() {
                document = document.paragraph(left(
                    "Not stated yet (item, topic, key of the file for uvid evaluate --about):",
                    &to_state,
                ));
            }
            if !to_write.is_empty() {
                document = document.paragraph(left("For the author's paper:", &to_write));
            }
        }
        document
    }

    fn title_of(&self, id: &str) -> String {
        let id = if id == "subgroup-rows" { "data" } else { id };
        let found = self.sections.iter().find(|section| section.id == id);
        found.map_or_else(|| PROVENANCE.to_owned(), |section| section.title.clone())
    }

    /// Writes `report.html`, `report.pdf`, and `figures/` with an SVG and the data of each.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), TableError> {
        let figures = folder.join("figures");
        let failed = |path: &Path, why| TableError::File { path: path.to_path_buf(), why };
        std::fs::create_dir_all(&figures).map_err(|e| failed(&figures, e))?;
        let write = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).map_err(|e| failed(path, e));
        let document = self.document();
        write(&folder.join("report.html"), document.html().as_bytes())?;
        write(&folder.join("report.pdf"), &document.pdf())?;
        for part in self.sections.iter().flat_map(|section| &section.parts) {
            if let Part::Figure(figure, _) = part {
                write(&figures.join(format!("{}.svg", figure.id())), figure.svg().as_bytes())?;
                write(&figures.join(format!("{}.csv", figure.id())), figure.csv().as_bytes())?;
            }
        }
        Ok(())
    }
}

fn block(part: &Part) -> Block {
    match part {
        Part::Words(text) => Block::Paragraph(prose(text)),
        Part::Warning(text) => Block::Note(NoteKind::Warning, "Mind".to_owned(), prose(text)),
        Part::Figure(figure, words) => Block::Figure(figure.clone(), prose(words)),
        Part::Grid(grid) => {
            let align = |at: usize| if at == 0 { Align::Left } else { Align::Right };
            let header: Vec<(&str, Align)> =
                grid.header.iter().enumerate().map(|(at, name)| (name.as_str(), align(at))).collect();
            let table = grid.rows.iter().fold(Table::new(grid.title.clone(), &header), |table, row| {
                table.row(row.iter().map(|text| Prose::from(cell(text))).collect())
            });
            Block::Table(table.footnote(prose(&grid.note)))
        }
    }
}

/// Text of a cell, in which brackets are not broken: `0.881` and `(0.839 to 0.923)` may stand on two lines, each in one piece.
fn cell(text: &str) -> String {
    let mut depth = 0_usize;
    let whole = |sign| match sign {
        '(' => {
            depth += 1;
            sign
        }
        ')' => {
            depth = depth.saturating_sub(1);
            sign
        }
        ' ' if depth > 0 => '\u{a0}',
        _ => sign,
    };
    // What is longer than an interval may break.
    match text.split('(').nth(1).is_some_and(|inner| inner.len() > 24) {
        true => text.to_owned(),
        false => text.chars().map(whole).collect(),
    }
}

/// Text in which `**` stands around what is to stand out.
fn prose(text: &str) -> Prose {
    text.split("**").enumerate().fold(Prose::new(), |prose, (at, piece)| match at % 2 {
        _ if piece.is_empty() => prose,
        0 => prose.text(piece),
        _ => prose.bold(piece),
    })
}
