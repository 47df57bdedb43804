//! Bulk data of WADO-RS: what the metadata's BulkDataURI name, of any size.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use dicom_core::value::PixelFragmentSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids as known};
use dicom_object::{FileDicomObject, InMemDicomObject};
use futures_util::StreamExt;
use uvid_datasets::phantom::{self, PhantomFile, Spec, TransferSyntax};

use crate::support::{Process, SOON, Server, request};
use crate::wado::{get, parts, path_of};

/// A private attribute, behind its creator.
const CREATOR: Tag = Tag(0x0009, 0x0010);
const PRIVATE: Tag = Tag(0x0009, 0x1001);
/// Deflated Image Frame Compression.
const DEFLATED_FRAME: &str = "1.2.840.10008.1.2.8.1";

type File = FileDicomObject<InMemDicomObject>;

/// The first view of an exam: its bytes, and its pixels in little endian.
fn image(spec: &Spec) -> (Vec<u8>, Vec<u8>) {
    let file: PhantomFile = phantom::exam(spec).unwrap().swap_remove(0);
    let pixels = phantom::image(spec, file.slot).unwrap().pixels;
    (file.bytes, pixels.into_iter().flat_map(u16::to_le_bytes).collect())
}

fn rewritten(file: &[u8], syntax: &str, change: impl FnOnce(&mut File)) -> Vec<u8> {
    let mut object = dicom_object::from_reader(file).unwrap();
    change(&mut object);
    object.update_meta(|meta| meta.transfer_syntax = syntax.to_owned());
    let mut bytes = Vec::new();
    object.write_all(&mut bytes).unwrap();
    bytes
}

/// Frames in fragments, one each.
fn encapsulated(file: &[u8], syntax: &str, frames: &[Vec<u8>]) -> Vec<u8> {
    rewritten(file, syntax, |object| {
        let fragments = PixelFragmentSequence::new(Vec::<u32>::new(), frames.to_vec());
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, fragments));
        if frames.len() > 1 {
            let count = PrimitiveValue::from(frames.len().to_string());
            object.put(DataElement::new(tags::NUMBER_OF_FRAMES, VR::IS, count));
            let tomosynthesis = PrimitiveValue::from(known::BREAST_TOMOSYNTHESIS_IMAGE_STORAGE);
            object.put(DataElement::new(tags::SOP_CLASS_UID, VR::UI, tomosynthesis));
            object.update_meta(|meta| {
                meta.media_storage_sop_class_uid = known::BREAST_TOMOSYNTHESIS_IMAGE_STORAGE.to_owned();
            });
        }
    })
}

/// The pieces of an answer's body.
async fn pieces(server: &Server, path: &str) -> Vec<Vec<u8>> {
    let request = Request::get(format!("/dicom-web/{path}")).header("Accept", "application/octet-stream");
    let answer = tower::ServiceExt::oneshot(server.router.clone(), request.body(Body::empty()).unwrap()).await;
    let body = answer.unwrap().into_body().into_data_stream();
    body.map(|piece| piece.unwrap().to_vec()).collect().await
}

/// Whatever the transfer syntax, values come in little endian; where they lie in the file, in pieces of it.
#[tokio::test]
async fn values_come_in_little_endian_and_in_pieces() {
    /// Of a body that is read from disk.
    const PIECE_BYTES_MAX: usize = 256 << 10;
    let private: Vec<u16> = (0..300_001).map(|i| (i * 7 % 65_521) as u16).collect();
    let expected: Vec<u8> = private.iter().flat_map(|word| word.to_le_bytes()).collect();
    for syntax in [
        TransferSyntax::ExplicitLittle,
        TransferSyntax::ImplicitLittle,
        TransferSyntax::ExplicitBig,
        TransferSyntax::Deflated,
    ] {
        let spec = Spec { rows: 900, columns: 700, spacing_mm: 0.26, transfer_syntax: syntax, ..Spec::small(320) };
        let (file, pixels) = image(&spec);
        let file = rewritten(&file, syntax.uid(), |object| {
            object.put(DataElement::new(CREATOR, VR::LO, PrimitiveValue::from("TEST")));
            object.put(DataElement::new(PRIVATE, VR::OW, PrimitiveValue::U16(private.as_slice().into())));
        });
        let server = Server::start().await;
        server.stow(&[&file]).await.ok();
        let path = path_of(&file);
        for (name, expected) in [("7FE00010", &pixels), ("00091001", &expected)] {
            let uri = format!("{path}/bulkdata/{name}");
            let pieces = pieces(&server, &uri).await;
            assert!(pieces.concat() == *expected, "{name} in {syntax:?}");
            if syntax != TransferSyntax::Deflated {
                let longest = pieces.iter().map(Vec::len).max().unwrap();
                assert!(longest <= PIECE_BYTES_MAX, "{name} in {syntax:?}: {longest} bytes at once");
            }
            let parts = parts(&get(&server, &uri, "").await);
            assert!(parts.len() == 1 && parts[0].1 == *expected, "{name} in {syntax:?}");
            let head = "Content-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1";
            assert_eq!(parts[0].0.trim(), head, "{name} in {syntax:?}");
        }
    }
}

/// A value that is only there inflated: no more of it is held than one turn's worth.
#[tokio::test]
async fn deflated_values_come_in_turns() {
    const TURN_BYTES_MAX: usize = 32 << 20;
    let large: Vec<u8> = (0..(40 << 20) + 6).map(|i: u32| (i >> 16) as u8).collect();
    let (file, _) = image(&Spec { transfer_syntax: TransferSyntax::Deflated, ..Spec::small(321) });
    let file = rewritten(&file, TransferSyntax::Deflated.uid(), |object| {
        object.put(DataElement::new(CREATOR, VR::LO, PrimitiveValue::from("TEST")));
        object.put(DataElement::new(PRIVATE, VR::OB, PrimitiveValue::U8(large.as_slice().into())));
    });
    let server = Server::with(|config| config.http.heatmaps_max = 1).await;
    server.stow(&[&file]).await.ok();
    let path = path_of(&file);
    // One who does not read on takes no turn from others.
    let slow = Request::get(format!("/dicom-web/{path}/bulkdata/00091001")).body(Body::empty()).unwrap();
    let slow = tower::ServiceExt::oneshot(server.router.clone(), slow).await.unwrap();
    let pieces = tokio::time::timeout(SOON, pieces(&server, &format!("{path}/bulkdata/00091001"))).await.unwrap();
    let sizes: Vec<usize> = pieces.iter().map(Vec::len).collect();
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= TURN_BYTES_MAX), "{sizes:?}");
    assert!(pieces.concat() == large);
    let body = axum::body::to_bytes(slow.into_body(), usize::MAX).await.unwrap();
    assert!(memchr::memmem::find(&body, &large[..1 << 20]).is_some());
}

/// A server that sends 64 MiB of pixels needs some of them at a time.
#[test]
fn bulk_data_cost_no_memory() {
    const PIXELS: usize = 64 << 20;
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(&folder.path().join("data"), &["jobs.quiet_seconds=600"]);
    let Some(_) = server.peak_bytes() else {
        println!("skipped: this system does not say how much memory a process had");
        return;
    };
    let (file, _) = image(&Spec { transfer_syntax: TransferSyntax::ExplicitLittle, ..Spec::small(322) });
    let mut file = rewritten(&file, known::EXPLICIT_VR_LITTLE_ENDIAN, |object| {
        object.remove_element(tags::PIXEL_DATA);
        object.put(DataElement::new(tags::NUMBER_OF_FRAMES, VR::IS, PrimitiveValue::from("485")));
    });
    let path = path_of(&file);
    file.extend([0xE0, 0x7F, 0x10, 0, b'O', b'W', 0, 0]);
    file.extend((PIXELS as u32).to_le_bytes());
    let head = file.len();
    file.resize(head + PIXELS, 0x5A);
    assert_eq!(server.stow(&[&file]).unwrap(), 200);
    let before = server.peak_bytes().unwrap();
    let accept = "Accept: application/octet-stream\r\n";
    let uri = format!("GET /dicom-web/{path}/bulkdata/7FE00010");
    let (status, body) = request(&server.address, &uri, accept, b"").unwrap();
    let grown = server.peak_bytes().unwrap() - before;
    println!("{} MiB of bulk data: the server's peak grew by {} MiB, from {}", PIXELS >> 20, grown >> 20, before >> 20);
    // HTTP/1.1 frames the body in chunks: a little more than the pixels.
    assert!(status == 200 && (PIXELS..PIXELS + (1 << 20)).contains(&body.len()), "{status} {}", body.len());
    assert!(grown < 16 << 20, "{grown} bytes");
}

/// 1.2.840.10008.1.2.1.98: not compressed, and in fragments all the same.
#[tokio::test]
async fn fragments_of_uncompressed_frames_are_pixels() {
    let (file, pixels) = image(&Spec { transfer_syntax: TransferSyntax::ExplicitLittle, ..Spec::small(323) });
    let inverse: Vec<u8> = pixels.iter().map(|byte| byte ^ 0x0F).collect();
    let syntax = known::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN;
    for frames in [vec![pixels.clone()], vec![pixels.clone(), inverse]] {
        let file = encapsulated(&file, syntax, &frames);
        let server = Server::start().await;
        server.stow(&[&file]).await.ok();
        let uri = format!("{}/bulkdata/7FE00010", path_of(&file));
        let found: Vec<_> = parts(&get(&server, &uri, "").await).into_iter().map(|(_, bytes)| bytes).collect();
        assert!(found == frames, "{} frames", frames.len());
        let whole = get(&server, &uri, "application/octet-stream").await;
        assert!(whole.status == StatusCode::OK && whole.body == frames.concat(), "{} frames", frames.len());
    }
}

/// Frames that are compressed are parts of their own: joined, they would be none.
#[tokio::test]
async fn several_compressed_frames_are_not_joined() {
    let (file, _) = image(&Spec { transfer_syntax: TransferSyntax::JpegLossless, ..Spec::small(324) });
    let object = dicom_object::from_reader(file.as_slice()).unwrap();
    let stream = object.element(tags::PIXEL_DATA).unwrap().fragments().unwrap().concat();
    let check = async |frames: usize, accept: &str, status: u16, count: usize| {
        let file = encapsulated(&file, known::JPEG_LOSSLESS_SV1, &vec![stream.clone(); frames]);
        let server = Server::start().await;
        server.stow(&[&file]).await.ok();
        let answer = get(&server, &format!("{}/bulkdata/7FE00010", path_of(&file)), accept).await;
        assert_eq!(answer.status, status, "{frames} frames, {accept}");
        match count {
            0 => answer.problem(status, "not-acceptable"),
            1 => assert!(answer.body == stream, "{frames} frames, {accept}"),
            _ => assert_eq!(parts(&answer).len(), count, "{accept}"),
        }
        answer
    };
    check(1, "image/jpeg", 200, 1).await;
    check(2, "image/jpeg", 406, 0).await;
    check(2, "image/jpeg, multipart/related; type=\"image/jpeg\"; q=0.5", 200, 2).await;
    check(1000, "", 200, 1000).await;
    // More than are sent at once are refused, not left out.
    let refused = check(1001, "", 406, 0).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("/frames/"), "{}", refused.json());
}

/// Deflated frames have no media type of their own: who names no transfer syntax is given pixels.
#[tokio::test]
async fn deflated_frames_are_inflated_for_who_does_not_ask_for_them() {
    let (file, pixels) = image(&Spec { transfer_syntax: TransferSyntax::ExplicitLittle, ..Spec::small(325) });
    // RFC 1951 section 3.2.4: stored blocks.
    let blocks = pixels.chunks(65_535).enumerate();
    let last = pixels.len().div_ceil(65_535) - 1;
    let mut deflated: Vec<u8> = blocks
        .flat_map(|(at, block)| {
            let length = block.len() as u16;
            [&[u8::from(at == last)][..], &length.to_le_bytes(), &(!length).to_le_bytes(), block].concat()
        })
        .collect();
    deflated.resize(deflated.len().next_multiple_of(2), 0);
    let file = encapsulated(&file, DEFLATED_FRAME, std::slice::from_ref(&deflated));
    let server = Server::start().await;
    server.stow(&[&file]).await.ok();
    let check = async |accept: &str, expected: &[u8]| {
        for part in ["frames/1", "bulkdata/7FE00010"] {
            let answer = get(&server, &format!("{}/{part}", path_of(&file)), accept).await;
            assert_eq!(answer.status, StatusCode::OK, "{part} {accept}");
            let multipart = answer.headers["content-type"].to_str().unwrap().starts_with("multipart/");
            let body = if multipart { parts(&answer).swap_remove(0).1 } else { answer.body };
            assert!(body == expected, "{part} {accept}: {} bytes", body.len());
        }
    };
    check("", &pixels).await;
    check("application/octet-stream", &pixels).await;
    check("multipart/related; type=\"application/octet-stream\"", &pixels).await;
    check(&format!("application/octet-stream; transfer-syntax={DEFLATED_FRAME}"), &deflated).await;
}
