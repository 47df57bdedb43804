//! Outlines in property lists, as OsiriX writes them for INbreast.

use std::io::{Cursor, Read};
use std::path::Path;

use plist::{Dictionary, Value};

use super::error::SetError;
use super::lesion::{Lesion, Shape};
use super::values::lesion_kind;

/// The longest list that is read. INbreast's longest has less than 2 MB.
const LIST_BYTES_MAX: u64 = 32 << 20;
/// How deep lists may lie in lists: theirs have five levels. Dropping a value needs stack for each.
const DEPTH_MAX: usize = 32;

/// The lesions in the list `file` under `root`, in its order.
pub(super) fn read(root: &Path, file: &str) -> Result<Vec<Lesion>, SetError> {
    let unreadable = |source| SetError::Read { file: file.into(), source };
    let mut bytes = Vec::new();
    let source = std::fs::File::open(root.join(file)).map_err(unreadable)?;
    source.take(LIST_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    lesions(&bytes).map_err(|problem| SetError::Format { file: file.into(), row: 0, problem: problem.into() })
}

/// Whether no list of the text lies deeper than [`DEPTH_MAX`].
///
/// Comments, CDATA and tags with attributes, in which a bracket would not count, are refused: no such list has them.
fn is_shallow(bytes: &[u8]) -> bool {
    let mut depth = 0usize;
    for tag in bytes.split(|&byte| byte == b'<').skip(1) {
        if tag.starts_with(b"!--") || tag.starts_with(b"![") {
            return false;
        }
        for name in [&b"array"[..], b"dict"] {
            if let Some(rest) = tag.strip_prefix(name) {
                match rest.first() {
                    Some(b'>') => depth += 1,
                    Some(b'/') => {}
                    _ => return false,
                }
            }
            if tag.strip_prefix(b"/").is_some_and(|end| end.starts_with(name)) {
                depth = depth.saturating_sub(1);
            }
        }
        if depth > DEPTH_MAX {
            return false;
        }
    }
    true
}

fn lesions(bytes: &[u8]) -> Result<Vec<Lesion>, &'static str> {
    if bytes.len() as u64 > LIST_BYTES_MAX {
        return Err("is longer than 32 MiB");
    }
    if !is_shallow(bytes) {
        return Err("is no property list of regions of interest");
    }
    let root = Value::from_reader_xml(Cursor::new(bytes)).map_err(|_| "is no property list in XML")?;
    let images = root.as_dictionary().and_then(|root| root.get("Images")).and_then(Value::as_array);
    let mut lesions = Vec::new();
    for image in images.ok_or("has no list `Images`")? {
        let rois = image.as_dictionary().and_then(|image| image.get("ROIs")).and_then(Value::as_array);
        for roi in rois.ok_or("has an image without a list `ROIs`")? {
            let roi = roi.as_dictionary().ok_or("has a region that is no dictionary")?;
            if let Some(lesion) = lesion(roi, lesions.len() + 1)? {
                lesions.push(lesion);
            }
        }
    }
    Ok(lesions)
}

fn lesion(roi: &Dictionary, number: usize) -> Result<Option<Lesion>, &'static str> {
    let name = roi.get("Name").and_then(Value::as_string).ok_or("has a region without a `Name`")?.trim();
    if name.to_lowercase().contains("pectoral") {
        return Ok(None);
    }
    let points = roi.get("Point_px").and_then(Value::as_array).ok_or("has a region without `Point_px`")?;
    let points: Option<Vec<(f64, f64)>> = points.iter().map(|point| row_and_column(point.as_string()?)).collect();
    let points = points.ok_or("has a point that is not `(x, y)`")?;
    let shape = if points.is_empty() { Shape::None } else { Shape::Outline(points) };
    Ok(Some(Lesion { id: number.to_string(), kind: lesion_kind(name), malignant: None, shape }))
}

/// `(x, y)` as (row, column).
fn row_and_column(text: &str) -> Option<(f64, f64)> {
    let (x, y) = text.trim().strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    Some((number(y)?, number(x)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::lesion::LesionKind;
    use proptest::prelude::*;

    fn list(rois: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple Computer//DTD PLIST 1.0//EN\" \
             \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict><key>Images</key><array>\
             <dict><key>ImageIndex</key><integer>0</integer><key>NumberOfROIs</key><integer>1</integer>\
             <key>ROIs</key><array>{rois}</array></dict></array></dict></plist>"
        )
    }

    fn roi(name: &str, points: &str) -> String {
        format!(
            "<dict><key>Area</key><real>1.5</real><key>Name</key><string>{name}</string><key>NumberOfPoints</key>\
             <integer>2</integer><key>Point_mm</key><array/><key>Point_px</key><array>{points}</array></dict>"
        )
    }

    #[test]
    fn an_outline_is_in_rows_and_columns() {
        let points = "<string>(20.5, 10.000000)</string><string>(21, 11)</string>";
        let text =
            list(&(roi("Spiculated Region", points) + &roi("Calcifications", "") + &roi("Pectoral Muscle", points)));
        let found = lesions(text.as_bytes()).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].kind, LesionKind::Other("Spiculated Region".into()));
        assert_eq!(found[0].shape, Shape::Outline(vec![(10.0, 20.5), (11.0, 21.0)]));
        assert_eq!((&found[1].kind, &found[1].shape), (&LesionKind::Calcification, &Shape::None));
    }

    #[test]
    fn what_is_no_outline_is_an_error() {
        assert!(lesions(list(&roi("Mass", "<string>(1)</string>")).as_bytes()).is_err());
        assert!(lesions(list("<dict></dict>").as_bytes()).is_err());
        assert!(lesions(b"<plist><dict></dict></plist>").is_err());
        let deep = "<array>".repeat(1_000_000);
        assert!(lesions(format!("<plist>{deep}").as_bytes()).is_err());
        let hidden = "<array><!-- </array> -->".repeat(100_000);
        assert!(lesions(hidden.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..600usize) {
            let _ = lesions(&bytes);
            let mut broken = list(&roi("Mass", "<string>(1, 2)</string>")).into_bytes();
            let at = at % broken.len();
            broken.splice(at..at, bytes);
            let _ = lesions(&broken);
        }
    }
}
