//! A walk through the folders under a root that follows links and lists each folder once.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The most files that a set's folder may hold. EMBED's whole release has 3.4 million images.
const FILES_MAX: usize = 20_000_000;
/// How deep folders may lie.
const DEPTH_MAX: usize = 64;

/// The files below `root`, relative to it, and the folders that were met again with where each was met first.
pub(super) fn files(root: &Path) -> io::Result<(Vec<PathBuf>, BTreeMap<PathBuf, PathBuf>)> {
    let mut walk = Walk::default();
    walk.meet(PathBuf::new(), root.canonicalize()?, 0);
    loop {
        if let Some(folder) = walk.folders.pop() {
            walk.list(root, folder)?;
        } else if let Some((path, (target, depth))) = walk.links.pop_first() {
            walk.meet(path, target, depth);
        } else {
            return Ok((walk.files, walk.aliases));
        }
        if walk.files.len() > FILES_MAX || walk.folders.len() > FILES_MAX {
            return Err(io::Error::other("there are more than 20 million files"));
        }
    }
}

/// A walk through the folders under a root.
#[derive(Debug, Default)]
struct Walk {
    files: Vec<PathBuf>,
    /// Folders to be listed: where they are met, what they are, how deep they lie.
    folders: Vec<(PathBuf, PathBuf, usize)>,
    /// Links to folders, which wait until no folder is left that is none: a folder is met under its own name first.
    links: BTreeMap<PathBuf, (PathBuf, usize)>,
    /// Where each folder was met first.
    known: BTreeMap<PathBuf, PathBuf>,
    aliases: BTreeMap<PathBuf, PathBuf>,
}

impl Walk {
    fn meet(&mut self, path: PathBuf, real: PathBuf, depth: usize) {
        if let Some(first) = self.known.get(&real) {
            self.aliases.insert(path, first.clone());
        } else if depth <= DEPTH_MAX {
            self.known.insert(real.clone(), path.clone());
            self.folders.push((path, real, depth));
        }
    }

    fn list(&mut self, root: &Path, (folder, real, depth): (PathBuf, PathBuf, usize)) -> io::Result<()> {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, folder.join(entry.file_name()));
            if kind.is_symlink() {
                // A link that leads nowhere is no file.
                let Ok(target) = root.join(&path).canonicalize() else { continue };
                let kind = std::fs::metadata(&target)?.file_type();
                if kind.is_dir() {
                    self.links.insert(path, (target, depth + 1));
                } else if kind.is_file() {
                    self.files.push(path);
                }
            } else if kind.is_dir() {
                self.meet(path, real.join(entry.file_name()), depth + 1);
            } else if kind.is_file() {
                self.files.push(path);
            }
        }
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::{Files, Found};
    use super::*;
    use crate::sets::testing::{folder, image};

    #[test]
    fn a_folder_is_listed_once() {
        let outside = folder(&[("m/z.png", b"")]);
        let root = folder(&[("k/x.png", b""), ("k/deep/y.png", b"")]);
        let link = |from: &Path, at: &str| symlink(from, root.path().join(at)).unwrap();
        // One link's name stands before the folder's, the other behind it.
        link(&root.path().join("k"), "a");
        link(&root.path().join("k"), "z");
        link(root.path(), "k/loop");
        link(outside.path(), "out");
        link(&outside.path().join("m"), "twice");
        let files = Files::scan(root.path()).unwrap();
        assert_eq!(files.paths(), ["k/deep/y.png", "k/x.png", "out/m/z.png"].map(PathBuf::from));
        let check = |place: &str, expected: &str| {
            let mut image = image("p", "e", "i");
            image.file = Some(place.into());
            assert_eq!(files.find(&image), Found::One(Path::new(expected)), "{place}");
        };
        check("x.png", "k/x.png");
        // The table may name a file by the link.
        check("a/x.png", "k/x.png");
        check("z/deep/y.png", "k/deep/y.png");
        check("twice/z.png", "out/m/z.png");
    }
}
