//! `zipstream verify`: tells whether an archive is what its manifest lists, octet by octet.

use std::{
    fs::File,
    io::{self, Seek, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use super::{
    complain,
    progress::{self, Bar},
    refuse,
};
use crate::verify::{self, Against, Fault, Listener, Verdict};

/// Checks an archive against its manifest: structure, CRCs, SHA-256, nothing missing, nothing more.
///
/// Every fault is a line on stderr. An archive that another program wrote, or wrote anew, is not sound: each octet of
/// its headers is compared with what ZipStream writes.
///
/// Exits with 0 when it is sound, 1 when it is not, 64 when it cannot be opened.
#[derive(Args, Debug)]
pub struct Verify {
    /// The archive; `-` reads it from stdin, by way of an unnamed file in TMPDIR unless stdin is a file itself.
    archive: PathBuf,
    /// The manifest's name in the archive.
    #[arg(long, value_name = "NAME", default_value = "MANIFEST.json", conflicts_with = "no_manifest")]
    manifest: String,
    /// Checks structure and CRCs alone: of an archive that has no manifest.
    #[arg(long)]
    no_manifest: bool,
}

/// Runs `zipstream verify`.
pub fn verify(arguments: &Verify) -> ExitCode {
    let path = &arguments.archive;
    let archive = match open(path) {
        Ok(archive) => archive,
        Err(error) => return refuse(&format!("{}: {error}", path.display())),
    };
    let against =
        if arguments.no_manifest { Against::Itself } else { Against::Manifest(arguments.manifest.clone()) };
    let length = archive.metadata().map(|archive| archive.len()).ok();
    let mut told = Told(progress::bar(length));
    let judged = verify::verify(&archive, &against, &mut told);
    drop(told);
    match judged {
        Ok(Verdict { entries, faults: 0 }) => {
            let held =
                if arguments.no_manifest { "not held against a manifest" } else { "as its manifest lists" };
            // Whoever closed stdout goes by the exit code.
            _ = writeln!(io::stdout(), "{}: sound, {entries} entries, {held}", path.display());
            ExitCode::SUCCESS
        }
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("{}: {error}", path.display()));
            ExitCode::FAILURE
        }
    }
}

/// Opens the archive. The end of it is read first, so a pipe is written to a file that has no name.
fn open(path: &Path) -> io::Result<File> {
    if path.as_os_str() != "-" {
        let file = File::open(path)?;
        if file.metadata()?.is_file() {
            return Ok(file);
        }
        return spool(file);
    }
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    if stdin.metadata()?.is_file() && stdin.stream_position()? == 0 {
        return Ok(stdin);
    }
    spool(stdin)
}

/// Reads a pipe to its end.
fn spool(mut from: File) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let bar = progress::bar(None);
    io::copy(&mut bar.reading(&mut from), &mut file)?;
    Ok(file)
}

/// Tells faults as they are found, and shows how far it is.
struct Told(Bar);

impl Listener for Told {
    fn note_progress(&mut self, position: u64) {
        self.0.set(position);
    }

    fn note_fault(&mut self, fault: Fault) {
        self.0.beside(|| complain(&fault));
    }
}
