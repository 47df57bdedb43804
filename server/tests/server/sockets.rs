//! Slow and oversized requests, over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::support::{MULTIPART, Process, SOON, bytes, exam, multipart, request};

#[test]
fn who_does_not_finish_its_headers_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["http.header_seconds_max=0.3", "http.connections_max=2"];
    let server = Process::start(&folder.path().join("data"), &settings);
    // As many as there may be, so that a further one is served only when these are cut off.
    let start = Instant::now();
    let mut slow: Vec<_> = (0..2).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    for socket in &mut slow {
        socket.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
    }
    assert_eq!(server.get("/readyz")["ready"], true);
    for mut socket in slow {
        socket.set_read_timeout(Some(SOON)).unwrap();
        let mut answer = Vec::new();
        // Closed or reset, with or without a 408.
        let _ = socket.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"));
    }
    assert!(start.elapsed() < SOON / 2);
}

#[test]
fn who_sends_too_much_hears_why() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["http.body_bytes_max=1000000", "http.part_bytes_max=1000000", "http.header_bytes_max=8192"];
    let server = Process::start(&folder.path().join("data"), &settings);
    let headers = format!("Content-Type: {MULTIPART}\r\n");
    let files = exam(80);
    let good = bytes(&files);
    let large: Vec<&[u8]> = good.iter().copied().cycle().take(200).collect();
    let body = multipart(&large);
    assert!(body.len() > 10_000_000);
    let (status, answer) = request(&server.address, "POST /dicom-web/studies", &headers, &body).unwrap();
    assert_eq!(status, 413, "{}", String::from_utf8_lossy(&answer));
    let long = format!("X: {}\r\n", "x".repeat(20_000));
    assert_eq!(request(&server.address, "GET /", &long, b"").unwrap().0, 431);
    assert_eq!(server.get("/api/v1/studies")["total"], 0);
}

#[test]
fn who_does_not_read_its_answers_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["http.write_seconds_max=0.3", "http.header_seconds_max=1000", "http.connections_max=1"];
    let server = Process::start(&folder.path().join("data"), &settings);
    let start = Instant::now();
    let mut deaf = TcpStream::connect(&server.address).unwrap();
    deaf.set_write_timeout(Some(SOON)).unwrap();
    // More answers than both sockets can hold.
    let requests = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5_000);
    // It may be cut off before it has sent them all.
    let _ = deaf.write_all(requests.as_bytes());
    // There may be one connection only: this one is served when the other is cut off.
    assert_eq!(server.get("/readyz")["ready"], true);
    assert!(start.elapsed() < SOON / 2);
    drop(deaf);
}
