//! Exports on disk: written whole or not at all, and the last few kept.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::export::{self, ExportError, Limits};
use super::files::{io_error, make_private_directory, sync_directory_of};
use super::{Remedy, StateError};

/// How many exports are kept.
pub const KEEP: usize = 10;

/// Writes an export of the state with this serial into `directory`, then removes all but the last [`KEEP`].
///
/// # Errors
/// When writing fails; earlier exports are then as they were.
pub fn save<T: Serialize>(directory: &Path, serial: u64, state: &T) -> Result<PathBuf, StateError> {
    let path = directory.join(format!("state-{serial:012}.json.zst"));
    let write = || -> Result<(), ExportError> {
        make_private_directory(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        export::write(state, &mut file)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        sync_directory_of(&path)?;
        Ok(())
    };
    write().map_err(|error| failed(&path, "cannot write", &error))?;
    prune(directory);
    Ok(path)
}

/// Writes an export to a file of the user's choice, whole or not at all.
///
/// # Errors
/// When writing fails; a file that was there is then as it was.
pub fn save_as<T: Serialize>(path: &Path, state: &T, plain: bool) -> Result<(), StateError> {
    let write = || -> Result<(), ExportError> {
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        if plain {
            export::write_json(state, &mut file)?
        } else {
            export::write(state, &mut file)?
        }
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        sync_directory_of(path)?;
        Ok(())
    };
    write().map_err(|error| failed(path, "cannot write", &error))
}

/// Reads an export, compressed or plain.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, StateError> {
    let read =
        || -> Result<T, ExportError> { export::read(BufReader::new(File::open(path)?), Limits::default()) };
    read().map_err(|error| failed(path, "cannot read", &error))
}

/// The exports in a directory, oldest first.
pub fn list(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let is_export = |name: &str| name.starts_with("state-") && name.ends_with(".json.zst");
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(is_export)
        })
        .collect();
    paths.sort();
    paths
}

fn prune(directory: &Path) {
    let paths = list(directory);
    for path in paths.iter().take(paths.len().saturating_sub(KEEP)) {
        // One more export than wanted harms nobody; the next run tries again.
        let _ = fs::remove_file(path);
    }
}

fn failed(path: &Path, action: &str, error: &ExportError) -> StateError {
    match error {
        ExportError::Io(error) => io_error(path, action, error),
        ExportError::Newer(found) => StateError::Newer {
            found: *found,
            known: export::FORMAT,
        },
        other => StateError::Damaged {
            file: path.display().to_string().into(),
            problem: other.to_string().into(),
            remedy: Remedy::OtherFile,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_are_kept_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("exports");
        for serial in 1..=KEEP as u64 + 5 {
            save(&place, serial, &vec![serial]).unwrap();
        }
        let kept = list(&place);
        assert_eq!(kept.len(), KEEP);
        assert_eq!(load::<Vec<u64>>(&kept[0]).unwrap(), [6]);
        assert_eq!(load::<Vec<u64>>(&kept[KEEP - 1]).unwrap(), [15]);
        assert_eq!(fs::read_dir(&place).unwrap().count(), KEEP);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&kept[0]).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn errors_name_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.json");
        assert!(matches!(load::<u32>(&path), Err(StateError::Io { .. })));
        fs::write(&path, "{}").unwrap();
        let text = load::<u32>(&path).unwrap_err().to_string();
        assert!(
            text.contains("x.json") && text.contains("not an export"),
            "{text}"
        );
        save_as(&path, &7, true).unwrap();
        assert_eq!(load::<u32>(&path).unwrap(), 7);
    }
}
