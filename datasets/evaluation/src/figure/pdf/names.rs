//! Labels that would be written alike, for want of their letters.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::super::drawing::{Drawing, Mark};
use super::super::font::{is_rewritten, joined, legible};

/// The drawing with a number after each label that would be shown like another that is not the same: `◊ (1)`, `◊ (2)`.
pub(super) fn told_apart(drawing: &Drawing) -> Cow<'_, Drawing> {
    let mut alike: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for label in drawing.labels() {
        alike.entry(legible(&label.text).into_owned()).or_default().insert(joined(&label.text).into_owned());
    }
    // Blanks and hyphens of different kinds make no different labels.
    alike.retain(|_, texts| texts.len() > 1 && texts.iter().any(|text| is_rewritten(text)));
    if alike.is_empty() {
        return Cow::Borrowed(drawing);
    }
    let mut drawing = drawing.clone();
    for mark in &mut drawing.marks {
        if let Mark::Text(label) = mark
            && let Some(texts) = alike.get(&*legible(&label.text))
            && let Some(place) = texts.iter().position(|text| *text == *joined(&label.text))
        {
            label.text = format!("{} ({})", label.text, place + 1);
        }
    }
    Cow::Owned(drawing)
}

#[cfg(test)]
mod tests {
    use super::super::super::drawing::{Anchor, Colour, at};
    use super::*;

    #[test]
    fn labels_that_would_be_alike_are_numbered() {
        let check = |texts: &[&str], expected: &[&str]| {
            let mut drawing = Drawing::new(100.0, 100.0);
            for text in texts {
                drawing.text(at(0.0, 10.0), *text, 10.0, Anchor::Start, Colour(0, 0, 0));
            }
            let shown = told_apart(&drawing);
            assert_eq!(shown.labels().map(|label| &*label.text).collect::<Vec<_>>(), expected);
        };
        check(&["乳", "房", "乳", "a"], &["乳 (1)", "房 (2)", "乳 (1)", "a"]);
        check(&["A", "А"], &["A (1)", "А (2)"]);
        check(&["乳", "乳", "b c", "b\u{a0}c"], &["乳", "乳", "b c", "b\u{a0}c"]);
        check(&["č", "c\u{30c}"], &["č", "c\u{30c}"]);
    }
}
