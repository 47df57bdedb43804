//! Every section on tables that are small, lopsided or broken: numbers or reasons, never NaN, never a panic.

mod marks;
mod modalities;
mod outcomes;
mod words;
mod years;

use proptest::prelude::*;
use uvid_metrics::operating_point::Aim as Reaching;

use super::*;
use crate::report::Report;
use crate::table::{Column, Table, Values};
use crate::text;

/// A row: outcome, two scores, two readers, patient, weight, group.
#[derive(Debug, Clone)]
struct Row(Option<bool>, [Option<f64>; 4], usize, Option<f64>, Option<&'static str>);

fn table(rows: &[Row]) -> Table {
    let numbers = |name: &str, of: &dyn Fn(&Row) -> Option<f64>| Column {
        name: name.to_owned(),
        values: Values::Number(rows.iter().map(of).collect()),
    };
    let texts = |name: &str, of: &dyn Fn(&Row) -> Option<String>| Column {
        name: name.to_owned(),
        values: Values::Text(rows.iter().map(of).collect()),
    };
    let columns = vec![
        numbers("outcome", &|row| row.0.map(f64::from)),
        numbers("a", &|row| row.1[0]),
        numbers("b", &|row| row.1[1]),
        numbers("first", &|row| row.1[2]),
        numbers("second", &|row| row.1[3]),
        texts("patient", &|row| Some(format!("p{}", row.2))),
        numbers("weight", &|row| row.3),
        texts("group", &|row| row.4.map(str::to_owned)),
    ];
    Table::new("test", columns).unwrap()
}

fn roles(cluster: bool, weight: bool) -> Roles {
    Roles {
        label: "outcome".into(),
        scores: vec!["a".into(), "b".into()],
        readers: vec!["first".into(), "second".into()],
        cluster: cluster.then(|| "patient".into()),
        weight: weight.then(|| "weight".into()),
        subgroups: vec!["group".into()],
        row: Vec::new(),
    }
}

/// All sections.
fn sections(study: &Study, options: &Options) -> Vec<Section> {
    let aims = [Aim::Threshold(0.5), Aim::Reaching(Reaching::Specificity(0.9)), Aim::Reaching(Reaching::Youden)];
    let groups = ["group".to_owned(), "a:0.25,0.5".to_owned()];
    let all = [
        rows(study, &groups),
        discrimination(study, options),
        comparison(study, options),
        readers(study, options),
        agreement(study, 0.5, options),
        workflow(study, "first", "second", 0.5, options),
        precision(study, options),
        operating(study, &aims, options),
        Ok(scores(study)),
        calibration(study, options),
        benefit(study, options),
        subgroups(study, &groups, options),
    ];
    // A number that does not exist is no reason for a section not to be.
    all.into_iter().map(|section| section.expect("a section")).collect()
}

fn no_nonsense(text: &str) {
    for word in text.split(|sign: char| !sign.is_alphanumeric()) {
        assert!(!["NaN", "inf", "nan", "Infinity"].contains(&word), "{text}");
    }
}

/// What holds of every finding of a table with so many rows.
fn sound(sections: &[Section], rows: usize) {
    for finding in sections.iter().flat_map(|section| &section.findings) {
        match &finding.value {
            Ok(value) => assert!(value.is_finite(), "{finding:?}"),
            Err(why) => assert!(!why.is_empty() && finding.interval.is_none(), "{finding:?}"),
        }
        assert!(finding.p.is_none_or(|p| (0.0..=1.0).contains(&p)), "{finding:?}");
        if let Some(interval) = finding.interval {
            assert!(
                interval.lower < interval.upper && interval.lower.is_finite() && interval.upper.is_finite(),
                "{finding:?}"
            );
        }
        assert!(finding.n <= rows, "{finding:?}");
    }
    sections.iter().for_each(|section| no_nonsense(&text::section(section)));
    summary(sections).iter().for_each(|line| no_nonsense(line));
}

/// What holds of every analysis.
fn check(rows: &[Row], cluster: bool, weight: bool) -> Vec<Section> {
    let options = Options { resamples: 20, prevalence: weight.then_some(0.01), ..Options::default() };
    let study = match Study::new(&table(rows), &roles(cluster, weight)) {
        Ok(study) => study,
        Err(why) => {
            assert!(!why.to_string().is_empty());
            return Vec::new();
        }
    };
    let left_out: usize = study.left_out.iter().map(|(_, rows)| rows).sum();
    assert_eq!(study.rows() + left_out, rows.len(), "each row is used or counted as left out");
    let found = sections(&study, &options);
    sound(&found, rows.len());
    let again = sections(&study, &options);
    assert_eq!(found, again, "the same rows give the same");
    found
}

/// Rows from the outcome and the first score; other scores follow from it.
fn plain(of: &[(bool, f64)]) -> Vec<Row> {
    let row = |(at, (outcome, score)): (usize, &(bool, f64))| {
        let scores = [*score, 1.0 - *score, score.round(), f64::from(at % 3 == 0)].map(Some);
        Row(Some(*outcome), scores, at / 2, Some(1.0 + (at % 2) as f64), Some(["x", "y"][at % 2]))
    };
    of.iter().enumerate().map(row).collect()
}

fn all_ways(rows: &[Row]) {
    for (cluster, weight) in [(false, false), (true, false), (false, true), (true, true)] {
        check(rows, cluster, weight);
    }
}

#[test]
fn small_and_lopsided_tables_give_numbers_or_reasons() {
    let mixed: Vec<(bool, f64)> = (0..30).map(|at| (at % 4 == 0, f64::from(at * 7 % 11) / 11.0)).collect();
    all_ways(&plain(&mixed));
    let with = |outcome: bool| mixed.iter().map(|(_, score)| (outcome, *score)).collect::<Vec<_>>();
    all_ways(&plain(&with(true)));
    all_ways(&plain(&with(false)));
    all_ways(&plain(&mixed.iter().map(|(outcome, _)| (*outcome, 0.5)).collect::<Vec<_>>()));
    all_ways(&plain(&mixed.iter().map(|(outcome, _)| (*outcome, f64::from(*outcome))).collect::<Vec<_>>()));
    all_ways(&plain(&mixed.iter().map(|(outcome, score)| (*outcome, 1e6 * (score - 0.5))).collect::<Vec<_>>()));
    all_ways(&plain(&[(true, 0.9), (false, 0.1)]));
    all_ways(&plain(&[(true, 0.1)]));
    // Readers who differ more than rows do.
    let opposite = |first, second| Row(Some(false), [0.0, 0.0, first, second].map(Some), 0, None, None);
    check(&[opposite(1.0, 0.0), opposite(-2.466174584054763, 4.445254287048034)], false, false);
    let mut one_patient = plain(&mixed);
    one_patient.iter_mut().for_each(|row| row.2 = 0);
    all_ways(&one_patient);
    let mut gaps = plain(&mixed);
    gaps.iter_mut().step_by(5).for_each(|row| row.1[1] = None);
    gaps[1].0 = None;
    gaps[2].3 = None;
    gaps[3].4 = None;
    all_ways(&gaps);
    let mut weightless = plain(&mixed);
    weightless.iter_mut().for_each(|row| row.3 = Some(0.0));
    assert!(Study::new(&table(&weightless), &roles(false, true)).is_err());
    all_ways(&weightless);
}

#[test]
fn no_row_left_is_an_error_that_counts() {
    let mut rows = plain(&[(true, 0.9), (false, 0.1)]);
    rows[0].0 = None;
    rows[1].1[0] = None;
    let why = Study::new(&table(&rows), &roles(true, false)).unwrap_err().to_string();
    assert_eq!(why, "test: no row is left: 1 row: no outcome (outcome); 1 row: no score (a)");
    assert!(Study::new(&table(&rows), &Roles { scores: vec!["c".into()], ..roles(false, false) }).is_err());
    assert!(Study::new(&table(&rows), &Roles { label: "outcome".into(), ..Roles::default() }).is_err());
}

#[test]
fn a_number_without_variation_has_no_interval() {
    let perfect: Vec<(bool, f64)> = (0..20).map(|at| (at < 5, f64::from(at < 5))).collect();
    let found = check(&plain(&perfect), true, false);
    let findings: Vec<&Finding> = found.iter().flat_map(|section| &section.findings).collect();
    let area = findings.iter().find(|f| f.section == "roc" && f.subject == "a" && f.measure == "AUC").unwrap();
    assert_eq!((area.value.clone(), area.interval), (Ok(1.0), None));
    assert_eq!(area.text(), "1.000 (no interval)");
    assert_eq!(area.remarks, "no interval: the standard error is 0");
}

#[test]
fn cuts_make_subgroups_in_order() {
    let rows = plain(&[(true, 5.0), (false, 60.0), (false, 49.9), (true, 50.0), (false, 100.0)]);
    let study = Study::new(&table(&rows), &roles(false, false)).unwrap();
    let check = |column: &str, expected: &[(&str, usize)]| {
        let found = study.strata(column).unwrap();
        let found: Vec<(&str, usize)> =
            found.iter().map(|(name, rows)| (name.as_str(), rows.iter().filter(|row| **row).count())).collect();
        assert_eq!(found, expected);
    };
    check("a:50,60,100", &[("below 50", 2), ("50 to below 60", 1), ("60 to below 100", 1), ("100 and above", 1)]);
    check("a:1000", &[("below 1000", 5)]);
    check("a", &[("5", 1), ("49.9", 1), ("50", 1), ("60", 1), ("100", 1)]);
    check("group", &[("x", 3), ("y", 2)]);
    for wrong in ["a:", "a:x", "a:2,1", "a:NaN", "none", "none:1", "group:1"] {
        assert!(study.strata(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn numbers_are_written_as_people_read_them() {
    let check = |value: f64, lower: f64, upper: f64, expected: &str| {
        let interval = Some(uvid_metrics::Interval { lower, upper });
        assert_eq!(Finding::new("roc", "a", "AUC", Ok(value)).with_interval(interval).text(), expected);
    };
    check(0.0279, 9.03e-4, 0.055, "0.028 (0.001 to 0.055)");
    check(-4.2e-5, -0.066, 0.066, "0.000 (-0.066 to 0.066)");
    check(12.3456, 1.0, 99.0, "12.35 (1.00 to 99.00)");
    check(2e-5, 1e-5, 3e-5, "2.00e-5 (1.00e-5 to 3.00e-5)");
    check(1.0, 1.0, 1.0, "1.000 (no interval)");
    assert_eq!([number(0.0), number(40.0), number(6.0), number(-0.0001)], ["0.000", "40", "6.000", "-1.00e-4"]);
    assert_eq!([count(6.0), count(2.5), count(1242.0)], ["6", "2.5", "1242"]);
}

#[test]
fn a_report_is_written_and_says_the_same_each_time() {
    let rows = plain(&(0..60).map(|at| (at % 5 == 0, f64::from(at * 13 % 29) / 29.0)).collect::<Vec<_>>());
    let sections = check(&rows, true, false);
    let report = Report { title: "Test".into(), sections, ..Report::default() };
    let folder = tempfile::tempdir().unwrap();
    let read = || -> Vec<(std::path::PathBuf, Vec<u8>)> {
        report.write(folder.path()).unwrap();
        let figures = std::fs::read_dir(folder.path().join("figures")).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> =
            figures.chain(["report.html", "report.pdf"].map(|name| folder.path().join(name))).collect();
        paths.sort();
        paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    };
    let first = read();
    assert!(first.len() > 20 && first == read());
    let html =
        String::from_utf8(first.iter().find(|(path, _)| path.ends_with("report.html")).unwrap().1.clone()).unwrap();
    for heading in ["Summary", "Data", "Discrimination", "STARD-AI", "How to make this report again"] {
        assert!(html.contains(&format!(">{heading}</h")), "{heading}");
    }
    assert!(html.contains("Data: flow diagram"));
}

fn any_row() -> impl Strategy<Value = Row> {
    let score = || proptest::option::weighted(0.95, prop_oneof![Just(0.0), Just(0.5), Just(1.0), 0.0..1.0, -5.0..5.0]);
    let scores = [score(), score(), score(), score()];
    let weight = proptest::option::weighted(0.95, prop_oneof![Just(0.0), 0.1..10.0]);
    let group = proptest::option::weighted(0.9, prop_oneof![Just("x"), Just("y"), Just("z")]);
    (proptest::option::weighted(0.95, any::<bool>()), scores, 0..12_usize, weight, group)
        .prop_map(|(outcome, scores, patient, weight, group)| Row(outcome, scores, patient, weight, group))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_table_gives_numbers_or_reasons(
        rows in proptest::collection::vec(any_row(), 1..40),
        cluster: bool,
        weight: bool,
    ) {
        check(&rows, cluster, weight);
    }
}
