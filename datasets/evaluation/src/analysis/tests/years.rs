//! Risk over years, with ties, nobody with the event, one row.

use super::*;

/// A row: years to the event, years of follow-up, risk by two years.
type Person = (Option<f64>, Option<f64>, Option<f64>);

fn section_of(people: &[Person], roles: &Risk) -> Result<Section, StudyError> {
    let numbers = |name: &str, of: fn(&Person) -> Option<f64>| Column {
        name: name.to_owned(),
        values: Values::Number(people.iter().map(of).collect()),
    };
    let columns = vec![
        numbers("event", |person| person.0),
        numbers("followed", |person| person.1),
        numbers("one", |person| person.2.map(|risk| risk / 2.0)),
        numbers("two", |person| person.2),
    ];
    let pairs = (0..people.len()).map(|at| Some(format!("p{}", at / 4))).collect();
    let columns = columns.into_iter().chain([Column { name: "patient".into(), values: Values::Text(pairs) }]);
    let options = Options { resamples: 20, ..Options::default() };
    risk(&Table::new("people", columns.collect()).unwrap(), roles, &options)
}

fn roles() -> Risk {
    Risk {
        event: "event".into(),
        followed: "followed".into(),
        per_year: 1.0,
        risks: vec![("one".into(), 1.0), ("two".into(), 2.0)],
        cluster: None,
        whose: None,
    }
}

fn section(people: &[Person]) -> Result<Section, StudyError> {
    section_of(people, &roles())
}

/// That the section is there and sound, and accounts for every row.
fn check(people: &[Person]) -> Section {
    let found = section(people).expect("a section");
    sound(std::slice::from_ref(&found), people.len());
    let count = |measure: &str| -> f64 {
        found.findings.iter().find(|f| f.subject == "table" && f.measure == measure).unwrap().value.clone().unwrap()
    };
    assert_eq!(count("rows analysed") + count("rows left out"), people.len() as f64);
    assert_eq!(found, section(people).unwrap());
    found
}

#[test]
fn few_people_and_few_events_give_numbers_or_reasons() {
    let person = |at: i32| {
        let event = (at % 3 == 0).then(|| f64::from(at % 7) / 2.0 + 0.1);
        (event, Some(3.5), Some(f64::from(at * 5 % 11) / 20.0))
    };
    let people: Vec<Person> = (0..40).map(person).collect();
    check(&people);
    check(&people.iter().map(|(_, followed, risk)| (None, *followed, *risk)).collect::<Vec<_>>());
    check(&people.iter().map(|(_, _, risk)| (Some(1.0), Some(1.0), *risk)).collect::<Vec<_>>());
    check(&people.iter().map(|(event, followed, _)| (*event, *followed, Some(0.1))).collect::<Vec<_>>());
    check(
        &people
            .iter()
            .map(|(event, followed, risk)| (*event, *followed, risk.map(|r| 10.0 * r - 1.0)))
            .collect::<Vec<_>>(),
    );
    check(&people[..1]);
    check(&people[..2]);
    check(&[people[0], (None, None, Some(0.5)), (None, Some(1.0), None)]);
}

fn forty() -> Vec<Person> {
    let person = |at: i32| {
        let event = (at % 3 == 0).then(|| f64::from(at % 7) / 2.0 + 0.1);
        (event, Some((f64::from(at % 4) + 0.5).max(event.unwrap_or(0.0))), Some(f64::from(at * 5 % 11) / 20.0))
    };
    (0..40).map(person).collect()
}

#[test]
fn the_interval_of_the_concordance_is_by_patient_where_patients_are_known() {
    // Four rows of each patient are copies of one: as much is known as of a quarter of the rows.
    let people: Vec<Person> = forty().into_iter().flat_map(|person| [person; 4]).collect();
    let width = |cluster: Option<&str>| {
        let found = section_of(&people, &Risk { cluster: cluster.map(str::to_owned), ..roles() }).unwrap();
        let unit = if cluster.is_some() { "by patient" } else { "by row" };
        let c: Vec<&Finding> = found.findings.iter().filter(|f| f.measure == "concordance").collect();
        assert!(c.iter().all(|f| f.method.contains(unit)), "{c:?}");
        assert!(c[1].method.ends_with("20 resamples"), "{c:?}");
        assert_eq!(text::section(&found).contains("each row by itself"), cluster.is_some());
        c[0].interval.map(|interval| interval.upper - interval.lower).unwrap()
    };
    let (rows, patients) = (width(None), width(Some("patient")));
    assert!((patients / rows - 2.0).abs() < 1e-9, "{patients} {rows}");
}

#[test]
fn each_finding_has_the_rows_that_it_is_of() {
    let found = section(&forty()).unwrap();
    let followed = found.findings.iter().filter(|f| f.measure == "AUC of those followed");
    let ns: Vec<usize> = followed.map(|f| f.n).collect();
    let known = |years: f64| {
        let is_known = |(event, followed, _): &&Person| event.is_some() || followed.is_some_and(|f| f >= years);
        forty().iter().filter(is_known).count()
    };
    assert_eq!(ns, [known(1.0), known(2.0)]);
    assert!(ns[1] < 40);
}

#[test]
fn an_event_after_the_end_of_follow_up_is_left_out_and_counted() {
    let people = [forty(), vec![(Some(99.0), Some(2.0), Some(0.5)), (None, None, Some(0.1)), (None, Some(1.0), None)]];
    let found = section(&people.concat()).unwrap();
    let whole = section(&forty()).unwrap();
    let c = |of: &Section| of.findings.iter().find(|f| f.measure == "concordance").unwrap().clone();
    assert_eq!(c(&found), c(&whole));
    let reasons =
        found.findings.iter().filter(|f| f.measure == "rows left out").map(|f| (f.stratum.as_str(), &f.value));
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        [
            ("", &Ok(3.0)),
            ("no follow-up (followed)", &Ok(1.0)),
            ("no risk (one)", &Ok(1.0)),
            ("event after the end of follow-up (event, followed)", &Ok(1.0)),
        ]
    );
    let words = text::section(&found).replace('\n', " ");
    assert!(words.contains("1 row: event after the end of follow-up (event, followed)"), "{words}");
    // The end itself is within follow-up.
    assert!(text::section(&section(&[(Some(2.0), Some(2.0), Some(0.1))]).unwrap()).contains("no row was left out"));
}

#[test]
fn the_concordance_has_as_many_resamples_as_asked_for() {
    let table_of = |resamples| {
        let people = forty();
        let column = |name: &str, of: fn(&Person) -> Option<f64>| Column {
            name: name.to_owned(),
            values: Values::Number(people.iter().map(of).collect()),
        };
        let columns =
            vec![column("event", |p| p.0), column("followed", |p| p.1), column("one", |p| p.2), column("two", |p| p.2)];
        risk(&Table::new("t", columns).unwrap(), &roles(), &Options { resamples, ..Options::default() }).unwrap()
    };
    let found = table_of(900);
    assert!(found.findings.iter().any(|f| f.method == "Harrell, percentile bootstrap by row, 900 resamples"));
    assert!(text::section(&found).replace("\n  ", " ").contains("percentile bootstrap (900 resamples)"));
    assert!(!text::section(&table_of(0)).contains("percentile bootstrap ("));
    let interval = |of: &Section| of.findings.iter().filter(|f| f.measure == "concordance").nth(1).unwrap().interval;
    assert_ne!(interval(&found), interval(&table_of(400)));
}

#[test]
fn every_number_of_the_tables_is_a_finding() {
    let found = section(&forty()).unwrap();
    let of = |measure: &str, stratum: &str| {
        let finding = found.findings.iter().find(|f| f.measure == measure && f.stratum == stratum);
        finding.unwrap_or_else(|| panic!("{measure}, {stratum}")).value.clone().unwrap()
    };
    assert!(of("rows with the event", "by 1 year") + of("rows seen so long without it", "by 1 year") <= 40.0);
    let groups = found.findings.iter().filter(|f| f.measure == "O/E").count();
    // The first group has a risk of 0: nothing to divide by.
    for group in 2..=groups {
        let stratum = format!("group {group} of {groups}, by 2 years");
        let ratio = of("observed", &stratum) / of("predicted", &stratum);
        assert!((ratio - of("O/E", &stratum)).abs() < 1e-12);
    }
    assert!(groups > 3);
}

#[test]
fn groups_are_as_many_as_there_are() {
    let people: Vec<Person> =
        forty().iter().enumerate().map(|(at, p)| (p.0, Some(5.0), Some([0.1, 0.2, 0.3][at % 3]))).collect();
    let found = section(&people).unwrap();
    let strata = found.findings.iter().filter(|f| f.measure == "O/E").map(|f| f.stratum.as_str());
    assert_eq!(strata.collect::<Vec<_>>(), [1, 2, 3].map(|at| format!("group {at} of 3, by 2 years")));
    let mut figures =
        found.parts.iter().filter_map(|p| if let Part::Figure(figure, _) = p { Some(figure) } else { None });
    assert!(figures.next_back().unwrap().caption().starts_with("3 groups of like risk"));
}

#[test]
fn two_packages_have_each_their_own_figures() {
    let of = |number: usize, name: &str| Risk { whose: Some((number, name.into())), ..roles() };
    let sections = [(1, "one"), (2, "two")].map(|(number, name)| section_of(&forty(), &of(number, name)).unwrap());
    let parts = sections.iter().flat_map(|section| &section.parts);
    let figures = parts.filter_map(|p| if let Part::Figure(figure, _) = p { Some(figure.id()) } else { None });
    assert_eq!(figures.collect::<Vec<_>>(), ["risk-auc-1", "risk-calibration-1", "risk-auc-2", "risk-calibration-2"]);
    assert_eq!(sections[1].title, "Risk over time: two");
    let events = sections.iter().flat_map(|s| &s.findings).filter(|f| f.measure == "events");
    assert_eq!(events.map(|f| f.subject.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(summary(&sections).iter().filter(|line| line.contains("concordance")).count(), 2);
}

#[test]
fn a_concordance_that_is_not_resampled_says_why() {
    let person = |at: i32| ((at % 3 == 0).then(|| f64::from(at % 7) + 0.1), Some(7.0), Some(f64::from(at % 11) / 20.0));
    let found = section(&(0..20_001).map(person).collect::<Vec<_>>()).unwrap();
    let c: Vec<&Finding> = found.findings.iter().filter(|f| f.measure == "concordance").collect();
    assert_eq!(c[1].remarks, "no interval: more than 20000 rows");
    assert!(
        text::section(&found)
            .replace("\n  ", " ")
            .contains("of the bootstrap none, for there are more than 20000 rows")
    );
}

#[test]
fn who_has_the_event_sooner_has_the_higher_risk() {
    let person = |at: i32| (Some(0.2 + f64::from(at) / 10.0), Some(5.0), Some(1.0 - f64::from(at) / 40.0));
    let found = check(&(0..30).map(person).collect::<Vec<_>>());
    let concordance = found.findings.iter().find(|f| f.measure == "concordance").unwrap();
    assert_eq!((concordance.value.clone(), concordance.interval), (Ok(1.0), None));
    assert!(summary(&[found])[0].contains("concordance of 1.000 (no interval); 0.5 is chance. Events: 30."));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_people_give_numbers_or_reasons(
        people in proptest::collection::vec(
            (
                proptest::option::of(prop_oneof![Just(-1.0), Just(1.0), 0.0..5.0]),
                proptest::option::weighted(0.95, prop_oneof![Just(0.0), Just(2.0), 0.0..5.0]),
                proptest::option::weighted(0.95, prop_oneof![Just(0.0), Just(0.5), 0.0..1.0]),
            ),
            1..40,
        ),
    ) {
        if people.iter().any(|(event, followed, risk)| {
            risk.is_some() && followed.is_some_and(|until| event.is_none_or(|time| time <= until))
        }) {
            check(&people);
        } else {
            prop_assert!(!section(&people).unwrap_err().to_string().is_empty());
        }
    }
}
