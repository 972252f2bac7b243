//! The journal on disk: the only code that reads and writes its file.
//!
//! A batch of records is one write and one fsync. After a failed write or fsync nothing is known about what the
//! disk has, so the journal refuses everything until it is opened again and read back.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::files::{io_error, sync_directory_of};
use super::journal::{
    Damage, FILE_HEADER, FORMAT, MAGIC, Position, Record, Step, Torn, decode_frame, decode_header,
    encode_frames, encode_header,
};
use super::{Remedy, StateError};

/// How much is read at once.
const READ_AHEAD: usize = 1 << 20;

/// A journal that is open for writing.
#[derive(Debug)]
pub struct JournalFile {
    path: PathBuf,
    file: File,
    durable: Position,
    pending: Vec<Record>,
    poisoned: bool,
}

/// A journal just opened.
#[derive(Debug)]
pub struct Opened {
    /// The journal, at its end.
    pub journal: JournalFile,
    /// The records behind the position that was asked for.
    pub records: Vec<Record>,
    /// What a crash had left behind the last whole frame; it has been cut off.
    pub torn: Option<Torn>,
}

/// What a journal holds, read without touching it.
#[derive(Debug)]
pub struct Contents {
    /// The records behind the position that was asked for.
    pub records: Vec<Record>,
    /// Where they end.
    pub end: Position,
    /// An unfinished frame at the end: a crash, or somebody writing right now.
    pub torn: Option<Torn>,
}

impl JournalFile {
    /// Opens a journal for writing, made if it is not there, and reads what lies behind `from` (everything, if
    /// `None`). The caller holds the state's lock. An unfinished last frame is cut off.
    ///
    /// # Errors
    /// When it is damaged, newer, or does not hold the position `from`.
    pub fn open(path: &Path, from: Option<Position>) -> Result<Opened, StateError> {
        let file = open_or_create(path, from.is_some())?;
        let contents = Reader::new(path, &file, from)?.read()?;
        if contents.torn.is_some() {
            io_at(
                path,
                "cannot cut the unfinished end off",
                file.set_len(contents.end.offset),
            )?;
            io_at(path, "cannot sync", file.sync_all())?;
        }
        let journal = JournalFile {
            path: path.to_owned(),
            file,
            durable: contents.end,
            pending: Vec::new(),
            poisoned: false,
        };
        Ok(Opened {
            journal,
            records: contents.records,
            torn: contents.torn,
        })
    }

    /// Takes records in; they are written by the next [`JournalFile::sync`].
    pub fn append(&mut self, records: impl IntoIterator<Item = Record>) {
        self.pending.extend(records);
    }

    /// Writes what was appended and makes it durable, all of it or, after a crash, a part that the next opening
    /// cuts off. Returns where the journal now ends.
    ///
    /// # Errors
    /// When the disk refuses; the journal must then be opened again.
    pub fn sync(&mut self) -> Result<Position, StateError> {
        if self.poisoned {
            let message =
                "an earlier write failed; what the disk has is unknown until the state is opened again";
            return Err(io_error(&self.path, "cannot write", &io::Error::other(message)));
        }
        if self.pending.is_empty() {
            return Ok(self.durable);
        }
        let mut bytes = Vec::new();
        let end = encode_frames(self.durable, &self.pending, &mut bytes);
        self.poisoned = true;
        self.write(&bytes)
            .map_err(|error| io_error(&self.path, "cannot write", &error))?;
        self.poisoned = false;
        self.pending.clear();
        self.durable = end;
        Ok(end)
    }

    /// Where the durable part ends.
    pub fn durable(&self) -> Position {
        self.durable
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.durable.offset))?;
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }
}

/// Reads a journal behind `from` (everything, if `None`) without writing; somebody else may be appending to it.
/// One that does not exist, or that a crash left without its header, is empty.
///
/// # Errors
/// When it is damaged, newer, or does not hold the position `from`.
pub fn read(path: &Path, from: Option<Position>) -> Result<Contents, StateError> {
    let nothing = Contents {
        records: Vec::new(),
        end: Position::start(),
        torn: None,
    };
    match File::open(path) {
        Ok(file) if from.is_none() && length(path, &file)? < FILE_HEADER as u64 => Ok(nothing),
        Ok(file) => Reader::new(path, &file, from)?.read(),
        Err(error) if error.kind() == io::ErrorKind::NotFound && from.is_none() => Ok(nothing),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(path)),
        Err(error) => Err(io_error(path, "cannot read", &error)),
    }
}

/// Whether a journal holds anything at all: a header, at least.
pub fn has_begun(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.len() >= FILE_HEADER as u64)
}

/// Whether a file begins as a journal does.
pub fn is_one(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *MAGIC
}

/// Reads the whole journal and checks that each frame follows from the one before it.
///
/// # Errors
/// When it is damaged, newer, or cannot be read.
pub fn verify(path: &Path) -> Result<(), StateError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing(path)),
        Err(error) => return Err(io_error(path, "cannot read", &error)),
    };
    match Reader::new(path, &file, None)?.read_each(|_| true) {
        (_, Some(error)) => Err(error),
        _ => Ok(()),
    }
}

/// The records in front of the damage of a journal, as many as can be read.
pub fn salvage(path: &Path) -> Vec<Record> {
    let mut records = Vec::new();
    if let Ok(file) = File::open(path)
        && let Ok(reader) = Reader::new(path, &file, None)
    {
        reader.read_each(|more| {
            records.extend(more);
            true
        });
    }
    records
}

/// Hands out the records of a journal frame by frame, until `take` says that it has enough.
///
/// # Errors
/// As [`read`]; what came before the damage was handed out.
pub fn read_each(path: &Path, take: impl FnMut(Vec<Record>) -> bool) -> Result<(), StateError> {
    let file = match File::open(path) {
        Ok(file) if length(path, &file)? < FILE_HEADER as u64 => return Ok(()),
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error(path, "cannot read", &error)),
    };
    match Reader::new(path, &file, None)?.read_each(take) {
        (_, Some(error)) => Err(error),
        _ => Ok(()),
    }
}

fn length(path: &Path, file: &File) -> Result<u64, StateError> {
    Ok(io_at(path, "cannot read", file.metadata())?.len())
}

/// The part of a file that lies behind a position, read piece by piece.
struct Reader<'a> {
    path: &'a Path,
    file: &'a File,
    at: Position,
    length: u64,
    window: Vec<u8>,
    consumed: usize,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, mut file: &'a File, from: Option<Position>) -> Result<Self, StateError> {
        let length = length(path, file)?;
        if length < FILE_HEADER as u64 {
            let problem = format!("the journal is cut off at byte {length}, inside its header");
            return Err(lost(path, problem));
        }
        let mut header = [0; FILE_HEADER];
        let read = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.read_exact(&mut header));
        io_at(path, "cannot read the header of", read)?;
        let start = decode_header(&header).map_err(|damage| damaged(path, damage))?;
        let at = from.unwrap_or(start);
        if at != start {
            check_position(path, file, &at, length)?;
        }
        io_at(path, "cannot read", file.seek(SeekFrom::Start(at.offset)))?;
        Ok(Reader {
            path,
            file,
            at,
            length,
            window: Vec::new(),
            consumed: 0,
        })
    }

    fn read(self) -> Result<Contents, StateError> {
        let mut records = Vec::new();
        let all = |more: Vec<Record>| {
            records.extend(more);
            true
        };
        match self.read_each(all) {
            (_, Some(error)) => Err(error),
            ((end, torn), None) => Ok(Contents { records, end, torn }),
        }
    }

    /// Hands out the records frame by frame, up to the end, to an error, or until there are enough; says where that is.
    fn read_each(
        mut self,
        mut take: impl FnMut(Vec<Record>) -> bool,
    ) -> ((Position, Option<Torn>), Option<StateError>) {
        loop {
            let window = self.window.get(self.consumed..).unwrap_or(&[]);
            let remaining = self.length.saturating_sub(self.at.offset);
            let step = decode_frame(self.at, window, remaining).map_err(|damage| damaged(self.path, damage));
            let filled = match step {
                Ok(Step::Need(bytes)) => self.fill(bytes),
                Ok(Step::Frame(more, end)) => {
                    self.consumed += (end.offset - self.at.offset) as usize;
                    self.at = end;
                    if !take(more) {
                        return ((self.at, None), None);
                    }
                    Ok(())
                }
                Ok(Step::End) => return ((self.at, None), None),
                Ok(Step::Torn(torn)) => return ((self.at, Some(torn)), None),
                Err(error) => Err(error),
            };
            if let Err(error) = filled {
                return ((self.at, None), Some(error));
            }
        }
    }

    /// Makes the window at least `bytes` long, or shortens the file's length to what is really there: a writer
    /// that opens the journal may cut an unfinished frame off while we read.
    fn fill(&mut self, bytes: usize) -> Result<(), StateError> {
        self.window.drain(..self.consumed);
        self.consumed = 0;
        let missing = bytes.saturating_sub(self.window.len()).max(READ_AHEAD) as u64;
        let file = self.file;
        let read = io_at(
            self.path,
            "cannot read",
            file.take(missing).read_to_end(&mut self.window),
        )?;
        if self.window.len() < bytes || read == 0 {
            self.length = self.at.offset + self.window.len() as u64;
        }
        Ok(())
    }
}

/// The checkpoint says that the journal went up to here: the hash in front of the place must be that one.
fn check_position(path: &Path, mut file: &File, at: &Position, length: u64) -> Result<(), StateError> {
    if at.offset > length {
        let problem = format!(
            "the journal ends at byte {length}, but the checkpoint was made when it reached byte {}",
            at.offset
        );
        return Err(lost(path, problem));
    }
    let mut chain = [0; 32];
    let read = file
        .seek(SeekFrom::Start(at.offset.saturating_sub(32)))
        .and_then(|_| file.read_exact(&mut chain));
    io_at(path, "cannot read", read)?;
    if chain == at.chain {
        return Ok(());
    }
    Err(lost(
        path,
        format!(
            "the journal up to byte {} is not the one that the checkpoint was made of",
            at.offset
        ),
    ))
}

fn open_or_create(path: &Path, must_exist: bool) -> Result<File, StateError> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => {
            let length = io_at(path, "cannot read", file.metadata())?.len();
            // A crash while the journal was being made leaves less than a header, and nothing was recorded yet.
            if length < FILE_HEADER as u64 && !must_exist {
                io_at(path, "cannot write", start_file(path, &file))?;
            }
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => {
            let file = io_at(path, "cannot create", private(path))?;
            io_at(path, "cannot write", start_file(path, &file))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(path)),
        Err(error) => Err(io_error(path, "cannot open", &error)),
    }
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn start_file(path: &Path, mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&encode_header())?;
    file.sync_all()?;
    sync_directory_of(path)
}

fn io_at<T>(path: &Path, action: &str, result: io::Result<T>) -> Result<T, StateError> {
    result.map_err(|error| io_error(path, action, &error))
}

fn damaged(path: &Path, damage: Damage) -> StateError {
    match damage {
        Damage::Newer { found } => StateError::Newer {
            found: found.into(),
            known: FORMAT.into(),
        },
        _ => lost(
            path,
            format!("the journal is damaged at byte {}: {damage}", damage.offset()),
        ),
    }
}

fn missing(path: &Path) -> StateError {
    lost(path, "the checkpoint is there, and the journal is not".to_owned())
}

fn lost(path: &Path, problem: String) -> StateError {
    StateError::Damaged {
        file: path.display().to_string().into(),
        problem: problem.into(),
        remedy: Remedy::Import { newest: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u8) -> Record {
        Record {
            kind: 1,
            version: 1,
            payload: vec![n; 20 + usize::from(n)],
        }
    }

    fn journal() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        (directory, path)
    }

    /// Writes three batches of two; returns where each ended.
    fn write_three(path: &Path) -> Vec<Position> {
        let mut journal = JournalFile::open(path, None).unwrap().journal;
        (0..3)
            .map(|n| {
                journal.append([record(2 * n), record(2 * n + 1)]);
                journal.sync().unwrap()
            })
            .collect()
    }

    #[test]
    fn what_was_synced_is_there_after_reopening_and_nothing_else() {
        let (_keep, path) = journal();
        let ends = write_three(&path);
        let mut opened = JournalFile::open(&path, None).unwrap();
        opened.journal.append([record(9)]);
        drop(opened.journal);
        assert_eq!(opened.records, (0..6).map(record).collect::<Vec<_>>());
        let later = JournalFile::open(&path, Some(ends[1])).unwrap();
        assert_eq!(later.records, [record(4), record(5)]);
        assert_eq!(later.journal.durable(), ends[2]);
        assert_eq!(read(&path, Some(ends[2])).unwrap().records, []);
    }

    #[test]
    fn a_file_cut_at_any_byte_opens_with_what_was_durable_and_can_be_continued() {
        let (_keep, path) = journal();
        let ends = write_three(&path);
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let whole = ends.iter().filter(|end| end.offset as usize <= cut).count();
            let mut opened = JournalFile::open(&path, None).unwrap();
            assert_eq!(
                opened.records,
                (0..2 * whole as u8).map(record).collect::<Vec<_>>(),
                "cut at {cut}"
            );
            opened.journal.append([record(9)]);
            opened.journal.sync().unwrap();
            let again = read(&path, None).unwrap();
            assert_eq!(
                (again.records.len(), again.torn),
                (2 * whole + 1, None),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn reading_never_changes_the_file() {
        let (_keep, path) = journal();
        write_three(&path);
        let bytes = std::fs::read(&path).unwrap();
        let cut = &bytes[..bytes.len() - 3];
        std::fs::write(&path, cut).unwrap();
        let contents = read(&path, None).unwrap();
        assert_eq!((contents.records.len(), contents.torn.is_some()), (4, true));
        assert_eq!(std::fs::read(&path).unwrap(), cut);
    }

    #[test]
    fn a_journal_behind_its_checkpoint_is_damage_with_a_remedy() {
        let (_keep, path) = journal();
        let ends = write_three(&path);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..ends[1].offset as usize]).unwrap();
        let error = JournalFile::open(&path, Some(ends[2])).unwrap_err();
        assert_import(&error);
        let text = error.to_string();
        assert!(
            text.contains(&format!("ends at byte {}", ends[1].offset)),
            "{text}"
        );
        std::fs::remove_file(&path).unwrap();
        assert!(JournalFile::open(&path, Some(ends[2])).is_err());
        assert!(!path.exists());
    }

    #[test]
    fn another_journal_than_the_checkpoints_is_noticed() {
        let (_keep, path) = journal();
        let ends = write_three(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[ends[0].offset as usize - 1] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let text = read(&path, Some(ends[0])).unwrap_err().to_string();
        assert!(text.contains("is not the one"), "{text}");
    }

    #[test]
    fn damage_names_file_byte_and_remedy() {
        let (_keep, path) = journal();
        let ends = write_three(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[ends[0].offset as usize + 40] ^= 4;
        std::fs::write(&path, bytes).unwrap();
        assert!(verify(&path).is_err());
        let error = JournalFile::open(&path, None).unwrap_err();
        assert_import(&error);
        let text = error.to_string();
        assert!(text.contains("journal:"), "{text}");
        assert!(
            text.contains(&format!("damaged at byte {}", ends[0].offset)),
            "{text}"
        );
    }

    fn assert_import(error: &StateError) {
        let import = |remedy: &Remedy| matches!(remedy, Remedy::Import { .. });
        assert!(
            matches!(error, StateError::Damaged { remedy, .. } if import(remedy)),
            "{error:?}"
        );
    }

    #[test]
    fn what_is_in_front_of_the_damage_can_be_read() {
        let (_keep, path) = journal();
        let ends = write_three(&path);
        verify(&path).unwrap();
        let whole = read(&path, None).unwrap().records;
        assert_eq!(salvage(&path), whole);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[ends[0].offset as usize + 40] ^= 4;
        std::fs::write(&path, bytes).unwrap();
        let before = salvage(&path);
        assert_eq!(before.len() as u64, ends[0].records);
        assert_eq!(whole[..before.len()], before[..]);
    }

    #[test]
    fn a_journal_of_no_bytes_is_damage_only_where_something_was_recorded() {
        let (_keep, path) = journal();
        let ends = write_three(&path);
        std::fs::write(&path, b"").unwrap();
        let error = read(&path, Some(ends[0])).unwrap_err();
        assert_import(&error);
        assert!(error.to_string().contains("cut off"), "{error}");
        // A crash while the journal was made leaves it like this.
        assert_eq!(read(&path, None).unwrap().records, []);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_keep, path) = journal();
        write_three(&path);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
