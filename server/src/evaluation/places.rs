//! Where the files of a cohort's images lie.
//!
//! Invariant: no file is two images'. Where the tables' places are not those on the disk, a file is looked for by the end of
//! its path; of two images of one name whose files lie in folders that differ only further up, one must not get the other's pixels.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use uvid_datasets::sets::{Cohort, Files, Found, Image, Lesion};

/// The files of a set.
#[derive(Debug)]
pub struct Places {
    root: PathBuf,
    files: Files,
    /// By the image's name, relative to the root.
    of_image: HashMap<String, PathBuf>,
}

impl Places {
    /// Lists what lies under a set's root.
    ///
    /// # Errors
    ///
    /// What the system says, or that there are too many files.
    pub fn of(cohort: &Cohort, root: PathBuf) -> std::io::Result<Self> {
        let files = Files::scan(&root)?;
        let mut images: HashMap<&Path, Vec<&str>> = HashMap::new();
        for image in &cohort.images {
            match files.find(image) {
                Found::One(path) => images.entry(path).or_default().push(&image.image),
                Found::Several(_) | Found::Nothing => {}
            }
        }
        let alone = images.into_iter().filter_map(|(path, images)| match images.as_slice() {
            [image] => Some(((*image).to_owned(), path.to_path_buf())),
            _ => None,
        });
        let of_image = alone.collect();
        Ok(Self { root, files, of_image })
    }

    /// The file of an image; `None` if it is not there, several may be it, or it may be another image's.
    pub(super) fn image(&self, image: &Image) -> Option<PathBuf> {
        self.of_image.get(&image.image).map(|path| self.root.join(path))
    }

    /// The same, relative to the root.
    pub(super) fn relative(&self, image: &Image) -> Option<&Path> {
        self.of_image.get(&image.image).map(PathBuf::as_path)
    }

    /// The files that may be the mask of a lesion.
    pub(super) fn masks(&self, lesion: &Lesion) -> Vec<PathBuf> {
        self.files.masks(lesion).into_iter().map(|path| self.root.join(path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_images() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("copy/a")).unwrap();
        std::fs::write(root.join("copy/a/l.dcm"), "").unwrap();
        let header = "patient,exam,image,laterality,view,file,cancer_breast\n";
        let check = |rows: &str, expected: &[Option<&str>]| {
            std::fs::write(root.join("cohort.csv"), [header, rows].concat()).unwrap();
            let cohort = uvid_datasets::sets::read("generic", root).unwrap();
            let places = Places::of(&cohort, root.to_path_buf()).unwrap();
            let found: Vec<_> = cohort.images.iter().map(|image| places.relative(image)).collect();
            assert_eq!(found, expected.iter().map(|path| path.map(Path::new)).collect::<Vec<_>>());
        };
        check("p,1,p-l,L,CC,a/l.dcm,0\n", &[Some("copy/a/l.dcm")]);
        check("p,1,p-l,L,CC,a/l.dcm,0\nq,1,q-l,L,CC,copy/a/l.dcm,1\n", &[None, None]);
        check("p,1,p-l,L,CC,b/l.dcm,0\n", &[None]);
    }
}
