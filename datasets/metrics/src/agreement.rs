//! Agreement of readers: kappa, intraclass correlation.
