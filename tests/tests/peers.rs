//! Clients that others wrote: curl, and dicomweb-client (PyPI).

use std::process::Command;

use super::support::{Server, installed, output, python_with, small_exam, timeless, write};

#[test]
fn curl_stores_an_exam_and_reads_the_score() {
    if !installed("curl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files = small_exam(21);
    let exam = folder.path().join("exam");
    write(&exam, &files);
    let server = Server::start(&folder.path().join("data"));
    // multipart/related the way a shell script makes it: parts from files, one without any header.
    let mut body = Vec::new();
    for (i, file) in files.iter().enumerate() {
        let head = ["Content-Type: application/dicom\r\n", "content-type:application/dicom\r\nContent-ID: <1>\r\n", ""];
        body.extend(format!("\r\n--it's a boundary\r\n{}\r\n", head[i % 3]).into_bytes());
        body.extend(&file.bytes);
    }
    body.extend(b"\r\n--it's a boundary--\r\n");
    let path = folder.path().join("body");
    std::fs::write(&path, body).unwrap();
    let result = Command::new("curl")
        .args(["-sS", "--fail-with-body", "-H", "Accept: application/dicom+json", "-H"])
        .arg("Content-Type: multipart/related; type=\"application/dicom\"; boundary=\"it's a boundary\"")
        .arg("--data-binary")
        .arg(format!("@{}", path.display()))
        .arg(format!("{}/dicom-web/studies", server.url))
        .output()
        .unwrap();
    let answer = String::from_utf8_lossy(&result.stdout).into_owned();
    assert!(result.status.success(), "{answer} {}", String::from_utf8_lossy(&result.stderr));
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["00081199"]["Value"].as_array().unwrap().len(), 4, "{answer}");

    let by_command = super::support::score(&[exam.to_str().unwrap()]).remove(0);
    let study = by_command["study"].as_str().unwrap();
    assert_eq!(timeless(&server.report(study)), timeless(&by_command));
    let read = Command::new("curl").args(["-sS", &format!("{}/api/v1/studies/{study}", server.url)]).output().unwrap();
    let read: serde_json::Value = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!(output(&read["report"]["exam"], "p_dense"), output(&by_command["exam"], "p_dense"));
}

#[test]
fn dicomweb_client_stores_an_exam() {
    let Some(python) = python_with("dicomweb_client, pydicom") else { return };
    let folder = tempfile::tempdir().unwrap();
    let exam = folder.path().join("exam");
    write(&exam, &small_exam(22));
    let server = Server::start(&folder.path().join("data"));
    let script = r#"
import sys, glob, pydicom
from dicomweb_client.api import DICOMwebClient
client = DICOMwebClient(url=sys.argv[1] + "/dicom-web")
datasets = [pydicom.dcmread(f) for f in sorted(glob.glob(sys.argv[2] + "/*.dcm"))]
answer = client.store_instances(datasets)
assert len(answer.ReferencedSOPSequence) == 4, answer
assert "FailedSOPSequence" not in answer, answer
for item, dataset in zip(answer.ReferencedSOPSequence, datasets):
    assert item.ReferencedSOPInstanceUID == dataset.SOPInstanceUID, answer
    assert item.ReferencedSOPClassUID == dataset.SOPClassUID, answer
print(datasets[0].StudyInstanceUID)
"#;
    let result = Command::new(&python).args(["-c", script, &server.url, exam.to_str().unwrap()]).output().unwrap();
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    let study = String::from_utf8(result.stdout).unwrap().trim().to_owned();
    let report = server.report(&study);
    assert_eq!(report["state"], "scored", "{report}");
    let by_command = super::support::score(&[exam.to_str().unwrap()]).remove(0);
    assert_eq!(report["exam"], by_command["exam"]);
}
