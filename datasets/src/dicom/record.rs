//! What is written down while a file is read.
//!
//! Invariant: notes and contradictions name attributes, never values that could identify a patient.

use uvid_exam::{Reason, SopInstanceUid};

/// Notes and contradictions of one file.
pub(super) struct Record {
    uid: SopInstanceUid,
    /// Oddities that were tolerated.
    pub(super) notes: Vec<String>,
    /// Attributes that disagree.
    pub(super) contradictions: Vec<Reason>,
}

impl Record {
    pub(super) fn new(uid: SopInstanceUid) -> Self {
        Self { uid, notes: Vec::new(), contradictions: Vec::new() }
    }

    /// Writes down something odd, once.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Writes down that attributes disagree.
    pub(super) fn contradiction(&mut self, what: &'static str, detail: String) {
        self.contradictions.push(Reason::Contradiction { uid: self.uid.clone(), what, detail });
    }
}
