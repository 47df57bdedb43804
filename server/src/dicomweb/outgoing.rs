//! Answers in parts (RFC 2046, RFC 2387), made while they are sent.
//!
//! Invariants: one piece of one object is in memory at a time; an object whose bytes are not those that were stored
//! breaks the answer off, so that no client takes it for whole.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::PathBuf;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::media::Packing;
use crate::store::Digest;

/// Bytes read from disk at once.
const PIECE_BYTES: usize = 256 << 10;

/// A part.
pub(super) struct Part {
    /// Its Content-Type.
    pub(super) content_type: String,
    /// Its Content-Location, if it has a URL of its own.
    pub(super) location: Option<String>,
    /// What it is.
    pub(super) content: Content,
}

/// Bytes as they come.
pub(super) type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// Where a part's bytes are.
pub(super) enum Content {
    /// A stored object.
    Stored(PathBuf, Digest),
    /// It comes in pieces.
    Pieces(Pieces),
    /// They are made when their turn comes.
    Later(BoxFuture<'static, io::Result<Bytes>>),
}

/// The answer of these parts.
pub(super) fn respond(status: StatusCode, packing: Packing, kind: &str, parts: Vec<Part>) -> Response {
    let parts = VecDeque::from(parts);
    match (packing, parts.front()) {
        (Packing::Single, Some(part)) => {
            let content_type = part.content_type.clone();
            let sending = Sending { parts, current: None, boundary: None, started: false };
            (status, [(CONTENT_TYPE, content_type)], sending.body()).into_response()
        }
        _ => {
            let boundary = boundary();
            let content_type = format!("multipart/related; type=\"{kind}\"; boundary={boundary}");
            let sending = Sending { parts, current: None, boundary: Some(boundary), started: false };
            (status, [(CONTENT_TYPE, content_type)], sending.body()).into_response()
        }
    }
}

/// 128 bits that no sender of an object could know.
pub(super) fn boundary() -> String {
    let random = || std::hash::RandomState::new().build_hasher().finish();
    format!("uvid-{:016x}{:016x}", random(), random())
}

/// What is being sent.
struct Sending {
    parts: VecDeque<Part>,
    /// Of the part that is being sent.
    current: Option<Pieces>,
    /// `None`: the one part alone. Taken away when the closing delimiter was sent.
    boundary: Option<String>,
    started: bool,
}

/// An object, with an error behind it if it is not what was stored.
fn stored(file: File, digest: Digest) -> Pieces {
    let next = move |(mut file, mut hash): (File, Sha256)| async move {
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        file.read_buf(&mut piece).await?;
        if !piece.is_empty() {
            hash.update(&piece);
            return Ok(Some((piece.freeze(), (file, hash))));
        }
        let found: [u8; 32] = hash.finalize().into();
        if found == *digest.as_bytes() { Ok(None) } else { Err(io::Error::other("an object has changed on disk")) }
    };
    stream::try_unfold((file, Sha256::new()), next).boxed()
}

impl Sending {
    fn body(self) -> Body {
        Body::from_stream(stream::unfold(Some(self), |sending| async {
            let mut sending = sending?;
            match sending.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(sending))),
                Ok(None) => None,
                Err(error) => {
                    tracing::error!(%error, "an answer breaks off");
                    Some((Err(error), None))
                }
            }
        }))
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(current) = &mut self.current {
            if let Some(piece) = current.try_next().await? {
                return Ok(Some(piece));
            }
            self.current = None;
        }
        let Some(part) = self.parts.pop_front() else {
            return Ok(self.boundary.take().map(|boundary| format!("\r\n--{boundary}--\r\n").into()));
        };
        let head = self.head(&part);
        self.current = match part.content {
            Content::Stored(path, digest) => Some(stored(File::open(&path).await?, digest)),
            Content::Pieces(pieces) => Some(pieces),
            Content::Later(made) => return Ok(Some([head, made.await?].concat().into())),
        };
        if head.is_empty() { Box::pin(self.next()).await } else { Ok(Some(head)) }
    }

    fn head(&mut self, part: &Part) -> Bytes {
        let Some(boundary) = &self.boundary else { return Bytes::new() };
        let before = if std::mem::replace(&mut self.started, true) { "\r\n" } else { "" };
        let location = part.location.as_ref().map(|url| format!("Content-Location: {url}\r\n")).unwrap_or_default();
        format!("{before}--{boundary}\r\nContent-Type: {}\r\n{location}\r\n", part.content_type).into()
    }
}
