//! Localisation beside its definitions in Python, over all pairs and all thresholds.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};
use uvid_metrics::Clusters;
use uvid_metrics::localisation::froc::{Marks, Sensitivity, curve};
use uvid_metrics::localisation::{Case, Cases, Merit, Point, Polygon, Rectangle, Study, estimate};
use uvid_metrics::readers::{FigureOfMerit, Figures, Random};

use crate::peer::{ask, same};

const TOLERANCE: f64 = 1e-9;

/// In the order of the script.
const MERITS: [Merit; 9] = [
    Merit::Afroc,
    Merit::Afroc1,
    Merit::WeightedAfroc,
    Merit::WeightedAfroc1,
    Merit::Lroc,
    Merit::FrocSensitivity { sensitivity: Sensitivity::Lesions, marks: Marks::OfAllImages, rate: 0.5 },
    Merit::FrocSensitivity { sensitivity: Sensitivity::Cases, marks: Marks::OfNormalImages, rate: 0.3 },
    Merit::Cpm { sensitivity: Sensitivity::Lesions, marks: Marks::OfAllImages },
    Merit::Cpm { sensitivity: Sensitivity::Cases, marks: Marks::OfNormalImages },
];

struct Tables {
    models: [Vec<Case>; 2],
    clusters: Vec<u64>,
}

/// Two models on the same cases: ties, lesions and cases without marks, sometimes no lesion or no normal case at all.
fn random_tables(seed: u64) -> Tables {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut draw = |below: u64| stream.next_u64() % below;
    let (cases, most_lesions) = (3 + draw(12), if seed.is_multiple_of(3) { 1 } else { 3 });
    let levels = if seed.is_multiple_of(2) { 4 } else { 1000 };
    let mut models = [Vec::new(), Vec::new()];
    for _ in 0..cases {
        let lesions = if draw(2) == 0 { 0 } else { 1 + draw(most_lesions) };
        let raw: Vec<f64> = (0..lesions).map(|_| 1.0 + draw(4) as f64).collect();
        let weights = (draw(2) == 0).then(|| raw.iter().map(|w| w / raw.iter().sum::<f64>()).collect::<Vec<f64>>());
        let images = 1 + draw(3) as u32;
        for model in &mut models {
            let found = (0..lesions).map(|_| (draw(3) > 0).then_some((draw(levels) + draw(levels)) as f64));
            let lesions = found.collect();
            let false_marks = (0..draw(4)).map(|_| draw(levels) as f64).collect();
            model.push(Case { lesions, weights: weights.clone(), false_marks, images });
        }
    }
    let groups = if seed.is_multiple_of(4) { 1 + cases / 2 } else { 1000 };
    Tables { models, clusters: (0..cases).map(|_| draw(groups)).collect() }
}

fn case_json(case: &Case) -> Value {
    json!({"lesions": case.lesions, "weights": case.weights, "false_marks": case.false_marks, "images": case.images})
}

struct Shapes {
    polygons: [Vec<[f64; 2]>; 2],
    boxes: [[f64; 4]; 2],
}

/// Triangles: any order of their corners is a polygon that does not cross itself. No corner lies on a line of pixel centres.
fn random_shapes(seed: u64) -> Shapes {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut draw = |below: u64| (stream.next_u64() % below) as f64;
    let mut polygon = || (0..3).map(|_| [draw(2000) / 97.3, draw(2000) / 97.7]).collect::<Vec<_>>();
    let polygons = [polygon(), polygon()];
    let mut rectangle = || {
        let (left, top) = (draw(8), draw(8));
        [left, top, left + 1.0 + draw(9), top + 1.0 + draw(9)]
    };
    Shapes { polygons, boxes: [rectangle(), rectangle()] }
}

#[test]
fn by_definition() {
    let studies: Vec<Tables> = (0..80).map(random_tables).collect();
    let shapes: Vec<Shapes> = (0..40).map(random_shapes).collect();
    let asked = json!({
        "studies": studies.iter().map(|study| json!({
            "models": study.models.iter().map(|m| m.iter().map(case_json).collect::<Vec<_>>()).collect::<Vec<_>>(),
            "clusters": study.clusters,
        })).collect::<Vec<_>>(),
        "shapes": shapes.iter().map(|shape| json!({
            "width": 21, "height": 20, "polygons": shape.polygons, "boxes": shape.boxes,
        })).collect::<Vec<_>>(),
    });
    let Some(answer) = ask("localisation.py", &asked) else { return };
    let mut compared = 0;
    for (tables, peer) in studies.iter().zip(answer["studies"].as_array().unwrap()) {
        compared += compare(tables, peer);
        compare_curves(&cases(tables, 0), &peer["curves"]);
    }
    assert!(compared > 300, "only {compared} standard errors were there to compare");
    for (shape, peer) in shapes.iter().zip(answer["shapes"].as_array().unwrap()) {
        compare_shapes(shape, peer);
    }
}

fn cases(tables: &Tables, model: usize) -> Cases {
    Cases::new(tables.models[model].clone()).unwrap().clustered(Clusters::of(tables.clusters.iter())).unwrap()
}

fn compare(tables: &Tables, peer: &Value) -> usize {
    let both = [cases(tables, 0), cases(tables, 1)];
    let study = Study::new(both.iter().map(|cases| vec![cases.clone()]).collect()).unwrap();
    let mut compared = 0;
    for (merit, peer) in MERITS.into_iter().zip(peer["estimates"].as_array().unwrap()) {
        let what = format!("{merit:?}");
        if matches!(merit, Merit::FrocSensitivity { .. } | Merit::Cpm { .. }) {
            // The peer's jackknife of these is inconsistent: values alone are compared.
            for (cases, theirs) in both.iter().zip(peer["values"].as_array().unwrap()) {
                assert!(estimate(cases, merit).is_err(), "{what}");
                let figures = Study::new(vec![vec![cases.clone()]]).unwrap().with(merit).unwrap();
                match figures.value(0, 0, &vec![1; figures.units()]) {
                    Ok(ours) => same(&what, ours, number(theirs), TOLERANCE),
                    Err(_) => assert!(theirs.is_null(), "{what}"),
                }
            }
            continue;
        }
        let figures = study.with(merit).and_then(|study| Figures::jackknife(&study));
        if peer["errors"].is_null() {
            assert!(figures.is_err() && both.iter().any(|cases| estimate(cases, merit).is_err()), "{what}: undefined");
            continue;
        }
        let figures = figures.unwrap();
        let difference = figures.difference(0, 1, Random::Cases).unwrap();
        same(&what, difference.standard_error, number(&peer["errors"][2]), TOLERANCE);
        for (model, cases) in both.iter().enumerate() {
            let ours = estimate(cases, merit).unwrap();
            same(&what, ours.value, number(&peer["values"][model]), TOLERANCE);
            same(&what, ours.standard_error, number(&peer["errors"][model]), TOLERANCE);
            same(&what, figures.value(model, 0).unwrap(), ours.value, 0.0);
            compared += 1;
        }
    }
    compared
}

fn compare_curves(cases: &Cases, peer: &Value) {
    let kinds =
        [("lesions", Sensitivity::Lesions, Marks::OfAllImages), ("cases", Sensitivity::Cases, Marks::OfNormalImages)];
    for (name, sensitivity, marks) in kinds {
        let ours = curve(cases, sensitivity, marks);
        let Some(theirs) = peer[name].as_array() else {
            assert!(ours.is_err());
            continue;
        };
        // At a score that moves nothing that is counted, the peer repeats the point before.
        let mut ours = ours.unwrap().points.into_iter().peekable();
        let (mut x, mut y) = (0.0, 0.0);
        for point in theirs {
            let threshold = number(&point[0]);
            if let Some(found) = ours.next_if(|found| found.threshold == threshold) {
                (x, y) = (found.false_marks, found.sensitivity);
            }
            same("false marks", x, number(&point[1]), TOLERANCE);
            same("sensitivity", y, number(&point[2]), TOLERANCE);
        }
        assert!(ours.next().is_none());
    }
}

fn compare_shapes(shape: &Shapes, peer: &Value) {
    let masks = shape.polygons.each_ref().map(|corners| {
        let corners: Vec<Point> = corners.iter().map(|[x, y]| Point { x: *x, y: *y }).collect();
        Polygon::new(&corners).unwrap().raster(21, 20).unwrap()
    });
    for (k, mask) in masks.iter().enumerate() {
        let pixels = mask.pixels().iter().filter(|within| **within).count();
        assert_eq!(pixels as u64, peer["pixels"][k].as_u64().unwrap());
    }
    match peer["mask"].as_f64() {
        Some(iou) => same("IoU of masks", masks[0].iou(&masks[1]).unwrap(), iou, TOLERANCE),
        None => assert!(masks[0].iou(&masks[1]).is_err()),
    }
    let [a, b] = shape.boxes.map(|[l, t, r, b]| Rectangle::new(l, t, r, b).unwrap());
    same("IoU of boxes", a.iou(&b), number(&peer["box"]), TOLERANCE);
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
