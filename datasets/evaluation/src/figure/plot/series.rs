//! What is drawn between the axes.

use super::super::{About, FigureError, finite, same_length};

/// How points are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Joined by straight lines.
    Line,
    /// Each holds until the next x.
    Steps,
    /// By themselves.
    Points,
    /// Joined by straight lines, and shown.
    LineAndPoints,
}

/// Where a series gets its colour, dash and marker from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The next of the palette.
    Next,
    /// The one with this number, from 0: the same for the same model in all figures, or for a curve and the points on it.
    Number(usize),
    /// One of many: thin and grey, and the legend names each label once.
    Crowd,
}

/// Points that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What the legend calls it; nothing if it is empty.
    pub label: String,
    /// x and y, in the order in which they are joined.
    pub points: Vec<(f64, f64)>,
    /// x, lower, upper: an area behind the line.
    pub band: Vec<(f64, f64, f64)>,
    /// For each point the lower and upper end of its y; or none at all.
    pub bars: Vec<(f64, f64)>,
    /// For each point the lower and upper end of its x; or none at all.
    pub bars_across: Vec<(f64, f64)>,
    /// How points are drawn.
    pub form: Form,
    /// Where colour, dash and marker come from.
    pub look: Look,
}

impl Series {
    /// Points in a form.
    pub fn new(label: impl Into<String>, points: &[(f64, f64)], form: Form) -> Self {
        let (bars, bars_across) = (Vec::new(), Vec::new());
        let (label, points) = (label.into(), points.to_vec());
        Self { label, points, band: Vec::new(), bars, bars_across, form, look: Look::Next }
    }

    /// Points joined by straight lines.
    pub fn line(label: impl Into<String>, points: &[(f64, f64)]) -> Self {
        Self::new(label, points, Form::Line)
    }

    /// Points each of which holds until the next x.
    pub fn steps(label: impl Into<String>, points: &[(f64, f64)]) -> Self {
        Self::new(label, points, Form::Steps)
    }

    /// Points by themselves.
    pub fn points(label: impl Into<String>, points: &[(f64, f64)]) -> Self {
        Self::new(label, points, Form::Points)
    }

    /// With an area behind: x, lower, upper. A series of steps has a band of steps.
    #[must_use]
    pub fn band(mut self, band: &[(f64, f64, f64)]) -> Self {
        self.band = band.to_vec();
        self
    }

    /// With an interval of y for each point.
    #[must_use]
    pub fn bars(mut self, bars: &[(f64, f64)]) -> Self {
        self.bars = bars.to_vec();
        self
    }

    /// With an interval of x for each point.
    #[must_use]
    pub fn bars_across(mut self, bars: &[(f64, f64)]) -> Self {
        self.bars_across = bars.to_vec();
        self
    }

    /// Thin and grey, one of many.
    #[must_use]
    pub fn crowd(mut self) -> Self {
        self.look = Look::Crowd;
        self
    }

    /// With the colour, dash and marker of that number.
    #[must_use]
    pub fn look(mut self, number: usize) -> Self {
        self.look = Look::Number(number);
        self
    }
}

/// A line to compare with, over the whole plot. A label that is not empty stands in the legend.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// Where x is y.
    Diagonal(String),
    /// At a y.
    Horizontal(f64, String),
    /// At an x.
    Vertical(f64, String),
}

impl Reference {
    pub(super) fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Diagonal(_) => Vec::new(),
            Self::Horizontal(value, _) | Self::Vertical(value, _) => vec![*value],
        }
    }

    pub(super) fn label(&self) -> &str {
        match self {
            Self::Diagonal(label) | Self::Horizontal(_, label) | Self::Vertical(_, label) => label,
        }
    }
}

/// Counts of two classes over the plot's x, one upwards and one downwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Edges of the bins, rising; one more than there are counts.
    pub edges: Vec<f64>,
    /// What is counted upwards, and how many are in each bin.
    pub above: (String, Vec<u64>),
    /// What is counted downwards, and how many are in each bin.
    pub below: (String, Vec<u64>),
}

impl Strip {
    pub(super) fn check(&self, about: &About) -> Result<(), FigureError> {
        check_bins(about, &self.edges, &[&self.above.1, &self.below.1])
    }
}

/// Edges are finite and rise, and there is a count between each two.
pub(in super::super) fn check_bins(about: &About, edges: &[f64], counts: &[&Vec<u64>]) -> Result<(), FigureError> {
    if edges.len() < 2 {
        return Err(FigureError::Empty { figure: about.id.clone(), what: "bins" });
    }
    for (row, edge) in edges.iter().enumerate() {
        finite(about, "an edge of a bin", row, *edge)?;
    }
    if let Some(pair) = edges.windows(2).find(|pair| pair[0] >= pair[1]) {
        let (figure, value) = (about.id.clone(), pair[1]);
        return Err(FigureError::Domain { figure, what: "an edge of a bin", value, domain: "above the edge before" });
    }
    counts.iter().try_for_each(|counts| same_length(about, "counts of bins", edges.len() - 1, counts.len()))
}
