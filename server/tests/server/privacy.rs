//! No patient's identity where none belongs: logs, metrics, lists, errors.

use std::path::Path;

use uvid_datasets::phantom::{self, PhantomPatient, Spec};

use crate::support::{MULTIPART, Process, bytes, multipart, request, study_of};

const NAME: &str = "JOVANOVIC^LJILJANA";
const ID: &str = "0106964715012";
const ISSUER: &str = "RFZO-SECRET";
const BIRTH: &str = "19640601";

fn secretive(seed: u64, study_patient: &str) -> Vec<phantom::PhantomFile> {
    let patient = PhantomPatient {
        name: NAME.into(),
        id: Some(study_patient.into()),
        issuer: ISSUER.into(),
        birth_date: BIRTH.into(),
        ..PhantomPatient::default()
    };
    phantom::exam(&Spec { patient, ..Spec::small(seed) }).unwrap()
}

#[test]
fn identity_reaches_neither_logs_nor_metrics_nor_answers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(&folder.path().join("data"), &["jobs.quiet_seconds=0.05", "log.filter=trace"]);
    let good = secretive(70, ID);
    let address = server.address.clone();
    let mut seen = Vec::new();
    let mut ask = |line: &str, headers: &str, body: &[u8]| {
        let (_, body) = request(&address, line, headers, body).unwrap();
        seen.push(String::from_utf8_lossy(&body).into_owned());
    };
    // Stored, refused for its bytes, cut off, and no DICOM but full of names.
    let mut changed = good[0].bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    let cut = &good[1].bytes[..1500];
    let noise = format!("DICM {NAME} {ID}");
    let content_type = format!("Content-Type: {MULTIPART}\r\n");
    for files in [bytes(&good), vec![changed.as_slice(), cut, noise.as_bytes()]] {
        ask("POST /dicom-web/studies", &content_type, &multipart(&files));
    }
    ask(&format!("POST /dicom-web/studies/{ID}^{NAME}"), &content_type, b"");
    ask("POST /dicom-web/studies", &format!("Content-Type: {NAME}/{ID}\r\n"), NAME.as_bytes());
    ask(&format!("GET /api/v1/studies?PatientName={NAME}"), "", b"");
    ask(&format!("GET /{NAME}/{ID}"), "", b"");
    let study = study_of(&good);
    assert_eq!(server.ended(&study)["state"], "scored");
    ask("GET /api/v1/studies", "", b"");
    ask(&format!("GET /api/v1/studies/{study}"), "", b"");
    // DICOMweb answers with names, to a question that is one; the log and problems have none.
    for path in [
        format!("studies?PatientName={NAME}"),
        format!("instances?PatientID={ID}"),
        format!("studies/{study}/metadata"),
    ] {
        let (status, body) = request(&address, &format!("GET /dicom-web/{path}"), "", b"").unwrap();
        assert!(status == 200 && String::from_utf8_lossy(&body).contains(ID), "{path}");
    }
    for path in
        [format!("studies?{NAME}={ID}"), format!("studies?StudyDate={NAME}"), format!("studies/{ID}^{NAME}/series")]
    {
        ask(&format!("GET /dicom-web/{path}"), "", b"");
    }
    ask("GET /metrics", "", b"");
    seen.push(server.stop());
    seen.extend(database(&folder.path().join("data")));
    for secret in [NAME, "JOVANOVIC", "LJILJANA", ID, ISSUER, BIRTH] {
        for text in &seen {
            let at = text.find(secret).map(|at| &text[at.saturating_sub(200)..(at + 100).min(text.len())]);
            assert_eq!(at, None, "{secret}");
        }
    }
}

/// What the database's tables hold: patients are named in the index alone, and the folder is its owner's.
fn database(folder: &Path) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    let read = async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("uvid.sqlite"));
        let pool = sqlx::sqlite::SqlitePool::connect_with(options).await.unwrap();
        let names = "SELECT name FROM sqlite_master WHERE type = 'table'";
        let tables: Vec<String> = sqlx::query_scalar(names).fetch_all(&pool).await.unwrap();
        assert!(tables.iter().any(|table| table == "study_index") && tables.iter().any(|table| table == "run"));
        let mut dumps = Vec::new();
        for table in tables.iter().filter(|table| *table != "study_index") {
            let rows = format!("SELECT * FROM {table}");
            for row in sqlx::query(sqlx::AssertSqlSafe(rows)).fetch_all(&pool).await.unwrap() {
                let values =
                    (0..sqlx::Row::len(&row)).filter_map(|at| sqlx::Row::try_get_unchecked::<String, _>(&row, at).ok());
                dumps.push(format!("{table} {}", values.collect::<Vec<_>>().join(" ")));
            }
        }
        dumps
    };
    tokio::runtime::Runtime::new().unwrap().block_on(read)
}
