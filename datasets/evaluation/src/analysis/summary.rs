//! What a report says in a few sentences: nothing that its findings do not.

use super::operating::{CHOSEN, RECALL_AT_PREVALENCE};
use super::{Finding, Section, number, p_value};

/// Models of which the summary speaks; the sections have all.
const MODELS_MAX: usize = 4;
/// Up to this p a difference is called one.
const SIGNIFICANT: f64 = 0.05;

/// The main findings of these sections, a sentence each, with their uncertainty; and what to keep in mind of them.
pub fn summary(sections: &[Section]) -> Vec<String> {
    let all = Findings(sections.iter().flat_map(|section| &section.findings).collect());
    let models = all.models();
    let shown = &models[..models.len().min(MODELS_MAX)];
    let mut lines: Vec<String> = shown.iter().filter_map(|model| all.ranks(model)).collect();
    lines.extend(shown.iter().filter_map(|model| all.beside_readers(model)));
    lines.extend(all.pairs());
    lines.extend(all.predicts(shown));
    lines.extend(all.subgroups());
    lines.extend(all.marks());
    lines.extend(all.risk());
    if models.len() > shown.len() {
        lines.push(format!("{} more models are in the sections below.", models.len() - shown.len()));
    }
    lines.extend(all.caution());
    lines
}

/// The first that has an interval: the bootstrap's where DeLong's does not exist, as with weights. Otherwise the first.
fn best<'a>(found: impl Iterator<Item = &'a Finding>) -> Option<&'a Finding> {
    let all: Vec<&Finding> = found.collect();
    all.iter().find(|found| found.interval.is_some()).or(all.first()).copied()
}

/// All findings of a report.
struct Findings<'a>(Vec<&'a Finding>);

impl<'a> Findings<'a> {
    fn of<'b>(&'b self, section: &'b str, measure: &'b str) -> impl Iterator<Item = &'a Finding> + 'b {
        self.0.iter().copied().filter(move |f| f.section == section && f.measure == measure)
    }

    fn find(&self, section: &str, subject: &str, measure: &str) -> Option<&'a Finding> {
        self.of(section, measure).find(|finding| finding.subject == subject)
    }

    /// Who has an area and is no reader.
    fn models(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for finding in self.of("roc", "AUC") {
            if !finding.is_reader && !names.contains(&finding.subject.as_str()) {
                names.push(&finding.subject);
            }
        }
        names
    }

    /// How it ranks, and what its first threshold does.
    fn ranks(&self, model: &str) -> Option<String> {
        let area = best(self.of("roc", "AUC").filter(|found| found.subject == model))?;
        if let Err(why) = &area.value {
            return Some(format!("**{model}**: there is no AUC, for {why}."));
        }
        let chance = match area.interval {
            Some(interval) if interval.lower <= 0.5 && interval.upper >= 0.5 => {
                " The interval contains 0.5: the ranking is not told from chance."
            }
            Some(interval) if interval.upper < 0.5 => " It ranks those without the outcome higher.",
            Some(_) | None => "",
        };
        let decides = self.decides(model).unwrap_or_default();
        Some(format!("**{model}**: AUC {}.{chance}{decides}", area.text()))
    }

    fn beside_readers(&self, model: &str) -> Option<String> {
        let subject = format!("{model} - mean of readers");
        let found = self.find("readers", &subject, "difference of AUC")?;
        let readers = self.find("readers", "readers", "number of readers")?.value.as_ref().ok()?;
        let beside = format!("the mean of {readers} readers");
        match (&found.value, found.interval) {
            (Ok(value), Some(interval)) => {
                let size = Finding::new("readers", "", "", Ok(value.abs()));
                let (lower, upper) =
                    if *value < 0.0 { (-interval.upper, -interval.lower) } else { (interval.lower, interval.upper) };
                let size = size.with_interval(Some(uvid_metrics::Interval { lower, upper })).text();
                let p = self.find("readers", &subject, "difference of AUC, adjusted p").and_then(|found| found.p);
                let adjusted = p.map(|p| format!(", adjusted p {}", p_value(p))).unwrap_or_default();
                Some(match p.is_some_and(|p| p < SIGNIFICANT) && lower > 0.0 {
                    true => format!(
                        "**{model}** ranks {} than {beside}, by an AUC of {size}{adjusted}.",
                        if *value > 0.0 { "better" } else { "worse" }
                    ),
                    false => format!(
                        "**{model}** and {beside}: no difference of AUC is shown, {}{adjusted}. That is no proof that there is none.",
                        found.text()
                    ),
                })
            }
            (Ok(_), None) | (Err(_), _) => Some(format!("**{model}** and {beside}: {}.", found.text())),
        }
    }

    fn pairs(&self) -> Option<String> {
        let tested: Vec<&Finding> = self.of("comparison", "difference of AUC, adjusted p").collect();
        let all = self.of("comparison", "difference of AUC").filter(|f| f.method.contains("DeLong")).count();
        let only = best(self.of("comparison", "difference of AUC"))?;
        if all == 1 {
            let p = only.p.map(|p| format!(", p {}", p_value(p))).unwrap_or_default();
            return Some(format!("Difference of AUC, {}: {}{p}.", only.subject, only.text()));
        }
        if tested.is_empty() {
            return Some(format!("{all} pairs of models are compared below; no p value is adjusted for their number."));
        }
        let different = tested.iter().filter(|found| found.p.is_some_and(|p| p < SIGNIFICANT)).count();
        Some(format!(
            "Of {all} pairs of models, {different} are shown to differ in AUC (p below {SIGNIFICANT} after Holm's adjustment)."
        ))
    }

    /// At the first aim.
    fn decides(&self, model: &str) -> Option<String> {
        let sensitivity = self.find("operating-points", model, "sensitivity").filter(|found| found.value.is_ok())?;
        let aim = &sensitivity.stratum;
        let here = |measure| self.of("operating-points", measure).find(|f| f.subject == model && f.stratum == *aim);
        let (recall, at) = match here(RECALL_AT_PREVALENCE) {
            Some(stated) => (stated, "the recall rate at the stated prevalence"),
            None => (here("recall rate")?, "the recall rate"),
        };
        Some(format!(" At {aim}, sensitivity is {}, {at} {}.", sensitivity.text(), recall.text()))
    }

    /// Of those models whose scores can be probabilities.
    fn predicts(&self, models: &[&str]) -> Option<String> {
        let found =
            self.of("calibration", "O/E").filter(|f| f.stratum.is_empty() && models.contains(&f.subject.as_str()));
        let found: Vec<String> = found.map(|f| format!("{} {}", f.subject, f.text())).collect();
        let all = found.join("; ");
        (!found.is_empty()).then(|| {
            format!(
                "If scores are meant as probabilities of the outcome, observed over expected (O/E, ideally 1): {all}."
            )
        })
    }

    fn subgroups(&self) -> Option<String> {
        let p: Vec<f64> =
            self.of("subgroups", "heterogeneity of AUC, adjusted p").filter_map(|found| found.p).collect();
        let smallest = p.iter().copied().reduce(f64::min)?;
        Some(match smallest < SIGNIFICANT {
            true => format!("AUC differs between subgroups: smallest adjusted p {}. See which.", p_value(smallest)),
            false => format!(
                "No difference of AUC between subgroups is shown (smallest adjusted p {}); that is no proof that there is none.",
                p_value(smallest)
            ),
        })
    }

    fn marks(&self) -> Vec<String> {
        let found = self.of("localisation", "lesions found at 1 false marks per image");
        found
            .map(|f| format!("**{}**: share of lesions found at one false mark per image {}.", f.subject, f.text()))
            .collect()
    }

    /// Of each section on risk, by its last year.
    fn risk(&self) -> Vec<String> {
        let all: Vec<&Finding> = self.0.iter().copied().filter(|found| found.section == "risk").collect();
        let sections = all.chunk_by(|_, next| next.measure != super::risk::FIRST);
        let line = |section: &[&Finding]| {
            let found = section.iter().rfind(|found| found.measure == "concordance")?;
            let events = section.iter().find(|found| found.measure == "events").and_then(|f| f.value.clone().ok());
            let of = events.map(|events| format!(" Events: {}.", number(events))).unwrap_or_default();
            Some(format!(
                "**{}** orders who has the event first with a concordance of {}; 0.5 is chance.{of}",
                found.subject,
                found.text()
            ))
        };
        sections.filter_map(line).collect()
    }

    /// What holds for all of it.
    fn caution(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.of("roc", "AUC").next().is_some() {
            lines.push(
                "AUC: 0.5 is chance, 1 is perfect. In brackets stand intervals, as in the sections below.".to_owned(),
            );
        }
        if self.0.iter().any(|found| found.method == CHOSEN) {
            lines.push(
                "Thresholds were chosen on the rows on which they are judged: what they reach is optimistic."
                    .to_owned(),
            );
        }
        let raw = self.0.iter().filter(|f| f.p.is_some() && !f.measure.contains("adjusted")).count();
        if raw > 1 {
            lines.push(format!(
                "This report holds {raw} p values. They are adjusted within some tables and never over all of them: where there is nothing \
                 to find, about one in twenty is below 0.05 all the same."
            ));
        }
        lines
    }
}
