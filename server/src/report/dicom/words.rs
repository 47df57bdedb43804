//! What reports say in words, in the configured language.
//!
//! Invariant: codes, names of outputs and a package's own texts are the same in every language; the first line is always
//! that the result is not for diagnosis.

use uvid_datasets::dicom::Repair;
use uvid_exam::{Flag, Output, Value};

use super::Context;
use super::content::Concept;
use crate::config::Language;
use crate::report::DISCLAIMER;

/// RFC 5646, as CID 5000 has it.
pub fn language(language: Language) -> Concept {
    match language {
        Language::En => Concept::new("en", "RFC5646", "English"),
        Language::SrLatn => Concept::new("sr-Latn", "RFC5646", "Serbian (Latin)"),
        Language::SrCyrl => Concept::new("sr-Cyrl", "RFC5646", "Serbian (Cyrillic)"),
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
    match &report.outcome {
        Ok(scores) => {
            lines.push(values(in_language(to, "Exam", "Pregled", "Преглед"), &scores.exam, to));
            for breast in &scores.breasts {
                lines.push(values(side(breast.laterality, to), &breast.outputs, to));
            }
            lines.extend(scores.flags.iter().map(|f| flag(f, to)));
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
            in_language(to, "Calibrated at this site", "Kalibrisano na licu mesta", "Калибрисано на лицу места")
        )
    }));
    lines.extend(repairs(context, to));
    lines.retain(|line| !line.is_empty());
    lines.join("\r\n")
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
