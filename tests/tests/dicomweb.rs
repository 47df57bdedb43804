//! DICOMweb with others: dicomweb-client (PyPI) and curl ask Uvid, Uvid asks Orthanc.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dicom_dictionary_std::tags;
use uvid_datasets::dicom::{self, Limits};
use uvid_datasets::phantom::{self, PhantomFile, PhantomPatient, Spec, TransferSyntax};
use uvid_server::dicomweb::client::{StowFailure, Web, WebError, qido_studies, stow, wado_study};
use uvid_server::dimse::scu::ToStore;

use super::support::{Server, installed, python_with, write};

/// An exam whose files are compressed and whose patient has a Serbian name.
fn serbian_exam(seed: u64) -> Vec<PhantomFile> {
    let patient = PhantomPatient {
        name: "Ђорђевић^Љиљана".into(),
        character_set: "ISO_IR 144".into(),
        id: Some("DW-1".into()),
        ..PhantomPatient::default()
    };
    phantom::exam(&Spec { patient, transfer_syntax: TransferSyntax::JpegLossless, ..Spec::small(seed) }).unwrap()
}

#[test]
fn dicomweb_client_searches_and_retrieves() {
    let Some(python) = python_with("dicomweb_client, pydicom") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (exam, files) = (folder.path().join("exam"), serbian_exam(401));
    write(&exam, &files);
    let server = Server::start(&folder.path().join("data"));
    assert_eq!(server.store(&files.into_iter().map(|file| file.bytes).collect::<Vec<_>>()).0, 200);
    let script = r#"
import sys, glob, io, pydicom
from dicomweb_client.api import DICOMwebClient
client = DICOMwebClient(url=sys.argv[1] + "/dicom-web")
sent = {d.SOPInstanceUID: d for d in (pydicom.dcmread(f) for f in glob.glob(sys.argv[2] + "/*.dcm"))}
first = next(iter(sent.values()))
study, series, instance = first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID

for name in ["Djordjevic*", "Đorđević^Ljiljana", "ЂОРЂЕВИЋ^*"]:
    found = client.search_for_studies(search_filters={"PatientName": name})
    assert len(found) == 1, (name, found)
    found = pydicom.Dataset.from_json(found[0])
    assert found.StudyInstanceUID == study and found.NumberOfStudyRelatedInstances == 4, found
    assert str(found.PatientName) == "Ђорђевић^Љиљана", found
assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []
assert len(client.search_for_studies(limit=1, offset=0, fields=["StudyDescription"], fuzzymatching=True)) == 1
assert {s["0020000E"]["Value"][0] for s in client.search_for_series(study)} == {d.SeriesInstanceUID for d in sent.values()}
assert {i["00080018"]["Value"][0] for i in client.search_for_instances(study)} == set(sent)
assert len(client.search_for_instances(search_filters={"SOPInstanceUID": instance})) == 1

for retrieved in [client.retrieve_study(study), [d for s in {d.SeriesInstanceUID for d in sent.values()} for d in client.retrieve_series(study, s)]]:
    assert {d.SOPInstanceUID for d in retrieved} == set(sent)
    for d in retrieved:
        assert d == sent[d.SOPInstanceUID] and d.file_meta.TransferSyntaxUID == first.file_meta.TransferSyntaxUID
assert client.retrieve_instance(study, series, instance) == first

for metadata in client.retrieve_study_metadata(study), client.retrieve_series_metadata(study, series), [client.retrieve_instance_metadata(study, series, instance)]:
    for item in metadata:
        d = pydicom.Dataset.from_json(item, bulk_data_uri_handler=lambda *a: None)
        want = sent[d.SOPInstanceUID]
        assert str(d.PatientName) == "Ђорђевић^Љиљана" and str(want.PatientName) == "Ђорђевић^Љиљана"
        assert {e.tag for e in d} == {e.tag for e in want}, {e.tag for e in d} ^ {e.tag for e in want}
        for e in want:
            if e.keyword not in ("SpecificCharacterSet", "PixelData"):
                assert d[e.tag].VR == e.VR and d[e.tag].value == e.value, (d[e.tag], e)

octets = (("application/octet-stream", "1.2.840.10008.1.2.1"),)
native = client.retrieve_instance_frames(study, series, instance, [1], media_types=octets)
assert len(native) == 1 and len(native[0]) == first.Rows * first.Columns * first.BitsAllocated // 8
jpeg = client.retrieve_instance_frames(study, series, instance, [1], media_types=(("image/jpeg", "1.2.840.10008.1.2.4.70"),))
assert jpeg[0][:2] == b"\xff\xd8"
default = client.retrieve_instance_frames(study, series, instance, [1])
assert len(default) == 1
uri = client.retrieve_instance_metadata(study, series, instance)["7FE00010"]["BulkDataURI"]
# This client's Host header has no port, and the URI is made of it.
bulk = client.retrieve_bulkdata(sys.argv[1] + uri[uri.index("/dicom-web"):])
assert bulk[0][:2] == b"\xff\xd8", bulk[0][:10]

for media, magic in (("image/png", b"\x89PNG"), ("image/jpeg", b"\xff\xd8")):
    assert client.retrieve_instance_rendered(study, series, instance, media_types=(media,)).startswith(magic)
    assert client.retrieve_instance_frames_rendered(study, series, instance, [1], media_types=(media,)).startswith(magic)
assert client.retrieve_instance_rendered(study, series, instance, media_types=("image/jpeg",), params={"viewport": "64,64", "quality": 50})
print("well")
"#;
    let result = Command::new(&python).args(["-c", script, &server.url, exam.to_str().unwrap()]).output().unwrap();
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
}

#[test]
fn curl_retrieves() {
    if !installed("curl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files = serbian_exam(402);
    let server = Server::start(&folder.path().join("data"));
    server.store(&files.iter().map(|file| file.bytes.clone()).collect::<Vec<_>>());
    let header = dicom::read_header(&files[0].bytes, &Limits::default()).unwrap();
    let instance = format!("studies/{}/series/{}/instances/{}", header.study, header.series, header.sop_instance);
    let curl = |path: &str, accept: &str| {
        let url = format!("{}/dicom-web/{path}", server.url);
        let write = "%{stderr}%{http_code} %{content_type}";
        let accept = format!("Accept: {accept}");
        let result = Command::new("curl").args(["-sS", "-w", write, "-H", &accept, &url]).output().unwrap();
        (String::from_utf8_lossy(&result.stderr).into_owned(), result.stdout)
    };
    let (status, bytes) = curl(&instance, "application/dicom");
    assert_eq!(status, "200 application/dicom; transfer-syntax=1.2.840.10008.1.2.4.70");
    assert!(bytes == files[0].bytes);
    assert_eq!(curl("studies?PatientID=nobody", "*/*").0.trim(), "204");
    assert!(curl(&format!("{instance}/rendered"), "image/png").1.starts_with(b"\x89PNG"));
    assert!(curl("studies?PatientName=%D0%82*", "application/json").0.starts_with("200 application/dicom+json"));
    assert!(curl(&instance, "application/dicom+xml").0.starts_with("406 application/problem+json"));
}

/// Orthanc with its DICOMweb plugin and a password; killed when dropped.
struct Orthanc {
    process: Child,
    folder: tempfile::TempDir,
    url: String,
}

impl Orthanc {
    fn start() -> Option<Self> {
        let program =
            ["/usr/sbin/Orthanc", "/usr/bin/Orthanc"].into_iter().find(|path| std::path::Path::new(path).is_file());
        let plugins = ["/usr/share/orthanc/plugins", "/usr/local/share/orthanc/plugins"];
        let plugin = plugins.iter().map(|folder| format!("{folder}/libOrthancDicomWeb.so"));
        let plugin = plugin.into_iter().find(|path| std::path::Path::new(path).is_file());
        let (Some(program), Some(plugin)) = (program, plugin) else {
            eprintln!("skipped: Orthanc with its DICOMweb plugin is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let storage = folder.path().join("storage");
        let config = serde_json::json!({
            // By default it answers searches in Latin-1, and drops what that has not.
            "Name": "peer", "DefaultEncoding": "Utf8", "StorageDirectory": storage, "IndexDirectory": storage, "HttpPort": port,
            "DicomServerEnabled": false, "RemoteAccessAllowed": false, "AuthenticationEnabled": true,
            "RegisteredUsers": { "uvid": "secret" }, "Plugins": [plugin],
            "DicomWeb": { "Enable": true, "Root": "/dicom-web/" },
        });
        let file = folder.path().join("orthanc.json");
        std::fs::write(&file, config.to_string()).unwrap();
        std::fs::write(folder.path().join("authorization"), "Basic dXZpZDpzZWNyZXQ=\n").unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(program)
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .expect("Orthanc starts");
        let orthanc = Self { process, folder, url: format!("http://127.0.0.1:{port}/dicom-web/") };
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || std::fs::read_to_string(orthanc.folder.path().join("log")).unwrap_or_default();
            assert!(start.elapsed() < Duration::from_secs(60), "{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(orthanc)
    }

    fn web(&self) -> Web {
        Web::new(&self.url, Some(&self.folder.path().join("authorization")), None).unwrap()
    }
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn to_store(file: &[u8]) -> ToStore {
    let header = dicom::read_header(file, &Limits::default()).unwrap();
    ToStore { sop_class: header.sop_class, sop_instance: header.sop_instance, bytes: file.to_vec() }
}

#[tokio::test(flavor = "multi_thread")]
async fn orthanc_stores_finds_and_gives_back() {
    let Some(mut orthanc) = Orthanc::start() else { return };
    let files = serbian_exam(403);
    let objects: Vec<ToStore> = files.iter().map(|file| to_store(&file.bytes)).collect();
    let study = dicom::read_header(&files[0].bytes, &Limits::default()).unwrap().study;

    let stranger = Web::new(&orthanc.url, None, None).unwrap();
    let refused = stow(&stranger, &objects).await.unwrap_err();
    assert!(matches!(refused, WebError::Refused { status: 401 }) && refused.to_string().contains("authorization_file"));

    let web = orthanc.web();
    // Again, which changes nothing, and one that is none.
    for _ in 0..2 {
        assert_eq!(stow(&web, &objects).await.unwrap(), vec![Ok(()); 4]);
    }
    let junk = ToStore { bytes: b"junk".to_vec(), ..objects[0].clone() };
    let mixed = stow(&web, &[objects[1].clone(), junk]).await;
    match &mixed {
        Ok(answers) => assert!(
            answers[0].is_ok() && matches!(answers[1], Err(StowFailure::NotMentioned | StowFailure::Reason { .. })),
            "{mixed:?}"
        ),
        Err(error) => assert!(!error.is_temporary(), "{error}"),
    }

    let found = qido_studies(&web, &[(tags::PATIENT_ID, "DW-1".into()), (tags::STUDY_DESCRIPTION, String::new())], 10)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    let value = |answer: &[uvid_server::dimse::scu::Attribute], tag| {
        answer.iter().find(|(t, _)| *t == tag).map(|(_, text)| text.clone())
    };
    assert_eq!(value(&found[0], tags::STUDY_INSTANCE_UID).as_deref(), Some(study.as_str()));
    assert_eq!(value(&found[0], tags::PATIENT_NAME).as_deref(), Some("Ђорђевић^Љиљана"));
    assert!(qido_studies(&web, &[(tags::PATIENT_ID, "nobody".into())], 10).await.unwrap().is_empty());

    let mut came = Vec::new();
    let count = wado_study(&web, &study, 1 << 30, |bytes| {
        came.push(dicom::read_header(&bytes, &Limits::default()).unwrap());
        async { true }
    });
    assert_eq!(count.await.unwrap(), 4);
    let mut uids: Vec<_> = came.iter().map(|header| header.sop_instance.clone()).collect();
    uids.sort();
    let mut sent: Vec<_> = objects.iter().map(|object| object.sop_instance.clone()).collect();
    sent.sort();
    assert_eq!(uids, sent);
    assert!(came.iter().all(|header| header.transfer_syntax == "1.2.840.10008.1.2.4.70"));
    assert_eq!(wado_study(&web, &study, 1 << 30, |_| async { false }).await.unwrap(), 1);
    assert_eq!(wado_study(&web, &study, 1000, |_| async { true }).await, Err(WebError::TooLarge(1000)));
    let nothing = wado_study(&web, &"1.2.3".parse().unwrap(), 1000, |_| async { true }).await;
    assert!(matches!(nothing, Ok(0) | Err(WebError::Refused { .. })), "{nothing:?}");

    orthanc.process.kill().unwrap();
    orthanc.process.wait().unwrap();
    let gone = stow(&web, &objects).await.unwrap_err();
    assert!(gone.is_temporary(), "{gone}");
}

/// The clients against our own server: what one says the other understands.
#[tokio::test(flavor = "multi_thread")]
async fn our_clients_and_our_server_agree() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let web = Web::new(&format!("{}/dicom-web", server.url), None, None).unwrap();
    let files = serbian_exam(404);
    let mut objects: Vec<ToStore> = files.iter().map(|file| to_store(&file.bytes)).collect();
    assert_eq!(stow(&web, &objects).await.unwrap(), vec![Ok(()); 4]);
    // Other bytes under the same UID.
    *objects[2].bytes.last_mut().unwrap() ^= 1;
    let answers = stow(&web, &objects).await.unwrap();
    assert_eq!(answers, [Ok(()), Ok(()), Err(StowFailure::Reason { code: 0x0111 }), Ok(())]);
    let keys = [(tags::PATIENT_NAME, "Đorđević*".to_owned())];
    let study = dicom::read_header(&files[0].bytes, &Limits::default()).unwrap().study;
    assert_eq!(qido_studies(&web, &keys, 5).await.unwrap().len(), 1);
    let mut came = Vec::new();
    let count = wado_study(&web, &study, 1 << 30, |bytes| {
        came.push(bytes);
        async { true }
    });
    assert_eq!(count.await.unwrap(), 4);
    assert!(files.iter().all(|file| came.contains(&file.bytes)));
}
