//! The peers of PyPI: one Python process for the whole run, spoken to in lines.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// `peers/frames.py`, running.
pub(crate) struct Python {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Python {
    /// Starts it with the Python of `TEST_PEERS_PYTHON` or of `target/peers-bench`; says so if there is none.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers-bench/bin/python");
        let python = std::env::var("TEST_PEERS_PYTHON").unwrap_or_else(|_| own.into());
        // Decoders print warnings; they are kept, not shown.
        let log = std::fs::File::create(folder.join("peers.log")).expect("a log");
        let spawned = Command::new(&python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/frames.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn();
        let Ok(mut process) = spawned else {
            eprintln!("skipped: the peers of PyPI, {python} does not start (datasets/benches/peers/setup)");
            return None;
        };
        let (to, from) = (process.stdin.take()?, BufReader::new(process.stdout.take()?));
        let mut python = Self { process, to, from };
        match python.ask(&json!({"do": "versions"})) {
            Ok(_) => Some(python),
            Err(why) => {
                eprintln!("skipped: the peers of PyPI: {why} (datasets/benches/peers/setup)");
                None
            }
        }
    }

    /// Asks for something; the error is the peer's own line.
    pub(crate) fn ask(&mut self, what: &Value) -> Result<Value, String> {
        writeln!(self.to, "{what}").map_err(|e| e.to_string())?;
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|e| e.to_string())?;
        let answer: Value = serde_json::from_str(&line).map_err(|_| "Python has ended".to_owned())?;
        match answer["error"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(answer),
        }
    }

    /// Asks for something that takes time.
    pub(crate) fn time(&mut self, what: &Value) -> Result<Duration, String> {
        let seconds = self.ask(what)?["seconds"].as_f64().ok_or("no seconds in the answer")?;
        Ok(Duration::from_secs_f64(seconds))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
