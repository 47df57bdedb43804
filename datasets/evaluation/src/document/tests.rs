//! Properties of documents.
