//! Labels that would be written alike, for want of their letters.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::super::drawing::{Drawing, Mark};
use super::super::font::{is_rewritten, joined, legible};

/// Texts that would be shown alike and are not the same, by how they would be shown.
pub(crate) struct Alike(BTreeMap<String, BTreeSet<String>>);

impl Alike {
    /// Of all these texts.
    pub(crate) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut alike: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for text in texts {
            alike.entry(legible(text).into_owned()).or_default().insert(joined(text).into_owned());
        }
        // Blanks and hyphens of different kinds make no different texts.
        alike.retain(|_, texts| texts.len() > 1 && texts.iter().any(|text| is_rewritten(text)));
        Self(alike)
    }

    /// No two are alike.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number from 1 of a text among those that are shown like it; `None` where it needs none.
    pub(crate) fn number(&self, text: &str) -> Option<usize> {
        let texts = self.0.get(&*legible(text))?;
        texts.iter().position(|other| *other == *joined(text)).map(|place| place + 1)
    }
}

/// The drawing with a number after each label that would be shown like another that is not the same: `◊ (1)`, `◊ (2)`.
pub(super) fn told_apart(drawing: &Drawing) -> Cow<'_, Drawing> {
    let alike = Alike::of(drawing.labels().map(|label| label.text.as_str()));
    if alike.is_empty() {
        return Cow::Borrowed(drawing);
    }
    let mut drawing = drawing.clone();
    for mark in &mut drawing.marks {
        if let Mark::Text(label) = mark
            && let Some(number) = alike.number(&label.text)
        {
            label.text = format!("{} ({number})", label.text);
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
