//! Which file on the disk is which image: sets are moved, and downloaders name folders in their own ways.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::cohort::{Image, Series};
use super::lesion::{Lesion, Shape};

/// The most files that a set's folder may hold. EMBED's whole release has 3.4 million images.
const FILES_MAX: usize = 20_000_000;
/// How deep folders may lie.
const DEPTH_MAX: usize = 64;

/// All files under a set's root. Links are followed, each target once.
#[derive(Debug)]
pub struct Files {
    /// Relative to the root, in order.
    paths: Vec<PathBuf>,
    by_name: BTreeMap<String, Vec<usize>>,
    /// By the names of folder and file: in a set of DICOM series thousands of files are called `1-1.dcm`.
    by_pair: BTreeMap<(String, String), Vec<usize>>,
    /// By what follows the last `-` in the name of the folder that a file lies in, or the whole name.
    by_folder: BTreeMap<String, Vec<usize>>,
}

/// What [`Files::find`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    /// The file, relative to the root.
    One(&'a Path),
    /// Several files fit equally well.
    Several(Vec<&'a Path>),
    /// There is none.
    Nothing,
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The names of the folder and of the file.
fn pair_of(path: &Path) -> (String, String) {
    (path.parent().map(name_of).unwrap_or_default(), name_of(path))
}

fn folder_tail(path: &Path) -> Option<String> {
    let name = name_of(path.parent()?);
    Some(name.rsplit('-').next().unwrap_or(&name).to_owned())
}

/// Whether a folder is named by this UID, or by its last five digits as TCIA's downloader does.
fn named_by(folder: Option<&Path>, uid: &str) -> bool {
    let Some(name) = folder.map(name_of) else { return false };
    name == uid || name.rsplit_once('-').is_some_and(|(_, tail)| tail == last_five(uid))
}

fn last_five(uid: &str) -> &str {
    uid.char_indices().rev().nth(4).map_or(uid, |(at, _)| &uid[at..])
}

impl Files {
    /// Lists the files under `root`.
    ///
    /// # Errors
    ///
    /// What the system says, or that there are too many.
    pub fn scan(root: &Path) -> io::Result<Self> {
        let mut paths = Vec::new();
        let mut folders = vec![(PathBuf::new(), 0)];
        let mut linked = BTreeSet::from([root.canonicalize()?]);
        while let Some((folder, depth)) = folders.pop() {
            for entry in std::fs::read_dir(root.join(&folder))? {
                let entry = entry?;
                let (mut kind, path) = (entry.file_type()?, folder.join(entry.file_name()));
                if kind.is_symlink() {
                    // A link that leads nowhere is no file.
                    let Ok(target) = root.join(&path).canonicalize() else { continue };
                    kind = std::fs::metadata(&target)?.file_type();
                    if kind.is_dir() && !linked.insert(target) {
                        continue;
                    }
                }
                if kind.is_dir() && depth < DEPTH_MAX {
                    folders.push((path, depth + 1));
                } else if kind.is_file() {
                    paths.push(path);
                }
            }
            if paths.len() > FILES_MAX || folders.len() > FILES_MAX {
                return Err(io::Error::other("there are more than 20 million files"));
            }
        }
        paths.sort();
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut by_pair: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        let mut by_folder: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, path) in paths.iter().enumerate() {
            by_name.entry(name_of(path)).or_default().push(index);
            by_pair.entry(pair_of(path)).or_default().push(index);
            by_folder.entry(folder_tail(path).unwrap_or_default()).or_default().push(index);
        }
        Ok(Self { paths, by_name, by_pair, by_folder })
    }

    /// All of them, relative to the root, in order.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The file of an image.
    ///
    /// In this order, the first that fits: the path of the table, its other places, each as it is; the same as the end
    /// of a longer path; the folder of its DICOM series, named by the UID or by the UID's last five digits.
    pub fn find(&self, image: &Image) -> Found<'_> {
        let places: Vec<&PathBuf> = image.file.iter().chain(&image.elsewhere).collect();
        self.at(&places, image.series.as_ref())
    }

    /// The files that may be the mask of a lesion; the one that has the mammogram's size is.
    pub fn masks(&self, lesion: &Lesion) -> Vec<&Path> {
        let Shape::MaskFile { candidates, series } = &lesion.shape else { return Vec::new() };
        let mut found: BTreeSet<&Path> = BTreeSet::new();
        for place in candidates {
            found.extend(self.ends(place));
        }
        if found.is_empty() {
            found.extend(series.iter().flat_map(|series| self.folder(series)));
        }
        found.into_iter().collect()
    }

    fn at(&self, places: &[&PathBuf], series: Option<&Series>) -> Found<'_> {
        if let Some(place) = places.iter().find_map(|place| self.paths.binary_search(place).ok()) {
            return Found::One(&self.paths[place]);
        }
        let ends = places.iter().map(|place| self.ends(place)).find(|found| !found.is_empty());
        let found = ends.unwrap_or_else(|| series.map(|series| self.numbered(series)).unwrap_or_default());
        match found.as_slice() {
            [] => Found::Nothing,
            [path] => Found::One(path),
            _ => Found::Several(found),
        }
    }

    fn ends(&self, place: &Path) -> Vec<&Path> {
        let alone = place.iter().count() < 2;
        let named = if alone { self.by_name.get(&name_of(place)) } else { self.by_pair.get(&pair_of(place)) };
        let named = named.map(Vec::as_slice).unwrap_or_default();
        named.iter().map(|&index| self.paths[index].as_path()).filter(|path| path.ends_with(place)).collect()
    }

    /// The files of a series.
    fn folder(&self, series: &Series) -> Vec<&Path> {
        let mut found = Vec::new();
        for key in [series.series.as_str(), last_five(&series.series)] {
            for &index in self.by_folder.get(key).into_iter().flatten() {
                let path = self.paths[index].as_path();
                let folder = path.parent();
                let study = folder.and_then(Path::parent);
                let whole = folder.map(name_of).is_some_and(|name| name == series.series);
                if whole || (named_by(folder, &series.series) && named_by(study, &series.study)) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// The file of a series that its number names: `1-2.dcm`, `1-02.dcm` or `000001.dcm`; the only one, if there is one.
    fn numbered(&self, series: &Series) -> Vec<&Path> {
        let all = self.folder(series);
        if all.len() == 1 && series.number == 1 {
            return all;
        }
        let fits = |path: &&Path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match stem.split_once('-') {
                Some((_, number)) => number.parse() == Ok(series.number),
                None => stem.len() == 6 && stem.parse::<u32>().ok().map(|at| at + 1) == Some(series.number),
            }
        };
        all.into_iter().filter(fits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::testing::{folder, image};

    fn check(files: &[&str], want: impl Fn(&mut Image), expected: &[&str]) {
        let files: Vec<(&str, &[u8])> = files.iter().map(|name| (*name, &b""[..])).collect();
        let root = folder(&files);
        let scanned = Files::scan(root.path()).unwrap();
        let mut image = image("p", "e", "i");
        want(&mut image);
        let found = match scanned.find(&image) {
            Found::One(path) => vec![path],
            Found::Several(paths) => paths,
            Found::Nothing => Vec::new(),
        };
        assert_eq!(found, expected.iter().map(Path::new).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_is_found_where_it_was_put() {
        let at = |place: &str| {
            let place = PathBuf::from(place);
            move |image: &mut Image| image.file = Some(place.clone())
        };
        check(&["a/b.dcm", "x/a/b.dcm"], at("a/b.dcm"), &["a/b.dcm"]);
        check(&["x/a/b.dcm"], at("a/b.dcm"), &["x/a/b.dcm"]);
        check(&["x/a/b.dcm", "y/a/b.dcm"], at("a/b.dcm"), &["x/a/b.dcm", "y/a/b.dcm"]);
        check(&["xa/b.dcm"], at("a/b.dcm"), &[]);
    }

    #[test]
    fn folders_named_by_uids_are_understood() {
        let series = |number| {
            move |image: &mut Image| {
                image.series = Some(Series { study: "1.2.33333".into(), series: "1.2.4444455555".into(), number });
            }
        };
        let tails = ["m/P/01-01-2000-NA-33333/1.0-NA-55555/1-1.dcm", "m/P/01-01-2000-NA-33333/1.0-NA-55555/1-2.dcm"];
        check(&tails, series(2), &[tails[1]]);
        check(&["m/1.2.4444455555/1-1.dcm", "m/1.2.9/1-1.dcm"], series(1), &["m/1.2.4444455555/1-1.dcm"]);
        check(&["m/x-99999/1.0-NA-55555/1-1.dcm"], series(1), &[]);
        check(
            &["m/1.2.4444455555/000001.dcm", "m/1.2.4444455555/000000.dcm"],
            series(2),
            &["m/1.2.4444455555/000001.dcm"],
        );
    }
}
