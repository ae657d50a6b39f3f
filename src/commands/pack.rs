//! `zipstream pack`: the pipeline of a download without the service around it.
//!
//! Descriptor, configuration and egress policy are the service's. The limits of tiers and the longest body are not
//! asked: who runs this owns the machine.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
};

use clap::Args;
use futures_util::StreamExt;

use super::{
    complain,
    destination::{self, Destination},
    progress, refuse,
    signals::Signals,
};
use crate::{
    api::Problem,
    app::{self, Overrides, Pipeline},
    archive,
    config::Config,
    descriptor::{self, Descriptor, Source},
    server,
};

/// Makes the archive of a descriptor, without a service.
///
/// The descriptor is that of POST /api/downloads, and the configuration that of the service: sources on networks of your
/// own need egress.allow. Limits of tiers (files, archive_size) do not apply.
///
/// Exits with 0 when the archive is whole (with onSourceError "skip" stderr tells how many sources are left out), 1 when it is not, 64 when the descriptor or the configuration is wrong.
#[derive(Args, Debug)]
pub struct Pack {
    /// A file with the descriptor; `-` reads it from stdin.
    descriptor: PathBuf,
    /// The file to write, which is replaced when the archive is whole and left alone otherwise; `-` is stdout.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Runs `zipstream pack`.
pub fn pack(arguments: &Pack, config: &Config) -> ExitCode {
    server::raise_open_files(config.fetch.per_host);
    let made = tokio::runtime::Runtime::new().map_err(Error::Start).and_then(|runtime| {
        let made = runtime.block_on(make(arguments, config));
        // A writer may wait for whoever reads the pipe.
        runtime.shutdown_background();
        made
    });
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.tell(),
    }
}

/// Makes the archive and writes it.
async fn make(arguments: &Pack, config: &Config) -> Result<(), Error> {
    let pipeline = Pipeline::build(config, &[], Overrides::default())?;
    let body =
        read(&arguments.descriptor).map_err(|error| Error::Unread(arguments.descriptor.clone(), error))?;
    let unlimited = descriptor::Limits { files: usize::MAX };
    let descriptor = Descriptor::parse(&body, unlimited, &pipeline.policy)?;
    // Not before stdin is read: until here a signal ends the process as it stands.
    let mut signals = Signals::new().map_err(Error::Start)?;
    let is_stdout = arguments.output.as_os_str() == "-";
    let destination = if is_stdout { Destination::stdout() } else { Destination::file(&arguments.output) }?;
    tokio::select! {
        made = stream(&pipeline.archives, descriptor, destination) => made,
        () = signals.next() => Err(Error::Interrupted),
    }
}

/// Streams the archive to where it belongs.
///
/// # Cancel safety
/// Dropping the future closes every source and removes the file.
async fn stream(
    archives: &archive::Archives,
    descriptor: Descriptor,
    destination: Destination,
) -> Result<(), Error> {
    let entries = descriptor.entries.len();
    let sources = descriptor.entries.iter().filter(|entry| matches!(entry.source, Source::Http(_))).count();
    let manifest = descriptor.manifest.as_ref().map(|manifest| manifest.name.as_str().to_owned());
    let probed = archives.probe(descriptor, archive::Limits { size: u64::MAX }, None).await?;
    let facts = probed.facts().clone();
    let mut archive = probed.plan(facts)?.start(None).await?;
    let (writing, bar, mut written) = (destination.start(), progress::bar(archive.length), 0);
    while let Some(piece) = archive.stream.next().await {
        let piece = piece?;
        written += piece.len() as u64;
        if !writing.write(piece).await {
            break;
        }
        bar.set(written);
        bar.say(format!(", {} of {entries} files", archive.entries_done.load(Ordering::Relaxed)));
    }
    writing.finish().await.map_err(Error::Write)?;
    drop(bar);
    // Whoever lets sources be left out must learn of it without opening the archive.
    let skipped = archive.known_skipped();
    if let Some(manifest) = manifest.filter(|_| skipped > 0) {
        complain(&format!("{skipped} of {sources} sources left out; see {manifest}"));
    }
    Ok(())
}

/// Reads the descriptor.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return fs::read(path);
    }
    let mut body = Vec::new();
    io::stdin().lock().read_to_end(&mut body)?;
    Ok(body)
}

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// A source failed, or the archive did.
    #[error(transparent)]
    Archive(#[from] archive::Failure),
    /// What the configuration names cannot be had.
    #[error(transparent)]
    Build(#[from] app::Error),
    /// The descriptor is wrong.
    #[error(transparent)]
    Descriptor(#[from] descriptor::Violations),
    /// There is nowhere to write to.
    #[error(transparent)]
    Destination(#[from] destination::Error),
    /// A signal.
    #[error("interrupted; nothing whole was written")]
    Interrupted,
    /// The system refuses threads or signals.
    #[error("cannot start: {0}")]
    Start(io::Error),
    /// The descriptor cannot be read.
    #[error("{path}: {1}", path = .0.display())]
    Unread(PathBuf, io::Error),
    /// The archive cannot be written.
    #[error("the archive cannot be written: {0}")]
    Write(io::Error),
}

impl Error {
    /// Says it on stderr, in the words of the interface's problems, and returns what to exit with.
    fn tell(self) -> ExitCode {
        match self {
            // The interface refers to the log for these, and there is none.
            Error::Archive(failure) if failure.fault() == archive::Fault::Server => {
                complain(&format!("{}: {failure}", Problem::code_of(&failure.reason)));
                ExitCode::FAILURE
            }
            Error::Archive(failure) => {
                let problem = Problem::from(failure);
                complain(&format!("{}: {}", problem.code(), problem.detail()));
                ExitCode::FAILURE
            }
            Error::Descriptor(violations) => {
                let lines: Vec<_> = violations.into_iter().map(line).collect();
                refuse(&lines.join("\n"))
            }
            Error::Build(_) | Error::Destination(_) | Error::Unread(..) => refuse(&self),
            // Whoever closed the pipe, such as `head`, knows.
            Error::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
            Error::Interrupted | Error::Start(_) | Error::Write(_) => {
                complain(&self);
                ExitCode::FAILURE
            }
        }
    }
}

/// A violation with its place in the document, which may be the whole.
fn line(descriptor::Violation { pointer, code, detail }: descriptor::Violation) -> String {
    let at = if pointer.is_empty() { "the descriptor" } else { &pointer };
    format!("{at}: {code}: {detail}")
}
