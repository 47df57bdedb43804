//! What catalogues (QIDO-RS, a worklist) list of an object, from its header.

use super::element::DataSet;

/// What catalogues list of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {}

impl Catalog {
    pub(super) fn of(_data: &DataSet<'_>) -> Self {
        Self {}
    }
}
