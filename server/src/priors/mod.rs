//! Earlier exams of the same woman: looked for once a study, fetched within limits, kept beside it.
//!
//! ```text
//! study waits -> who and when, from its own objects -> archive: exams of that patient ID -> choose -> fetch -> kept
//! ```
//!
//! The study waits for its priors no longer than `priors.wait_seconds_max`; what came too late is kept for the next run.
//!
//! Invariants: what is kept as a prior is of the same patient by its own header, not only by what the archive said, and
//! earlier; a prior makes no job of its own and leaves by no door; a search that fails is said with the study and stops
//! nothing.

mod archive;
mod choose;

use std::time::Duration;

use dicom_dictionary_std::tags;
use time::Date;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};
use uvid_datasets::dicom::{self, Header};
use uvid_exam::StudyInstanceUid;

use crate::config::{Config, seconds};
use crate::store::{Door, Origin, PriorRow, Store, StoreError, accept_from};

pub use archive::{Archive, ArchiveError};
pub use choose::{Candidate, Current, NoPrior, Wanted, choose, is_prior};

/// Between two looks at the queue. Only servers that fetch priors look.
const POLL: Duration = Duration::from_secs(1);

/// The most exams of one patient that an archive is asked for.
const CANDIDATES_MAX: usize = 100;

/// Looks for the priors of every study that waits, one after the other, until `stop`.
pub async fn work(store: Store, archive: Archive, config: Config, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match store.next_without_priors().await {
            Ok(Some(study)) => {
                let span = info_span!("priors", uid = %study);
                one(&store, &archive, &config, &study).instrument(span).await;
            }
            Ok(None) => pause(&stop).await,
            Err(error) => {
                error!(%error, "the database does not say which studies want priors");
                pause(&stop).await;
            }
        }
    }
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(POLL) => {}
        () = stop.cancelled() => {}
    }
}

/// The priors of one study. Whatever happens, the study waits no longer afterwards.
async fn one(store: &Store, archive: &Archive, config: &Config, study: &StudyInstanceUid) {
    let mut found = Vec::new();
    let searching = search(store, archive, config, study, &mut found);
    let problem = match tokio::time::timeout(seconds(config.priors.wait_seconds_max), searching).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("took more than {} seconds", config.priors.wait_seconds_max)),
    };
    match &problem {
        None => info!(fetched = found.iter().filter(|prior| prior.code == FETCHED).count(), "priors looked for"),
        Some(problem) => warn!(problem, "the search for priors is not whole"),
    }
    while let Err(error) = store.priors_searched(study, &found, problem.as_deref()).await {
        error!(%error, "the database failed; trying again");
        tokio::time::sleep(POLL).await;
    }
}

/// The code of an earlier exam that is here.
const FETCHED: &str = "fetched";

/// Why a search is not whole. The text holds no identity.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// None of the study's objects says of whom and when.
    #[error("the study's own objects do not say whose it is (Patient ID and Birth Date) and when it was made")]
    Unknown,
    /// The archive.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
}

async fn search(
    store: &Store,
    archive: &Archive,
    config: &Config,
    study: &StudyInstanceUid,
    found: &mut Vec<PriorRow>,
) -> Result<(), SearchError> {
    let current = current(store, study).await?.ok_or(SearchError::Unknown)?;
    let wanted = Wanted { exams_max: config.priors.exams_max, years_max: config.priors.years_max };
    let candidates = archive.exams_of(&current.patient, CANDIDATES_MAX).await?;
    let (priors, others) = choose(&current, candidates, wanted);
    found.extend(others.into_iter().map(|(study, why)| row(study, None, 0, why.code())));
    let mut bytes_left = config.priors.bytes_max;
    for prior in priors {
        let (study, date) = (prior.study.clone(), prior.date);
        let fetched = archive.fetch(store, &current, &prior, wanted, &mut bytes_left).await;
        let instances = confirmed(store, &current, &prior, wanted).await?;
        let code = match &fetched {
            Ok(()) if instances > 0 => FETCHED,
            Ok(()) => "nothing-came",
            Err(ArchiveError::TooLarge) => "too-large",
            Err(_) => "not-fetched",
        };
        found.push(row(study, date, instances, code));
        match fetched {
            Ok(()) | Err(ArchiveError::TooLarge) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn row(study: StudyInstanceUid, date: Option<Date>, instances: usize, code: &'static str) -> PriorRow {
    PriorRow { study, date, instances, code }
}

/// Whose the study is and when it was made, by the first of its objects that says so.
async fn current(store: &Store, study: &StudyInstanceUid) -> Result<Option<Current>, StoreError> {
    let headers = headers(store, study).await?;
    Ok(headers.into_iter().find_map(|header| {
        let candidate = candidate(&header);
        let known = candidate.patient.id.is_some() && candidate.patient.birth_date.is_some();
        let date = candidate.date.filter(|_| known)?;
        Some(Current { study: candidate.study, patient: candidate.patient, date })
    }))
}

/// How many objects of a fetched study are here, if all of them are of the same woman and earlier.
async fn confirmed(store: &Store, current: &Current, prior: &Candidate, wanted: Wanted) -> Result<usize, StoreError> {
    let headers = headers(store, &prior.study).await?;
    let all = headers.iter().all(|header| is_prior(current, &candidate(header), wanted).is_ok());
    Ok(if all { headers.len() } else { 0 })
}

/// The headers of a study's objects, as far as they can be read.
async fn headers(store: &Store, study: &StudyInstanceUid) -> Result<Vec<Header>, StoreError> {
    let (instances, _) = store.contents(study).await?;
    let mut headers = Vec::with_capacity(instances.len());
    for instance in instances {
        // Only ASCII is compared (the patient's ID, dates): the sender's character set does not matter.
        headers.extend(store.header_of(instance.digest, None).await.ok());
    }
    Ok(headers)
}

/// What an object says of itself, as a candidate.
fn candidate(header: &Header) -> Candidate {
    let date = header.catalog.reveal(tags::STUDY_DATE).and_then(archive::date);
    Candidate { study: header.study.clone(), patient: header.patient.clone(), date }
}

/// Takes one object that an archive gave: a status of PS3.4 table C.4-3, and whether there is room for more.
async fn take(store: &Store, current: &Current, prior: &StudyInstanceUid, wanted: Wanted, bytes: &[u8]) -> u16 {
    let Ok(header) = dicom::read_header(bytes, &store.policy().dicom) else { return 0xC000 };
    if header.study != *prior || is_prior(current, &candidate(&header), wanted).is_err() {
        warn!(study = %header.study, "the archive gave an object that is no prior of this patient; it is not kept");
        return 0xA900;
    }
    let origin = Origin { door: Door::Prior, ..Origin::default() };
    match accept_from(store, bytes, &origin).await {
        Ok(Ok(_)) => 0x0000,
        Ok(Err(_)) => 0xC000,
        Err(error) => {
            error!(%error, "a prior cannot be kept");
            0xA700
        }
    }
}
