//! What cells mean: sides, views, densities, BI-RADS categories, dates, lists of words.

use uvid_exam::{Laterality, View};

use super::cohort::Projection;
use super::error::SetError;
use super::lesion::LesionKind;
use super::table::Row;

/// `L`, `LEFT`, `R` or `RIGHT`, in any case.
pub(super) fn laterality(text: &str) -> Option<Laterality> {
    match text.to_ascii_uppercase().as_str() {
        "L" | "LEFT" => Some(Laterality::Left),
        "R" | "RIGHT" => Some(Laterality::Right),
        _ => None,
    }
}

/// The breast of a row, `None` if the cell is empty.
pub(super) fn side_of(row: &Row, column: &'static str) -> Result<Option<Laterality>, SetError> {
    let Some(text) = row.text(column)? else { return Ok(None) };
    laterality(text).map(Some).ok_or_else(|| row.wrong(column, "is neither left nor right"))
}

/// Both breasts or one: `B`, `BOTH` and `BILATERAL` beside the words of [`laterality`].
pub(super) fn sides_of(row: &Row, column: &'static str) -> Result<Vec<Laterality>, SetError> {
    let Some(text) = row.text(column)? else { return Ok(Vec::new()) };
    match laterality(text) {
        Some(side) => Ok(vec![side]),
        None if matches!(text.to_ascii_uppercase().as_str(), "B" | "BOTH" | "BILATERAL") => {
            Ok(Laterality::ALL.to_vec())
        }
        None => Err(row.wrong(column, "is neither left, right nor both")),
    }
}

/// A view by its usual abbreviation, else the text itself.
pub(super) fn projection(text: &str) -> Projection {
    let known = View::ALL.iter().find(|view| view.short().eq_ignore_ascii_case(text));
    known.map_or_else(|| Projection::Other(text.to_owned()), |view| Projection::View(*view))
}

/// `A` to `D`, from a letter, a number 1 to 4, or `DENSITY B`.
pub(super) fn density(text: &str) -> Option<&'static str> {
    let last = text.strip_suffix(".0").unwrap_or(text).rsplit(' ').next()?;
    match last.to_ascii_uppercase().as_str() {
        "A" | "1" => Some("A"),
        "B" | "2" => Some("B"),
        "C" | "3" => Some("C"),
        "D" | "4" => Some("D"),
        _ => None,
    }
}

/// `0` to `6`, `4a` to `4c`, from such a text or from `BI-RADS 4`.
pub(super) fn birads(text: &str) -> Option<String> {
    let last = text.strip_suffix(".0").unwrap_or(text).rsplit(' ').next()?.to_ascii_lowercase();
    let known = matches!(last.as_str(), "0" | "1" | "2" | "3" | "4" | "4a" | "4b" | "4c" | "5" | "6");
    known.then_some(last)
}

/// `yes` or `no`.
pub(super) fn yes(flag: bool) -> String {
    if flag { "yes".into() } else { "no".into() }
}

/// The kind of a lesion by the words that sets use for it, `SPICULATED REGION` and misspellings included.
pub(super) fn lesion_kind(text: &str) -> LesionKind {
    let lower = text.to_lowercase();
    let has = |part: &str| lower.contains(part);
    if has("calcif") || lower == "cluster" {
        LesionKind::Calcification
    } else if has("distortion") {
        LesionKind::Distortion
    } else if has("asymmetry") || has("assymetry") || has("asymetry") {
        LesionKind::Asymmetry
    } else if lower == "mass" {
        LesionKind::Mass
    } else {
        LesionKind::Other(text.to_owned())
    }
}

/// The strings of a Python-style list such as `['Mass', "Skin Thickening"]`.
pub(super) fn python_list(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('[')?.strip_suffix(']')?.trim();
    let mut words = Vec::new();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|mark| matches!(mark, '\'' | '"'))?;
        let (word, after) = rest[1..].split_once(quote)?;
        words.push(word.to_owned());
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(words)
}

/// The number of a day, from `YYYY-MM-DD`, whatever follows after a space; differences are days.
pub(super) fn day(text: &str) -> Option<i32> {
    let date = text.split([' ', 'T']).next()?;
    let mut parts = date.splitn(3, '-');
    let year: i32 = parts.next()?.parse().ok().filter(|year| (1000..=9999).contains(year))?;
    let month: u8 = parts.next()?.parse().ok()?;
    let day: u8 = parts.next()?.parse().ok()?;
    let month = time::Month::try_from(month).ok()?;
    Some(time::Date::from_calendar_date(year, month, day).ok()?.to_julian_day())
}

/// A relative path that stays under its root: the parts of `text`, whose separators may be of either kind.
///
/// `None` if it is absolute, empty, or climbs.
pub(super) fn inside(text: &str) -> Option<std::path::PathBuf> {
    let parts: Vec<&str> = text.trim().split(['/', '\\']).collect();
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\0', ':']);
    parts.iter().all(|part| good(part)).then(|| parts.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood() {
        assert_eq!(laterality("Left"), Some(Laterality::Left));
        assert_eq!(laterality("B"), None);
        assert_eq!(projection("mlo"), Projection::View(View::MedioLateralOblique));
        assert_eq!(projection("AT"), Projection::Other("AT".into()));
        for (text, expected) in [("DENSITY C", Some("C")), ("2.0", Some("B")), ("0", None), ("5", None)] {
            assert_eq!(density(text), expected, "{text}");
        }
        for (text, expected) in [("BI-RADS 3", Some("3")), ("4A", Some("4a")), ("2.0", Some("2")), ("7", None)] {
            assert_eq!(birads(text).as_deref(), expected, "{text}");
        }
        assert_eq!(lesion_kind("Suspicious Calcification"), LesionKind::Calcification);
        assert_eq!(lesion_kind("Focal Asymmetry"), LesionKind::Asymmetry);
        assert_eq!(lesion_kind("Skin Thickening"), LesionKind::Other("Skin Thickening".into()));
    }

    #[test]
    fn a_python_list_is_read_or_refused() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let words = python_list(text);
            assert_eq!(words.as_ref().map(|w| w.iter().map(String::as_str).collect()), expected.map(<[&str]>::to_vec));
        };
        check("['Mass']", Some(&["Mass"]));
        check("['Mass', \"Nipple's\"]", Some(&["Mass", "Nipple's"]));
        check("[]", Some(&[]));
        check("Mass", None);
        check("['Mass", None);
        check("['Mass' 'Mass']", None);
    }

    #[test]
    fn days_are_counted_and_paths_stay_inside() {
        assert_eq!(day("2014-03-01").unwrap() - day("2014-02-28 00:00:00").unwrap(), 1);
        assert_eq!(day("2014-02-30"), None);
        assert_eq!(inside("a\\b/c.dcm\n"), Some("a/b/c.dcm".into()));
        for outside in ["/etc/passwd", "a/../b", "C:\\x", "", "a//b"] {
            assert_eq!(inside(outside), None, "{outside}");
        }
    }
}
