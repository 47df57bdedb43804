//! `uvid stats convert`: a table in the other format.

use std::path::PathBuf;

use clap::Args;
use uvid_evaluation::table::{Table, digest};

use crate::commands::Ended;

/// From where to where.
#[derive(Debug, Args)]
pub(super) struct Convert {
    /// A table, CSV, TSV or Parquet.
    from: PathBuf,
    /// Where it is to go; the name's end says the format.
    to: PathBuf,
}

pub(super) fn convert(convert: &Convert) -> anyhow::Result<Ended> {
    let table = Table::read(&convert.from)?;
    let parquet = convert.to.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
    match parquet {
        true => table.numeric().write_parquet(&convert.to, &[("source_sha256", &digest(&convert.from)?)])?,
        false => table.write_csv(&convert.to)?,
    }
    println!("{}: {} rows, {} columns", convert.to.display(), table.rows(), table.columns().len());
    Ok(Ended::Well)
}
