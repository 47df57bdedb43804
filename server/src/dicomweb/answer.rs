//! The Store Instances Response Module (PS3.18 table I.1-1) in the DICOM JSON Model (PS3.18 annex F).

use serde_json::{Value, json};

use crate::store::{Accepted, Refusal, Refused};

/// Failure Reason (0008,1197): PS3.18 table I.2-2, where the two nibbles that it leaves open are 0.
///
/// 0111H is not in that table; PS3.7 C.5.4 defines it as "the SOP Instance UID was already allocated to another SOP
/// instance", which is what happened, and a client takes any value for a failure.
fn failure_reason(because: &Refused) -> u16 {
    use uvid_datasets::dicom::ReadError;
    match because {
        // "Refused: Out of Resources"
        Refused::TooLarge(_) | Refused::StudyFull(_) => 0xA700,
        Refused::Unreadable(
            ReadError::TooLarge { .. } | ReadError::LongHeader { .. } | ReadError::Limit { .. } | ReadError::Io(_),
        ) => 0xA700,
        // "Error: Data Set does not match SOP Class"; also used where the study is not the one in the URL.
        Refused::OtherStudy => 0xA900,
        // "Referenced Transfer Syntax not supported"
        Refused::Unreadable(ReadError::TransferSyntax(_)) => 0xC122,
        // "Error: Cannot understand"
        Refused::Unreadable(
            ReadError::NotDicom
            | ReadError::Missing(_)
            | ReadError::Uid { .. }
            | ReadError::Invalid { .. }
            | ReadError::Broken { .. }
            | ReadError::Incomplete(_)
            | ReadError::Codec { .. },
        ) => 0xC000,
        Refused::Different => 0x0111,
    }
}

/// The body of the answer. `base` is the URL of the service. Retrieve URL (0008,1190) of the whole is of type 2: empty
/// where the instances are of several studies, or none was stored.
pub(super) fn body(answers: &[Result<Accepted, Refusal>], base: &str) -> Value {
    let mut studies: Vec<_> = answers.iter().flatten().map(|accepted| &accepted.study).collect();
    studies.dedup();
    let whole = match studies[..] {
        [study] => element("UR", vec![study_url(base, study.as_str()).into()]),
        _ => json!({ "vr": "UR" }),
    };
    let mut body = serde_json::Map::from_iter([("00081190".to_owned(), whole)]);
    let (mut stored, mut failed, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(Accepted { study, series, sop_instance, sop_class, .. }) => stored.push(json!({
                "00081150": element("UI", vec![sop_class.as_str().into()]),
                "00081155": element("UI", vec![sop_instance.as_str().into()]),
                "00081190": element(
                    "UR",
                    vec![instance_url(base, study.as_str(), series.as_str(), sop_instance.as_str()).into()],
                ),
            })),
            Err(Refusal { because, object: Some((sop_class, sop_instance)) }) => failed.push(json!({
                "00081150": element("UI", vec![sop_class.as_str().into()]),
                "00081155": element("UI", vec![sop_instance.as_str().into()]),
                "00081197": element("US", vec![failure_reason(because).into()]),
            })),
            // What has no UID cannot be listed by it; this sequence is for that.
            Err(Refusal { because, object: None }) => {
                others.push(json!({ "00081197": element("US", vec![failure_reason(because).into()]) }));
            }
        }
    }
    // Referenced SOP Sequence, Failed SOP Sequence, Other Failures Sequence.
    for (tag, items) in [("00081199", stored), ("00081198", failed), ("0008119A", others)] {
        if !items.is_empty() {
            body.insert(tag.into(), element("SQ", items));
        }
    }
    Value::Object(body)
}

/// Where a study is retrieved.
pub(super) fn study_url(base: &str, study: &str) -> String {
    format!("{base}/studies/{study}")
}

/// Where a series is retrieved.
pub(super) fn series_url(base: &str, study: &str, series: &str) -> String {
    format!("{base}/studies/{study}/series/{series}")
}

/// Where an instance is retrieved.
pub(super) fn instance_url(base: &str, study: &str, series: &str, sop_instance: &str) -> String {
    format!("{base}/studies/{study}/series/{series}/instances/{sop_instance}")
}

pub(super) fn element(vr: &str, values: Vec<Value>) -> Value {
    json!({ "vr": vr, "Value": values })
}
