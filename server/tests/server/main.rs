//! The server, asked over HTTP as its clients do, and killed.
//!
//! `bench`: what `uvid bench` prints, on a simulated GPU. `support`: an in-process server, a real one, and requests to
//! both. `stow`: what STOW-RS takes and refuses. `rest`: what the API answers. `store`: the durable queue. `completion`: when a study is due, and which goes next. `outbox`:
//! deliveries of results. `roles`: production and shadows. `crash`: `kill -9`. `devices`: GPUs that fail. `sockets`: slow and oversized requests.
//! `dimse`: the DICOM node and clients that do wrong. `pictures`: results as pictures, before validators. `qido`, `wado`,
//! `bulkdata`: searches and retrieval. `privacy`: no identity where none belongs. `config`: layers and sources. `openapi`: the
//! committed description is the true one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod bulkdata;
mod completion;
mod config;
mod crash;
mod devices;
mod dimse;
mod openapi;
mod outbox;
mod pictures;
mod privacy;
mod qido;
mod rest;
mod roles;
mod sockets;
mod store;
mod stow;
mod support;
mod wado;
