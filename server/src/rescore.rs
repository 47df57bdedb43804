//! A stored result, made again from the stored objects and the same package: equal, or what differs, or why it cannot be
//! told.
//!
//! Invariant: two results are equal only if every bit of them is, but for how long they took; the stored text itself is
//! compared, and numbers as they are written, the shortest text that reads back as the same float.

use std::cell::OnceCell;

use serde::Serialize;
use serde_json::Value;
use uvid_exam::{SopInstanceUid, StudyInstanceUid};
use uvid_model::{LoadError, Package, Predictor, Site};

use crate::commands::compute::load;
use crate::devices::Devices;
use crate::engine;
use crate::pipeline::{Limits, Uncomputed};
use crate::report::json::{PackageJson, ReportJson, without_times};
use crate::store::{Digest, ObjectStore};

/// Differences of one result that are kept with their values; the others are counted.
pub const DIFFERENCES_MAX: usize = 50;

/// What became of a check.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Every bit is the same.
    Equal,
    /// So many are not, all of them words that explain; the first of them.
    Wording(usize, Vec<Difference>),
    /// So many values are not; the first of them.
    Differs(usize, Vec<Difference>),
    /// It cannot be told.
    Unchecked(Unchecked),
}

/// A value that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where in the report: `exam.p_dense.value`.
    pub place: String,
    /// As JSON; null where there was nothing.
    pub stored: Value,
    /// As JSON; null where there is nothing.
    pub now: Value,
}

/// Why a result cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unchecked {
    /// There is none.
    #[error("every attempt had failed: there is no result to make again")]
    NoResult,
    /// The database does not hold a report there.
    #[error("what is stored is no report")]
    NoReport,
    /// Nobody has the model.
    #[error(
        "the package {0} sha256:{1:.12} with the recipe sha256:{2:.12} is not at hand: name its folder with --model"
    )]
    NoPackage(String, String, String),
    /// Nobody knows from what it was made.
    #[error("the study's objects are not those that it was made from")]
    OtherObjects,
    /// The data folder is damaged, or a device failed.
    #[error("{0}")]
    Uncomputed(#[from] Uncomputed),
    /// Another machine computes with other bits.
    #[error("it was computed by {0}, here computes {1}")]
    OtherBackend(String, String),
}

/// The packages at hand, each as it is and as this site has set it; loaded when they are needed.
pub struct Shelf {
    devices: Devices,
    packages: Vec<(Package, Site, OnceCell<Predictor>)>,
}

impl Shelf {
    /// An empty one, of models on the first of these devices.
    pub fn new(devices: Devices) -> Self {
        Self { devices, packages: Vec::new() }
    }

    /// Adds a package with what a site has set.
    pub fn add(&mut self, package: Package, site: Site) {
        self.packages.push((package, site, OnceCell::new()));
    }

    /// The model with the digests of `id`, if it is at hand.
    ///
    /// # Errors
    ///
    /// It is, and cannot be loaded.
    pub fn find(&self, id: &PackageJson) -> Result<Option<&Predictor>, LoadError> {
        let same = |package: &Package, site: &Site| {
            package.digest() == id.digest && package.manifest().recipe_digest(site) == id.recipe_digest
        };
        let Some((package, site, loaded)) = self.packages.iter().find(|(p, s, _)| same(p, s)) else { return Ok(None) };
        if let Some(predictor) = loaded.get() {
            return Ok(Some(predictor));
        }
        let predictor = load(package, site, &self.devices)?;
        Ok(Some(loaded.get_or_init(|| predictor)))
    }
}

/// Makes a study's result again from its objects, and compares with what is stored ([`without_times`]).
pub fn check(
    stored: &Value,
    study: &StudyInstanceUid,
    objects: &[(SopInstanceUid, Digest)],
    predictor: &Predictor,
    store: &ObjectStore,
    limits: &Limits,
) -> Verdict {
    let now = match engine::score(objects, predictor, store, limits) {
        Ok(report) => ReportJson::of(study, &report),
        Err(uncomputed) => return Verdict::Unchecked(uncomputed.into()),
    };
    if let (Some(then), Some(now)) = (stored["backend"].as_str(), &now.backend)
        && then != now
    {
        return Verdict::Unchecked(Unchecked::OtherBackend(then.to_owned(), now.clone()));
    }
    // Through text: a `Value` made directly would widen the heat maps' f32.
    let Some(now) = serde_json::to_string(&now).ok().and_then(|text| without_times(&text)) else {
        return Verdict::Unchecked(Unchecked::NoReport);
    };
    verdict(stored, &now)
}

fn verdict(stored: &Value, now: &Value) -> Verdict {
    let Found { count, first } = Found::between(stored, now);
    if count == 0 {
        Verdict::Equal
    } else if Found::between(&without_wording(stored), &without_wording(now)).count == 0 {
        Verdict::Wording(count, first)
    } else {
        Verdict::Differs(count, first)
    }
}

/// A report without what only explains: beside each of these stands a code or a value.
fn without_wording(report: &Value) -> Value {
    let mut report = report.clone();
    let mut remove = |list: &str, key: &str| {
        for item in report.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            item.as_object_mut().map(|item| item.remove(key));
        }
    };
    remove("received", "fate");
    remove("reasons", "text");
    report.as_object_mut().map(|report| report.remove("disclaimer"));
    report
}

#[derive(Default)]
struct Found {
    count: usize,
    first: Vec<Difference>,
}

impl Found {
    fn between(stored: &Value, now: &Value) -> Self {
        let mut found = Self::default();
        found.compare("", stored, now);
        found
    }

    fn compare(&mut self, place: &str, stored: &Value, now: &Value) {
        // To `==`, 0.0 and -0.0 would be one number.
        let written = Value::to_string;
        match (stored, now) {
            (Value::Object(a), Value::Object(b)) => {
                let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
                for key in keys {
                    let side = |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                    self.compare(&joined(place, key), &side(a), &side(b));
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (i, (a, b)) in a.iter().zip(b).enumerate() {
                    self.compare(&joined(place, &label(a, i)), a, b);
                }
            }
            _ if written(stored) == written(now) => {}
            _ => {
                self.count += 1;
                if self.first.len() < DIFFERENCES_MAX {
                    let (stored, now) = (stored.clone(), now.clone());
                    self.first.push(Difference { place: place.to_owned(), stored, now });
                }
            }
        }
    }
}

fn joined(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

/// What an item of a list is called: by its name where it has one, else by its number.
fn label(item: &Value, i: usize) -> String {
    let name = ["name", "slot", "laterality", "point", "file"].iter().find_map(|key| item[key].as_str());
    name.map_or_else(|| i.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_by_place() {
        let check = |stored: Value, now: Value, expected: &[&str]| {
            let mut found = Found::default();
            found.compare("", &stored, &now);
            assert_eq!(found.first.iter().map(|d| d.place.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!(found.count, expected.len());
        };
        let report = |p: f64| json!({ "exam": [{ "name": "a", "value": 1.0 }, { "name": "p_dense", "value": p }] });
        check(report(0.25), report(0.25), &[]);
        check(report(0.25), report(0.25 + f64::EPSILON / 4.0), &["exam.p_dense.value"]);
        check(report(0.0), report(-0.0), &["exam.p_dense.value"]);
        check(json!({ "a": 1 }), json!({ "b": 1 }), &["a", "b"]);
        check(json!([1, 2]), json!([1, 2, 3]), &[""]);
        check(
            json!({ "images": [{ "slot": "L-CC", "rows": 1 }] }),
            json!({ "images": [{ "slot": "L-CC", "rows": 2 }] }),
            &["images.L-CC.rows"],
        );
        check(json!([[1, 2], null]), json!([[1, 3], null]), &["0.1"]);
    }

    #[test]
    fn wording_is_told_from_values_and_no_field_is_overlooked() {
        let report = |disclaimer: &str, fate: &str, code: &str, text: &str| {
            json!({ "disclaimer": disclaimer, "received": [{ "file": "1.2", "code": code, "fate": fate }],
                    "reasons": [{ "code": "a", "text": text }] })
        };
        let stored = report("x", "chosen", "chosen", "why");
        assert_eq!(verdict(&stored, &stored), Verdict::Equal);
        assert!(matches!(verdict(&stored, &report("y", "taken", "chosen", "because")), Verdict::Wording(3, _)));
        assert!(matches!(verdict(&stored, &report("y", "taken", "outranked", "why")), Verdict::Differs(3, _)));
        let mut unknown = stored.clone();
        unknown["added"] = json!(0);
        let Verdict::Differs(1, first) = verdict(&unknown, &stored) else { panic!("a field of no schema counts") };
        assert_eq!(first[0].place, "added");
    }

    #[test]
    fn many_differences_are_counted() {
        let mut found = Found::default();
        found.compare("", &json!(vec![0; 1000]), &json!(vec![1; 1000]));
        assert_eq!((found.count, found.first.len()), (1000, DIFFERENCES_MAX));
    }
}
