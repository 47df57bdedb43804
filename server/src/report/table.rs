//! A report for people at a terminal.

use std::fmt::Write;

use uvid_exam::{Output, Value};

use super::{DISCLAIMER, Report};

/// The report as text, ready to print.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_report(&mut out, report);
    out
}

fn write_report(out: &mut String, report: &Report) -> std::fmt::Result {
    match &report.study {
        Some(study) => writeln!(out, "Study {study}")?,
        None => writeln!(out, "Files of no known study")?,
    }
    writeln!(out)?;
    writeln!(out, "  Images received")?;
    for (uid, fate) in &report.fates {
        writeln!(out, "    {uid}  {fate}")?;
        for (_, note) in report.notes.iter().filter(|(of, _)| of == uid) {
            writeln!(out, "      note: {note}")?;
        }
    }
    for file in &report.unreadable {
        writeln!(out, "    {}  cannot be read: {}", file.name, file.problem)?;
    }
    if !report.missing.is_empty() {
        let missing: Vec<_> = report.missing.iter().map(|s| s.name()).collect();
        writeln!(out, "    missing: {}", missing.join(", "))?;
    }
    writeln!(out)?;
    match &report.outcome {
        Ok(scores) => write_scores(out, scores)?,
        Err(reasons) => {
            writeln!(out, "  NOT SCORED")?;
            for reason in reasons {
                writeln!(out, "    [{}] {reason}", reason.code())?;
            }
        }
    }
    writeln!(out)?;
    let p = &report.package;
    writeln!(out, "  Model   {} {}", p.name, p.version)?;
    writeln!(out, "    package  sha256:{}", p.digest)?;
    writeln!(out, "    recipe   sha256:{}", p.recipe_digest)?;
    if let Some(who) = &p.recalibrated {
        writeln!(out, "    calibrated at this site by {who}")?;
    }
    let s = &report.stages;
    writeln!(
        out,
        "  Time    read {:.0} ms, assemble {:.0} ms, prepare {:.0} ms, predict {:.0} ms",
        s.read.as_secs_f64() * 1e3,
        s.assemble.as_secs_f64() * 1e3,
        s.prepare.as_secs_f64() * 1e3,
        s.predict.as_secs_f64() * 1e3
    )?;
    writeln!(out, "  {DISCLAIMER}")
}

/// One line for each image, breast and the exam: the probabilities, categories and scores under their names.
fn write_scores(out: &mut String, scores: &uvid_exam::Scores) -> std::fmt::Result {
    let levels = scores.breasts.iter().map(|b| &b.outputs).chain(scores.images.iter().map(|i| &i.outputs));
    let mut columns: Vec<&str> = Vec::new();
    for output in std::iter::once(&scores.exam).chain(levels).flatten().filter(|o| cell(o).is_some()) {
        if !columns.contains(&output.name.as_str()) {
            columns.push(&output.name);
        }
    }
    let width = |name: &str| name.len().max(8);
    write!(out, "  {:<16}", "Scores")?;
    for name in &columns {
        write!(out, "  {name:>w$}", w = width(name))?;
    }
    writeln!(out)?;
    let mut line = |label: &str, outputs: &[Output]| -> std::fmt::Result {
        write!(out, "    {label:<14}")?;
        for name in &columns {
            let text = outputs.iter().find(|o| o.name == *name).and_then(cell).unwrap_or_default();
            write!(out, "  {text:>w$}", w = width(name))?;
        }
        writeln!(out)
    };
    for image in &scores.images {
        line(image.slot.name(), &image.outputs)?;
    }
    for breast in &scores.breasts {
        line(&format!("{} breast", breast.laterality), &breast.outputs)?;
    }
    line(&exam_label(scores.images.len()), &scores.exam)?;
    for output in scores.exam.iter().filter(|o| is_given(o)) {
        if let Value::Category(said) = &output.value {
            writeln!(out, "    {}: {said}", output.name.replacen('_', " ", 1))?;
        }
    }
    if scores.exam.iter().any(|o| !is_given(o) && matches!(o.value, Value::Category(_))) {
        writeln!(out, "    Letters are provisional until a site has checked their cuts.")?;
    }
    write_flags(out, scores)?;
    write_relative_risks(out, scores)
}

/// What the operating points say, each with its threshold and who set it.
fn write_flags(out: &mut String, scores: &uvid_exam::Scores) -> std::fmt::Result {
    for flag in &scores.flags {
        let whose = flag.laterality.map(|l| format!("{l} breast")).unwrap_or_else(|| "exam".to_owned());
        let verdict = if flag.flagged { "at or above" } else { "below" };
        let set_by = flag.set_by.as_ref().map(|by| format!("; set here by {by}")).unwrap_or_default();
        writeln!(
            out,
            "    {whose}: {} is {verdict} {} (operating point {}{set_by})",
            flag.output, flag.threshold, flag.point
        )?;
    }
    Ok(())
}

/// An exam of fewer views says so.
fn exam_label(images: usize) -> String {
    if images == 4 { "exam".to_owned() } else { format!("exam, {images} of 4") }
}

/// Whether it repeats what whoever asked said, and the model did not.
fn is_given(output: &Output) -> bool {
    output.name.starts_with("given_")
}

/// What the table has room for.
fn cell(output: &Output) -> Option<String> {
    if is_given(output) {
        return None;
    }
    match &output.value {
        Value::Score(v) => Some(format!("{:.3}", v.get())),
        Value::Probability(p) | Value::Risk { probability: p, .. } => Some(format!("{:.4}", p.get())),
        Value::Percentile(p) => Some(format!("{:.1}", p.get())),
        Value::Category(letter) => Some(letter.clone()),
        Value::RelativeRisk { .. } => None,
    }
}

fn write_relative_risks(out: &mut String, scores: &uvid_exam::Scores) -> std::fmt::Result {
    let images = scores.images.iter().map(|i| (i.slot.name().to_owned(), &i.outputs));
    let breasts = scores.breasts.iter().map(|b| (format!("{} breast", b.laterality), &b.outputs));
    let all: Vec<_> = images.chain(breasts).chain([("exam".to_owned(), &scores.exam)]).collect();
    if !all.iter().any(|(_, outputs)| outputs.iter().any(|o| matches!(o.value, Value::RelativeRisk { .. }))) {
        return Ok(());
    }
    writeln!(out)?;
    writeln!(
        out,
        "  Published relative risk of breast cancer, if the letter is right (literature, not the model's estimate)"
    )?;
    let mut sources: Vec<&str> = Vec::new();
    for (label, outputs) in &all {
        let mut risks = Vec::new();
        for output in outputs.iter() {
            let Value::RelativeRisk { ratio, interval, reference, source } = &output.value else { continue };
            let place = sources.iter().position(|s| s == source).unwrap_or_else(|| {
                sources.push(source);
                sources.len() - 1
            });
            let interval = interval.map(|(lo, hi)| format!(" (95 % CI {lo:.2}-{hi:.2})")).unwrap_or_default();
            risks.push(format!("{ratio:.2}{interval} against {reference} [{}]", place + 1));
        }
        let risks =
            if risks.is_empty() { "none published for this category here".to_owned() } else { risks.join("; ") };
        writeln!(out, "    {label:<12}  {risks}")?;
    }
    for (i, source) in sources.iter().enumerate() {
        writeln!(out, "    [{}] {source}", i + 1)?;
    }
    Ok(())
}
