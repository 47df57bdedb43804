//! Bulk data: the value of one attribute (PS3.18 section 10.4.1.1.5).
//!
//! Invariants: values come uncompressed in little endian, whatever the transfer syntax of their object; Pixel Data in
//! fragments come as frames, never as the items that hold these. Of a value that lies in its file, [`PIECE_BYTES`] are in
//! memory, and who reads it takes no turn; a deflated data set is inflated again for every [`AHEAD_BYTES`] of one.

use std::io::{self, SeekFrom};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use futures_util::stream::{self, StreamExt};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use uvid_datasets::dicom::frame::is_compressed;
use uvid_datasets::dicom::{Object, Offset};

use super::json;
use super::media::wanted;
use super::outgoing::{Content, Part, Pieces, respond};
use super::wado::{
    AHEAD_BYTES, EXPLICIT, OCTETS, OpenFile, all_frames, frame_problem, not_acceptable, one, open, read_file,
};
use crate::http::{App, Path, Problem};

/// Bytes of a value that are read at once: whole words of any size.
const PIECE_BYTES: usize = 256 << 10;

/// Encapsulated Uncompressed Explicit VR Little Endian: frames in fragments (PS3.5 section A.4.11).
const ENCAPSULATED: &str = "1.2.840.10008.1.2.1.98";

/// `GET .../bulkdata/00420011`, `.../bulkdata/52009230.0.00289145`: what the metadata's BulkDataURI name.
pub(super) async fn bulkdata(
    State(app): State<App>,
    Path((study, series, instance, path)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("attribute");
    let (within, tag) = bulk_path(&path).ok_or_else(missing)?;
    let object = one(&app, &study, &series, &instance).await?;
    let in_fragments = is_compressed(&object.transfer_syntax) || object.transfer_syntax == ENCAPSULATED;
    if within.is_empty() && tag == tags::PIXEL_DATA && in_fragments {
        return all_frames(&app, &headers, object).await;
    }
    let packing = wanted(&headers).iter().find_map(|range| range.takes(OCTETS, EXPLICIT, true));
    let packing = packing.ok_or_else(|| not_acceptable(&[OCTETS]))?;
    let find = move |object: &mut Object<'_>| object.bulk(&within, tag);
    let (file, found) = read_file(&app, open(&app, object).await?, find).await?;
    let (at, len, word) = found.map_err(frame_problem)?.ok_or_else(missing)?;
    let pieces = match at {
        Offset::File(at) => in_file(file.0, at, len, word),
        Offset::Inflated(_) => inflated(app, file, at, len),
    };
    let content_type = format!("{OCTETS}; transfer-syntax={EXPLICIT}");
    let part = Part { content_type, location: None, content: Content::Pieces(pieces) };
    Ok(respond(StatusCode::OK, packing, OCTETS, vec![part]))
}

/// Reads a value where it lies, and turns its words, of so many bytes each.
fn in_file(file: std::fs::File, at: usize, len: usize, word: usize) -> Pieces {
    let next = move |(mut file, at, left): (tokio::fs::File, usize, usize)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; left.min(PIECE_BYTES)];
        file.seek(SeekFrom::Start(at as u64)).await?;
        file.read_exact(&mut piece).await?;
        piece.chunks_exact_mut(word).for_each(<[u8]>::reverse);
        let read = piece.len();
        Ok(Some((Bytes::from(piece), (file, at + read, left - read))))
    };
    stream::try_unfold((tokio::fs::File::from_std(file), at, len), next).boxed()
}

/// Inflates as much of a value as fits one turn, and again for the next one.
fn inflated(app: App, file: OpenFile, at: Offset, len: usize) -> Pieces {
    let next = move |(file, done): (OpenFile, usize)| {
        let (app, size) = (app.clone(), AHEAD_BYTES.min(len - done));
        async move {
            if size == 0 {
                return Ok(None);
            }
            let read = move |object: &mut Object<'_>| object.bulk_bytes(at, done, size);
            let read = read_file(&app, file, read).await;
            let (file, piece) = read.map_err(|_| io::Error::other("the object cannot be read any more"))?;
            Ok(Some((Bytes::from(piece.map_err(io::Error::other)?), (file, done + size))))
        }
    };
    stream::try_unfold((file, 0), next).boxed()
}

/// A tag, behind sequences and items from 0 that it is in: `52009230.0.00289145`.
fn bulk_path(path: &str) -> Option<(Vec<(Tag, usize)>, Tag)> {
    let mut pieces = path.split('.');
    let mut within = Vec::new();
    let mut tag = json::tag(pieces.next()?)?;
    while let Some(item) = pieces.next() {
        within.push((tag, item.parse().ok()?));
        tag = json::tag(pieces.next()?)?;
    }
    Some((within, tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bulk_data_have_paths() {
        assert_eq!(bulk_path("7FE00010"), Some((vec![], tags::PIXEL_DATA)));
        let nested = Some((vec![(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, 0)], Tag(0x0028, 0x3006)));
        assert_eq!(bulk_path("52009229.0.00283006"), nested);
        for wrong in ["", "7FE00010.", "7FE00010.0", "7FE00010.x.00283006", "7FE0001", "../../etc"] {
            assert_eq!(bulk_path(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn words_are_turned_and_pieces_joined() {
        let bytes: Vec<u8> = (0..2 * PIECE_BYTES + 11).map(|i| ((i * 31) >> 3) as u8).collect();
        let mut file = tempfile::tempfile().expect("a file");
        io::Write::write_all(&mut file, &[&[0xEE; 5], &bytes[..], &[0xEE; 5]].concat()).expect("written");
        for word in [1, 2, 4, 8] {
            let pieces: Vec<_> = in_file(file.try_clone().expect("a file"), 5, bytes.len(), word)
                .map(|piece| piece.expect("read"))
                .collect()
                .await;
            let mut expected = bytes.clone();
            // What is no whole word stays as it is.
            expected.chunks_exact_mut(word).for_each(<[u8]>::reverse);
            assert!(pieces.concat() == expected, "{word}");
            assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [PIECE_BYTES, PIECE_BYTES, 11]);
        }
        // A file that has become shorter ends no value early.
        let ends: Vec<_> = in_file(file, 5, bytes.len() + 6, 1).collect().await;
        assert!(ends.last().is_some_and(Result::is_err));
    }

    proptest! {
        #[test]
        fn any_path_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = bulk_path(&text);
        }
    }
}
