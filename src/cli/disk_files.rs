//! The stack's files on disk, for compiling and for file functions.
//!
//! A configuration may come from somebody who is not trusted, and what it reads may end up in a plan that everybody
//! sees. So none reads a directory that state and plans are kept in, wherever that is, and one that is only compared
//! reads nothing outside of its own directory.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::files::Files;
use crate::config::module::SourceTree;
use crate::state::local::LocalStore;

use super::env::OWN_DIRECTORY;
use super::place::{Allowed, Astray, follow, real};

/// The stack's files on disk.
pub struct DiskFiles {
    /// The stack's directory, links followed: where it is is found out once.
    root: PathBuf,
    /// Where the stack's own files are, should their directory be a link.
    own: PathBuf,
    /// The directories below which everything lies that may be read; `None`: it may lie anywhere.
    within: Option<Arc<[Allowed]>>,
    /// Whether directories hold a state, as far as that was asked.
    states: Mutex<BTreeMap<PathBuf, bool>>,
}

impl DiskFiles {
    /// The files of the stack in a directory. `within` are the directories below which everything lies that may be read;
    /// `None`: it may lie anywhere.
    pub fn new(directory: &Path, within: Option<Arc<[Allowed]>>) -> Self {
        let root = real(directory);
        DiskFiles {
            own: real(&root.join(OWN_DIRECTORY)),
            root,
            within,
            states: Mutex::default(),
        }
    }

    /// Where a path leads, if a configuration may read there.
    ///
    /// # Errors
    /// Why it may not, as the end of a sentence.
    pub(super) fn place(&self, path: &str) -> Result<PathBuf, String> {
        let written = Path::new(path);
        let place = follow(&self.root, written, self.within.as_deref()).map_err(|astray| {
            match astray {
                Astray::Outside => {
                    "it lies outside of the two configurations, and with --base nothing else is read \
                     (--also-read DIR allows a directory)"
                }
                Astray::Links => "it leads over too many links",
            }
            .to_owned()
        })?;
        // The stack itself may live below a directory of that name.
        let common = place.components().zip(self.root.components());
        let common = common.take_while(|(one, other)| one == other).count();
        let is_own = |part: Component<'_>| part.as_os_str() == OWN_DIRECTORY;
        // The directory itself may be a link to another place, be it as written or as this stack has it.
        if place.components().skip(common).any(is_own)
            || written.is_relative() && written.components().any(is_own)
            || place.starts_with(&self.own)
        {
            return Err(format!(
                "it lies in `{OWN_DIRECTORY}`, where state and plans are kept, and no configuration reads those"
            ));
        }
        if self.is_of_a_state(&place) {
            return Err(
                "it lies in a directory where a state is kept, and no configuration reads those".to_owned(),
            );
        }
        Ok(place)
    }

    /// Whether something belongs to a state, be it this stack's, kept elsewhere, or that of another.
    fn is_of_a_state(&self, place: &Path) -> bool {
        let mut above = place.ancestors();
        above.any(|directory| {
            // A stack that lives in such a directory, or below it, reads what is not the state's.
            let may_be = match self.root.starts_with(directory) {
                true => place
                    .strip_prefix(directory)
                    .ok()
                    .and_then(|below| below.components().next())
                    .is_some_and(|name| LocalStore::is_own_name(name.as_os_str())),
                false => true,
            };
            may_be && self.holds_state(directory)
        })
    }

    fn holds_state(&self, directory: &Path) -> bool {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = states.get(directory) {
            return *known;
        }
        let holds = LocalStore::is_in(directory);
        states.insert(directory.to_owned(), holds);
        holds
    }
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
                let is_own = path.file_name().is_some_and(|name| name == OWN_DIRECTORY);
                if is_own && kind.is_dir() || self.is_of_a_state(&path) {
                    continue;
                }
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
        let entries = fs::read_dir(self.place(directory)?).map_err(|error| match error.kind() {
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
            if name.ends_with(".hcl") || self.is_file(directory, &name, &entry) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, path: &str) -> Result<String, String> {
        let place = self.place(path)?;
        match fs::metadata(&place) {
            Ok(found) if found.is_dir() => return Err("it is a directory".to_owned()),
            Ok(found) if !found.is_file() => return Err("it is not a regular file".to_owned()),
            Err(_) if fs::symlink_metadata(self.root.join(path)).is_ok_and(|found| found.is_symlink()) => {
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

impl DiskFiles {
    /// Whether an entry of a directory is a file, or a link to one that may be read.
    fn is_file(&self, directory: &str, name: &str, entry: &fs::DirEntry) -> bool {
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => {
                let place = self.place(&format!("{directory}/{name}"));
                place.is_ok_and(|place| place.is_file())
            }
            Ok(kind) => kind.is_file(),
            Err(_) => false,
        }
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
        let within = [Allowed::new(&at("stack"))].into();
        let files = DiskFiles::new(&at("stack"), Some(within));
        (directory, files)
    }

    /// What a stack in a directory reads that is not confined.
    fn free(directory: &Path) -> DiskFiles {
        DiskFiles::new(directory, None)
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
        assert!(reads(
            &free(&directory.path().join("stack")),
            "../other/secret.txt"
        ));
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
        let (directory, _) = stack();
        let files = free(&directory.path().join("stack"));
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
        let files = free(&directory.path().join("other"));
        assert!(!reads(&files, "../stack/.rolecall/last-plan.txt"));
        let files = free(&directory.path().join("stack/.rolecall"));
        assert!(reads(&files, "last-plan.txt"), "a stack that lives there");
    }

    #[cfg(unix)]
    #[test]
    fn nor_do_they_by_another_name_of_the_directory() {
        let (directory, _) = stack();
        let at = |path: &str| directory.path().join(path);
        fs::rename(at("stack/.rolecall"), at("kept")).unwrap();
        std::os::unix::fs::symlink(at("kept"), at("stack/.rolecall")).unwrap();
        let files = free(&at("stack"));
        assert!(!reads(&files, ".rolecall/last-plan.txt"));
        assert!(!reads(&files, "../kept/last-plan.txt"));
    }

    /// A state as it is on disk, by one of the signs of it.
    fn keep_state(directory: &Path, by: &str) {
        fs::create_dir_all(directory.join("exports")).unwrap();
        fs::create_dir_all(directory.join("checkpoint/db")).unwrap();
        fs::write(directory.join("exports/state-7.json.zst"), "names").unwrap();
        fs::write(
            directory.join("journal"),
            [b"rolecall journal".as_slice(), &[0; 16]].concat(),
        )
        .unwrap();
        for sign in ["exports", "checkpoint"] {
            if by != sign {
                fs::remove_dir_all(directory.join(sign)).unwrap();
            }
        }
        if by != "journal" {
            fs::remove_file(directory.join("journal")).unwrap();
        }
        fs::write(directory.join("notes.txt"), "names").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_state_that_is_kept_elsewhere_is_read_by_no_configuration() {
        for by in ["exports", "checkpoint", "journal"] {
            let (directory, _) = stack();
            let at = |path: &str| directory.path().join(path);
            keep_state(&at("states/acme"), by);
            keep_state(&at("stack/mine"), by);
            std::os::unix::fs::symlink(at("states/acme"), at("stack/link")).unwrap();
            std::os::unix::fs::symlink(at("states/acme/notes.txt"), at("stack/main.hcl")).unwrap();
            let files = free(&at("stack"));
            let absolute = at("states/acme/notes.txt").display().to_string();
            for path in [
                "../states/acme/notes.txt",
                "../states/../states/./acme/notes.txt",
                "link/notes.txt",
                "mine/notes.txt",
                "sub/../mine/notes.txt",
                absolute.as_str(),
            ] {
                let found = Files::read(&files, path).unwrap_err();
                assert!(found.contains("a state is kept"), "{by}, {path}: {found}");
                assert!(Files::exists(&files, path).is_err(), "{by}, {path}");
            }
            assert!(Files::list(&files, "../states/acme").is_err());
            assert!(
                SourceTree::read(&files, "main.hcl")
                    .unwrap_err()
                    .contains("a state is kept")
            );
            let listed = [
                Files::list(&files, "..").unwrap(),
                Files::list(&files, ".").unwrap(),
            ]
            .concat();
            assert!(
                !listed.iter().any(|name| name.contains("notes.txt")),
                "{listed:?}"
            );
            assert!(listed.iter().any(|name| name.ends_with("own.txt")), "{listed:?}");
            // Where they are compared, neither --also-read nor a place within the stack lets it out.
            let within = [Allowed::new(&at("stack")), Allowed::new(&at("states"))].into();
            let compared = DiskFiles::new(&at("stack"), Some(within));
            for path in ["../states/acme/notes.txt", "mine/notes.txt"] {
                let found = Files::read(&compared, path).unwrap_err();
                assert!(found.contains("a state is kept"), "{by}, {path}: {found}");
            }
            // A stack that keeps it beside its files goes on reading these.
            let beside = free(&at("states/acme"));
            assert!(reads(&beside, "notes.txt"));
            for path in ["journal", "exports/state-7.json.zst", "checkpoint/db"] {
                assert!(!reads(&beside, path), "{path}");
            }
            let listed = Files::list(&beside, ".").unwrap();
            assert_eq!(listed, ["notes.txt"], "{by}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_may_be_read_stays_what_it_was() {
        let (directory, _) = stack();
        let at = |path: &str| directory.path().join(path);
        let link = |to: &str| std::os::unix::fs::symlink(at(to), at("given")).unwrap();
        link("stack");
        let within = [Allowed::new(&at("given"))].into();
        let files = DiskFiles::new(&at("given"), Some(within));
        assert!(reads(&files, "own.txt") && reads(&files, "../stack/own.txt"));
        fs::remove_file(at("given")).unwrap();
        link("other");
        assert!(reads(&files, "own.txt") && !reads(&files, "secret.txt"));
        assert!(!reads(&files, "../other/secret.txt") && !reads(&files, "../given/secret.txt"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_out_has_one_answer() {
        let (directory, files) = stack();
        for (name, to) in [
            ("there.hcl", "other/secret.txt"),
            ("gone.hcl", "other/nothing.txt"),
        ] {
            std::os::unix::fs::symlink(
                directory.path().join(to),
                directory.path().join("stack").join(name),
            )
            .unwrap();
        }
        let of = |name: &str| SourceTree::read(&files, name).unwrap_err();
        assert_eq!(of("there.hcl"), of("gone.hcl"));
        assert!(of("gone.hcl").contains("lies outside"));
        let files_of = |name: &str| {
            (
                Files::read(&files, name).unwrap_err(),
                Files::exists(&files, name).unwrap_err(),
            )
        };
        assert_eq!(files_of("there.hcl"), files_of("gone.hcl"));
    }
}
