//! The stack's files on disk, for compiling and for file functions.
//!
//! A configuration may come from somebody who is not trusted, and what it reads may end up in a plan that everybody
//! sees. So none reads the directory that rolecall keeps state and plans in, and one that is only compared reads
//! nothing outside of its own directory.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::config::files::Files;
use crate::config::module::SourceTree;

use super::env::OWN_DIRECTORY;

/// The stack's files on disk.
pub struct DiskFiles {
    pub(super) root: PathBuf,
    /// The directories below which everything lies that may be read; `None`: it may lie anywhere.
    pub(super) within: Option<Arc<[PathBuf]>>,
}

impl DiskFiles {
    /// Where a path leads, if a configuration may read there.
    ///
    /// # Errors
    /// Why it may not, as the end of a sentence.
    pub(super) fn place(&self, path: &str) -> Result<PathBuf, String> {
        let place = self.root.join(path);
        let (real, root) = (real(&place), real(&self.root));
        let outside = |within: &Arc<[PathBuf]>| !within.iter().any(|root| real.starts_with(root));
        if self.within.as_ref().is_some_and(outside) {
            return Err(
                "it lies outside of the two configurations, and with --base nothing else is read \
                        (--also-read DIR allows a directory)"
                    .to_owned(),
            );
        }
        // The stack itself may live below a directory of that name.
        let common = real.components().zip(root.components());
        let common = common.take_while(|(one, other)| one == other).count();
        let is_own = |part: Component<'_>| part.as_os_str() == OWN_DIRECTORY;
        // The directory itself may be a link to another place, be it as written or as this stack has it.
        let written = Path::new(path);
        if real.components().skip(common).any(is_own)
            || written.is_relative() && written.components().any(is_own)
            || real.starts_with(self::real(&self.root.join(OWN_DIRECTORY)))
        {
            return Err(format!(
                "it lies in `{OWN_DIRECTORY}`, where state and plans are kept, and no configuration reads those"
            ));
        }
        Ok(place)
    }

    /// As [`DiskFiles::place`], for what is part of the configuration.
    fn source(&self, path: &str) -> Result<PathBuf, String> {
        match self.within {
            Some(_) => self.place(path),
            None => Ok(self.root.join(path)),
        }
    }
}

/// Where a path leads, links followed; what of it is not there is taken as written.
pub(super) fn real(path: &Path) -> PathBuf {
    let parts: Vec<Component<'_>> = path.components().collect();
    for there in (0..=parts.len()).rev() {
        let (first, rest) = parts.split_at(there);
        let first: PathBuf = first.iter().collect();
        let first = if first.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &first
        };
        if let Ok(mut real) = fs::canonicalize(first) {
            for part in rest {
                match part {
                    Component::ParentDir => drop(real.pop()),
                    Component::CurDir => {}
                    part => real.push(part),
                }
            }
            return real;
        }
    }
    path.to_owned()
}

/// The system's message as the end of a sentence.
fn sentence(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

impl Files for DiskFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        let bytes = fs::read(self.place(path)?).map_err(|error| sentence(&error))?;
        Ok(bytes.into())
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        match fs::metadata(self.place(path)?) {
            Ok(found) if found.is_file() => Ok(true),
            Ok(_) => Err("it is not a file".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(sentence(&error)),
        }
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let root = self.place(directory)?;
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(&next).map_err(|error| sentence(&error))? {
                let path = entry.map_err(|error| sentence(&error))?.path();
                // Links to directories are not followed, so that a loop ends.
                let kind = fs::symlink_metadata(&path).map_err(|error| sentence(&error))?;
                if kind.is_dir() {
                    if path.file_name().is_none_or(|name| name != OWN_DIRECTORY) {
                        open.push(path);
                    }
                } else if let Ok(relative) = path.strip_prefix(&root) {
                    found.push(slashes(relative));
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

impl SourceTree for DiskFiles {
    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(self.source(directory)?).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "no such directory".to_owned(),
            _ => sentence(&error),
        })?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| sentence(&error))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            // What is called like a part of the configuration and cannot be read is a mistake to be told, not a part
            // to be left out: leaving it out would remove what it declares.
            let is_file = fs::metadata(entry.path()).is_ok_and(|found| found.is_file());
            if is_file || name.ends_with(".hcl") {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<String, String> {
        let place = self.source(path)?;
        match fs::metadata(&place) {
            Ok(found) if found.is_dir() => return Err("it is a directory".to_owned()),
            Ok(found) if !found.is_file() => return Err("it is not a regular file".to_owned()),
            Err(_) if fs::symlink_metadata(&place).is_ok_and(|found| found.is_symlink()) => {
                return Err("it is a link to something that is not there".to_owned());
            }
            _ => {}
        }
        let bytes = fs::read(place).map_err(|error| sentence(&error))?;
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(error.as_bytes().get(..at).unwrap_or_default());
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!("not valid UTF-8 at line {line}, column {column} (save it as UTF-8)")
        })
    }
}

/// A path with forward slashes.
fn slashes(path: &Path) -> String {
    let parts = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stack with a neighbour, and links out of it.
    fn stack() -> (tempfile::TempDir, DiskFiles) {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        for path in ["stack/sub", "stack/.rolecall", "other"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for path in [
            "stack/own.txt",
            "stack/sub/deep.txt",
            "stack/.rolecall/last-plan.txt",
            "other/secret.txt",
        ] {
            fs::write(at(path), path).unwrap();
        }
        let files = DiskFiles {
            root: at("stack"),
            within: Some([fs::canonicalize(at("stack")).unwrap()].into()),
        };
        (directory, files)
    }

    fn reads(files: &DiskFiles, path: &str) -> bool {
        Files::read(files, path).is_ok()
    }

    #[test]
    fn what_is_compared_reads_nothing_outside_of_itself() {
        let (directory, files) = stack();
        for path in ["own.txt", "sub/deep.txt", "sub/../own.txt", "./own.txt"] {
            assert!(reads(&files, path), "{path}");
        }
        let absolute = directory.path().join("other/secret.txt");
        for path in [
            "../other/secret.txt",
            "sub/../../other/secret.txt",
            absolute.to_str().unwrap(),
            "/etc/hostname",
        ] {
            assert!(!reads(&files, path), "{path}");
            assert!(Files::exists(&files, path).is_err(), "{path}");
            assert!(SourceTree::read(&files, path).is_err(), "{path}");
        }
        // Whether something is there is not told either.
        assert!(Files::exists(&files, "../nothing").is_err());
        assert!(Files::exists(&files, "nothing").is_ok());
        assert!(Files::list(&files, "../other").is_err() && SourceTree::list(&files, "../other").is_err());
        let free = DiskFiles {
            within: None,
            ..files
        };
        assert!(reads(&free, "../other/secret.txt"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_before_that_is_asked() {
        let (directory, files) = stack();
        let link = |to: &str, from: &str| {
            std::os::unix::fs::symlink(directory.path().join(to), directory.path().join(from)).unwrap();
        };
        link("other", "stack/away");
        link("other/secret.txt", "stack/main.hcl");
        link("stack/sub", "stack/near");
        assert!(!reads(&files, "away/secret.txt") && !reads(&files, "main.hcl"));
        assert!(Files::exists(&files, "away/nothing").is_err());
        assert!(SourceTree::read(&files, "main.hcl").is_err());
        assert!(reads(&files, "near/deep.txt"));
    }

    #[test]
    fn no_configuration_reads_state_and_plans() {
        let (directory, mut files) = stack();
        files.within = None;
        let path = ".rolecall/last-plan.txt";
        assert!(Files::read(&files, path).unwrap_err().contains(".rolecall"));
        assert!(!reads(&files, "sub/../.rolecall/last-plan.txt"));
        assert!(
            !Files::list(&files, ".")
                .unwrap()
                .iter()
                .any(|name| name.contains("last-plan"))
        );
        // Nor those of another stack.
        files.root = directory.path().join("other");
        assert!(!reads(&files, "../stack/.rolecall/last-plan.txt"));
        files.root = directory.path().join("stack/.rolecall");
        assert!(reads(&files, "last-plan.txt"), "a stack that lives there");
    }

    #[cfg(unix)]
    #[test]
    fn nor_do_they_by_another_name_of_the_directory() {
        let (directory, mut files) = stack();
        files.within = None;
        let at = |path: &str| directory.path().join(path);
        fs::rename(at("stack/.rolecall"), at("kept")).unwrap();
        std::os::unix::fs::symlink(at("kept"), at("stack/.rolecall")).unwrap();
        assert!(!reads(&files, ".rolecall/last-plan.txt"));
        assert!(!reads(&files, "../kept/last-plan.txt"));
    }
}
