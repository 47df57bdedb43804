//! Asking a peer.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What `tests/peers/<script>` answers to `cases` on its standard input, JSON to JSON; `None`, with a printed reason, where the
/// peer is not there.
///
/// # Panics
///
/// Where the peer is there and fails: its error is printed.
pub fn ask(script: &str, cases: &Value) -> Option<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers");
    let program = match script.ends_with(".R") {
        true => which("Rscript"),
        false => std::env::var("TEST_STATISTICS_PYTHON").ok(),
    };
    let Some(program) = program else {
        println!("skipped: no interpreter for {script} (see tests/peers/main.rs)");
        return None;
    };
    let mut child = Command::new(program)
        .arg(format!("{folder}/{script}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let mut input = child.stdin.take().expect("its input");
    let text = cases.to_string();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("the peer ends");
    writer.join().expect("the writer ends").expect("the peer reads its cases");
    assert!(output.status.success(), "{script} failed");
    Some(serde_json::from_slice(&output.stdout).expect("the peer answers in JSON"))
}

/// Compares to a relative and absolute tolerance; fails on NaN.
///
/// # Panics
///
/// Where they differ.
#[track_caller]
pub fn same(what: &str, ours: f64, theirs: f64, tolerance: f64) {
    let near = (ours - theirs).abs() <= tolerance * theirs.abs().max(1.0);
    assert!(near, "{what}: {ours:e}, the peer has {theirs:e}");
}

fn which(program: &str) -> Option<String> {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success()).then(|| program.to_owned())
}
