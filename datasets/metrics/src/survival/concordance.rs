//! Concordance: of two rows of whom it is known who had the event first, did that one have the higher risk?
//!
//! A pair can be compared where the earlier time is an event, or where times are equal and just one is an event (that one
//! is first). Equal risks count one half. Harrell et al., Statistics in Medicine 15 (1996) 361. Uno et al., Statistics in
//! Medicine 30 (2011) 1105: a pair weighs 1/G(t)², t the earlier time, and only events before tau are first.
//!
//! O(n log n), by trees of partial sums over ranks. Risks are tied where they are equal; see the module above.

use super::{Censoring, Survival};
use crate::ranks::order;
use crate::{Clusters, Estimate, Result, Undefined};

/// Harrell's C with what it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Concordance {
    /// C, 0 to 1; 0.5 is chance. Its standard error is the infinitesimal jackknife's, the root of the sum over rows of
    /// ((a - C b) / N)²: a row's pairs scored 1, 1/2 or 0, its pairs, and all pairs. With clusters, of sums over clusters.
    /// As R's `survival::concordance`.
    pub estimate: Estimate,
    /// Pairs where the first had the higher risk.
    pub concordant: u64,
    /// Pairs where the first had the lower risk.
    pub discordant: u64,
    /// Pairs of equal risk.
    pub tied_risk: u64,
    /// Pairs of equal times that can be compared; they are among the above.
    pub tied_time: u64,
}

/// Harrell's C.
///
/// # Errors
///
/// [`Undefined::Degenerate`] where no two rows can be compared: no event, say. [`Undefined::Length`], [`Undefined::Value`]
/// for risks.
///
/// ```
/// use uvid_metrics::survival::{Survival, harrell};
/// let survival = Survival::new(&[1.0, 2.0, 3.0], &[true, false, true])?;
/// let found = harrell(&survival, &[0.9, 0.2, 0.9])?;
/// assert_eq!((found.concordant, found.tied_risk, found.estimate.value), (1, 1, 0.75));
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn harrell(survival: &Survival, risks: &[f64]) -> Result<Concordance> {
    survival.check_risks(risks)?;
    let weights: Vec<f64> = survival.events().iter().map(|event| f64::from(u8::from(*event))).collect();
    let pairs = Pairs::count(survival, risks, &weights);
    let index = pairs.index()?;
    // Weights are 0 and 1, and sums of them below 2^53 exact.
    let (mut concordant, mut tied_risk) = (0.0, 0.0);
    for first in &pairs.as_first {
        concordant += first.above;
        tied_risk += first.tied;
    }
    let all = pairs.all();
    let each = Clusters::each(survival.len());
    let clusters = survival.clusters().unwrap_or(&each);
    let mut sums = vec![0.0; clusters.count()];
    for (row, (first, second)) in pairs.as_first.iter().zip(&pairs.as_second).enumerate() {
        let won = first.above + first.tied / 2.0 + second.above + second.tied / 2.0;
        sums[clusters.of_row(row)] += (won - index * (first.all + second.all)) / all;
    }
    let variance: f64 = sums.iter().map(|sum| sum * sum).sum();
    Ok(Concordance {
        estimate: Estimate { value: index, standard_error: variance.sqrt() },
        concordant: concordant as u64,
        discordant: (all - concordant - tied_risk) as u64,
        tied_risk: tied_risk as u64,
        tied_time: tied_times(survival),
    })
}

/// Uno's C: it estimates the same for every pattern of censoring. Events from `tau` on are first of no pair; without it all
/// events are. Its standard error is a matter for the bootstrap, which sees that G is estimated too.
///
/// # Errors
///
/// As [`harrell`]; where G is 0 at an event before tau, or unknown because `censoring` is of a shorter follow-up; a tau that
/// is not above 0.
///
/// ```
/// use uvid_metrics::survival::{Censoring, Survival, uno};
/// let survival = Survival::new(&[1.0, 2.0, 3.0, 4.0], &[true, false, true, false])?;
/// let found = uno(&survival, &Censoring::of(&survival), &[0.9, 0.2, 0.1, 0.3], None)?;
/// // Three pairs of weight 1, all right; one of weight (3/2)², wrong.
/// assert!((found - 3.0 / 5.25).abs() < 1e-15);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
pub fn uno(survival: &Survival, censoring: &Censoring, risks: &[f64], tau: Option<f64>) -> Result<f64> {
    survival.check_risks(risks)?;
    let end = match tau {
        Some(tau) if tau.is_nan() || tau <= 0.0 => {
            return Err(Undefined::Parameter { what: "tau", value: tau, domain: "above 0" });
        }
        Some(tau) => tau,
        None => f64::INFINITY,
    };
    let mut weights = vec![0.0; survival.len()];
    for (row, weight) in weights.iter_mut().enumerate() {
        if survival.events()[row] && survival.times()[row] < end {
            *weight = censoring.at(survival.times()[row])?.powi(-2);
        }
    }
    Pairs::count(survival, risks, &weights).index()
}

/// Weighted pairs of one row: with a first of higher risk than the second, with equal risks, and all.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    above: f64,
    tied: f64,
    all: f64,
}

/// The pairs of each row, where it is first and where it is second.
struct Pairs {
    as_first: Vec<Share>,
    as_second: Vec<Share>,
}

impl Pairs {
    /// `weights` are of the first of a pair, 0 for rows that are never first.
    fn count(survival: &Survival, risks: &[f64], weights: &[f64]) -> Self {
        let (places, distinct) = places(risks);
        let by_time = order(survival.times());
        let groups: Vec<&[usize]> = by_time.chunk_by(|a, b| survival.times()[*a] == survival.times()[*b]).collect();
        let (events, censored): (Vec<Vec<usize>>, Vec<Vec<usize>>) =
            groups.iter().map(|group| group.iter().partition(|row| survival.events()[**row])).unzip();
        let mut as_first = vec![Share::default(); risks.len()];
        let mut as_second = as_first.clone();

        // From the last time to the first: in the tree are the rows that come after, censored ones of this time included.
        let mut later = Tree::new(distinct);
        for (events, censored) in events.iter().zip(&censored).rev() {
            censored.iter().for_each(|row| later.add(places[*row], 1.0));
            for row in events {
                let (below, tied) = (later.below(places[*row]), later.at(places[*row]));
                let weight = weights[*row];
                as_first[*row] = Share { above: weight * below, tied: weight * tied, all: weight * later.total };
            }
            events.iter().for_each(|row| later.add(places[*row], 1.0));
        }
        // From the first time to the last: in the tree are the events before, those of this time for its censored rows.
        let mut earlier = Tree::new(distinct);
        for (events, censored) in events.iter().zip(&censored) {
            let share = |tree: &Tree, row: usize| {
                let (below, tied) = (tree.below(places[row]), tree.at(places[row]));
                Share { above: tree.total - below - tied, tied, all: tree.total }
            };
            events.iter().for_each(|row| as_second[*row] = share(&earlier, *row));
            events.iter().for_each(|row| earlier.add(places[*row], weights[*row]));
            censored.iter().for_each(|row| as_second[*row] = share(&earlier, *row));
        }
        Self { as_first, as_second }
    }

    fn all(&self) -> f64 {
        self.as_first.iter().map(|share| share.all).sum()
    }

    fn index(&self) -> Result<f64> {
        let all = self.all();
        if all <= 0.0 {
            return Err(Undefined::Degenerate("concordance: of no two rows it is known who had the event first"));
        }
        Ok(self.as_first.iter().map(|share| share.above + share.tied / 2.0).sum::<f64>() / all)
    }
}

/// The place of each value among the distinct ones, from 0, and how many those are.
fn places(values: &[f64]) -> (Vec<usize>, usize) {
    let (mut places, mut distinct) = (vec![0; values.len()], 0);
    for tied in order(values).chunk_by(|a, b| values[*a] == values[*b]) {
        tied.iter().for_each(|row| places[*row] = distinct);
        distinct += 1;
    }
    (places, distinct)
}

fn tied_times(survival: &Survival) -> u64 {
    let steps = super::KaplanMeier::of(survival);
    steps.steps().iter().map(|step| step.events as u64 * step.censored as u64).sum()
}

/// Sums over places that change: Fenwick, Software: Practice and Experience 24 (1994) 327.
struct Tree {
    sums: Vec<f64>,
    values: Vec<f64>,
    total: f64,
}

impl Tree {
    fn new(places: usize) -> Self {
        Self { sums: vec![0.0; places + 1], values: vec![0.0; places], total: 0.0 }
    }

    fn add(&mut self, place: usize, weight: f64) {
        self.values[place] += weight;
        self.total += weight;
        let mut node = place + 1;
        while node < self.sums.len() {
            self.sums[node] += weight;
            node += node & node.wrapping_neg();
        }
    }

    fn at(&self, place: usize) -> f64 {
        self.values[place]
    }

    /// The sum over the places before this one.
    fn below(&self, place: usize) -> f64 {
        let (mut node, mut sum) = (place, 0.0);
        while node > 0 {
            sum += self.sums[node];
            node &= node - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every pair by itself: (weighted score, weighted pairs).
    fn naive(survival: &Survival, risks: &[f64], weights: &[f64]) -> (f64, f64) {
        let (mut score, mut all) = (0.0, 0.0);
        for i in 0..risks.len() {
            for j in 0..risks.len() {
                let (first, second) = (survival.times()[i], survival.times()[j]);
                let comparable = survival.events()[i] && (first < second || first == second && !survival.events()[j]);
                if comparable {
                    all += weights[i];
                    score += weights[i]
                        * if risks[i] > risks[j] { 1.0 } else { f64::from(u8::from(risks[i] == risks[j])) / 2.0 };
                }
            }
        }
        (score, all)
    }

    fn tables() -> impl Strategy<Value = Vec<(u8, bool, u8)>> {
        prop::collection::vec((0u8..12, any::<bool>(), 0u8..9), 1..60)
    }

    proptest! {
        #[test]
        fn as_pair_by_pair(table in tables()) {
            let times: Vec<f64> = table.iter().map(|row| f64::from(row.0)).collect();
            let events: Vec<bool> = table.iter().map(|row| row.1).collect();
            let risks: Vec<f64> = table.iter().map(|row| f64::from(row.2)).collect();
            let survival = Survival::new(&times, &events).unwrap();
            let (score, all) = naive(&survival, &risks, &vec![1.0; risks.len()]);
            match harrell(&survival, &risks) {
                Ok(found) => {
                    prop_assert!((found.estimate.value - score / all).abs() < 1e-12);
                    prop_assert_eq!((found.concordant + found.discordant + found.tied_risk) as f64, all);
                    let reversed: Vec<f64> = risks.iter().map(|risk| -risk).collect();
                    let other = harrell(&survival, &reversed).unwrap();
                    prop_assert_eq!(other.concordant, found.discordant);
                    prop_assert!((other.estimate.standard_error - found.estimate.standard_error).abs() < 1e-12);
                }
                Err(_) => prop_assert_eq!(all, 0.0),
            }
            let censoring = Censoring::of(&survival);
            let tau = 7.0;
            let weights: Option<Vec<f64>> = (0..risks.len()).map(|row| match events[row] && times[row] < tau {
                true => censoring.at(times[row]).ok().map(|g| 1.0 / (g * g)),
                false => Some(0.0),
            }).collect();
            match (uno(&survival, &censoring, &risks, Some(tau)), weights) {
                (Ok(found), Some(weights)) => {
                    let (score, all) = naive(&survival, &risks, &weights);
                    prop_assert!((found - score / all).abs() < 1e-12);
                }
                (Err(_), Some(weights)) => prop_assert_eq!(naive(&survival, &risks, &weights).1, 0.0),
                (Ok(_), None) => prop_assert!(false, "G is 0"),
                (Err(_), None) => {}
            }
        }
    }

    #[test]
    fn undefined() {
        let survival = |times: &[f64], events: &[bool]| Survival::new(times, events).unwrap();
        let none = |survival: &Survival| harrell(survival, &vec![0.5; survival.len()]).is_err();
        assert!(none(&survival(&[1.0, 2.0], &[false, false])));
        assert!(none(&survival(&[1.0, 1.0], &[true, true])));
        assert!(none(&survival(&[1.0, 2.0], &[false, true])));
        let fine = survival(&[1.0, 2.0], &[true, false]);
        assert!(matches!(harrell(&fine, &[0.1]), Err(Undefined::Length { .. })));
        assert!(matches!(harrell(&fine, &[0.1, f64::NAN]), Err(Undefined::Value { row: 1, .. })));
        let censoring = Censoring::of(&fine);
        assert!(matches!(uno(&fine, &censoring, &[0.1, 0.2], Some(0.0)), Err(Undefined::Parameter { .. })));
        assert!(matches!(uno(&fine, &censoring, &[0.1, 0.2], Some(1.0)), Err(Undefined::Degenerate(_))));
        let longer = survival(&[3.0, 4.0], &[true, false]);
        assert!(matches!(uno(&longer, &censoring, &[0.1, 0.2], None), Err(Undefined::Degenerate(_))));
    }
}
