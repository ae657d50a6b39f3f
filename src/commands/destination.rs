//! Where an archive is written to: stdout, or a file that appears under its name when it is whole.
//!
//! ```text
//! directory/.backup.zip.Xq3bT9.part ──written──▶ fsync ──▶ rename to backup.zip ──▶ fsync of the directory
//!            └── removed on failure and on signals; kept where only the name cannot be taken
//! ```
//! A file that takes another's place has its permissions, and while it is written fewer than that.
//! Bytes are written by a thread of their own: a pipe that nobody reads must not keep a signal from being heard.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, Permissions},
    io::{self, IsTerminal, Write},
    os::{
        fd::AsFd,
        unix::{ffi::OsStrExt, fs::PermissionsExt},
    },
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tempfile::{PathPersistError, TempPath};
use tokio::{sync::mpsc, task::JoinHandle};

/// Pieces that wait to be written. They are held ahead beside the archive's budget, so they are few.
const WAITING: usize = 2;

/// What a new file's permissions are, less those that the process's mask takes away.
const FILE_MODE: u32 = 0o666;

/// What of another file's permissions one has that is written to take its place.
const OWN_MODE: u32 = 0o600;

/// Permission bits, set-uid and its like among them.
const MODE: u32 = 0o7777;

/// How many octets of a file's name are in that of the one that is written beside it: names have 255 at most.
const NAME_SHOWN: usize = 200;

/// Where an archive is written to.
pub(super) struct Destination {
    file: File,
    /// What its permissions will be, where it takes the place of another.
    permissions: Option<Permissions>,
    /// Where the file is, and where it belongs.
    place: Option<(TempPath, PathBuf)>,
}

/// An archive that is being written. Dropping it removes what was written to a file.
pub(super) struct Writing {
    pieces: mpsc::Sender<Bytes>,
    place: Option<(TempPath, PathBuf)>,
    writer: JoinHandle<io::Result<()>>,
}

impl Destination {
    /// Opens stdout.
    ///
    /// # Errors
    /// When it is a terminal.
    pub(super) fn stdout() -> Result<Destination, Error> {
        let stdout = io::stdout();
        if stdout.is_terminal() {
            return Err(Error::Terminal);
        }
        let file = stdout.as_fd().try_clone_to_owned().map_err(Error::Stdout)?;
        Ok(Destination { file: File::from(file), permissions: None, place: None })
    }

    /// Opens a file beside the one of this name, which stays as it is until it is replaced by one of its permissions.
    ///
    /// # Errors
    /// When it cannot be created, or the name is that of something else than a file.
    pub(super) fn file(path: &Path) -> Result<Destination, Error> {
        let unusable = |error| Error::File(path.to_owned(), error);
        let (target, permissions) = match fs::metadata(path) {
            // A symbolic link stays one. A device or a pipe must not be replaced by a file.
            Ok(found) if found.is_file() => {
                let permissions = Permissions::from_mode(found.permissions().mode() & MODE);
                (fs::canonicalize(path).map_err(unusable)?, Some(permissions))
            }
            Ok(_) => return Err(Error::NotAFile(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
                // So does one to a file that is not there yet.
                Ok(target) => return Destination::file(&directory(path).join(target)),
                Err(_) if [&b"/"[..], b"/."].iter().any(|end| path.as_os_str().as_bytes().ends_with(end)) => {
                    return Err(Error::NotAFile(path.to_owned()));
                }
                Err(_) => (path.to_owned(), None),
            },
            Err(error) => return Err(unusable(error)),
        };
        let name = target.file_name().ok_or_else(|| Error::NotAFile(path.to_owned()))?;
        let mut prefix = OsString::from(".");
        let name = name.as_bytes();
        prefix.push(OsStr::from_bytes(&name[..name.len().min(NAME_SHOWN)]));
        prefix.push(".");
        let mut builder = tempfile::Builder::new();
        let mode = permissions.as_ref().map_or(FILE_MODE, |permissions| permissions.mode() & OWN_MODE);
        builder.prefix(&prefix).suffix(".part").permissions(Permissions::from_mode(mode));
        let (file, temporary) = builder.tempfile_in(directory(&target)).map_err(unusable)?.into_parts();
        Ok(Destination { file, permissions, place: Some((temporary, target)) })
    }

    /// Begins to write. Belongs into a runtime.
    pub(super) fn start(self) -> Writing {
        let Destination { mut file, permissions, place } = self;
        let (pieces, mut waiting) = mpsc::channel::<Bytes>(WAITING);
        let lasting = place.is_some();
        let writer = tokio::task::spawn_blocking(move || {
            while let Some(piece) = waiting.blocking_recv() {
                file.write_all(&piece)?;
            }
            if let Some(permissions) = permissions {
                file.set_permissions(permissions)?;
            }
            if lasting { file.sync_all() } else { Ok(()) }
        });
        Writing { pieces, place, writer }
    }
}

impl Writing {
    /// Hands a piece to the writer; false when it has failed, which [`Writing::finish`] tells.
    ///
    /// # Cancel safety
    /// The piece may be lost.
    pub(super) async fn write(&self, piece: Bytes) -> bool {
        self.pieces.send(piece).await.is_ok()
    }

    /// Waits for the last byte and puts the file in its place.
    ///
    /// # Errors
    /// When something could not be written; there is no file then, unless all was written and only its name could not be
    /// taken.
    pub(super) async fn finish(self) -> io::Result<()> {
        let Writing { pieces, place, writer } = self;
        drop(pieces);
        writer.await.map_err(io::Error::other)??;
        let Some((temporary, target)) = place else { return Ok(()) };
        if let Err(PathPersistError { error, path }) = temporary.persist(&target) {
            let Ok(kept) = path.keep() else { return Err(error) };
            let text = format!("{error}; the archive is whole, and left at {}", kept.display());
            return Err(io::Error::new(error.kind(), text));
        }
        // The name itself must outlast a power cut; where directories cannot be synced, nothing more can be done.
        _ = File::open(directory(&target)).and_then(|directory| directory.sync_all());
        Ok(())
    }
}

/// The directory that holds a file.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Why nothing can be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It cannot be created.
    #[error("{path}: {1}", path = .0.display())]
    File(PathBuf, io::Error),
    /// A directory, a device, a pipe.
    #[error("{} is no file; to write to a pipe or a device, leave -o out and redirect", .0.display())]
    NotAFile(PathBuf),
    /// Stdout cannot be written to.
    #[error("stdout: {0}")]
    Stdout(io::Error),
    /// Nobody wants to see an archive.
    #[error("an archive is not written to a terminal; say -o FILE, or redirect")]
    Terminal,
}
