//! Two raters who sort the same subjects into categories.
//!
//! With shares p_ij of the table, weights w_ij (1 for the same category) and the raters' margins, `po = Σ w_ij p_ij`,
//! `pe = Σ w_ij p_i. p_.j` and kappa is `(po - pe) / (1 - pe)`: Cohen 1960, 1968. Its standard errors are those of Fleiss, Cohen &
//! Everitt 1969: equation 8 for an interval, equation 9 under the hypothesis of no agreement but by chance.
//!
//! Where both raters put all subjects into one and the same category, `pe` is 1 and kappa undefined.

use crate::sample::same_length;
use crate::{Estimate, Result, Test, Undefined};

/// The most categories.
pub const CATEGORIES_MAX: usize = 1024;

/// How often one rater said i and the other j. Invariants: from 2 to 1024 categories, at least one subject, and fewer than
/// 2^53, so that all counts are exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    categories: usize,
    counts: Vec<u64>,
    total: u64,
}

impl Table {
    /// From counts: `counts[i][j]` subjects that the first rater put into i and the second into j.
    ///
    /// # Errors
    ///
    /// [`Undefined::Parameter`] for fewer than 2 or more than 1024 categories, [`Undefined::Length`] where the table is not
    /// square, [`Undefined::Empty`] where it has no subject, [`Undefined::Degenerate`] where it has 2^53 or more.
    pub fn new(counts: &[Vec<u64>]) -> Result<Self> {
        let categories = check_categories(counts.len())?;
        for row in counts {
            same_length("columns of the table", categories, row.len())?;
        }
        let counts: Vec<u64> = counts.concat();
        let total = counts.iter().try_fold(0, |sum: u64, count| sum.checked_add(*count).filter(|sum| *sum < 1 << 53));
        match total {
            None => Err(Undefined::Degenerate("the table has 2^53 subjects or more")),
            Some(0) => Err(Undefined::Empty("subjects")),
            Some(total) => Ok(Self { categories, counts, total }),
        }
    }

    /// From the category that each rater gave to each subject, numbered from 0.
    ///
    /// # Errors
    ///
    /// As [`Self::new`]; [`Undefined::Length`] where one rater has more subjects, [`Undefined::Value`] for a category that
    /// there is not.
    pub fn of(one: &[usize], other: &[usize], categories: usize) -> Result<Self> {
        check_categories(categories)?;
        same_length("the other rater's categories", one.len(), other.len())?;
        let mut counts = vec![vec![0; categories]; categories];
        for (row, (i, j)) in one.iter().zip(other).enumerate() {
            let largest = *i.max(j);
            if largest >= categories {
                let domain = "below the number of categories";
                return Err(Undefined::Value { what: "the category", row, value: largest as f64, domain });
            }
            counts[*i][*j] += 1;
        }
        Self::new(&counts)
    }

    /// (subjects on which both agree, subjects): for an interval of a proportion.
    pub fn agreed(&self) -> (u64, u64) {
        ((0..self.categories).map(|i| self.counts[i * self.categories + i]).sum(), self.total)
    }

    fn share(&self, i: usize, j: usize) -> f64 {
        self.counts[i * self.categories + j] as f64 / self.total as f64
    }

    /// The first rater's shares of categories, and the second's.
    fn margins(&self) -> (Vec<f64>, Vec<f64>) {
        let k = self.categories;
        let share = |count: u64| count as f64 / self.total as f64;
        let rows = (0..k).map(|i| share((0..k).map(|j| self.counts[i * k + j]).sum())).collect();
        let columns = (0..k).map(|j| share((0..k).map(|i| self.counts[i * k + j]).sum())).collect();
        (rows, columns)
    }

    /// All pairs of categories.
    fn cells(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.categories).flat_map(|i| (0..self.categories).map(move |j| (i, j)))
    }

    /// The variance of a function of the shares with these derivatives, by the delta method.
    fn delta(&self, derivative: impl Fn(usize, usize) -> f64) -> f64 {
        let mean: f64 = self.cells().map(|(i, j)| self.share(i, j) * derivative(i, j)).sum();
        let spread = self.cells().map(|(i, j)| self.share(i, j) * (derivative(i, j) - mean).powi(2));
        spread.sum::<f64>() / self.total as f64
    }
}

/// What a disagreement costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Every one the same: w = 1 for agreement, else 0.
    Unweighted,
    /// By its distance: w = 1 - |i - j| / (k - 1).
    Linear,
    /// By the square of its distance: w = 1 - (i - j)² / (k - 1)².
    Quadratic,
}

impl Weights {
    fn of(self, i: usize, j: usize, categories: usize) -> f64 {
        let distance = i.abs_diff(j) as f64 / (categories - 1) as f64;
        match self {
            Self::Unweighted => f64::from(u8::from(i == j)),
            Self::Linear => 1.0 - distance,
            Self::Quadratic => 1.0 - distance * distance,
        }
    }
}

/// A kappa.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kappa {
    /// Kappa, at most 1, with its standard error.
    pub estimate: Estimate,
    /// The standard error were there no agreement but by chance.
    pub null_standard_error: f64,
    /// The (weighted) agreement that was seen, 0 to 1.
    pub observed: f64,
    /// What chance gives, 0 to 1.
    pub expected: f64,
}

impl Kappa {
    /// Whether there is more or less agreement than by chance, two-sided; the statistic is z.
    ///
    /// # Errors
    ///
    /// [`Undefined::Degenerate`] where the standard error under the hypothesis is 0.
    pub fn test(&self) -> Result<Test> {
        Estimate { value: self.estimate.value, standard_error: self.null_standard_error }.test(0.0)
    }
}

/// Cohen's kappa.
///
/// ```
/// use uvid_metrics::agreement::kappa::{Table, Weights, cohen};
///
/// let table = Table::new(&[vec![20, 5], vec![10, 15]])?;
/// let kappa = cohen(&table, Weights::Unweighted)?;
/// assert!((kappa.estimate.value - 0.4).abs() < 1e-12);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::Degenerate`] where both raters put all subjects into the same category.
pub fn cohen(table: &Table, weights: Weights) -> Result<Kappa> {
    let k = table.categories;
    if (0..k).any(|i| table.counts[i * k + i] == table.total) {
        return Err(Undefined::Degenerate("both raters put all subjects into the same category: chance gives 1"));
    }
    let w = |i: usize, j: usize| weights.of(i, j, k);
    let (rows, columns) = table.margins();
    let observed: f64 = table.cells().map(|(i, j)| w(i, j) * table.share(i, j)).sum();
    let expected: f64 = table.cells().map(|(i, j)| w(i, j) * rows[i] * columns[j]).sum();
    let of_row: Vec<f64> = (0..k).map(|i| (0..k).map(|j| columns[j] * w(i, j)).sum()).collect();
    let of_column: Vec<f64> = (0..k).map(|j| (0..k).map(|i| rows[i] * w(i, j)).sum()).collect();

    let chance = 1.0 - expected;
    let term = |i: usize, j: usize| w(i, j) * chance - (of_row[i] + of_column[j]) * (1.0 - observed);
    // Equation 8 is the variance of that term over the table, written about its mean.
    let variance = table.delta(term) / chance.powi(4);
    let null_term = |i: usize, j: usize| w(i, j) - (of_row[i] + of_column[j]);
    // Under the hypothesis the cells are products of the margins, and the term's mean is minus pe (equation 9).
    let null = table.cells().map(|(i, j)| rows[i] * columns[j] * (null_term(i, j) + expected).powi(2)).sum::<f64>();
    let value = (observed - expected) / chance;
    Ok(Kappa {
        estimate: Estimate { value, standard_error: root(variance) },
        null_standard_error: root(null / (table.total as f64 * chance * chance)),
        observed,
        expected,
    })
}

/// The share of subjects on which both agree.
pub fn proportion(table: &Table) -> Estimate {
    let (agreed, total) = table.agreed();
    let value = agreed as f64 / total as f64;
    Estimate { value, standard_error: (value * (1.0 - value) / total as f64).sqrt() }
}

/// Kappa adjusted for prevalence and bias (Byrt, Bishop & Carlin 1993; Brennan & Prediger 1981 for k categories): chance is
/// taken as 1 / k, so that it is `(k po - 1) / (k - 1)`.
pub fn prevalence_adjusted(table: &Table) -> Estimate {
    let k = table.categories as f64;
    let agreement = proportion(table);
    Estimate {
        value: (k * agreement.value - 1.0) / (k - 1.0),
        standard_error: k / (k - 1.0) * agreement.standard_error,
    }
}

/// Gwet's AC1 (Gwet 2008): chance is `Σ π (1 - π) / (k - 1)` with π the mean of both raters' shares of a category; the standard
/// error by the delta method over the table, which is Gwet's equation for many subjects.
pub fn gwet(table: &Table) -> Estimate {
    let k = table.categories as f64;
    let (rows, columns) = table.margins();
    let share: Vec<f64> = rows.iter().zip(&columns).map(|(a, b)| (a + b) / 2.0).collect();
    // At most 1 / k: never 1.
    let expected = share.iter().map(|p| p * (1.0 - p)).sum::<f64>() / (k - 1.0);
    let observed = proportion(table).value;
    let chance = 1.0 - expected;
    let derivative = |i: usize, j: usize| {
        let same = f64::from(u8::from(i == j));
        (same * chance - (1.0 - observed) * (1.0 - share[i] - share[j]) / (k - 1.0)) / (chance * chance)
    };
    Estimate { value: (observed - expected) / chance, standard_error: root(table.delta(derivative)) }
}

fn check_categories(categories: usize) -> Result<usize> {
    if (2..=CATEGORIES_MAX).contains(&categories) {
        return Ok(categories);
    }
    let (what, value) = ("the number of categories", categories as f64);
    Err(Undefined::Parameter { what, value, domain: "from 2 to 1024" })
}

/// The root of a variance of shares; what is rounding is 0.
fn root(variance: f64) -> f64 {
    if variance > 1e-30 { variance.sqrt() } else { 0.0 }
}
