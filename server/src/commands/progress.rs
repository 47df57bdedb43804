//! Progress on standard error: bars for people, hidden where that is no terminal; lines for logs where it is none.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// Counts files of which nobody knows how many there will be.
pub(super) fn spinner(message: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg}: {pos} files");
    let spinner = ProgressBar::new_spinner().with_message(message);
    if let Ok(style) = style { spinner.with_style(style) } else { spinner }
}

/// Counts `things` up to `count`.
pub(super) fn bar(verb: &str, count: usize, things: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!("{verb} {{wide_bar}} {{pos}}/{{len}} {things}, {{eta}} left"));
    let bar = ProgressBar::new(count as u64);
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}

/// Progress for a log: a line a minute, where no bar is shown.
pub(super) struct Log {
    of: usize,
    start: Instant,
    done: AtomicUsize,
    fresh: AtomicUsize,
    minutes: AtomicU64,
}

impl Log {
    pub(super) fn new(of: usize) -> Self {
        let (done, fresh, minutes) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
        Self { of, start: Instant::now(), done, fresh, minutes }
    }

    /// One more, done before or now.
    pub(super) fn done(&self, fresh: bool) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let fresh = self.fresh.fetch_add(usize::from(fresh), Ordering::Relaxed) + usize::from(fresh);
        let seconds = self.start.elapsed().as_secs();
        let minute = seconds / 60;
        if std::io::stderr().is_terminal() || fresh == 0 || self.minutes.swap(minute, Ordering::Relaxed) == minute {
            return;
        }
        let left = (self.of - done) as u64 * seconds / fresh as u64;
        eprintln!("{done} of {} exams scored, about {} minutes left", self.of, left.div_ceil(60));
    }
}
