//! One connection of the origin: requests in, answers and misbehaviour out.
//!
//! Every wait watches the peer too, so that a connection the client gave up is counted as closed at once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::answer::Answer;
use super::request;
use super::route::{Event, Framing, Head, Route};
use super::{Shared, Wire};

/// The piece in which an unchunked body is written, in octets.
const PIECE: usize = 64 << 10;
/// The distance of endless header lines; far below any clock that waits for a head.
const DRIP: Duration = Duration::from_millis(20);

/// How a connection goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The next request may come.
    Keep,
    /// The connection ends in order.
    Finish,
    /// The connection ends by FIN, over TLS without close_notify; also when the peer is gone.
    Cut,
    /// The connection ends by RST.
    Reset,
}

/// An early end of an answer.
struct Stop(Next);

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Stop {
        Stop(Next::Cut)
    }
}

/// Answers requests until the connection ends.
pub(super) async fn serve(shared: Arc<Shared>, mut wire: Box<dyn Wire>, number: u64) {
    let mut buffer = Vec::new();
    let mut answered = 0;
    let next = loop {
        let Some(request) = request::read(&mut *wire, &mut buffer, number).await else { break Next::Cut };
        let route = shared.route(&request);
        if shared.reset_after == Some(answered) {
            break Next::Reset;
        }
        let answering = shared.answering();
        let answer = Answer::decide(&route, &request);
        let (path, events) = (request.path().to_owned(), route.events.clone());
        let beat = route.dribble.map_or(0, |(octets, _)| octets);
        let writer = Writer { shared: &shared, wire: &mut *wire, buffer: &mut buffer, number, path };
        let next = Exchange { writer, route, events, sent: 0, beat }.run(answer).await;
        drop(answering);
        answered += 1;
        if next != Next::Keep {
            break next;
        }
    };
    match next {
        Next::Keep | Next::Cut => {}
        // A peer that is gone already is no failure of the origin's.
        Next::Finish => drop(wire.shutdown().await),
        Next::Reset => drop(socket2::SockRef::from(wire.tcp()).set_linger(Some(Duration::ZERO))),
    }
}

/// The connection while an answer is written.
struct Writer<'a> {
    shared: &'a Shared,
    wire: &'a mut dyn Wire,
    buffer: &'a mut Vec<u8>,
    number: u64,
    path: String,
}

impl Writer<'_> {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write_all(bytes).await?;
        self.wire.flush().await
    }

    /// Writes bytes of the body and counts them.
    async fn write_body(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            self.write(piece).await?;
            self.shared.count(self.number, &self.path, piece.len() as u64);
        }
        Ok(())
    }

    /// Waits for a future, but no longer than the peer is there.
    async fn wait(&mut self, until: impl Future<Output = ()>) -> Result<(), Stop> {
        tokio::select! {
            () = until => Ok(()),
            () = gone(self.wire, self.buffer) => Err(Stop(Next::Cut)),
        }
    }
}

/// Completes when the peer has closed or reset; what it sends until then is kept.
async fn gone(wire: &mut dyn Wire, buffer: &mut Vec<u8>) {
    while matches!(wire.read_buf(buffer).await, Ok(read) if read > 0) {}
}

/// One request's answer on its way.
struct Exchange<'a> {
    writer: Writer<'a>,
    route: Route,
    events: Vec<(u64, Event)>,
    /// Octets of the body written.
    sent: u64,
    /// Octets left before the next pause of a dribbling route.
    beat: usize,
}

impl Exchange<'_> {
    async fn run(mut self, answer: Answer) -> Next {
        match self.answer(answer).await {
            Ok(next) | Err(Stop(next)) => next,
        }
    }

    async fn answer(&mut self, answer: Answer) -> Result<Next, Stop> {
        if !self.route.delay.is_zero() {
            self.writer.wait(tokio::time::sleep(self.route.delay)).await?;
        }
        if let Some(raw) = self.route.raw.clone() {
            self.writer.write(&raw).await?;
            return Ok(Next::Finish);
        }
        self.write_head(&answer).await?;
        if let Some(body) = answer.body {
            match self.route.framing {
                Framing::Chunked(size) => self.write_chunks(body.start, body.end, size.max(1)).await?,
                Framing::Length | Framing::Close => self.write_plain(body.start, body.end).await?,
            }
        }
        let closes = self.route.closes || self.route.framing == Framing::Close;
        Ok(if closes { Next::Finish } else { Next::Keep })
    }

    async fn write_head(&mut self, answer: &Answer) -> Result<(), Stop> {
        match self.route.head {
            Head::Written => {}
            Head::Closed => return Err(Stop(Next::Cut)),
            Head::Hung => self.writer.wait(std::future::pending()).await?,
            Head::HungWithin => {
                self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Le").await?;
                self.writer.wait(std::future::pending()).await?;
            }
            Head::Dripping => {
                self.writer.write(b"HTTP/1.1 200 OK\r\n").await?;
                for line in 0_u64.. {
                    self.writer.write(format!("X-{line}: drip\r\n").as_bytes()).await?;
                    self.writer.wait(tokio::time::sleep(DRIP)).await?;
                }
            }
            Head::Reset => return Err(Stop(Next::Reset)),
        }
        let mut head = String::new();
        for status in &self.route.interim {
            head += &format!("HTTP/1.1 {status} Interim\r\n\r\n");
        }
        head += &format!("{} {} Scripted\r\n", self.route.version, answer.status);
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        Ok(self.writer.write(head.as_bytes()).await?)
    }

    async fn write_plain(&mut self, from: u64, to: u64) -> Result<(), Stop> {
        let mut at = from;
        while at < to {
            let piece = self.piece(at, to, PIECE);
            self.write_piece(&piece).await?;
            at += piece.len() as u64;
        }
        self.fire().await
    }

    async fn write_chunks(&mut self, from: u64, to: u64, size: usize) -> Result<(), Stop> {
        let extension = match self.route.chunk_extension {
            0 => String::new(),
            octets => format!(";{}", "x".repeat(octets.saturating_sub(1))),
        };
        let mut at = from;
        while at < to {
            self.fire().await?;
            let piece = self.piece(at, to, size);
            self.writer.write(format!("{:x}{extension}\r\n", piece.len()).as_bytes()).await?;
            self.write_piece(&piece).await?;
            self.writer.write(b"\r\n").await?;
            at += piece.len() as u64;
        }
        self.fire().await?;
        let mut end = "0\r\n".to_owned();
        for (name, value) in &self.route.trailers {
            end += &format!("{name}: {value}\r\n");
        }
        end += "\r\n";
        Ok(self.writer.write(end.as_bytes()).await?)
    }

    /// The content from `at`, at most `size` octets.
    fn piece(&self, at: u64, to: u64, size: usize) -> Vec<u8> {
        let mut piece = vec![0; (to - at).min(size as u64) as usize];
        self.route.content.read(at, &mut piece);
        piece
    }

    /// Writes a piece of the body, with what happens inside it.
    async fn write_piece(&mut self, mut piece: &[u8]) -> Result<(), Stop> {
        while !piece.is_empty() {
            self.fire().await?;
            let mut run = piece.len();
            if let Some((at, _)) = self.events.first() {
                run = run.min((at - self.sent).min(PIECE as u64) as usize);
            }
            if let Some((octets, every)) = self.route.dribble {
                if self.beat == 0 {
                    self.writer.wait(tokio::time::sleep(every)).await?;
                    self.beat = octets.max(1);
                }
                run = run.min(self.beat);
                self.beat -= run;
            }
            self.writer.write_body(&piece[..run]).await?;
            self.sent += run as u64;
            piece = &piece[run..];
        }
        Ok(())
    }

    /// Lets everything happen that stands at this place of the body.
    async fn fire(&mut self) -> Result<(), Stop> {
        while self.events.first().is_some_and(|(at, _)| *at <= self.sent) {
            match self.events.remove(0).1 {
                Event::Cut => return Err(Stop(Next::Cut)),
                Event::Hang => self.writer.wait(std::future::pending()).await?,
                Event::InvalidChunk => {
                    self.writer.write(b"no chunk\r\n").await?;
                    return Err(Stop(Next::Cut));
                }
                Event::Pause(time) => self.writer.wait(tokio::time::sleep(time)).await?,
                Event::Reset => return Err(Stop(Next::Reset)),
                Event::Wait(gate) => self.writer.wait(gate.opened()).await?,
            }
        }
        Ok(())
    }
}
