//! Who was included, who was not, and why: boxes from the top down (STARD 2015, PRISMA).

use super::drawing::{Anchor, Area, Colour, Drawing, Fill, Stroke, at};
use super::font::Typeface;
use super::palette::{INK, SOFT};
use super::scale::count;
use super::wrap::wrapped;
use super::{About, Cell, Data, Figure, FigureError, LETTERS, SMALL, WIDTH, some};

/// Those who left, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// Those who are there at a step, and those who leave after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who they are.
    pub text: String,
    /// How many.
    pub count: u64,
    /// Who leaves before the next step.
    pub excluded: Vec<Excluded>,
}

/// Steps from the top down.
///
/// ```
/// use uvid_evaluation::figure::{About, Flow};
///
/// let figure = Flow::new(About::new("flow", "Flow of examinations", ""), "examinations")
///     .step("In the table", 1_500)
///     .excluded("No outcome", 40)
///     .excluded("No score", 20)
///     .step("Analysed", 1_440)
///     .figure()?;
/// assert!(figure.csv().contains("No score,20"));
/// # Ok::<(), uvid_evaluation::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// What it says of itself.
    pub about: About,
    /// What is counted.
    pub unit: String,
    /// From the top.
    pub steps: Vec<Step>,
}

/// Widths of the boxes, and the room in them.
const INCLUDED: f64 = 290.0;
const LEAVING: f64 = 270.0;
const PADDING: f64 = 9.0;
const LINE: f64 = 15.0;

impl Flow {
    /// No steps yet.
    pub fn new(about: About, unit: impl Into<String>) -> Self {
        Self { about, unit: unit.into(), steps: Vec::new() }
    }

    /// With one more step.
    #[must_use]
    pub fn step(mut self, text: impl Into<String>, count: u64) -> Self {
        self.steps.push(Step { text: text.into(), count, excluded: Vec::new() });
        self
    }

    /// With a reason for which some leave after the last step that was named.
    #[must_use]
    pub fn excluded(mut self, reason: impl Into<String>, count: u64) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.excluded.push(Excluded { reason: reason.into(), count });
        }
        self
    }

    /// Laid out.
    ///
    /// # Errors
    ///
    /// There are no steps, or those who leave and those who stay are not those who were there.
    pub fn figure(self) -> Result<Figure, FigureError> {
        some(&self.about, "steps", &self.steps)?;
        for pair in self.steps.windows(2) {
            let left = pair[0].excluded.iter().fold(0u64, |sum, excluded| sum.saturating_add(excluded.count));
            if pair[1].count.checked_add(left) != Some(pair[0].count) {
                let (figure, what) = (self.about.id.clone(), "the count of a step");
                let domain = "the count before, less those excluded";
                return Err(FigureError::Domain { figure, what, value: pair[1].count as f64, domain });
            }
        }
        let drawing = self.drawing();
        let mut data = Data::new(&["step", "text", &self.unit]);
        for step in &self.steps {
            data.rows.push(vec!["included".into(), step.text.as_str().into(), Cell::Count(step.count)]);
            for excluded in &step.excluded {
                data.rows.push(vec!["excluded".into(), excluded.reason.as_str().into(), Cell::Count(excluded.count)]);
            }
        }
        let steps: Vec<String> = self.steps.iter().map(|step| format!("{}: {}", step.text, step.count)).collect();
        let description = format!("Flow of {}. {}", self.unit, steps.join("; "));
        Figure::new(self.about, description, drawing, data)
    }

    fn drawing(&self) -> Drawing {
        let mut drawing = Drawing::new(WIDTH, 0.0);
        let left = 12.0;
        let mut top = 8.0;
        for (i, step) in self.steps.iter().enumerate() {
            let bottom = self.included(&mut drawing, step, left, top);
            let last = i + 1 == self.steps.len();
            let middle = left + INCLUDED / 2.0;
            if step.excluded.is_empty() {
                if !last {
                    arrow(&mut drawing, (middle, bottom), (middle, bottom + 28.0));
                }
                top = bottom + if last { 0.0 } else { 28.0 };
                continue;
            }
            let beside = bottom + 14.0;
            let end = self.leaving(&mut drawing, step, WIDTH - 12.0 - LEAVING, beside);
            let across = (beside + end) / 2.0;
            if last {
                drawing.segment(at(middle, bottom), at(middle, across), Stroke::solid(SOFT, 1.3));
            } else {
                arrow(&mut drawing, (middle, bottom), (middle, end + 14.0));
            }
            arrow(&mut drawing, (middle, across), (WIDTH - 12.0 - LEAVING, across));
            top = end + 14.0;
        }
        drawing.height = (top + 8.0).ceil();
        drawing
    }

    /// A step's box; its lower edge.
    fn included(&self, drawing: &mut Drawing, step: &Step, x: f64, y: f64) -> f64 {
        let lines = wrapped(&step.text, LETTERS, Typeface::Regular, INCLUDED - 2.0 * PADDING, 5);
        let height = 2.0 * PADDING + LINE * (lines.len() + 1) as f64;
        let fill = Fill::solid(Colour(0, 114, 178).tint(0.10));
        drawing.rectangle(Area { x, y, width: INCLUDED, height }, Some(Stroke::solid(SOFT, 1.2)), Some(fill));
        let middle = x + INCLUDED / 2.0;
        let mut base = y + PADDING + 11.5;
        for line in lines {
            drawing.text(at(middle, base), line, LETTERS, Anchor::Middle, INK);
            base += LINE;
        }
        let counted = format!("{} {}", count(step.count), self.unit);
        drawing.bold(at(middle, base), fit(&counted, INCLUDED - 2.0 * PADDING), LETTERS, Anchor::Middle, INK);
        y + height
    }

    /// The box of those who leave; its lower edge.
    fn leaving(&self, drawing: &mut Drawing, step: &Step, x: f64, y: f64) -> f64 {
        let inside = LEAVING - 2.0 * PADDING;
        let numbers: Vec<String> = step.excluded.iter().map(|excluded| count(excluded.count)).collect();
        let measure = |text: &String| super::font::width(text, SMALL, Typeface::Regular);
        let column = numbers.iter().map(measure).fold(0.0, f64::max) + 8.0;
        let reason = |e: &Excluded| wrapped(&e.reason, SMALL, Typeface::Regular, inside - column, 4);
        let reasons: Vec<Vec<String>> = step.excluded.iter().map(reason).collect();
        let lines: usize = reasons.iter().map(Vec::len).sum();
        let height = 2.0 * PADDING + LINE * (lines + 1) as f64 + 3.0;
        let fill = Fill::solid(Colour::WHITE);
        drawing.rectangle(Area { x, y, width: LEAVING, height }, Some(Stroke::solid(SOFT, 1.0)), Some(fill));
        let all = step.excluded.iter().fold(0u64, |sum, excluded| sum.saturating_add(excluded.count));
        let mut base = y + PADDING + 11.0;
        let head = fit(&format!("Excluded: {}", count(all)), inside);
        drawing.bold(at(x + PADDING, base), head, LETTERS, Anchor::Start, INK);
        base += LINE + 3.0;
        for (number, reason) in numbers.into_iter().zip(reasons) {
            drawing.text(at(x + PADDING + column - 8.0, base), number, SMALL, Anchor::End, INK);
            for line in reason {
                drawing.text(at(x + PADDING + column, base), line, SMALL, Anchor::Start, INK);
                base += LINE;
            }
        }
        y + height
    }
}

fn fit(text: &str, room: f64) -> String {
    super::wrap::shortened(text, LETTERS, Typeface::Bold, room)
}

/// A line with a head, straight down or to the right.
fn arrow(drawing: &mut Drawing, from: (f64, f64), to: (f64, f64)) {
    let down = from.0 == to.0;
    let stop = if down { at(to.0, to.1 - 6.0) } else { at(to.0 - 6.0, to.1) };
    drawing.segment(at(from.0, from.1), stop, Stroke::solid(SOFT, 1.3));
    let (wide, long) = (4.0, 8.0);
    let head = if down {
        vec![at(to.0, to.1), at(to.0 - wide, to.1 - long), at(to.0 + wide, to.1 - long)]
    } else {
        vec![at(to.0, to.1), at(to.0 - long, to.1 - wide), at(to.0 - long, to.1 + wide)]
    };
    drawing.polygon(head, None, Some(Fill::solid(SOFT)));
}
