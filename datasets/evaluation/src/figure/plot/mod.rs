//! Curves and points between two axes.

mod axes;
mod draw;
mod layout;
mod legend;
mod presets;
mod series;

pub(super) use axes::{Frame, x_axis, y_axis, y_ticks_width};
pub(super) use legend::{Entry, Swatch, legend};
pub(super) use series::check_bins;
pub use series::{Form, Look, Reference, Series, Strip};

use super::{About, Axis, Cell, Data, Figure, FigureError, finite};

/// Where it is said which series is which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Legend {
    /// To the right of a square plot, beneath any other.
    #[default]
    Beside,
    /// Beneath.
    Beneath,
    /// Nowhere: there is one series, and the caption says which.
    None,
}

/// Curves and points between two axes.
///
/// ```
/// use uvid_evaluation::figure::{About, Plot, Series};
///
/// let about = About::new("roc", "ROC curve", "Bands are pointwise 95% intervals of the sensitivity.");
/// let figure = Plot::roc(about)
///     .series(Series::line("Model: AUC 0.88 (0.85 to 0.91)", &[(0.0, 0.0), (0.1, 0.7), (1.0, 1.0)]))
///     .series(Series::points("Reader 1", &[(0.12, 0.64)]).crowd())
///     .note("1,440 breasts, 85 with cancer")
///     .figure()?;
/// assert!(figure.svg().starts_with("<svg"));
/// # Ok::<(), uvid_evaluation::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What it says of itself.
    pub about: About,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// What is drawn, the hindmost first.
    pub series: Vec<Series>,
    /// Lines to compare with; behind the series.
    pub references: Vec<Reference>,
    /// What else is to be read, after the legend.
    pub notes: Vec<String>,
    /// Counts under the plot, over the same x.
    pub strip: Option<Strip>,
    /// Rows beneath the x axis: what they are, and words at an x, as the number of women at risk each year.
    pub beneath: Vec<(String, Vec<(f64, String)>)>,
    /// Whether both axes are of the same length.
    pub square: bool,
    /// Where it is said which series is which.
    pub legend: Legend,
}

impl Plot {
    /// Nothing between two axes yet.
    pub fn new(about: About, x: Axis, y: Axis) -> Self {
        let (series, references, notes, beneath) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (strip, square, legend) = (None, false, Legend::Beside);
        Self { about, x, y, series, references, notes, strip, beneath, square, legend }
    }

    /// With one more series, before the others.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// With one more line to compare with.
    #[must_use]
    pub fn reference(mut self, reference: Reference) -> Self {
        self.references.push(reference);
        self
    }

    /// With one more line of text after the legend.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// With counts under it.
    #[must_use]
    pub fn strip(mut self, strip: Strip) -> Self {
        self.strip = Some(strip);
        self
    }

    /// With one more row beneath the x axis: what it is, and words at an x.
    #[must_use]
    pub fn beneath(mut self, label: impl Into<String>, cells: &[(f64, &str)]) -> Self {
        let cells = cells.iter().map(|&(x, text)| (x, text.to_owned())).collect();
        self.beneath.push((label.into(), cells));
        self
    }

    /// With axes of the same length.
    #[must_use]
    pub fn square(mut self) -> Self {
        self.square = true;
        self
    }

    /// With the legend elsewhere.
    #[must_use]
    pub fn legend(mut self, legend: Legend) -> Self {
        self.legend = legend;
        self
    }

    /// Laid out.
    ///
    /// # Errors
    ///
    /// A number is NaN or infinite, a list does not fit to its points, there is nothing to draw, an axis of logarithms begins at
    /// or below 0.
    pub fn figure(self) -> Result<Figure, FigureError> {
        self.check()?;
        let drawing = layout::drawing(&self)?;
        let (data, description) = (self.data(), self.description());
        Figure::new(self.about, description, drawing, data)
    }

    fn check(&self) -> Result<(), FigureError> {
        let about = &self.about;
        for series in &self.series {
            for (row, (x, y)) in series.points.iter().enumerate() {
                finite(about, "x", row, *x)?;
                finite(about, "y", row, *y)?;
            }
            for (row, (x, low, high)) in series.band.iter().enumerate() {
                finite(about, "a band's x", row, *x)?;
                finite(about, "a band's lower end", row, *low)?;
                finite(about, "a band's upper end", row, *high)?;
            }
            for bars in [&series.bars, &series.bars_across].into_iter().filter(|bars| !bars.is_empty()) {
                super::same_length(about, "error bars", series.points.len(), bars.len())?;
                for (row, (low, high)) in bars.iter().enumerate() {
                    finite(about, "an error bar's lower end", row, *low)?;
                    finite(about, "an error bar's upper end", row, *high)?;
                }
            }
        }
        for (row, reference) in self.references.iter().enumerate() {
            for value in reference.numbers() {
                finite(about, "a reference", row, value)?;
            }
        }
        for (row, (x, _)) in self.beneath.iter().flat_map(|(_, cells)| cells).enumerate() {
            finite(about, "an x of a row beneath", row, *x)?;
        }
        self.strip.as_ref().map_or(Ok(()), |strip| strip.check(about))
    }

    fn data(&self) -> Data {
        let mut data = Data::new(&["series", &self.x.label, &self.y.label, "lower", "upper"]);
        for series in &self.series {
            for (row, (x, y)) in series.points.iter().enumerate() {
                let bar = series.bars.get(row);
                let ends = [bar.map(|(low, _)| *low).into(), bar.map(|(_, high)| *high).into()];
                data.rows.push([[series.label.as_str().into(), (*x).into(), (*y).into()].as_slice(), &ends].concat());
            }
            for (x, low, high) in &series.band {
                let name = format!("{}, band", series.label);
                data.rows.push(vec![name.as_str().into(), (*x).into(), Cell::Empty, (*low).into(), (*high).into()]);
            }
        }
        for (label, cells) in &self.beneath {
            for (x, text) in cells {
                data.rows.push(vec![
                    label.as_str().into(),
                    (*x).into(),
                    text.as_str().into(),
                    Cell::Empty,
                    Cell::Empty,
                ]);
            }
        }
        if let Some(strip) = &self.strip {
            for (side, counts) in [(&strip.above.0, &strip.above.1), (&strip.below.0, &strip.below.1)] {
                for (edges, count) in strip.edges.windows(2).zip(counts) {
                    let name = format!("{side}, from {} to {}", edges[0], edges[1]);
                    data.rows.push(vec![
                        name.as_str().into(),
                        edges[0].into(),
                        (*count).into(),
                        Cell::Empty,
                        Cell::Empty,
                    ]);
                }
            }
        }
        data
    }

    fn description(&self) -> String {
        let mut names: Vec<&str> = self.series.iter().map(|series| series.label.as_str()).collect();
        names.dedup();
        let names = names.join("; ");
        format!("{} against {}. Series: {names}. {}", self.y.label, self.x.label, self.notes.join(". "))
    }
}
