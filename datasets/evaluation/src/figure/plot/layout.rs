//! Where the parts of a plot lie.

use super::super::drawing::{Anchor, Area, Drawing, Fill, Stroke, at};
use super::super::font::{Typeface, width};
use super::super::palette::{COLOURS, INK, SOFT};
use super::super::scale::Span;
use super::super::wrap::shortened;
use super::super::{FigureError, SMALL, WIDTH};
use super::{Frame, Legend, Plot, Strip, draw, legend, x_axis, y_axis, y_ticks_width};

/// Above the plot, and to its right.
const TOP: f64 = 12.0;
const RIGHT: f64 = 22.0;
/// Height of a plot that is wider than high; the side of a square one.
const HEIGHT: f64 = 280.0;
const SIDE: f64 = 325.0;
/// Height of a strip, and the room above it.
const STRIP: f64 = 74.0;
const STRIP_GAP: f64 = 12.0;

/// The plot, laid out.
pub(super) fn drawing(plot: &Plot) -> Result<Drawing, FigureError> {
    let (x, y) = spans(plot)?;
    let height = if plot.square { SIDE } else { HEIGHT };
    let left = y_ticks_width(&plot.y, y, height) + 2.0;
    let wide = if plot.square { SIDE } else { WIDTH - left - RIGHT };
    let frame = Frame { area: Area { x: left, y: TOP, width: wide, height }, x, y };
    let mut drawing = Drawing::new(WIDTH, 0.0);
    let mut bottom = frame.area.bottom();
    if plot.strip.is_some() {
        bottom += STRIP_GAP + STRIP;
    }
    y_axis(&mut drawing, &frame, &plot.y);
    let beneath = x_axis(&mut drawing, &frame, &plot.x, bottom);
    if let Some(counts) = &plot.strip {
        strip(&mut drawing, counts, &frame);
    }
    draw::all(&mut drawing, plot, &frame);
    bottom += beneath;
    bottom += rows_beneath(&mut drawing, plot, &frame, bottom);
    let entries = draw::entries(plot);
    let right = frame.area.right() + 20.0;
    let beside = plot.square && plot.legend == Legend::Beside;
    match plot.legend {
        Legend::None => {}
        Legend::Beside if beside => {
            let high = legend(&mut drawing, &entries, right, TOP + 2.0, WIDTH - right - 6.0);
            bottom = bottom.max(TOP + 2.0 + high);
        }
        Legend::Beside | Legend::Beneath => {
            bottom += 12.0;
            bottom += legend(&mut drawing, &entries, frame.area.x, bottom, WIDTH - frame.area.x - 6.0);
        }
    }
    drawing.height = (bottom + 8.0).ceil();
    Ok(drawing)
}

/// Words under their x, a row a line after its label; the height that they take.
fn rows_beneath(drawing: &mut Drawing, plot: &Plot, frame: &Frame, top: f64) -> f64 {
    let mut bottom = top + 4.0;
    for (label, cells) in &plot.beneath {
        let room = WIDTH - frame.area.x - 6.0;
        drawing.text(
            at(frame.area.x, bottom + 11.0),
            shortened(label, SMALL, Typeface::Regular, room),
            SMALL,
            Anchor::Start,
            SOFT,
        );
        let mut places: Vec<(f64, &str)> = cells.iter().map(|(x, text)| (frame.across(*x), text.as_str())).collect();
        places.sort_by(|(one, _), (two, _)| one.total_cmp(two));
        let half = |text: &str, size| width(text, size, Typeface::Regular) / 2.0;
        // None is left out and none lies on another: all are as small as the closest two need.
        let need =
            |pair: &[(f64, &str)]| (pair[1].0 - pair[0].0) / (half(pair[0].1, SMALL) + half(pair[1].1, SMALL) + 6.0);
        let edges = places.iter().map(|(x, text)| (x - 2.0).min(WIDTH - 2.0 - x) / half(text, SMALL).max(0.1));
        let share = places.windows(2).map(need).chain(edges).fold(1.0, f64::min);
        for (x, text) in places {
            drawing.text(at(x, bottom + 25.0), text, SMALL * share, Anchor::Middle, INK);
        }
        bottom += 30.0;
    }
    if plot.beneath.is_empty() { 0.0 } else { bottom - top }
}

/// The axes' ranges: given, or as far as points, bands, bars and references go.
fn spans(plot: &Plot) -> Result<(Span, Span), FigureError> {
    use super::Reference;
    let id = &plot.about.id;
    let mut xs: Vec<f64> = Vec::new();
    let mut ys: Vec<f64> = Vec::new();
    for series in &plot.series {
        xs.extend(series.points.iter().map(|(x, _)| *x));
        xs.extend(series.band.iter().map(|(x, ..)| *x));
        xs.extend(series.bars_across.iter().flat_map(|(low, high)| [*low, *high]));
        ys.extend(series.points.iter().map(|(_, y)| *y));
        ys.extend(series.band.iter().flat_map(|(_, low, high)| [*low, *high]));
        ys.extend(series.bars.iter().flat_map(|(low, high)| [*low, *high]));
    }
    for reference in &plot.references {
        match reference {
            Reference::Diagonal(_) => {}
            Reference::Horizontal(y, _) => ys.push(*y),
            Reference::Vertical(x, _) => xs.push(*x),
        }
    }
    if let Some(strip) = &plot.strip {
        xs.extend(&strip.edges);
    }
    let (x, y) = (Span::of(&plot.x, xs.into_iter(), id)?, Span::of(&plot.y, ys.into_iter(), id)?);
    // What stands beneath a place has to have one.
    let places = plot.beneath.iter().flat_map(|(_, cells)| cells).map(|(at, _)| *at);
    if let Some(value) = places.into_iter().find(|at| !(-1e-9..=1.0 + 1e-9).contains(&x.share(*at))) {
        let (figure, what) = (id.clone(), "an x of a row beneath");
        return Err(FigureError::Domain { figure, what, value, domain: "within the x axis" });
    }
    Ok((x, y))
}

/// Counts under the plot, the one class upwards and the other downwards from a line in the middle.
fn strip(drawing: &mut Drawing, strip: &Strip, frame: &Frame) {
    let top = frame.area.bottom() + STRIP_GAP;
    let (middle, half) = (top + STRIP / 2.0, STRIP / 2.0 - 13.0);
    let (left, right) = (frame.area.x, frame.area.right());
    for ((name, counts), up, colour) in [(&strip.above, true, COLOURS[1]), (&strip.below, false, COLOURS[0])] {
        // Each class has its own height: cancers are few.
        let most = counts.iter().copied().max().unwrap_or(0);
        for (edges, count) in strip.edges.windows(2).zip(counts).filter(|(_, count)| **count > 0) {
            let (from, to) = (frame.across(edges[0]).clamp(left, right), frame.across(edges[1]).clamp(left, right));
            // What is there is seen: at least a pixel.
            let high = (*count as f64 / most as f64 * half).max(1.0);
            let y = if up { middle - high } else { middle };
            let fill = Fill { colour, opacity: 0.75 };
            drawing.rectangle(Area { x: from, y, width: (to - from - 0.6).max(0.4), height: high }, None, Some(fill));
        }
        let of = format!("at most {} in a bin", super::super::count(most));
        let room = right - left - width(&of, SMALL, Typeface::Regular) - 10.0;
        let name = shortened(&format!("{} {name}", if up { "↑" } else { "↓" }), SMALL, Typeface::Regular, room);
        let base = if up { top + 9.0 } else { top + STRIP - 4.0 };
        drawing.text(at(left + 3.0, base), name, SMALL, Anchor::Start, SOFT);
        drawing.text(at(right - 2.0, base), of, SMALL, Anchor::End, SOFT);
    }
    drawing.segment(at(left, middle), at(right, middle), Stroke::solid(SOFT, 0.8));
}
