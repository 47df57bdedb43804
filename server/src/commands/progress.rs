//! Progress on standard error, for people: hidden where that is no terminal.

use std::io::IsTerminal;

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
