//! Which of the exams that an archive knows are earlier exams of the same woman. A pure policy.
//!
//! Invariants: what is chosen is of the same patient beyond doubt (same ID, same birth date, no other issuer), and was
//! made on an earlier day; never more exams, nor older ones, than the limits allow.

use time::{Date, Duration};
use uvid_exam::{Patient, StudyInstanceUid};

/// The exam that wants priors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// Its study.
    pub study: StudyInstanceUid,
    /// Of whom.
    pub patient: Patient,
    /// Study Date (0008,0020).
    pub date: Date,
}

/// An exam that an archive knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its study.
    pub study: StudyInstanceUid,
    /// Of whom, as the archive says.
    pub patient: Patient,
    /// Study Date (0008,0020), if it has one.
    pub date: Option<Date>,
}

/// What is wanted at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// Exams.
    pub exams_max: usize,
    /// Years before the exam.
    pub years_max: f64,
}

/// Why a candidate is no prior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPrior {
    /// It is the exam itself.
    #[error("it is the exam itself")]
    Itself,
    /// Patient ID, issuer or birth date differ, or one of ID and birth date is missing on either side.
    #[error("nobody can say that it is of the same patient")]
    OtherPatient,
    /// It has no date.
    #[error("it has no study date")]
    Undated,
    /// It was made on the day of the exam or after it.
    #[error("it is not earlier")]
    NotEarlier,
    /// It is older than wanted.
    #[error("it is older than wanted")]
    TooOld,
    /// Enough later ones are there.
    #[error("enough are there")]
    Enough,
}

impl NoPrior {
    /// A stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Itself => "itself",
            Self::OtherPatient => "other-patient",
            Self::Undated => "undated",
            Self::NotEarlier => "not-earlier",
            Self::TooOld => "too-old",
            Self::Enough => "enough",
        }
    }
}

/// Days of a year, on average.
const YEAR_DAYS: f64 = 365.25;

/// The priors among the candidates, latest first, and why the others are none.
pub fn choose(
    current: &Current,
    candidates: Vec<Candidate>,
    wanted: Wanted,
) -> (Vec<Candidate>, Vec<(StudyInstanceUid, NoPrior)>) {
    let mut priors = Vec::new();
    let mut others = Vec::new();
    for candidate in candidates {
        match is_prior(current, &candidate, wanted) {
            Ok(date) => priors.push((date, candidate)),
            Err(why) => others.push((candidate.study, why)),
        }
    }
    // The latest first; of one day, by UID, so that two runs choose alike. An archive may name a study twice.
    priors.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.study.cmp(&y.study)));
    priors.dedup_by(|(_, x), (_, y)| x.study == y.study);
    let beyond = priors.split_off(priors.len().min(wanted.exams_max));
    others.extend(beyond.into_iter().map(|(_, candidate)| (candidate.study, NoPrior::Enough)));
    (priors.into_iter().map(|(_, candidate)| candidate).collect(), others)
}

/// The date of a prior, or why it is none.
pub fn is_prior(current: &Current, candidate: &Candidate, wanted: Wanted) -> Result<Date, NoPrior> {
    if candidate.study == current.study {
        return Err(NoPrior::Itself);
    }
    if !same_patient(&current.patient, &candidate.patient) {
        return Err(NoPrior::OtherPatient);
    }
    let date = candidate.date.ok_or(NoPrior::Undated)?;
    if date >= current.date {
        return Err(NoPrior::NotEarlier);
    }
    if current.date - date > Duration::days((wanted.years_max * YEAR_DAYS) as i64) {
        return Err(NoPrior::TooOld);
    }
    Ok(date)
}

/// Beyond doubt: where images of one study may lack a value, exams of two may not.
fn same_patient(a: &Patient, b: &Patient) -> bool {
    let known = |patient: &Patient| patient.id.is_some() && patient.birth_date.is_some();
    known(a) && known(b) && a.agrees_with(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::date;
    use uvid_exam::{BirthDate, PatientId};

    fn patient(id: &str, issuer: &str, birth_date: &str) -> Patient {
        Patient {
            id: PatientId::new(id),
            issuer: PatientId::new(issuer),
            birth_date: BirthDate::new(birth_date),
            name: None,
        }
    }

    fn candidate(study: &str, of: Patient, date: Option<Date>) -> Candidate {
        Candidate { study: study.parse().expect("a UID"), patient: of, date }
    }

    const WANTED: Wanted = Wanted { exams_max: 2, years_max: 4.0 };

    fn current() -> Current {
        Current {
            study: "1.1".parse().expect("a UID"),
            patient: patient("7", "A", "19600101"),
            date: date!(2026 - 11 - 22),
        }
    }

    #[test]
    fn a_prior_is_of_the_same_woman_and_earlier() {
        let check = |study: &str, of: Patient, date: Option<Date>, expected: Option<NoPrior>| {
            assert_eq!(is_prior(&current(), &candidate(study, of, date), WANTED).err(), expected);
        };
        let she = || patient("7", "A", "19600101");
        let earlier = Some(date!(2024 - 11 - 20));
        check("1.2", she(), earlier, None);
        check("1.2", patient("7", "", "19600101"), earlier, None);
        check("1.1", she(), earlier, Some(NoPrior::Itself));
        check("1.2", patient("8", "A", "19600101"), earlier, Some(NoPrior::OtherPatient));
        check("1.2", patient("7", "B", "19600101"), earlier, Some(NoPrior::OtherPatient));
        check("1.2", patient("7", "A", "19600102"), earlier, Some(NoPrior::OtherPatient));
        check("1.2", patient("7", "A", ""), earlier, Some(NoPrior::OtherPatient));
        check("1.2", patient("", "A", "19600101"), earlier, Some(NoPrior::OtherPatient));
        check("1.2", she(), None, Some(NoPrior::Undated));
        check("1.2", she(), Some(date!(2026 - 11 - 22)), Some(NoPrior::NotEarlier));
        check("1.2", she(), Some(date!(2027 - 01 - 01)), Some(NoPrior::NotEarlier));
        check("1.2", she(), Some(date!(2022 - 11 - 23)), None);
        check("1.2", she(), Some(date!(2022 - 11 - 20)), Some(NoPrior::TooOld));
    }

    proptest! {
        #[test]
        fn the_choice_is_the_latest_of_those_allowed(days in prop::collection::vec(-2000_i64..200, 0..12), exams_max in 0_usize..5) {
            let candidates: Vec<_> = days
                .iter()
                .enumerate()
                .map(|(i, days)| {
                    let of = patient("7", "A", if i % 5 == 4 { "19610101" } else { "19600101" });
                    candidate(&format!("1.2.{i}"), of, Some(current().date + Duration::days(*days)))
                })
                .collect();
            let wanted = Wanted { exams_max, ..WANTED };
            let (priors, others) = choose(&current(), candidates.clone(), wanted);
            prop_assert_eq!(priors.len() + others.len(), candidates.len());
            prop_assert!(priors.len() <= exams_max);
            prop_assert!(priors.is_sorted_by(|a, b| a.date >= b.date));
            for prior in &priors {
                prop_assert!(is_prior(&current(), prior, wanted).is_ok());
            }
            let enough: Vec<_> = others.iter().filter(|(_, why)| *why == NoPrior::Enough).collect();
            prop_assert!(enough.is_empty() || priors.len() == exams_max);
            let mut turned = candidates;
            turned.reverse();
            prop_assert_eq!(choose(&current(), turned, wanted).0, priors);
        }
    }
}
