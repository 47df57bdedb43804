//! From numbers to places, and the numbers at an axis.

use super::error::FigureError;

/// How numbers become lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By their logarithm; only above 0.
    Log10,
}

/// How the numbers at an axis are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbers {
    /// As they are.
    #[default]
    Plain,
    /// In hundredths, with "%".
    Percent,
}

/// An axis: what it shows, and from where to where.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it shows, with its unit.
    pub label: String,
    /// How numbers become lengths.
    pub scale: Scale,
    /// The lowest and the highest number; where there is none, as far as the data go.
    pub range: Option<(f64, f64)>,
    /// How its numbers are written.
    pub numbers: Numbers,
    /// Only whole numbers are written at it.
    pub whole: bool,
}

impl Axis {
    /// Even, as far as the data go.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear, range: None, numbers: Numbers::Plain, whole: false }
    }

    /// From `low` to `high`.
    #[must_use]
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// By logarithms.
    #[must_use]
    pub fn log(mut self) -> Self {
        self.scale = Scale::Log10;
        self
    }

    /// Numbers in per cent.
    #[must_use]
    pub fn percent(mut self) -> Self {
        self.numbers = Numbers::Percent;
        self
    }

    /// Whole numbers only: years, counts.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }
}

/// An axis that knows its range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) scale: Scale,
}

impl Span {
    /// The axis's range, or one that holds all of `values` with a little room.
    pub(crate) fn of(axis: &Axis, values: impl Iterator<Item = f64>, figure: &str) -> Result<Self, FigureError> {
        let scale = axis.scale;
        let fail = |value: f64, domain: &'static str| {
            Err(FigureError::Domain { figure: figure.to_owned(), what: "a number at an axis", value, domain })
        };
        if let Some((low, high)) = axis.range {
            if !low.is_finite() || !high.is_finite() || low >= high {
                return fail(low, "finite and below the axis's other end");
            }
            if !(high - low).is_finite() {
                return fail(high, "within a finite distance of the axis's other end");
            }
            if scale == Scale::Log10 && low <= 0.0 {
                return fail(low, "above 0 on an axis of logarithms");
            }
            return Ok(Self { low, high, scale });
        }
        // On an axis of logarithms 0 lies at infinity: it is drawn at the edge.
        let shown = values.filter(|value| scale == Scale::Linear || *value > 0.0);
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return Err(FigureError::Empty { figure: figure.to_owned(), what: "numbers to draw" });
        }
        if low.abs().max(high.abs()) > 1e150 {
            return fail(high, "of a magnitude below 1e150");
        }
        Ok(match scale {
            Scale::Log10 if low == high => Self { low: low / 10.0, high: high * 10.0, scale },
            Scale::Log10 => {
                let room = (high / low).powf(0.04);
                Self { low: low / room, high: high * room, scale }
            }
            Scale::Linear => {
                // Numbers that differ by less than they can be told apart get an axis all the same.
                let smallest = low.abs().max(high.abs()).max(1e-150) * 1e-6;
                let room = if high - low > smallest { 0.04 * (high - low) } else { (low.abs() / 2.0).max(0.5) };
                Self { low: low - room, high: high + room, scale }
            }
        })
    }

    /// The share of the way from the lower to the higher end, from 0 to 1 within the axis. What an axis of logarithms does not
    /// have lies far below.
    pub(crate) fn share(self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log10 if value <= 0.0 => -1e6,
            Scale::Log10 => (value / self.low).log10() / (self.high / self.low).log10(),
        }
    }

    /// Numbers to write at the axis, about `count` of them, each with its text.
    pub(crate) fn ticks(self, numbers: Numbers, whole: bool, count: usize) -> Vec<(f64, String)> {
        match self.scale {
            Scale::Linear => linear(self, numbers, whole, count.max(2)),
            Scale::Log10 => logarithmic(self, numbers, count.max(2)),
        }
    }
}

/// Steps of 1, 2 or 5 times a power of ten.
fn linear(span: Span, numbers: Numbers, whole: bool, count: usize) -> Vec<(f64, String)> {
    let rough = (span.high - span.low) / count as f64;
    let mut power = rough.log10().floor() as i32;
    // A quotient that rounding has put above 2 is 2.
    let mantissa = rough / 10f64.powi(power) * (1.0 - 1e-9);
    let mut mantissa = if mantissa <= 1.0 {
        1.0
    } else if mantissa <= 2.0 {
        2.0
    } else if mantissa <= 5.0 {
        5.0
    } else {
        10.0
    };
    if mantissa == 10.0 {
        (mantissa, power) = (1.0, power + 1);
    }
    if whole && power < 0 {
        (mantissa, power) = (1.0, 0);
    }
    let step = mantissa * 10f64.powi(power);
    let slack = 1e-9 * (span.high - span.low);
    let (first, last) = (((span.low - slack) / step).ceil(), ((span.high + slack) / step).floor());
    let steps = (last - first).clamp(-1.0, 1000.0) as i64;
    if whole && steps < 0 {
        return linear(span, numbers, false, count);
    }
    if !whole && steps < 1 && count < 64 {
        // Steps that are too long for a short axis are halved until two lie within.
        return linear(span, numbers, false, count * 2);
    }
    (0..=steps).map(|i| (first + i as f64) * step).map(|value| (value, written(value, power, numbers))).collect()
}

/// Powers of ten; between them 2 and 5 where few of them lie in the range.
fn logarithmic(span: Span, numbers: Numbers, count: usize) -> Vec<(f64, String)> {
    let (first, last) = (span.low.log10().floor() as i32, span.high.log10().ceil() as i32);
    let decades = span.high.log10() - span.low.log10();
    let mantissas: &[f64] = if 3.0 * decades <= count as f64 + 1.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let every = ((decades / count as f64).ceil() as usize).max(1);
    let inside = |value: &f64| *value >= span.low * (1.0 - 1e-9) && *value <= span.high * (1.0 + 1e-9);
    let values =
        (first..=last).step_by(every).flat_map(|power| mantissas.iter().map(move |m| (m * 10f64.powi(power), power)));
    let values: Vec<(f64, i32)> = values.filter(|(value, _)| inside(value)).collect();
    if values.len() < 2 {
        return linear(Span { scale: Scale::Linear, ..span }, numbers, false, count.min(4));
    }
    values.into_iter().map(|(value, power)| (value, written(value, power, numbers))).collect()
}

/// A number down to a power of ten, with a true minus; very large and small ones by their power of ten.
fn written(value: f64, power: i32, numbers: Numbers) -> String {
    let decimals = usize::try_from(-power).unwrap_or(0);
    let text = match numbers {
        Numbers::Percent => format!("{:.*}%", decimals.saturating_sub(2), value * 100.0),
        Numbers::Plain if value != 0.0 && (decimals > 6 || value.abs() >= 1e7) => {
            let places = usize::try_from(value.abs().log10().floor() as i32 - power).unwrap_or(0);
            format!("{value:.places$e}")
        }
        Numbers::Plain => grouped(&format!("{value:.*}", decimals.min(6))),
    };
    let zero = text.chars().all(|sign| !('1'..='9').contains(&sign));
    let text = if zero { text.trim_start_matches('-').to_owned() } else { text };
    text.replace('-', "−")
}

/// Thousands apart by a comma from 10,000: at an axis a number of four digits may be a year.
fn grouped(number: &str) -> String {
    let (whole, rest) = number.find('.').map_or((number, ""), |point| number.split_at(point));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    if digits.len() < 5 { number.to_owned() } else { sign.to_owned() + &thousands(digits) + rest }
}

fn thousands(digits: &str) -> String {
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count, with thousands apart: 1,440.
pub fn count(n: u64) -> String {
    thousands(&n.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(low: f64, high: f64, scale: Scale) -> Span {
        Span { low, high, scale }
    }

    #[test]
    fn ticks_are_round() {
        let check = |span: Span, numbers, count, expected: &[&str]| {
            let texts: Vec<String> = span.ticks(numbers, false, count).into_iter().map(|(_, text)| text).collect();
            assert_eq!(texts, expected);
        };
        check(span(0.0, 1.0, Scale::Linear), Numbers::Plain, 5, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(span(0.0, 1.0, Scale::Linear), Numbers::Percent, 5, &["0%", "20%", "40%", "60%", "80%", "100%"]);
        check(span(-0.02, 0.03, Scale::Linear), Numbers::Plain, 5, &["−0.02", "−0.01", "0.00", "0.01", "0.02", "0.03"]);
        check(span(0.0, 40_000.0, Scale::Linear), Numbers::Plain, 4, &["0", "10,000", "20,000", "30,000", "40,000"]);
        check(span(0.01, 10.0, Scale::Log10), Numbers::Plain, 6, &["0.01", "0.1", "1", "10"]);
        check(span(0.1, 3.0, Scale::Log10), Numbers::Plain, 6, &["0.1", "0.2", "0.5", "1", "2"]);
        check(span(0.41, 0.47, Scale::Log10), Numbers::Plain, 6, &["0.42", "0.44", "0.46"]);
    }

    #[test]
    fn an_axis_of_whole_numbers_has_no_others_where_it_holds_one() {
        let check = |low, high, expected: &[&str]| {
            let ticks = span(low, high, Scale::Linear).ticks(Numbers::Plain, true, 5);
            let texts: Vec<String> = ticks.into_iter().map(|(_, text)| text).collect();
            assert_eq!(texts, expected);
        };
        check(0.5, 1.5, &["1"]);
        check(0.0, 5.0, &["0", "1", "2", "3", "4", "5"]);
        check(0.3, 0.4, &["0.30", "0.32", "0.34", "0.36", "0.38", "0.40"]);
    }

    proptest! {
        #[test]
        fn ticks_lie_within_in_order_with_different_texts(
            low in -1e9..1e9f64, wide in 1e-3..1e9f64, count in 2..12usize, log in any::<bool>()
        ) {
            let (low, scale) = if log { (low.abs() + 1e-3, Scale::Log10) } else { (low, Scale::Linear) };
            let span = span(low, low + wide, scale);
            let ticks = span.ticks(Numbers::Plain, false, count);
            prop_assert!(!ticks.is_empty());
            for (value, _) in &ticks {
                let share = span.share(*value);
                prop_assert!((-1e-6..=1.0 + 1e-6).contains(&share), "{value} in {low}, {wide}");
            }
            for pair in ticks.windows(2) {
                prop_assert!(pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1);
            }
        }
    }
}
