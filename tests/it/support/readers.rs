//! Readers that are not ours judge an archive: `unzip`, `7z`, `bsdtar` from a file and from a pipe, Python's zipfile,
//! Java's ZipInputStream and rc-zip.
//!
//! Every reader must succeed on its own terms (they check CRCs), and what it read must equal what was put in: names in
//! order, sizes and contents. What each kind of archive may ask of them is the table of the design: a forward-only
//! reader cannot find the end of every streamed entry.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use rc_zip_sync::ReadZip;
use sha2::{Digest, Sha256};
use zipstream::zip::{self, Crc32};

/// What an archive holds, which says who must be able to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing but known entries: everybody.
    Known,
    /// Also streamed DEFLATE entries: everybody.
    StreamedDeflate,
    /// Also streamed STORE entries: all but ZipInputStream, which cannot find their end.
    StreamedStore,
    /// Also entries whose size outgrew what their header said: readers of the central directory.
    Grown,
}

/// An entry as it must be read: its length and, in hexadecimal, its SHA-256 or CRC-32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The entry name.
    pub name: String,
    /// Uncompressed bytes.
    pub size: u64,
    /// SHA-256 or CRC-32 of them.
    pub digest: String,
}

/// Judges an archive held in memory by its full contents.
pub fn judge(archive: &[u8], expected: &[(String, Vec<u8>)], kind: Kind) {
    let mut file = tempfile::Builder::new().suffix(".zip").tempfile().unwrap();
    file.write_all(archive).unwrap();
    let row = |(name, data): &(String, Vec<u8>)| {
        let mut hash = Hash::Sha256(Sha256::new());
        hash.update(data);
        Row { name: name.clone(), size: data.len() as u64, digest: hash.hex() }
    };
    let mut whole = Hash::Sha256(Sha256::new());
    expected.iter().for_each(|(_, data)| whole.update(data));
    let rows = expected.iter().map(row).collect();
    Judge { path: file.path(), rows, whole: whole.hex(), algorithm: "sha256", kind }.judge();
}

/// Judges an archive too large for memory by the CRC-32 of its contents.
pub fn judge_file(path: &Path, expected: &[(String, u64, u32)], kind: Kind) {
    let mut whole = Crc32::new();
    expected.iter().for_each(|(_, size, crc32)| whole.append(zip::Digest { crc32: *crc32, size: *size }));
    let row = |(name, size, crc32): &(String, u64, u32)| Row {
        name: name.clone(),
        size: *size,
        digest: format!("{crc32:08x}"),
    };
    let rows = expected.iter().map(row).collect();
    Judge { path, rows, whole: Hash::Crc32(whole).hex(), algorithm: "crc32", kind }.judge();
}

/// An archive and what must be found in it.
struct Judge<'a> {
    path: &'a Path,
    rows: Vec<Row>,
    /// Digest of all contents one after another.
    whole: String,
    /// `sha256` or `crc32`.
    algorithm: &'static str,
    kind: Kind,
}

/// What a reader says: nothing, or why it refused.
type Verdict = Result<(), String>;
/// Asks one reader.
type Reader<'a> = fn(&Judge<'a>) -> Verdict;

impl Judge<'_> {
    /// Asks every reader that must succeed and panics with all that did not.
    fn judge(&self) {
        let forward = self.kind != Kind::Grown;
        let java = matches!(self.kind, Kind::Known | Kind::StreamedDeflate) && java_is_there();
        let readers: [(&str, bool, Reader<'_>); 7] = [
            ("unzip", true, Self::unzip),
            ("7z", true, Self::seven_zip),
            ("bsdtar", true, |judge| judge.bsdtar(false)),
            ("bsdtar from a pipe", forward, |judge| judge.bsdtar(true)),
            ("python", true, Self::python),
            ("java", java, Self::java),
            ("rc-zip", true, Self::rc_zip),
        ];
        let failures: Vec<String> = thread::scope(|scope| {
            let asked = readers.into_iter().filter(|(_, must, _)| *must);
            let running: Vec<_> =
                asked.map(|(name, _, read)| (name, scope.spawn(move || read(self)))).collect();
            let ended = running.into_iter().map(|(name, thread)| (name, thread.join().unwrap()));
            ended.filter_map(|(name, verdict)| Some(format!("{name}: {}", verdict.err()?))).collect()
        });
        assert!(failures.is_empty(), "{:?} archive refused:\n{}", self.kind, failures.join("\n"));
    }

    /// `unzip -t`, and its list of names. It answers 1 for an archive without entries.
    fn unzip(&self) -> Verdict {
        if self.rows.is_empty() {
            let output = output(Command::new("unzip").arg("-t").arg(self.path))?;
            return same("exit code", &Some(1), &output.status.code());
        }
        succeed(Command::new("unzip").arg("-tqq").arg(self.path))?;
        self.same_names(&succeed(Command::new("unzip").arg("-Z1").arg(self.path))?)
    }

    /// `7z t`, which exits with 1 on a mere warning.
    fn seven_zip(&self) -> Verdict {
        // Debian's package brought `7z`, then `7zz`, then both.
        let is_new = Command::new("7zz").stdout(Stdio::null()).status().is_ok();
        let mut command = Command::new(if is_new { "7zz" } else { "7z" });
        let text = succeed(command.args(["t", "-bd"]).arg(self.path))?;
        if text.contains("Everything is Ok") { Ok(()) } else { Err(text) }
    }

    /// `bsdtar -t` and `-x`, seeking in a file or from a pipe.
    fn bsdtar(&self, piped: bool) -> Verdict {
        let (names, _) = self.bsdtar_run("-tf", piped, Sink::Text(String::new()))?;
        self.same_names(&names)?;
        let hash = Hash::of(self.algorithm);
        let (digest, size) = self.bsdtar_run("-xOf", piped, Sink::Hash(hash))?;
        same("bytes", &self.rows.iter().map(|row| row.size).sum(), &size)?;
        same("contents", &self.whole, &digest)
    }

    /// Runs bsdtar and returns what came out, as text or as a digest, and its length.
    fn bsdtar_run(&self, mode: &str, piped: bool, mut sink: Sink) -> Result<(String, u64), String> {
        let from = if piped { Path::new("-") } else { self.path };
        let stdin = if piped { Stdio::piped() } else { Stdio::null() };
        let mut command = Command::new("bsdtar");
        command.arg(mode).arg(from).env("LC_ALL", "C.UTF-8");
        let spawned = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| missing("bsdtar", &error))?;
        let mut stdout = child.stdout.take().unwrap();
        let (stdin, mut archive) = (child.stdin.take(), File::open(self.path).unwrap());
        let length = thread::scope(|scope| {
            // A reader may stop before the end records: a broken pipe is its right.
            scope.spawn(move || stdin.map(|mut stdin| io::copy(&mut archive, &mut stdin)));
            sink.drain(&mut stdout)
        });
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() && errors.is_empty() {
            Ok((sink.finish(), length))
        } else {
            Err(format!("{mode}: {} {errors}", output.status))
        }
    }

    /// Python's zipfile, every entry read to its end.
    fn python(&self) -> Verdict {
        let mut command = Command::new("python3");
        command.args(["-c", PYTHON, self.algorithm]).arg(self.path).env("PYTHONIOENCODING", "utf-8");
        self.same_rows(&succeed(&mut command)?)
    }

    /// Java's ZipInputStream, front to back.
    fn java(&self) -> Verdict {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/ZipInput.java");
        let mut command = Command::new("java");
        self.same_rows(&succeed(command.arg(source).arg(self.algorithm).arg(self.path))?)
    }

    /// rc-zip, in this process.
    fn rc_zip(&self) -> Verdict {
        let file = File::open(self.path).unwrap();
        let archive = file.read_zip().map_err(|error| error.to_string())?;
        let mut rows = Vec::new();
        for entry in archive.entries() {
            let mut hash = Hash::of(self.algorithm);
            let mut reader = entry.reader();
            let size = read(&mut reader, |bytes| hash.update(bytes))
                .map_err(|error| format!("{}: {error}", entry.name))?;
            rows.push(Row { name: entry.name.clone(), size, digest: hash.hex() });
        }
        same("entries", &self.rows, &rows)
    }

    /// Compares lines of names.
    fn same_names(&self, text: &str) -> Verdict {
        let names: Vec<&str> = self.rows.iter().map(|row| row.name.as_str()).collect();
        same("names", &names, &text.lines().collect())
    }

    /// Compares lines of size, digest and name.
    fn same_rows(&self, text: &str) -> Verdict {
        let row = |line: &str| {
            let mut fields = line.splitn(3, ' ');
            let size = fields.next()?.parse().ok()?;
            Some(Row { size, digest: fields.next()?.to_owned(), name: fields.next()?.to_owned() })
        };
        let rows: Option<Vec<Row>> = text.lines().map(row).collect();
        same("entries", &Some(&self.rows), &rows.as_ref())
    }
}

/// Prints size, digest and name of each entry.
const PYTHON: &str = r"
import hashlib, sys, zipfile, zlib
for entry in (archive := zipfile.ZipFile(sys.argv[2])).infolist():
    size, crc, sha = 0, 0, hashlib.sha256()
    with archive.open(entry) as data:
        while block := data.read(1 << 20):
            size += len(block)
            if sys.argv[1] == 'sha256': sha.update(block)
            else: crc = zlib.crc32(block, crc)
    print(size, sha.hexdigest() if sys.argv[1] == 'sha256' else f'{crc:08x}', entry.filename)
";

/// Where a reader's output goes.
enum Sink {
    Text(String),
    Hash(Hash),
}

impl Sink {
    /// Takes everything in and returns its length.
    fn drain(&mut self, from: &mut impl Read) -> u64 {
        match self {
            Sink::Text(text) => from.read_to_string(text).unwrap() as u64,
            Sink::Hash(hash) => read(from, |bytes| hash.update(bytes)).unwrap(),
        }
    }

    /// Returns the text, or the digest in hexadecimal.
    fn finish(self) -> String {
        match self {
            Sink::Text(text) => text,
            Sink::Hash(hash) => hash.hex(),
        }
    }
}

/// A digest of contents: strong for small ones, quick for gigabytes.
enum Hash {
    Crc32(Crc32),
    Sha256(Sha256),
}

impl Hash {
    fn of(algorithm: &str) -> Hash {
        if algorithm == "sha256" { Hash::Sha256(Sha256::new()) } else { Hash::Crc32(Crc32::new()) }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hash::Crc32(crc32) => crc32.update(bytes),
            Hash::Sha256(sha256) => sha256.update(bytes),
        }
    }

    fn hex(self) -> String {
        match self {
            Hash::Crc32(crc32) => format!("{:08x}", crc32.value()),
            Hash::Sha256(sha256) => hex::encode(sha256.finalize()),
        }
    }
}

/// Reads to the end and returns the length.
fn read(from: &mut impl Read, mut update: impl FnMut(&[u8])) -> io::Result<u64> {
    let (mut buffer, mut length) = (vec![0; 1 << 20], 0);
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok(length);
        }
        update(&buffer[..n]);
        length += n as u64;
    }
}

/// Says whether Java is installed; when not, so on the terminal, past the test harness' capture.
fn java_is_there() -> bool {
    let there = Command::new("java").arg("-version").output().is_ok_and(|output| output.status.success());
    if !there {
        let _ = writeln!(io::stderr(), "SKIPPED: Java's ZipInputStream, since java is not installed");
    }
    there
}

/// Runs a reader to its end.
fn output(command: &mut Command) -> Result<Output, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().map_err(|error| missing(&program, &error))
}

/// Runs a reader that must succeed and returns what it printed.
fn succeed(command: &mut Command) -> Result<String, String> {
    let output = output(command)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("{} {text} {}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// Tells how to install a reader that does not start.
fn missing(program: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            format!("{program} is not installed: apt-get install 7zip libarchive-tools unzip python3")
        }
        _ => error.to_string(),
    }
}

/// Compares what was read with what was put in.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, read: &T) -> Verdict {
    if expected == read {
        return Ok(());
    }
    let cut = |value: &T| format!("{value:?}").chars().take(600).collect::<String>();
    Err(format!("{what} differ\n  expected {}\n  read     {}", cut(expected), cut(read)))
}
