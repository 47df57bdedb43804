//! What reports say in words, in the configured language.
//!
//! Invariant: codes, names of outputs and a package's own texts are the same in every language; the first line is always
//! that the result is not for diagnosis.

use uvid_datasets::dicom::Repair;
use uvid_exam::{Flag, Output, Value};

use super::content::Concept;
use super::reading::{DEPTH_TOLERANCE_MM, Reading};
use super::{Context, codes};
use crate::config::Language;
use crate::report::DISCLAIMER;

/// RFC 5646, as CID 5000 has it.
pub fn language(language: Language) -> Concept {
    match language {
        Language::En => Concept::new("en", "RFC5646", "English"),
        // The context group has no scripts.
        Language::SrLatn | Language::SrCyrl => Concept::new("sr", "RFC5646", "Serbian"),
    }
}

/// One of three.
fn in_language(language: Language, en: &'static str, latn: &'static str, cyrl: &'static str) -> &'static str {
    match language {
        Language::En => en,
        Language::SrLatn => latn,
        Language::SrCyrl => cyrl,
    }
}

/// That the result is for research, in words.
pub fn disclaimer(language: Language) -> &'static str {
    in_language(
        language,
        DISCLAIMER,
        "Za istraživanje i integraciju. Nije za dijagnostiku: nije medicinsko sredstvo, niko ga nije odobrio.",
        "За истраживање и интеграцију. Није за дијагностику: није медицинско средство, нико га није одобрио.",
    )
}

/// That a later result stands in the place of others.
pub fn replaced(language: Language) -> &'static str {
    in_language(
        language,
        "Replaced: the study was scored again, and a later result stands in the place of these objects.",
        "Zamenjeno: pregled je ponovo ocenjen i noviji rezultat stoji umesto ovih objekata.",
        "Замењено: преглед је поново оцењен и новији резултат стоји уместо ових објеката.",
    )
}

/// The result in words, a line for each thing that is said.
pub fn impression(context: &Context<'_>) -> String {
    let (report, to) = (context.report, context.making.language);
    let package = &report.package;
    let mut lines =
        vec![disclaimer(to).to_owned(), format!("{} {}: {}", package.name, package.version, context.manifest.summary)];
    let reading = Reading::of(context);
    if reading.detection.status() == codes::NOT_ATTEMPTED {
        lines.insert(1, no_detection(to).to_owned());
    }
    match &report.outcome {
        Ok(scores) => {
            let exam = exam_label(in_language(to, "Exam", "Pregled", "Преглед"), scores.images.len(), to);
            lines.push(values(&exam, &scores.exam, to));
            for breast in &scores.breasts {
                lines.push(values(side(breast.laterality, to), &breast.outputs, to));
            }
            lines.extend(scores.flags.iter().map(|f| flag(f, to)));
            lines.extend(pairs(&reading, to));
        }
        Err(reasons) => {
            lines.push(in_language(to, "No score.", "Nema ocene.", "Нема оцене.").to_owned());
            lines.extend(reasons.iter().map(|reason| format!("{}: {reason}.", reason.code())));
        }
    }
    if !report.missing.is_empty() {
        let views: Vec<String> = report.missing.iter().map(ToString::to_string).collect();
        let missing = in_language(to, "Views that no image fills", "Projekcije bez snimka", "Пројекције без снимка");
        lines.push(format!("{missing}: {}.", views.join(", ")));
    }
    if !report.unreadable.is_empty() {
        let files = in_language(to, "Files that cannot be read", "Nečitljive datoteke", "Нечитљиве датотеке");
        lines.push(format!("{files}: {}.", report.unreadable.len()));
    }
    lines.extend(package.recalibrated.iter().map(|by| {
        format!(
            "{}: {by}.",
            in_language(
                to,
                "Calibrated at this institution",
                "Kalibrisano u ovoj ustanovi",
                "Калибрисано у овој установи"
            )
        )
    }));
    lines.extend(repairs(context, to));
    lines.extend(misdeclared(context, to));
    lines.retain(|line| !line.is_empty());
    lines.join("\r\n")
}

/// That nobody looked for lesions: what a reader may not take a density for.
pub fn no_detection(language: Language) -> &'static str {
    in_language(
        language,
        "No lesion detection was performed.",
        "Traženje lezija nije izvršeno.",
        "Тражење лезија није извршено.",
    )
}

/// What an exam is called: one of fewer views says of how many.
pub fn exam_label(exam: &str, images: usize, to: Language) -> String {
    if images >= 4 {
        return exam.to_owned();
    }
    let of = in_language(to, "of 4 views", "od 4 projekcije", "од 4 пројекције");
    format!("{exam}, {images} {of}")
}

/// Marks of two views that may be one place.
fn pairs(reading: &Reading<'_>, to: Language) -> Vec<String> {
    let said = in_language(
        to,
        "Marks in the CC and MLO views agree in depth",
        "Oznake u CC i MLO projekciji slažu se po dubini",
        "Ознаке у CC и MLO пројекцији слажу се по дубини",
    );
    let line = |(cc, mlo): &(usize, usize)| {
        let (cc, mlo) = reading.marks.get(*cc).zip(reading.marks.get(*mlo))?;
        let side = reading.images.get(cc.image)?.laterality?;
        let of = self::side(side, to);
        Some(format!(
            "{said} (±{DEPTH_TOLERANCE_MM} mm): {of}, {}, CC {} - MLO {}.",
            cc.region.name, cc.number, mlo.number
        ))
    };
    reading.pairs.iter().filter_map(line).collect()
}

/// That texts of the images hold what their character set does not have.
fn misdeclared(context: &Context<'_>, to: Language) -> Option<String> {
    let said = in_language(
        to,
        "The images' text is not in the character set that they declare.",
        "Tekst snimaka nije u skupu znakova koji navode.",
        "Текст снимака није у скупу знакова који наводе.",
    );
    context.sources.iter().any(|source| source.misdeclared).then(|| said.to_owned())
}

/// What was read otherwise than declared.
fn repairs(context: &Context<'_>, to: Language) -> Vec<String> {
    let repaired: Vec<_> = context.sources.iter().filter_map(|s| Some((&s.sop_instance, s.repaired?))).collect();
    let mut lines: Vec<String> = Vec::new();
    for (uid, repair) in repaired {
        let rule = context.making.charsets.iter().find(|(of, ..)| of == uid).map_or("", |(.., rule)| rule.as_str());
        let name = match repair {
            Repair::Windows1250 => "windows-1250",
            Repair::Windows1251 => "windows-1251",
            Repair::Utf8 => "UTF-8",
            Repair::Latin2 => "ISO 8859-2",
            Repair::Cyrillic => "ISO 8859-5",
        };
        let said = in_language(
            to,
            "Text of the images was read as {set}, by the rule for the sender {rule}.",
            "Tekst snimaka pročitan je kao {set}, po pravilu za pošiljaoca {rule}.",
            "Текст снимака прочитан је као {set}, по правилу за пошиљаоца {rule}.",
        );
        let line = said.replace("{set}", name).replace("{rule}", rule);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

fn side(laterality: uvid_exam::Laterality, to: Language) -> &'static str {
    match laterality {
        uvid_exam::Laterality::Left => in_language(to, "Left breast", "Leva dojka", "Лева дојка"),
        uvid_exam::Laterality::Right => in_language(to, "Right breast", "Desna dojka", "Десна дојка"),
    }
}

fn values(of: &str, outputs: &[Output], to: Language) -> String {
    if outputs.is_empty() {
        return String::new();
    }
    let said: Vec<String> = outputs.iter().map(|o| format!("{} {}", o.name, value(&o.value, to))).collect();
    format!("{of}: {}.", said.join("; "))
}

/// A value with what kind of number it is: a raw score is never taken for a probability.
pub fn value(value: &Value, to: Language) -> String {
    match value {
        Value::Score(score) => format!("{} ({})", short(score.get()), raw(to)),
        Value::Probability(p) => {
            let kind = in_language(to, "probability", "verovatnoća", "вероватноћа");
            format!("{} % ({kind})", short(p.get() * 100.0))
        }
        Value::Risk { years, probability } => {
            let kind = in_language(to, "risk, years", "rizik, godina", "ризик, година");
            format!("{} % ({kind}: {years})", short(probability.get() * 100.0))
        }
        Value::Percentile(p) => {
            let kind = in_language(
                to,
                "percentile of the reference",
                "percentil referentne grupe",
                "перцентил референтне групе",
            );
            format!("{} ({kind})", short(p.get()))
        }
        Value::Category(category) => category.clone(),
        Value::RelativeRisk { ratio, reference, source, .. } => {
            let kind = in_language(
                to,
                "published relative risk against",
                "objavljen relativni rizik prema",
                "објављен релативни ризик према",
            );
            format!("{} ({kind} {reference}; {source})", short(*ratio))
        }
    }
}

fn raw(to: Language) -> &'static str {
    in_language(to, "raw score, no probability", "sirova ocena, nije verovatnoća", "сирова оцена, није вероватноћа")
}

fn flag(flag: &Flag, to: Language) -> String {
    let said = if flag.flagged {
        in_language(to, "at or above", "na pragu ili iznad", "на прагу или изнад")
    } else {
        in_language(to, "below", "ispod praga", "испод прага")
    };
    let point = in_language(to, "Operating point", "Radna tačka", "Радна тачка");
    let of = flag.laterality.map(|l| format!(", {}", side(l, to))).unwrap_or_default();
    let by = flag.set_by.as_ref().map(|by| format!(" [{by}]")).unwrap_or_default();
    format!("{point} {}{of}: {} {said} {}{by}.", flag.point, flag.output, short(flag.threshold))
}

/// Four digits are enough to read; the numbers themselves stand beside the text.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.trim_start_matches(['-', '0', '.']).is_empty() && value != 0.0 {
        format!("{value:.2e}")
    } else {
        text.to_owned()
    }
}
