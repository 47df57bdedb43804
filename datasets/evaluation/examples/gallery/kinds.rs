//! One figure of each kind but curves, from invented numbers.

use std::sync::Arc;

use uvid_evaluation::figure::{
    About, Axis, Bar, Bars, Figure, Flow, Forest, ForestRow, Gallery, Histogram, Matrix, Outline, Panel, Picture, Plot,
    Side, Whose,
};

use super::figures::Result;

pub fn histogram(id: &str, side: Side) -> Result<Figure> {
    let about = About::new(id, "Scores with and without cancer", "Shares of each class.");
    let edges: Vec<f64> = (0..=40).map(|i| f64::from(i) / 40.0).collect();
    let hill = |middle: f64, wide: f64, n: f64| -> Vec<u64> {
        (0..40)
            .map(|i| (f64::from(i) + 0.5) / 40.0)
            .map(|x| (n * (-((x - middle) / wide).powi(2)).exp()) as u64)
            .collect()
    };
    Histogram::new(about, Axis::new("Score").range(0.0, 1.0), &edges, side)
        .class("No cancer (1,355)", &hill(0.15, 0.2, 200.0))
        .class("Cancer (85)", &hill(0.6, 0.3, 12.0))
        .shares()
        .threshold(0.42, "Threshold 0.42: 90% specificity")
        .figure()
}

pub fn forest() -> Result<Figure> {
    let about = About::new("subgroups", "AUC by subgroup", "Squares are as large as the group. DeLong intervals.");
    let mut forest = Forest::new(about, Axis::new("AUC").range(0.6, 1.0))
        .columns("Group", "Cancers / women", "AUC (95% interval)")
        .reference(0.881)
        .note("Age: Q 4.2 on 3 degrees of freedom, p 0.24, I² 29%. Density: Q 9.8 on 3, p 0.02, I² 69%.")
        .note("Intervals are not corrected for the number of groups.");
    let rows = [
        (
            "Age",
            vec![
                ("40 to 49", 12, 210, 0.83),
                ("50 to 59", 25, 480, 0.87),
                ("60 to 69", 31, 520, 0.90),
                ("70 and older", 17, 230, 0.91),
            ],
        ),
        (
            "Breast density",
            vec![
                ("A: almost entirely fatty", 9, 150, 0.94),
                ("B: scattered areas of fibroglandular density", 36, 610, 0.90),
                ("C: heterogeneously dense", 33, 560, 0.86),
                ("D: extremely dense", 7, 120, 0.71),
            ],
        ),
    ];
    for (heading, groups) in rows {
        forest = forest.row(ForestRow::Heading(heading.into()));
        for (label, positives, n, value) in groups {
            let half = 0.35 / f64::from(positives).sqrt();
            let (lower, upper) = (value - half, (value + half).min(1.0));
            forest = forest.row(ForestRow::Estimate {
                label: label.into(),
                counts: format!("{positives} / {n}"),
                value,
                interval: Some((lower, upper)),
                weight: f64::from(n),
                text: format!("{value:.2} ({lower:.2} to {upper:.2})"),
            });
        }
    }
    let missing = ForestRow::Missing {
        label: "Not stated".into(),
        counts: "0 / 12".into(),
        reason: "0 positive and 12 negative: both are needed".into(),
    };
    let summary = ForestRow::Summary {
        label: "All".into(),
        counts: "85 / 1,440".into(),
        value: 0.881,
        interval: (0.842, 0.915),
        text: "0.88 (0.84 to 0.92)".into(),
    };
    forest.row(missing).row(summary).figure()
}

pub fn flow() -> Result<Figure> {
    Flow::new(About::new("flow", "Flow of examinations", "STARD 2015."), "examinations")
        .step("Rows of the table with a score of any of the models", 12_480)
        .excluded("The same examination twice; the first row was kept", 112)
        .excluded("Score missing or not a number", 48)
        .step("With one valid score each", 12_320)
        .excluded("Outcome unknown: less than 24 months of follow-up and no cancer", 1_880)
        .step("With a known outcome", 10_440)
        .step("Analysed", 10_440)
        .figure()
}

pub fn confusion() -> Result<Figure> {
    Matrix::new(About::new("confusion", "At the threshold 0.42", "Shares are of the row."), "Truth", "Model")
        .columns(&["Recall", "No recall"])
        .row("Cancer", &[67, 18])
        .row("No cancer", &[135, 1_220])
        .figure()
}

pub fn grades() -> Result<Figure> {
    let names = ["A", "B", "C", "D"];
    let mut matrix =
        Matrix::new(About::new("density-matrix", "Density by reader and model", ""), "Reader", "Model").columns(&names);
    for (r, name) in names.iter().enumerate() {
        let counts: Vec<u64> = (0..4u64).map(|c| 4000 / (1 + 10 * (c.abs_diff(r as u64)).pow(2))).collect();
        matrix = matrix.row(*name, &counts);
    }
    matrix.figure()
}

pub fn bland_altman() -> Result<Figure> {
    let about = About::new("bland-altman", "Agreement of two runs", "Limits are the mean ± 1.96 standard deviations.");
    let wave = |i: f64| (i * 12.9898).sin() * 43_758.547;
    let noise = |i: f64| wave(i) - wave(i).floor() - 0.5;
    let pairs: Vec<(f64, f64)> =
        (0..300).map(f64::from).map(|i| (20.0 + i / 5.0, 19.5 + i / 5.0 + 8.0 * noise(i))).collect();
    Plot::bland_altman(about, "percent density, %", &pairs, 0.52, (-4.1, 5.1))?.figure()
}

pub fn bars() -> Result<Figure> {
    let about = About::new("density", "Density by manufacturer", "Wilson intervals.");
    let bar = |value: f64| Some(Bar::new(value, format!("{:.0}%", value * 100.0)).interval(value - 0.03, value + 0.03));
    Bars::new(about, Axis::new("Share of women").percent(), &["GE", "Hologic", "Siemens"])
        .category("A: almost entirely fatty", vec![bar(0.1), bar(0.12), bar(0.08)])
        .category("B: scattered areas of fibroglandular density", vec![bar(0.42), bar(0.39), bar(0.45)])
        .category("C: heterogeneously dense", vec![bar(0.4), bar(0.38), None])
        .category("D: extremely dense", vec![bar(0.08), bar(0.11), bar(0.09)])
        .figure()
}

pub fn many_bars() -> Result<Figure> {
    let about = About::new("ablation", "Change of the AUC without a view", "");
    let mut bars = Bars::new(about, Axis::new("Change of the AUC"), &["Change"]);
    for (name, change) in
        [("Without MLO", -0.031), ("Without CC", -0.018), ("One side only", -0.067), ("With priors", 0.012)]
    {
        bars = bars.category(name, vec![Some(Bar::new(change, format!("{change:+.3}").replace('-', "−")))]);
    }
    bars.figure()
}

pub fn misses() -> Result<Figure> {
    let about = About::new(
        "misses",
        "Cancers with the lowest scores",
        "From the lowest score. The model's mark is its highest.",
    );
    let mut gallery = Gallery::new(about, "Lesion, outlined by a radiologist", "The model's highest mark");
    for i in 0..6u32 {
        let (wide, high) = (120u32, 200u32);
        let shade = |x: u32, y: u32| {
            let (dx, dy) = (f64::from(x) / 120.0, (f64::from(y) - 100.0) / 95.0);
            let inside = dx * dx + dy * dy;
            if inside < 0.8 {
                (200.0 - 150.0 * inside + 20.0 * (f64::from(x * y * (i + 1)) * 0.01).sin()) as u8
            } else {
                4
            }
        };
        let pixels: Vec<u8> =
            (0..high).flat_map(|y| (0..wide).map(move |x| (x, y))).map(|(x, y)| shade(x, y)).collect();
        let around = (0..24).map(|k| f64::from(k) / 24.0 * std::f64::consts::TAU);
        let around = around.map(|a| (50.0 + 14.0 * a.cos(), 60.0 + 10.0 * a.sin() + 3.0 * (3.0 * a).sin())).collect();
        gallery = gallery.panel(Panel {
            title: format!("{}: score 0.0{}", i + 1, i + 1),
            picture: Arc::new(Picture::grey(wide, high, &pixels)?),
            outlines: vec![
                Outline::Around(Whose::Truth, around),
                Outline::Box(Whose::Model, [20.0, 120.0 + f64::from(i), 45.0, 150.0]),
                Outline::Point(Whose::Model, (70.0, 40.0)),
            ],
            lines: vec!["Left MLO, 58 years".into(), "Invasive ductal carcinoma, 9 mm, rank 1,204 of 1,440".into()],
        });
    }
    gallery.figure()
}
