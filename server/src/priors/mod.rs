//! Earlier exams of the same woman.
