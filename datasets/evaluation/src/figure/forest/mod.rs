//! One estimate a row, with its interval: subgroups, sites, studies.

mod layout;

use super::{About, Axis, Cell, Data, Figure, FigureError, finite, some};

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub enum ForestRow {
    /// What the rows beneath have in common.
    Heading(String),
    /// An estimate.
    Estimate {
        /// What it is of.
        label: String,
        /// How many it is of, as "85 / 1,440".
        counts: String,
        /// The number.
        value: f64,
        /// Its interval, if there is one: without, the square stands alone.
        interval: Option<(f64, f64)>,
        /// How much it weighs beside the others, above 0: the area of its square.
        weight: f64,
        /// The number and its interval, written.
        text: String,
    },
    /// All together: a diamond as wide as the interval.
    Summary {
        /// What it is of.
        label: String,
        /// How many it is of.
        counts: String,
        /// The number.
        value: f64,
        /// Its interval.
        interval: (f64, f64),
        /// The number and its interval, written.
        text: String,
    },
    /// There is no number, and why.
    Missing {
        /// What there is none of.
        label: String,
        /// How many there are.
        counts: String,
        /// Why.
        reason: String,
    },
}

/// One estimate a row.
///
/// ```
/// use uvid_evaluation::figure::{About, Axis, Forest, ForestRow};
///
/// let row = ForestRow::Estimate {
///     label: "Under 50".into(), counts: "20 / 400".into(), value: 0.85, interval: Some((0.78, 0.92)), weight: 400.0,
///     text: "0.85 (0.78 to 0.92)".into(),
/// };
/// let figure = Forest::new(About::new("age", "AUC by age", ""), Axis::new("AUC").range(0.5, 1.0))
///     .columns("Group", "Cancers / women", "AUC (95% interval)")
///     .row(ForestRow::Heading("Age".into()))
///     .row(row)
///     .reference(0.88)
///     .note("Test of no difference: Q 3.1, p 0.21; I² 35%")
///     .figure()?;
/// assert_eq!(figure.data().rows.len(), 1);
/// # Ok::<(), uvid_evaluation::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    /// What it says of itself.
    pub about: About,
    /// To the right.
    pub x: Axis,
    /// Heads of the columns: labels, counts, estimates.
    pub heads: [String; 3],
    /// From the top.
    pub rows: Vec<ForestRow>,
    /// A line to compare with.
    pub line: Option<f64>,
    /// Beneath, as the test of heterogeneity.
    pub notes: Vec<String>,
}

impl Forest {
    /// No rows yet.
    pub fn new(about: About, x: Axis) -> Self {
        Self { about, x, heads: Default::default(), rows: Vec::new(), line: None, notes: Vec::new() }
    }

    /// With heads for its columns.
    #[must_use]
    pub fn columns(mut self, label: &str, counts: &str, estimate: &str) -> Self {
        self.heads = [label, counts, estimate].map(str::to_owned);
        self
    }

    /// With one more row.
    #[must_use]
    pub fn row(mut self, row: ForestRow) -> Self {
        self.rows.push(row);
        self
    }

    /// With a line to compare with.
    #[must_use]
    pub fn reference(mut self, value: f64) -> Self {
        self.line = Some(value);
        self
    }

    /// With a line of text beneath.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Laid out.
    ///
    /// # Errors
    ///
    /// There are no rows, a number is NaN or infinite, a weight is not above 0.
    pub fn figure(self) -> Result<Figure, FigureError> {
        some(&self.about, "rows", &self.rows)?;
        let mut data = Data::new(&["group", "label", "counts", &self.x.label, "lower", "upper", "note"]);
        let mut group = String::new();
        for (row, of) in self.rows.iter().enumerate() {
            let first = |label: &str, counts: &str| vec![group.as_str().into(), label.into(), counts.into()];
            match of {
                ForestRow::Heading(text) => group.clone_from(text),
                ForestRow::Estimate { label, counts, value, .. } | ForestRow::Summary { label, counts, value, .. } => {
                    let ends = ends(of);
                    for number in [Some(*value), ends.map(|ends| ends.0), ends.map(|ends| ends.1)].into_iter().flatten()
                    {
                        finite(&self.about, "an estimate", row, number)?;
                    }
                    if let ForestRow::Estimate { weight, .. } = of
                        && !(weight.is_finite() && *weight > 0.0)
                    {
                        let (figure, what) = (self.about.id.clone(), "a weight");
                        return Err(FigureError::Domain { figure, what, value: *weight, domain: "above 0" });
                    }
                    let end = |of: fn((f64, f64)) -> f64| ends.map_or(Cell::Empty, |ends| of(ends).into());
                    let numbers: [Cell; 3] = [(*value).into(), end(|ends| ends.0), end(|ends| ends.1)];
                    let note = if ends.is_none() { "no interval".into() } else { Cell::Empty };
                    data.rows.push([first(label, counts).as_slice(), &numbers, &[note]].concat());
                }
                ForestRow::Missing { label, counts, reason } => {
                    let none = [Cell::Empty, Cell::Empty, Cell::Empty, reason.as_str().into()];
                    data.rows.push([first(label, counts).as_slice(), &none].concat());
                }
            }
        }
        if let Some(line) = self.line {
            finite(&self.about, "the line to compare with", 0, line)?;
        }
        let drawing = layout::drawing(&self)?;
        let description = format!("Forest plot of {}. {}", self.x.label, self.notes.join(". "));
        Figure::new(self.about, description, drawing, data)
    }
}

/// The interval, where there is one.
fn ends(row: &ForestRow) -> Option<(f64, f64)> {
    match row {
        ForestRow::Estimate { interval, .. } => *interval,
        ForestRow::Summary { interval, .. } => Some(*interval),
        ForestRow::Heading(_) | ForestRow::Missing { .. } => None,
    }
}

/// What of the axis a row needs.
fn extent(row: &ForestRow) -> Option<(f64, f64)> {
    match row {
        ForestRow::Estimate { value, .. } | ForestRow::Summary { value, .. } => {
            let (low, high) = ends(row).unwrap_or((*value, *value));
            Some((low.min(*value), high.max(*value)))
        }
        ForestRow::Heading(_) | ForestRow::Missing { .. } => None,
    }
}

fn weight(row: &ForestRow) -> Option<f64> {
    match row {
        ForestRow::Estimate { weight, .. } => Some(*weight),
        ForestRow::Heading(_) | ForestRow::Summary { .. } | ForestRow::Missing { .. } => None,
    }
}
