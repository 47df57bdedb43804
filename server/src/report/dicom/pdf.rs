//! The sheet as a document: Encapsulated PDF (PS3.3 A.45.1), one page A4.
//!
//! Invariants: the page names nobody; it says in letters, too, what the sheet says of the exam, with whole digests, and
//! carries the notice. Helvetica has no Cyrillic: the letters beneath the sheet are then Serbian Latin ones.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use pdf_writer::types::Predictor;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use uvid_exam::Fate;

use super::modules::{Form, begin, finish, long_string, moment, reference, sequence, text};
use super::words::{disclaimer, exam_label};
use super::{Context, ObjectError, ResultObject, secondary_capture};
use crate::config::{Language, ObjectKind};
use crate::report::sheet::Picture;
use crate::report::sheet::words::{self, Phrase};

/// Encapsulated PDF Storage.
const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.104.1";

/// A4 in points.
const PAGE: (f32, f32) = (595.276, 841.89);
/// Free space at the edges, points.
const EDGE: f32 = 36.0;
/// Height of letters and of a line, points.
const LETTER: f32 = 7.5;
const LINE: f32 = 10.5;
/// Letters of a line: Helvetica's are half as wide as high on the average, and digits a little wider.
const LINE_LETTERS: usize = 120;
/// Lines beneath the sheet.
const LINES_MAX: usize = 11;

/// Letters of Serbian that WinAnsiEncoding lacks: the codes that they take here, and their names in Helvetica.
const LETTERS: [(char, u8, &[u8]); 6] = [
    ('č', 161, b"ccaron"),
    ('Č', 162, b"Ccaron"),
    ('ć', 163, b"cacute"),
    ('Ć', 164, b"Cacute"),
    ('đ', 165, b"dcroat"),
    ('Đ', 166, b"Dcroat"),
];

/// The document of a result, with scores or with the reasons why there are none.
///
/// # Errors
///
/// The object cannot be written, or a UID is none.
pub fn document(context: &Context<'_>) -> Result<ResultObject, ObjectError> {
    let form = Form {
        kind: ObjectKind::Pdf,
        sop_class: SOP_CLASS,
        modality: "DOC",
        description: "Uvid document, research only",
        instance: 1,
    };
    let mut bytes = page(&secondary_capture::picture(context), &lines(context))?;
    let length = u32::try_from(bytes.len()).map_err(|e| ObjectError::Write(ObjectKind::Pdf, e.to_string()))?;
    let mut object = begin(context, &form)?;
    let o = &mut object;
    let (date, time) = moment(context);
    let package = &context.report.package;
    text(o, tags::CONVERSION_TYPE, VR::CS, "WSD");
    text(o, tags::CONTENT_DATE, VR::DA, &date);
    text(o, tags::CONTENT_TIME, VR::TM, &time);
    text(o, tags::ACQUISITION_DATE_TIME, VR::DT, "");
    text(o, tags::BURNED_IN_ANNOTATION, VR::CS, secondary_capture::burned_in(context));
    let title = format!("Uvid: {} {}, not for diagnosis", package.name, package.version);
    text(o, tags::DOCUMENT_TITLE, VR::ST, &long_string(&title));
    sequence(o, tags::CONCEPT_NAME_CODE_SEQUENCE, vec![]);
    let chosen = context.report.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Chosen(_)));
    let sources = chosen.filter_map(|(uid, _)| context.source(uid));
    let sources: Vec<_> = sources.map(|s| reference(s.sop_class.as_str(), s.sop_instance.as_str())).collect();
    if !sources.is_empty() {
        sequence(o, tags::SOURCE_INSTANCE_SEQUENCE, sources);
    }
    text(o, tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT, VR::LO, "application/pdf");
    o.put(DataElement::new(
        tags::ENCAPSULATED_DOCUMENT_LENGTH,
        VR::UL,
        PrimitiveValue::U32([length].as_slice().into()),
    ));
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    o.put(DataElement::new(tags::ENCAPSULATED_DOCUMENT, VR::OB, PrimitiveValue::U8(bytes.into())));
    finish(context, &form, object)
}

/// What stands beneath the sheet; the notice comes last.
fn lines(context: &Context<'_>) -> Vec<String> {
    let language = match context.making.language {
        Language::En => Language::En,
        Language::SrLatn | Language::SrCyrl => Language::SrLatn,
    };
    let say = |phrase: Phrase| phrase.in_language(language);
    let package = &context.report.package;
    let mut all = vec![format!("{} {} {}", say(Phrase::Result), package.name, package.version)];
    all.extend(wrapped(&context.manifest.summary));
    match &context.report.outcome {
        Ok(scores) => {
            let values = words::values(&scores.exam, language).into_iter();
            let values: Vec<String> = values.map(|(name, value)| format!("{name} {value}")).collect();
            let exam = exam_label(&say(Phrase::Exam), scores.images.len(), language);
            all.extend(wrapped(&format!("{exam}: {}", values.join(", "))));
            // What is flagged comes first, so that it is not what there is no room for.
            let (flagged, below): (Vec<_>, Vec<_>) = scores.flags.iter().partition(|flag| flag.flagged);
            for flag in flagged.into_iter().chain(below) {
                all.extend(wrapped(&words::flag(flag, language)));
            }
        }
        Err(reasons) => {
            all.push(say(Phrase::NotScored));
            all.extend(reasons.iter().flat_map(|reason| wrapped(&words::reason(reason))));
        }
    }
    let foot = [
        format!("{} sha256:{}", say(Phrase::Package), package.digest),
        format!("{} sha256:{}", say(Phrase::Recipe), package.recipe_digest),
        disclaimer(language).to_owned(),
    ];
    if all.len() + foot.len() > LINES_MAX {
        let left_out = all.len() + foot.len() + 1 - LINES_MAX;
        all.truncate(all.len() - left_out);
        all.push(format!("{} {left_out}", say(Phrase::More)));
    }
    all.extend(foot);
    all
}

/// Lines of at most [`LINE_LETTERS`].
fn wrapped(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_whitespace() {
        let room = lines.last().map_or(0, |line| LINE_LETTERS.saturating_sub(line.chars().count() + 1));
        match lines.last_mut() {
            Some(last) if last.is_empty() || word.chars().count() <= room => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines.into_iter().map(|line| line.chars().take(LINE_LETTERS).collect()).collect()
}

/// One page: the picture at the top, the lines beneath it.
fn page(picture: &Picture, lines: &[String]) -> Result<Vec<u8>, ObjectError> {
    let failed = |what: &str| ObjectError::Write(ObjectKind::Pdf, what.to_owned());
    let side = |n: usize| i32::try_from(n).map_err(|_| failed("the picture is too large"));
    let (width, height) = (side(picture.width)?, side(picture.height)?);
    let [catalog, pages, sheet, content, font, image, info] = [1, 2, 3, 4, 5, 6, 7].map(Ref::new);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([sheet]).count(1);
    pdf.document_info(info).title(TextStr("Uvid: result of a model, not for diagnosis")).producer(TextStr("Uvid"));
    let mut page = pdf.page(sheet);
    page.parent(pages).media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).contents(content);
    let mut resources = page.resources();
    resources.fonts().pair(Name(b"F"), font);
    resources.x_objects().pair(Name(b"I"), image);
    resources.finish();
    page.finish();
    let mut helvetica = pdf.type1_font(font);
    helvetica.base_font(Name(b"Helvetica"));
    let mut encoding = helvetica.encoding_custom();
    encoding.base_encoding(Name(b"WinAnsiEncoding"));
    let mut differences = encoding.differences();
    for (_, code, name) in LETTERS {
        differences.consecutive(code, [Name(name)]);
    }
    differences.finish();
    encoding.finish();
    helvetica.finish();
    let data = flate(picture).ok_or_else(|| failed("the picture cannot be compressed"))?;
    let mut object = pdf.image_xobject(image, &data);
    object.width(width).height(height).bits_per_component(8).color_space().device_rgb();
    object.filter(Filter::FlateDecode);
    object.decode_parms().predictor(Predictor::PngOptimum).colors(3).bits_per_component(8).columns(width);
    object.finish();
    pdf.stream(content, &drawing(picture, lines));
    Ok(pdf.finish())
}

/// The page's content: the picture as large as the lines leave room for.
fn drawing(picture: &Picture, lines: &[String]) -> Vec<u8> {
    let beneath = LINE * lines.len() as f32 + EDGE / 2.0;
    let room = (PAGE.0 - 2.0 * EDGE, PAGE.1 - 2.0 * EDGE - beneath);
    let scale = (room.0 / picture.width as f32).min(room.1 / picture.height as f32);
    let (width, height) = (picture.width as f32 * scale, picture.height as f32 * scale);
    let bottom = PAGE.1 - EDGE - height;
    let mut content = Content::new();
    content.save_state();
    content.transform([width, 0.0, 0.0, height, (PAGE.0 - width) / 2.0, bottom]);
    content.x_object(Name(b"I"));
    content.restore_state();
    content.begin_text();
    content.set_font(Name(b"F"), LETTER);
    content.set_leading(LINE);
    content.next_line(EDGE, bottom - EDGE / 2.0);
    for line in lines {
        content.show(Str(&encoded(line)));
        content.next_line_using_leading();
    }
    content.end_text();
    content.finish().to_vec()
}

/// Text in the font's encoding: WinAnsi with [`LETTERS`]; what has no place in it is a question mark.
fn encoded(line: &str) -> Vec<u8> {
    let code = |letter: char| {
        let own = LETTERS.iter().find(|(of, ..)| *of == letter).map(|(_, code, _)| *code);
        own.unwrap_or(match letter {
            ' '..='~' => u8::try_from(letter).unwrap_or(b'?'),
            'Š' => 138,
            'š' => 154,
            'Ž' => 142,
            'ž' => 158,
            // As in Latin-1, apart from the codes that our own letters took.
            '\u{a7}'..='\u{ff}' => u8::try_from(u32::from(letter)).unwrap_or(b'?'),
            _ => b'?',
        })
    };
    line.chars().map(code).collect()
}

/// The picture as FlateDecode with PNG predictors has it (ISO 32000-1, 7.4.4.4): the data of the chunks IDAT of a PNG.
fn flate(picture: &Picture) -> Option<Vec<u8>> {
    let (width, height) = (u32::try_from(picture.width).ok()?, u32::try_from(picture.height).ok()?);
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
        .write_image(&picture.rgb, width, height, ExtendedColorType::Rgb8)
        .ok()?;
    let mut data = Vec::new();
    let mut rest = png.get(8..)?;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        if behind.get(..4)? == b"IDAT" {
            data.extend_from_slice(behind.get(4..length.checked_add(4)?)?);
        }
        rest = behind.get(length.checked_add(8)?..)?;
    }
    (!data.is_empty()).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serbian_letters_have_codes() {
        let check = |text: &str, expected: &[u8]| assert_eq!(encoded(text), expected, "{text}");
        check("Ab 1%", b"Ab 1%");
        check("čćđšž", &[161, 163, 165, 154, 158]);
        check("ČĆĐŠŽ", &[162, 164, 166, 138, 142]);
        check("é×ж", &[233, 215, b'?']);
    }

    #[test]
    fn lines_lose_no_word() {
        let text = "word ".repeat(100);
        let lines = wrapped(&text);
        assert!(lines.iter().all(|line| line.chars().count() <= LINE_LETTERS));
        assert_eq!(lines.join(" ").split_whitespace().count(), 100);
        assert_eq!(wrapped(""), [""]);
    }
}
