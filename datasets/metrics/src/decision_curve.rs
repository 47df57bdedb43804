//! Net benefit over threshold probabilities.
