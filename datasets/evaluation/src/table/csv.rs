//! Tables as CSV.

use std::path::Path;

use super::{Column, Table, TableError, Values};

/// What stands for a value that is not there.
const MISSING: [&str; 7] = ["", "NA", "NaN", "nan", "null", "None", "N/A"];

pub(super) fn read(path: &Path, delimiter: u8) -> Result<Table, TableError> {
    let wrong = |problem: String| TableError::Format { path: path.to_path_buf(), problem };
    let bytes = std::fs::read(path).map_err(|why| TableError::File { path: path.to_path_buf(), why })?;
    let text = utf8(&bytes).map_err(|problem| wrong(problem.to_owned()))?;
    let delimiter = if delimiter == b',' { delimiter_of(text) } else { delimiter };
    let wrong = |error: &csv::Error| wrong(problem(error));
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| wrong(&e))?.clone();
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); header.len()];
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|e| wrong(&e))? {
        for (column, field) in columns.iter_mut().zip(&record) {
            let field = field.trim();
            column.push((!MISSING.contains(&field)).then(|| field.to_owned()));
        }
    }
    // Excel writes a byte order mark.
    let names = header.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned());
    let columns = names.zip(columns).map(|(name, values)| Column { name, values: Values::Text(values) }).collect();
    Table::new(&path.display().to_string(), columns)
}

/// The text of a file. Spreadsheets also write UTF-16 and the code pages of old systems, which cannot be told from each other.
fn utf8(bytes: &[u8]) -> Result<&str, &'static str> {
    let begins = |mark: &[u8]| bytes.starts_with(mark);
    if begins(&[0xff, 0xfe]) || begins(&[0xfe, 0xff]) || bytes.iter().take(64).any(|byte| *byte == 0) {
        return Err("the text is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)");
    }
    std::str::from_utf8(bytes)
        .map_err(|_| "the text is not UTF-8, it may be of a code page such as cp1251; save it as UTF-8 (in a spreadsheet: CSV UTF-8)")
}

/// A comma; a semicolon, which spreadsheets write where the decimal sign is a comma, if the header has semicolons and no comma
/// outside quotes.
fn delimiter_of(text: &str) -> u8 {
    let mut quoted = false;
    let mut semicolon = false;
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => return b',',
            b';' if !quoted => semicolon = true,
            b'\n' if !quoted => break,
            _ => {}
        }
    }
    if semicolon { b';' } else { b',' }
}

/// What is wrong, with the row from 1, the header not counted, as everywhere.
fn problem(error: &csv::Error) -> String {
    let csv::ErrorKind::UnequalLengths { pos, expected_len, len } = error.kind() else { return error.to_string() };
    let row = pos.as_ref().map_or_else(String::new, |pos| format!("row {} ", pos.record()));
    format!("{row}has {len} fields where the header has {expected_len}")
}

pub(super) fn write(table: &Table, path: &Path, delimiter: u8) -> Result<(), TableError> {
    std::fs::write(path, text(table, delimiter)?).map_err(|why| TableError::File { path: path.to_path_buf(), why })
}

pub(super) fn text(table: &Table, delimiter: u8) -> Result<String, TableError> {
    let failed = |problem: String| TableError::Format { path: table.name().into(), problem };
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    writer.write_record(table.names()).map_err(|e| failed(e.to_string()))?;
    for row in 0..table.rows() {
        for column in table.columns() {
            let field = match &column.values {
                Values::Text(values) => values[row].clone().unwrap_or_default(),
                Values::Number(values) => values[row].map(number).unwrap_or_default(),
            };
            writer.write_field(field).map_err(|e| failed(e.to_string()))?;
        }
        writer.write_record(None::<&[u8]>).map_err(|e| failed(e.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| failed(e.to_string()))
}

/// All digits that tell a number from its neighbours; with an exponent where zeros would be most of it.
fn number(value: f64) -> String {
    match value.abs() {
        size if size != 0.0 && !(1e-5..1e16).contains(&size) => format!("{value:e}"),
        _ => value.to_string(),
    }
}
