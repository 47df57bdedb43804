//! Agreement of raters.
