//! The statistics beside those of others: scikit-learn, scikit-survival, statsmodels, lifelines (Python), pROC (R), on
//! random tables with ties, tiny groups and weights.
//!
//! Each module writes its cases as JSON, has a script beside it compute them with the peer, and compares to 1e-9. The
//! interpreter with the packages is `TEST_STATISTICS_PYTHON` (`tests/peers/setup FOLDER` makes it); R with pROC is found as
//! `Rscript`. Where one is missing its tests say so and pass.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod agreement;
mod bootstrap;
mod calibration;
mod localisation;
mod peer;
mod proportions;
mod readers;
mod roc;
mod survival;
