//! The probabilistic F1 of the RSNA 2022 challenge.
