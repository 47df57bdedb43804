//! How scores are judged.
