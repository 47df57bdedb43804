//! Public sets of mammograms: their tables become one model, a [`Cohort`].
//!
//! A reader is a file of this folder. It knows the columns of a set's tables, what they mean, and by which rules a label
//! follows from them; its module's documentation says all three. No reader opens an image or guesses: a missing column
//! is an error that names it, a row that is left out is an [`Exclusion`], an unknown stays unknown.
//!
//! - [`read`] reads a set, [`recognise`] finds out which set a folder is.
//! - [`Cohort::summary`] counts, for a flow diagram.
//! - [`Cohort::check`] looks for what is wrong, in the tables and on the disk.
//! - [`Files`] finds an image's file, whichever way it was downloaded.
//!
//! ```
//! let root = tempfile::tempdir()?;
//! std::fs::write(
//!     root.path().join("cohort.csv"),
//!     "patient,exam,image,laterality,view,cancer_breast\n\
//!      p1,e1,a,L,CC,1\n\
//!      p1,e1,b,R,CC,0\n",
//! )?;
//! assert_eq!(uvid_datasets::sets::recognise(root.path())?.name, "generic");
//! let cohort = uvid_datasets::sets::read("generic", root.path())?;
//! assert_eq!(cohort.images[0].labels.breast, Some(true));
//! assert_eq!(cohort.images[1].labels.exam, Some(true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::path::Path;

pub mod cbis_ddsm;
mod check;
pub mod cmmd;
mod cohort;
pub mod covariate;
pub mod csaw_cc;
pub mod embed;
mod error;
mod exclusion;
mod files;
pub mod generic;
pub mod inbreast;
mod labels;
mod lesion;
pub mod mirai;
mod outline;
pub mod rsna;
pub mod screening640;
mod summary;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod values;
pub mod vindr;
mod workbook;

pub use check::{Checks, Finding, Severity};
pub use cohort::{Cohort, Image, Labels, Misplaced, Outcome, Projection, Reference, Series, Side, Table};
pub use error::SetError;
pub use exclusion::{Exclusion, Stage, Unit};
pub use files::{Files, Found};
pub use lesion::{Lesion, LesionKind, Shape};
pub use summary::{Counts, Labelled, Step, Summary};
pub use table::Column;

/// Knows one set.
#[derive(Debug)]
pub struct Reader {
    /// Its name, as a command takes it.
    pub name: &'static str,
    /// The set's name.
    pub title: &'static str,
    /// Who published it, and where.
    pub source: &'static str,
    /// The licence, in a word.
    pub licence: &'static str,
    /// What the labels mean, in a sentence for a report.
    pub labels: &'static str,
    /// The tables that it reads.
    pub tables: &'static [Expected],
    read: fn(&Path, &[Option<String>]) -> Result<Cohort, SetError>,
}

/// A table of a set.
#[derive(Debug)]
pub struct Expected {
    /// Its file name, and those of other releases.
    pub names: &'static [&'static str],
    /// Whether the set cannot be read without it. One table at least must be there in any case.
    pub required: bool,
    /// The columns that are used.
    pub columns: &'static [Column],
}

/// Where tables lie under a set's root.
const FOLDERS: [&str; 4] = ["", "tables/", "csv/", "metadata/"];

/// All readers. One that takes a more special table stands before one that takes a more general one.
const READERS: [Reader; 10] = [
    cbis_ddsm::READER,
    vindr::READER,
    rsna::READER,
    inbreast::READER,
    cmmd::READER,
    csaw_cc::READER,
    embed::READER,
    mirai::READER,
    screening640::READER,
    generic::READER,
];

/// All readers.
pub fn readers() -> &'static [Reader] {
    &READERS
}

impl Reader {
    /// Where each of the tables lies, relative to `root`; `None` if one that is required does not, or none does.
    fn locate(&self, root: &Path) -> Result<Vec<Option<String>>, SetError> {
        let found: Vec<Option<String>> = self.tables.iter().map(|table| table.locate(root)).collect();
        let lacking = self.tables.iter().zip(&found).find(|(table, place)| table.required && place.is_none());
        let nothing = found.iter().all(Option::is_none).then(|| &self.tables[0]);
        match lacking.map(|(table, _)| table).or(nothing) {
            Some(table) => Err(SetError::Missing { file: table.names.join(" or "), root: root.to_owned() }),
            None => Ok(found),
        }
    }

    /// Whether the tables under `root` are this set's: there, with the columns that are needed.
    fn recognises(&self, root: &Path) -> bool {
        let Ok(found) = self.locate(root) else { return false };
        let fits = |(expected, file): (&Expected, &Option<String>)| {
            let Some(file) = file else { return true };
            let header = table::header(root, file);
            header.is_ok_and(|header| table::Columns::find(file, &header, expected.columns, &BTreeMap::new()).is_ok())
        };
        self.tables.iter().zip(&found).all(fits)
    }

    /// Reads the set under `root`.
    ///
    /// # Errors
    ///
    /// [`SetError`] names the file, the row and the column.
    pub fn read(&self, root: &Path) -> Result<Cohort, SetError> {
        (self.read)(root, &self.locate(root)?)
    }
}

impl Expected {
    fn locate(&self, root: &Path) -> Option<String> {
        let places = FOLDERS.iter().flat_map(|folder| self.names.iter().map(move |name| format!("{folder}{name}")));
        places.into_iter().find(|place| root.join(place).is_file())
    }
}

/// Reads the set under `root` with the reader of that name.
///
/// # Errors
///
/// [`SetError::Unknown`], [`SetError::Missing`], or what is wrong with a table.
pub fn read(name: &str, root: &Path) -> Result<Cohort, SetError> {
    let known = || READERS.map(|reader| reader.name).join(", ");
    let reader = READERS.iter().find(|reader| reader.name == name);
    reader.ok_or_else(|| SetError::Unknown { name: name.to_owned(), known: known() })?.read(root)
}

/// The reader whose tables lie under `root`.
///
/// # Errors
///
/// [`SetError::Unrecognised`] if there is none, [`SetError::Ambiguous`] if there are several.
pub fn recognise(root: &Path) -> Result<&'static Reader, SetError> {
    let fitting: Vec<&'static Reader> = READERS.iter().filter(|reader| reader.recognises(root)).collect();
    match fitting.as_slice() {
        [] => Err(SetError::Unrecognised { root: root.to_owned() }),
        [reader] => Ok(reader),
        several => {
            let sets = several.iter().map(|reader| reader.name).collect::<Vec<_>>().join(", ");
            Err(SetError::Ambiguous { root: root.to_owned(), sets })
        }
    }
}
