//! How scores are judged.

pub mod checklist;
