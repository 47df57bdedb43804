//! Whether a probability is a frequency, and how to make it one.
