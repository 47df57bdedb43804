//! The four views of a screening exam.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Laterality, View};

/// One of the four standard views of a screening exam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Left cranio-caudal.
    LeftCc,
    /// Left medio-lateral oblique.
    LeftMlo,
    /// Right cranio-caudal.
    RightCc,
    /// Right medio-lateral oblique.
    RightMlo,
}

impl Slot {
    /// All four, in the order in which they are listed everywhere.
    pub const ALL: [Self; 4] = [Self::LeftCc, Self::LeftMlo, Self::RightCc, Self::RightMlo];

    /// The slot of a side and a view, if the view is a standard one.
    pub fn of(laterality: Laterality, view: View) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.laterality() == laterality && s.view() == view)
    }

    /// The breast.
    pub fn laterality(self) -> Laterality {
        match self {
            Self::LeftCc | Self::LeftMlo => Laterality::Left,
            Self::RightCc | Self::RightMlo => Laterality::Right,
        }
    }

    /// The view.
    pub fn view(self) -> View {
        match self {
            Self::LeftCc | Self::RightCc => View::CranioCaudal,
            Self::LeftMlo | Self::RightMlo => View::MedioLateralOblique,
        }
    }

    /// `L-CC`, `L-MLO`, `R-CC` or `R-MLO`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeftCc => "L-CC",
            Self::LeftMlo => "L-MLO",
            Self::RightCc => "R-CC",
            Self::RightMlo => "R-MLO",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something for some of the four standard views.
pub type Slots<T> = BTreeMap<Slot, T>;
