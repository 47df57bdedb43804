//! The service class user against the simulated PACS, over TCP.

use std::sync::Mutex;

use dicom_dictionary_std::tags;
use uvid_datasets::{dicom, phantom};
use uvid_exam::{SopClassUid, SopInstanceUid};

use super::*;
use crate::config::DimseTls;
use crate::dimse::scu::{self, ScuError, ToStore};

/// Starts one on a port of its own.
async fn start(misbehaviour: Misbehaviour, peers: Vec<Node>, worklist: Option<PathBuf>) -> Remote {
    let listen = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let options = Options { listen, ae_title: "SIM".to_owned(), store: None, peers, worklist, misbehaviour };
    tokio::spawn(async move { serve(options).await.expect("served") });
    let node = Node {
        name: "sim".to_owned(),
        ae_title: "SIM".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: listen.port(),
        connect_seconds_max: 5.0,
        answer_seconds_max: 3.0,
        ..Node::default()
    };
    let remote = Remote { node, calling_ae_title: "UVID".to_owned(), tls: DimseTls::default() };
    for _ in 0..100 {
        if scu::echo(&remote).await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    remote
}

fn exam(seed: u64) -> Vec<ToStore> {
    let files = phantom::exam(&phantom::Spec::small(seed)).expect("phantom");
    let object = |bytes: Vec<u8>| {
        let header = dicom::read_header(&bytes, &dicom::Limits::default()).expect("a header");
        ToStore { sop_class: header.sop_class, sop_instance: header.sop_instance, bytes }
    };
    files.into_iter().map(|file| object(file.bytes)).collect()
}

fn study(object: &ToStore) -> String {
    dicom::read_header(&object.bytes, &dicom::Limits::default()).expect("a header").study.as_str().to_owned()
}

fn references(objects: &[ToStore]) -> Vec<(SopClassUid, SopInstanceUid)> {
    objects.iter().map(|object| (object.sop_class.clone(), object.sop_instance.clone())).collect()
}

const MAMMOGRAM: &str = "1.2.840.10008.5.1.4.1.1.1.2";

/// What C-GET brings.
async fn got(remote: &Remote, study: &str) -> Vec<Vec<u8>> {
    let files = Mutex::new(Vec::new());
    let take = async |file| {
        files.lock().expect("no panic").push(file);
        Some(0)
    };
    let count = scu::get(remote, study, &[MAMMOGRAM], take).await.expect("given");
    let files = files.into_inner().expect("no panic");
    assert_eq!(count, files.len());
    files
}

fn pixels(file: &[u8]) -> uvid_exam::Pixels {
    let received = dicom::read(file, &dicom::Limits::default()).expect("read");
    match received.content {
        uvid_exam::Content::Mammogram(image) => image.pixels,
        uvid_exam::Content::Listed(listed) => panic!("no mammogram: {}", listed.what),
    }
}

#[tokio::test]
async fn what_is_stored_is_committed_found_and_given_back() {
    let remote = start(Misbehaviour::default(), Vec::new(), None).await;
    let objects = exam(1);
    let stored = scu::store(&remote, &objects).await.expect("an association");
    assert_eq!(stored, vec![Ok(0); 4]);

    let report = scu::request_commitment(&remote, "2.25.1", &references(&objects), std::time::Duration::from_secs(20))
        .await
        .expect("asked");
    let report = report.expect("a report on the same association");
    assert_eq!((report.transaction.as_str(), report.committed.len(), report.failed.len()), ("2.25.1", 4, 0));
    let nobody = vec![(objects[0].sop_class.clone(), "1.2.3".parse().expect("a UID"))];
    let report = scu::request_commitment(&remote, "2.25.2", &nobody, std::time::Duration::from_secs(20))
        .await
        .expect("asked")
        .expect("a report");
    assert_eq!(report.failed, [("1.2.3".parse().expect("a UID"), 0x0112)]);

    let study = study(&objects[0]);
    let keys = [
        (tags::STUDY_INSTANCE_UID, study.clone()),
        (tags::NUMBER_OF_STUDY_RELATED_INSTANCES, String::new()),
        (tags::MODALITIES_IN_STUDY, String::new()),
    ];
    let found = scu::find(&remote, "STUDY", &keys, 10).await.expect("found");
    assert_eq!(found.len(), 1);
    let value = |tag| found[0].iter().find(|(t, _)| *t == tag).map(|(_, text)| text.as_str());
    assert_eq!(value(tags::NUMBER_OF_STUDY_RELATED_INSTANCES), Some("4"));
    assert_eq!(value(tags::MODALITIES_IN_STUDY), Some("MG"));
    let images = [(tags::STUDY_INSTANCE_UID, study.clone()), (tags::SOP_INSTANCE_UID, String::new())];
    assert_eq!(scu::find(&remote, "IMAGE", &images, 10).await.expect("found").len(), 4);
    // No more than were asked for; the rest is cancelled.
    assert_eq!(scu::find(&remote, "IMAGE", &images, 2).await.expect("found").len(), 2);
    let wrong = scu::find(&remote, "PATIENT", &images, 2).await;
    assert!(matches!(wrong, Err(ScuError::Status { status: 0xA900, .. })), "{wrong:?}");

    let files = got(&remote, &study).await;
    assert_eq!(files.len(), 4);
    for file in &files {
        let header = dicom::read_header(file, &dicom::Limits::default()).expect("a header");
        let sent = objects.iter().find(|object| object.sop_instance == header.sop_instance).expect("ours");
        assert!(pixels(file) == pixels(&sent.bytes));
    }
    // The taker has enough after one.
    let mut calls = 0;
    let count = scu::get(&remote, &study, &[MAMMOGRAM], |_| {
        calls += 1;
        let answer = if calls == 1 { Some(0) } else { None };
        async move { answer }
    });
    assert_eq!(count.await, Ok(1));
    assert_eq!(calls, 2);
}

#[tokio::test]
async fn a_node_of_implicit_vr_gets_and_gives_the_same_pixels() {
    let remote = start(Misbehaviour { only_implicit: true, ..Misbehaviour::default() }, Vec::new(), None).await;
    let objects = exam(2);
    assert_eq!(scu::store(&remote, &objects).await.expect("an association"), vec![Ok(0); 4]);
    for file in got(&remote, &study(&objects[0])).await {
        let header = dicom::read_header(&file, &dicom::Limits::default()).expect("a header");
        assert_eq!(header.transfer_syntax, "1.2.840.10008.1.2");
        let sent = objects.iter().find(|object| object.sop_instance == header.sop_instance).expect("ours");
        assert!(pixels(&file) == pixels(&sent.bytes));
    }
}

#[tokio::test]
async fn a_refusal_is_a_status_and_a_cut_leaves_the_rest_unsent() {
    let refusing = start(Misbehaviour { refuse_rate: 1.0, ..Misbehaviour::default() }, Vec::new(), None).await;
    let refused = scu::store(&refusing, &exam(3)).await.expect("an association");
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|r| matches!(r, Err(ScuError::Status { status: 0xA700, .. }))), "{refused:?}");

    let cutting = start(Misbehaviour { drop_rate: 1.0, ..Misbehaviour::default() }, Vec::new(), None).await;
    let cut = scu::store(&cutting, &exam(3)).await.expect("an association");
    assert!(cut.iter().all(|r| matches!(r, Err(ScuError::Unreachable(_)))), "{cut:?}");
    assert!(cut[1..].iter().all(|r| r.as_ref().is_err_and(|e| e.to_string().contains("not sent"))), "{cut:?}");

    let rejecting =
        start(Misbehaviour { reject_associations_rate: 1.0, ..Misbehaviour::default() }, Vec::new(), None).await;
    let error = scu::echo(&rejecting).await.expect_err("rejected").to_string();
    assert!(error.contains("too many associations"), "{error}");
}

#[tokio::test]
async fn a_slow_node_is_given_up() {
    let mut remote = start(Misbehaviour::default(), Vec::new(), None).await;
    let slow = start(Misbehaviour { delay_ms: 600, ..Misbehaviour::default() }, Vec::new(), None).await;
    remote.node.port = slow.node.port;
    remote.node.answer_seconds_max = 0.2;
    let error = scu::echo(&remote).await.expect_err("too slow");
    assert!(matches!(&error, ScuError::Unreachable(why) if why.contains("within 0.2 s")), "{error:?}");
    // One that accepts connections and is silent.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    remote.node.port = silent.local_addr().expect("an address").port();
    remote.node.connect_seconds_max = 0.2;
    let error = scu::echo(&remote).await.expect_err("silent");
    assert!(matches!(&error, ScuError::Unreachable(why) if why.contains("no association within 0.2 s")), "{error:?}");
    // One that is not there.
    drop(silent);
    let error = scu::echo(&remote).await.expect_err("nobody");
    assert!(matches!(&error, ScuError::Unreachable(why) if why.contains("nothing listens")), "{error:?}");
}

#[tokio::test]
async fn names_in_a_wrong_character_set_are_read_as_they_are_labelled() {
    let objects = exam(4);
    let mut file = dicom_object::from_reader(&objects[0].bytes[..]).expect("a file");
    let put = |file: &mut dicom_object::DefaultDicomObject, tag, vr, text: &str| {
        file.put(dicom_core::DataElement::new(tag, vr, dicom_core::PrimitiveValue::from(text)));
    };
    put(&mut file, tags::SPECIFIC_CHARACTER_SET, dicom_core::VR::CS, "ISO_IR 144");
    put(&mut file, tags::PATIENT_NAME, dicom_core::VR::PN, "Ђорђевић^Ана");
    let mut bytes = Vec::new();
    file.write_all(&mut bytes).expect("written");
    let object = ToStore { bytes, ..objects[0].clone() };
    let keys = [(tags::PATIENT_NAME, "Ђорђ*".to_owned()), (tags::STUDY_INSTANCE_UID, String::new())];
    for (wrong_charset, expected) in [(false, "Ђорђевић^Ана"), (true, "\u{80}îðð")] {
        let remote = start(Misbehaviour { wrong_charset, ..Misbehaviour::default() }, Vec::new(), None).await;
        assert_eq!(scu::store(&remote, std::slice::from_ref(&object)).await.expect("an association"), vec![Ok(0)]);
        let found = scu::find(&remote, "STUDY", &keys, 5).await.expect("found");
        assert_eq!(found.len(), 1, "a Cyrillic key finds a Cyrillic name");
        if wrong_charset {
            let (bytes, ..) = encoding_rs::WINDOWS_1251.encode("Ђорђевић^Ана");
            let latin: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            assert_eq!(found[0][0].1, latin);
        } else {
            assert_eq!(found[0][0].1, expected);
        }
    }
}

#[tokio::test]
async fn a_study_is_moved_to_whom_the_node_knows() {
    let destination = start(Misbehaviour::default(), Vec::new(), None).await;
    let us = Node { ae_title: "UVID".to_owned(), ..destination.node.clone() };
    let source = start(Misbehaviour::default(), vec![us], None).await;
    let objects = exam(5);
    assert_eq!(scu::store(&source, &objects).await.expect("an association"), vec![Ok(0); 4]);
    assert_eq!(scu::move_to_us(&source, &study(&objects[0])).await, Ok(4));
    assert_eq!(got(&destination, &study(&objects[0])).await.len(), 4);
    let stranger = Remote { calling_ae_title: "NOBODY".to_owned(), ..source };
    let error = scu::move_to_us(&stranger, &study(&objects[0])).await.expect_err("unknown").to_string();
    assert!(error.contains("A801") && error.contains("register"), "{error}");
}

#[tokio::test]
async fn commitment_may_fail_or_never_come() {
    let objects = exam(6);
    let failing = start(Misbehaviour { commit_fail_rate: 1.0, ..Misbehaviour::default() }, Vec::new(), None).await;
    assert_eq!(scu::store(&failing, &objects).await.expect("an association"), vec![Ok(0); 4]);
    let report = scu::request_commitment(&failing, "2.25.3", &references(&objects), std::time::Duration::from_secs(20))
        .await
        .expect("asked");
    assert_eq!(report.map(|report| (report.committed.len(), report.failed.len())), Some((0, 4)));

    let mut never = start(Misbehaviour { no_commit: true, ..Misbehaviour::default() }, Vec::new(), None).await;
    never.node.answer_seconds_max = 0.3;
    let report =
        scu::request_commitment(&never, "2.25.4", &references(&objects), std::time::Duration::from_secs(20)).await;
    assert_eq!(report, Ok(None));
}

#[tokio::test]
async fn a_worklist_says_how_urgent_an_order_is() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("worklist.csv");
    std::fs::write(&file, "accession_number,priority\nA1,STAT\nA2,ROUTINE\n").expect("written");
    let remote = start(Misbehaviour::default(), Vec::new(), Some(file)).await;
    let check = async |number: &str, expected: &[&str]| {
        let found = scu::worklist_priorities(&remote, number).await.expect("found");
        assert_eq!(found, expected, "{number}");
    };
    check("A1", &["STAT"]).await;
    check("A2", &["ROUTINE"]).await;
    check("A3", &[]).await;
}

#[tokio::test]
async fn a_bad_modality_gets_everything_across_in_the_end() {
    let remote = start(Misbehaviour::default(), Vec::new(), None).await;
    let folder = tempfile::tempdir().expect("folder");
    let objects = exam(7);
    let mut files = Vec::new();
    for (i, object) in objects.iter().enumerate() {
        let file = folder.path().join(format!("{i}.dcm"));
        std::fs::write(&file, &object.bytes).expect("written");
        files.push(file);
    }
    let bad = Push {
        files,
        to: remote.clone(),
        seed: 3,
        drop_rate: 0.7,
        duplicate: true,
        delay_ms: 0,
        odd_syntaxes: true,
        wrong_charset: true,
    };
    assert_eq!(push(&bad).await.expect("pushed"), (8, 0));
    let files = got(&remote, &study(&objects[0])).await;
    assert_eq!(files.len(), 4);
    let mut syntaxes = Vec::new();
    for file in files {
        let header = dicom::read_header(&file, &dicom::Limits::default()).expect("a header");
        let sent = objects.iter().find(|object| object.sop_instance == header.sop_instance).expect("ours");
        assert!(pixels(&file) == pixels(&sent.bytes), "{}", header.transfer_syntax);
        syntaxes.push(header.transfer_syntax);
    }
    syntaxes.sort_unstable();
    syntaxes.dedup();
    assert_eq!(syntaxes, ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"]);
}
