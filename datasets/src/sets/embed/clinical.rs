//! EMBED's clinical table: findings, and what they say of exams, forward in time.

use std::collections::BTreeMap;

use uvid_exam::Laterality;

use super::WITHIN_DAYS;
use crate::sets::cohort::{Cohort, Image, Outcome};
use crate::sets::exclusion::{Stage, Unit};
use crate::sets::table::{Column, Row, may, need};
use crate::sets::values::{day, density, sides_of};
use crate::sets::{SetError, covariate};

pub(super) const COLUMNS: &[Column] = &[
    need("empi_anon"),
    need("acc_anon"),
    need("study_date_anon"),
    need("desc"),
    need("side"),
    need("asses"),
    need("tissueden"),
    need("path_severity"),
    need("bside"),
    may("RACE_DESC"),
    may("ETHNIC_GROUP_DESC"),
    may("age_at_study"),
];

/// What was found in a patient, by day.
#[derive(Debug, Default)]
struct Course {
    /// The day of each exam.
    exams: BTreeMap<String, i32>,
    /// Cancers: the day, and the breast where it is known.
    cancers: Vec<(i32, Option<Laterality>)>,
    /// The first exam with `K`: by then a malignancy was proven.
    proven: Option<i32>,
}

/// What a covariate is of: patient, exam and breast, `None` being both breasts.
type Place = (String, String, Option<Laterality>);

/// All of the table that is used.
#[derive(Debug, Default)]
pub(super) struct Clinical {
    patients: BTreeMap<String, Course>,
    notes: BTreeMap<Place, Vec<(&'static str, String)>>,
}

impl Clinical {
    pub(super) fn take(&mut self, cohort: &mut Cohort, row: &Row) -> Result<(), SetError> {
        let id = |column| row.id(column)?.ok_or_else(|| row.wrong(column, "is empty"));
        let (patient, exam) = (id("empi_anon")?.to_owned(), id("acc_anon")?.to_owned());
        let date = row.need("study_date_anon")?;
        let today = day(date).ok_or_else(|| row.wrong("study_date_anon", "is no date YYYY-MM-DD"))?;
        let course = self.patients.entry(patient.clone()).or_default();
        if *course.exams.entry(exam.clone()).or_insert(today) != today {
            let reason = "an earlier row gives its exam another date";
            cohort.exclude(Stage::Contradiction, Unit::Finding, row.place(), reason);
            return Ok(());
        }
        let side = match sides_of(row, "side")?.as_slice() {
            [side] => Some(*side),
            _ => None,
        };
        if matches!(row.whole("path_severity", 0, 6)?, Some(0 | 1)) {
            let of = sides_of(row, "bside")?;
            if of.is_empty() {
                course.cancers.push((today, side));
            }
            course.cancers.extend(of.into_iter().map(|side| (today, Some(side))));
        }
        if row.text("asses")? == Some("K") {
            course.proven = Some(course.proven.map_or(today, |first| first.min(today)));
        }
        self.note(&patient, &exam, side, row)
    }

    fn note(&mut self, patient: &str, exam: &str, side: Option<Laterality>, row: &Row) -> Result<(), SetError> {
        let mut both = Vec::new();
        for (column, name) in
            [("desc", covariate::PURPOSE), ("RACE_DESC", covariate::RACE), ("ETHNIC_GROUP_DESC", covariate::ETHNICITY)]
        {
            if let Some(text) = row.text(column)? {
                both.push((name, text.to_owned()));
            }
        }
        if let Some(age) = row.number("age_at_study")? {
            both.push((covariate::AGE, age.to_string()));
        }
        if let Some(tissue) = row.whole("tissueden", 0, 5)? {
            let letter = density(&tissue.to_string());
            both.extend(letter.map(|letter| (covariate::DENSITY, letter.to_owned())));
        }
        let key = |side| (patient.to_owned(), exam.to_owned(), side);
        self.notes.entry(key(None)).or_default().extend(both);
        if let Some(letter) = row.text("asses")? {
            let at = ["A", "N", "B", "P", "S", "M", "K"].iter().position(|known| *known == letter);
            // `X` is "no code" in the set's legend.
            let category = match at {
                Some(category) => Some(category.to_string()),
                None if letter == "X" => None,
                None => return Err(row.wrong("asses", "is none of A, N, B, P, S, M, K, X")),
            };
            let category = category.map(|category| (covariate::BIRADS, category));
            self.notes.entry(key(side)).or_default().extend(category);
        }
        Ok(())
    }

    /// Tells an image what the table says of its exam and breast.
    pub(super) fn tell(&self, image: &mut Image) {
        let key = |side| (image.patient.clone(), image.exam.clone(), side);
        let mut sides = vec![key(None)];
        sides.extend(image.laterality.map(|side| key(Some(side))));
        for (name, value) in sides.iter().filter_map(|side| self.notes.get(side)).flatten() {
            image.note(name, value.as_str());
        }
        let Some(course) = self.patients.get(&image.patient) else { return };
        // A cancer at an exam of which no image is in the cohort is hers all the same.
        image.labels.patient = course.has_cancer().then_some(true);
        let Some(&today) = course.exams.get(&image.exam) else { return };
        image.labels.exam = course.label(today, None);
        image.outcome = course.outcome(today, None);
        if let Some(side) = image.laterality {
            image.labels.breast = course.label(today, Some(side));
            image.breast_outcome = course.outcome(today, Some(side));
        }
    }
}

impl Course {
    fn has_cancer(&self) -> bool {
        !self.cancers.is_empty() || self.proven.is_some()
    }

    /// The day by which a malignancy was proven that has no date: the first exam with `K`, unless a cancer was recorded
    /// by then. From that day on nothing is known, and follow-up ends before it.
    fn undated(&self) -> Option<i32> {
        self.proven.filter(|&proven| self.cancers.iter().all(|&(day, _)| day > proven))
    }

    /// The last exam until which it is known whether cancer was found.
    fn last(&self) -> i32 {
        let end = self.undated().unwrap_or(i32::MAX);
        self.exams.values().copied().filter(|&day| day < end).max().unwrap_or_default()
    }

    /// The first cancer from `today` on: of `of`, or of either breast. `Err` if an earlier cancer or one of an unknown
    /// side makes that undefined.
    fn next(&self, today: i32, of: Option<Laterality>) -> Result<Option<i32>, ()> {
        let end = self.undated().unwrap_or(i32::MAX);
        let unclear = |&(day, side): &(i32, Option<Laterality>)| day < today || (of.is_some() && side.is_none());
        if end <= today || self.cancers.iter().any(unclear) {
            return Err(());
        }
        let ours = self.cancers.iter().filter(|&&(day, side)| day < end && (of.is_none() || side == of));
        Ok(ours.map(|&(day, _)| day).min())
    }

    fn label(&self, today: i32, of: Option<Laterality>) -> Option<bool> {
        let here = |&(day, side): &(i32, Option<Laterality>)| {
            (today..=today + WITHIN_DAYS).contains(&day) && (of.is_none() || side == of)
        };
        if self.cancers.iter().any(here) {
            return Some(true);
        }
        let next = self.next(today, of).ok()?;
        let late = next.is_some_and(|day| day > today + WITHIN_DAYS);
        (late || self.last() >= today + WITHIN_DAYS).then_some(false)
    }

    fn outcome(&self, today: i32, of: Option<Laterality>) -> Option<Outcome> {
        let next = self.next(today, of).ok()?;
        let days_to_cancer = next.map(|day| f64::from(day - today));
        Some(Outcome { days_to_cancer, days_followed: f64::from(self.last() - today), grain_days: 1.0 })
    }
}
