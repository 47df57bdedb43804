//! Uvid.
fn main() {}
