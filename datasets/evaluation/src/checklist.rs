//! Which items of the reporting guidelines a report fills, and which its author has still to write.
//!
//! Three guidelines apply to the evaluation of a model that reads mammograms:
//!
//! - STARD-AI: 40 items, five of them in parts. It extends STARD 2015 and numbers anew: its 24 is STARD 2015's 19.
//! - CLAIM in its 2024 update: 44 items.
//! - TRIPOD+AI: 27 items, 52 with their parts. It replaces TRIPOD 2015. Where a model is evaluated and not developed,
//!   its 9a, 12a to 12c, 15, 22, 27a and 27b do not apply.
//!
//! The numbers of CLAIM were checked against the checklist that its publisher keeps (repository RSNA/CLAIM). Those of
//! STARD-AI and TRIPOD+AI were checked against several independent public copies, which agree with each other and with
//! the counts in the papers; the papers' own tables were not at hand. The topics are our own short words: they remind,
//! and do not stand in for the guideline's text.
//!
//! An item has one [`Answer`]: a section of the report, a key of the author's file `about.toml`, or the author's paper.
//! A line that says "here" says where something on the item stands, not that it is enough: that the author judges.

use std::collections::BTreeMap;

/// A reporting guideline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guideline {
    /// Studies of diagnostic accuracy whose index test is an AI.
    StardAi,
    /// Studies of AI in medical imaging.
    Claim,
    /// Studies that develop or evaluate a prediction model.
    TripodAi,
}

impl Guideline {
    /// All of them, in the order of [`items`].
    pub const ALL: [Self; 3] = [Self::StardAi, Self::Claim, Self::TripodAi];

    /// Its name, as printed above its table.
    pub fn name(self) -> &'static str {
        match self {
            Self::StardAi => "STARD-AI",
            Self::Claim => "CLAIM 2024",
            Self::TripodAi => "TRIPOD+AI",
        }
    }

    /// Where it is published.
    pub fn citation(self) -> &'static str {
        match self {
            Self::StardAi => "Sounderajah et al., Nature Medicine 2025;31:3283-3289, doi:10.1038/s41591-025-03953-8",
            Self::Claim => {
                "Tejani et al., Radiology: Artificial Intelligence 2024;6(4):e240300, doi:10.1148/ryai.240300"
            }
            Self::TripodAi => "Collins et al., BMJ 2024;385:e078378, doi:10.1136/bmj-2023-078378",
        }
    }
}

/// One item of a guideline, or one lettered part of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Whose item it is.
    pub guideline: Guideline,
    /// Its number in the guideline, such as `15c`.
    pub number: &'static str,
    /// What it is about, in our words.
    pub topic: &'static str,
    /// Where its answer is found.
    pub answer: Answer,
}

/// Where the answer to an item is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// In the section of the report with this id (one of [`SECTIONS`]), which says this.
    Section(&'static str, &'static str),
    /// Under this key of the author's `about.toml`.
    Given(&'static str),
    /// In the author's own text: title, summary, introduction, discussion.
    Author,
}

/// The ids of the sections that a report may have. `subgroup-rows` is the table of the rows by subgroup, which the section `data` has
/// only where subgroups were named.
pub const SECTIONS: [&str; 18] = [
    "data",
    "subgroup-rows",
    "roc",
    "precision-recall",
    "operating-points",
    "comparison",
    "calibration",
    "decision-curve",
    "scores",
    "readers",
    "agreement",
    "workflow",
    "subgroups",
    "localisation",
    "risk",
    "misses",
    "provenance",
    "packages",
];

/// How a report stands to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The item.
    pub item: &'static Item,
    /// Its answer, or that there is none.
    pub how: How<'a>,
}

/// How an item is answered in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How<'a> {
    /// A section of the report answers it.
    Here {
        /// The section's id.
        section: &'static str,
        /// What is said there.
        what: &'static str,
    },
    /// The author says this, in `about.toml`; without blanks at either end, and never empty.
    Stated(&'a str),
    /// The report does not answer it.
    Missing {
        /// The key of `about.toml` that would; none where a section is left out or only the author's paper can tell.
        key: Option<&'static str>,
    },
}

/// A key that `about.toml` may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no key \"{0}\" in about.toml; the template lists those there are")]
pub struct UnknownKey(pub String);

/// All items of all guidelines, guideline by guideline and in the order of their numbers.
pub fn items() -> &'static [Item] {
    &ITEMS
}

/// How a report with these `sections` and what its author has `given` stands to every item, in the order of [`items`].
///
/// A key whose text is blank counts as not given. Keys that no item asks for are passed over: see [`check_keys`].
///
/// ```
/// use std::collections::BTreeMap;
/// use uvid_evaluation::checklist::{filled, How};
///
/// let given = BTreeMap::from([("design".to_string(), "retrospective".to_string())]);
/// let lines = filled(&["data"], &given);
/// let how = |number| lines.iter().find(|line| line.item.number == number).map(|line| line.how);
/// assert_eq!(how("5"), Some(How::Stated("retrospective")));
/// assert!(matches!(how("24"), Some(How::Here { section: "data", .. })));
/// assert_eq!(how("6"), Some(How::Missing { key: Some("ethics") }));
/// ```
pub fn filled<'a>(sections: &[&str], given: &'a BTreeMap<String, String>) -> Vec<Line<'a>> {
    let how = |answer: Answer| match answer {
        Answer::Section(section, what) if sections.contains(&section) => How::Here { section, what },
        Answer::Section(..) | Answer::Author => How::Missing { key: None },
        Answer::Given(key) => match given.get(key).map(|text| text.trim()) {
            Some(text) if !text.is_empty() => How::Stated(text),
            _ => How::Missing { key: Some(key) },
        },
    };
    ITEMS.iter().map(|item| Line { item, how: how(item.answer) }).collect()
}

/// Whether all keys are keys of `about.toml`; the error names the first that is not.
pub fn check_keys(given: &BTreeMap<String, String>) -> Result<(), UnknownKey> {
    match given.keys().find(|key| KEYS.iter().all(|(known, _)| known != key)) {
        Some(key) => Err(UnknownKey(key.clone())),
        None => Ok(()),
    }
}

/// An `about.toml` for the author to fill in: every key with its question and the items that ask for it, no answers.
pub fn template() -> String {
    let mut text = String::from(
        "# What only you can say about the study. Write each answer between the quotes, a long one between \"\"\" and\n\
         # \"\"\". A key left empty is listed in the report as not stated. \"None\" or \"not done\" is an answer.\n",
    );
    for (key, question) in KEYS {
        let asked: Vec<String> = (ITEMS.iter().filter(|item| item.answer == Answer::Given(key)))
            .map(|item| format!("{} {}", item.guideline.name(), item.number))
            .collect();
        text += &format!("\n# {question}\n# ({})\n{key} = \"\"\n", asked.join(", "));
    }
    text
}

/// The keys of `about.toml` and what each asks.
const KEYS: &[(&str, &str)] = &[
    ("design", "Were the study's data collected after it was planned (prospective) or before (retrospective)?"),
    ("goal", "What kind of study is it: first evaluation, external evaluation, comparison, proof of non-inferiority?"),
    (
        "intended_use",
        "For which women, and where in their care, is the model meant: triage, second reader, decision aid?",
    ),
    ("users", "Who uses the model, what do they do with its input and its output, and what must they be able to do?"),
    ("registration", "Where is the study registered, and under which number? If it is not, say so."),
    ("protocol", "Where can the protocol and further technical detail be read? If there is no protocol, say so."),
    (
        "ethics",
        "Which ethics committee approved it, under which number; did the women consent, or why was that waived?",
    ),
    ("funding", "Who paid for the study, and what part did they have in it?"),
    ("interests", "Which commercial and other interests do the authors have, above all in the model?"),
    ("public_involvement", "What part did patients and the public have in the study? If none, say so."),
    ("availability", "Who can get the data, the trained model and the code, where, and under which restrictions?"),
    ("audit", "Are the model's outputs kept, and who may inspect them?"),
    (
        "data_source",
        "Are the data from routine care, collected for this study or public; where from; whom do they represent?",
    ),
    ("setting", "In which places, in what kind of care (screening, symptomatic clinic) and in which years?"),
    ("dates", "On which dates were the first and the last examination, and when did follow-up end?"),
    ("identification", "How were the women found: screening invitations, referrals, a registry, earlier results?"),
    ("eligibility", "Which women, and then which images, were included and excluded, in the order of the rules?"),
    ("sampling", "Were the women consecutive, drawn at random, enriched with cancers, or those at hand?"),
    ("sample_size", "How many women were intended, how was that number found, and is it enough for the question?"),
    ("subsets", "Were examinations, images or parts of images picked out before the analysis; how, by whom and why?"),
    ("deidentification", "How were the images and the records stripped of what identifies the women?"),
    (
        "devices",
        "On which systems (maker, model) were the mammograms taken, and with which software was the model made?",
    ),
    (
        "acquisition",
        "Which views and kinds of image were acquired (2D, tomosynthesis; raw, for presentation), and how?",
    ),
    (
        "preprocessing",
        "What was done to the images before the model saw them; how was quality checked, alike for all groups?",
    ),
    ("missing_data", "How were missing scores, outcomes, views and other values handled?"),
    ("indeterminate", "How were unclear results handled: failed runs, recalls never resolved, uncertain lesions?"),
    (
        "reference_standard",
        "What decided that a woman had cancer or had none (biopsy, registry, how long a follow-up)?",
    ),
    ("reference_rationale", "Why this reference standard, and what else could have been taken?"),
    (
        "reference_categories",
        "What counts as positive (invasive, in situ, high risk), why, and was it fixed beforehand?",
    ),
    ("reference_blinding", "What did those who decided the outcome know of the scores and of the woman's history?"),
    ("index_blinding", "What did the readers, and the model, know of the woman's history and of her outcome?"),
    ("time_to_reference", "How long was it from mammogram to diagnosis, and which treatments fell in between?"),
    ("annotators", "Who drew or labelled the findings, with what training and experience?"),
    ("annotation", "How, by which instructions and with which software and version, were they drawn or labelled?"),
    ("annotation_variability", "How was agreement between and within annotators measured, and disagreement settled?"),
    ("severity", "Of the cancers, how many were invasive and in situ, of which size, grade and stage?"),
    ("alternative_diagnoses", "Of the women without cancer, how many had other lesions, and which?"),
    ("representativeness", "Are the share and the kinds of cancer those to be expected where the model will be used?"),
    (
        "model_inputs",
        "What does the model take besides the images (age, earlier examinations, density), why, and who judged it?",
    ),
    ("model_description", "What kind of model is it, from input to output? Cite where it is described in full."),
    ("model_development", "On which data, of how many women, was it trained, tuned and tested before?"),
    ("partitions", "How were women assigned to training, tuning and testing, and in which shares?"),
    ("disjointness", "Do the parts share no women, no examinations or only no images, and how is that known?"),
    ("model_training", "How was it trained: first weights, augmentation, loss, schedule, end?"),
    ("model_selection", "How was the final model chosen, and on which data?"),
    ("ensemble", "Is it one model or several, and how are their outputs joined?"),
    (
        "class_imbalance",
        "Was the rarity of cancer countered in training, how, and were the scores set right afterwards?",
    ),
    ("updating", "Was the model or its scale changed after this evaluation (recalibrated), and with what result?"),
    (
        "internal_or_external",
        "Are the test data of the same sources as the training data, of others, or both? If not both, why?",
    ),
    ("development_differences", "How do these women, images and outcomes differ from those it was developed on?"),
    ("thresholds", "How was each threshold chosen, on which data, and was it fixed before the scores were seen?"),
    (
        "analysis_plan",
        "Which measures, comparisons and subgroups, why these, and which were fixed before scores were seen?",
    ),
    (
        "clustering",
        "Do women or sites recur in the table, and how was that, and variation between sites, accounted for?",
    ),
    ("fairness", "What was done to make the model serve all groups of women alike, and why that?"),
    ("robustness", "Under which other assumptions or conditions was the result tried, and did it hold?"),
    ("explainability", "Does the model explain its results (maps, features), by which method, and was that tested?"),
    ("input_quality", "What should be done, in use, with a poor image or a missing view?"),
    (
        "adverse_events",
        "Did anyone come to harm by the mammogram, the model or the biopsy? If it could not happen, say so.",
    ),
];

const FLOW: Answer =
    Answer::Section("data", "flow diagram: how many were left out, by which rule, and how many remain");
const TABLE: Answer = Answer::Section(
    "subgroup-rows",
    "table of the rows by subgroup and outcome, for the subgroups that were named; the test data only",
);
const COUNTS: Answer = Answer::Section("data", "how many rows, and how many with the outcome, are in the analysis");
const AUC: Answer = Answer::Section("roc", "area under the ROC curve, with its interval");
const CROSS: Answer = Answer::Section("operating-points", "positive and negative by outcome, at every threshold");
const SUBGROUPS: Answer = Answer::Section("subgroups", "performance in every subgroup, with intervals");
const MISSES: Answer = Answer::Section("misses", "the worst misses, with their images where those are at hand");
const COMMANDS: Answer = Answer::Section("provenance", "the commands and seeds that computed every number");
const MODEL: Answer = Answer::Section("packages", "package, weights and recipe by their digests, with their licences");
const SOFTWARE: Answer = Answer::Section("provenance", "the software's version, its licence and the exact commands");

const fn stard(number: &'static str, topic: &'static str, answer: Answer) -> Item {
    Item { guideline: Guideline::StardAi, number, topic, answer }
}

const fn claim(number: &'static str, topic: &'static str, answer: Answer) -> Item {
    Item { guideline: Guideline::Claim, number, topic, answer }
}

const fn tripod(number: &'static str, topic: &'static str, answer: Answer) -> Item {
    Item { guideline: Guideline::TripodAi, number, topic, answer }
}

use Answer::{Author, Given};

static ITEMS: [Item; 144] = [
    stard("1", "title or summary names AI and a measure of accuracy", Author),
    stard("2", "structured summary", Author),
    stard("3", "background, intended use, place in the workflow", Author),
    stard("4", "aims and hypotheses", Author),
    stard("5", "prospective or retrospective", Given("design")),
    stard("6", "ethics approval", Given("ethics")),
    stard("7", "who and which data were eligible, rule by rule", Given("eligibility")),
    stard("8", "how eligible people were found", Given("identification")),
    stard("9", "where and when", Given("setting")),
    stard("10", "consecutive, random or convenience series", Given("sampling")),
    stard("11", "source of the data and why they were collected", Given("data_source")),
    stard("12", "who annotated, and in what circumstances", Given("annotators")),
    stard("13", "imaging devices, and software behind the test", Given("devices")),
    stard("14", "acquisition and preprocessing", Given("acquisition")),
    stard("15a", "the index test, enough to repeat it", MODEL),
    stard("15b", "how the test was developed, on how many", Given("model_development")),
    stard("15c", "thresholds of the test, fixed beforehand or not", Given("thresholds")),
    stard("15d", "intended users and their expertise", Given("users")),
    stard("16a", "the reference standard, enough to repeat it", Given("reference_standard")),
    stard("16b", "why that reference standard", Given("reference_rationale")),
    stard("16c", "what counts as positive by the reference standard", Given("reference_categories")),
    stard("17a", "what those doing the index test knew", Given("index_blinding")),
    stard("17b", "what those judging the reference standard knew", Given("reference_blinding")),
    stard("18", "how accuracy was estimated and compared", COMMANDS),
    stard("19", "indeterminate results", Given("indeterminate")),
    stard("20", "missing results", Given("missing_data")),
    stard("21", "analyses of variability, fixed beforehand or not", Given("analysis_plan")),
    stard("22", "intended sample size", Given("sample_size")),
    stard("23", "analysis of errors, bias and fairness", SUBGROUPS),
    stard("24", "flow of participants", FLOW),
    stard("25", "characteristics of each data set", TABLE),
    stard("26a", "severity among those with the disease", Given("severity")),
    stard("26b", "other diagnoses among those without", Given("alternative_diagnoses")),
    stard("27", "time and treatment between test and reference", Given("time_to_reference")),
    stard("28", "do the data match the population of intended use", Given("representativeness")),
    stard("29", "how external test data differ from the others", Given("development_differences")),
    stard("30", "test results by reference results", CROSS),
    stard("31", "accuracy with its precision", AUC),
    stard("32", "adverse events", Given("adverse_events")),
    stard("33", "limitations", Author),
    stard("34", "what it means for practice", Author),
    stard("35", "ethical considerations and fairness", Author),
    stard("36", "registration", Given("registration")),
    stard("37", "protocol", Given("protocol")),
    stard("38", "funding and the funders' part", Given("funding")),
    stard("39", "commercial interests", Given("interests")),
    stard("40a", "availability of data and code", Given("availability")),
    stard("40b", "outputs kept and open to audit", Given("audit")),
    claim("1", "named as a study of AI, and of which kind", Author),
    claim("2", "summary of design, methods, results, conclusions", Author),
    claim("3", "background and intended role", Author),
    claim("4", "aims and hypotheses", Author),
    claim("5", "prospective or retrospective", Given("design")),
    claim("6", "the study's goal", Given("goal")),
    claim("7", "data sources", Given("data_source")),
    claim("8", "inclusion and exclusion", Given("eligibility")),
    claim("9", "preprocessing", Given("preprocessing")),
    claim("10", "selected subsets of the data", Given("subsets")),
    claim("11", "de-identification", Given("deidentification")),
    claim("12", "missing data", Given("missing_data")),
    claim("13", "image acquisition", Given("acquisition")),
    claim("14", "definition of the reference standard", Given("reference_standard")),
    claim("15", "why that reference standard", Given("reference_rationale")),
    claim("16", "who annotated the reference standard", Given("annotators")),
    claim("17", "how the test set was annotated", Given("annotation")),
    claim("18", "variability between and within annotators", Given("annotation_variability")),
    claim("19", "assignment to training, tuning and testing", Given("partitions")),
    claim("20", "level at which those are disjoint", Given("disjointness")),
    claim("21", "intended size of the test set", Given("sample_size")),
    claim("22", "the model in detail", Given("model_description")),
    claim("23", "software and versions", SOFTWARE),
    claim("24", "initial weights", Given("model_training")),
    claim("25", "training", Given("model_training")),
    claim("26", "choice of the final model", Given("model_selection")),
    claim("27", "ensembles", Given("ensemble")),
    claim("28", "measures of performance", Given("analysis_plan")),
    claim("29", "methods for significance and uncertainty", COMMANDS),
    claim("30", "robustness and sensitivity", Given("robustness")),
    claim("31", "explainability", Given("explainability")),
    claim("32", "testing on internal data", Given("internal_or_external")),
    claim("33", "testing on external data", Given("internal_or_external")),
    claim("34", "registration as a clinical trial", Given("registration")),
    claim("35", "numbers included and excluded", FLOW),
    claim("36", "demographic and clinical characteristics", TABLE),
    claim("37", "performance with uncertainty, also in subgroups", SUBGROUPS),
    claim("38", "diagnostic accuracy with its precision", AUC),
    claim("39", "analysis of failures", MISSES),
    claim("40", "limitations", Author),
    claim("41", "what it means for practice", Author),
    claim("42", "protocol or further technical detail", Given("protocol")),
    claim("43", "availability of software, model and data", Given("availability")),
    claim("44", "funding and the funders' part", Given("funding")),
    tripod("1", "title: kind of study, population, outcome", Author),
    tripod("2", "summary, by its own checklist", Author),
    tripod("3a", "healthcare context, rationale, earlier models", Author),
    tripod("3b", "population, purpose in the care pathway, users", Given("intended_use")),
    tripod("3c", "known inequalities in health", Author),
    tripod("4", "aims: development, evaluation or both", Author),
    tripod("5a", "data sources and whom they represent", Given("data_source")),
    tripod("5b", "dates", Given("dates")),
    tripod("6a", "setting and centres", Given("setting")),
    tripod("6b", "eligibility", Given("eligibility")),
    tripod("6c", "treatments received", Given("time_to_reference")),
    tripod("7", "preprocessing and quality checks", Given("preprocessing")),
    tripod("8a", "the outcome, its horizon and assessment", Given("reference_standard")),
    tripod("8b", "who assessed the outcome", Given("annotators")),
    tripod("8c", "blinding of that assessment", Given("reference_blinding")),
    tripod("9a", "choice of predictors", Given("model_inputs")),
    tripod("9b", "definition and measurement of predictors", Given("model_inputs")),
    tripod("9c", "who assessed the predictors", Given("model_inputs")),
    tripod("10", "sample size", Given("sample_size")),
    tripod("11", "missing data", Given("missing_data")),
    tripod("12a", "use and partition of the data", Given("partitions")),
    tripod("12b", "transformation of predictors", Given("preprocessing")),
    tripod("12c", "kind of model and how it was built", Given("model_training")),
    tripod("12d", "variation between clusters: method", Given("clustering")),
    tripod("12e", "measures and plots, and why those", Given("analysis_plan")),
    tripod("12f", "updating of the model", Given("updating")),
    tripod("12g", "how predictions were calculated", COMMANDS),
    tripod("13", "class imbalance", Given("class_imbalance")),
    tripod("14", "approaches to fairness", Given("fairness")),
    tripod("15", "output of the model, and thresholds", Given("thresholds")),
    tripod("16", "differences between development and evaluation", Given("development_differences")),
    tripod("17", "ethics approval and consent", Given("ethics")),
    tripod("18a", "funding", Given("funding")),
    tripod("18b", "conflicts of interest", Given("interests")),
    tripod("18c", "protocol", Given("protocol")),
    tripod("18d", "registration", Given("registration")),
    tripod("18e", "availability of data", Given("availability")),
    tripod("18f", "availability of the analysis code", Given("availability")),
    tripod("19", "involvement of patients and the public", Given("public_involvement")),
    tripod("20a", "flow of participants and outcomes", FLOW),
    tripod("20b", "characteristics of the participants", TABLE),
    tripod("20c", "comparison with the development data", Given("development_differences")),
    tripod("21", "participants and outcomes in each analysis", COUNTS),
    tripod("22", "the model, for others to run", MODEL),
    tripod("23a", "performance with intervals, also in subgroups", SUBGROUPS),
    tripod("23b", "variation between clusters: results", Given("clustering")),
    tripod("24", "results of updating", Given("updating")),
    tripod("25", "interpretation, with fairness", Author),
    tripod("26", "limitations", Author),
    tripod("27a", "poor or missing input in use", Given("input_quality")),
    tripod("27b", "users' part and expertise", Given("users")),
    tripod("27c", "next steps for research", Author),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn answered() -> BTreeMap<String, String> {
        KEYS.iter().map(|(key, _)| (key.to_string(), format!(" about {key}\n"))).collect()
    }

    #[test]
    fn every_guideline_has_all_its_items_once_and_in_order() {
        for (guideline, last, rows) in
            [(Guideline::StardAi, 40, 48), (Guideline::Claim, 44, 44), (Guideline::TripodAi, 27, 52)]
        {
            let numbers: Vec<(u32, &str)> = (items().iter().filter(|item| item.guideline == guideline))
                .map(|item| {
                    let letter = item.number.trim_start_matches(|c: char| c.is_ascii_digit());
                    (item.number.trim_end_matches(letter).parse().unwrap(), letter)
                })
                .collect();
            assert_eq!(numbers.len(), rows, "{guideline:?}");
            assert!(numbers.is_sorted_by(|a, b| a < b), "{guideline:?}: {numbers:?}");
            let whole: BTreeSet<u32> = numbers.iter().map(|(number, _)| *number).collect();
            assert!(whole.into_iter().eq(1..=last), "{guideline:?}");
            for (number, letter) in &numbers {
                let letters: String =
                    numbers.iter().filter(|(other, _)| other == number).map(|(_, letter)| *letter).collect();
                assert!(letters.is_empty() || letters.len() > 1 && "abcdefg".starts_with(&letters), "{number}{letter}");
            }
        }
        assert!(items().is_sorted_by_key(|item| item.guideline));
    }

    #[test]
    fn every_section_is_known_and_every_key_is_asked_for() {
        for item in items() {
            assert!(!item.topic.is_empty(), "{item:?}");
            match item.answer {
                Answer::Section(id, what) => assert!(SECTIONS.contains(&id) && !what.is_empty(), "{item:?}"),
                Given(key) => assert!(KEYS.iter().any(|(known, _)| *known == key), "{item:?}"),
                Author => {}
            }
        }
        for (key, question) in KEYS {
            assert!(items().iter().any(|item| item.answer == Given(key)) && question.contains('?'), "{key}");
        }
        assert_eq!(SECTIONS.iter().collect::<BTreeSet<_>>().len(), SECTIONS.len());
    }

    #[test]
    fn the_template_has_every_key_once_and_no_answers() {
        let text = template();
        let keys: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        let expected: Vec<String> = KEYS.iter().map(|(key, _)| format!("{key} = \"\"")).collect();
        assert_eq!(keys, expected);
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        assert!(KEYS.iter().all(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
        assert!(text.contains("\n# (STARD-AI 6, TRIPOD+AI 17)\nethics = \"\"\n"), "{text}");
    }

    #[test]
    fn a_full_report_loses_no_item_and_leaves_only_the_authors_own() {
        let given = answered();
        let lines = filled(&SECTIONS, &given);
        assert!(lines.iter().map(|line| line.item).eq(items()));
        for Line { item, how } in lines {
            let expected = match item.answer {
                Answer::Section(section, what) => How::Here { section, what },
                Given(key) => How::Stated(given[key].trim()),
                Author => How::Missing { key: None },
            };
            assert_eq!(how, expected, "{item:?}");
        }
    }

    #[test]
    fn an_empty_report_and_blank_answers_leave_every_item_open() {
        let blank = KEYS.iter().map(|(key, _)| (key.to_string(), " \n".to_string())).collect();
        for given in [BTreeMap::new(), blank] {
            let lines = filled(&[], &given);
            assert!(lines.iter().map(|line| line.item).eq(items()));
            for Line { item, how } in lines {
                let key = if let Given(key) = item.answer { Some(key) } else { None };
                assert_eq!(how, How::Missing { key }, "{item:?}");
            }
        }
    }

    #[test]
    fn an_unknown_key_is_named() {
        assert_eq!(check_keys(&BTreeMap::new()), Ok(()));
        let mut given = answered();
        assert_eq!(check_keys(&given), Ok(()));
        given.insert("etics".to_string(), "approved".to_string());
        let error = check_keys(&given).unwrap_err();
        assert_eq!(error, UnknownKey("etics".to_string()));
        assert!(error.to_string().contains("\"etics\""), "{error}");
    }
}
