//! Lines that fit.

use super::font::{Typeface, joined, width};

/// Words in lines no wider than `room`. A word that is wider is cut between letters; after `lines_max` lines the rest is left
/// out and the last line ends in "…".
pub fn wrapped(text: &str, size: f64, typeface: Typeface, room: f64, lines_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    // A no-break space is no place to break.
    let blank = |sign: char| sign.is_whitespace() && sign != '\u{a0}';
    let text = joined(text);
    for word in text.split(blank).filter(|word| !word.is_empty()) {
        let mut word = word.to_owned();
        let longer = if line.is_empty() { word.clone() } else { format!("{line} {word}") };
        if width(&longer, size, typeface) <= room {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        while width(&word, size, typeface) > room {
            let fits = fitting(&word, size, typeface, room).max(1);
            let rest: String = word.chars().skip(fits).collect();
            if rest.is_empty() {
                break;
            }
            lines.push(word.chars().take(fits).collect());
            word = rest;
        }
        line = word;
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    let lines_max = lines_max.max(1);
    if lines.len() > lines_max {
        let rest = lines.split_off(lines_max - 1).join(" ");
        lines.push(shortened(&rest, size, typeface, room));
    }
    lines
}

/// One line no wider than `room`: whole, or cut with "…" at its end.
pub fn shortened(text: &str, size: f64, typeface: Typeface, room: f64) -> String {
    let text = &*joined(text);
    if width(text, size, typeface) <= room {
        return text.to_owned();
    }
    let fits = fitting(text, size, typeface, room - width("…", size, typeface));
    let kept: String = text.chars().take(fits).collect();
    format!("{}…", kept.trim_end())
}

/// How many letters from the beginning fit.
fn fitting(text: &str, size: f64, typeface: Typeface, room: f64) -> usize {
    let mut used = 0.0;
    for (count, sign) in text.chars().enumerate() {
        used += width(sign.encode_utf8(&mut [0; 4]), size, typeface);
        if used > room {
            return count;
        }
    }
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_kept_together() {
        let check = |text: &str, room: f64, expected: &[&str]| {
            assert_eq!(wrapped(text, 10.0, Typeface::Mono, room, 3), expected, "{text}");
        };
        check("", 60.0, &[""]);
        check("one two", 60.0, &["one two"]);
        check("one two three", 60.0, &["one two", "three"]);
        check("abcdefghijkl", 36.0, &["abcdef", "ghijkl"]);
        check("aaaa bbbb cccc dddd", 24.0, &["aaaa", "bbbb", "ccc…"]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide(text in "\\PC{0,80}", room in 20.0..200.0f64, lines_max in 1..6usize) {
            let lines = wrapped(&text, 12.0, Typeface::Regular, room, lines_max);
            prop_assert!(lines.len() <= lines_max && !lines.is_empty());
            for line in &lines {
                prop_assert!(width(line, 12.0, Typeface::Regular) <= room + 1e-9, "{line}");
            }
        }

        #[test]
        fn no_word_is_lost(words in proptest::collection::vec("[a-z]{1,9}", 0..20)) {
            let lines = wrapped(&words.join(" "), 12.0, Typeface::Regular, 100.0, usize::MAX);
            prop_assert_eq!(lines.join(" ").split_whitespace().map(str::to_owned).collect::<Vec<_>>(), words);
        }
    }
}
