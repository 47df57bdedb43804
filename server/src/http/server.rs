//! Sockets: one task a connection, all of them counted, those that send or take too slowly closed.
//!
//! Why not `axum::serve`: it limits neither the number of connections, nor the size of headers, nor the time that a
//! client takes to send them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::config::{Http, seconds};

/// The wait after the operating system gave no connection (too many open files, for one).
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

/// The most headers of a request.
const HEADERS_MAX: usize = 100;

/// Serves until `stop`, then gives open requests `shutdown_seconds_max` to end.
pub async fn serve(listener: TcpListener, router: Router, limits: &Http, stop: CancellationToken) {
    let connections = Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(seconds(limits.header_seconds_max))
        .max_buf_size(limits.header_bytes_max)
        .max_headers(HEADERS_MAX);
    while let Some((socket, address, permit)) = next(&listener, &connections, &stop).await {
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ConnectInfo(address));
            router.call(request)
        });
        let socket = Impatient { socket, patience: seconds(limits.write_seconds_max), waiting: None };
        let connection = graceful.watch(http.serve_connection(TokioIo::new(socket), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    info!(connections = graceful.count(), "no new requests are taken");
    if tokio::time::timeout(seconds(limits.shutdown_seconds_max), graceful.shutdown()).await.is_err() {
        warn!("requests that took too long are cut off");
    }
}

/// The next connection; `None` once the server is to stop.
async fn next(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let accept = async {
        let permit = Arc::clone(connections).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((socket, address)) => {
                    // Answers are small and whole; waiting for more only delays them.
                    let _ = socket.set_nodelay(true);
                    return Some((socket, address, permit));
                }
                Err(error) => {
                    warn!(%error, "no connection could be taken");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    };
    tokio::select! {
        connection = accept => connection,
        () = stop.cancelled() => None,
    }
}

/// A socket that breaks when its peer takes nothing for too long.
struct Impatient {
    socket: TcpStream,
    patience: Duration,
    /// Since the first write that did not get through.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Impatient {
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let written = write(Pin::new(&mut self.socket), cx);
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience)));
        waiting.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |socket, cx| socket.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |socket, cx| socket.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |socket, cx| socket.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |socket, cx| socket.poll_shutdown(cx))
    }
}
