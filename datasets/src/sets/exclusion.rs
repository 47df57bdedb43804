//! What was left out of a cohort, and at which step.

/// The steps at which something is left out, in the order in which a flow diagram shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The row is no record of the set's kind: a footer, a table's annotation without an image.
    Record,
    /// The row does not say whose image it is, or of which breast.
    Identity,
    /// The same thing was listed before.
    Duplicate,
    /// Not a two-dimensional mammogram of a whole breast.
    Kind,
    /// The set's authors, or the table's, marked it as unusable.
    Unusable,
    /// Two rows contradict each other, and no rule says which one is right.
    Contradiction,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Record, Self::Identity, Self::Duplicate, Self::Kind, Self::Unusable, Self::Contradiction];

    /// The step's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Identity => "identity",
            Self::Duplicate => "duplicate",
            Self::Kind => "kind",
            Self::Unusable => "unusable",
            Self::Contradiction => "contradiction",
        }
    }
}

/// What was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// A patient with all exams.
    Patient,
    /// An exam with all images.
    Exam,
    /// One image.
    Image,
    /// One row about a lesion or a finding; its image stays.
    Finding,
    /// A row of a table that is none of these.
    Row,
}

impl Unit {
    /// `patient`, `exam`, `image`, `finding` or `row`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Exam => "exam",
            Self::Image => "image",
            Self::Finding => "finding",
            Self::Row => "row",
        }
    }
}

/// Something that is in a table and not in the cohort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// At which step.
    pub stage: Stage,
    /// What.
    pub unit: Unit,
    /// The set's name of it; of a row, `file:row`.
    pub id: String,
    /// Why, in a sentence without a name.
    pub reason: String,
}
