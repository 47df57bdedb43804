//! Properties of all figures: whatever the numbers and labels, what is drawn lies within the drawing, no label lies on
//! another, and the SVG is XML.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::drawing::{Area, Drawing, Mark};
use super::*;
use crate::xml::well_formed;

fn about() -> About {
    About::new("figure-1", "A <title> & \"more\"", "Caption")
}

/// How far a part may lie outside: half of a line's width, and rounding.
const SLACK: f64 = 1.0;

fn check(figure: &Figure) {
    let drawing = figure.drawing();
    for mark in &drawing.marks {
        for (x, y) in corners(mark) {
            assert!(x.is_finite() && y.is_finite(), "{mark:?}");
            let inside = x >= -SLACK && y >= -SLACK && x <= drawing.width + SLACK && y <= drawing.height + SLACK;
            assert!(inside, "{mark:?} in {} x {}", drawing.width, drawing.height);
        }
    }
    no_overlaps(drawing);
    well_formed(&figure.svg()).unwrap();
    assert!(figure.pdf().starts_with(b"%PDF"));
    assert_eq!(figure.svg(), figure.clone().svg());
}

fn no_overlaps(drawing: &Drawing) {
    let labels: Vec<_> = drawing.labels().collect();
    for (i, label) in labels.iter().enumerate() {
        for other in &labels[..i] {
            assert!(!shrunk(label.area()).overlaps(shrunk(other.area())), "{label:?}\n{other:?}");
        }
    }
}

fn shrunk(area: Area) -> Area {
    Area { x: area.x + 0.5, y: area.y + 0.5, width: area.width - 1.0, height: area.height - 1.0 }
}

fn corners(mark: &Mark) -> Vec<(f64, f64)> {
    let of = |area: Area| vec![(area.x, area.y), (area.right(), area.bottom())];
    match mark {
        Mark::Path { places, .. } => places.iter().map(|place| (place.x, place.y)).collect(),
        Mark::Rectangle { area, .. } | Mark::Picture { area, .. } => of(*area),
        Mark::Circle { centre, radius, .. } => {
            vec![(centre.x - radius, centre.y - radius), (centre.x + radius, centre.y + radius)]
        }
        Mark::Text(label) => of(label.area()),
    }
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 ,.()čćđšž<>&\"'κ≥−]{1,24}",
        "[a-zA-Z ]{30,90}",
        "[A-Z]{40,60}",
        Just("Age 50 to 59".to_owned())
    ]
}

/// Numbers of very different sizes.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![-1.0..1.0f64, -1e-6..1e-6f64, -1e6..1e6f64, 1e9..1e9 + 10.0, Just(0.0)]
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::Line), Just(Form::Steps), Just(Form::Points), Just(Form::LineAndPoints)]
}

prop_compose! {
    fn series()(label in label(), rows in vec((number(), number(), 0.0..1.0f64), 0..20), form in form(), crowd in any::<bool>(),
                band in any::<bool>()) -> Series {
        let points: Vec<(f64, f64)> = rows.iter().map(|(x, y, _)| (*x, *y)).collect();
        let bars: Vec<(f64, f64)> = rows.iter().map(|(_, y, half)| (y - half, y + half)).collect();
        let mut series = Series::new(label, &points, form).bars(&bars);
        if band {
            series = series.band(&rows.iter().map(|(x, y, half)| (*x, y - half, y + half)).collect::<Vec<_>>());
        }
        if crowd { series.crowd() } else { series }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn plots(all in vec(series(), 1..9), x in label(), y in label(), reference in number(), note in label(),
             square in any::<bool>(), range in proptest::option::of((number(), 1e-3..1e3f64)), log in any::<bool>()) {
        let mut x = Axis::new(x);
        if let Some((low, wide)) = range {
            x = if log { Axis::new("x").range(wide, wide * 50.0).log() } else { x.range(low, low + wide) };
        }
        let mut plot = Plot::new(about(), x, Axis::new(y)).note(note);
        plot.series = all;
        plot.references = vec![Reference::Diagonal("=".into()), Reference::Horizontal(reference, "a line".into())];
        if square {
            plot = plot.square().beneath("At risk", &[(0.0, "1,440"), (0.001, "1,200"), (0.0005, "7")]);
        }
        match plot.figure() {
            Ok(figure) => check(&figure),
            Err(error) => prop_assert!(matches!(error, FigureError::Empty { .. } | FigureError::Domain { .. }), "{error}"),
        }
    }

    #[test]
    fn histograms(counts in vec((0..5000u64, 0..50u64), 1..40), names in (label(), label()), mirrored in any::<bool>(),
                  shares in any::<bool>(), at in -0.5..1.5f64, wide in 1e-3..1e3f64) {
        let edges: Vec<f64> = (0..=counts.len()).map(|i| i as f64 * wide).collect();
        let (one, two): (Vec<u64>, Vec<u64>) = counts.into_iter().unzip();
        let side = if mirrored { Side::Mirrored } else { Side::Overlaid };
        let mut histogram = Histogram::new(about(), Axis::new("Score"), &edges, side).class(names.0, &one).class(names.1, &two);
        histogram = histogram.threshold(at, "A threshold");
        if shares {
            histogram = histogram.shares();
        }
        check(&histogram.figure().unwrap());
    }

    #[test]
    fn forests(rows in vec((label(), label(), number(), 0.0..10.0f64, 1e-3..1e3f64, 0..4u8), 1..14),
               heads in (label(), label(), label()), range in any::<bool>()) {
        let axis = if range { Axis::new("AUC").range(0.5, 1.0) } else { Axis::new("AUC") };
        let mut forest = Forest::new(about(), axis).columns(&heads.0, &heads.1, &heads.2).reference(0.8).note(heads.0.clone());
        for (label, counts, value, half, weight, kind) in rows {
            let (interval, text) = ((value - half, value + half), format!("{value:.2} ({half:.2})"));
            forest = forest.row(match kind {
                0 => ForestRow::Heading(label),
                1 => ForestRow::Summary { label, counts, value, interval, text },
                2 => ForestRow::Missing { label, reason: counts.clone(), counts },
                _ => ForestRow::Estimate { label, counts, value, interval: Some(interval).filter(|_| half > 0.1), weight, text },
            });
        }
        check(&forest.figure().unwrap());
    }

    #[test]
    fn bars(rows in vec((label(), vec(proptest::option::of((number(), label(), 0.0..2.0f64)), 3)), 1..8), axis in label()) {
        let mut bars = Bars::new(about(), Axis::new(axis), &["one", "two", "a third with a name that is long"]);
        for (label, of) in rows {
            let bar = |(value, text, half): (f64, String, f64)| Bar::new(value, text).interval(value - half, value + half);
            bars = bars.category(label, of.into_iter().map(|b| b.map(bar)).collect());
        }
        check(&bars.figure().unwrap());
    }

    #[test]
    fn flows(steps in vec((label(), vec((label(), 0..1_000_000u64), 0..5)), 1..6), unit in label()) {
        let mut left: u64 = 100_000_000;
        let mut flow = Flow::new(about(), unit);
        for (text, excluded) in steps {
            flow = flow.step(text, left);
            for (reason, count) in excluded {
                flow = flow.excluded(reason, count);
                left -= count;
            }
        }
        check(&flow.figure().unwrap());
    }

    #[test]
    fn matrices(columns in vec(label(), 1..10), rows in vec(label(), 1..6), most in 1..100_000_000u64, heads in (label(), label())) {
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut matrix = Matrix::new(about(), heads.0, heads.1).columns(&names);
        for row in rows {
            matrix = matrix.row(row, &(0..names.len() as u64).map(|c| most / (c + 1)).collect::<Vec<_>>());
        }
        check(&matrix.figure().unwrap());
    }

    #[test]
    fn galleries(panels in vec((label(), label(), 1..60u32, 1..60u32, vec((0.0..60.0f64, 0.0..60.0f64), 1..6)), 1..9), across in 1..5usize) {
        let mut gallery = Gallery::new(about(), "Lesion", "Model").across(across);
        for (title, line, width, height, points) in panels {
            let picture = Arc::new(Picture::grey(width, height, &vec![9; (width * height) as usize]).unwrap());
            let outlines = vec![Outline::Around(Whose::Truth, points.clone()), Outline::Point(Whose::Model, points[0])];
            gallery = gallery.panel(Panel { title, picture, outlines, lines: vec![line] });
        }
        check(&gallery.figure().unwrap());
    }
}

#[test]
fn what_is_not_finite_is_refused() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let plot = |series: Series| Plot::roc(about()).series(series).figure();
        let points = [(0.0, 0.0), (1.0, 1.0)];
        assert!(plot(Series::line("a", &[(0.0, 0.0), (bad, 1.0)])).is_err());
        assert!(plot(Series::line("a", &[(0.0, bad)])).is_err());
        assert!(plot(Series::line("a", &points).band(&[(0.0, bad, 1.0)])).is_err());
        assert!(plot(Series::line("a", &points).bars(&[(0.0, 1.0), (bad, 1.0)])).is_err());
        assert!(Plot::roc(about()).reference(Reference::Vertical(bad, String::new())).figure().is_err());
        assert!(Plot::new(about(), Axis::new("x").range(0.0, bad), Axis::new("y").range(0.0, 1.0)).figure().is_err());
        assert!(Plot::bland_altman(about(), "mm", &[(1.0, bad)], 0.0, (0.0, 1.0)).is_err());
        let edges = [0.0, bad];
        assert!(Histogram::new(about(), Axis::new("x"), &edges, Side::Overlaid).class("a", &[1]).figure().is_err());
        assert!(
            Bars::new(about(), Axis::new("x"), &["a"]).category("b", vec![Some(Bar::new(bad, ""))]).figure().is_err()
        );
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let points = [(0.0, 0.0), (1.0, 1.0)];
    assert!(Plot::roc(about()).series(Series::points("a", &points).bars(&[(0.0, 1.0)])).figure().is_err());
    assert!(Histogram::new(about(), Axis::new("x"), &[0.0, 1.0], Side::Overlaid).class("a", &[1, 2]).figure().is_err());
    assert!(Histogram::new(about(), Axis::new("x"), &[0.0, 0.0], Side::Overlaid).class("a", &[1]).figure().is_err());
    assert!(Matrix::new(about(), "a", "b").columns(&["c"]).row("d", &[1, 2]).figure().is_err());
    assert!(Flow::new(about(), "rows").step("all", 10).excluded("bad", 3).step("left", 8).figure().is_err());
    assert!(Plot::roc(About::new("No Id", "", "")).figure().is_err());
}
