//! What is known of the woman besides her images.
//!
//! The published model predicts all of it from the images and lets nobody tell it better. A recipe may state that what
//! is given takes the prediction's place, as the authors' code could: a factor is known when the vector of its classes
//! sums to more than 0. Hence a `no` to a question of yes or no, whose vector is 0, cannot be told from "unknown", and
//! the prediction stays; the result says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A risk factor of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskFactor {
    /// Its key in the published file.
    pub key: String,
    /// Its classes; 1 is a question of yes or no.
    pub classes: usize,
}

/// Where the risk factors come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskFactorSource {
    /// From the images, always: as published.
    Predicted,
    /// Given ones from whoever gives them, the others from the images.
    KnownWhereGiven,
}

/// Why risk factors cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RiskFactorError {
    /// The package uses none, or predicts them all.
    #[error("the package takes no known risk factors")]
    NotTaken,
    /// No such factor.
    #[error("{key} is no risk factor of this model, which knows {known}")]
    Key {
        /// As given.
        key: String,
        /// The model's.
        known: String,
    },
    /// No such class.
    #[error("{value} is no value of {key}, which takes {taken}")]
    Value {
        /// The factor.
        key: String,
        /// As given.
        value: String,
        /// What it takes.
        taken: String,
    },
    /// Said twice.
    #[error("{0} is given more than once")]
    Twice(String),
}

/// Known risk factors by key, each a class that the model knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RiskFactors(BTreeMap<String, Answer>);

/// What is known of a risk factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Flag(bool),
    Class { index: usize, of: usize },
}

impl RiskFactors {
    /// Takes pairs of a key and the index of a class, or `yes` or `no`.
    pub fn parse<'a>(
        factors: &[RiskFactor],
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, RiskFactorError> {
        let mut answers = BTreeMap::new();
        for (key, value) in given {
            let Some(factor) = factors.iter().find(|f| f.key == key) else {
                let known: Vec<&str> = factors.iter().map(|f| f.key.as_str()).collect();
                return Err(RiskFactorError::Key { key: key.to_owned(), known: known.join(", ") });
            };
            let answer = Answer::parse(value, factor.classes).ok_or_else(|| RiskFactorError::Value {
                key: key.to_owned(),
                value: value.to_owned(),
                taken: if factor.classes == 1 { "yes or no".into() } else { format!("0 to {}", factor.classes - 1) },
            })?;
            if answers.insert(key.to_owned(), answer).is_some() {
                return Err(RiskFactorError::Twice(key.to_owned()));
            }
        }
        Ok(Self(answers))
    }

    /// Each factor that is given, with what is made of it, in words for the record.
    pub(super) fn record(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(key, answer)| (key.as_str(), answer.to_string()))
    }
}

impl Answer {
    fn parse(value: &str, classes: usize) -> Option<Self> {
        match (value, classes) {
            ("yes", 1) => Some(Self::Flag(true)),
            ("no", 1) => Some(Self::Flag(false)),
            (_, 1) => None,
            (index, of) => index.parse().ok().filter(|index| *index < of).map(|index| Self::Class { index, of }),
        }
    }

    fn classes(self) -> usize {
        match self {
            Self::Flag(_) => 1,
            Self::Class { of, .. } => of,
        }
    }

    /// The class whose place in the vector is 1; none if the vector is 0.
    fn class(self) -> Option<usize> {
        match self {
            Self::Flag(yes) => yes.then_some(0),
            Self::Class { index, .. } => Some(index),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(true) => f.write_str("yes"),
            Self::Flag(false) => f.write_str("no (to this model the same as unknown: predicted)"),
            Self::Class { index, of } => write!(f, "class {index} of 0 to {}", of - 1),
        }
    }
}

/// The risk factors as the network takes them, all classes of all factors one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// 1 where the prediction stays, 0 where it is replaced.
    pub unknown: Vec<f32>,
    /// What replaces it.
    pub given: Vec<f32>,
}

impl Known {
    /// Nothing is known.
    pub fn nothing(factors: &[RiskFactor]) -> Self {
        let all = factors.iter().map(|f| f.classes).sum();
        Self { unknown: vec![1.0; all], given: vec![0.0; all] }
    }

    /// What is given. `None` if it is not of these factors.
    pub fn of(factors: &[RiskFactor], given: &RiskFactors) -> Option<Self> {
        let mut known = Self::nothing(factors);
        let (mut from, mut used) = (0, 0);
        for RiskFactor { key, classes } in factors {
            let to = from + classes;
            if let Some(answer) = given.0.get(key) {
                if answer.classes() != *classes {
                    return None;
                }
                used += 1;
                if let Some(class) = answer.class() {
                    known.unknown[from..to].fill(0.0);
                    known.given[from + class] = 1.0;
                }
            }
            from = to;
        }
        (used == given.0.len()).then_some(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors() -> Vec<RiskFactor> {
        [("density", 4), ("parous", 1), ("age", 3)].map(|(key, classes)| RiskFactor { key: key.into(), classes }).into()
    }

    #[test]
    fn what_is_given_takes_the_place_of_what_is_predicted() {
        let check = |given: &[(&str, &str)], unknown: [f32; 8], vector: [f32; 8]| {
            let given = RiskFactors::parse(&factors(), given.iter().copied()).expect("known");
            let known = Known::of(&factors(), &given).expect("of these factors");
            assert_eq!(known, Known { unknown: unknown.to_vec(), given: vector.to_vec() });
        };
        check(&[], [1.0; 8], [0.0; 8]);
        check(&[("parous", "no")], [1.0; 8], [0.0; 8]);
        check(
            &[("parous", "yes"), ("density", "2")],
            [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0],
            [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        );
        check(&[("age", "0")], [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn what_the_model_does_not_know_is_refused_in_words() {
        let check = |given: &[(&str, &str)], expected: &str| {
            let error = RiskFactors::parse(&factors(), given.iter().copied()).expect_err("refused").to_string();
            assert_eq!(error, expected);
        };
        check(&[("shoe", "1")], "shoe is no risk factor of this model, which knows density, parous, age");
        check(&[("density", "4")], "4 is no value of density, which takes 0 to 3");
        check(&[("density", "yes")], "yes is no value of density, which takes 0 to 3");
        check(&[("density", "-1")], "-1 is no value of density, which takes 0 to 3");
        check(&[("parous", "1")], "1 is no value of parous, which takes yes or no");
        check(&[("age", "1"), ("age", "1")], "age is given more than once");
    }

    #[test]
    fn factors_of_another_model_are_not_used() {
        let given = RiskFactors::parse(&factors(), [("age", "2")]).expect("known");
        let others = |key: &str, classes| vec![RiskFactor { key: key.into(), classes }];
        assert_eq!(Known::of(&others("age", 4), &given), None);
        assert_eq!(Known::of(&others("weight", 3), &given), None);
    }
}
