//! What is said of how numbers were made is true of them.

use super::*;
use crate::checklist::SECTIONS;
use crate::document::Block;

fn sixty() -> Vec<Row> {
    plain(&(0..60).map(|at| (at % 5 == 0, f64::from(at * 13 % 29) / 29.0)).collect::<Vec<_>>())
}

fn study(rows: &[Row], roles: &Roles) -> Study {
    Study::new(&table(rows), roles).unwrap()
}

fn few() -> Options {
    Options { resamples: 20, ..Options::default() }
}

fn find<'a>(section: &'a Section, subject: &str, measure: &str) -> &'a Finding {
    section.findings.iter().find(|f| f.subject == subject && f.measure == measure).unwrap()
}

#[test]
fn by_patient_is_said_only_where_patients_are_known() {
    for section in sections(&study(&sixty(), &roles(false, false)), &few()) {
        let words = text::section(&section).replace('\n', " ");
        assert!(!words.contains("by patient") && !words.contains("of the patients"), "{words}");
        assert!(section.findings.iter().all(|f| !f.method.contains("patient")), "{}", section.id);
    }
    let found = discrimination(&study(&sixty(), &roles(true, false)), &few()).unwrap();
    assert!(found.findings.iter().any(|f| f.method == "BCa bootstrap by patient, stratified by outcome"));
}

#[test]
fn rates_name_their_method() {
    let check = |cluster, weight, expected: &str| {
        let found = operating(&study(&sixty(), &roles(cluster, weight)), &[Aim::Threshold(0.5)], &few()).unwrap();
        for measure in ["sensitivity", "specificity", "recall rate", "positive predictive value"] {
            assert_eq!(find(&found, "a", measure).method, expected);
        }
        assert!(found.findings.iter().all(|f| !f.method.is_empty()));
    };
    check(false, false, "Wilson");
    check(true, false, "ratio estimator by patient");
    check(false, true, "ratio estimator by row");
}

#[test]
fn the_recall_rate_is_at_the_stated_prevalence_too() {
    let options = Options { prevalence: Some(0.01), ..few() };
    let found = operating(&study(&sixty(), &roles(false, false)), &[Aim::Threshold(0.5)], &options).unwrap();
    let value = |measure: &str| find(&found, "a", measure).value.clone().unwrap();
    let stated = find(&found, "a", "recall rate at the stated prevalence");
    let expected = 0.01 * value("sensitivity") + 0.99 * (1.0 - value("specificity"));
    assert!((stated.value.clone().unwrap() - expected).abs() < 1e-12);
    assert!(stated.method.contains("Mercaldo"));
    let Some(Part::Grid(grid)) = found.parts.iter().find(|part| matches!(part, Part::Grid(_))) else { panic!() };
    assert_eq!(grid.rows[0][4], stated.text());
    assert!(grid.note.contains("Mercaldo"));
}

#[test]
fn net_benefit_is_stated_at_half_once_and_twice_the_prevalence() {
    for prevalence in [0.001, 0.2, 0.7] {
        let options = Options { prevalence: Some(prevalence), ..few() };
        let found = benefit(&study(&sixty(), &roles(false, false)), &options).unwrap();
        let strata = found.findings.iter().filter(|f| f.subject == "a" && f.measure == "net benefit");
        let expected = [0.5, 1.0, 2.0].map(|of| of * prevalence).into_iter().filter(|t| *t < 1.0);
        let expected: Vec<String> = expected.map(|t| format!("threshold {}", number(t))).collect();
        assert_eq!(strata.map(|f| f.stratum.clone()).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_table_too_large_to_resample_says_so() {
    let row = |at: usize| {
        let score = Some((at * 37 % 101) as f64 / 101.0);
        Row(Some(at.is_multiple_of(50)), [score; 4], at, None, None)
    };
    let large: Vec<Row> = (0..20_001).map(row).collect();
    let only = Roles { scores: vec!["a".into()], readers: Vec::new(), ..roles(true, false) };
    let check = |only: &Roles, expected: &str| {
        let found = precision(&study(&large, only), &few()).unwrap();
        assert_eq!(find(&found, "a", "average precision").remarks, expected);
        let none = precision(&study(&large, only), &Options { resamples: 0, ..few() }).unwrap();
        assert_eq!(find(&none, "a", "average precision").remarks, "");
    };
    check(&only, "no interval: more than 20000 patients");
    check(&Roles { cluster: None, ..only.clone() }, "no interval: more than 20000 rows");
}

#[test]
fn where_weights_are_not_used_nothing_depends_on_them() {
    let (weighted, plain) = (study(&sixty(), &roles(true, true)), study(&sixty(), &roles(true, false)));
    for of in [
        |study: &Study| readers(study, &few()).unwrap(),
        |study: &Study| workflow(study, "first", "second", 0.5, &few()).unwrap(),
    ] {
        let (with, without) = (of(&weighted), of(&plain));
        assert_eq!(with.findings, without.findings);
        assert!(text::section(&with).contains("Weights are not used here"));
    }
}

#[test]
fn the_summary_takes_the_bootstrap_where_there_is_no_other_interval() {
    let study = study(&sixty(), &roles(true, true));
    let found = [discrimination(&study, &few()).unwrap(), comparison(&study, &few()).unwrap()];
    let lines = summary(&found);
    let pick = |section: &Section, measure: &str| {
        section.findings.iter().find(|f| f.measure == measure && f.interval.is_some()).unwrap().text()
    };
    assert!(lines[0].starts_with(&format!("**a**: AUC {}.", pick(&found[0], "AUC"))), "{lines:?}");
    let difference = format!("Difference of AUC, a - b: {}", pick(&found[1], "difference of AUC"));
    assert!(lines.iter().any(|line| line.starts_with(&difference)), "{lines:?}");
}

#[test]
fn the_tables_of_workflows_and_thresholds_are_findings() {
    let study = study(&sixty(), &roles(true, false));
    let found = workflow(&study, "first", "second", 0.5, &few()).unwrap();
    let double = |measure: &str| {
        let of = found.findings.iter().find(|f| f.stratum == "double reading" && f.measure == measure);
        of.unwrap().value.clone().unwrap()
    };
    let grid = found.parts.iter().find_map(|p| if let Part::Grid(grid) = p { Some(grid) } else { None }).unwrap();
    assert_eq!(grid.rows[0][2..4], [percent(double("recall rate")), percent(double("sensitivity"))]);
    for line in &grid.rows[1..] {
        for (at, measure) in [(4, "rows with the outcome, lost"), (5, "rows with the outcome, gained")] {
            let of = found.findings.iter().find(|f| f.stratum == line[0] && f.measure == measure && f.subject == "a");
            assert_eq!(of.unwrap().value.clone().unwrap().to_string(), line[at]);
        }
    }
    let found = operating(&study, &[Aim::Threshold(0.5)], &few()).unwrap();
    let count = |measure| find(&found, "a", measure).value.clone().unwrap();
    let (positives, all) = (study.positives() as f64, study.rows() as f64);
    assert_eq!(count("true positives") + count("false negatives"), positives);
    assert_eq!(count("false positives") + count("true negatives"), all - positives);
    assert_eq!(count("true positives") / positives, count("sensitivity"));
}

#[test]
fn the_method_says_where_an_interval_is_by_patient() {
    let check = |cluster: bool, expected: &str| {
        let study = study(&sixty(), &roles(cluster, false));
        let groups = ["group".to_owned()];
        for found in [discrimination(&study, &few()), readers(&study, &few()), subgroups(&study, &groups, &few())] {
            let found = found.unwrap();
            let delong = found.findings.iter().filter(|f| f.method.contains("DeLong"));
            let methods: Vec<&str> = delong.map(|f| f.method.as_str()).collect();
            assert!(!methods.is_empty() && methods.iter().all(|method| *method == expected), "{methods:?}");
        }
    };
    check(true, "DeLong, by patient (Obuchowski)");
    check(false, "DeLong");
}

#[test]
fn rows_are_counted_from_1() {
    let mut rows = sixty();
    rows[0].0 = None;
    rows[2].3 = Some(-1.0);
    let why = Study::new(&table(&rows), &roles(false, true)).unwrap_err().to_string();
    assert_eq!(why, "test, row 3, column \"weight\": \"-1\" is not a weight, 0 or more");
    let of = uvid_metrics::Undefined::Value { what: "the score", row: 0, value: 2.0, domain: "from 0 to 1" };
    assert_eq!(
        StudyError::from(of.clone()).to_string(),
        "the score in row 1 of those analysed is 2; it must be from 0 to 1"
    );
    assert_eq!(
        Finding::new("roc", "a", "AUC", Err(of)).value.unwrap_err().split(" is ").next(),
        Some("the score in row 1 of those analysed")
    );
}

#[test]
fn an_empty_table_says_so() {
    let why = Study::new(&table(&[]), &roles(false, false)).unwrap_err().to_string();
    assert_eq!(why, "test: no row is left: the table has none");
}

#[test]
fn a_subgroup_without_a_standard_error_is_named() {
    let mut rows = sixty();
    for row in rows.iter_mut().filter(|row| row.4 == Some("x")) {
        row.1[0] = Some(f64::from(row.0 == Some(true)));
    }
    let found = subgroups(&study(&rows, &roles(false, false)), &["group".into()], &few()).unwrap();
    let words = text::section(&found).replace('\n', " ");
    assert!(words.contains("is not tested: the area of x has a standard error of 0"), "{words}");
    assert_eq!(
        find(&found, "a", "heterogeneity of AUC, I squared").value,
        Err("the area of x has a standard error of 0".to_owned())
    );
}

#[test]
fn no_resamples_are_not_spoken_of_as_some() {
    let options = Options { resamples: 0, ..few() };
    for section in sections(&study(&sixty(), &roles(true, false)), &options) {
        let words = text::section(&section);
        assert!(!words.contains("0 resamples") && !words.contains("BCa"), "{words}");
    }
}

#[test]
fn a_single_reader_is_in_a_table_and_is_no_model() {
    let check = |readers: &[&str], listed: bool| {
        let readers = readers.iter().map(|name| (*name).to_owned()).collect();
        let study = study(&sixty(), &Roles { readers, ..roles(false, false) });
        let found = [discrimination(&study, &few()).unwrap(), precision(&study, &few()).unwrap()];
        for section in &found {
            let grids = section.parts.iter().filter_map(|p| if let Part::Grid(grid) = p { Some(grid) } else { None });
            assert_eq!(grids.flat_map(|grid| &grid.rows).any(|row| row[0] == "first"), listed);
        }
        assert!(summary(&found).iter().all(|line| !line.contains("**first**")));
    };
    check(&["first"], true);
    check(&["first", "second"], false);
}

fn forest(section: &Section) -> Vec<&crate::figure::Figure> {
    section.parts.iter().filter_map(|p| if let Part::Figure(figure, _) = p { Some(&**figure) } else { None }).collect()
}

#[test]
fn an_area_without_an_interval_is_shown_in_words() {
    let perfect: Vec<(bool, f64)> = (0..20).map(|at| (at < 5, f64::from(at < 5))).collect();
    let study = study(&plain(&perfect), &roles(false, false));
    let found = subgroups(&study, &["group".into()], &few()).unwrap();
    let csv = forest(&found)[0].csv();
    assert_eq!(csv.lines().filter(|line| line.ends_with(",1,,,no interval")).count(), 3, "{csv}");
    let words = text::section(&found);
    assert!(words.contains("group: x") && words.contains("1.000 (no interval)"), "{words}");
}

#[test]
fn subgroups_that_are_not_tested_are_named() {
    let mut rows = sixty();
    for (at, row) in rows.iter_mut().enumerate() {
        row.4 = Some(["x", "y", "z"][at % 3]);
        // No z has the outcome.
        row.0 = Some(at % 5 == 0 && at % 3 != 2);
    }
    let found = subgroups(&study(&rows, &roles(false, false)), &["group".into()], &few()).unwrap();
    assert_eq!(find(&found, "a", "heterogeneity of AUC, I squared").remarks, "without those that have no AUC: z");
    let words = text::section(&found).replace("\n  ", " ");
    assert!(words.contains("for they have no AUC: a, group: z; b, group: z."), "{words}");
    // One score is tested and the other is not: the sentence is about the latter.
    rows.iter_mut().for_each(|row| row.1[1] = Some(f64::from(row.0 == Some(true))));
    let found = subgroups(&study(&rows, &roles(false, false)), &["group".into()], &few()).unwrap();
    let words = text::section(&found).replace('\n', " ");
    assert!(words.contains("b: whether subgroups by group differ is not tested: "), "{words}");
    assert!(!words.contains(" a: whether subgroups"), "{words}");
}

#[test]
fn the_checklists_claim_a_table_of_subgroups_only_where_there_is_one() {
    let cells = |subgroups: &[String]| -> Vec<String> {
        let sections = vec![rows(&study(&sixty(), &roles(true, false)), subgroups).unwrap()];
        let report = Report { title: "Test".into(), sections, ..Report::default() };
        let tables = report.document().blocks.into_iter();
        let tables = tables.filter_map(|block| if let Block::Table(table) = block { Some(table) } else { None });
        tables.flat_map(|table| table.rows).flatten().map(|cell| cell.plain()).collect()
    };
    assert!(SECTIONS.contains(&"subgroup-rows"));
    let claimed = |cells: &[String]| cells.iter().any(|cell| cell.starts_with("Data: table of the rows by subgroup"));
    assert!(claimed(&cells(&["group".into()])));
    assert!(!claimed(&cells(&[])));
}
