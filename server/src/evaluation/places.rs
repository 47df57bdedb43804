//! Where the files of a cohort's images lie.
//!
//! Invariant: no file is two images'. Where the tables' places are not those on the disk, a file is looked for by the end of
//! its path; of two images of one name whose files lie in folders that differ only further up, one must not get the other's pixels. A
//! file belongs to the image whose place it lies at; if there is none, to the only one whose place ends so.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use uvid_datasets::sets::{Cohort, Files, Found, Image, Lesion};

/// An image that may be a file.
struct Claim<'a> {
    image: &'a Image,
    /// It lies where the table says.
    exact: bool,
    /// It is in the cohort.
    stays: bool,
}

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
        // Who may be a file: images that were left out too.
        let mut claims: HashMap<&Path, Vec<Claim<'_>>> = HashMap::new();
        let all = cohort.images.iter().map(|image| (image, true)).chain(cohort.left.iter().map(|image| (image, false)));
        for (image, stays) in all {
            if let Found::One(path) = files.find(image) {
                let exact = image.file.as_deref() == Some(path);
                claims.entry(path).or_default().push(Claim { image, exact, stays });
            }
        }
        let alone = claims.into_iter().filter_map(|(path, claims)| {
            let exact: Vec<&Claim<'_>> = claims.iter().filter(|claim| claim.exact).collect();
            match if exact.is_empty() { claims.iter().collect() } else { exact }.as_slice() {
                [Claim { image, stays: true, .. }] => Some((image.image.clone(), path.to_path_buf())),
                _ => None,
            }
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
        // It lies where the second says.
        check("p,1,p-l,L,CC,a/l.dcm,0\nq,1,q-l,L,CC,copy/a/l.dcm,1\n", &[None, Some("copy/a/l.dcm")]);
        check("p,1,p-l,L,CC,a/l.dcm,0\nq,1,q-l,L,CC,l.dcm,1\n", &[None, None]);
        check("p,1,p-l,L,CC,copy/a/l.dcm,0\nq,1,q-l,L,CC,copy/a/l.dcm,1\n", &[None, None]);
        check("p,1,p-l,L,CC,b/l.dcm,0\n", &[None]);
        // What the table excludes keeps its file.
        let header = "patient,exam,image,laterality,view,file,exclude\n";
        let rows = "p,1,p-l,L,CC,copy/a/l.dcm,blurred\nq,1,q-l,L,CC,l.dcm,\n";
        std::fs::write(root.join("cohort.csv"), [header, rows].concat()).unwrap();
        let cohort = uvid_datasets::sets::read("generic", root).unwrap();
        let places = Places::of(&cohort, root.to_path_buf()).unwrap();
        assert_eq!(cohort.images.iter().map(|image| places.relative(image)).collect::<Vec<_>>(), [None]);
    }
}
