//! An answer being read: its head is there, its body comes as the test asks for it.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::{Abort, Answer, Connection, Ended, header};

/// The most that is read at once, in octets.
const PIECE: usize = 64 << 10;
/// How often a slow reader reads, a second.
const BEATS: u64 = 20;

/// What of the body is still to come.
#[derive(Clone, Copy)]
enum Left {
    /// So many octets.
    Length(u64),
    /// So many octets of a chunk, then its end and more chunks.
    Chunk(u64),
    /// A chunk's head; not the first one, so a line end comes before it.
    ChunkHead { first: bool },
    /// Everything until the connection is closed.
    UntilClose,
}

/// An answer whose body is being read; dropping it hangs up.
pub struct Reading {
    /// The status; 0 when the connection ended before one came.
    pub status: u16,
    /// The header lines in their order.
    pub headers: Vec<(String, String)>,
    connection: Connection,
    left: Left,
    ended: Option<Ended>,
    rate: Option<u64>,
}

impl Reading {
    /// Reads the head, past interim ones.
    pub(super) async fn begin(connection: Connection, method: &str, rate: Option<u64>) -> Reading {
        let mut reading =
            Reading { status: 0, headers: Vec::new(), connection, left: Left::Length(0), ended: None, rate };
        if let Err(abort) = reading.read_head(method).await {
            reading.status = 0;
            reading.ended = Some(Ended::Aborted(abort));
        }
        reading
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Reads `octets` of the body, fewer when it ends before.
    pub async fn take(&mut self, octets: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        while taken.len() < octets {
            let Some(piece) = self.next(octets - taken.len()).await else { break };
            taken.extend(piece);
        }
        taken
    }

    /// Reads the rest of the body.
    pub async fn finish(self) -> Answer {
        self.finish_keeping().await.0
    }

    /// Reads the rest of the body, and holds none of it.
    pub async fn finish_into(mut self, mut sink: impl FnMut(&[u8])) -> Ended {
        while let Some(piece) = self.next(PIECE).await {
            sink(&piece);
        }
        self.ended.take().unwrap_or(Ended::Whole)
    }

    /// Reads the rest of the body; gives the connection back when it can be used again.
    pub(super) async fn finish_keeping(mut self) -> (Answer, Option<Connection>) {
        let mut body = Vec::new();
        while let Some(piece) = self.next(PIECE).await {
            body.extend(piece);
        }
        let ended = self.ended.take().unwrap_or(Ended::Whole);
        let keeps = ended == Ended::Whole && !matches!(self.left, Left::UntilClose);
        let answer = Answer { status: self.status, headers: self.headers, body, ended };
        (answer, keeps.then_some(self.connection))
    }

    /// How the body ended; `None` while it goes on.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// Reads the next piece of the body, at most so many octets; `None` once it has ended.
    pub async fn next(&mut self, most: usize) -> Option<Vec<u8>> {
        if self.ended.is_some() {
            return None;
        }
        let mut most = most.min(PIECE);
        if let Some(rate) = self.rate {
            tokio::time::sleep(Duration::from_secs(1) / BEATS as u32).await;
            most = most.min((rate / BEATS).max(1) as usize);
        }
        match self.read_piece(most).await {
            Ok(Some(piece)) => Some(piece),
            Ok(None) => {
                self.ended = Some(Ended::Whole);
                None
            }
            Err(abort) => {
                self.ended = Some(Ended::Aborted(abort));
                None
            }
        }
    }

    async fn read_piece(&mut self, most: usize) -> Result<Option<Vec<u8>>, Abort> {
        loop {
            match self.left {
                Left::Length(0) => return Ok(None),
                Left::Length(left) => {
                    let piece = self.some(left.min(most as u64) as usize).await?;
                    self.left = Left::Length(left - piece.len() as u64);
                    return Ok(Some(piece));
                }
                Left::Chunk(0) => self.left = Left::ChunkHead { first: false },
                Left::Chunk(left) => {
                    let piece = self.some(left.min(most as u64) as usize).await?;
                    self.left = Left::Chunk(left - piece.len() as u64);
                    return Ok(Some(piece));
                }
                Left::ChunkHead { first } => {
                    if !first && !self.line().await?.is_empty() {
                        return Err(Abort::Malformed("a chunk without a line end".to_owned()));
                    }
                    let line = self.line().await?;
                    let digits = line.split(';').next().unwrap_or_default().trim();
                    let size = u64::from_str_radix(digits, 16)
                        .map_err(|_| Abort::Malformed(format!("chunk head {line:?}")))?;
                    if size == 0 {
                        while !self.line().await?.is_empty() {}
                        self.left = Left::Length(0);
                        return Ok(None);
                    }
                    self.left = Left::Chunk(size);
                }
                Left::UntilClose => {
                    return match self.some(most).await {
                        Ok(piece) => Ok(Some(piece)),
                        Err(Abort::Closed) => Ok(None),
                        Err(abort) => Err(abort),
                    };
                }
            }
        }
    }

    async fn read_head(&mut self, method: &str) -> Result<(), Abort> {
        loop {
            let line = self.line().await?;
            let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
            self.status = status
                .and_then(|status| status.parse().ok())
                .ok_or_else(|| Abort::Malformed(format!("status line {line:?}")))?;
            self.headers.clear();
            loop {
                let line = self.line().await?;
                if line.is_empty() {
                    break;
                }
                let (name, value) =
                    line.split_once(':').ok_or_else(|| Abort::Malformed(format!("header line {line:?}")))?;
                self.headers.push((name.to_owned(), value.trim().to_owned()));
            }
            if self.status >= 200 || self.status == 101 {
                break;
            }
        }
        let length = self.header("content-length").map(str::parse);
        self.left = match (self.header("transfer-encoding"), length) {
            _ if method == "HEAD" || matches!(self.status, 101 | 204 | 304) => Left::Length(0),
            (Some(_), _) => Left::ChunkHead { first: true },
            (None, Some(Ok(length))) => Left::Length(length),
            (None, Some(Err(_))) => return Err(Abort::Malformed("content-length".to_owned())),
            (None, None) => Left::UntilClose,
        };
        Ok(())
    }

    /// Reads a line, without its end.
    async fn line(&mut self) -> Result<String, Abort> {
        loop {
            if let Some(at) = self.connection.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.connection.buffer.drain(..=at).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            self.fill(PIECE).await?;
        }
    }

    /// Reads at least one octet and at most so many.
    async fn some(&mut self, most: usize) -> Result<Vec<u8>, Abort> {
        if self.connection.buffer.is_empty() {
            self.fill(most).await?;
        }
        let most = most.min(self.connection.buffer.len());
        // Not `drain`, which a debug build moves octet by octet.
        let rest = self.connection.buffer.split_off(most);
        Ok(std::mem::replace(&mut self.connection.buffer, rest))
    }

    /// Reads from the socket once.
    async fn fill(&mut self, most: usize) -> Result<(), Abort> {
        // Or tokio reads no more than the buffer happens to have room for.
        self.connection.buffer.reserve(most);
        let mut piece = (&mut self.connection.stream).take(most as u64);
        match piece.read_buf(&mut self.connection.buffer).await {
            Ok(0) => Err(Abort::Closed),
            Ok(_) => Ok(()),
            Err(_) => Err(Abort::Reset),
        }
    }
}
