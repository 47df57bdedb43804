//! Which file on the disk is which image: sets are moved, and downloaders name folders in their own ways.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{MAIN_SEPARATOR_STR, Path, PathBuf};

use super::cohort::{Image, Series};
use super::lesion::{Lesion, Shape};

mod walk;

/// All files under a set's root. Links are followed, and each folder is listed once, under its own name if it has one
/// below the root.
#[derive(Debug)]
pub struct Files {
    /// Relative to the root, in order.
    paths: Vec<PathBuf>,
    /// Their indices, in the order of the paths read backwards: paths with one end stand together.
    by_end: Vec<usize>,
    /// By what follows the last `-` in the name of the folder that a file lies in, or the whole name.
    by_folder: BTreeMap<String, Vec<usize>>,
    /// The folders that were met again, and where they are listed.
    aliases: BTreeMap<PathBuf, PathBuf>,
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

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn backwards(one: &Path, other: &Path) -> Ordering {
    bytes(one).iter().rev().cmp(bytes(other).iter().rev())
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
        let (paths, aliases) = walk::files(root)?;
        Ok(Self::of(paths, aliases))
    }

    fn of(mut paths: Vec<PathBuf>, aliases: BTreeMap<PathBuf, PathBuf>) -> Self {
        paths.sort();
        let mut by_end: Vec<usize> = (0..paths.len()).collect();
        by_end.sort_unstable_by(|&one, &other| backwards(&paths[one], &paths[other]));
        let mut by_folder: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, path) in paths.iter().enumerate() {
            by_folder.entry(folder_tail(path).unwrap_or_default()).or_default().push(index);
        }
        Self { paths, by_end, by_folder, aliases }
    }

    /// All of them, relative to the root, in order.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The file of an image.
    ///
    /// The path of the table, then its other places, each as it is and as the end of a longer path, then the folder of
    /// its DICOM series, named by the UID or by the UID's last five digits: the first that fits.
    pub fn find(&self, image: &Image) -> Found<'_> {
        let places = image.file.iter().chain(&image.elsewhere);
        let found = places.map(|place| self.at(place)).find(|found| !found.is_empty());
        let found = found.unwrap_or_else(|| image.series.iter().flat_map(|series| self.numbered(series)).collect());
        match found.as_slice() {
            [] => Found::Nothing,
            [path] => Found::One(path),
            _ => Found::Several(found),
        }
    }

    /// The files that may be the mask of a lesion; the one that has the mammogram's size is.
    pub fn masks(&self, lesion: &Lesion) -> Vec<&Path> {
        let Shape::MaskFile { candidates, series } = &lesion.shape else { return Vec::new() };
        let mut found: BTreeSet<&Path> = BTreeSet::new();
        for place in candidates {
            found.extend(self.exact(place));
            found.extend(self.ends(place));
        }
        if found.is_empty() {
            found.extend(series.iter().flat_map(|series| self.folder(series)));
        }
        found.into_iter().collect()
    }

    /// The file at a place, else those whose longer paths end with it.
    fn at(&self, place: &Path) -> Vec<&Path> {
        self.exact(place).map_or_else(|| self.ends(place), |path| vec![path])
    }

    /// The file at a place, which may lead through a link to a folder that is listed elsewhere.
    fn exact(&self, place: &Path) -> Option<&Path> {
        let listed = |place: &Path| self.paths.binary_search_by(|path| path.as_path().cmp(place)).ok();
        let through = |folder: &Path| listed(&self.aliases.get(folder)?.join(place.strip_prefix(folder).ok()?));
        let index = listed(place).or_else(|| place.ancestors().skip(1).find_map(through))?;
        Some(&self.paths[index])
    }

    /// The files whose paths are longer than a place and end with it, in order.
    fn ends(&self, place: &Path) -> Vec<&Path> {
        let mut tail = OsString::from(MAIN_SEPARATOR_STR);
        // Of parts, so that all separators are the system's.
        tail.push(place.iter().collect::<PathBuf>());
        let tail = Path::new(&tail);
        let first = self.by_end.partition_point(|&index| backwards(&self.paths[index], tail).is_lt());
        let fits = |index: &&usize| bytes(&self.paths[**index]).ends_with(bytes(tail));
        let mut found: Vec<usize> = self.by_end[first..].iter().take_while(fits).copied().collect();
        found.sort_unstable();
        found.into_iter().map(|index| self.paths[index].as_path()).collect()
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
        check(&["x/b.dcm", "b.dcm", "y/b.dcm"], at("b.dcm"), &["b.dcm"]);
        check(&["x/b.dcm", "y/bb.dcm", "y/b.dcm"], at("b.dcm"), &["x/b.dcm", "y/b.dcm"]);
        let places = |image: &mut Image| {
            image.file = Some("a/b/c.dcm".into());
            image.elsewhere = vec!["b/c.dcm".into(), "c.dcm".into()];
        };
        check(&["c.dcm", "x/b/c.dcm", "y/c.dcm"], places, &["x/b/c.dcm"]);
    }

    #[test]
    fn many_files_of_one_name_are_told_apart_by_an_index() {
        let path = |at: u32, above: &str| PathBuf::from(format!("{above}P{at}/2019/L_CC.png"));
        let files = Files::of((0..20_000).map(|at| path(at, "x/")).collect(), BTreeMap::new());
        let started = std::time::Instant::now();
        for at in 0..20_000 {
            let mut image = image("p", "e", "i");
            image.file = Some(path(at, ""));
            assert_eq!(files.find(&image), Found::One(&path(at, "x/")));
        }
        // A search through all of them for each takes several minutes.
        assert!(started.elapsed().as_secs() < 60);
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

    #[test]
    fn a_mask_may_lie_in_either_series() {
        let series = |end: &str| Series { study: format!("1.2.3{end}"), series: format!("1.2.4{end}"), number: 1 };
        let shape = Shape::MaskFile {
            candidates: vec!["f/1.2.311111/1.2.411111/0.dcm".into(), "f/1.2.322222/1.2.422222/0.dcm".into()],
            series: vec![series("11111"), series("22222")],
        };
        let lesion = Lesion { id: "1".into(), kind: crate::sets::LesionKind::Mass, malignant: None, shape };
        let paths = ["f/d-NA-11111/1.0-crop-11111/1-1.dcm", "f/d-NA-22222/1.0-mask-22222/1-1.dcm"].map(PathBuf::from);
        let files = Files::of(paths.to_vec(), BTreeMap::new());
        assert_eq!(files.masks(&lesion), paths);
    }
}
