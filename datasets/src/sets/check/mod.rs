//! What is wrong with a cohort: in its tables ([`table`]) and on the disk ([`disk`]).

use std::collections::BTreeSet;
use std::path::Path;

use super::cohort::Cohort;
use super::error::SetError;
use super::files::Files;

mod disk;
mod table;
#[cfg(test)]
mod tests;

/// What to look at beyond the tables.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checks {
    /// Look for the files.
    pub files: bool,
    /// Read every file that was found and compare digests. Takes as long as reading the set; needs `files`.
    pub digests: bool,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Results from this cohort would be wrong.
    Error,
    /// Results may be.
    Warning,
    /// Worth knowing.
    Note,
}

/// One kind of fault, and everything that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its code, such as `patient-in-two-splits`.
    pub code: &'static str,
    /// The patients, exams (`patient/exam`), breasts (`patient/exam/L`), images or paths that have it, in order. Where
    /// two things belong together, `one = other`.
    pub ids: Vec<String>,
    /// What is wrong, in a sentence without a name.
    pub message: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy)]
struct Fault {
    severity: Severity,
    code: &'static str,
    message: &'static str,
    advice: &'static str,
}

const fn fault(severity: Severity, code: &'static str, message: &'static str, advice: &'static str) -> Fault {
    Fault { severity, code, message, advice }
}

/// Findings in the order in which their kinds were first looked for.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, fault: Fault, ids: impl IntoIterator<Item = String>) {
        let ids: Vec<String> = ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        if !ids.is_empty() {
            let Fault { severity, code, message, advice } = fault;
            self.0.push(Finding { severity, code, ids, message, advice });
        }
    }
}

impl Cohort {
    /// Looks for what is wrong. The findings are in order of severity; none is a clean cohort.
    ///
    /// # Errors
    ///
    /// If the files under `root` cannot be listed or read.
    pub fn check(&self, root: &Path, checks: Checks) -> Result<Vec<Finding>, SetError> {
        let mut findings = Findings::default();
        table::look(self, &mut findings);
        if checks.files {
            let unreadable = |source| SetError::Read { file: root.display().to_string(), source };
            let files = Files::scan(root).map_err(unreadable)?;
            disk::look(self, root, &files, checks.digests, &mut findings)?;
        }
        findings.0.sort_by_key(|finding| finding.severity);
        Ok(findings.0)
    }
}
