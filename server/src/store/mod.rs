//! What is durable: objects as files, everything else in SQLite.
//!
//! ```text
//! <data_dir>/lock           held by the one process that may use the folder
//! <data_dir>/uvid.sqlite    studies, instances; jobs and runs by role; results and their deliveries
//! <data_dir>/objects/       files by the SHA-256 of their bytes; uploads in progress in objects/incoming
//! <data_dir>/quarantine/    likewise, those that came under the UID of another object
//! ```
//!
//! Invariants:
//! - A row is committed (WAL, synchronous=FULL) only after the bytes it speaks of are synced to disk, name included.
//! - Writes go through one connection and begin with `BEGIN IMMEDIATE`: no write fails because of another one.
//! - A result, the objects made of it, their deliveries and the end of its job are one transaction.

mod accept;
mod archive;
mod arrivals;
mod commitment;
mod completion;
mod deliveries;
mod finish;
pub mod index;
mod jobs;
mod looked;
mod objects;
mod outbox;
mod priors;
mod quarantine;
mod requeue;
mod results;
mod role;
mod same;
pub mod senders;
mod studies;
mod urgency;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};
use time::OffsetDateTime;
use uvid_datasets::dicom;

use crate::config::{Config, Destination, Outbox, Results, seconds};

pub use accept::{Accepted, Door, Kept, Origin, Refusal, Refused, accept, accept_all, accept_from};
pub use archive::{Archive, KeptRun, Pair};
pub use commitment::{CLASS_INSTANCE_CONFLICT, CommitmentRequest, Committed, NO_SUCH_OBJECT, Reference};
pub use completion::{Arrival, Because, Patience, due};
pub use deliveries::{Changed, Delivery, DeliveryFilter, DeliveryState, Standing};
pub use jobs::{Job, Outcome, Queue, computation, input_digest};
pub use objects::{Digest, ObjectStore, Staged, Upload};
pub use outbox::{Errand, Outgoing, Said};
pub use priors::{Expecting, Prior, PriorRow, Priors};
pub use quarantine::Quarantined;
pub use requeue::Due;
pub use results::{Made, ResultRow};
pub use role::Role;
pub use studies::{Filter, Instance, Run, Shadow, Study, StudyState};

/// Why the store does not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database's schema.
    #[error("database schema: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A file or folder.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The database was made by another version of this program.
    #[error(
        "{folder} has a database of schema {found}, this program reads {known}; `uvid serve` brings an older one up to date"
    )]
    Schema {
        /// Which folder.
        folder: PathBuf,
        /// The schema's number there.
        found: i64,
        /// The one that this program makes.
        known: i64,
    },
    /// Another process uses the folder.
    #[error("{0} is in use by another uvid process")]
    InUse(PathBuf),
    /// A row holds what no program of ours writes there.
    #[error("the database holds an invalid {0}")]
    Invalid(&'static str),
    /// An object's bytes are not those that were stored.
    #[error("the stored object {0} has changed on disk")]
    Damaged(Digest),
    /// A thread of ours ended early.
    #[error("interrupted")]
    Interrupted,
}

impl StoreError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        |error| Self::Io { path, error }
    }
}

/// What the store lives by.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Who scores every study, production first: what arrives makes a job due for each.
    pub roles: Vec<Role>,
    /// What the production model takes; `None`: not known, and no study is complete by its views.
    pub exam: Option<uvid_exam::Rules>,
    /// What holds for whom.
    pub senders: senders::Rules,
    /// A study that mentions one of these is urgent.
    pub urgent_texts: Vec<String>,
    /// A routine study that has been due for so long does not wait for more than one urgent one.
    pub urgent_wait: Duration,
    /// What is made of results.
    pub results: Results,
    /// Where they go.
    pub destinations: Vec<Destination>,
    /// How they are delivered.
    pub outbox: Outbox,
    /// For how long a study that is due waits for its earlier exams; `None`: nobody looks for them.
    pub priors_wait: Option<Duration>,
    /// Whether the modality worklist is asked how urgent a study is.
    pub worklist: bool,
    /// Bytes of objects that are kept apart.
    pub quarantine_bytes_max: u64,
    /// How many they are.
    pub quarantine_objects_max: u64,
    /// Objects of one study.
    pub study_instances_max: u32,
    /// Free bytes of the disk below which nothing is accepted.
    pub free_bytes_min: u64,
    /// Bytes of a file read to identify it, before the whole file is.
    pub header_bytes_max: u64,
    /// What reading a header may cost.
    pub dicom: dicom::Limits,
}

impl From<&Config> for Policy {
    /// Without shadows and without what production takes: that is known when the packages have been read.
    fn from(config: &Config) -> Self {
        Self {
            roles: vec![Role::Production],
            exam: None,
            senders: senders::Rules::of(config),
            urgent_texts: config.urgent.texts.clone(),
            urgent_wait: seconds(config.jobs.urgent_wait_seconds_max),
            results: config.results.clone(),
            destinations: config.destinations.clone(),
            outbox: config.outbox.clone(),
            priors_wait: config.priors.wanted().then(|| seconds(config.priors.wait_seconds_max)),
            worklist: config.urgent.worklist.is_some(),
            quarantine_bytes_max: config.store.quarantine_bytes_max,
            quarantine_objects_max: config.store.quarantine_objects_max,
            study_instances_max: config.store.study_instances_max,
            free_bytes_min: config.store.free_bytes_min,
            header_bytes_max: config.store.header_bytes_max,
            dicom: config.dicom_limits(),
        }
    }
}

/// The schema of the database, step by step.
static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The durable state of a server. Cheap to clone: all clones are one store.
#[derive(Debug, Clone)]
pub struct Store {
    write: SqlitePool,
    read: SqlitePool,
    /// For searches of clients: a slow one keeps no connection from the rest of the server.
    searches: SqlitePool,
    objects: ObjectStore,
    quarantine: ObjectStore,
    policy: std::sync::Arc<Policy>,
    /// Roles whose models cannot be used: their jobs wait.
    set_aside: std::sync::Arc<std::sync::RwLock<Vec<Role>>>,
    /// Wakes the worker when a job may have become due.
    work: std::sync::Arc<tokio::sync::Notify>,
    /// Wakes who asks how urgent studies are.
    asking: std::sync::Arc<tokio::sync::Notify>,
    /// Wakes the outbox, each destination by itself.
    outbox: tokio::sync::watch::Sender<u64>,
    /// Whether the job that was claimed last is an urgent one.
    last_urgent: std::sync::Arc<std::sync::atomic::AtomicBool>,
    /// Studies that an archive was asked to send to our own port.
    expected: std::sync::Arc<std::sync::Mutex<priors::Expected>>,
    /// How far the tables of received objects and of results are indexed for searches.
    indexed: std::sync::Arc<(std::sync::atomic::AtomicI64, std::sync::atomic::AtomicI64)>,
    /// Dropping the last clone releases the folder.
    _lock: std::sync::Arc<File>,
}

impl Store {
    /// Opens or creates the store in a folder: migrates the database, returns the jobs of a dead process to the queue
    /// and removes the uploads that it left unfinished.
    ///
    /// # Errors
    ///
    /// Another process has the folder; it or the database cannot be used.
    pub async fn open(folder: &Path, policy: Policy) -> Result<Self, StoreError> {
        create_private(folder)?;
        let lock = lock(folder)?;
        let objects = ObjectStore::open(&folder.join("objects"))?;
        let quarantine = folder.join("quarantine");
        create_private(&quarantine)?;
        let quarantine = ObjectStore::at(&quarantine);
        let options = SqliteConnectOptions::new()
            .filename(folder.join("uvid.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let write = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        MIGRATIONS.run(&write).await?;
        let options = options.read_only(true);
        let read = SqlitePoolOptions::new().max_connections(4).connect_with(options.clone()).await?;
        // An index that is made for one search reads a whole table.
        let options = options.pragma("automatic_index", "off");
        let searches = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
        // The database's own name must survive a power cut, too.
        objects::sync_folder(folder)?;
        let (set_aside, work, asking, outbox, last_urgent) = Default::default();
        let (indexed, policy, _lock) = (Default::default(), policy.into(), lock.into());
        let store = Self {
            write,
            read,
            searches,
            objects,
            quarantine,
            policy,
            set_aside,
            work,
            asking,
            outbox,
            last_urgent,
            expected: std::sync::Arc::default(),
            indexed,
            _lock,
        };
        store.recover().await?;
        store.recover_deliveries().await?;
        Ok(store)
    }

    /// The files.
    pub fn objects(&self) -> &ObjectStore {
        &self.objects
    }

    /// What the store lives by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Leaves the jobs of a role waiting, for this process: its model cannot be used.
    pub fn set_aside(&self, role: Role) {
        // A thread that panicked with the lock held left the list whole.
        self.set_aside.write().unwrap_or_else(PoisonError::into_inner).push(role);
    }

    /// Whether this process takes the jobs of a role.
    pub fn serves(&self, role: &Role) -> bool {
        let set_aside = self.set_aside.read().unwrap_or_else(PoisonError::into_inner);
        self.policy.roles.contains(role) && !set_aside.contains(role)
    }

    /// Resolves when a job may have become due since the last call.
    pub async fn work(&self) {
        self.work.notified().await;
    }

    /// Who waits here is told when something of the outbox has changed; the number rises when a person wants it tried
    /// at once.
    pub fn outbox_news(&self) -> tokio::sync::watch::Receiver<u64> {
        self.outbox.subscribe()
    }

    fn wake_outbox(&self) {
        self.outbox.send_modify(|_| {});
    }

    fn hurry_outbox(&self) {
        self.outbox.send_modify(|hurries| *hurries += 1);
    }

    /// Whether the disk has room for more.
    ///
    /// # Errors
    ///
    /// The file system does not say.
    pub fn has_room(&self) -> Result<bool, StoreError> {
        Ok(self.objects.free_bytes()? >= self.policy.free_bytes_min)
    }

    /// Whether a write would succeed now: takes the write lock of the database, creates a file, checks the room.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE study SET updated_ms = updated_ms WHERE 0").execute(&mut *tx).await?;
        tx.rollback().await?;
        self.objects.begin().await.map(drop)
    }

    /// Ends all connections; the database's write-ahead log is folded in.
    pub async fn close(&self) {
        self.searches.close().await;
        self.read.close().await;
        self.write.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// Creates the folder, if it is not there, for its owner alone: it will hold patients' images.
fn create_private(folder: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(StoreError::io(folder))
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(StoreError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreError::Io { path, error }),
    }
}

/// Milliseconds since 1970 UTC, now.
fn now_ms() -> i64 {
    to_ms(OffsetDateTime::now_utc())
}

fn to_ms(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

fn from_ms(ms: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).map_err(|_| StoreError::Invalid("time"))
}

fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
