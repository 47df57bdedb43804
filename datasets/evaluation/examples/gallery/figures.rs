//! Curves and points, from invented numbers; the other kinds are in `kinds`.

use uvid_evaluation::figure::{About, Figure, FigureError, Plot, Reference, Series, Side, Strip};

use super::kinds;

pub type Result<T> = std::result::Result<T, FigureError>;

/// All of them.
pub fn all() -> Result<Vec<Figure>> {
    Ok(vec![
        kinds::flow()?,
        roc()?,
        precision_recall()?,
        froc("froc", false)?,
        froc("froc-log", true)?,
        calibration()?,
        decision_curve()?,
        survival()?,
        by_year()?,
        kinds::histogram("scores-mirrored", Side::Mirrored)?,
        kinds::histogram("scores-overlaid", Side::Overlaid)?,
        kinds::forest()?,
        kinds::confusion()?,
        kinds::grades()?,
        kinds::bland_altman()?,
        kinds::bars()?,
        kinds::many_bars()?,
        kinds::misses()?,
    ])
}

/// A binormal ROC curve.
fn curve(strength: f64) -> Vec<(f64, f64)> {
    (0..=100).map(|i| f64::from(i) / 100.0).map(|x| (x, x.powf(1.0 / strength))).collect()
}

fn band(points: &[(f64, f64)], half: f64) -> Vec<(f64, f64, f64)> {
    let wide = |y: f64| half * (y * (1.0 - y)).sqrt() * 2.0;
    points.iter().map(|(x, y)| (*x, (y - wide(*y)).max(0.0), (y + wide(*y)).min(1.0))).collect()
}

fn roc() -> Result<Figure> {
    let about = About::new(
        "roc",
        "ROC curves of models and readers",
        "Bands are pointwise 95% intervals of the sensitivity, from 2,000 bootstrap samples of patients.",
    );
    let mut plot = Plot::roc(about).note("1,440 breasts of 720 women, 85 with cancer");
    for reader in 0..14 {
        let strength = 3.0 + 0.22 * f64::from(reader);
        plot = plot.series(Series::line("Readers (14)", &curve(strength)).crowd());
    }
    let models = ["GMIC top5", "GMIC top1", "GLAM", "DMV-CNN", "Faster R-CNN ensemble with a long name of its authors"];
    for (i, name) in models.into_iter().enumerate() {
        let points = curve(7.4 - 1.1 * i as f64);
        let label = format!("{name}: {:.3} (0.842 to 0.915)", 0.8812 - 0.03 * i as f64);
        let series = Series::line(label, &points);
        plot = plot.series(if i == 0 { series.band(&band(&points, 0.05)) } else { series });
    }
    let point = Series::points("GMIC top5 at its threshold", &[(0.18, 0.79)]).bars(&[(0.70, 0.87)]);
    plot.series(point.bars_across(&[(0.15, 0.21)]).look(0)).figure()
}

fn precision_recall() -> Result<Figure> {
    let about =
        About::new("pr", "Precision and recall", "Davis and Goadrich's interpolation is not used: each point holds.");
    let points: Vec<(f64, f64)> =
        (1..=60).map(|i| f64::from(i) / 60.0).map(|x| (x, 0.06 + 0.8 * (1.0 - x).powi(2))).collect();
    Plot::precision_recall(about, 0.059).series(Series::steps("GMIC top5: AP 0.407 (0.31 to 0.50)", &points)).figure()
}

fn froc(id: &str, log: bool) -> Result<Figure> {
    let about = About::new(id, "FROC curve", "A mark hits a lesion if its centre lies within the outline.");
    let points: Vec<(f64, f64)> =
        (0..=80).map(|i| f64::from(i) / 20.0).map(|x| (x, 0.92 * (1.0 - (-1.6 * x - 0.1).exp()))).collect();
    let other: Vec<(f64, f64)> = points.iter().map(|(x, y)| (*x, y * 0.85)).collect();
    Plot::froc(about, 4.0, log)
        .series(Series::steps("Model A", &points).band(&band(&points, 0.06)))
        .series(Series::steps("Model B", &other))
        .figure()
}

fn calibration() -> Result<Figure> {
    let about =
        About::new("calibration", "Calibration", "Points are tenths of the predictions with 95% Wilson intervals.");
    let points: Vec<(f64, f64)> = (1..=10).map(|i| f64::from(i) * 0.009).map(|x| (x, x * 0.8 + 0.004)).collect();
    let bars: Vec<(f64, f64)> = points.iter().map(|(x, y)| (y - 0.004 - x / 8.0, y + 0.006 + x / 6.0)).collect();
    let edges: Vec<f64> = (0..=40).map(|i| f64::from(i) * 0.0025).collect();
    let below = (0..40).map(|i| 4000 / (i + 1)).collect();
    let above = (0..40).map(|i| if i % 3 == 0 { 3 + i / 4 } else { 1 }).collect();
    let smooth: Vec<(f64, f64)> = (0..=50).map(|i| f64::from(i) * 0.002).map(|x| (x, 0.005 + 0.75 * x)).collect();
    Plot::calibration(about, 0.1)
        .series(Series::line("Smoothed (loess)", &smooth).band(&band(&smooth, 0.01)))
        .series(Series::points("Tenths", &points).bars(&bars))
        .strip(Strip { edges, above: ("cancer".into(), above), below: ("no cancer".into(), below) })
        .note("Slope 0.93 (0.81 to 1.06), intercept −0.11 (−0.32 to 0.10), E:O 1.08, Brier score 0.052")
        .figure()
}

fn decision_curve() -> Result<Figure> {
    let about = About::new(
        "decision",
        "Decision curve",
        "Net benefit for a woman; 1 is one cancer found without a false recall.",
    );
    let net = |gain: f64| -> Vec<(f64, f64)> {
        (1..=60).map(|i| f64::from(i) / 200.0).map(|t| (t, 0.05 * gain * (-6.0 * t).exp())).collect()
    };
    let all: Vec<(f64, f64)> =
        (1..=60).map(|i| f64::from(i) / 200.0).map(|t| (t, 0.059 - 0.941 * t / (1.0 - t))).collect();
    Plot::decision_curve(about, 0.3, (-0.02, 0.06))
        .series(Series::line("Recall all", &all).look(6))
        .series(
            Series::line("Model", &net(1.0))
                .band(&net(1.0).iter().map(|(x, y)| (*x, y * 0.8, y * 1.2)).collect::<Vec<_>>()),
        )
        .series(Series::line("First reader", &net(0.7)))
        .figure()
}

fn survival() -> Result<Figure> {
    let about =
        About::new("incidence", "Cancers by fifth of the risk score", "Aalen-Johansen estimates with 95% bands.");
    let mut plot = Plot::over_years(about, "Cumulative incidence of cancer", 5.0, 0.08);
    for (i, name) in ["Lowest fifth", "Second", "Third", "Fourth", "Highest fifth"].into_iter().enumerate() {
        let rise = 0.002 + 0.0025 * (i * i) as f64 / 3.0;
        let points: Vec<(f64, f64)> = (0..=25).map(|k| f64::from(k) / 5.0).map(|t| (t, rise * t)).collect();
        let mut series = Series::steps(name, &points);
        if i == 4 {
            series = series.band(&points.iter().map(|(t, y)| (*t, y * 0.85, y * 1.15)).collect::<Vec<_>>());
        }
        plot = plot.series(series);
    }
    plot.beneath(
        "Women at risk",
        &[(0.0, "10,440"), (1.0, "9,871"), (2.0, "8,902"), (3.0, "6,118"), (4.0, "3,020"), (5.0, "988")],
    )
    .figure()
}

fn by_year() -> Result<Figure> {
    let about = About::new("auc-by-year", "AUC by year", "Uno's cumulative/dynamic AUC with 95% intervals.");
    let of = |shift: f64, auc: f64| -> Vec<(f64, f64)> {
        (1..=5).map(f64::from).map(|t| (t + shift, auc - 0.03 * t)).collect()
    };
    let bars = |points: &[(f64, f64)]| points.iter().map(|(_, y)| (y - 0.03, y + 0.03)).collect::<Vec<_>>();
    let (one, two) = (of(-0.06, 0.9), of(0.06, 0.82));
    Plot::by_year(about, "AUC", (1.0, 5.0), (0.5, 1.0))
        .series(Series::points("Mirai", &one).bars(&bars(&one)))
        .series(Series::points("Tyrer-Cuzick", &two).bars(&bars(&two)))
        .reference(Reference::Horizontal(0.5, "Chance".into()))
        .figure()
}
