//! What the adapters here share about files: private directories, durable names, errors that name the path.

use std::fs::{DirBuilder, File};
use std::io;
use std::path::Path;

use super::StateError;

/// Makes a file's name durable, which syncing the file does not.
///
/// # Errors
/// When the directory cannot be opened or synced.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if cfg!(unix) {
        File::open(directory)?.sync_all()
    } else {
        Ok(())
    }
}

/// Makes a directory that only its owner may enter, if it is not there.
///
/// # Errors
/// When the system refuses.
pub fn make_private_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    sync_directory_of(path)
}

/// The error for a failed call of the operating system.
pub fn io_error(path: &Path, action: &str, error: &io::Error) -> StateError {
    StateError::Io {
        action: action.into(),
        file: path.display().to_string().into(),
        message: error.to_string().into(),
    }
}
