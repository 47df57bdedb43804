//! dcmtk's programs. What a process costs beside decoding is what `dcmconv` takes to copy the same object uncompressed;
//! it is measured next to every decoding and subtracted.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dicom_dictionary_std::tags;

use crate::contestants::{Decoded, words};
use crate::files::File;

pub(crate) fn installed(program: &str) -> bool {
    version(program).is_some()
}

/// `$dcmtk: dcmconv v3.6.7 2022-04-22 $`
pub(crate) fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim_matches(['$', ' ']).to_owned())
}

pub(crate) fn decode(program: &str, file: &File) -> Result<Decoded, String> {
    let out = file.path.with_file_name("dcmtk.dcm");
    let decoding = run(program, &file.path, &out)?;
    let object = dicom_object::open_file(&out).map_err(|e| e.to_string())?;
    let element = object.element(tags::PIXEL_DATA).map_err(|e| e.to_string())?;
    let samples = words(&element.to_bytes().map_err(|e| e.to_string())?, file.shape.precision > 8);
    let copying = run("dcmconv", &file.native_path, &out)?;
    Ok((decoding.saturating_sub(copying), samples))
}

fn run(program: &str, from: &Path, to: &Path) -> Result<Duration, String> {
    let start = Instant::now();
    let output = Command::new(program).arg(from).arg(to).stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    let time = start.elapsed();
    if output.status.success() {
        return Ok(time);
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(text.lines().last().unwrap_or("it failed").to_owned())
}
