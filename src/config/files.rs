//! What expressions may read of the file system: a trait, so that evaluation stays free of it.

use std::sync::Arc;

/// The files of a stack, by paths relative to its directory with forward slashes.
///
/// The one who implements it notes the path and hash of whatever was read: it is an input of the plan.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Why it cannot be read, as the end of a sentence: "no such file".
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String>;

    /// Whether a file (not a directory) is there.
    ///
    /// # Errors
    /// When that cannot be found out, or something other than a file is there.
    fn exists(&self, path: &str) -> Result<bool, String>;

    /// The files below a directory, at any depth, as paths relative to it, sorted.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn list(&self, directory: &str) -> Result<Vec<String>, String>;
}

/// No files at all; for evaluation that must not read any.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<Arc<[u8]>, String> {
        Err("files cannot be read here".to_owned())
    }

    fn exists(&self, _: &str) -> Result<bool, String> {
        Err("files cannot be read here".to_owned())
    }

    fn list(&self, _: &str) -> Result<Vec<String>, String> {
        Err("files cannot be read here".to_owned())
    }
}
