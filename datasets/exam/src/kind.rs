//! How an image came to be.

use std::fmt;

/// What the pixels are meant for: Presentation Intent Type (0008,0068) and the SOP class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intent {
    /// FOR PRESENTATION: processed for a reader's eye.
    ForPresentation,
    /// FOR PROCESSING: raw detector values.
    ForProcessing,
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForPresentation => "for presentation",
            Self::ForProcessing => "for processing",
        })
    }
}

/// How the image was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acquisition {
    /// Full-field digital mammography: one exposure, one projection.
    Ffdm,
    /// A projection computed from tomosynthesis ("C-View", "S-View", "Intelligent 2D", …).
    Synthetic2d,
    /// Tomosynthesis: a stack of slices or one slice of it.
    Tomosynthesis,
    /// Film, digitised.
    ScreenFilm,
}

impl fmt::Display for Acquisition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ffdm => "FFDM",
            Self::Synthetic2d => "synthetic 2D",
            Self::Tomosynthesis => "tomosynthesis",
            Self::ScreenFilm => "screen-film",
        })
    }
}

/// What the file says of a breast implant, Breast Implant Present (0028,1300).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Implant {
    /// `NO`.
    Absent,
    /// `YES`, or the view is an implant-displaced one.
    Present,
    /// The attribute is absent or empty.
    NotSaid,
}
