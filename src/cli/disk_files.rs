//! The stack's files on disk, for compiling and for file functions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::files::Files;
use crate::config::module::SourceTree;

/// The stack's files on disk.
pub struct DiskFiles {
    pub(super) root: PathBuf,
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
        let bytes = fs::read(self.root.join(path)).map_err(|error| sentence(&error))?;
        Ok(bytes.into())
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        match fs::metadata(self.root.join(path)) {
            Ok(found) if found.is_file() => Ok(true),
            Ok(_) => Err("it is not a file".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(sentence(&error)),
        }
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let root = self.root.join(directory);
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(&next).map_err(|error| sentence(&error))? {
                let path = entry.map_err(|error| sentence(&error))?.path();
                // Links to directories are not followed, so that a loop ends.
                let kind = fs::symlink_metadata(&path).map_err(|error| sentence(&error))?;
                if kind.is_dir() {
                    open.push(path);
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
        let entries = fs::read_dir(self.root.join(directory)).map_err(|error| match error.kind() {
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
        let place = self.root.join(path);
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
