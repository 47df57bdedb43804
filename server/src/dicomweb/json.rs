//! The DICOM JSON Model (PS3.18 annex F).

use dicom_core::Tag;
use serde_json::{Map, Value, json};
use uvid_datasets::dicom::listing::{self, Node};

/// The name of an attribute: eight hexadecimal digits.
pub(super) fn name(tag: Tag) -> String {
    format!("{:04X}{:04X}", tag.0, tag.1)
}

/// Reads the name of an attribute.
pub(super) fn tag(name: &str) -> Option<Tag> {
    if name.len() != 8 || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let number = u32::from_str_radix(name, 16).ok()?;
    Some(Tag((number >> 16) as u16, (number & 0xFFFF) as u16))
}

/// An attribute with its values; without a value it is empty.
pub(super) fn attribute(vr: &str, values: Vec<Value>) -> Value {
    if values.is_empty() { json!({ "vr": vr }) } else { json!({ "vr": vr, "Value": values }) }
}

/// A Person Name by its component groups (PS3.18 section F.2.2).
pub(super) fn person(name: &str) -> Value {
    let groups = ["Alphabetic", "Ideographic", "Phonetic"].into_iter().zip(name.split('='));
    let groups = groups.filter(|(_, group)| !group.is_empty()).map(|(key, group)| (key.to_owned(), group.into()));
    Value::Object(Map::from_iter(groups))
}

/// A value of an IS, DS or US: a number if it is one.
pub(super) fn number(text: &str) -> Value {
    let text = text.trim();
    match text.parse::<i64>() {
        Ok(integer) => integer.into(),
        Err(_) => match text.parse::<f64>().ok().filter(|value| value.is_finite()) {
            Some(value) => value.into(),
            None if text.is_empty() => Value::Null,
            None => text.into(),
        },
    }
}

/// An object's elements. `bulk` is the URL below which bytes are that have no short form.
pub(super) fn data_set(nodes: &[Node], bulk: &str) -> Value {
    let mut object = elements(nodes, bulk, "");
    if let Value::Object(object) = &mut object {
        // The text is in UTF-8 now.
        object.insert("00080005".to_owned(), attribute("CS", vec!["ISO_IR 192".into()]));
    }
    object
}

fn elements(nodes: &[Node], bulk: &str, path: &str) -> Value {
    let element = |node: &Node| {
        let name = name(node.tag);
        let value = element(node, bulk, &format!("{path}{name}"));
        (name, value)
    };
    Value::Object(nodes.iter().map(element).collect())
}

fn element(node: &Node, bulk: &str, path: &str) -> Value {
    let vr = std::str::from_utf8(&node.vr).unwrap_or("UN");
    let values = match &node.value {
        listing::Value::Bulk => return json!({ "vr": vr, "BulkDataURI": format!("{bulk}/{path}") }),
        listing::Value::Items(items) => {
            let item = |(at, item): (usize, &Vec<Node>)| elements(item, bulk, &format!("{path}.{at}."));
            items.iter().enumerate().map(item).collect()
        }
        listing::Value::Texts(texts) => texts.iter().map(|text| value(vr, text)).collect(),
        listing::Value::Integers(values) => values.iter().map(|value| integer(*value)).collect(),
        // JSON has no NaN.
        listing::Value::Floats(values) => values.iter().map(|value| json!(value)).collect(),
        listing::Value::Tags(tags) => tags.iter().map(|tag| name(*tag).into()).collect(),
    };
    attribute(vr, values)
}

fn integer(value: i128) -> Value {
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => value.into(),
        (_, Ok(value)) => value.into(),
        (Err(_), Err(_)) => Value::Null,
    }
}

/// A text as its VR has it in JSON; an empty one among several is null (section F.2.5).
pub(super) fn value(vr: &str, text: &str) -> Value {
    match vr {
        _ if text.is_empty() => Value::Null,
        "PN" => person(text),
        "IS" | "DS" => number(text),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let check = |vr: &str, text: &str, expected: Value| assert_eq!(value(vr, text), expected, "{vr} {text}");
        check("IS", "7", json!(7));
        check("IS", " +7 ", json!(7));
        check("DS", "0.0700", json!(0.07));
        check("DS", "1e400", json!("1e400"));
        check("DS", "wide", json!("wide"));
        check("LO", "", Value::Null);
        check("PN", "Јовановић^Ана", json!({ "Alphabetic": "Јовановић^Ана" }));
        check(
            "PN",
            "Yamada^T=山田^太郎=やまだ",
            json!({ "Alphabetic": "Yamada^T", "Ideographic": "山田^太郎", "Phonetic": "やまだ" }),
        );
        check("PN", "=山田", json!({ "Ideographic": "山田" }));
        assert_eq!(tag("7FE00010"), Some(Tag(0x7FE0, 0x0010)));
        assert_eq!(tag("+FE00010"), None);
        assert_eq!(name(Tag(0x7FE0, 0x0010)), "7FE00010");
    }
}
