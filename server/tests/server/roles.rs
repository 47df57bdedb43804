//! Production and shadows over the same studies.

use std::time::Duration;

use serde_json::json;
use sqlx::{Connection, Row, SqliteConnection};
use tempfile::TempDir;
use uvid_exam::PackageId;
use uvid_model::Site;
use uvid_server::commands;
use uvid_server::store::{Archive, Digest, Due, Job, Outcome, Policy, Role, Store, StoreError, accept};

use crate::support::{
    MODEL, Process, SOON, Server, assert_scored_as_expected, bytes, config, exam, other_package, study_of,
};

fn shadow() -> Role {
    Role::Shadow("tried".into())
}

/// What a site sets, by somebody.
fn site_by(by: &str) -> Site {
    let point = json!({ "name": "dense", "threshold": 0.0, "by": by, "reason": "200 exams of 2026" });
    serde_json::from_value(json!({ "operating_points": [point] })).unwrap()
}

async fn open(folder: &TempDir, roles: &[Role]) -> Store {
    let mut config = config(folder.path());
    config.jobs.quiet_seconds = 0.0;
    let policy = Policy { roles: roles.to_vec(), ..Policy::from(&config) };
    Store::open(&config.data_dir, policy).await.unwrap()
}

async fn database(folder: &TempDir) -> SqliteConnection {
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("data/uvid.sqlite").display());
    SqliteConnection::connect(&url).await.unwrap()
}

#[tokio::test]
async fn a_study_has_a_job_for_each_role_and_production_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &[Role::Production, shadow()]).await;
    let (one, two) = (exam(70), exam(71));
    accept(&store, &one[0].bytes).await.unwrap().unwrap();
    let first = store.claim().await.unwrap().unwrap();
    assert_eq!(first.role, Role::Production);
    store.finish(&first, "a", Outcome::Scored, "{}").await.unwrap();
    // A later study's production job stands before the earlier study's shadow, but not while it only has to wait.
    accept(&store, &two[0].bytes).await.unwrap().unwrap();
    let second = store.claim().await.unwrap().unwrap();
    assert_eq!((&second.role, second.study.as_str()), (&Role::Production, study_of(&two).as_str()));
    store.retry(&second, SOON).await.unwrap();
    let early = store.claim().await.unwrap().unwrap();
    assert_eq!((&early.role, early.study.as_str()), (&shadow(), study_of(&one).as_str()));
    store.abandon(&early).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(Duration::ZERO), "the shadow's job can be taken at once");
    let queue = store.queue().await.unwrap();
    assert_eq!((queue.waiting, queue.running, queue.shadows_waiting, queue.shadows_running), (1, 0, 2, 0));
    accept(&store, &two[1].bytes).await.unwrap().unwrap();
    let second = store.claim().await.unwrap().unwrap();
    store.finish(&second, "b", Outcome::Scored, "{}").await.unwrap();

    let third = store.claim().await.unwrap().unwrap();
    assert_eq!((&third.role, third.study.as_str()), (&shadow(), study_of(&one).as_str()));
    let before = store.study(&third.study).await.unwrap().unwrap().updated;
    store.finish(&third, "c", Outcome::NotScored, "{\"shadow\":1}").await.unwrap();
    let study = store.study(&third.study).await.unwrap().unwrap();
    assert_eq!((study.state.name(), study.report.as_deref(), study.updated), ("scored", Some("{}"), before));
    assert_eq!(store.contents(&third.study).await.unwrap().1.len(), 1, "a shadow's run is none of the study's");
    let shadows = store.shadows(&third.study).await.unwrap();
    assert_eq!((shadows[0].state.name(), shadows[0].served, shadows[0].runs.len()), ("not-scored", true, 1));
}

#[tokio::test]
async fn a_job_of_a_shadow_that_is_gone_waits_and_disturbs_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let files = exam(72);
    {
        let store = open(&folder, &[Role::Production, shadow()]).await;
        accept(&store, &files[0].bytes).await.unwrap().unwrap();
        store.close().await;
    }
    let store = open(&folder, &[Role::Production]).await;
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!(job.role, Role::Production);
    store.finish(&job, "a", Outcome::Scored, "{}").await.unwrap();
    assert!(store.claim().await.unwrap().is_none());
    assert_eq!(store.next_due().await.unwrap(), None);
    let shadows = store.shadows(&job.study).await.unwrap();
    assert_eq!((shadows[0].state.name(), shadows[0].served), ("waiting", false));
}

#[tokio::test]
async fn what_another_model_scored_goes_back_into_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &[Role::Production, shadow()]).await;
    let mut jobs: Vec<Job> = Vec::new();
    for seed in [73, 74] {
        accept(&store, &exam(seed)[0].bytes).await.unwrap().unwrap();
        jobs.push(store.claim().await.unwrap().unwrap());
    }
    let by =
        |id: &PackageId| json!({ "package": { "digest": id.digest, "recipe_digest": id.recipe_digest } }).to_string();
    let old = PackageId { recipe_digest: "another".into(), ..MODEL.id().clone() };
    store.finish(&jobs[0], "a", Outcome::Scored, &by(MODEL.id())).await.unwrap();
    store.finish(&jobs[1], "b", Outcome::Scored, &by(&old)).await.unwrap();
    let (none, site) = (Site::default(), site_by("Dr P"));
    assert_eq!(store.outdated(&Role::Production, MODEL.id(), &none).await.unwrap(), 1);
    assert_eq!(store.outdated(&Role::Production, MODEL.id(), &site).await.unwrap(), 1, "these rows do not say");
    assert_eq!(store.outdated(&shadow(), MODEL.id(), &none).await.unwrap(), 0, "there is nothing to be outdated");
    assert_eq!(store.requeue(&Role::Production, Due::Unless(MODEL.id(), &none), &[]).await.unwrap(), 1);
    let of_one = [jobs[1].study.clone()];
    assert_eq!(store.requeue(&Role::Production, Due::Unless(&old, &none), &of_one).await.unwrap(), 0);
    let again = store.claim().await.unwrap().unwrap();
    assert_eq!((&again.study, &again.role), (&jobs[1].study, &Role::Production));
    // A shadow that is new here gets every study.
    let new = Role::Shadow("new".into());
    assert_eq!(store.requeue(&new, Due::Unless(MODEL.id(), &none), &[]).await.unwrap(), 2);
    // With --force each does; else what failed does, and what was computed with another word of the site.
    assert_eq!(store.requeue(&Role::Production, Due::All, &of_one).await.unwrap(), 1);
    let again = store.claim().await.unwrap().unwrap();
    let digest = again.input_digest(MODEL.id(), &site);
    store.finish(&again, &digest, Outcome::Failed, &by(MODEL.id())).await.unwrap();
    let unless = Due::Unless(MODEL.id(), &site);
    assert_eq!(store.outdated(&Role::Production, MODEL.id(), &site).await.unwrap(), 1, "a failure is no result");
    assert_eq!(store.requeue(&Role::Production, unless, &of_one).await.unwrap(), 1);
    store.finish(&again, &digest, Outcome::Scored, &by(MODEL.id())).await.unwrap();
    assert_eq!(store.requeue(&Role::Production, unless, &of_one).await.unwrap(), 0);
    let reworded = site_by("Dr Q");
    assert_eq!(store.requeue(&Role::Production, Due::Unless(MODEL.id(), &reworded), &of_one).await.unwrap(), 1);
}

/// A database as the first version left it: a study that was scored twice, and one that still waits.
async fn of_the_first_version(folder: &TempDir, report: &str, input_digest: &str) -> Vec<String> {
    let first = folder.path().join("first");
    std::fs::create_dir_all(&first).unwrap();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    let name = "0001_studies.sql";
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/0001_studies.sql"), first.join(name)).unwrap();
    let mut old = database(folder).await;
    sqlx::migrate::Migrator::new(first.as_path()).await.unwrap().run(&mut old).await.unwrap();
    let files = exam(75);
    let study = study_of(&files);
    for statement in [
        "INSERT INTO study VALUES (?1, 1, 4), ('1.2.3', 3, 3)",
        "INSERT INTO job VALUES (?1, 'done', 1, 2, 0), ('1.2.3', 'due', 3, 1, 4)",
        "INSERT INTO run VALUES (7, ?1, 'old', 'not-scored', 3, '{}', 2, 4)",
        "INSERT INTO run VALUES (9, ?1, ?2, 'scored', 4, ?3, 4, NULL)",
    ] {
        // A statement with fewer places takes the first of the values.
        let query = sqlx::query(statement).bind(&study);
        let query = if statement.contains("?3") { query.bind(input_digest).bind(report) } else { query };
        query.execute(&mut old).await.unwrap();
    }
    for file in &files {
        let digest = Digest::of(&file.bytes);
        let path = folder.path().join(format!("data/objects/{}/{digest}.dcm", &digest.to_string()[..2]));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.bytes).unwrap();
        let [_, series, sop_instance, sop_class] = crate::support::uids(&file.bytes);
        sqlx::query("INSERT INTO instance VALUES (?, ?, ?, ?, '1.2.840.10008.1.2.1', 'MG', ?, ?, 1)")
            .bind(sop_instance)
            .bind(&study)
            .bind(series)
            .bind(sop_class)
            .bind(digest.to_string())
            .bind(i64::try_from(file.bytes.len()).unwrap())
            .execute(&mut old)
            .await
            .unwrap();
    }
    old.close().await.unwrap();
    vec![study, "1.2.3".to_owned()]
}

#[tokio::test]
async fn a_database_of_the_first_version_is_taken_over_whole() {
    let folder = tempfile::tempdir().unwrap();
    let studies = of_the_first_version(&folder, "{\"kept\":true}", "new").await;
    let data = folder.path().join("data");
    assert!(matches!(Archive::open(&data).await, Err(StoreError::Schema { found: 1, .. })));
    let store = open(&folder, &[Role::Production, shadow()]).await;
    let study = store.study(&studies[0].parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((study.state.name(), study.instances), ("scored", 4));
    assert_eq!(study.report.as_deref(), Some("{\"kept\":true}"));
    let (objects, runs) = store.contents(&study.uid).await.unwrap();
    assert_eq!((objects.len(), runs.len()), (4, 2));
    let kept = |run: &uvid_server::store::Run| (run.input_digest.clone(), run.instances, run.superseded.is_some());
    assert_eq!(runs.iter().map(kept).collect::<Vec<_>>(), [("new".into(), 4, false), ("old".into(), 3, true)]);
    let waiting = store.claim().await.unwrap().unwrap();
    assert_eq!((waiting.study.as_str(), &waiting.role, waiting.attempt), ("1.2.3", &Role::Production, 5));
    assert!(store.shadows(&study.uid).await.unwrap().is_empty(), "shadows begin with what arrives from now on");
    let mut database = database(&folder).await;
    let orphans = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut database).await.unwrap();
    assert!(orphans.is_empty());
    let ids = sqlx::query("SELECT run_id FROM run ORDER BY 1").fetch_all(&mut database).await.unwrap();
    assert_eq!(ids.iter().map(|row| row.get::<i64, _>(0)).collect::<Vec<_>>(), [7, 9]);
}

#[tokio::test]
async fn the_objects_of_a_run_are_known_even_of_the_first_version() {
    let folder = tempfile::tempdir().unwrap();
    let digests: Vec<Digest> = exam(75).iter().map(|file| Digest::of(&file.bytes)).collect();
    let study = study_of(&exam(75)).parse().unwrap();
    let id = MODEL.id();
    let input = uvid_server::store::input_digest(&study, digests.clone(), &id.digest, &id.recipe_digest);
    of_the_first_version(&folder, "{}", &input).await;
    let store = open(&folder, &[Role::Production]).await;
    // The archive is opened beside the store that holds the lock.
    let archive = Archive::open(&folder.path().join("data")).await.unwrap();
    let runs = archive.runs(&[], true).await.unwrap();
    assert_eq!(runs.len(), 2);
    assert!(archive.objects_of(&runs[0], &id.digest, &id.recipe_digest).await.unwrap().is_none());
    let objects = archive.objects_of(&runs[1], &id.digest, &id.recipe_digest).await.unwrap().unwrap();
    assert_eq!(objects.len(), digests.len());
    assert!(archive.objects_of(&runs[1], &id.digest, "another").await.unwrap().is_none());
    assert_eq!(archive.runs(&[study], false).await.unwrap().len(), 1);
    drop(store);
}

#[tokio::test]
async fn a_result_that_comes_out_otherwise_supersedes_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &[Role::Production]).await;
    accept(&store, &exam(78)[0].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    let (id, site) = (MODEL.id(), Site::default());
    let digest = job.input_digest(id, &site);
    let report = |value: f64, milliseconds: u32| json!({ "exam": value, "milliseconds": milliseconds }).to_string();
    for (value, milliseconds) in [(0.25, 1), (0.25, 2), (0.5, 3)] {
        store.finish(&job, &digest, Outcome::Scored, &report(value, milliseconds)).await.unwrap();
    }
    // That it failed later is no reason to doubt it.
    store.finish(&job, &digest, Outcome::Failed, "{}").await.unwrap();
    let (_, runs) = store.contents(&job.study).await.unwrap();
    let kept: Vec<_> = runs.iter().map(|run| (run.report.clone(), run.superseded.is_some())).collect();
    assert_eq!(kept, [(report(0.5, 3), false), (report(0.25, 1), true)]);
    assert_eq!(runs[0].input_digest, digest);
    // Both can still be made again.
    let archive = Archive::open(&folder.path().join("data")).await.unwrap();
    for run in archive.runs(&[], true).await.unwrap() {
        let objects = archive.objects_of(&run, &id.digest, &id.recipe_digest).await.unwrap();
        assert_eq!(objects, Some(job.objects.clone()));
        assert_eq!(archive.objects_of(&run, &id.digest, "another").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_shadow_scores_what_production_scores_and_shows_up_nowhere_else() {
    let packages = tempfile::tempdir().unwrap();
    let folder = other_package(packages.path(), "density-tried");
    let server = Server::with(|config| config.shadows = vec![folder]).await;
    let files = exam(76);
    server.stow(&bytes(&files)).await;
    let study = server.ended(&study_of(&files)).await;
    assert_scored_as_expected(&study, &files);
    let tried = server.shadow_ended(&study_of(&files)).await;
    assert_eq!((&tried["name"], &tried["state"]), (&json!("density-tried"), &json!("scored")));
    let report = &tried["runs"][0]["report"];
    assert_eq!(report["package"]["name"], "density-tried");
    assert_ne!(report["exam"], study["report"]["exam"]);
    for path in ["/api/v1/studies", &format!("/api/v1/studies/{}", study_of(&files)), "/metrics"] {
        let answer = String::from_utf8(server.get(path).await.body).unwrap();
        assert!(!answer.contains("density-tried"), "{path} shows a shadow's result");
    }
    let study_again = server.get(&format!("/api/v1/studies/{}", study_of(&files))).await.ok();
    assert_eq!(study_again, study, "a shadow's result changes nothing");
    assert_eq!(server.get("/api/v1/model").await.ok()["shadows"][0]["name"], "density-tried");
    server.get("/api/v1/studies/1.2.3/shadows").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_threshold_of_the_site_is_in_force_and_on_record() {
    let server = Server::with(|config| {
        config.operating_points = serde_json::from_value(
            json!([{ "name": "dense", "threshold": 0.0, "by": "Dr P", "reason": "200 exams of 2026" }]),
        )
        .unwrap();
    })
    .await;
    let point = &server.get("/api/v1/model").await.ok()["operating_points"][0];
    assert_eq!((&point["threshold"], &point["measured_at"]), (&json!(0.0), &json!(0.5)));
    assert_eq!(point["set_by"], json!({ "by": "Dr P", "reason": "200 exams of 2026" }));
    let files = exam(77);
    server.stow(&bytes(&files)).await;
    server.ended(&study_of(&files)).await;
    let listed = &server.get("/api/v1/studies").await.ok()["studies"][0];
    let expected = json!([{ "point": "dense", "output": "p_dense", "threshold": 0.0, "flagged": true,
                            "set_by": "Dr P: 200 exams of 2026" }]);
    assert_eq!(listed["flags"], expected);
}

#[test]
fn models_that_cannot_serve_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |shadows: Vec<String>, expected: &str| {
        let config = uvid_server::config::Config { shadows, ..config(folder.path()) };
        let error = format!("{:#}", commands::packages(&config).map(|p| p.roles()).unwrap_err());
        assert!(error.contains(expected), "{error}");
    };
    let one = other_package(&folder.path().join("one"), "tried");
    let two = other_package(&folder.path().join("two"), "tried");
    let same = other_package(&folder.path().join("same"), "density-v0");
    check(vec![one, two], "has the name \"tried\"");
    check(vec![same], "has the name \"density-v0\"");
}

#[tokio::test]
async fn a_shadow_that_cannot_be_used_stops_nobody_and_its_jobs_wait() {
    let packages = tempfile::tempdir().unwrap();
    let (good, bad) = (other_package(packages.path(), "good"), other_package(packages.path(), "bad"));
    // It opens, and a loader refuses what it says.
    let manifest = std::path::Path::new(&bad).join("package.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let broken = text.replace("threshold = 0.4", "threshold = nan");
    assert_ne!(broken, text);
    std::fs::write(&manifest, broken).unwrap();
    let server = Server::with(|config| config.shadows = vec![bad, good, "nowhere".into()]).await;
    let shadows = server.get("/api/v1/model").await.ok()["shadows"].take();
    let said = |shadow: &serde_json::Value| [&shadow["name"], &shadow["state"], &shadow["code"]].map(Clone::clone);
    assert_eq!(
        shadows.as_array().unwrap().iter().map(said).collect::<Vec<_>>(),
        [
            [json!("good"), json!("loaded"), json!(null)],
            [json!("nowhere"), json!("unusable"), json!("package-unreadable")],
            [json!("bad"), json!("unusable"), json!("model-not-loadable")],
        ]
    );
    assert!(shadows[2]["digest"].is_string() && shadows[1]["digest"].is_null());
    let files = exam(79);
    server.stow(&bytes(&files)).await;
    let study = server.ended(&study_of(&files)).await;
    assert_scored_as_expected(&study, &files);
    let uid = study_of(&files).parse().unwrap();
    let start = std::time::Instant::now();
    let shadows = loop {
        let shadows = server.store.shadows(&uid).await.unwrap();
        if shadows[1].state.name() == "scored" {
            break shadows;
        }
        assert!(start.elapsed() < SOON, "{shadows:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((shadows[0].state.name(), shadows[0].served), ("waiting", false));
    assert_eq!((&shadows[0].role, &shadows[1].role), (&Role::Shadow("bad".into()), &Role::Shadow("good".into())));
    let metrics = String::from_utf8(server.get("/metrics").await.body).unwrap();
    assert!(metrics.contains("uvid_shadows{state=\"unusable\"}"), "{metrics}");
    assert_eq!(server.get("/readyz").await.ok()["ready"], true);
}

#[test]
fn a_server_starts_without_a_shadow_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(&folder.path().join("data"), &["shadows=[nowhere]"]);
    let files = exam(80);
    assert_eq!(server.stow(&bytes(&files)).unwrap(), 200);
    assert_eq!(server.ended(&study_of(&files))["state"], "scored");
    let log = server.stop();
    assert!(log.contains("a shadow cannot be used") && log.contains("package-unreadable"), "{log}");
}
