//! Rounds: each contestant once, then each once more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::contestants::{self, Contestant, From, cores};
use crate::files::File;
use crate::python::Python;

/// Decoders of lossy streams with real arithmetic may differ by so much; JPEG-LS and lossless streams by nothing.
const LOSSY_DIFFERENCE_MAX: u16 = 4;

/// Whether a contestant's samples are right.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// As they should be; of a lossy stream, the furthest from ours.
    Right(u16),
    /// It gives other values, by so much, or another number of them.
    Wrong(String),
    /// In its own words.
    Fails(String),
}

/// A contestant's times for a file.
pub(crate) struct Entry {
    pub(crate) who: Contestant,
    pub(crate) verdict: Verdict,
    pub(crate) times: Vec<Duration>,
}

impl Entry {
    pub(crate) fn right(&self) -> bool {
        matches!(self.verdict, Verdict::Right(_))
    }

    pub(crate) fn median(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort();
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        middle.as_secs_f64() * 1e3
    }

    pub(crate) fn min(&self) -> f64 {
        self.times.iter().min().copied().unwrap_or_default().as_secs_f64() * 1e3
    }
}

/// A file and all who decode it.
pub(crate) struct Row {
    pub(crate) file: File,
    pub(crate) entries: Vec<Entry>,
}

impl Row {
    /// The entries that start from memory or from disk: ours of one thread, and the fastest right peer.
    pub(crate) fn rivals(&self, from: From) -> (Option<&Entry>, Option<&Entry>) {
        let of = || self.entries.iter().filter(move |e| e.who.from() == from && e.right() && !e.times.is_empty());
        let ours = of().find(|e| e.who.ours());
        (ours, of().filter(|e| !e.who.ours()).min_by(|a, b| a.median().total_cmp(&b.median())))
    }

    /// Samples are large, and not needed once they are compared.
    pub(crate) fn drop_pixels(&mut self) {
        self.file.samples = Vec::new();
    }

    /// Both races in a line.
    pub(crate) fn line(&self) -> String {
        let race = |from| {
            let (ours, peer) = self.rivals(from);
            let say =
                |e: Option<&Entry>| e.map_or("-".to_owned(), |e| format!("{} {:.1} ms", e.who.name(), e.median()));
            format!("{from:?}: {} | {}", say(ours), say(peer))
        };
        format!("{}    {}", race(From::Memory), race(From::Disk))
    }
}

/// Lets all decode a file.
pub(crate) fn row(file: File, rounds: usize, mut python: Option<&mut Python>) -> Row {
    let who = contestants::all(&file, python.is_some());
    // The first round warms up and is compared, not counted.
    let mut reference: Option<Vec<u16>> = (!file.syntax.lossy()).then(|| file.samples.clone());
    let mut entries = Vec::new();
    for who in who {
        let verdict = match who.decode(&file, python.as_deref_mut()) {
            Ok((_, samples)) => compare(&samples, reference.get_or_insert_with(|| samples.clone()), &file),
            Err(why) => Verdict::Fails(why),
        };
        entries.push(Entry { who, verdict, times: Vec::new() });
    }
    for _ in 0..rounds {
        for entry in entries.iter_mut().filter(|e| !matches!(e.verdict, Verdict::Fails(_))) {
            match entry.who.decode(&file, python.as_deref_mut()) {
                Ok((time, _)) => entry.times.push(time),
                Err(why) => entry.verdict = Verdict::Fails(why),
            }
        }
    }
    Row { file, entries }
}

fn compare(samples: &[u16], reference: &[u16], file: &File) -> Verdict {
    if samples.len() != reference.len() {
        return Verdict::Wrong(format!("{} samples of {}", samples.len(), reference.len()));
    }
    let furthest = samples.iter().zip(reference).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
    let exact = !file.syntax.lossy() || file.syntax.name.starts_with("JPEG-LS");
    if furthest <= if exact { 0 } else { LOSSY_DIFFERENCE_MAX } {
        Verdict::Right(furthest)
    } else {
        Verdict::Wrong(format!("off by up to {furthest}"))
    }
}

/// Many frames of one syntax on all cores.
pub(crate) struct Batch {
    pub(crate) syntax: &'static str,
    pub(crate) images: usize,
    /// Contestant and images a second, the median of the rounds.
    pub(crate) rates: Vec<(String, f64)>,
}

/// Every syntax's frames, each four times, on all cores.
pub(crate) fn batches(rows: &[Row], rounds: usize, mut python: Option<&mut Python>) -> Vec<Batch> {
    const TIMES: usize = 4;
    let mut names: Vec<&'static str> = rows.iter().map(|r| r.file.syntax.name).collect();
    names.dedup();
    names.sort_unstable();
    names.dedup();
    let mut batches = Vec::new();
    for syntax in names {
        let of: Vec<&Row> = rows.iter().filter(|r| r.file.syntax.name == syntax).collect();
        let files: Vec<&File> = std::iter::repeat_n(&of, TIMES).flatten().map(|r| &r.file).collect();
        // Those who had every file right.
        let all_right = |who: Contestant| of.iter().all(|r| r.entries.iter().any(|e| e.who == who && e.right()));
        let who: Vec<Contestant> = of[0].entries.iter().map(|e| e.who).filter(|w| all_right(*w)).collect();
        let mut times: Vec<(Contestant, Vec<f64>)> = Vec::new();
        for _ in 0..rounds {
            for who in &who {
                let Some(time) = batch(*who, &files, python.as_deref_mut()) else { continue };
                match times.iter_mut().find(|(w, _)| w == who) {
                    Some((_, times)) => times.push(time.as_secs_f64()),
                    None => times.push((*who, vec![time.as_secs_f64()])),
                }
            }
        }
        let rates = times.into_iter().map(|(who, mut times)| {
            times.sort_by(f64::total_cmp);
            let from = if who.from() == From::Disk { " (files)" } else { "" };
            (format!("{}{from}", who.name()), files.len() as f64 / times[times.len() / 2])
        });
        batches.push(Batch { syntax, images: files.len(), rates: rates.collect() });
        eprintln!("batch of {} {syntax}: done", files.len());
    }
    batches
}

/// How long a batch takes; `None` for those who have no way to do many at once within one process.
fn batch(who: Contestant, files: &[&File], python: Option<&mut Python>) -> Option<Duration> {
    match who {
        Contestant::Uvid { threads } if threads.get() > 1 => None,
        Contestant::Uvid { .. } | Contestant::UvidFile | Contestant::DicomRsFile => {
            let next = AtomicUsize::new(0);
            let work = || {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let _ = who.decode(file, None);
                }
            };
            let start = Instant::now();
            std::thread::scope(|scope| (0..cores().get()).for_each(|_| drop(scope.spawn(work))));
            Some(start.elapsed())
        }
        Contestant::Imagecodecs(function) => {
            let paths: Vec<_> = files.iter().map(|f| std::path::absolute(&f.frame_path).unwrap_or_default()).collect();
            let counts: Vec<_> = files.iter().map(|f| f.shape.samples()).collect();
            let ask = json!({"do": "batch", "with": function, "files": paths, "counts": counts, "threads": cores()});
            python?.time(&ask).ok()
        }
        Contestant::Pydicom(_) | Contestant::Dcmtk(_) | Contestant::DicomRs => None,
    }
}
