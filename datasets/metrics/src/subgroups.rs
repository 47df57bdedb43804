//! Subgroups: estimates in each, heterogeneity, multiplicity.
