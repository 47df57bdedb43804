//! When a study is complete: by what has come, not by who stopped talking.
//!
//! An association that ends says nothing: stations send a study in several, or keep one open all day. So what counts
//! is the content. A study is due at the earliest of
//!
//! - **four-views** (where set): at once when images that were not scored yet complete the four standard views, all of
//!   one kind that the production model takes;
//! - **notice**: at once when every instance that an MPPS or an IAN has announced is there;
//! - **quiet**: so long after its last new image;
//! - **hard-limit**: so long after the first image that was not scored yet, however many still come.
//!
//! A notice only ever makes a study due earlier: stations announce images that they send to others only. An image that
//! comes later makes the study due again, by the same rules.
//!
//! Invariant: a function of its arguments; the clock is one of them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use uvid_datasets::dicom::HeaderView;
use uvid_exam::{Rules, Slot};

use super::{StoreError, duration_ms};

/// How long a sender's studies are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Whether the four standard views are enough.
    pub four_views: bool,
    /// Without a new image.
    pub quiet: Duration,
    /// From the first image that was not scored yet.
    pub hard: Duration,
}

/// An object of a study, as far as completion goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When it came, milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// Whether the current result was made with it.
    pub scored: bool,
    /// Whether a notice has announced it.
    pub announced: bool,
    /// The standard view that it shows, if it shows one.
    pub view: Option<HeaderView>,
}

/// Why a study is due when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// The four standard views are there.
    FourViews,
    /// Everything that was announced is there.
    Notice,
    /// Nothing has come for a while.
    Quiet,
    /// It was waited for long enough.
    HardLimit,
    /// Somebody has asked for it to be scored again.
    Asked,
}

impl Because {
    /// All.
    pub const ALL: [Self; 5] = [Self::FourViews, Self::Notice, Self::Quiet, Self::HardLimit, Self::Asked];

    /// As in the database, the API and the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::FourViews => "four-views",
            Self::Notice => "notice",
            Self::Quiet => "quiet",
            Self::HardLimit => "hard-limit",
            Self::Asked => "asked",
        }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Because {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::ALL.into_iter().find(|because| because.name() == text).ok_or(StoreError::Invalid("reason to be due"))
    }
}

/// When a study is due, in milliseconds since 1970 UTC, and why. `missing` says how many announced instances are not
/// there. Without an object that was not scored yet (one that was lost came again, say) it is waited for from `now_ms`.
pub fn due(
    arrivals: &[Arrival],
    missing: usize,
    rules: Option<&Rules>,
    patience: &Patience,
    now_ms: i64,
) -> (i64, Because) {
    let new = || arrivals.iter().filter(|arrival| !arrival.scored);
    if missing == 0 && new().any(|arrival| arrival.announced) {
        return (now_ms, Because::Notice);
    }
    if let Some(rules) = rules
        && patience.four_views
        && four_views(arrivals.iter(), rules)
        && !four_views(arrivals.iter().filter(|arrival| arrival.scored), rules)
    {
        return (now_ms, Because::FourViews);
    }
    // A clock that was set back leaves arrivals in the future.
    let times = || new().map(|arrival| arrival.at_ms.min(now_ms));
    let (first, last) = (times().min().unwrap_or(now_ms), times().max().unwrap_or(now_ms));
    let quiet = last.saturating_add(duration_ms(patience.quiet));
    let hard = first.saturating_add(duration_ms(patience.hard));
    if hard < quiet { (hard, Because::HardLimit) } else { (quiet, Because::Quiet) }
}

/// Whether images of one kind of acquisition fill all four slots, as [`uvid_exam::Exam::assemble`] would choose them.
fn four_views<'a>(arrivals: impl Iterator<Item = &'a Arrival>, rules: &Rules) -> bool {
    let views: Vec<HeaderView> = arrivals.filter_map(|arrival| arrival.view).filter(|v| v.is_taken_by(rules)).collect();
    rules.acquisitions.iter().any(|kind| {
        Slot::ALL.iter().all(|slot| views.iter().any(|view| view.slot == *slot && view.acquisition == *kind))
    })
}

#[cfg(test)]
#[path = "completion_tests.rs"]
mod tests;
