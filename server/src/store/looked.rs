//! What is found out about an object on its way in before the database is locked for it.
//!
//! Invariant: whole files are compared, and read again, while others may write; who decides then makes sure that the
//! object that was compared is still the one that is kept.

use std::io::Read;

use uvid_datasets::dicom::{self, Header, Repair};

use super::same::DataSetFile;
use super::senders::Rule;
use super::{Digest, Door, Origin, Staged, Store, StoreError};

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// The header, its text read by the rule for its sender, where there is one and the object may be written.
    pub(super) read_as: Option<Header>,
    /// The object that has its UID and other bytes, and whether both hold the same data set.
    compared: Option<(Digest, bool)>,
}

impl Looked {
    /// Looks at an object.
    pub(super) async fn at(store: &Store, object: &Staged, origin: &Origin, rule: &Rule) -> Result<Self, StoreError> {
        let kept = sqlx::query_scalar("SELECT digest FROM instance WHERE sop_uid = ?");
        let kept: Option<String> = kept.bind(object.header.sop_instance.as_str()).fetch_optional(&store.read).await?;
        let kept: Option<Digest> = kept.map(|digest| digest.parse()).transpose()?;
        let mut looked = Self::default();
        if kept == Some(object.digest) {
            return Ok(looked);
        }
        if let Some(kept) = kept
            && origin.door == Door::Push
        {
            looked.compared = Some((kept, same_data_set(store, &kept, object).await));
        }
        if let Some(charset) = rule.charset {
            looked.read_as = header_as(store, object, charset.into()).await;
        }
        Ok(looked)
    }

    /// Whether the object holds the same data set as the one that is kept. One that came since is compared now.
    pub(super) async fn is_same(&self, store: &Store, kept: &Digest, object: &Staged) -> bool {
        match &self.compared {
            Some((compared, same)) if compared == kept => *same,
            Some(_) | None => same_data_set(store, kept, object).await,
        }
    }
}

/// An object's header, its text read by the rule for its sender; `None` if the beginning of the file does not do.
async fn header_as(store: &Store, object: &Staged, repair: Repair) -> Option<Header> {
    let (path, bytes_max) = (object.path().to_owned(), store.policy().header_bytes_max);
    let limits = store.policy().dicom;
    let read = move || {
        let mut first = Vec::new();
        std::fs::File::open(path).ok()?.take(bytes_max).read_to_end(&mut first).ok()?;
        dicom::read_header_as(&first, &limits, repair).ok()
    };
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

/// Whether two files differ in their file meta information alone: each sender writes its own (PS3.10 section 7.1).
async fn same_data_set(store: &Store, kept: &Digest, object: &Staged) -> bool {
    let (kept, staged) = (store.objects().path(kept), object.path().to_owned());
    let limits = store.policy().dicom;
    let same = move || {
        let (kept, staged) = (DataSetFile::open(&kept, &limits)?, DataSetFile::open(&staged, &limits)?);
        kept.equals(staged)
    };
    // What cannot be compared is not the same.
    tokio::task::spawn_blocking(same).await.is_ok_and(|same| same.unwrap_or(false))
}
