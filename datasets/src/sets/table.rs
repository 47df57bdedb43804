//! Tables as published: a header, rows, and an error that names file, row and column.
//!
//! A header is found whatever its case, a byte order mark and spaces around it. Commas and semicolons are told apart by
//! the first line. An empty cell, `nan`, `NaN` and `NULL` are "not given". A line may break in quotes at the start and the
//! end of a cell only, where CBIS-DDSM has breaks: a quote that is never closed would swallow the rows below it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use csv::ByteRecord;
use sha2::{Digest, Sha256};

use super::cohort::Table;
use super::error::SetError;
use super::workbook;

/// The longest table that is read. The longest known one, EMBED's, has less than 1 GB.
const TABLE_BYTES_MAX: u64 = 4 << 30;
/// The most columns that a table may have.
const COLUMNS_MAX: usize = 4096;

/// A column that a reader uses.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in the set's table.
    pub name: &'static str,
    /// Its other known names.
    pub also: &'static [&'static str],
    /// Whether a table without it is refused.
    pub required: bool,
}

/// A column that must be there.
pub(super) const fn need(name: &'static str) -> Column {
    Column { name, also: &[], required: true }
}

/// A column that must be there, and has another name in some releases.
pub(super) const fn need_or(name: &'static str, also: &'static [&'static str]) -> Column {
    Column { name, also, required: true }
}

/// A column that may be there.
pub(super) const fn may(name: &'static str) -> Column {
    Column { name, also: &[], required: false }
}

/// Where each column of a schema stands in a header.
#[derive(Debug)]
pub(super) struct Columns {
    file: String,
    at: BTreeMap<&'static str, usize>,
}

fn folded(name: &str) -> String {
    name.trim_start_matches('\u{feff}').trim().to_lowercase()
}

impl Columns {
    /// Finds `schema` in `header`; `mapping` gives the table's own names of columns, by ours.
    pub(super) fn find(
        file: &str,
        header: &ByteRecord,
        schema: &[Column],
        mapping: &BTreeMap<String, String>,
    ) -> Result<Self, SetError> {
        let fault = |column: &str, problem| SetError::Column { file: file.into(), column: column.into(), problem };
        if header.len() > COLUMNS_MAX {
            return Err(SetError::Format { file: file.into(), row: 1, problem: "has too many columns".into() });
        }
        let names: Vec<String> = header.iter().map(|name| folded(&String::from_utf8_lossy(name))).collect();
        let mut at = BTreeMap::new();
        for column in schema {
            let own = mapping.get(column.name).map(|name| folded(name));
            let known: Vec<String> = match own {
                Some(name) => vec![name],
                None => std::iter::once(column.name).chain(column.also.iter().copied()).map(folded).collect(),
            };
            let mut places = (0..names.len()).filter(|&place| known.contains(&names[place]));
            match (places.next(), places.next()) {
                (Some(_), Some(_)) => return Err(fault(column.name, "is there twice")),
                (Some(place), None) => {
                    at.insert(column.name, place);
                }
                (None, _) if column.required || mapping.contains_key(column.name) => {
                    return Err(fault(column.name, "is missing"));
                }
                (None, _) => {}
            }
        }
        Ok(Self { file: file.into(), at })
    }
}

/// One row of a table.
pub(super) struct Row<'a> {
    columns: &'a Columns,
    cells: &'a ByteRecord,
    number: u64,
}

impl<'a> Row<'a> {
    pub(super) fn new(columns: &'a Columns, cells: &'a ByteRecord, number: u64) -> Self {
        Self { columns, cells, number }
    }

    /// `file:row`.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.columns.file, self.number)
    }

    /// Whether no cell holds anything.
    pub(super) fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.iter().all(u8::is_ascii_whitespace))
    }

    /// An error about one of this row's cells.
    pub(super) fn wrong(&self, column: &str, problem: impl Into<String>) -> SetError {
        let (file, row) = (self.columns.file.clone(), self.number);
        SetError::Value { file, row, column: column.into(), problem: problem.into() }
    }

    /// A cell without the spaces around it; `None` if it is empty or there is no such column.
    pub(super) fn text(&self, column: &'static str) -> Result<Option<&'a str>, SetError> {
        let Some(&place) = self.columns.at.get(column) else { return Ok(None) };
        let bytes = self.cells.get(place).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|_| self.wrong(column, "is not UTF-8"))?.trim();
        Ok((!matches!(text, "" | "nan" | "NaN" | "NULL")).then_some(text))
    }

    /// A cell that must not be empty.
    pub(super) fn need(&self, column: &'static str) -> Result<&'a str, SetError> {
        self.text(column)?.ok_or_else(|| self.wrong(column, "is empty"))
    }

    /// An identifier: a whole number that a spreadsheet wrote as `12.0` is `12`.
    pub(super) fn id(&self, column: &'static str) -> Result<Option<&'a str>, SetError> {
        let whole = |text: &'a str| match text.strip_suffix(".0") {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits,
            Some(_) | None => text,
        };
        Ok(self.text(column)?.map(whole))
    }

    /// A finite number.
    pub(super) fn number(&self, column: &'static str) -> Result<Option<f64>, SetError> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        let value: Option<f64> = text.parse().ok().filter(|value: &f64| value.is_finite());
        value.map(Some).ok_or_else(|| self.wrong(column, "is no number"))
    }

    /// A whole number from `low` to `high`; `3.0` is 3.
    pub(super) fn whole(&self, column: &'static str, low: u32, high: u32) -> Result<Option<u32>, SetError> {
        let Some(value) = self.number(column)? else { return Ok(None) };
        let allowed = value >= f64::from(low) && value <= f64::from(high) && value.fract() == 0.0;
        // In range and whole, so the conversion is exact.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        let whole = value as u32;
        let problem = || self.wrong(column, format!("is no whole number from {low} to {high}"));
        if allowed { Ok(Some(whole)) } else { Err(problem()) }
    }

    /// Yes or no: `1`, `1.0`, `true`, `yes`, or `0`, `0.0`, `false`, `no`, in any case.
    pub(super) fn flag(&self, column: &'static str) -> Result<Option<bool>, SetError> {
        let Some(text) = self.text(column)? else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "1" | "1.0" | "true" | "yes" => Ok(Some(true)),
            "0" | "0.0" | "false" | "no" => Ok(Some(false)),
            _ => Err(self.wrong(column, "is neither yes nor no")),
        }
    }
}

/// Reads through `source` and digests what passes; stops with an error at [`TABLE_BYTES_MAX`].
struct Digesting<R> {
    source: R,
    digest: Sha256,
    left: u64,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(buffer)?;
        let over = || std::io::Error::other("is longer than 4 GiB");
        self.left = self.left.checked_sub(count as u64).ok_or_else(over)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unreadable(file: &str) -> impl Fn(std::io::Error) -> SetError {
    move |source| SetError::Read { file: file.into(), source }
}

fn malformed(file: &str, error: csv::Error) -> SetError {
    let row = error.position().map_or(0, |position| position.record() + 1);
    let kind = error.into_kind();
    if let csv::ErrorKind::Io(source) = kind {
        return SetError::Read { file: file.into(), source };
    }
    let problem = if let csv::ErrorKind::UnequalLengths { expected_len, len, .. } = kind {
        format!("has {len} columns where the header has {expected_len}")
    } else {
        "is no row of a table".into()
    };
    SetError::Format { file: file.into(), row, problem }
}

/// Refuses a record of a CSV file with a line break inside a cell, which no set has.
fn unbroken(file: &str, cells: &ByteRecord, row: u64) -> Result<(), SetError> {
    let broken = |cell: &[u8]| cell.trim_ascii().iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    if !cells.iter().any(broken) {
        return Ok(());
    }
    let problem = "has a line break inside a cell; a quote may not be closed".into();
    Err(SetError::Format { file: file.into(), row, problem })
}

/// A CSV file, its delimiter known from the first line.
fn csv_of(path: &Path, file: &str) -> Result<csv::Reader<Digesting<BufReader<File>>>, SetError> {
    let mut source = BufReader::new(File::open(path).map_err(unreadable(file))?);
    let start = source.fill_buf().map_err(unreadable(file))?;
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |mark: u8| line.iter().filter(|&&byte| byte == mark).count();
    let delimiter = if count(b';') > count(b',') { b';' } else { b',' };
    let source = Digesting { source, digest: Sha256::new(), left: TABLE_BYTES_MAX };
    Ok(csv::ReaderBuilder::new().delimiter(delimiter).from_reader(source))
}

fn is_workbook(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xls"))
}

/// The header of the table `file` under `root`.
pub(super) fn header(root: &Path, file: &str) -> Result<ByteRecord, SetError> {
    if is_workbook(file) {
        let (rows, _) = workbook::rows(&root.join(file), file)?;
        return Ok(rows.into_iter().next().unwrap_or_default());
    }
    let mut reader = csv_of(&root.join(file), file)?;
    reader.byte_headers().cloned().map_err(|error| malformed(file, error))
}

/// Gives every row of the table `file` under `root` to `take`, and says what was read.
pub(super) fn read(
    root: &Path,
    file: &str,
    schema: &[Column],
    mapping: &BTreeMap<String, String>,
    mut take: impl FnMut(&Row) -> Result<(), SetError>,
) -> Result<Table, SetError> {
    let path = root.join(file);
    if is_workbook(file) {
        let (rows, sha256) = workbook::rows(&path, file)?;
        let mut rows = rows.into_iter();
        let columns = Columns::find(file, &rows.next().unwrap_or_default(), schema, mapping)?;
        let mut count = 0;
        for cells in rows {
            count += 1;
            take(&Row::new(&columns, &cells, count + 1))?;
        }
        return Ok(Table { path: file.into(), rows: count, sha256 });
    }
    let mut reader = csv_of(&path, file)?;
    let header = reader.byte_headers().cloned().map_err(|error| malformed(file, error))?;
    unbroken(file, &header, 1)?;
    let columns = Columns::find(file, &header, schema, mapping)?;
    let mut cells = ByteRecord::new();
    let mut count = 0;
    while reader.read_byte_record(&mut cells).map_err(|error| malformed(file, error))? {
        count += 1;
        unbroken(file, &cells, count + 1)?;
        take(&Row::new(&columns, &cells, count + 1))?;
    }
    // The reader has come to the end of the file, so all of it is digested.
    let digest = reader.into_inner().digest.finalize();
    Ok(Table { path: file.into(), rows: count, sha256: hex(&digest) })
}
