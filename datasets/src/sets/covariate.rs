//! The names of covariates, and what their values look like. A reader writes these and no others.
//!
//! A covariate that a set does not give is absent; it is never an empty text.

/// Breast density by BI-RADS: `A`, `B`, `C` or `D`.
pub const DENSITY: &str = "density";
/// Breast density in percent of the breast's area, a number from 0 to 100.
pub const PERCENT_DENSITY: &str = "percent_density";
/// Age at the exam in years, a number; where the set has groups, the group, such as `40-55` or `over 55`.
pub const AGE: &str = "age";
/// The manufacturer of the machine, as the set writes it.
pub const VENDOR: &str = "vendor";
/// The machine or its model, as the set writes it.
pub const MACHINE: &str = "machine";
/// Where the image was made, as the set writes it.
pub const SITE: &str = "site";
/// BI-RADS category: `0` to `6`, or `4a`, `4b`, `4c`.
pub const BIRADS: &str = "birads";
/// What was found, as [`super::LesionKind::name`] says it; several are joined by `+` in alphabetical order.
pub const LESION: &str = "lesion";
/// Whether the cancer is invasive: `yes` or `no`.
pub const INVASIVE: &str = "invasive";
/// Whether there is an implant: `yes` or `no`.
pub const IMPLANT: &str = "implant";
/// Whether there was a biopsy: `yes` or `no`.
pub const BIOPSY: &str = "biopsy";
/// The part of the set: `train`, `test`, `dev` or a fold's number. Two splits are joined by `+`.
pub const SPLIT: &str = "split";
/// The molecular subtype of the cancer, as the set writes it.
pub const SUBTYPE: &str = "subtype";
/// When the cancer was found: `screen-detected`, `interval` or `prior`.
pub const TIMING: &str = "timing";
/// Whether readers called the patient back: `yes` or `no`.
pub const RECALL: &str = "recall";
/// The calendar year of the exam; sets shift it by an unknown amount for each patient.
pub const YEAR: &str = "year";
/// Whether a negative case was hard, as the set's authors saw it: `yes` or `no`.
pub const DIFFICULT: &str = "difficult_negative";
/// Screening or diagnostic exam, as the set writes it.
pub const PURPOSE: &str = "purpose";
/// The patient's race, as the set writes it.
pub const RACE: &str = "race";
/// The patient's ethnic group, as the set writes it.
pub const ETHNICITY: &str = "ethnicity";
/// How hard the lesion is to see in CBIS-DDSM: `0` to `5`, 5 being obvious.
pub const SUBTLETY: &str = "subtlety";

/// All of them.
pub const ALL: &[&str] = &[
    DENSITY,
    PERCENT_DENSITY,
    AGE,
    VENDOR,
    MACHINE,
    SITE,
    BIRADS,
    LESION,
    INVASIVE,
    IMPLANT,
    BIOPSY,
    SPLIT,
    SUBTYPE,
    TIMING,
    RECALL,
    YEAR,
    DIFFICULT,
    PURPOSE,
    RACE,
    ETHNICITY,
    SUBTLETY,
];
