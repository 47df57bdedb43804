//! How urgent a study is, asked of the modality worklist.
//!
//! Each new study whose objects name an order is asked about once, after it was accepted and beside it: a worklist that
//! is slow or down makes nothing wait. Only Requested Procedure Priority (0040,1003) is looked at.
//!
//! Invariant: the accession number goes to the worklist and nowhere else; it is read from the object when it is needed.

use std::io::Read;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uvid_datasets::dicom::{self, AccessionNumber};

use crate::dimse::scu::ScuError;
use crate::store::{Digest, Store, StoreError};

/// For the worklist to say what it knows of one study, whatever it says meanwhile.
const ASK_MAX: Duration = Duration::from_secs(300);

/// The wait after the database failed.
const DATABASE_RETRY: Duration = Duration::from_secs(2);

/// Asks about studies until `stop`. `ask` gives the priorities of an accession number.
pub async fn run<F, Fut>(store: Store, ask: F, stop: CancellationToken)
where
    F: Fn(AccessionNumber) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Vec<String>, ScuError>> + Send,
{
    while !stop.is_cancelled() {
        let one = async {
            match next(&store, &ask).await {
                Ok(true) => {}
                Ok(false) => store.asking().await,
                Err(error) => {
                    error!(%error, "the database failed; trying again");
                    tokio::time::sleep(DATABASE_RETRY).await;
                }
            }
        };
        stop.run_until_cancelled(one).await;
    }
}

/// Asks about one study; false if there is none.
async fn next<F, Fut>(store: &Store, ask: &F) -> Result<bool, StoreError>
where
    F: Fn(AccessionNumber) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Vec<String>, ScuError>> + Send,
{
    let Some((study, digest)) = store.unasked().await? else { return Ok(false) };
    if let Some(accession_number) = accession_number(store, digest).await? {
        let asked = tokio::time::timeout(ASK_MAX, ask(accession_number)).await;
        match asked.unwrap_or_else(|_| Err(ScuError::Unreachable(format!("no end of answers within {ASK_MAX:?}")))) {
            Ok(priorities) if priorities.iter().any(|priority| is_urgent(priority)) => {
                info!(%study, "urgent, says the worklist");
                store.set_urgent(&study).await?;
            }
            Ok(_) => {}
            Err(error) => warn!(%study, %error, "the worklist does not say how urgent the study is"),
        }
    }
    store.asked(&study).await?;
    Ok(true)
}

/// Requested Procedure Priority (PS3.3 table C.4-11): STAT, HIGH, ROUTINE, MEDIUM, LOW.
fn is_urgent(priority: &str) -> bool {
    ["STAT", "HIGH"].contains(&priority.trim().to_ascii_uppercase().as_str())
}

/// What an object says. One that cannot be read says nothing.
async fn accession_number(store: &Store, digest: Digest) -> Result<Option<AccessionNumber>, StoreError> {
    let (path, bytes_max) = (store.objects().path(&digest), store.policy().header_bytes_max);
    let limits = store.policy().dicom;
    let read = move || {
        let mut bytes = Vec::new();
        std::fs::File::open(path).ok()?.take(bytes_max).read_to_end(&mut bytes).ok()?;
        dicom::read_header(&bytes, &limits).ok()?.intake.accession_number
    };
    tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Interrupted)
}
