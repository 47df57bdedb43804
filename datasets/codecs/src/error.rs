//! Why a frame was not decoded or encoded.

/// Why a frame was not decoded or encoded. Texts speak of markers, sizes and tables; they hold no byte of the stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The stream is of another format.
    #[error("the frame is no {0} stream")]
    Other(&'static str),
    /// The stream ends before the frame does.
    #[error("the code stream breaks off {0}")]
    BreaksOff(&'static str),
    /// The stream says what the format does not allow, or contradicts itself or its declared shape.
    #[error("{0}")]
    Invalid(&'static str),
    /// The stream is legal and of a kind that is not decoded here, or the frame of one that is not encoded.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// The stream claims more samples than the caller allows.
    #[error("the code stream claims more than {samples_max} samples")]
    Limit {
        /// The most that are allowed.
        samples_max: usize,
    },
    /// A library's own words.
    #[error("{0}")]
    Library(String),
    /// There is no encoder for this format.
    #[error("there is no encoder")]
    NoEncoder,
}
