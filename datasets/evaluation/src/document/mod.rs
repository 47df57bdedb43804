//! Reports: a list of blocks, written as one HTML file or as one PDF file.
//!
//! Neither needs another file, a network or a script. Nothing in them depends on the time or the machine: the same document
//! gives the same bytes. Text is data: it is escaped in HTML, and in PDF a sign that no font has is a visible one
//! ([`crate::figure::font`]).

mod html;
mod pdf;
mod prose;
mod table;

pub use prose::{Inline, Prose};
pub use table::{Align, Table};

use crate::figure::Figure;

/// How loud a box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// To be known.
    Note,
    /// To be heeded.
    Warning,
}

/// A number that stands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNumber {
    /// What it is.
    pub label: String,
    /// The number, written.
    pub value: String,
    /// Its interval, or what it is of.
    pub detail: String,
}

impl KeyNumber {
    /// All three.
    pub fn new(label: impl Into<String>, value: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into(), detail: detail.into() }
    }
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A heading; level 1 for a chapter, to 3.
    Heading(u8, String),
    /// Text.
    Paragraph(Prose),
    /// Items with a dot before each.
    List(Vec<Prose>),
    /// A box with a title and text.
    Note(NoteKind, String, Prose),
    /// A table.
    Table(Table),
    /// A figure, and what it says in plain words.
    Figure(Box<Figure>, Prose),
    /// Numbers that stand out, side by side.
    KeyNumbers(Vec<KeyNumber>),
    /// Terms and what they mean.
    Definitions(Vec<(String, Prose)>),
    /// Commands, digests: line by line as they are.
    Code(String),
    /// What follows begins a page, where there are pages.
    PageBreak,
}

/// A report.
///
/// ```
/// use uvid_evaluation::document::{Align, Document, Prose, Table};
///
/// let table = Table::new("Discrimination", &[("Model", Align::Left), ("AUC", Align::Right)])
///     .row(vec!["GMIC".into(), Prose::new().bold("0.881")])
///     .footnote("DeLong's method.");
/// let document = Document::new("Evaluation", "GMIC on 1,440 breasts")
///     .metadata("Table", "sha256:1234")
///     .heading(1, "Discrimination")
///     .paragraph(Prose::from("The AUC is ").bold("0.881").text(", see ").link("the paper", "https://example.org").text("."))
///     .table(table);
/// assert!(document.html().starts_with("<!doctype html>"));
/// assert!(document.pdf().starts_with(b"%PDF-"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it is.
    pub title: String,
    /// Of what.
    pub subtitle: String,
    /// What it was made from and by: names and values.
    pub metadata: Vec<(String, String)>,
    /// Its parts.
    pub blocks: Vec<Block>,
}

impl Document {
    /// Without blocks yet.
    pub fn new(title: impl Into<String>, subtitle: impl Into<String>) -> Self {
        Self { title: title.into(), subtitle: subtitle.into(), metadata: Vec::new(), blocks: Vec::new() }
    }

    /// With a name and a value at its head.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((name.into(), value.into()));
        self
    }

    /// With one more block.
    #[must_use]
    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// With a heading of level 1 to 3; others are taken as the nearest.
    #[must_use]
    pub fn heading(self, level: u8, text: impl Into<String>) -> Self {
        self.block(Block::Heading(level.clamp(1, 3), text.into()))
    }

    /// With a paragraph.
    #[must_use]
    pub fn paragraph(self, prose: impl Into<Prose>) -> Self {
        self.block(Block::Paragraph(prose.into()))
    }

    /// With a list.
    #[must_use]
    pub fn list(self, items: Vec<Prose>) -> Self {
        self.block(Block::List(items))
    }

    /// With a box that says what is to be known.
    #[must_use]
    pub fn note(self, title: impl Into<String>, prose: impl Into<Prose>) -> Self {
        self.block(Block::Note(NoteKind::Note, title.into(), prose.into()))
    }

    /// With a box that says what is to be heeded.
    #[must_use]
    pub fn warning(self, title: impl Into<String>, prose: impl Into<Prose>) -> Self {
        self.block(Block::Note(NoteKind::Warning, title.into(), prose.into()))
    }

    /// With a table.
    #[must_use]
    pub fn table(self, table: Table) -> Self {
        self.block(Block::Table(table))
    }

    /// With a figure and what it says in plain words.
    #[must_use]
    pub fn figure(self, figure: Figure, explanation: impl Into<Prose>) -> Self {
        self.block(Block::Figure(Box::new(figure), explanation.into()))
    }

    /// With numbers that stand out.
    #[must_use]
    pub fn key_numbers(self, numbers: Vec<KeyNumber>) -> Self {
        self.block(Block::KeyNumbers(numbers))
    }

    /// With terms and what they mean.
    #[must_use]
    pub fn definitions(self, definitions: Vec<(String, Prose)>) -> Self {
        self.block(Block::Definitions(definitions))
    }

    /// With lines as they are.
    #[must_use]
    pub fn code(self, lines: impl Into<String>) -> Self {
        self.block(Block::Code(lines.into()))
    }

    /// With a new page.
    #[must_use]
    pub fn page_break(self) -> Self {
        self.block(Block::PageBreak)
    }

    /// One HTML file, with its figures and their data in it.
    pub fn html(&self) -> String {
        html::write(self)
    }

    /// One PDF file, A4.
    pub fn pdf(&self) -> Vec<u8> {
        pdf::write(self)
    }
}
