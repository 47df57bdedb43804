//! Files by the SHA-256 of their bytes.
//!
//! An upload goes to a file of its own in `incoming/`, is synced, and gets its final name only when it is accepted;
//! no name ever comes from a peer. An upload that is dropped is removed, one that a crash left is removed at start.
//!
//! Invariant: a file under its final name is complete. One without a row in the database (a crash fell between the
//! two) is harmless: the same bytes sent again land on the same name.

use std::fmt;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncWriteExt, BufWriter};
use uvid_datasets::dicom::{self, Header, ReadError};

use super::{Policy, StoreError};

/// What one upload buffers before it writes.
const WRITE_BUFFER_BYTES: usize = 1 << 20;

/// SHA-256 of an object's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(StoreError::Invalid("digest"));
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| StoreError::Invalid("digest"))?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| StoreError::Invalid("digest"))?;
        }
        Ok(Self(bytes))
    }
}

/// The folder of all objects.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    root: Arc<Path>,
    incoming: Arc<Path>,
    next: Arc<AtomicU64>,
    /// Whole data sets are read to identify files one at a time, so that memory stays bounded.
    whole: Arc<tokio::sync::Mutex<()>>,
}

impl ObjectStore {
    /// Opens or creates the folder, and sweeps out what uploads a crash left unfinished.
    pub(super) fn open(root: &Path) -> Result<Self, StoreError> {
        let incoming = root.join("incoming");
        std::fs::create_dir_all(&incoming).map_err(StoreError::io(&incoming))?;
        for entry in std::fs::read_dir(&incoming).map_err(StoreError::io(&incoming))? {
            let path = entry.map_err(StoreError::io(&incoming))?.path();
            // A folder, for one: nothing that we put there.
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "something in the folder of uploads stays");
            }
        }
        sync_folder(root)?;
        Ok(Self::at(root))
    }

    /// A folder that is there, or is not: nothing is touched.
    pub(super) fn at(root: &Path) -> Self {
        // No two starts count from the same number, so that what stayed there has no upload's name.
        let next = AtomicU64::new(super::now_ms().unsigned_abs());
        Self { root: root.into(), incoming: root.join("incoming").into(), next: next.into(), whole: Arc::default() }
    }

    /// Begins an upload.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub async fn begin(&self) -> Result<Upload, StoreError> {
        let path = self.incoming.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let file = tokio::fs::File::options().create_new(true).write(true).open(&path).await;
        let file = file.map_err(StoreError::io(&path))?;
        let file = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file);
        Ok(Upload { file, temporary: Temporary(path), hash: Sha256::new(), bytes: 0 })
    }

    /// Makes bytes durable under their digest.
    ///
    /// # Errors
    ///
    /// The disk does not take them.
    pub(super) async fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if self.holds(&digest, bytes.len() as u64) {
            return Ok(digest);
        }
        let mut upload = self.begin().await?;
        upload.write(bytes).await?;
        let temporary = upload.sync().await?;
        let (objects, files) = (self.clone(), vec![(temporary.0.clone(), digest)]);
        let kept = tokio::task::spawn_blocking(move || objects.keep(&files)).await;
        kept.map_err(|_| StoreError::Interrupted)??;
        Ok(digest)
    }

    /// Where an object is or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join(&name[..2]).join(format!("{name}.dcm"))
    }

    /// Whether an object is there in full length. Its content is looked at when it is read.
    pub(crate) fn holds(&self, digest: &Digest, bytes: u64) -> bool {
        std::fs::metadata(self.path(digest)).is_ok_and(|file| file.len() == bytes)
    }

    /// Reads an object whole, and makes sure that its bytes are those that were stored. Blocks.
    ///
    /// # Errors
    ///
    /// It cannot be read, or has changed.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.path(digest);
        let bytes = std::fs::read(&path).map_err(StoreError::io(&path))?;
        if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(StoreError::Damaged(*digest)) }
    }

    /// Opens an object, and makes sure that its bytes are those that were stored: they are read once through, and what
    /// is read from the file afterwards is read from the same one. Blocks.
    ///
    /// # Errors
    ///
    /// It cannot be read, or has changed.
    pub fn open_whole(&self, digest: &Digest) -> Result<std::fs::File, StoreError> {
        const PIECE_BYTES: usize = 256 << 10;
        let path = self.path(digest);
        let mut file = std::fs::File::open(&path).map_err(StoreError::io(&path))?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => hash.update(piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::io(&path)(error)),
            }
        }
        if Digest(hash.finalize().into()) != *digest {
            return Err(StoreError::Damaged(*digest));
        }
        file.rewind().map_err(StoreError::io(&path))?;
        Ok(file)
    }

    /// Gives staged files their final names and syncs the folders. Blocks.
    pub(super) fn keep(&self, staged: &[(PathBuf, Digest)]) -> Result<(), StoreError> {
        let mut folders = std::collections::BTreeSet::new();
        for (temporary, digest) in staged {
            let path = self.path(digest);
            let folder = path.parent().unwrap_or(&self.root).to_owned();
            if !folder.is_dir() {
                std::fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
                folders.insert(self.root.to_path_buf());
            }
            std::fs::rename(temporary, &path).map_err(StoreError::io(&path))?;
            folders.insert(folder);
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }

    /// Bytes that the disk still has for us.
    pub(super) fn free_bytes(&self) -> Result<u64, StoreError> {
        let stat = rustix::fs::statvfs(&*self.root).map_err(|e| StoreError::io(&self.root)(e.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(StoreError::io(folder))
}

/// A file that is removed when dropped, unless it was renamed by then.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may have its final name by now, and what cannot be removed is swept at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An object on its way in. Memory: one write buffer.
#[derive(Debug)]
pub struct Upload {
    // Before `temporary`, so that the file is closed when it is removed.
    file: BufWriter<tokio::fs::File>,
    temporary: Temporary,
    hash: Sha256,
    bytes: u64,
}

impl Upload {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// The disk does not.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).await.map_err(StoreError::io(&self.temporary.0))
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the upload: the bytes are on disk, and what they say of themselves is known. Not accepted yet.
    ///
    /// # Errors
    ///
    /// The outer one if the disk fails, the inner one if the bytes cannot be identified.
    pub async fn finish(
        mut self,
        objects: &ObjectStore,
        policy: &Policy,
    ) -> Result<Result<Staged, ReadError>, StoreError> {
        let (digest, bytes) = (Digest(std::mem::take(&mut self.hash).finalize().into()), self.bytes);
        let temporary = self.sync().await?;
        let header = header(&temporary.0, bytes, objects, policy).await?;
        Ok(header.map(|header| Staged { header, digest, bytes, temporary }))
    }

    /// Makes the bytes durable under their temporary name.
    async fn sync(mut self) -> Result<Temporary, StoreError> {
        self.file.flush().await.map_err(StoreError::io(&self.temporary.0))?;
        self.file.get_ref().sync_all().await.map_err(StoreError::io(&self.temporary.0))?;
        Ok(self.temporary)
    }
}

/// Identifies a file by its first bytes, or by its whole data set if those do not do and it is not too large for that.
async fn header(
    path: &Path,
    bytes: u64,
    objects: &ObjectStore,
    policy: &Policy,
) -> Result<Result<Header, ReadError>, StoreError> {
    let limits = policy.dicom;
    let bytes_max = policy.header_bytes_max;
    let first = move |file: std::fs::File| {
        let mut bytes = Vec::new();
        file.take(bytes_max).read_to_end(&mut bytes)?;
        Ok(dicom::read_header(&bytes, &limits))
    };
    let first = read_header(path, first).await?;
    // `policy.dicom` is what identifying a file may cost: its limit is `store.identify_bytes_max`.
    if first.is_ok() || bytes <= policy.header_bytes_max || bytes > policy.dicom.file_bytes_max as u64 {
        return Ok(first);
    }
    let one_at_a_time = Arc::clone(&objects.whole).lock_owned().await;
    let whole = move |file: std::fs::File| {
        // Held until the reading ends, even if nobody waits for it any more.
        let _permit = one_at_a_time;
        Ok(dicom::Object::open(file, &limits).and_then(|object| object.header(None)))
    };
    read_header(path, whole).await
}

async fn read_header(
    path: &Path,
    read: impl FnOnce(std::fs::File) -> std::io::Result<Result<Header, ReadError>> + Send + 'static,
) -> Result<Result<Header, ReadError>, StoreError> {
    let path = path.to_owned();
    let read = move || std::fs::File::open(&path).and_then(read).map_err(StoreError::io(&path));
    tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Interrupted)?
}

/// An object whose bytes are on disk under a temporary name.
#[derive(Debug)]
pub struct Staged {
    /// What it says of itself.
    pub header: Header,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub bytes: u64,
    temporary: Temporary,
}

impl Staged {
    pub(super) fn path(&self) -> &Path {
        &self.temporary.0
    }
}
