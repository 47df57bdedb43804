//! The results as Markdown for people and JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::contestants::{Contestant, From};
use crate::machine::Machine;
use crate::measure::{Batch, Entry, Row, Verdict};

pub(crate) fn markdown(machine: &Machine, load: &str, rounds: usize, rows: &[Row], batches: &[Batch]) -> String {
    let mut text = format!("{machine}\n\nLoad at the end {load}. Median (least) of {rounds} rounds, milliseconds.\n");
    text.push_str("\n### From a code stream in memory to samples, one thread\n\n");
    text.push_str(&table(rows, From::Memory));
    text.push_str("\n### From a file on disk to stored values\n\n");
    text.push_str(&table(rows, From::Disk));
    text.push_str("\n### Many images on all cores, images a second\n\n| syntax | images | |\n|---|--:|---|\n");
    for Batch { syntax, images, rates } in batches {
        let rates: Vec<String> = rates.iter().map(|(who, rate)| format!("{who} {rate:.1}")).collect();
        let _ = writeln!(text, "| {syntax} | {images} | {} |", rates.join(" · "));
    }
    text
}

fn table(rows: &[Row], from: From) -> String {
    let mut text = "| image | syntax | KB | coded by | Uvid | fastest peer | ours / its | others |\n".to_owned();
    text.push_str("|---|---|--:|---|--:|--:|--:|---|\n");
    for row in rows.iter().filter(|r| from == From::Disk || r.file.syntax.format.is_some()) {
        let (ours, peer) = row.rivals(from);
        let others = row.entries.iter().filter(|e| e.who.from() == from);
        let is = |a: &Entry, b: Option<&Entry>| b.is_some_and(|b| std::ptr::eq(a, b));
        let others: Vec<String> = others.filter(|e| !is(e, ours) && !is(e, peer)).map(entry).collect();
        let ratio = ours.zip(peer).map_or("-".to_owned(), |(a, b)| format!("{:.2}", a.median() / b.median()));
        let peer = peer.map_or("-".to_owned(), entry);
        let ours = ours.map_or("-".to_owned(), times);
        let file = &row.file;
        let size = std::fs::metadata(&file.path).map_or(0, |m| m.len() / 1000);
        let _ = writeln!(
            text,
            "| {} | {} | {size} | {} | {ours} | {peer} | {ratio} | {} |",
            file.input,
            file.syntax.name,
            file.encoder,
            others.join(" · ")
        );
    }
    text
}

fn times(entry: &Entry) -> String {
    format!("{:.1} ({:.1})", entry.median(), entry.min())
}

fn entry(entry: &Entry) -> String {
    let name = entry.who.name();
    match &entry.verdict {
        Verdict::Right(0) => format!("{name} {}", times(entry)),
        Verdict::Right(furthest) => format!("{name} {} (±{furthest})", times(entry)),
        Verdict::Wrong(how) => format!("{name} {} **{how}**", times(entry)),
        // Its words may be long, and have bars.
        Verdict::Fails(why) => format!("{name} fails: {}", why.replace('|', "/").chars().take(70).collect::<String>()),
    }
}

pub(crate) fn json(machine: &Machine, load: &str, rounds: usize, rows: &[Row], batches: &[Batch]) -> String {
    let who = |e: &Entry| {
        let (state, said) = match &e.verdict {
            Verdict::Right(furthest) => ("right", json!(furthest)),
            Verdict::Wrong(how) => ("wrong", json!(how)),
            Verdict::Fails(why) => ("fails", json!(why)),
        };
        let threads = if let Contestant::Uvid { threads } = e.who { threads.get() } else { 1 };
        let seconds: Vec<f64> = e.times.iter().map(std::time::Duration::as_secs_f64).collect();
        json!({
            "who": e.who.name(), "from": format!("{:?}", e.who.from()).to_lowercase(), "threads": threads,
            "state": state, "said": said, "seconds": seconds,
        })
    };
    let row = |row: &Row| {
        let file = &row.file;
        json!({
            "image": file.input, "syntax": file.syntax.name, "uid": file.syntax.uid, "encoder": file.encoder,
            "rows": file.shape.rows, "columns": file.shape.columns, "bits": file.shape.precision,
            "frame_bytes": file.frame.len(), "entries": row.entries.iter().map(who).collect::<Value>(),
        })
    };
    let batch = |b: &Batch| json!({"syntax": b.syntax, "images": b.images, "images_per_second": b.rates});
    let all = json!({
        "machine": machine.json(), "load_at_end": load, "rounds": rounds,
        "rows": rows.iter().map(row).collect::<Value>(), "batches": batches.iter().map(batch).collect::<Value>(),
    });
    format!("{all:#}\n")
}
