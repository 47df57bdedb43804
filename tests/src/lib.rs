//! End-to-end tests of the binary `uvid`; everything is in `tests/`.
