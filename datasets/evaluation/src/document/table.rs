//! Tables of a document.

use super::Prose;

/// To which side cells are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// Words.
    #[default]
    Left,
    /// Numbers.
    Right,
    /// Signs.
    Centre,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Names over several columns, from the left: the name, which may be empty, and how many columns it is over.
    pub groups: Vec<(String, usize)>,
    /// Names of the columns, and to which side their cells are set.
    pub header: Vec<(String, Align)>,
    /// Cells, from the left.
    pub rows: Vec<Vec<Prose>>,
    /// Beneath.
    pub footnote: Prose,
}

impl Table {
    /// No rows yet.
    pub fn new(title: impl Into<String>, header: &[(&str, Align)]) -> Self {
        let header = header.iter().map(|&(name, align)| (name.to_owned(), align)).collect();
        Self { title: title.into(), groups: Vec::new(), header, rows: Vec::new(), footnote: Prose::new() }
    }

    /// With a name over the next columns.
    #[must_use]
    pub fn group(mut self, name: impl Into<String>, columns: usize) -> Self {
        self.groups.push((name.into(), columns));
        self
    }

    /// With one more row. A row that is shorter than the header ends in empty cells; one that is longer gets columns without a
    /// name, so that nothing is lost.
    #[must_use]
    pub fn row(mut self, cells: Vec<Prose>) -> Self {
        self.rows.push(cells);
        self
    }

    /// With text beneath.
    #[must_use]
    pub fn footnote(mut self, prose: impl Into<Prose>) -> Self {
        self.footnote = prose.into();
        self
    }

    /// Columns: as many as the longest row or the header has.
    pub(super) fn columns(&self) -> usize {
        self.rows.iter().map(Vec::len).chain([self.header.len()]).max().unwrap_or(0)
    }

    /// To which side a column is set.
    pub(super) fn align(&self, column: usize) -> Align {
        self.header.get(column).map_or(Align::Left, |(_, align)| *align)
    }

    /// The groups cut and filled up to the columns that there are.
    pub(super) fn whole_groups(&self) -> Vec<(&str, usize)> {
        let mut left = self.columns();
        let mut groups = Vec::new();
        for (name, columns) in &self.groups {
            let columns = (*columns).min(left);
            if columns > 0 {
                groups.push((name.as_str(), columns));
                left -= columns;
            }
        }
        if left > 0 && !groups.is_empty() {
            groups.push(("", left));
        }
        groups
    }
}
