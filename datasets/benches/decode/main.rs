//! How fast mammograms are decoded, here and by others, on the same files, in the same minute.
//!
//!     cargo bench -p uvid-datasets --bench decode                      everything
//!     cargo bench -p uvid-datasets --bench decode -- GH133 JPEG-LS     what has all of these words in its name
//!     cargo bench -p uvid-datasets --bench decode -- --rounds 3        fewer rounds (default 5)
//!
//! [`inputs`] collects frames (real ones where `../shared` is there), [`files`] writes each in every transfer syntax,
//! [`contestants`] decodes them, [`report`] prints Markdown and writes JSON. All of it lies in `target/bench-decode`.
//! `datasets/benches/peers/setup` installs the peers; one that is absent is named and left out.
//!
//! What makes the numbers comparable:
//! - Rounds are interleaved: each contestant decodes a file once, then each once more. A neighbour on the machine
//!   slows all of them alike.
//! - Every contestant's values are compared: with what was encoded, or, where that is lossy, with ours. Who gives other
//!   values, or none, is said so, and is not the fastest.
//! - One thread each, output allocated within the time, unless a column says otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark that cannot go on stops")]

mod contestants;
mod dcmtk;
mod files;
mod inputs;
mod machine;
mod measure;
mod ours;
mod python;
mod report;
mod syntaxes;

use std::path::Path;

use measure::Row;

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this too, without `--bench`: nothing to test.
    let Some(at) = words.iter().position(|w| w == "--bench") else { return };
    words.remove(at);
    let mut rounds = 5;
    if let Some(at) = words.iter().position(|w| w == "--rounds") {
        rounds = words.get(at + 1).and_then(|n| n.parse().ok()).expect("--rounds takes a number");
        words.drain(at..at + 2);
    }

    let target =
        std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../target").into());
    let folder = Path::new(&target).join("bench-decode");
    std::fs::create_dir_all(&folder).expect("target/bench-decode");
    let mut python = python::Python::start(&folder);
    let machine = machine::describe(python.as_mut());
    eprintln!("{machine}");

    let inputs = inputs::all();
    let jobs: Vec<_> = inputs
        .iter()
        .flat_map(|input| syntaxes::ALL.iter().map(move |syntax| (input, syntax)))
        .filter(|(input, syntax)| words.iter().all(|w| format!("{} {}", input.name, syntax.name).contains(w.as_str())))
        .collect();
    let mut rows = Vec::new();
    for (place, (input, syntax)) in jobs.iter().enumerate() {
        let title = format!("[{}/{}] {}, {}", place + 1, jobs.len(), input.name, syntax.name);
        match files::write(input, syntax, &folder, python.as_mut()) {
            Ok(file) => {
                eprintln!("{title}: {} KB by {}", file.frame.len() / 1000, file.encoder);
                let mut row: Row = measure::row(file, rounds, python.as_mut());
                row.drop_pixels();
                eprintln!("    {}", row.line());
                rows.push(row);
            }
            Err(why) => eprintln!("{title}: skipped, {why}"),
        }
    }
    let batches = measure::batches(&rows, rounds, python.as_mut());
    let load = machine::load();
    print!("{}", report::markdown(&machine, &load, rounds, &rows, &batches));
    let json = folder.join("result.json");
    std::fs::write(&json, report::json(&machine, &load, rounds, &rows, &batches)).expect("written");
    eprintln!("the same as JSON: {}", json.display());
}
