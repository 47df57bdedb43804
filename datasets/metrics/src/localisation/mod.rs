//! Marks against lesions.
