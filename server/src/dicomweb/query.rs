//! The query of a search (PS3.18 section 8.3.4), from text to a [`Search`].
//!
//! Invariant: every key that was asked for is matched, or the query is refused: an answer never holds what does not
//! match. A problem names keys of ours, never what the client wrote.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use uvid_exam::fold;

use crate::store::index::{KEYS, Key, Level, Match, Search};

/// Names and values of one query.
const PAIRS_MAX: usize = 128;
/// Characters of one value; a list of UIDs may have more.
const VALUE_CHARACTERS_MAX: usize = 1024;
/// UIDs or patterns in one list.
const LIST_MAX: usize = 500;

/// Answers on a page where the client does not say how many.
const LIMIT_DEFAULT: u32 = 200;

/// What is wrong with a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Too much of it.
    #[error(
        "a query may have {PAIRS_MAX} parameters, values of {VALUE_CHARACTERS_MAX} characters and lists of {LIST_MAX}"
    )]
    TooLarge,
    /// A name that is no attribute.
    #[error("a parameter is neither an attribute nor one of limit, offset, includefield, fuzzymatching")]
    Unknown,
    /// An attribute that is not in the index.
    #[error("{0} cannot be searched for")]
    NotSearched(Tag),
    /// An attribute below the level of the search.
    #[error("{0} belongs to a level below what is searched; search /series or /instances")]
    Below(Tag),
    /// A value that is none of its attribute.
    #[error("the value for {0} is none that it can have")]
    Value(Tag),
    /// limit, offset or fuzzymatching.
    #[error("limit and offset are numbers, fuzzymatching is true or false")]
    Number,
}

/// A search with what the answer needs to know beside it.
#[derive(Clone)]
pub struct Query {
    /// The search.
    pub search: Search,
    /// Attributes of levels above that of the search to be listed; all of them if `None`.
    pub include: Option<Vec<Tag>>,
    /// Fuzzy matching was asked for; there is none.
    pub fuzzy: bool,
}

/// Reads a query. `within` are the UIDs of the study and series in the path; `most` is the largest page.
///
/// # Errors
///
/// It is none.
pub fn parse(
    level: Level,
    within: (Option<&str>, Option<&str>),
    pairs: &[(String, String)],
    most: u32,
) -> Result<Query, Invalid> {
    if pairs.len() > PAIRS_MAX {
        return Err(Invalid::TooLarge);
    }
    let search = Search { level, conditions: Vec::new(), modalities: Vec::new(), limit: LIMIT_DEFAULT, offset: 0 };
    let mut query = Query { search, include: Some(Vec::new()), fuzzy: false };
    for (tag, uid) in [(tags::STUDY_INSTANCE_UID, within.0), (tags::SERIES_INSTANCE_UID, within.1)] {
        if let (Some(uid), Some(key)) = (uid, find(tag)) {
            query.search.conditions.push((key, Match::One(vec![uid.to_owned()])));
        }
    }
    for (name, value) in pairs {
        match name.as_str() {
            "limit" => query.search.limit = value.parse().map_err(|_| Invalid::Number)?,
            "offset" => query.search.offset = value.parse().map_err(|_| Invalid::Number)?,
            "fuzzymatching" => query.fuzzy = value.to_ascii_lowercase().parse().map_err(|_| Invalid::Number)?,
            "includefield" => include(&mut query.include, value)?,
            name => condition(&mut query.search, attribute(name)?, value)?,
        }
    }
    query.search.limit = query.search.limit.min(most);
    Ok(query)
}

fn include(list: &mut Option<Vec<Tag>>, value: &str) -> Result<(), Invalid> {
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if name == "all" {
            *list = None;
        } else {
            // What is known and not indexed is not listed (PS3.18 section 10.6.3.3); paths into sequences are that.
            let tag = attribute(name.split('.').next().unwrap_or(name))?;
            if let Some(list) = list {
                list.push(tag);
            }
        }
    }
    Ok(())
}

/// By keyword or by eight hexadecimal digits.
fn attribute(name: &str) -> Result<Tag, Invalid> {
    let hexadecimal = name.len() == 8 && name.bytes().all(|b| b.is_ascii_hexdigit());
    let number = hexadecimal.then(|| u32::from_str_radix(name, 16).ok()).flatten();
    match number {
        Some(number) => Ok(Tag((number >> 16) as u16, (number & 0xFFFF) as u16)),
        None => StandardDataDictionary.by_name(name).map(|entry| entry.tag()).ok_or(Invalid::Unknown),
    }
}

fn find(tag: Tag) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.tag == tag)
}

fn condition(search: &mut Search, tag: Tag, value: &str) -> Result<(), Invalid> {
    let modalities = tag == tags::MODALITIES_IN_STUDY;
    let key = find(tag);
    if key.is_none() && !modalities {
        return Err(Invalid::NotSearched(tag));
    }
    if key.is_some_and(|key| key.level > search.level) {
        return Err(Invalid::Below(tag));
    }
    // Universal matching (PS3.4 section C.2.2.2.3): also what has no value.
    if value.chars().all(|c| c == '*') {
        return Ok(());
    }
    match key {
        None => search.modalities = patterns(value, &['\\', ','])?,
        Some(key) => search.conditions.push((key, parse_value(key, value)?)),
    }
    Ok(())
}

fn parse_value(key: &Key, value: &str) -> Result<Match, Invalid> {
    let invalid = Invalid::Value(key.tag);
    if key.vr != VR::UI && value.chars().count() > VALUE_CHARACTERS_MAX {
        return Err(Invalid::TooLarge);
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "VR has one variant for each of the standard; keys have these")]
    match key.vr {
        VR::UI => {
            let uids: Vec<String> = value.split(['\\', ',']).map(|uid| uid.trim().to_owned()).collect();
            if uids.len() > LIST_MAX {
                return Err(Invalid::TooLarge);
            }
            let valid = uids.iter().all(|uid| uid.parse::<uvid_exam::SopInstanceUid>().is_ok());
            valid.then_some(Match::One(uids)).ok_or(invalid)
        }
        VR::PN => {
            let group = value.split('=').find(|group| !group.is_empty()).unwrap_or_default();
            Ok(Match::Name(fold(group)))
        }
        VR::DA => range(value, is_date).ok_or(invalid),
        VR::TM => range(value, is_time).ok_or(invalid),
        VR::IS | VR::US => value.trim().parse().map(Match::Number).map_err(|_| invalid),
        VR::CS => Ok(Match::Patterns(patterns(value, &['\\', ','])?)),
        _ => Ok(Match::Patterns(patterns(value, &['\\'])?)),
    }
}

fn patterns(value: &str, separators: &[char]) -> Result<Vec<String>, Invalid> {
    if value.chars().count() > VALUE_CHARACTERS_MAX {
        return Err(Invalid::TooLarge);
    }
    let patterns: Vec<String> = value.split(separators).map(|pattern| pattern.trim().to_owned()).collect();
    if patterns.len() > LIST_MAX { Err(Invalid::TooLarge) } else { Ok(patterns) }
}

/// PS3.4 section C.2.2.2.5: one value, `from-`, `-to` or `from-to`.
fn range(value: &str, valid: fn(&str) -> bool) -> Option<Match> {
    let value = value.trim();
    let (from, to) = value.split_once('-').unwrap_or((value, value));
    let bound = |text: &str| -> Option<Option<String>> {
        if text.is_empty() { Some(None) } else { valid(text).then(|| Some(text.to_owned())) }
    };
    let (from, to) = (bound(from.trim())?, bound(to.trim())?);
    (from.is_some() || to.is_some()).then_some(Match::Range(from, to))
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_time(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let fraction_fits = (1..=6).contains(&fraction.len()) && (whole.len() == 6 || !text.contains('.'));
    matches!(whole.len(), 2 | 4 | 6) && digits(whole) && digits(fraction) && fraction_fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(level: Level, text: &[(&str, &str)]) -> Result<Query, Invalid> {
        let pairs: Vec<_> = text.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        parse(level, (None, None), &pairs, 1000)
    }

    /// A condition in short.
    fn shown(wanted: &Match) -> String {
        match wanted {
            Match::One(values) => format!("one of {}", values.join(" ")),
            Match::Patterns(values) => format!("like {}", values.join(" ")),
            Match::Name(pattern) => format!("name {pattern}"),
            Match::Range(from, to) => {
                format!("{}..{}", from.as_deref().unwrap_or_default(), to.as_deref().unwrap_or_default())
            }
            Match::Number(number) => format!("= {number}"),
        }
    }

    #[test]
    fn values_become_conditions() {
        let check = |name: &str, value: &str, expected: &str| {
            let found = query(Level::Instance, &[(name, value)]).map(|q| q.search.conditions);
            let found = match &found {
                Ok(conditions) => conditions.iter().map(|(_, wanted)| shown(wanted)).collect::<Vec<_>>().join("; "),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected, "{name}={value}");
        };
        check("StudyInstanceUID", "1.2.3", "one of 1.2.3");
        check("0020000D", "1.2.3,1.2.4\\1.2.5", "one of 1.2.3 1.2.4 1.2.5");
        check("0020000d", "1.2.3' OR 1=1", "the value for (0020,000D) is none that it can have");
        check("PatientName", "Ђорђ*", "name dord*");
        check("00100010", "=Јов?н", "name jov?n");
        check("PatientName", "*", "");
        check("PatientID", "", "");
        check("PatientID", "12*[a]", "like 12*[a]");
        check("StudyDate", "20240101", "20240101..20240101");
        check("StudyDate", "20240101-", "20240101..");
        check("StudyDate", "-20240131", "..20240131");
        check("StudyDate", "20240101 - 20240131", "20240101..20240131");
        check("StudyDate", "-", "the value for (0008,0020) is none that it can have");
        check("StudyDate", "2024", "the value for (0008,0020) is none that it can have");
        check("StudyTime", "0930-10", "0930..10");
        check("StudyTime", "093000.5", "093000.5..093000.5");
        check("StudyTime", "930", "the value for (0008,0030) is none that it can have");
        check("Modality", "MG,CT", "like MG CT");
        check("InstanceNumber", "3", "= 3");
        check("Rows", "x", "the value for (0028,0010) is none that it can have");
        check("OtherPatientIDs", "1", "(0010,1000) cannot be searched for");
        check("Nonsense", "1", &Invalid::Unknown.to_string());
        check("00100010.00200000", "1", &Invalid::Unknown.to_string());
    }

    #[test]
    fn paging_and_fields() {
        let found =
            query(Level::Series, &[("limit", "5000"), ("offset", "7"), ("includefield", "PatientName,00081030")]);
        let found = found.expect("a query");
        assert_eq!((found.search.limit, found.search.offset), (1000, 7));
        assert_eq!(found.include, Some(vec![tags::PATIENT_NAME, tags::STUDY_DESCRIPTION]));
        assert_eq!(query(Level::Series, &[("includefield", "all")]).expect("a query").include, None);
        assert!(query(Level::Study, &[("fuzzymatching", "true")]).expect("a query").fuzzy);
        let studies = query(Level::Study, &[("ModalitiesInStudy", "MG,SR")]).expect("a query");
        assert_eq!(studies.search.modalities, ["MG", "SR"]);
        for (name, value, expected) in [
            ("limit", "-1", Invalid::Number),
            ("limit", "many", Invalid::Number),
            ("offset", "4294967296", Invalid::Number),
            ("fuzzymatching", "maybe", Invalid::Number),
            ("includefield", "nonsense", Invalid::Unknown),
            ("Modality", "MG", Invalid::Below(tags::MODALITY)),
        ] {
            assert_eq!(query(Level::Study, &[(name, value)]).err(), Some(expected), "{name}={value}");
        }
        let many = vec![("PatientID".to_owned(), "1".to_owned()); PAIRS_MAX + 1];
        assert_eq!(parse(Level::Study, (None, None), &many, 1).err(), Some(Invalid::TooLarge));
        let long = "1".repeat(VALUE_CHARACTERS_MAX + 1);
        assert_eq!(query(Level::Study, &[("PatientID", &long)]).err(), Some(Invalid::TooLarge));
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(name in "\\PC{0,20}", value in "\\PC{0,40}", keyed: bool, which in 0_usize..27) {
            let name = if keyed { KEYS[which].tag.to_string().replace(['(', ')', ','], "") } else { name };
            if let Err(error) = query(Level::Instance, &[(&name, &value)]) {
                // What the client wrote is not repeated.
                prop_assert!(value.chars().count() < 12 || !error.to_string().contains(&value));
            }
        }

        #[test]
        fn a_range_has_the_bounds_that_were_written(from in 0_u32..99_999_999, to in 0_u32..99_999_999) {
            let (from, to) = (format!("{from:08}"), format!("{to:08}"));
            let found = range(&format!("{from}-{to}"), is_date);
            prop_assert!(found == Some(Match::Range(Some(from), Some(to))));
        }
    }
}
