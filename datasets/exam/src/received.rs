//! What a study's files turn out to hold.

use crate::assemble::eligible;
use crate::{Fate, Mammogram, Patient, Reason, Rules, SopInstanceUid, StudyInstanceUid};

/// A file of the study that was read.
#[derive(Debug, Clone)]
pub struct Received {
    /// SHA-256 of the file's bytes: tells a resend from a different image under the same UID.
    pub digest: [u8; 32],
    /// What it holds.
    pub content: Content,
}

/// What a file of the study holds.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a study has few files, and pixels dwarf this")]
pub enum Content {
    /// An image that may fill a standard view.
    Mammogram(Box<Mammogram>),
    /// Something else that is kept and listed.
    Listed(Listed),
}

impl Received {
    /// With the file's name beside the reason why it cannot be read, unless it is named by its UID anyway.
    pub fn named(mut self, name: &str) -> Self {
        if let Content::Listed(Listed { fate, sop_instance, .. }) = &mut self.content
            && let Fate::Unreadable(problem) | Fate::Incomplete(problem) = fate
            && sop_instance.as_str() != name
        {
            problem.push_str(&format!(" (file {name})"));
        }
        self
    }

    /// Without the pixels of an image that can fill no view under these rules.
    pub fn without_idle_pixels(self, rules: &Rules) -> Self {
        match &self.content {
            Content::Mammogram(image) => match eligible(image, rules) {
                Ok(_) => self,
                Err(fate) => self.listed(fate),
            },
            Content::Listed(_) => self,
        }
    }

    /// Without pixels at all: what is left when a study has too many of them.
    pub fn without_pixels(self) -> Self {
        self.listed(Fate::NotAnalysed("the study has too many pixels".into()))
    }

    fn listed(self, fate: Fate) -> Self {
        match self.content {
            Content::Listed(_) => self,
            Content::Mammogram(image) => {
                let listed = Listed {
                    study: image.study,
                    sop_instance: image.sop_instance,
                    patient: image.patient,
                    what: "mammogram".into(),
                    fate,
                    contradictions: image.contradictions,
                    notes: image.notes,
                };
                Self { digest: self.digest, content: Content::Listed(listed) }
            }
        }
    }
}

impl Content {
    /// How many decoded pixels are held.
    pub fn pixels(&self) -> usize {
        match self {
            Self::Mammogram(image) => image.pixels.values().len(),
            Self::Listed(_) => 0,
        }
    }

    /// The study that the object belongs to.
    pub fn study(&self) -> &StudyInstanceUid {
        match self {
            Self::Mammogram(image) => &image.study,
            Self::Listed(listed) => &listed.study,
        }
    }

    /// The object's own UID.
    pub fn sop_instance(&self) -> &SopInstanceUid {
        match self {
            Self::Mammogram(image) => &image.sop_instance,
            Self::Listed(listed) => &listed.sop_instance,
        }
    }

    /// What the file's attributes contradict each other about.
    pub fn contradictions(&self) -> &[Reason] {
        match self {
            Self::Mammogram(image) => &image.contradictions,
            Self::Listed(listed) => &listed.contradictions,
        }
    }

    /// What was odd about the file and tolerated.
    pub fn notes(&self) -> &[String] {
        match self {
            Self::Mammogram(image) => &image.notes,
            Self::Listed(listed) => &listed.notes,
        }
    }

    /// Who it is of, as it says.
    pub fn patient(&self) -> &Patient {
        match self {
            Self::Mammogram(image) => &image.patient,
            Self::Listed(listed) => &listed.patient,
        }
    }
}

/// An object that is received and listed, but never scored by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Study Instance UID.
    pub study: StudyInstanceUid,
    /// SOP Instance UID.
    pub sop_instance: SopInstanceUid,
    /// Who.
    pub patient: Patient,
    /// What it is, in words: "tomosynthesis of 60 frames", "structured report".
    pub what: String,
    /// Why it is not scored: [`Fate::NotAnalysed`] or [`Fate::Unreadable`].
    pub fate: Fate,
    /// Contradictions among the file's attributes; any of them stops the study.
    pub contradictions: Vec<Reason>,
    /// What was odd and tolerated, without any patient identity.
    pub notes: Vec<String>,
}
