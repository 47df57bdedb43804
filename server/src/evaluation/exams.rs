//! The exams of a cohort, and which of them a process scores.

use std::collections::BTreeMap;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use uvid_datasets::sets::Cohort;

/// An exam: the images that a set puts together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The set's pseudonym of the patient.
    pub patient: String,
    /// The exam, unique among those of the patient.
    pub exam: String,
    /// The images, by their place in the cohort.
    pub images: Vec<usize>,
}

impl Unit {
    /// What names it in the journal: quoted, so that no two exams share it whatever is in their names.
    pub fn key(&self) -> String {
        format!("{:?} {:?}", self.patient, self.exam)
    }
}

/// The exams in the order in which the cohort first names them.
pub fn units(cohort: &Cohort) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (place, image) in cohort.images.iter().enumerate() {
        let at = *known.entry((&image.patient, &image.exam)).or_insert_with(|| {
            units.push(Unit { patient: image.patient.clone(), exam: image.exam.clone(), images: Vec::new() });
            units.len() - 1
        });
        units[at].images.push(place);
    }
    units
}

/// One of several processes that share the work: `2/6` is the second of six. Patients are dealt out by the digest of
/// their pseudonyms, so that every process knows its own without asking the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// The only one.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Whether this process scores the exams of a patient.
    pub fn has(self, patient: &str) -> bool {
        let digest = Sha256::digest(patient.as_bytes());
        let number = digest.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte));
        number % self.of == self.number - 1
    }

    /// `2-of-6`, for file names.
    pub fn name(self) -> String {
        format!("{}-of-{}", self.number, self.of)
    }
}

/// Text that names no shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no share of the work: write 2/6 for the second of six processes")]
pub struct NoShard(String);

impl FromStr for Shard {
    type Err = NoShard;

    fn from_str(text: &str) -> Result<Self, NoShard> {
        let parsed = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err(NoShard(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patient_has_one_process() {
        for of in 1..8 {
            for patient in (0..200).map(|n| format!("patient-{n}")) {
                let having = (1..=of).filter(|number| Shard { number: *number, of }.has(&patient)).count();
                assert_eq!(having, 1, "{patient} of {of}");
            }
        }
    }

    #[test]
    fn a_shard_is_read_or_refused() {
        let check = |text: &str, expected: Option<(u32, u32)>| {
            let parsed = text.parse::<Shard>().ok().map(|shard| (shard.number, shard.of));
            assert_eq!(parsed, expected, "{text}");
        };
        check("1/1", Some((1, 1)));
        check("2/6", Some((2, 6)));
        check("0/6", None);
        check("7/6", None);
        check("2", None);
        check("a/b", None);
        check("1/0", None);
    }
}
