//! How large a checkpoint may be, and why one is refused.

/// What a checkpoint may demand. Every size that a file states is held against the bytes that are there first, then
/// against these. Reading takes at most some 60 bytes of memory for each byte of a pickle (a million texts with a number
/// each: 3), with the defaults never more than 3 GiB, and copies no tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the object pickle, or of a safetensors header; below 4 GiB. Mirai's aggregator has some 110 MB.
    pub structure_bytes_max: usize,
    /// Values in a pickle, 16 bytes each, and 32 more for what would be a call. Also the most entries that are looked at in search of tensors, which hinders
    /// a module that contains itself, or itself doubled.
    pub values_max: usize,
    /// Entries of a pickle's memo, some 20 bytes each.
    pub memo_max: usize,
    /// Values on a pickle's stack, 4 bytes each, and marks among them.
    pub stack_max: usize,
    /// Entries of a zip archive.
    pub zip_entries_max: usize,
    /// Tensors.
    pub tensors_max: usize,
    /// Dimensions of a tensor.
    pub dimensions_max: usize,
    /// Bytes of a tensor's name.
    pub name_bytes_max: usize,
    /// Bytes of all tensors together, once copied out: a view may repeat what is stored once.
    pub tensor_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            structure_bytes_max: 512 << 20,
            values_max: 32 << 20,
            memo_max: 32 << 20,
            stack_max: 4 << 20,
            zip_entries_max: 1 << 16,
            tensors_max: 1 << 16,
            dimensions_max: 16,
            name_bytes_max: 1024,
            tensor_bytes_max: 8 << 30,
        }
    }
}

/// Why a file is no checkpoint that can be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Neither safetensors nor anything that PyTorch writes.
    #[error("the file is neither safetensors, nor a PyTorch checkpoint, nor a pickle of protocol 2 to 5")]
    Unknown,
    /// A pickle is damaged, or uses what no checkpoint needs.
    #[error("pickle, byte {at}: {why}")]
    Pickle {
        /// Offset in the pickle.
        at: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// More than [`Limits`] allow.
    #[error("more than {limit} {what}")]
    Limit {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// The file's frame is damaged: zip archive, legacy header, safetensors header.
    #[error("{0}")]
    Container(String),
    /// Numbers are stored with the most significant byte first.
    #[error("the checkpoint was written on a big-endian machine, which is not supported")]
    BigEndian,
    /// A storage, the bytes behind tensors, is damaged.
    #[error("storage {key:?} {why}")]
    Storage {
        /// Its key in the file.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A tensor cannot be what the file says.
    #[error("tensor {name:?} {why}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A tensor cannot be taken into memory.
    #[error(transparent)]
    Weights(#[from] uvid_kernels::WeightsError),
}

/// `count`, unless it is more than `limit`.
pub(super) fn within(count: usize, limit: usize, what: &'static str) -> Result<usize, CheckpointError> {
    if count > limit { Err(CheckpointError::Limit { what, limit }) } else { Ok(count) }
}

/// A text of the file, short enough for a message.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(120).collect()
}
