//! Proportions, their intervals, differences and tests.
