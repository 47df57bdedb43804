//! Numbers as programs read them: one row each, at full precision.

use uvid_metrics::{Binary, Confidence, Estimate, Interval, Test, Undefined};

use crate::table::{Column, Table, TableError, Values};

/// One number, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The section that it belongs to: `roc`, `calibration` …
    pub section: &'static str,
    /// Whose: a model, a reader, `a - b` for a difference.
    pub subject: String,
    /// Of what: `AUC`, `sensitivity` …
    pub measure: String,
    /// Among which rows; empty for all.
    pub stratum: String,
    /// The number, or why there is none.
    pub value: Result<f64, String>,
    /// Its interval, at the level of the analysis.
    pub interval: Option<Interval>,
    /// The p value of the test that `method` names.
    pub p: Option<f64>,
    /// Rows.
    pub n: usize,
    /// Rows with the outcome.
    pub positives: Option<usize>,
    /// How: the estimator, the interval, the test.
    pub method: String,
    /// Why there is no interval or no p, where one is usual.
    pub remarks: String,
    /// Whose is a person's. Not written with the rest: the subject says it.
    pub is_reader: bool,
}

impl Finding {
    /// A number, or why there is none; with nothing else yet.
    pub fn new(section: &'static str, subject: &str, measure: &str, value: Result<f64, Undefined>) -> Self {
        Self {
            section,
            subject: subject.to_owned(),
            measure: measure.to_owned(),
            stratum: String::new(),
            value: value.map_err(|why| reason(&why)),
            interval: None,
            p: None,
            n: 0,
            positives: None,
            method: String::new(),
            remarks: String::new(),
            is_reader: false,
        }
    }

    /// An estimate with the interval of the normal approximation, cut to what the quantity can be. One whose standard error is
    /// 0 has no interval: that all rows agree does not make it certain.
    pub fn estimate(
        section: &'static str,
        subject: &str,
        measure: &str,
        estimate: Result<Estimate, Undefined>,
        confidence: Confidence,
        range: (f64, f64),
    ) -> Self {
        let interval = estimate.clone().and_then(|e| match e.standard_error > 0.0 {
            true => Ok(e.interval(confidence).within(range.0, range.1)),
            false => Err(Undefined::Degenerate("the standard error is 0")),
        });
        Self::new(section, subject, measure, estimate.map(|e| e.value)).or_no_interval(interval.map(Some))
    }

    /// Of this sample.
    #[must_use]
    pub fn of(mut self, sample: &Binary) -> Self {
        self.n = sample.len();
        self.positives = Some(sample.counts().0);
        self
    }

    /// Of so many rows.
    #[must_use]
    pub fn rows(mut self, n: usize) -> Self {
        self.n = n;
        self
    }

    /// With an interval.
    #[must_use]
    pub fn with_interval(self, interval: Option<Interval>) -> Self {
        self.or_no_interval(Ok(interval))
    }

    /// With an interval, with none because none was asked for, or with the reason why there is none.
    #[must_use]
    pub fn or_no_interval(mut self, interval: Result<Option<Interval>, Undefined>) -> Self {
        match interval {
            // What never varied is not for that certain.
            Ok(Some(interval)) if interval.lower == interval.upper => {
                self.remark(&format!("{NO_INTERVAL}: it would have no width"));
            }
            Ok(interval) => self.interval = interval,
            Err(why) => self.remark(&format!("{NO_INTERVAL}: {}", reason(&why))),
        }
        self
    }

    /// With a test, or with the reason why there is none.
    #[must_use]
    pub fn tested(mut self, test: &Result<Test, Undefined>) -> Self {
        match test {
            Ok(test) => self.p = Some(test.p),
            Err(why) => self.remark(&format!("no p: {}", reason(why))),
        }
        self
    }

    /// A number that does not exist needs no further reason.
    pub(super) fn remark(&mut self, remark: &str) {
        if self.value.is_ok() {
            let between = if self.remarks.is_empty() { "" } else { "; " };
            self.remarks = format!("{}{between}{remark}", self.remarks);
        }
    }

    /// How it was made.
    #[must_use]
    pub fn by(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Among which rows.
    #[must_use]
    pub fn among(mut self, stratum: &str) -> Self {
        stratum.clone_into(&mut self.stratum);
        self
    }

    /// For people: `0.881 (0.848 to 0.914)`, or why there is none.
    pub fn text(&self) -> String {
        match (&self.value, self.interval) {
            (Ok(value), Some(Interval { lower, upper })) => {
                // The same decimals for all three: by the largest.
                let decimals = decimals(value.abs().max(lower.abs()).max(upper.abs()));
                let [value, lower, upper] = [*value, lower, upper].map(|value| written(value, decimals));
                format!("{value} ({lower} to {upper})")
            }
            (Ok(value), None) if self.remarks.contains(NO_INTERVAL) => format!("{} ({NO_INTERVAL})", number(*value)),
            (Ok(value), None) => number(*value),
            (Err(why), _) => format!("none: {why}"),
        }
    }

    /// For people: the p value, or that there is none.
    pub fn p_text(&self) -> String {
        self.p.map_or_else(|| "none".to_owned(), p_value)
    }
}

const NO_INTERVAL: &str = "no interval";

/// A number with as many digits as a reader wants: three decimals, or three digits where it is small or large.
pub fn number(value: f64) -> String {
    match value == value.round() && (10.0..1e6).contains(&value.abs()) {
        true => format!("{value:.0}"),
        false => written(value, decimals(value.abs())),
    }
}

/// A count: whole, unless weights make it none.
pub fn count(value: f64) -> String {
    if value == value.round() { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// For people: why there is no number. Rows are counted from 1, among those that are analysed.
pub(super) fn reason(why: &Undefined) -> String {
    match why {
        Undefined::Value { what, row, value, domain } => {
            format!("{what} in row {} of those analysed is {value}; it must be {domain}", row + 1)
        }
        // In words that hold for one as for several.
        Undefined::TooFew { what, found, needed } => format!("too few {what}: {found}, at least {needed} are needed"),
        Undefined::Empty(_)
        | Undefined::Length { .. }
        | Undefined::Parameter { .. }
        | Undefined::OneClass { .. }
        | Undefined::Degenerate(_)
        | Undefined::NoConvergence { .. } => why.to_string(),
    }
}

/// So many of something: `1 row`, `3 rows`.
pub(super) fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// Decimals of numbers up to this size; none where they are written with an exponent.
fn decimals(size: f64) -> Option<usize> {
    match size {
        size if size >= 1e6 => None,
        size if size >= 100.0 => Some(1),
        size if size >= 10.0 => Some(2),
        size if size >= 0.001 || size == 0.0 => Some(3),
        _ => None,
    }
}

fn written(value: f64, decimals: Option<usize>) -> String {
    let text = match decimals {
        Some(decimals) => format!("{value:.decimals$}"),
        None => format!("{value:.2e}"),
    };
    match text.strip_prefix('-') {
        // What rounds to 0 has no sign.
        Some(digits) if digits.chars().all(|sign| "0.".contains(sign)) => digits.to_owned(),
        Some(_) | None => text,
    }
}

/// A p value as papers print it.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// A share as a percentage.
pub fn percent(value: f64) -> String {
    format!("{:.1} %", 100.0 * value)
}

/// Findings as a table, at full precision.
///
/// # Errors
///
/// None that can be met: the columns are fixed.
pub fn table(findings: &[Finding]) -> Result<Table, TableError> {
    let texts = |name: &str, of: &dyn Fn(&Finding) -> String| Column {
        name: name.to_owned(),
        values: Values::Text(findings.iter().map(|f| Some(of(f)).filter(|text| !text.is_empty())).collect()),
    };
    let numbers = |name: &str, of: &dyn Fn(&Finding) -> Option<f64>| Column {
        name: name.to_owned(),
        values: Values::Number(findings.iter().map(of).collect()),
    };
    Table::new(
        "findings",
        vec![
            texts("section", &|f| f.section.to_owned()),
            texts("subject", &|f| f.subject.clone()),
            texts("measure", &|f| f.measure.clone()),
            texts("stratum", &|f| f.stratum.clone()),
            numbers("value", &|f| f.value.as_ref().ok().copied()),
            numbers("lower", &|f| f.interval.map(|i| i.lower)),
            numbers("upper", &|f| f.interval.map(|i| i.upper)),
            numbers("p", &|f| f.p),
            numbers("n", &|f| (f.n > 0).then_some(f.n as f64)),
            numbers("positives", &|f| f.positives.map(|n| n as f64)),
            texts("method", &|f| f.method.clone()),
            texts("remarks", &|f| f.remarks.clone()),
            texts("no_value_because", &|f| f.value.as_ref().err().cloned().unwrap_or_default()),
        ],
    )
}
