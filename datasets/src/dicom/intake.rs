//! What decides when and how soon a study is scored, from an object's header.

use super::element::DataSet;

/// What decides when and how soon a study is scored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intake {}

impl Intake {
    pub(super) fn of(_data: &DataSet<'_>) -> Self {
        Self {}
    }
}
