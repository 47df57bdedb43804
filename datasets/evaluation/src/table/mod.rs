//! Tables as researchers have them: CSV or Parquet, one row for each image, breast, exam or lesion.
//!
//! Invariant: every column has as many values as the table has rows, and no two columns share a name. A value that is not
//! there is `None`: an empty field, `NA`, `NaN`, `null` of a CSV; a null of a Parquet file.

mod csv;
mod error;
mod parquet;

use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest, Sha256};

pub use error::TableError;

/// The largest size up to which every whole number is an `f64`.
const WHOLE_MAX: u64 = 1 << 53;

/// Rows and named columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What to call it in errors: its path.
    name: String,
    rows: usize,
    columns: Vec<Column>,
}

/// A named list of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name, as in the file.
    pub name: String,
    /// Its values, one for each row.
    pub values: Values,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// As text; numbers of a CSV too, until they are asked for.
    Text(Vec<Option<String>>),
    /// As numbers.
    Number(Vec<Option<f64>>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Number(values) => values.len(),
        }
    }
}

impl Table {
    /// From columns.
    ///
    /// # Errors
    ///
    /// Columns of different lengths, or two of one name.
    pub fn new(name: &str, columns: Vec<Column>) -> Result<Self, TableError> {
        let rows = columns.first().map_or(0, |column| column.values.len());
        for (i, column) in columns.iter().enumerate() {
            let problem = match () {
                () if column.values.len() != rows => "has another number of rows",
                () if columns[..i].iter().any(|other| other.name == column.name) => "is there twice",
                () => continue,
            };
            return Err(TableError::Column { table: name.to_owned(), column: column.name.clone(), problem });
        }
        Ok(Self { name: name.to_owned(), rows, columns })
    }

    /// Reads a file: Parquet if it is called so, otherwise CSV (or TSV, if it is called so).
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no such table.
    pub fn read(path: &Path) -> Result<Self, TableError> {
        match is_called(path, "parquet") {
            true => parquet::read(path),
            false => csv::read(path, delimiter(path)),
        }
    }

    /// Writes it as CSV, or as TSV if the file is called so.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<(), TableError> {
        csv::write(self, path, delimiter(path))
    }

    /// As the text of a CSV file.
    ///
    /// # Errors
    ///
    /// None that can be met: it is written to memory.
    pub fn csv(&self) -> Result<String, TableError> {
        csv::text(self, b',')
    }

    /// Writes it as Parquet, with what there is to say of it as key-value metadata.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_parquet(&self, path: &Path, about: &[(&str, &str)]) -> Result<(), TableError> {
        parquet::write(self, path, about)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Whether there is a column of this name.
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|other| other == name)
    }

    /// A column.
    ///
    /// # Errors
    ///
    /// [`TableError::NoColumn`], with those that are there.
    pub fn column(&self, name: &str) -> Result<&Column, TableError> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| TableError::NoColumn {
            table: self.name.clone(),
            column: name.to_owned(),
            there: self.names().map(str::to_owned).collect(),
        })
    }

    /// A column as numbers.
    ///
    /// # Errors
    ///
    /// There is none, or a value is no finite number.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, TableError> {
        let refuse = |row: usize, value: String| TableError::Value {
            table: self.name.clone(),
            row: row + 1,
            column: name.to_owned(),
            expected: match value.replace(',', ".").parse::<f64>() {
                Ok(_) if value.contains(',') => "a finite number: decimals are written with a point",
                Ok(_) | Err(_) => "a finite number",
            },
            value,
        };
        match &self.column(name)?.values {
            Values::Number(values) => match values.iter().position(|v| v.is_some_and(|v| !v.is_finite())) {
                Some(row) => Err(refuse(row, values[row].unwrap_or_default().to_string())),
                None => Ok(values.clone()),
            },
            Values::Text(values) => {
                let parse = |(row, value): (usize, &Option<String>)| match value {
                    None => Ok(None),
                    Some(text) => match text.trim().parse::<f64>() {
                        Ok(number) if number.is_finite() => Ok(Some(number)),
                        _ => Err(refuse(row, text.clone())),
                    },
                };
                values.iter().enumerate().map(parse).collect()
            }
        }
    }

    /// A column as yes or no: 1 and 0 (also as 1.0 and 0.0), true and false, yes and no.
    ///
    /// # Errors
    ///
    /// There is none, or a value is something else.
    pub fn booleans(&self, name: &str) -> Result<Vec<Option<bool>>, TableError> {
        let parse = |(row, text): (usize, Option<String>)| {
            let Some(text) = text else { return Ok(None) };
            match text.trim().to_ascii_lowercase().as_str() {
                "1" | "1.0" | "true" | "yes" => Ok(Some(true)),
                "0" | "0.0" | "false" | "no" => Ok(Some(false)),
                _ => Err(TableError::Value {
                    table: self.name.clone(),
                    row: row + 1,
                    column: name.to_owned(),
                    value: text,
                    expected: "1 or 0, true or false, yes or no",
                }),
            }
        };
        self.texts(name)?.into_iter().enumerate().map(parse).collect()
    }

    /// The table with numbers where a column of text holds nothing else. What begins with a zero before another digit, has a plus
    /// sign, or is a whole number beyond 2^53, which `f64` rounds, is an identifier: its column stays text, as does one without
    /// values.
    #[must_use]
    pub fn numeric(&self) -> Self {
        let one = |column: &Column| Column {
            name: column.name.clone(),
            values: match &column.values {
                Values::Text(values) => as_numbers(values).map_or_else(|| column.values.clone(), Values::Number),
                Values::Number(_) => column.values.clone(),
            },
        };
        Self { name: self.name.clone(), rows: self.rows, columns: self.columns.iter().map(one).collect() }
    }

    /// A column as text.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn texts(&self, name: &str) -> Result<Vec<Option<String>>, TableError> {
        Ok(match &self.column(name)?.values {
            Values::Text(values) => values.clone(),
            Values::Number(values) => values.iter().map(|v| v.map(|v| v.to_string())).collect(),
        })
    }

    /// The rows that `keep` says.
    #[must_use]
    pub fn filtered(&self, keep: &[bool]) -> Self {
        fn pick<T: Clone>(values: &[T], keep: &[bool]) -> Vec<T> {
            values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| value.clone()).collect()
        }
        let one = |column: &Column| Column {
            name: column.name.clone(),
            values: match &column.values {
                Values::Text(values) => Values::Text(pick(values, keep)),
                Values::Number(values) => Values::Number(pick(values, keep)),
            },
        };
        let columns: Vec<Column> = self.columns.iter().map(one).collect();
        let rows = columns.first().map_or(0, |column| column.values.len());
        Self { name: self.name.clone(), rows, columns }
    }
}

/// Text as numbers, if there are some and all are.
fn as_numbers(values: &[Option<String>]) -> Option<Vec<Option<f64>>> {
    let parsed = values.iter().map(|value| value.as_deref().map(as_number).map_or(Some(None), |n| n.map(Some)));
    let numbers = parsed.collect::<Option<Vec<_>>>().filter(|numbers| numbers.iter().any(Option::is_some))?;
    // Two texts of one number, 1.1 and 1.10, may be two names.
    let mut written: HashMap<u64, &str> = HashMap::new();
    let pairs = numbers.iter().zip(values).filter_map(|(number, text)| Some((number.as_ref()?, text.as_deref()?)));
    let mut alike = pairs.map(|(number, text)| *written.entry(number.to_bits()).or_insert(text) == text);
    alike.all(|alike| alike).then_some(numbers)
}

/// Text as a number, if it is no identifier.
fn as_number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = unsigned.as_bytes();
    let padded = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    // 2^53 + 1 is read as 2^53: the digits decide.
    let whole = digits.iter().all(u8::is_ascii_digit);
    let rounded = whole && !unsigned.parse::<u64>().is_ok_and(|whole| whole <= WHOLE_MAX);
    (!padded && !rounded && !text.contains('+')).then_some(number)
}

fn is_called(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// What stands between the fields of a file of this name.
fn delimiter(path: &Path) -> u8 {
    if is_called(path, "tsv") { b'\t' } else { b',' }
}

/// The SHA-256 of a file, hexadecimal.
///
/// # Errors
///
/// It cannot be read.
pub fn digest(path: &Path) -> Result<String, TableError> {
    let failed = |why| TableError::File { path: path.to_path_buf(), why };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = std::io::Read::read(&mut file, &mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
