//! Uvid: an inference server for mammography screening.
//!
//! [`pipeline`] is the whole road on one screen; the other modules are its leaves.

pub mod commands;
pub mod compare;
pub mod config;
pub mod dicomweb;
pub mod engine;
pub mod http;
pub mod jobs;
pub mod metrics;
pub mod paired;
pub mod pipeline;
pub mod report;
pub mod rescore;
pub mod store;
