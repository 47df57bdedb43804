//! Multi-reader multi-case studies.
