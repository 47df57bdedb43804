//! Content items of structured reports (PS3.3 C.17.3).
//!
//! Invariant: what is built is written as it stands: an item's place among its siblings is its number, from 1, so that
//! a reference can be made before the tree is finished.

use std::borrow::Cow;

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::modules::{code, decimal, floats, reference, sequence, text};

/// Points of one polyline: FL has at most 65,534 bytes in explicit VR (PS3.5 section 7.1.2).
const POINTS_MAX: usize = 8_000;

/// A coded concept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concept {
    /// Code Value, at most 16 characters.
    pub value: Cow<'static, str>,
    /// Coding Scheme Designator.
    pub scheme: Cow<'static, str>,
    /// Code Meaning.
    pub meaning: Cow<'static, str>,
}

impl Concept {
    /// A constant.
    pub const fn new(value: &'static str, scheme: &'static str, meaning: &'static str) -> Self {
        Self { value: Cow::Borrowed(value), scheme: Cow::Borrowed(scheme), meaning: Cow::Borrowed(meaning) }
    }

    fn item(&self) -> InMemDicomObject {
        code(&self.value, &self.scheme, &self.meaning)
    }
}

impl From<&uvid_datasets::dicom::Code> for Concept {
    fn from(code: &uvid_datasets::dicom::Code) -> Self {
        Self {
            value: Cow::Owned(code.value.clone()),
            scheme: Cow::Owned(code.scheme.clone()),
            meaning: Cow::Owned(code.meaning.clone()),
        }
    }
}

/// Relationship Type (0040,A010).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// CONTAINS.
    Contains,
    /// HAS PROPERTIES.
    Properties,
    /// HAS CONCEPT MOD.
    Modifier,
    /// HAS ACQ CONTEXT.
    Acquisition,
    /// HAS OBS CONTEXT.
    Observation,
    /// INFERRED FROM.
    Inferred,
    /// SELECTED FROM.
    Selected,
}

impl Relation {
    fn term(self) -> &'static str {
        match self {
            Self::Contains => "CONTAINS",
            Self::Properties => "HAS PROPERTIES",
            Self::Modifier => "HAS CONCEPT MOD",
            Self::Acquisition => "HAS ACQ CONTEXT",
            Self::Observation => "HAS OBS CONTEXT",
            Self::Inferred => "INFERRED FROM",
            Self::Selected => "SELECTED FROM",
        }
    }
}

/// What an item holds, by value type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// CONTAINER, of SEPARATE continuity; the root names its template.
    Container(Option<&'static str>),
    /// CODE.
    Code(Concept),
    /// TEXT.
    Text(String),
    /// NUM with its unit.
    Number(f64, Concept),
    /// DATE.
    Date(String),
    /// TIME.
    Time(String),
    /// UIDREF.
    Uid(String),
    /// IMAGE: SOP class and instance.
    Image(String, String),
    /// COMPOSITE: SOP class and instance.
    Composite(String, String),
    /// SCOORD of one point: column, row, from the corner of the first pixel.
    Point(f64, f64),
    /// SCOORD of a closed polyline of such points; the first is written again as the last.
    Outline(Vec<(f64, f64)>),
    /// An item elsewhere in the tree, by its numbers from the root, which is 1.
    Reference(Vec<u32>),
}

/// A content item with what is below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    relation: Relation,
    name: Option<Concept>,
    value: Value,
    items: Vec<Item>,
}

impl Item {
    /// An item without anything below it.
    pub fn new(relation: Relation, name: Concept, value: Value) -> Self {
        Self { relation, name: Some(name), value, items: Vec::new() }
    }

    /// An item without a concept name: an image of a library, a reference.
    pub fn unnamed(relation: Relation, value: Value) -> Self {
        Self { relation, name: None, value, items: Vec::new() }
    }

    /// With these below it, behind those that are there.
    pub fn with(mut self, items: impl IntoIterator<Item = Self>) -> Self {
        self.items.extend(items);
        self
    }

    /// Writes the tree of a root into a document.
    pub fn write_root(&self, object: &mut InMemDicomObject) {
        self.write(object);
        object.remove_element(tags::RELATIONSHIP_TYPE);
    }

    fn write(&self, o: &mut InMemDicomObject) {
        text(o, tags::RELATIONSHIP_TYPE, VR::CS, self.relation.term());
        if let Value::Reference(path) = &self.value {
            let path = PrimitiveValue::U32(path.as_slice().into());
            o.put(DataElement::new(tags::REFERENCED_CONTENT_ITEM_IDENTIFIER, VR::UL, path));
            return;
        }
        text(o, tags::VALUE_TYPE, VR::CS, value_type(&self.value));
        if let Some(name) = &self.name {
            sequence(o, tags::CONCEPT_NAME_CODE_SEQUENCE, vec![name.item()]);
        }
        write_value(&self.value, o);
        if !self.items.is_empty() {
            let written = |item: &Self| {
                let mut below = InMemDicomObject::new_empty();
                item.write(&mut below);
                below
            };
            sequence(o, tags::CONTENT_SEQUENCE, self.items.iter().map(written).collect());
        }
    }
}

fn value_type(value: &Value) -> &'static str {
    match value {
        Value::Container(_) => "CONTAINER",
        Value::Code(_) => "CODE",
        Value::Text(_) => "TEXT",
        Value::Number(..) => "NUM",
        Value::Date(_) => "DATE",
        Value::Time(_) => "TIME",
        Value::Uid(_) => "UIDREF",
        Value::Image(..) => "IMAGE",
        Value::Composite(..) => "COMPOSITE",
        Value::Point(..) | Value::Outline(_) => "SCOORD",
        Value::Reference(_) => "",
    }
}

fn write_value(value: &Value, o: &mut InMemDicomObject) {
    match value {
        Value::Container(template) => {
            text(o, tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
            if let Some(template) = template {
                let mut item = InMemDicomObject::new_empty();
                text(&mut item, tags::MAPPING_RESOURCE, VR::CS, "DCMR");
                text(&mut item, tags::TEMPLATE_IDENTIFIER, VR::CS, template);
                sequence(o, tags::CONTENT_TEMPLATE_SEQUENCE, vec![item]);
            }
        }
        Value::Code(concept) => sequence(o, tags::CONCEPT_CODE_SEQUENCE, vec![concept.item()]),
        Value::Text(value) => text(o, tags::TEXT_VALUE, VR::UT, value),
        Value::Number(value, unit) => sequence(o, tags::MEASURED_VALUE_SEQUENCE, vec![measured(*value, unit)]),
        Value::Date(value) => text(o, tags::DATE, VR::DA, value),
        Value::Time(value) => text(o, tags::TIME, VR::TM, value),
        Value::Uid(value) => text(o, tags::UID, VR::UI, value),
        Value::Image(class, instance) | Value::Composite(class, instance) => {
            sequence(o, tags::REFERENCED_SOP_SEQUENCE, vec![reference(class, instance)]);
        }
        Value::Point(x, y) => graphic(o, "POINT", &[(*x, *y)]),
        Value::Outline(points) => {
            // Every n-th of a very long outline; the corners between are less than a map's cell away.
            let step = points.len().div_ceil(POINTS_MAX).max(1);
            let kept = points.iter().step_by(step).chain(points.first()).copied();
            graphic(o, "POLYLINE", &kept.collect::<Vec<_>>());
        }
        Value::Reference(_) => {}
    }
}

fn measured(value: f64, unit: &Concept) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    let written = decimal(value);
    // PS3.3 C.18.1: required where the decimal string has too few digits.
    if written.parse() != Ok(value) {
        item.put(DataElement::new(tags::FLOATING_POINT_VALUE, VR::FD, PrimitiveValue::from(value)));
    }
    text(&mut item, tags::NUMERIC_VALUE, VR::DS, &written);
    sequence(&mut item, tags::MEASUREMENT_UNITS_CODE_SEQUENCE, vec![unit.item()]);
    item
}

/// PS3.3 C.18.6: column and row, 0\0 the corner of the first pixel, Columns\Rows that of the last.
fn graphic(o: &mut InMemDicomObject, kind: &str, points: &[(f64, f64)]) {
    text(o, tags::GRAPHIC_TYPE, VR::CS, kind);
    let data: Vec<f32> = points.iter().flat_map(|(x, y)| [*x as f32, *y as f32]).collect();
    floats(o, tags::GRAPHIC_DATA, &data);
}
