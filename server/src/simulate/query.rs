//! Matching of PS3.4 section C.2.2.2 over the objects of a folder.
//!
//! Invariant: an answer has the keys that were asked for and no other attribute, but for level, character set and the
//! title to retrieve from.

use std::collections::BTreeMap;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::folder::{Folder, Object};
use crate::dimse::scu::Attribute;
use crate::dimse::scu::identifier::Identifier;

/// The attribute that makes an object of a level one: `STUDY`, `SERIES`, `IMAGE`.
pub(super) fn unique(level: &str) -> Option<Tag> {
    match level {
        "STUDY" => Some(tags::STUDY_INSTANCE_UID),
        "SERIES" => Some(tags::SERIES_INSTANCE_UID),
        "IMAGE" => Some(tags::SOP_INSTANCE_UID),
        _ => None,
    }
}

/// The objects that all keys match.
pub(super) fn matching<'a>(folder: &'a Folder, keys: &[Attribute]) -> Vec<&'a Object> {
    let counted = [
        tags::NUMBER_OF_STUDY_RELATED_SERIES,
        tags::NUMBER_OF_STUDY_RELATED_INSTANCES,
        tags::NUMBER_OF_SERIES_RELATED_INSTANCES,
    ];
    let matches_all = |object: &&Object| {
        keys.iter().filter(|(tag, _)| !counted.contains(tag)).all(|(tag, key)| {
            let tag = if *tag == tags::MODALITIES_IN_STUDY { tags::MODALITY } else { *tag };
            is_match(tag, key, object.value(tag))
        })
    };
    folder.objects().values().filter(matches_all).collect()
}

/// The answers to a query at a level.
pub(super) fn answers(
    folder: &Folder,
    unique: Tag,
    level: &str,
    keys: &[Attribute],
    us: &str,
    wrong: bool,
) -> Vec<Vec<u8>> {
    let mut groups: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    for object in matching(folder, keys) {
        groups.entry(object.value(unique)).or_default().push(object);
    }
    groups.into_values().map(|group| answer(folder, level, keys, &group, us, wrong)).collect()
}

fn answer(folder: &Folder, level: &str, keys: &[Attribute], group: &[&Object], us: &str, wrong: bool) -> Vec<u8> {
    let Some(first) = group.first() else { return Vec::new() };
    let mut answer = Identifier::default();
    for (tag, _) in keys {
        let text = match *tag {
            tags::MODALITIES_IN_STUDY => distinct(folder, first, tags::STUDY_INSTANCE_UID, tags::MODALITY).join("\\"),
            tags::NUMBER_OF_STUDY_RELATED_SERIES => {
                distinct(folder, first, tags::STUDY_INSTANCE_UID, tags::SERIES_INSTANCE_UID).len().to_string()
            }
            tags::NUMBER_OF_STUDY_RELATED_INSTANCES => {
                distinct(folder, first, tags::STUDY_INSTANCE_UID, tags::SOP_INSTANCE_UID).len().to_string()
            }
            tags::NUMBER_OF_SERIES_RELATED_INSTANCES => {
                distinct(folder, first, tags::SERIES_INSTANCE_UID, tags::SOP_INSTANCE_UID).len().to_string()
            }
            tag => first.value(tag).to_owned(),
        };
        answer = if wrong && !text.is_ascii() {
            let (bytes, ..) = encoding_rs::WINDOWS_1251.encode(&text);
            answer.with_bytes(*tag, bytes.into_owned())
        } else {
            answer.with(*tag, &text)
        };
    }
    let answer = if wrong { answer.with(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 100") } else { answer };
    answer.with(tags::QUERY_RETRIEVE_LEVEL, level).with(tags::RETRIEVE_AE_TITLE, us).encode()
}

/// The values of an attribute among all objects of the same study or series.
fn distinct<'a>(folder: &'a Folder, of: &Object, same: Tag, tag: Tag) -> Vec<&'a str> {
    let mut values: Vec<&str> =
        folder.objects().values().filter(|o| o.value(same) == of.value(same)).map(|o| o.value(tag)).collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// PS3.4 section C.2.2.2: universal, list of UIDs, range, wild card, single value.
fn is_match(tag: Tag, key: &str, value: &str) -> bool {
    if key.is_empty() {
        return true;
    }
    if [tags::STUDY_DATE, tags::STUDY_TIME, tags::PATIENT_BIRTH_DATE].contains(&tag)
        && let Some((from, to)) = key.split_once('-')
    {
        return !value.is_empty() && (from.is_empty() || value >= from) && (to.is_empty() || value <= to);
    }
    key.split('\\').any(|key| {
        let fold = |text: &str| if tag == tags::PATIENT_NAME { text.to_lowercase() } else { text.to_owned() };
        let (key, value) = (fold(key), fold(value));
        wildcard(&key.chars().collect::<Vec<_>>(), &value.chars().collect::<Vec<_>>())
    })
}

/// `*` is any text, `?` any character. Goes back to the last `*` only, so that it takes at most key times value steps.
fn wildcard(key: &[char], value: &[char]) -> bool {
    let (mut k, mut v) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while v < value.len() {
        match key.get(k) {
            Some('*') => {
                star = Some((k + 1, v));
                k += 1;
            }
            Some(c) if *c == '?' || *c == value[v] => (k, v) = (k + 1, v + 1),
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (k, v) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    key[k..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_as_the_standard_says() {
        let check =
            |tag, key: &str, value: &str, expected| assert_eq!(is_match(tag, key, value), expected, "{key} {value}");
        check(tags::PATIENT_ID, "", "7", true);
        check(tags::PATIENT_ID, "7", "7", true);
        check(tags::PATIENT_ID, "7", "77", false);
        check(tags::PATIENT_NAME, "јов*^а?а", "Јовановић^Ана", true);
        check(tags::PATIENT_NAME, "*", "", true);
        check(tags::PATIENT_NAME, "*a*b*c", "xxaxbxbc", true);
        check(tags::PATIENT_NAME, "a*b", "axc", false);
        check(tags::STUDY_INSTANCE_UID, "1.2\\1.3", "1.3", true);
        check(tags::STUDY_DATE, "20200101-20201231", "20200701", true);
        check(tags::STUDY_DATE, "-20201231", "20210101", false);
        check(tags::STUDY_DATE, "20200101-", "20210101", true);
        check(tags::STUDY_DATE, "20200101-", "", false);
    }
}
