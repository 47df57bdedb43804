//! How scores are judged.

pub mod document;
pub mod figure;
#[cfg(test)]
mod xml;
