//! Which breast, from where.
//!
//! Sources in the order in which they are believed. Side: Image Laterality (0020,0062), Frame Laterality (0020,9072),
//! Laterality (0020,0060), the anatomic region's code, the letter before a view in View Position. View: the code in
//! View Code Sequence (0054,0220), View Position (0018,5101), descriptions.
//!
//! Invariants: what is not in a table is not a view; `ML` is not `MLO`, `XCCL` is not `CC`. Two sources that say
//! different things are a contradiction, except free text, which is believed only where nothing else speaks. Where one
//! source says a standard view and the other something that is not understood, the view has an unknown modifier.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use uvid_exam::{Implant, Laterality, View, ViewModifier};

use super::element::DataSet;
use super::record::Record;

/// What a source says of the side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    One(Laterality),
    Both,
}

/// What is seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) view: Option<View>,
    pub(super) modifiers: Vec<ViewModifier>,
    pub(super) unknown_modifier: bool,
}

/// Which breast.
pub(super) fn laterality(data: &DataSet<'_>, record: &mut Record) -> Option<Laterality> {
    let frame = [tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE]
        .into_iter()
        .filter_map(|groups| data.item(groups)?.item(tags::FRAME_ANATOMY_SEQUENCE))
        .find(|anatomy| anatomy.code(tags::FRAME_LATERALITY).is_some());
    let sources = [
        ("Image Laterality (0020,0062)", letter(data, tags::IMAGE_LATERALITY)),
        ("Frame Laterality (0020,9072)", frame.and_then(|f| letter(&f, tags::FRAME_LATERALITY))),
        ("Laterality (0020,0060)", letter(data, tags::LATERALITY)),
        ("Anatomic Region Sequence (0008,2218)", region(data)),
        ("View Position (0018,5101)", position(data).and_then(|p| p.side).map(Said::One)),
    ];
    let sides: Vec<(&str, Laterality)> = sources
        .iter()
        .filter_map(|(name, said)| match said {
            Some(Said::One(side)) => Some((*name, *side)),
            Some(Said::Both) | None => None,
        })
        .collect();
    if let [(first, side), rest @ ..] = sides.as_slice()
        && let Some((other, differs)) = rest.iter().find(|(_, s)| s != side)
    {
        record.contradiction("laterality", format!("{first} says {side}, {other} says {differs}"));
    }
    match sources.iter().find_map(|(name, said)| said.map(|said| (name, said))) {
        Some((_, Said::One(side))) => Some(side),
        Some((name, Said::Both)) => {
            record.note(format!("{name} says both breasts"));
            None
        }
        None => None,
    }
}

fn letter(data: &DataSet<'_>, tag: Tag) -> Option<Said> {
    match data.upper(tag)?.as_str() {
        "L" | "LEFT" => Some(Said::One(Laterality::Left)),
        "R" | "RIGHT" => Some(Said::One(Laterality::Right)),
        "B" | "BOTH" => Some(Said::Both),
        _ => None,
    }
}

/// Anatomic Region Sequence: its modifier (PS3.16 CID 244), else a breast with a side (CID 6022).
fn region(data: &DataSet<'_>) -> Option<Said> {
    let region = data.item(tags::ANATOMIC_REGION_SEQUENCE)?;
    let modifiers = region.items(tags::ANATOMIC_REGION_MODIFIER_SEQUENCE);
    modifiers.iter().chain(std::iter::once(&region)).find_map(|item| {
        let (scheme, code) = code(item)?;
        match (scheme, code.as_str()) {
            (Scheme::Sct, "7771000" | "80248007") | (Scheme::Srt, "G-A101" | "T-04030") => {
                Some(Said::One(Laterality::Left))
            }
            (Scheme::Sct, "24028007" | "73056007") | (Scheme::Srt, "G-A100" | "T-04020") => {
                Some(Said::One(Laterality::Right))
            }
            (Scheme::Sct, "51440002" | "63762007") | (Scheme::Srt, "G-A102" | "T-04080") => Some(Said::Both),
            _ => None,
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// SNOMED CT.
    Sct,
    /// SNOMED RT under its three names (PS3.16 section 8).
    Srt,
}

/// A code item's scheme and value (PS3.3 section 8.8), if the scheme is one of SNOMED's.
fn code(item: &DataSet<'_>) -> Option<(Scheme, String)> {
    let scheme = match item.upper(tags::CODING_SCHEME_DESIGNATOR)?.as_str() {
        "SCT" => Scheme::Sct,
        "SRT" | "SNM3" | "99SDM" => Scheme::Srt,
        _ => return None,
    };
    let value = item.upper(tags::CODE_VALUE).or_else(|| item.upper(tags::LONG_CODE_VALUE))?;
    Some((scheme, value))
}

/// View and modifiers.
pub(super) fn view(data: &DataSet<'_>, record: &mut Record) -> Seen {
    let (coded, odd_code) = coded_view(data, record);
    let (mut modifiers, odd_modifier) = modifiers(data, record);
    let position = position(data);
    let odd_position = position.is_none() && position_text(data).is_some();
    if odd_position {
        record.note("View Position (0018,5101) holds no known view");
    }
    let Position { view: positioned, modifiers: more, .. } = position.unwrap_or_default();
    modifiers.extend(more);
    if let (Some(coded), Some(positioned)) = (coded, positioned)
        && coded != positioned
    {
        let detail =
            format!("View Code Sequence (0054,0220) says {coded}, View Position (0018,5101) says {positioned}");
        record.contradiction("view", detail);
    }
    // What is not understood may say that the view is not a standard one; a description must not undo that.
    let odd = odd_code || odd_position;
    let view = coded.or(positioned).or_else(|| {
        let (view, more) = if odd { (None, Vec::new()) } else { described(data, record) };
        modifiers.extend(more);
        view
    });
    modifiers.sort();
    modifiers.dedup();
    Seen { view, modifiers, unknown_modifier: odd_modifier || odd && view.is_some_and(View::is_standard) }
}

/// Whether a code item has a value, of whatever scheme.
fn has_code(item: &DataSet<'_>) -> bool {
    [tags::CODE_VALUE, tags::LONG_CODE_VALUE, tags::URN_CODE_VALUE].into_iter().any(|tag| item.code(tag).is_some())
}

/// The view of View Code Sequence, and whether a code is there that CID 4014 does not have.
fn coded_view(data: &DataSet<'_>, record: &mut Record) -> (Option<View>, bool) {
    let items = data.items(tags::VIEW_CODE_SEQUENCE);
    let Some(first) = items.first() else { return (None, false) };
    if items.len() > 1 {
        record.note("View Code Sequence (0054,0220) has several items; the first counts");
    }
    let known = code(first).and_then(|(scheme, value)| {
        View::ALL.iter().copied().find(|view| match scheme {
            Scheme::Sct => view.sct() == value,
            Scheme::Srt => view.srt() == value,
        })
    });
    if known.is_none() {
        record.note("View Code Sequence (0054,0220) holds a code that CID 4014 does not have");
    }
    (known, known.is_none() && has_code(first))
}

/// View Modifier Code Sequence (0054,0222), inside the view's item as PS3.3 C.8.11.7 has it, or outside as some do;
/// and Paddle Description (0018,11A4). Also whether a code is there that CID 4015 does not have.
fn modifiers(data: &DataSet<'_>, record: &mut Record) -> (Vec<ViewModifier>, bool) {
    let (mut found, mut unknown) = (Vec::new(), false);
    let views = data.items(tags::VIEW_CODE_SEQUENCE);
    for item in views.iter().chain(std::iter::once(data)).flat_map(|d| d.items(tags::VIEW_MODIFIER_CODE_SEQUENCE)) {
        let known = code(&item).and_then(|(scheme, value)| {
            ViewModifier::ALL.iter().copied().find(|modifier| match scheme {
                Scheme::Sct => modifier.sct() == value,
                Scheme::Srt => modifier.srt() == value,
            })
        });
        // A code of another scheme may still carry the meaning of one that is known: better believed than dropped,
        // since a modifier only ever takes an image out of the standard views.
        let meant = known.or_else(|| {
            let meaning = item.text(tags::CODE_MEANING)?.to_lowercase();
            ViewModifier::ALL.iter().copied().find(|modifier| meaning.contains(modifier.short()))
        });
        match meant {
            Some(modifier) => found.push(modifier),
            None => {
                record.note("View Modifier Code Sequence (0054,0222) holds a code that CID 4015 does not have");
                unknown |= has_code(&item);
            }
        }
    }
    if let Some(paddle) = data.text(tags::PADDLE_DESCRIPTION) {
        let words = words(&paddle);
        let mut when = |prefix: &str, modifier| {
            if words.iter().any(|word| word.starts_with(prefix)) {
                found.push(modifier);
            }
        };
        when("SPOT", ViewModifier::SpotCompression);
        when("MAG", ViewModifier::Magnification);
    }
    (found, unknown)
}

/// What View Position says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Position {
    side: Option<Laterality>,
    view: Option<View>,
    modifiers: Vec<ViewModifier>,
}

/// View Position has one value; the further ones that it must not have are not overlooked.
fn position_text(data: &DataSet<'_>) -> Option<String> {
    let text = data.codes(tags::VIEW_POSITION).join(" ").trim().to_ascii_uppercase();
    (!text.is_empty()).then_some(text)
}

fn position(data: &DataSet<'_>) -> Option<Position> {
    parse_position(&position_text(data)?)
}

/// The labels that radiographers put before, behind or in place of a view (ACR mammography labelling codes).
const LABELS: &[(&str, ViewModifier)] = &[
    ("AT", ViewModifier::AxillaryTail),
    ("CV", ViewModifier::Cleavage),
    ("RL", ViewModifier::RolledLateral),
    ("RM", ViewModifier::RolledMedial),
    ("RI", ViewModifier::RolledInferior),
    ("RS", ViewModifier::RolledSuperior),
    ("TAN", ViewModifier::Tangential),
    ("ID", ViewModifier::ImplantDisplaced),
    ("SPOT", ViewModifier::SpotCompression),
    ("MAG", ViewModifier::Magnification),
];

fn label(text: &str) -> Option<ViewModifier> {
    LABELS.iter().find(|(label, _)| *label == text).map(|(_, modifier)| *modifier)
}

fn named(text: &str) -> Option<View> {
    View::ALL.iter().copied().find(|view| view.short() == text)
}

/// What may stand between a side, a view and a label.
const SEPARATORS: [char; 5] = [' ', '-', '_', ',', '+'];

fn without<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    Some(text.strip_prefix(prefix)?.trim_start_matches(SEPARATORS))
}

/// A label alone, or a labelled view that may have a side before it. What can be read without a side has none: `RL` is
/// rolled laterally, `LM` latero-medial.
fn parse_position(text: &str) -> Option<Position> {
    if let Some(modifier) = label(text) {
        return Some(Position { modifiers: vec![modifier], ..Position::default() });
    }
    let sided = Laterality::ALL.into_iter().filter_map(|side| Some((Some(side), without(text, side.letter())?)));
    std::iter::once((None, text)).chain(sided).find_map(|(side, rest)| {
        let (view, modifiers) = magnified(rest)?;
        Some(Position { side, view: Some(view), modifiers })
    })
}

/// A labelled view that may have the `M` of a magnified one before it. What can be read without an `M` has none: `MLO`
/// is no magnified `LO`.
fn magnified(text: &str) -> Option<(View, Vec<ViewModifier>)> {
    labelled(text).or_else(|| {
        let (view, mut modifiers) = labelled(without(text, "M")?)?;
        modifiers.push(ViewModifier::Magnification);
        Some((view, modifiers))
    })
}

/// A view; a view with a label behind it.
fn labelled(text: &str) -> Option<(View, Vec<ViewModifier>)> {
    let behind = |view: &View| Some((*view, vec![label(without(text, view.short())?)?]));
    named(text).map(|view| (view, Vec::new())).or_else(|| View::ALL.iter().find_map(behind))
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_uppercase).collect()
}

/// The one view that a description of this very image names as a word of its own, and the labels beside it.
///
/// Study Description is not asked: it speaks of all images at once.
fn described(data: &DataSet<'_>, record: &mut Record) -> (Option<View>, Vec<ViewModifier>) {
    let descriptions = [
        ("Series Description (0008,103E)", tags::SERIES_DESCRIPTION),
        ("Acquisition Device Processing Description (0018,1400)", tags::ACQUISITION_DEVICE_PROCESSING_DESCRIPTION),
        ("Protocol Name (0018,1030)", tags::PROTOCOL_NAME),
    ];
    for (name, tag) in descriptions {
        let Some(text) = data.text(tag) else { continue };
        let words = words(&text);
        let mut views: Vec<View> = words.iter().filter_map(|w| parse_position(w)?.view).collect();
        views.sort();
        views.dedup();
        if let [view] = views.as_slice() {
            record.note(format!("the view {view} is taken from {name}, with low confidence"));
            let modifiers = words.iter().filter_map(|w| parse_position(w)).flat_map(|p| p.modifiers).collect();
            return (Some(*view), modifiers);
        }
    }
    (None, Vec::new())
}

/// Breast Implant Present (0028,1300); an implant-displaced view has one whatever it says.
pub(super) fn implant(data: &DataSet<'_>, modifiers: &[ViewModifier], record: &mut Record) -> Implant {
    let declared = match data.upper(tags::BREAST_IMPLANT_PRESENT).as_deref() {
        Some("YES") => Implant::Present,
        Some("NO") => Implant::Absent,
        Some(_) | None => Implant::NotSaid,
    };
    if !modifiers.contains(&ViewModifier::ImplantDisplaced) {
        return declared;
    }
    if declared == Implant::Absent {
        record.note("Breast Implant Present (0028,1300) says NO in an implant-displaced view");
    }
    Implant::Present
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn view_positions() {
        let check = |text: &str, side: &str, view: &str, expected: &[ViewModifier]| {
            let found = parse_position(text).unwrap_or_default();
            let said = (found.side.map_or("", Laterality::letter), found.view.map_or("", View::short));
            assert_eq!((said, found.modifiers.as_slice()), ((side, view), expected), "{text}");
        };
        for &view in View::ALL {
            check(view.short(), "", view.short(), &[]);
            check(&format!("M{}", view.short()), "", view.short(), &[ViewModifier::Magnification]);
            for side in Laterality::ALL {
                let text = format!("{side}{view}");
                // `LMLO` has a side; `LMO`, which is not `MO`, has none.
                let whole = View::ALL.iter().any(|v| v.short() == text);
                check(&text, if whole { "" } else { side.letter() }, if whole { &text } else { view.short() }, &[]);
                check(&format!("{side}M{view}"), side.letter(), view.short(), &[ViewModifier::Magnification]);
            }
        }
        check("L ML", "L", "ML", &[]);
        check("R-CC", "R", "CC", &[]);
        check("AT", "", "", &[ViewModifier::AxillaryTail]);
        check("CV", "", "", &[ViewModifier::Cleavage]);
        check("RL", "", "", &[ViewModifier::RolledLateral]);
        check("RM", "", "", &[ViewModifier::RolledMedial]);
        check("TAN", "", "", &[ViewModifier::Tangential]);
        check("CCRL", "", "CC", &[ViewModifier::RolledLateral]);
        check("MLORL", "", "MLO", &[ViewModifier::RolledLateral]);
        check("MLO-ID", "", "MLO", &[ViewModifier::ImplantDisplaced]);
        check("RCCRL", "R", "CC", &[ViewModifier::RolledLateral]);
        check("RCCID", "R", "CC", &[ViewModifier::ImplantDisplaced]);
        check("LMCCRM", "L", "CC", &[ViewModifier::RolledMedial, ViewModifier::Magnification]);
        for unknown in ["CCM", "MLOX", "LO", "MO", "MEDIO", "MMCC", "MMMLO", "LRCC", "L", "M", "CC MLO", ""] {
            check(unknown, "", "", &[]);
        }
    }
}
