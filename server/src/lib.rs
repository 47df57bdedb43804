//! Uvid: an inference server for mammography screening.
//!
//! [`pipeline`] is the whole road on one screen; the other modules are its leaves.

pub mod commands;
pub mod compare;
pub mod config;
pub mod conformance;
pub mod devices;
pub mod dicomweb;
pub mod dimse;
pub mod engine;
pub mod evaluation;
pub mod http;
pub mod jobs;
pub mod metrics;
pub mod outbox;
pub mod paired;
pub mod pipeline;
pub mod priors;
pub mod report;
pub mod rescore;
pub mod simulate;
pub mod store;
pub mod worklist;
