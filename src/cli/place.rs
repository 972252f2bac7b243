//! Where a path leads, and whether what may be read there is limited to some directories.
//!
//! Paths are followed part by part, links too, and never over a place that may not be read: otherwise what comes of it
//! would tell whether something is there. So a path or a link that leaves the directories is refused with one answer,
//! whether it comes back, leads to a file, or to nothing.

use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The most links that one path leads over; the kernel stops at as many.
const MOST_LINKS: usize = 40;

/// A directory below which everything may be read. Where it is was found out once: nothing that is read changes that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    real: PathBuf,
    /// Names by which it was given, where these lead over links.
    ways: Vec<PathBuf>,
}

impl Allowed {
    /// The directory that a path leads to now.
    pub fn new(path: &Path) -> Self {
        let real = real(path);
        let beside = path.file_name().map(|name| {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            self::real(parent.unwrap_or(Path::new("."))).join(name)
        });
        let ways = beside.into_iter().chain(std::path::absolute(path));
        Allowed {
            ways: ways.filter(|way| *way != real).collect(),
            real,
        }
    }

    fn has(&self, place: &Path) -> bool {
        place.starts_with(&self.real)
    }

    /// Whether a place is on the way to it.
    fn is_behind(&self, place: &Path) -> bool {
        self.real.starts_with(place) || self.ways.iter().any(|way| way.starts_with(place))
    }
}

/// Checks a path that was named on a command line, below which a stranger may have written.
///
/// Who names `change/access` means what lies below `change`. If a part of it is a link, whoever wrote `change` chose
/// where it leads, and would choose what may be read. So a link counts that stays in the directory it lies in, like
/// `/tmp` of a system or `current` beside what it stands for; another is for who runs this to name by its real path.
/// Where a relative path begins is taken as it is.
///
/// # Errors
/// The first link that leads out of the directory it lies in.
pub fn stays(path: &Path) -> Result<(), PathBuf> {
    let mut at = fs::canonicalize(".").unwrap_or_else(|_| PathBuf::from("."));
    let mut left = Vec::new();
    take(path, &mut at, &mut left);
    // Links that are being followed: where each lies, and how many parts of the path come after its target.
    let mut open: Vec<(PathBuf, usize)> = Vec::new();
    let mut links = 0;
    loop {
        for (link, behind) in &open {
            let holder = link.parent().unwrap_or(link);
            let is_there = left.len() <= *behind;
            if !at.starts_with(holder) && (is_there || !holder.starts_with(&at)) {
                return Err(link.clone());
            }
        }
        open.retain(|(_, behind)| left.len() > *behind);
        let Some(part) = left.pop() else { return Ok(()) };
        if part == ".." {
            at.pop();
            continue;
        }
        at.push(part);
        let Ok(target) = fs::read_link(&at) else { continue };
        links += 1;
        if links > MOST_LINKS {
            return Err(at);
        }
        open.push((at.clone(), left.len()));
        at.pop();
        take(&target, &mut at, &mut left);
    }
}

/// Why a path leads nowhere that may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Astray {
    /// It leaves the directories that may be read.
    Outside,
    /// It leads over too many links, to itself perhaps.
    Links,
}

/// Where a path leads from a directory, links followed; what of it is not there is taken as written. `within` are the
/// directories that may be read; `None`: all.
///
/// # Errors
/// When it leaves them, if only on the way.
pub fn follow(from: &Path, path: &Path, within: Option<&[Allowed]>) -> Result<PathBuf, Astray> {
    let mut at = from.to_owned();
    let mut left = Vec::new();
    take(path, &mut at, &mut left);
    let mut links = 0;
    // Nothing is above what is not there: the first such place answers for all behind it.
    let mut lost: Option<PathBuf> = None;
    let mut goes_back = false;
    while let Some(part) = left.pop() {
        if part == ".." {
            goes_back |= lost.is_some();
            at.pop();
            continue;
        }
        at.push(part);
        if let Some(allowed) =
            within.and_then(|within| within.iter().find(|allowed| allowed.ways.contains(&at)))
        {
            at.clone_from(&allowed.real);
            continue;
        }
        let may_pass = |allowed: &Allowed| allowed.has(&at) || allowed.is_behind(&at);
        if within.is_some_and(|within| !within.iter().any(may_pass)) {
            return Err(Astray::Outside);
        }
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_symlink() => {
                links += 1;
                let Ok(target) = fs::read_link(&at) else { continue };
                if links > MOST_LINKS {
                    return Err(Astray::Links);
                }
                at.pop();
                take(&target, &mut at, &mut left);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && lost.is_none() => {
                lost = Some(at.clone());
            }
            _ => {}
        }
    }
    if within.is_some_and(|within| !within.iter().any(|allowed| allowed.has(&at))) {
        return Err(Astray::Outside);
    }
    Ok(lost.filter(|_| goes_back).unwrap_or(at))
}

/// Puts a path's parts before those that are left; an absolute one begins at the root.
fn take(path: &Path, at: &mut PathBuf, left: &mut Vec<OsString>) {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Prefix(_) | Component::RootDir => at.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::Normal(_) => parts.push(part.as_os_str().to_owned()),
        }
    }
    left.extend(parts.into_iter().rev());
}

/// Where a path leads, links followed; what of it is not there is taken as written.
pub fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| {
        let here = fs::canonicalize(".").unwrap_or_else(|_| PathBuf::from("."));
        follow(&here, path, None).unwrap_or_else(|_| path.to_owned())
    })
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// `in` may be read; `out` is beside it. `there` is in both, `nothing` in neither.
    fn world() -> (tempfile::TempDir, PathBuf, Vec<Allowed>) {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        for name in ["in", "out"] {
            fs::create_dir(root.join(name)).unwrap();
            fs::write(root.join(name).join("there"), name).unwrap();
        }
        let within = vec![Allowed::new(&root.join("in"))];
        (directory, root, within)
    }

    #[test]
    fn what_is_outside_has_one_answer_whether_it_is_there_or_not() {
        let (_directory, root, within) = world();
        for end in ["there", "nothing"] {
            let out = root.join("out").join(end);
            let links = [
                (format!("to-{end}"), out.clone()),
                (format!("near-{end}"), Path::new("../out").join(end)),
                // Out and in again.
                (
                    format!("over-{end}"),
                    root.join("out").join(end).join("../../in/there"),
                ),
                (format!("twice-{end}"), root.join("in").join(format!("to-{end}"))),
            ];
            for (name, target) in &links {
                symlink(target, root.join("in").join(name)).unwrap();
            }
            let written = [
                format!("../out/{end}"),
                format!("../out/{end}/../../in/there"),
                format!("../{end}/../in/there"),
                out.display().to_string(),
            ];
            let links = links.iter().map(|(name, _)| name.clone());
            for path in links.chain(written) {
                let found = follow(&root.join("in"), Path::new(&path), Some(&within));
                assert_eq!(found, Err(Astray::Outside), "{path}");
            }
        }
    }

    #[test]
    fn a_link_in_a_named_path_counts_if_it_stays_in_its_directory() {
        let (_directory, root, _) = world();
        let inside = root.join("in");
        for name in ["deep/stack", "other"] {
            fs::create_dir_all(inside.join(name)).unwrap();
        }
        for (name, target) in [
            ("in/current", "other"),
            ("in/below", "deep/stack"),
            ("in/absolute", inside.join("other").to_str().unwrap()),
            ("in/twice", "current"),
            ("in/dot", "."),
            ("root", root.join("in").to_str().unwrap()),
            // What leads out, by itself, by a parent, on the way, or by another link.
            ("in/out", "../out"),
            ("in/up", ".."),
            ("in/far", "/"),
            ("in/way", "../out/../in/other"),
            ("in/over", "out"),
            ("in/through", "out/nothing"),
            ("in/gone", "../nothing"),
            ("in/deep/side", "../other"),
            ("in/loop", "loop"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        for path in [
            "in",
            "in/current",
            "in/below",
            "in/below/../stack",
            "in/absolute",
            "in/twice",
            "in/dot/dot/other",
            "root/current",
            "out/../in/other",
            "in/nothing/there",
        ] {
            assert_eq!(stays(&root.join(path)), Ok(()), "{path}");
        }
        for (path, link) in [
            ("in/out", "in/out"),
            ("in/out/there", "in/out"),
            ("in/out/../in", "in/out"),
            ("in/up", "in/up"),
            ("in/far", "in/far"),
            ("in/way", "in/way"),
            ("in/over", "in/over"),
            ("in/through", "in/through"),
            ("in/gone", "in/gone"),
            ("in/deep/side", "in/deep/side"),
            ("root/out", "in/out"),
            ("in/loop", "in/loop"),
        ] {
            assert_eq!(stays(&root.join(path)), Err(root.join(link)), "{path}");
        }
    }

    #[test]
    fn what_is_inside_is_found_over_links_and_dots() {
        let (_directory, root, mut within) = world();
        let inside = root.join("in");
        symlink("there", inside.join("link")).unwrap();
        symlink("gone", inside.join("dangling")).unwrap();
        symlink("loop", inside.join("loop")).unwrap();
        let led = |path: &str, within: &[Allowed]| follow(&inside, Path::new(path), Some(within));
        for path in [
            "there",
            "./there",
            "../in/there",
            "link",
            "dangling/../there/../link",
        ] {
            let found = led(path, &within).unwrap();
            assert!(found.starts_with(&inside), "{path}: {}", found.display());
        }
        assert_eq!(led("link", &within), Ok(inside.join("there")));
        assert_eq!(led("dangling", &within), Ok(inside.join("gone")));
        assert_eq!(
            led("gone/../there", &within),
            Ok(inside.join("gone")),
            "as the kernel has it"
        );
        assert_eq!(led("loop", &within), Err(Astray::Links));
        // A directory that was given by a link is reached by that link, and by no other.
        symlink(root.join("out"), root.join("given")).unwrap();
        symlink(root.join("out"), root.join("other")).unwrap();
        within.push(Allowed::new(&root.join("given")));
        for path in ["../given/there", "../out/there"] {
            assert_eq!(led(path, &within), Ok(root.join("out/there")), "{path}");
        }
        assert_eq!(led("../other/there", &within), Err(Astray::Outside));
        // It stays the directory that it was when it was given.
        fs::remove_file(root.join("given")).unwrap();
        symlink(&root, root.join("given")).unwrap();
        assert_eq!(led("../given/there", &within), Ok(root.join("out/there")));
        assert_eq!(led("../given/in/../there", &within), Ok(root.join("out/in")));
    }
}
