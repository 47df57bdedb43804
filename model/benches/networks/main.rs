//! How fast networks run, here and by others, with the same weights, on the same cores, in the same minute.
//!
//!     model/benches/networks/setup                                  the peers, once
//!     cargo bench -p uvid-model --bench networks                    everything
//!     cargo bench -p uvid-model --bench networks -- GMIC PyTorch    networks and contestants with these words in a name
//!     cargo bench -p uvid-model --bench networks -- --rounds 3 --threads 2 --batch 8
//!
//! The networks are [`published`] ones, described by the crates' own functions, [`folder`] writes each with random weights and inputs for all
//! [`contestants`], [`ours`] and `peers.py` run it, [`measure`] takes turns, [`report`] prints Markdown and writes JSON.
//! All of it lies in `target/bench-networks`. The peers' Python is that of `target/peers-networks`, or of the virtual
//! environment that `NETWORK_PEERS` names; without it ours run alone.
//!
//! What makes the numbers comparable:
//! - Every contestant is a process of its own that has the weights and the inputs in memory; one computes, the others
//!   wait. Rounds are interleaved: a neighbour on the machine slows all of them alike.
//! - The peers' definition is made of the very graph that ours runs, operation by operation.
//! - Every contestant's outputs are compared with ours (with the first one's, where words leave ours out). Who gives others, or none, is said so, and is not the fastest.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark that cannot go on stops")]

mod contestants;
mod machine;
mod measure;
mod ours;
mod report;

use std::path::{Path, absolute};

use machine::{Machine, cores};
use report::Row;
use uvid_model::published::{self, folder};

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(name) = take(&mut words, "--contestant") {
        return ours::contestant(&name);
    }
    // `cargo test --benches` runs this too, without `--bench`: nothing to test.
    let Some(at) = words.iter().position(|w| w == "--bench") else { return };
    words.remove(at);
    let number = |text: String| text.parse::<usize>().ok().filter(|n| *n > 0).expect("a number above 0");
    let rounds = take(&mut words, "--rounds").map_or(5, number);
    let mut threads = take(&mut words, "--threads").map_or(vec![1, cores()], |n| vec![number(n)]);
    threads.dedup();
    let batch = take(&mut words, "--batch").map(number);

    let target =
        std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../target").into());
    let place = absolute(Path::new(&target).join("bench-networks")).expect("a path");
    let python = contestants::python();
    let mut all = published::all().expect("networks");
    all.retain(folder::is_for_peers);
    let chosen = |name: &str, among: &[&str]| {
        let here = || words.iter().filter(|w| among.iter().any(|n| n.contains(w.as_str())));
        here().next().is_none() || here().any(|w| name.contains(w.as_str()))
    };
    let networks: Vec<&str> = all.iter().map(|n| n.name).collect();
    let contestants = contestants::names(python.is_some());
    if let Some(word) = words.iter().find(|w| !networks.iter().chain(&contestants).any(|n| n.contains(w.as_str()))) {
        panic!("{word} is in no name: {networks:?} {contestants:?}");
    }
    let names: Vec<&str> = contestants.iter().copied().filter(|n| chosen(n, &contestants)).collect();

    let machine = Machine::describe(&threads);
    eprintln!("{}", machine.markdown());
    let mut rows: Vec<Row> = Vec::new();
    for network in all.iter().filter(|n| chosen(n.name, &networks)) {
        let batches = [1, network.many]
            .into_iter()
            .filter(|units| batch.is_none_or(|b| b == *units || b == *units * network.images));
        for units in batches {
            let folder = folder::write(network, units, &place).expect("a network");
            let exported = python.as_deref().map_or(Ok(()), |python| contestants::export(python, &folder));
            if let Err(why) = exported {
                eprintln!("skipped: {} as ONNX: {why}", network.name);
            }
            for &threads in &threads {
                let row = Row {
                    network: network.name,
                    unit: network.unit,
                    units,
                    images: units * network.images,
                    threads,
                    multiply_adds: network.multiply_adds() * units as u64,
                    weight_bytes: network.weight_bytes(),
                    entries: measure::entries(&names, &folder, threads, rounds, python.as_deref()),
                };
                eprintln!("{}", row.line());
                rows.push(row);
            }
            // Inputs are large, and made anew in a moment.
            std::fs::remove_dir_all(&folder).expect("removed");
        }
    }
    let load = machine::load();
    println!("{}", report::heading(&machine, &rows, rounds, &load));
    rows.iter().for_each(|row| print!("{}", row.markdown()));
    std::fs::create_dir_all(&place).expect("a folder");
    let json = place.join("result.json");
    std::fs::write(&json, report::json(&machine, &rows, rounds, &load)).expect("written");
    eprintln!("the same as JSON: {}", json.display());
}

/// Takes an option and its value out of the words.
fn take(words: &mut Vec<String>, option: &str) -> Option<String> {
    let at = words.iter().position(|w| w == option)?;
    assert!(at + 1 < words.len(), "{option} takes a value");
    words.drain(at..at + 2).nth(1)
}
