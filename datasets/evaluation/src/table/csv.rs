//! Tables as CSV.

use std::path::Path;

use super::{Column, Table, TableError, Values};

/// What stands for a value that is not there.
const MISSING: [&str; 7] = ["", "NA", "NaN", "nan", "null", "None", "N/A"];

pub(super) fn read(path: &Path, delimiter: u8) -> Result<Table, TableError> {
    let wrong = |error: &csv::Error| TableError::Format { path: path.to_path_buf(), problem: error.to_string() };
    let file = std::fs::File::open(path).map_err(|source| TableError::File { path: path.to_path_buf(), source })?;
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file);
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

pub(super) fn write(table: &Table, path: &Path, delimiter: u8) -> Result<(), TableError> {
    std::fs::write(path, text(table, delimiter)?)
        .map_err(|source| TableError::File { path: path.to_path_buf(), source })
}

pub(super) fn text(table: &Table, delimiter: u8) -> Result<String, TableError> {
    let failed = |problem: String| TableError::Format { path: table.name().into(), problem };
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    writer.write_record(table.names()).map_err(|e| failed(e.to_string()))?;
    for row in 0..table.rows() {
        for column in table.columns() {
            let field = match &column.values {
                Values::Text(values) => values[row].clone().unwrap_or_default(),
                Values::Number(values) => values[row].map(|v| v.to_string()).unwrap_or_default(),
            };
            writer.write_field(field).map_err(|e| failed(e.to_string()))?;
        }
        writer.write_record(None::<&[u8]>).map_err(|e| failed(e.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| failed(e.to_string()))
}
