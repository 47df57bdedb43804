//! Uvid.
