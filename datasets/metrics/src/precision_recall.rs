//! Precision and recall, average precision.
