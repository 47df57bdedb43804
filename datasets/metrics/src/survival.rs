//! Risk over time under censoring: concordance, time-dependent AUC, Brier.
