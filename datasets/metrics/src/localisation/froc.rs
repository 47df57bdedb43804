//! FROC: sensitivity against false marks per image, over all thresholds (Bunch et al. 1978; Chakraborty & Winter 1990).
//!
//! At a threshold t all marks with a score of at least t count. Nothing is interpolated: the sensitivity at x false marks
//! per image is the largest at a threshold whose false marks per image are at most x, and 0 where there is none such.
//!
//! A sensitivity at a rate goes by the threshold that the rate picks: it is a quantile's kind of statistic, for which the
//! jackknife without one unit is inconsistent (Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, chapter
//! 3), with variances well above the true ones however many cases there are. Take the bootstrap: [`super::resample`],
//! [`crate::readers::Figures::bootstrap`].

use crate::readers::Entry;
use crate::{Result, Undefined};

use super::Cases;

/// What is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// Each lesion.
    Lesions,
    /// Each case with a lesion; any of its lesions will do.
    Cases,
}

/// Which false marks are counted, and per what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// Those of all cases, per image.
    OfAllImages,
    /// Those of cases without a lesion, per image of such cases.
    OfNormalImages,
}

/// False marks per image at which challenges ask for the sensitivity (LUNA16 and others).
pub const RATES: [f64; 7] = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// The curve at one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operating {
    /// Marks of at least this score count.
    pub threshold: f64,
    /// False marks per image.
    pub false_marks: f64,
    /// The share of lesions (or cases) found, 0 to 1.
    pub sensitivity: f64,
}

/// The curve at each score that occurs, from the highest to the lowest; before the first point nothing is marked.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Empty where there is no mark at all.
    pub points: Vec<Operating>,
}

impl Curve {
    /// The largest sensitivity at a threshold with at most so many false marks per image.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for a rate that is negative or not finite.
    pub fn sensitivity_at(&self, rate: f64) -> Result<f64> {
        check_rate(rate)?;
        Ok(self.points.iter().take_while(|p| p.false_marks <= rate).last().map_or(0.0, |p| p.sensitivity))
    }

    /// The mean of the sensitivities at [`RATES`]: the competition performance metric.
    pub fn cpm(&self) -> f64 {
        RATES.iter().filter_map(|rate| self.sensitivity_at(*rate).ok()).sum::<f64>() / RATES.len() as f64
    }
}

/// The curve.
///
/// # Errors
///
/// [`Undefined::Empty`] where there is no lesion, or no image to count false marks on.
pub fn curve(cases: &Cases, sensitivity: Sensitivity, marks: Marks) -> Result<Curve> {
    let events = Events::of(cases, sensitivity, marks);
    events.curve(&vec![1; events.wanted.len()])
}

pub(super) fn check_rate(rate: f64) -> Result<()> {
    if rate >= 0.0 && rate.is_finite() {
        return Ok(());
    }
    let what = "the rate of false marks per image";
    Err(Undefined::Parameter { what, value: rate, domain: "finite and not negative" })
}

/// Hits and false marks in the order of their scores, with what each unit adds to the denominators.
#[derive(Debug, Clone)]
pub(super) struct Events {
    /// From the highest score down.
    sorted: Vec<Entry>,
    wanted: Vec<f64>,
    images: Vec<f64>,
}

impl Events {
    pub(super) fn of(cases: &Cases, sensitivity: Sensitivity, marks: Marks) -> Self {
        let (unit, units) = cases.units();
        let (mut sorted, mut wanted, mut images) = (Vec::new(), vec![0.0; units], vec![0.0; units]);
        for (case, unit) in cases.get().iter().zip(unit) {
            let mut add = |value: f64, positive: f64, negative: f64| {
                sorted.push(Entry { value, unit, negative, positive });
            };
            if marks == Marks::OfAllImages || case.lesions.is_empty() {
                images[unit] += f64::from(case.images);
                case.false_marks.iter().for_each(|score| add(*score, 0.0, 1.0));
            }
            match sensitivity {
                Sensitivity::Lesions => {
                    wanted[unit] += case.lesions.len() as f64;
                    case.lesions.iter().flatten().for_each(|score| add(*score, 1.0, 0.0));
                }
                Sensitivity::Cases => {
                    wanted[unit] += f64::from(u8::from(!case.lesions.is_empty()));
                    let highest = case.highest_lesion();
                    if highest.is_finite() {
                        add(highest, 1.0, 0.0);
                    }
                }
            }
        }
        // Equal scores make one point: their order does not matter.
        sorted.sort_by(|a, b| (b.value + 0.0).total_cmp(&(a.value + 0.0)));
        Self { sorted, wanted, images }
    }

    /// The mean of the sensitivities at rates, which ascend, without a list of points: a bootstrap asks often.
    pub(super) fn mean_at(&self, rates: &[f64], counts: &[u32]) -> Result<f64> {
        let (wanted, images) = self.denominators(counts)?;
        let (mut hits, mut wrong, mut before, mut sum) = (0.0, 0.0, 0.0, 0.0);
        let mut left = rates;
        for tied in self.sorted.chunk_by(|a, b| a.value == b.value) {
            for entry in tied {
                let count = f64::from(counts[entry.unit]);
                hits += count * entry.positive;
                wrong += count * entry.negative;
            }
            let passed = left.partition_point(|rate| *rate < wrong / images);
            sum += before * passed as f64;
            left = &left[passed..];
            if left.is_empty() {
                break;
            }
            before = hits / wanted;
        }
        Ok((sum + before * left.len() as f64) / rates.len() as f64)
    }

    /// What there is to find, and the images that false marks are counted on.
    fn denominators(&self, counts: &[u32]) -> Result<(f64, f64)> {
        let total = |list: &[f64]| list.iter().zip(counts).map(|(x, count)| x * f64::from(*count)).sum::<f64>();
        let (wanted, images) = (total(&self.wanted), total(&self.images));
        if wanted == 0.0 {
            return Err(Undefined::Empty("lesions"));
        }
        if images == 0.0 {
            return Err(Undefined::Empty("images to count false marks on"));
        }
        Ok((wanted, images))
    }

    pub(super) fn curve(&self, counts: &[u32]) -> Result<Curve> {
        let (wanted, images) = self.denominators(counts)?;
        let (mut hits, mut wrong) = (0.0, 0.0);
        let mut points = Vec::new();
        for tied in self.sorted.chunk_by(|a, b| a.value == b.value) {
            let mut counted = false;
            for entry in tied {
                let count = f64::from(counts[entry.unit]);
                hits += count * entry.positive;
                wrong += count * entry.negative;
                counted |= count > 0.0;
            }
            if counted {
                let threshold = tied[0].value;
                points.push(Operating { threshold, false_marks: wrong / images, sensitivity: hits / wanted });
            }
        }
        Ok(Curve { points })
    }
}
