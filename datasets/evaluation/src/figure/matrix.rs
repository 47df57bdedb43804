//! Counts by two categories: confusion matrices, agreement of readers.

use super::drawing::{Anchor, Area, Colour, Drawing, Fill, Stroke, at};
use super::font::{Typeface, width};
use super::palette::{COLOURS, INK, SOFT};
use super::scale::count;
use super::wrap::{shortened, wrapped};
use super::{About, Data, Figure, FigureError, LETTERS, SMALL, WIDTH, same_length, some};

/// Counts by two categories. Cells are as dark as their share of their row.
///
/// ```
/// use uvid_evaluation::figure::{About, Matrix};
///
/// let figure = Matrix::new(About::new("confusion", "At the threshold 0.5", ""), "Truth", "Model")
///     .columns(&["Recall", "No recall"])
///     .row("Cancer", &[70, 15])
///     .row("No cancer", &[130, 1_225])
///     .figure()?;
/// assert!(figure.csv().contains("Cancer,Recall,70"));
/// # Ok::<(), uvid_evaluation::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// What it says of itself.
    pub about: About,
    /// What rows are.
    pub rows_are: String,
    /// What columns are.
    pub columns_are: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Names of the rows, and a count for each column.
    pub rows: Vec<(String, Vec<u64>)>,
}

impl Matrix {
    /// Nothing counted yet.
    pub fn new(about: About, rows_are: impl Into<String>, columns_are: impl Into<String>) -> Self {
        let (columns, rows) = (Vec::new(), Vec::new());
        Self { about, rows_are: rows_are.into(), columns_are: columns_are.into(), columns, rows }
    }

    /// With names for its columns.
    #[must_use]
    pub fn columns(mut self, names: &[&str]) -> Self {
        self.columns = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// With one more row.
    #[must_use]
    pub fn row(mut self, name: impl Into<String>, counts: &[u64]) -> Self {
        self.rows.push((name.into(), counts.to_vec()));
        self
    }

    /// Laid out.
    ///
    /// # Errors
    ///
    /// There are no rows or columns or more than 10 columns, or a row has not one count a column.
    pub fn figure(self) -> Result<Figure, FigureError> {
        some(&self.about, "rows", &self.rows)?;
        some(&self.about, "columns", &self.columns)?;
        if self.columns.len() > 10 {
            let (figure, value) = (self.about.id.clone(), self.columns.len() as f64);
            return Err(FigureError::Domain { figure, what: "the number of columns", value, domain: "at most 10" });
        }
        let mut data = Data::new(&[&self.rows_are, &self.columns_are, "count"]);
        for (name, counts) in &self.rows {
            same_length(&self.about, "counts of a row", self.columns.len(), counts.len())?;
            for (column, count) in self.columns.iter().zip(counts) {
                data.rows.push(vec![name.as_str().into(), column.as_str().into(), (*count).into()]);
            }
        }
        let drawing = self.drawing();
        let description = format!("Counts: rows are {}, columns are {}.", self.rows_are, self.columns_are);
        Figure::new(self.about, description, drawing, data)
    }

    fn drawing(&self) -> Drawing {
        let mut drawing = Drawing::new(WIDTH, 0.0);
        let label = self.rows.iter().map(|(name, _)| width(name, LETTERS, Typeface::Regular)).fold(0.0, f64::max);
        let left = 32.0 + label.min(150.0) + 8.0;
        let side = ((WIDTH - 90.0 - left) / self.columns.len() as f64).min(130.0);
        let tall = if self.columns.len() > 6 { 44.0 } else { 58.0 };
        let right = left + side * self.columns.len() as f64;
        let head = shortened(&self.columns_are, LETTERS, Typeface::Bold, right - left);
        drawing.bold(at((left + right) / 2.0, 20.0), head, LETTERS, Anchor::Middle, INK);
        let names: Vec<Vec<String>> =
            self.columns.iter().map(|name| wrapped(name, LETTERS, Typeface::Regular, side - 6.0, 3)).collect();
        let lines = names.iter().map(Vec::len).max().unwrap_or(1);
        let top = 28.0 + 15.0 * lines as f64 + 4.0;
        for (c, name) in names.iter().enumerate() {
            let middle = left + side * (c as f64 + 0.5);
            for (i, line) in name.iter().enumerate() {
                let y = top - 5.0 - 15.0 * (name.len() - 1 - i) as f64;
                drawing.text(at(middle, y), line.clone(), LETTERS, Anchor::Middle, INK);
            }
        }
        drawing.text(at(right + 40.0, top - 5.0), "All", LETTERS, Anchor::Middle, SOFT);
        for (r, (name, counts)) in self.rows.iter().enumerate() {
            let y = top + tall * r as f64;
            let name = wrapped(name, LETTERS, Typeface::Regular, left - 40.0, 3);
            for (i, line) in name.iter().enumerate() {
                let base = y + tall / 2.0 + 4.3 - 7.5 * (name.len() as f64 - 1.0) + 15.0 * i as f64;
                drawing.text(at(left - 8.0, base), line.clone(), LETTERS, Anchor::End, INK);
            }
            let all = counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
            for (c, cell) in counts.iter().enumerate() {
                let area = Area { x: left + side * c as f64, y, width: side, height: tall };
                draw_cell(&mut drawing, area, *cell, all);
            }
            drawing.text(at(right + 40.0, y + tall / 2.0 + 4.3), count(all), LETTERS, Anchor::Middle, SOFT);
        }
        let bottom = top + tall * self.rows.len() as f64;
        let beside = shortened(&self.rows_are, LETTERS, Typeface::Regular, bottom - top);
        drawing.upwards(at(18.0, (top + bottom) / 2.0), beside, LETTERS, INK);
        drawing.height = (bottom + 10.0).ceil();
        drawing
    }
}

fn draw_cell(drawing: &mut Drawing, area: Area, cell: u64, all: u64) {
    let share = if all == 0 { 0.0 } else { cell as f64 / all as f64 };
    let fill = Fill::solid(COLOURS[0].tint(0.04 + 0.86 * share));
    drawing.rectangle(area, Some(Stroke::solid(Colour::WHITE, 2.0)), Some(fill));
    let ink = if share > 0.55 { Colour::WHITE } else { INK };
    let middle = area.x + area.width / 2.0;
    // A count that is cut would be another count: it is made smaller.
    let fit = |text: &str, size: f64, typeface| size * ((area.width - 4.0) / width(text, size, typeface)).min(1.0);
    let number = count(cell);
    let size = fit(&number, 14.0, Typeface::Bold);
    drawing.bold(at(middle, area.y + area.height / 2.0), number, size, Anchor::Middle, ink);
    // The share of a row of nobody is none.
    let text = if all == 0 { "–".to_owned() } else { format!("{:.1}%", share * 100.0) };
    let size = fit(&text, SMALL, Typeface::Regular);
    drawing.text(at(middle, area.y + area.height / 2.0 + 15.0), text, size, Anchor::Middle, ink);
}
