//! Which image fills which of the four standard views, and why the others do not.
//!
//! The rules, in order. An image is *eligible* when its file names one side and a standard view (CC or MLO) without a
//! modifier that changes it, without magnification, is whole, and is of a kind, maker and intent that the model takes. Among
//! the eligible images one kind of acquisition is chosen for the exam, the one that fills most views, the preferred
//! among equals. In each slot the winner is the image of the preferred intent, then of the preferred implant technique, then the larger area, then the latest acquisition; a tie that is still left goes to
//! the larger SOP Instance UID, so that the order of arrival never decides.
//!
//! Invariants: an exam holds images of one study and one patient; the outcome does not depend on the order of the
//! images; every image received has exactly one [`Fate`]; a contradiction stops the study instead of being guessed at.

use std::collections::BTreeMap;

use time::PrimitiveDateTime;

use crate::{
    Acquisition, Because, Content, Fate, Implant, Intent, Lossy, Mammogram, Patient, Reason, Received, Slot, Slots,
    SopInstanceUid, StudyInstanceUid, View, ViewModifier,
};

/// What a model takes, as its package states it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The views without which there is no score. One view of any is always needed.
    pub required: Vec<Slot>,
    /// The kinds of image taken, preferred first.
    pub acquisitions: Vec<Acquisition>,
    /// The intents taken, preferred first. An image that does not state its intent is taken for presentation.
    pub intents: Vec<Intent>,
    /// Whether breasts with implants are taken (the implant-displaced view is then preferred).
    pub implants: bool,
    /// Whether images after lossy compression are taken.
    pub lossy: bool,
    /// Whether images with identity burned into the pixels are taken.
    pub burned_in_annotation: bool,
    /// The largest Estimated Radiographic Magnification Factor (0018,1114) of a contact view.
    pub magnification_max: f64,
    /// The makers of equipment taken: Manufacturer (0008,0070) holds one of these, whatever the case. `None`: any.
    pub manufacturers: Option<Vec<String>>,
    /// How far images may be reduced while they are decoded. `None`: not at all.
    pub reduced: Option<Reduced>,
}

/// Leave to decode an image at half its resolution, a quarter and so on, where its code stream (wavelets) offers that.
///
/// It is another image than one that is decoded whole and resampled, so a model's package says whether it was made for
/// that; nobody else may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reduced {
    /// The fewest pixels that each side may be left with.
    pub side_min: usize,
}

impl Reduced {
    /// How many times to halve an image of so many rows and columns, its stream offering `offered` times. Only what
    /// halves without a remainder is halved, so that every pixel covers the same area.
    pub fn halvings(self, rows: usize, columns: usize, offered: u8) -> u8 {
        let allowed = |times: &u8| {
            let enough = |side: usize| side.is_multiple_of(1 << times) && side >> times >= self.side_min.max(1);
            enough(rows) && enough(columns)
        };
        (1..=offered.min(16)).take_while(allowed).last().unwrap_or(0)
    }
}

/// The images that a model looks at: one study, one patient, at most one image a view, at least one in all.
#[derive(Debug, Clone)]
pub struct Exam {
    study: StudyInstanceUid,
    images: Slots<Mammogram>,
}

impl Exam {
    /// The study.
    pub fn study(&self) -> &StudyInstanceUid {
        &self.study
    }

    /// The images by view, never empty.
    pub fn images(&self) -> &Slots<Mammogram> {
        &self.images
    }

    /// Chooses the images of an exam under a model's rules, as the module describes.
    pub fn assemble(received: Vec<Received>, rules: &Rules) -> Assembly {
        assemble(received, rules)
    }
}

/// The outcome of [`Exam::assemble`].
#[derive(Debug, Clone)]
pub struct Assembly {
    /// The exam, or every reason why there is none.
    pub exam: Result<Exam, Vec<Reason>>,
    /// What became of each file, by SOP Instance UID; a file received twice is listed twice.
    pub fates: Vec<(SopInstanceUid, Fate)>,
    /// What was odd about a file and tolerated, by SOP Instance UID; without any patient identity.
    pub notes: Vec<(SopInstanceUid, String)>,
    /// The standard views that no image fills.
    pub missing: Vec<Slot>,
}

/// An image's area for ranking: square millimetres where all candidates state their spacing, else pixels.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Area(f64);

impl Area {
    fn of(image: &Mammogram, in_mm: bool) -> Self {
        let (rows, columns) = image.file_size;
        match image.spacing {
            Some(s) if in_mm => {
                let pixels = image.pixels.rows() as f64 * image.pixels.columns() as f64;
                Self((pixels * s.row_mm * s.column_mm).round())
            }
            Some(_) | None => Self(rows as f64 * columns as f64),
        }
    }
}

fn assemble(mut received: Vec<Received>, rules: &Rules) -> Assembly {
    received.sort_by(|a, b| (a.content.sop_instance(), &a.digest).cmp(&(b.content.sop_instance(), &b.digest)));
    let mut stops = identity_conflicts(&received);
    stops.extend(opposite_chest_walls(&received));
    let (mut fates, mut notes) = (Vec::new(), Vec::new());
    let mut candidates: Slots<Vec<Mammogram>> = Slots::new();

    let mut previous: Option<(SopInstanceUid, [u8; 32])> = None;
    for Received { digest, content } in received {
        let this = content.sop_instance().clone();
        if let Some((uid, before)) = &previous
            && *uid == this
        {
            if *before == digest {
                fates.push((this, Fate::SameAgain));
            } else {
                let reason = Reason::DuplicateDiffers(this.clone());
                fates.push((this.clone(), Fate::Contradiction(reason.clone())));
                if !stops.contains(&reason) {
                    stops.push(reason);
                }
                previous = Some((this, digest));
            }
            continue;
        }
        previous = Some((this.clone(), digest));
        stops.extend(content.contradictions().iter().cloned());
        notes.extend(content.notes().iter().map(|note| (this.clone(), note.clone())));
        match content {
            Content::Listed(listed) => fates.push((this, listed.fate)),
            Content::Mammogram(image) => match eligible(&image, rules) {
                Ok(slot) => candidates.entry(slot).or_default().push(*image),
                Err(fate) => fates.push((this, fate)),
            },
        }
    }

    one_kind(&mut candidates, rules, &mut fates);
    let mut images = Slots::new();
    for (slot, group) in candidates {
        if let Some(winner) = choose(slot, group, rules, &mut fates) {
            fates.push((winner.sop_instance.clone(), Fate::Chosen(slot)));
            images.insert(slot, winner);
        }
    }
    fates.sort_by(|a, b| a.0.cmp(&b.0));

    let missing: Vec<Slot> = Slot::ALL.into_iter().filter(|s| !images.contains_key(s)).collect();
    if images.is_empty() {
        stops.push(none_taken(&fates));
    } else {
        let needed = missing.iter().filter(|s| rules.required.contains(s));
        stops.extend(needed.map(|s| Reason::ViewMissing(s.laterality(), s.view())));
    }
    let study = images.values().next().map(|image| image.study.clone());
    let exam = match study {
        Some(study) if stops.is_empty() => Ok(Exam { study, images }),
        Some(_) | None => Err(stops),
    };
    Assembly { exam, fates, notes, missing }
}

/// Why no view is filled: how many images were not taken, and for what.
fn none_taken(fates: &[(SopInstanceUid, Fate)]) -> Reason {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for (_, fate) in fates {
        if !matches!(fate, Fate::NotAnalysed(_) | Fate::Unreadable(_) | Fate::SameAgain) {
            *counted.entry(fate.to_string().trim_start_matches("not analysed: ").to_owned()).or_default() += 1;
        }
    }
    if counted.is_empty() {
        return Reason::NoMammogram;
    }
    let counted: Vec<_> = counted.into_iter().map(|(why, n)| format!("{why} ({n})")).collect();
    Reason::NoneTaken(counted.join("; "))
}

/// More than one study, or files that cannot be of one patient.
fn identity_conflicts(received: &[Received]) -> Vec<Reason> {
    let mut studies: Vec<&StudyInstanceUid> = received.iter().map(|r| r.content.study()).collect();
    studies.sort();
    studies.dedup();
    let mut reasons = Vec::new();
    if studies.len() > 1 {
        reasons.push(Reason::SeveralStudies(studies.len()));
    }
    // Agreement is not transitive (a file may say nothing), so every pair is looked at; distinct patients are few.
    let mut distinct: Vec<&Patient> = Vec::new();
    for patient in received.iter().map(|r| r.content.patient()) {
        if distinct.iter().any(|d| !d.agrees_with(patient)) {
            reasons.push(Reason::SeveralPatients);
            break;
        }
        if !distinct.contains(&patient) {
            distinct.push(patient);
        }
    }
    reasons
}

/// Images of one breast that lie with their chest walls on opposite sides. A mirrored image of the same breast and a
/// plain one of the other cannot be told apart: one of them may carry the wrong side.
fn opposite_chest_walls(received: &[Received]) -> Option<Reason> {
    let standard = received.iter().filter_map(|r| match &r.content {
        Content::Mammogram(image) if image.view.is_some_and(View::is_standard) => Some(image),
        Content::Mammogram(_) | Content::Listed(_) => None,
    });
    let lying: Vec<_> = standard.filter_map(|i| Some((i.laterality?, i.seen_chest_wall?, &i.sop_instance))).collect();
    let (breast, _, uid) = lying.iter().find(|a| lying.iter().any(|b| a.0 == b.0 && a.1 != b.1))?;
    Some(Reason::Contradiction {
        uid: (*uid).clone(),
        what: "laterality",
        detail: format!("the images said to be of breast {breast} lie with their chest walls on opposite sides"),
    })
}

/// Kinds of acquisition are never mixed within an exam: the kind that fills most views stays, the preferred one among
/// equals.
fn one_kind(candidates: &mut Slots<Vec<Mammogram>>, rules: &Rules, fates: &mut Vec<(SopInstanceUid, Fate)>) {
    let views = |kind: Acquisition| {
        candidates.values().filter(|group| group.iter().any(|image| image.acquisition == kind)).count()
    };
    // The last of the greatest: hence the preferred kinds last.
    let Some(chosen) = rules.acquisitions.iter().rev().copied().max_by_key(|kind| views(*kind)) else { return };
    for group in candidates.values_mut() {
        let (stay, leave) = std::mem::take(group).into_iter().partition(|image| image.acquisition == chosen);
        *group = stay;
        let leave: Vec<Mammogram> = leave;
        fates.extend(leave.into_iter().map(|image| (image.sop_instance, Fate::OtherKind(chosen))));
    }
}

/// The slot that an image may fill, or why it may fill none.
pub(crate) fn eligible(image: &Mammogram, rules: &Rules) -> Result<Slot, Fate> {
    if let Some(reason) = image.contradictions.first() {
        return Err(Fate::Contradiction(reason.clone()));
    }
    let view = image.view.ok_or(Fate::NoView)?;
    let laterality = image.laterality.ok_or(Fate::NoLaterality)?;
    let slot = Slot::of(laterality, view).ok_or(Fate::AdditionalView(view))?;
    if let Some(modifier) = image.modifiers.iter().find(|m| !m.leaves_view_standard()) {
        return Err(Fate::Modified(*modifier));
    }
    if image.unknown_modifier {
        return Err(Fate::UnknownModifier);
    }
    if let Some(factor) = image.magnification.filter(|m| *m > rules.magnification_max) {
        return Err(Fate::Magnified(factor));
    }
    if image.partial_view {
        return Err(Fate::PartialView);
    }
    if !rules.acquisitions.contains(&image.acquisition) {
        return Err(Fate::AcquisitionNotTaken(image.acquisition));
    }
    if !manufacturer_taken(image.manufacturer.as_deref(), rules) {
        return Err(Fate::manufacturer_not_taken(image.manufacturer.as_deref()));
    }
    let intent = image.intent.unwrap_or(Intent::ForPresentation);
    if !rules.intents.contains(&intent) {
        return Err(Fate::IntentNotTaken(intent));
    }
    if image.implant == Implant::Present && !rules.implants {
        return Err(Fate::ImplantNotTaken);
    }
    if image.lossy == Lossy::Yes && !rules.lossy {
        return Err(Fate::LossyNotTaken);
    }
    if image.burned_in_annotation && !rules.burned_in_annotation {
        return Err(Fate::BurnedInAnnotation);
    }
    Ok(slot)
}

fn manufacturer_taken(manufacturer: Option<&str>, rules: &Rules) -> bool {
    let Some(taken) = &rules.manufacturers else { return true };
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    // Whole words in a row: "GE" is not in "Image".
    let manufacturer = words(manufacturer.unwrap_or_default());
    taken
        .iter()
        .map(|name| words(name))
        .any(|name| !name.is_empty() && manufacturer.windows(name.len()).any(|w| w == name))
}

/// What is compared, in order; greater wins.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
struct Rank {
    intent: i64,
    implant_displaced: bool,
    area: Area,
    acquired: Option<PrimitiveDateTime>,
    uid: SopInstanceUid,
}

impl Rank {
    fn of(image: &Mammogram, rules: &Rules, in_mm: bool) -> Self {
        // The place in the list of preferences, negated so that the first is the greatest.
        fn place<T: PartialEq>(list: &[T], item: &T) -> i64 {
            let place = list.iter().position(|x| x == item).unwrap_or(list.len());
            -i64::try_from(place).unwrap_or(i64::MAX)
        }
        let intent = image.intent.unwrap_or(Intent::ForPresentation);
        Self {
            intent: place(&rules.intents, &intent),
            implant_displaced: image.modifiers.contains(&ViewModifier::ImplantDisplaced),
            area: Area::of(image, in_mm),
            acquired: image.acquired,
            uid: image.sop_instance.clone(),
        }
    }

    /// The first rule that tells the winner from the other.
    fn because(&self, other: &Self) -> Because {
        if self.intent != other.intent {
            Because::Intent
        } else if self.implant_displaced != other.implant_displaced {
            Because::ImplantDisplaced
        } else if self.area != other.area {
            Because::Area
        } else if self.acquired != other.acquired {
            Because::Later
        } else {
            Because::Uid
        }
    }
}

fn choose(
    slot: Slot,
    group: Vec<Mammogram>,
    rules: &Rules,
    fates: &mut Vec<(SopInstanceUid, Fate)>,
) -> Option<Mammogram> {
    let in_mm = group.iter().all(|image| image.spacing.is_some());
    let mut ranked: Vec<(Rank, Mammogram)> =
        group.into_iter().map(|image| (Rank::of(&image, rules, in_mm), image)).collect();
    // Areas are products of finite positive numbers, so the comparison is never undefined.
    ranked.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap_or(std::cmp::Ordering::Equal));
    let mut ranked = ranked.into_iter();
    let (best, winner) = ranked.next()?;
    for (rank, image) in ranked {
        let because = best.because(&rank);
        fates.push((image.sop_instance, Fate::Outranked { slot, by: winner.sop_instance.clone(), because }));
    }
    Some(winner)
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
