//! The first sheet of an `.xls` workbook as rows of text, for INbreast.
//!
//! A limit that is not ours to set: calamine allocates the whole rectangle that a sheet's cells span, 65,536 x 65,536
//! cells at most. A workbook made to do harm can ask for more memory than there is.

use std::io::{Cursor, Read};
use std::path::Path;

use calamine::{Data, Reader as _, Xls};
use csv::ByteRecord;
use sha2::{Digest, Sha256};

use super::error::SetError;
use super::table::hex;

/// The longest workbook that is read. INbreast's has 0.2 MB.
const WORKBOOK_BYTES_MAX: u64 = 64 << 20;

/// The rows of the first sheet, the header first, and the file's SHA-256.
pub(super) fn rows(path: &Path, file: &str) -> Result<(Vec<ByteRecord>, String), SetError> {
    let unreadable = |source| SetError::Read { file: file.into(), source };
    let broken = |problem: &str| SetError::Format { file: file.into(), row: 0, problem: problem.into() };
    let mut bytes = Vec::new();
    let source = std::fs::File::open(path).map_err(unreadable)?;
    source.take(WORKBOOK_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > WORKBOOK_BYTES_MAX {
        return Err(broken("is longer than 64 MiB"));
    }
    let sha256 = hex(&Sha256::digest(&bytes));
    // calamine indexes into what a file says of itself and panics where that is wrong; it holds no state of ours.
    let read = std::panic::catch_unwind(move || first_sheet(bytes));
    match read {
        Ok(Some(rows)) => Ok((rows, sha256)),
        Ok(None) | Err(_) => Err(broken("is no workbook that can be read")),
    }
}

fn first_sheet(bytes: Vec<u8>) -> Option<Vec<ByteRecord>> {
    let mut book = Xls::new(Cursor::new(bytes)).ok()?;
    let sheet = book.worksheet_range_at(0)?.ok()?;
    Some(sheet.rows().map(|row| row.iter().map(text).collect::<Vec<_>>()).map(ByteRecord::from).collect())
}

/// A cell as a CSV file would hold it: whole numbers without a point.
fn text(cell: &Data) -> String {
    match cell {
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(value) => value.to_string(),
        Data::Float(value) => value.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::DateTime(value) => value.as_f64().to_string(),
        Data::Error(_) | Data::Empty => String::new(),
    }
}
