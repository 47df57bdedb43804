//! Marks of several readers under several modalities on the same cases, as figures of merit.

use super::jafroc::{self, FalseRatings, Weighting};
use super::{Cases, froc, lroc};
use crate::bootstrap::{self, Design, Resampled};
use crate::readers::{FigureOfMerit, Figures, Random, Superiority};
use crate::{Clusters, Estimate, Result, Undefined};

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
        let with_lesion = with_lesion(&self.readings[0][0]);
        let (modalities, readers) = (self.readings.len(), self.readings[0].len());
        let prepared = self.readings.iter().flatten().map(|cases| prepare(cases, merit)).collect::<Result<_>>()?;
        Ok(WithMerit { modalities, readers, with_lesion, prepared })
    }
}

/// The estimate for one reader or program, its standard error by the jackknife over cases or, where there are some, clusters.
///
/// It is for areas; sensitivities at a rate have no consistent jackknife (see [`froc`]) and take [`resample`]. Each unit is left
/// out by itself: time goes as units times marks.
///
/// # Errors
///
/// Those of [`Study::with`] and [`Figures::jackknife`]; among them [`Undefined::Degenerate`] for [`Merit::FrocSensitivity`] and
/// [`Merit::Cpm`].
pub fn estimate(cases: &Cases, merit: Merit) -> Result<Estimate> {
    let study = Study::new(vec![vec![cases.clone()]])?.with(merit)?;
    let found = Figures::jackknife(&study)?.modality(0, Random::Cases)?;
    Ok(Estimate { value: found.value, standard_error: found.standard_error })
}

/// Merits of one reader or program on resamples of cases or, where there are some, clusters (patients): all merits on the same
/// draws, one column of [`Resampled`] each. Clusters with and without a lesion are drawn apart. Time goes as resamples times
/// marks and clusters.
///
/// ```
/// use uvid_metrics::Confidence;
/// use uvid_metrics::bootstrap::Options;
/// use uvid_metrics::localisation::{Case, Cases, Merit, froc, resample};
///
/// let case = |k: u32| {
///     let score = f64::from(k * 37 % 11);
///     if k % 2 == 0 { Case::new(&[Some(score + 4.0)], &[score]) } else { Case::new(&[], &[score]) }
/// };
/// let cases = Cases::new((0..60).map(case).collect())?;
/// let (sensitivity, marks) = (froc::Sensitivity::Lesions, froc::Marks::OfAllImages);
/// let merit = Merit::FrocSensitivity { sensitivity, marks, rate: 0.25 };
/// let resampled = resample(&cases, &[merit], &Options { resamples: 500, seed: 1, ..Options::default() })?;
/// let interval = resampled.distribution(0)?.percentile(Confidence::P95);
/// assert!(interval.contains(resampled.observed[0]) && interval.upper - interval.lower < 0.5);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::Empty`] without merits, those of [`Study::with`], a merit that does not exist for the cases themselves, and
/// those of [`bootstrap::run`].
pub fn resample(cases: &Cases, merits: &[Merit], options: &bootstrap::Options) -> Result<Resampled> {
    let prepared = merits.iter().map(|merit| prepare(cases, *merit)).collect::<Result<Vec<Prepared>>>()?;
    let strata: Vec<u32> = with_lesion(cases).into_iter().map(u32::from).collect();
    let clusters = cases.clusters().cloned().unwrap_or_else(|| Clusters::each(cases.get().len()));
    let design = Design::stratified(&clusters, &strata)?;
    bootstrap::run(
        &design,
        options,
        prepared.len(),
        || (),
        |(), counts, values| {
            for (value, merit) in values.iter_mut().zip(&prepared) {
                *value = merit.value(counts)?;
            }
            Ok(())
        },
    )
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
    /// The mean of the sensitivities at these rates.
    Sensitivity(froc::Events, Vec<f64>),
}

impl Prepared {
    fn value(&self, counts: &[u32]) -> Result<f64> {
        match self {
            Self::Area(ranking) => ranking.value(counts),
            Self::Lroc(ratings) => ratings.area(counts),
            Self::Sensitivity(events, rates) => events.mean_at(rates, counts),
        }
    }
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
        self.prepared[modality * self.readers + reader].value(counts)
    }

    fn jackknifed(&self) -> Result<()> {
        if self.prepared.iter().any(|prepared| matches!(prepared, Prepared::Sensitivity(..))) {
            let why = "a sensitivity at a rate of false marks has no consistent jackknife: take the bootstrap";
            return Err(Undefined::Degenerate(why));
        }
        Ok(())
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
            Ok(Prepared::Sensitivity(froc::Events::of(cases, sensitivity, marks), vec![rate]))
        }
        Merit::Cpm { sensitivity, marks } => {
            Ok(Prepared::Sensitivity(froc::Events::of(cases, sensitivity, marks), froc::RATES.to_vec()))
        }
    }
}

/// Which units have a lesion.
fn with_lesion(cases: &Cases) -> Vec<bool> {
    let (unit, units) = cases.units();
    let mut with_lesion = vec![false; units];
    for (case, unit) in cases.get().iter().zip(unit) {
        with_lesion[unit] |= !case.lesions.is_empty();
    }
    with_lesion
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
