//! Tables as Parquet: flat columns of text, numbers and booleans.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::record::Field;
use ::parquet::schema::types::{Type, TypePtr};

use super::{Column, Table, TableError, Values, WHOLE_MAX};

pub(super) fn read(path: &Path) -> Result<Table, TableError> {
    let format = |problem: String| TableError::Format { path: path.to_path_buf(), problem };
    let file = File::open(path).map_err(|why| TableError::File { path: path.to_path_buf(), why })?;
    let reader = SerializedFileReader::new(file).map_err(|e| format(e.to_string()))?;
    let fields = reader.metadata().file_metadata().schema().get_fields().to_vec();
    if let Some(nested) = fields.iter().find(|field| !field.is_primitive()) {
        return Err(format(format!("column {:?} is nested; only flat columns can be read", nested.name())));
    }
    let empty = |field| if is_number(field) { Values::Number(Vec::new()) } else { Values::Text(Vec::new()) };
    let mut columns: Vec<Values> = fields.iter().map(empty).collect();
    for row in reader.get_row_iter(None).map_err(|e| format(e.to_string()))? {
        let row = row.map_err(|e| format(e.to_string()))?;
        for (values, (name, value)) in columns.iter_mut().zip(row.get_column_iter()) {
            push(values, value).map_err(|v| format(format!("column {name:?}: {v} is no number")))?;
        }
    }
    let named = fields.iter().zip(columns).map(|(field, values)| Column { name: field.name().to_owned(), values });
    Table::new(&path.display().to_string(), named.collect())
}

/// One more value. A whole number that `f64` would round is an identifier: its column becomes text, so that no two of them merge.
fn push(values: &mut Values, field: &Field) -> Result<(), String> {
    if let Values::Number(numbers) = values
        && is_rounded(field)
    {
        *values = Values::Text(numbers.iter().map(|number| number.map(|number| number.to_string())).collect());
    }
    match values {
        Values::Number(numbers) => numbers.push(as_number(field)?),
        Values::Text(texts) => texts.push(as_text(field)),
    }
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others are exact as `f64`")]
fn is_rounded(field: &Field) -> bool {
    match field {
        Field::Long(value) => value.unsigned_abs() > WHOLE_MAX,
        Field::ULong(value) => *value > WHOLE_MAX,
        _ => false,
    }
}

fn is_number(field: &TypePtr) -> bool {
    let dated = matches!(
        field.get_basic_info().logical_type_ref(),
        Some(LogicalType::Date | LogicalType::Timestamp { .. } | LogicalType::Time { .. })
    );
    let numeric =
        [Physical::INT32, Physical::INT64, Physical::FLOAT, Physical::DOUBLE].contains(&field.get_physical_type());
    numeric && !dated
}

#[expect(clippy::wildcard_enum_match_arm, reason = "Parquet's own kinds, most of which are no numbers")]
fn as_number(field: &Field) -> Result<Option<f64>, String> {
    Ok(Some(match field {
        Field::Null => return Ok(None),
        Field::Byte(v) => f64::from(*v),
        Field::Short(v) => f64::from(*v),
        Field::Int(v) => f64::from(*v),
        Field::Long(v) => *v as f64,
        Field::UByte(v) => f64::from(*v),
        Field::UShort(v) => f64::from(*v),
        Field::UInt(v) => f64::from(*v),
        Field::ULong(v) => *v as f64,
        Field::Float(v) if v.is_nan() => return Ok(None),
        Field::Double(v) if v.is_nan() => return Ok(None),
        Field::Float(v) => f64::from(*v),
        Field::Double(v) => *v,
        other => return Err(other.to_string()),
    }))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is no text is shown as Parquet shows it")]
fn as_text(field: &Field) -> Option<String> {
    match field {
        Field::Null => None,
        Field::Str(text) => Some(text.clone()),
        Field::Bytes(bytes) => Some(String::from_utf8_lossy(bytes.data()).into_owned()),
        other => Some(other.to_string()),
    }
}

pub(super) fn write(table: &Table, path: &Path, about: &[(&str, &str)]) -> Result<(), TableError> {
    let file = File::create(path).map_err(|why| TableError::File { path: path.to_path_buf(), why })?;
    fill(table, file, about).map_err(|e| TableError::Format { path: path.to_path_buf(), problem: e.to_string() })
}

fn fill(table: &Table, file: File, about: &[(&str, &str)]) -> Result<(), ParquetError> {
    let field = |column: &Column| {
        let (physical, logical) = match column.values {
            Values::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Values::Number(_) => (Physical::DOUBLE, None),
        };
        let builder = Type::primitive_type_builder(&column.name, physical).with_repetition(Repetition::OPTIONAL);
        builder.with_logical_type(logical).build().map(Arc::new)
    };
    let fields = table.columns().iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("table").with_fields(fields).build()?;
    let about = about.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned())).collect();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("uvid ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(about))
        .build();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for column in table.columns() {
        fill_column(&mut group, &column.values)?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

fn fill_column(group: &mut SerializedRowGroupWriter<'_, File>, values: &Values) -> Result<(), ParquetError> {
    let Some(mut writer) = group.next_column()? else {
        return Err(ParquetError::General("there are more columns than the schema has".to_owned()));
    };
    // The definition level of a value that is there is 1, of a null 0.
    match values {
        Values::Text(values) => {
            let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
            let there: Vec<ByteArray> = values.iter().flatten().map(|v| ByteArray::from(v.as_str())).collect();
            writer.typed::<ByteArrayType>().write_batch(&there, Some(&levels), None)?;
        }
        Values::Number(values) => {
            let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
            let there: Vec<f64> = values.iter().flatten().copied().collect();
            writer.typed::<DoubleType>().write_batch(&there, Some(&levels), None)?;
        }
    }
    writer.close()
}
