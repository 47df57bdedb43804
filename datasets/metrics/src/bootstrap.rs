//! The bootstrap by patient: percentile and BCa.
