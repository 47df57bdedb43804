//! The server, asked over HTTP as its clients do, and killed.
//!
//! `support`: an in-process server, a real one, and requests to both. `stow`: what STOW-RS takes and refuses. `rest`:
//! what the API answers. `store`: the durable queue. `roles`: production and shadows. `crash`: `kill -9`. `sockets`: slow and oversized
//! requests. `qido`, `wado`: what searches find and what retrieval gives. `privacy`: no identity where none belongs. `config`: layers and sources. `openapi`: the committed description is the true one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod config;
mod crash;
mod openapi;
mod privacy;
mod qido;
mod rest;
mod roles;
mod sockets;
mod store;
mod stow;
mod support;
mod wado;
