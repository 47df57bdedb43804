//! What happens, on standard output.

use std::io::Write;

use serde_json::{Map, Value};

/// Prints `{"event": name, ...}` on a line of its own.
pub(super) fn tell(name: &str, more: &Value) {
    let mut line = Map::new();
    line.insert("event".to_owned(), Value::from(name));
    if let Some(more) = more.as_object() {
        line.extend(more.clone());
    }
    let out = &mut std::io::stdout().lock();
    // Whoever does not read any more does not want to know.
    let _ = writeln!(out, "{}", Value::Object(line)).and_then(|()| out.flush());
}

/// A status as PS3.7 writes it: `A700`.
pub(super) fn hex(status: u16) -> String {
    format!("{status:04X}")
}
