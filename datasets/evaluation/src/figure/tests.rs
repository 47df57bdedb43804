//! Properties of all figures.
