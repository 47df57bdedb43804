//! Marks of several readers under several modalities on the same cases, as figures of merit.

use super::jafroc::{self, FalseRatings, Weighting};
use super::{Cases, froc, lroc};
use crate::readers::{FigureOfMerit, Figures, Random, Superiority};
use crate::{Estimate, Result, Undefined};

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Merit {
    /// The area under the AFROC curve, false ratings of normal cases only ([`jafroc`]).
    Afroc,
    /// The same with the false ratings of all cases.
    Afroc1,
    /// The area under the weighted AFROC curve, false ratings of normal cases only.
    WeightedAfroc,
    /// The same with the false ratings of all cases.
    WeightedAfroc1,
    /// The area under the LROC curve ([`lroc`]).
    Lroc,
    /// The sensitivity at a rate of false marks per image ([`froc`]).
    FrocSensitivity {
        /// What is to be found.
        sensitivity: froc::Sensitivity,
        /// Which false marks are counted.
        marks: froc::Marks,
        /// False marks per image, finite and not negative.
        rate: f64,
    },
    /// The mean of the sensitivities at [`froc::RATES`].
    Cpm {
        /// What is to be found.
        sensitivity: froc::Sensitivity,
        /// Which false marks are counted.
        marks: froc::Marks,
    },
}

/// The cases of several readers under several modalities.
///
/// Invariant: all have the same cases, with as many lesions of the same weights, images and clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// `[modality][reader]`.
    readings: Vec<Vec<Cases>>,
}

impl Study {
    /// From `readings[modality][reader]`; two programs are two modalities with a reader each.
    ///
    /// # Errors
    ///
    /// [`Undefined::Empty`], [`Undefined::Length`] where readers or cases are missing, [`Undefined::Value`] for a case with
    /// another number of lesions or images than before, [`Undefined::Degenerate`] where weights or clusters differ.
    pub fn new(readings: Vec<Vec<Cases>>) -> Result<Self> {
        let first = readings.first().and_then(|modality| modality.first()).ok_or(Undefined::Empty("readings"))?;
        for modality in &readings {
            crate::sample::same_length("readers of a modality", readings[0].len(), modality.len())?;
            modality.iter().try_for_each(|reading| same_truth(first, reading))?;
        }
        Ok(Self { readings })
    }

    /// As a figure of merit.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a rate out of its domain, [`Undefined::Value`] for a case with several lesions where the
    /// figure is [`Merit::Lroc`].
    pub fn with(&self, merit: Merit) -> Result<WithMerit> {
        let first = &self.readings[0][0];
        let (unit, units) = first.units();
        let mut with_lesion = vec![false; units];
        for (case, unit) in first.get().iter().zip(unit) {
            with_lesion[unit] |= !case.lesions.is_empty();
        }
        let (modalities, readers) = (self.readings.len(), self.readings[0].len());
        let prepared = self.readings.iter().flatten().map(|cases| prepare(cases, merit)).collect::<Result<_>>()?;
        Ok(WithMerit { modalities, readers, with_lesion, prepared })
    }
}

/// The estimate for one reader or program, its standard error by the jackknife over cases or, where there are some, clusters.
///
/// # Errors
///
/// Those of [`Study::with`] and [`Figures::jackknife`].
pub fn estimate(cases: &Cases, merit: Merit) -> Result<Estimate> {
    let study = Study::new(vec![vec![cases.clone()]])?.with(merit)?;
    let found = Figures::jackknife(&study)?.modality(0, Random::Cases)?;
    Ok(Estimate { value: found.value, standard_error: found.standard_error })
}

/// A [`Study`] judged by a [`Merit`]. The bootstrap draws units with and without lesions apart.
#[derive(Debug, Clone)]
pub struct WithMerit {
    modalities: usize,
    readers: usize,
    with_lesion: Vec<bool>,
    prepared: Vec<Prepared>,
}

/// What can be done before units are counted: sorting.
#[derive(Debug, Clone)]
enum Prepared {
    Area(Superiority),
    Lroc(lroc::Ratings),
    Sensitivity(froc::Events, f64),
    Cpm(froc::Events),
}

impl FigureOfMerit for WithMerit {
    fn modalities(&self) -> usize {
        self.modalities
    }

    fn readers(&self) -> usize {
        self.readers
    }

    fn units(&self) -> usize {
        self.with_lesion.len()
    }

    fn stratum(&self, unit: usize) -> usize {
        usize::from(self.with_lesion[unit])
    }

    fn value(&self, modality: usize, reader: usize, counts: &[u32]) -> Result<f64> {
        match &self.prepared[modality * self.readers + reader] {
            Prepared::Area(ranking) => ranking.value(counts),
            Prepared::Lroc(ratings) => ratings.area(counts),
            Prepared::Sensitivity(events, rate) => events.curve(counts)?.sensitivity_at(*rate),
            Prepared::Cpm(events) => Ok(events.curve(counts)?.cpm()),
        }
    }
}

fn prepare(cases: &Cases, merit: Merit) -> Result<Prepared> {
    use {FalseRatings::*, Weighting as W};
    let area = |ratings, weighting| Ok(Prepared::Area(jafroc::ranking(cases, ratings, weighting)));
    match merit {
        Merit::Afroc => area(OfNormalCases, W::Lesions),
        Merit::Afroc1 => area(OfAllCases, W::Lesions),
        Merit::WeightedAfroc => area(OfNormalCases, W::Cases),
        Merit::WeightedAfroc1 => area(OfAllCases, W::Cases),
        Merit::Lroc => lroc::Ratings::of(cases).map(Prepared::Lroc),
        Merit::FrocSensitivity { sensitivity, marks, rate } => {
            froc::check_rate(rate)?;
            Ok(Prepared::Sensitivity(froc::Events::of(cases, sensitivity, marks), rate))
        }
        Merit::Cpm { sensitivity, marks } => Ok(Prepared::Cpm(froc::Events::of(cases, sensitivity, marks))),
    }
}

fn same_truth(first: &Cases, other: &Cases) -> Result<()> {
    crate::sample::same_length("cases of a reader", first.get().len(), other.get().len())?;
    for (row, (a, b)) in first.get().iter().zip(other.get()).enumerate() {
        let counts = [
            ("the number of lesions", a.lesions.len(), b.lesions.len()),
            ("the number of images", a.images as usize, b.images as usize),
        ];
        for (what, expected, found) in counts {
            if expected != found {
                let domain = "the same for every reader and modality";
                return Err(Undefined::Value { what, row, value: found as f64, domain });
            }
        }
        if a.weights != b.weights {
            return Err(Undefined::Degenerate("the lesions' weights differ between readers or modalities"));
        }
    }
    if first.clusters() != other.clusters() {
        return Err(Undefined::Degenerate("the clusters differ between readers or modalities"));
    }
    Ok(())
}
