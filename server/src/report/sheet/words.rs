//! What pictures of a report say, in three languages.
//!
//! Invariant: names that a package gives and numbers are the same in every language; only our own words change.

use uvid_exam::{Flag, Laterality, Output, Reason, Value};

use crate::config::Language;

/// Our own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phrase {
    /// What every picture says, where there is room for a few words.
    ShortNotice,
    /// Of the whole exam.
    Exam,
    /// Of the right breast.
    RightBreast,
    /// Of the left breast.
    LeftBreast,
    /// No image fills the view.
    NoView,
    /// There is an image of the view, and its file cannot be read.
    Unreadable,
    /// There is an image that nobody could draw.
    NoPicture,
    /// There are no scores.
    NotScored,
    /// Before a threshold.
    AtOrAbove,
    /// Before a threshold.
    Below,
    /// Before the name of an operating point.
    OperatingPoint,
    /// Before the name of a heat map.
    HeatMap,
    /// Before a count of what is not shown.
    More,
    /// Before the package's digest.
    Package,
    /// Before the recipe's digest.
    Recipe,
    /// Who calibrated.
    Recalibrated,
    /// A model's result.
    Result,
}

impl Phrase {
    /// In words.
    pub(crate) fn in_language(self, language: Language) -> String {
        let (english, serbian) = self.both();
        match language {
            Language::En => english.to_owned(),
            Language::SrLatn => serbian.to_owned(),
            Language::SrCyrl => cyrillic(serbian),
        }
    }

    fn both(self) -> (&'static str, &'static str) {
        match self {
            Self::ShortNotice => ("RESEARCH ONLY - NOT FOR DIAGNOSIS", "SAMO ZA ISTRAŽIVANJE - NIJE ZA DIJAGNOSTIKU"),
            Self::Exam => ("exam", "pregled"),
            Self::RightBreast => ("right breast", "desna dojka"),
            Self::LeftBreast => ("left breast", "leva dojka"),
            Self::NoView => ("no image of this view", "nema snimka ove projekcije"),
            Self::Unreadable => ("the image could not be read", "snimak nije mogao da se pročita"),
            Self::NoPicture => ("the image cannot be shown", "snimak se ne može prikazati"),
            Self::NotScored => ("NOT SCORED", "BEZ OCENE"),
            Self::AtOrAbove => ("at or above", "na pragu ili iznad:"),
            Self::Below => ("below", "ispod praga"),
            Self::OperatingPoint => ("operating point", "radna tačka"),
            Self::HeatMap => ("heat map", "toplotna mapa"),
            Self::More => ("more in the structured report:", "još u strukturisanom izveštaju:"),
            Self::Package => ("package", "paket"),
            Self::Recipe => ("recipe", "recept"),
            Self::Recalibrated => ("calibrated at this institution by", "kalibrisano u ovoj ustanovi:"),
            Self::Result => ("Result of a model", "Rezultat modela"),
        }
    }
}

/// Whose values these are.
pub(crate) fn whose(laterality: Option<Laterality>) -> Phrase {
    match laterality {
        None => Phrase::Exam,
        Some(Laterality::Left) => Phrase::LeftBreast,
        Some(Laterality::Right) => Phrase::RightBreast,
    }
}

/// What an operating point says, in a line.
pub(crate) fn flag(flag: &Flag, language: Language) -> String {
    let say = |phrase: Phrase| phrase.in_language(language);
    let verdict = say(if flag.flagged { Phrase::AtOrAbove } else { Phrase::Below });
    let (whose, point) = (say(whose(flag.laterality)), say(Phrase::OperatingPoint));
    format!("{whose}: {} {verdict} {} ({point} {})", name(&flag.output), flag.threshold, flag.point)
}

/// Why there is no score, in a line: the code and the words of the report.
pub(crate) fn reason(reason: &Reason) -> String {
    format!("[{}] {reason}", reason.code())
}

/// Outputs as a picture has room for them, each with its name. What has no place there: what whoever asked had said, what
/// the literature says, and the probabilities of categories that are not given. That of the category given stands behind
/// its letter, so that nobody reads it as one of cancer.
pub(crate) fn values(outputs: &[Output], language: Language) -> Vec<(String, String)> {
    outputs.iter().filter_map(|output| Some((name(&output.name), value(output, outputs, language)?))).collect()
}

fn value(output: &Output, among: &[Output], language: Language) -> Option<String> {
    if output.name.starts_with("given_") || letter(&output.name).is_some() {
        return None;
    }
    match &output.value {
        Value::Score(v) => Some(raw(v.get(), 3, language)),
        Value::Probability(p) => Some(percent(p.get())),
        Value::Risk { years, probability } => {
            let of = match (language, years) {
                (Language::En, 1) => "year",
                (Language::En, _) => "years",
                (Language::SrLatn, _) => "god.",
                (Language::SrCyrl, _) => "год.",
            };
            Some(format!("{} ({years} {of})", percent(probability.get())))
        }
        Value::Percentile(p) => Some(format!("{:.1} perc.", p.get())),
        Value::Category(category) => {
            let own = among.iter().find(|o| letter(&o.name).is_some_and(|l| category.eq_ignore_ascii_case(l)));
            Some(match own.map(|o| &o.value) {
                Some(Value::Probability(p)) => format!("{category}: {}", percent(p.get())),
                Some(_) | None => category.clone(),
            })
        }
        Value::RelativeRisk { .. } => None,
    }
}

/// The letter of a category in the name of its probability or score, `p_c`.
fn letter(name: &str) -> Option<&str> {
    name.strip_prefix("p_").filter(|letter| letter.len() == 1)
}

/// A raw score, which is none of cancer's probability, says so.
pub(crate) fn raw(score: f64, digits: usize, language: Language) -> String {
    let kind = match language {
        Language::En => "raw",
        Language::SrLatn => "sirovo",
        Language::SrCyrl => "сирово",
    };
    format!("{score:.digits$} ({kind})")
}

/// A name as people write it.
pub(crate) fn name(name: &str) -> String {
    name.replace(['_', '-'], " ")
}

/// A probability with three digits that mean something, where there are as many.
fn percent(p: f64) -> String {
    let percent = p * 100.0;
    let digits = if percent < 1.0 { 2 } else { 1 };
    format!("{percent:.digits$} %")
}

/// Serbian in Cyrillic letters.
pub(crate) fn cyrillic(latin: &str) -> String {
    let mut out = String::new();
    let mut letters = latin.chars().peekable();
    while let Some(letter) = letters.next() {
        let pair = letters.peek().and_then(|next| digraph(letter, *next));
        if pair.is_some() {
            letters.next();
        }
        out.push(pair.or_else(|| single(letter)).unwrap_or(letter));
    }
    out
}

fn digraph(first: char, second: char) -> Option<char> {
    match (first, second) {
        ('l', 'j') => Some('љ'),
        ('L', 'j' | 'J') => Some('Љ'),
        ('n', 'j') => Some('њ'),
        ('N', 'j' | 'J') => Some('Њ'),
        ('d', 'ž') => Some('џ'),
        ('D', 'ž' | 'Ž') => Some('Џ'),
        _ => None,
    }
}

fn single(letter: char) -> Option<char> {
    const LATIN: &str = "abvgdđežzijklmnoprstćufhcčšABVGDĐEŽZIJKLMNOPRSTĆUFHCČŠ";
    const CYRILLIC: &str = "абвгдђежзијклмнопрстћуфхцчшАБВГДЂЕЖЗИЈКЛМНОПРСТЋУФХЦЧШ";
    LATIN.chars().zip(CYRILLIC.chars()).find(|(from, _)| *from == letter).map(|(_, to)| to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uvid_exam::{Percentile, Probability, RawScore};

    #[test]
    fn serbian_is_written_in_both_scripts() {
        let check = |latin: &str, expected: &str| assert_eq!(cyrillic(latin), expected);
        check("Nije za dijagnostiku", "Није за дијагностику");
        check("ljubav, Njegoš, džep, DŽ", "љубав, Његош, џеп, Џ");
        check("čćžšđ ČĆŽŠĐ 12%", "чћжшђ ЧЋЖШЂ 12%");
    }

    #[test]
    fn values_are_short() {
        let check = |name: &str, of: Value, expected: Option<&str>| {
            let output = Output { name: name.to_owned(), value: of };
            assert_eq!(value(&output, &[], Language::En).as_deref(), expected, "{name}");
        };
        let p = |v: f64| Probability::new(v).unwrap();
        check("malignant", Value::Score(RawScore::new(0.123_456).unwrap()), Some("0.123 (raw)"));
        check("p_dense", Value::Probability(p(0.6213)), Some("62.1 %"));
        check("risk", Value::Risk { years: 5, probability: p(0.001_84) }, Some("0.18 % (5 years)"));
        check("density", Value::Category("C".into()), Some("C"));
        check("given_density", Value::Category("C".into()), None);
        check(
            "place",
            Value::Percentile(Percentile::among(RawScore::new(1.0).unwrap(), &[0.0, 1.0]).unwrap()),
            Some("100.0 perc."),
        );
        let literature =
            Value::RelativeRisk { ratio: 2.0, interval: None, reference: "B".into(), source: "someone".into() };
        check("rr", literature, None);
        check("p_c", Value::Probability(p(0.808)), None);
    }

    #[test]
    fn a_category_has_its_own_probability_and_no_other() {
        let of =
            |name: &str, v: f64| Output { name: name.into(), value: Value::Probability(Probability::new(v).unwrap()) };
        let density = Output { name: "density".into(), value: Value::Category("C".into()) };
        let outputs = [of("p_a", 0.1), of("p_c", 0.808), density, of("p_malignant", 0.5)];
        let said: Vec<String> = values(&outputs, Language::En).iter().map(|(n, v)| format!("{n} {v}")).collect();
        assert_eq!(said, ["density C: 80.8 %", "p malignant 50.0 %"]);
    }
}
