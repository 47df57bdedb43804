//! Risk over years, with ties, nobody with the event, one row.

use super::*;

/// A row: years to the event, years of follow-up, risk by two years.
type Person = (Option<f64>, Option<f64>, Option<f64>);

fn section(people: &[Person]) -> Result<Section, StudyError> {
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
    let roles = Risk {
        event: "event".into(),
        followed: "followed".into(),
        per_year: 1.0,
        risks: vec![("one".into(), 1.0), ("two".into(), 2.0)],
        cluster: None,
    };
    let options = Options { resamples: 20, ..Options::default() };
    risk(&Table::new("people", columns).unwrap(), &roles, &options)
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
        if people.iter().any(|(_, followed, risk)| followed.is_some() && risk.is_some()) {
            check(&people);
        } else {
            prop_assert!(!section(&people).unwrap_err().to_string().is_empty());
        }
    }
}
