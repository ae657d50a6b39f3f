//! A route: what the origin answers on a path, said by a builder.
//!
//! A plain route behaves as a good server does (ranges, validators, conditions, a length); every method adds one deviation.
//! [`Route::first`] makes the deviations pass after some requests, [`Route::by`] decides by the request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::content::Content;
use super::{Gate, Request};

/// What happens instead of a whole response head.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// The head is written.
    Written,
    /// The connection is closed (FIN) without an answer.
    Closed,
    /// Nothing is written, the connection stays open.
    Hung,
    /// Half a head is written, then nothing.
    HungWithin,
    /// Header lines without end, one each 20 ms.
    Dripping,
    /// The connection is reset without an answer.
    Reset,
}

/// What happens at a place of the body.
#[derive(Clone)]
pub enum Event {
    /// The connection is closed (FIN; over TLS without close_notify).
    Cut,
    /// Nothing more is written, the connection stays open.
    Hang,
    /// Bytes that are no chunk head are written, then the connection is closed.
    InvalidChunk,
    /// The body goes on after this time.
    Pause(Duration),
    /// The connection is reset.
    Reset,
    /// The body goes on when the gate opens.
    Wait(Gate),
}

/// How the body's end is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By `Content-Length`.
    Length,
    /// By chunks of at most so many octets.
    Chunked(usize),
    /// By closing the connection.
    Close,
}

/// Chooses a route by the request and how many came to this path before it.
type Choice = Arc<dyn Fn(&Request, usize) -> Route + Send + Sync>;

/// What the origin answers on a path.
#[derive(Clone)]
pub struct Route {
    pub(super) content: Content,
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    pub(super) version: &'static str,
    pub(super) ranges: bool,
    pub(super) content_range: Option<String>,
    pub(super) unsatisfiable: bool,
    pub(super) hides_total: bool,
    pub(super) framing: Framing,
    pub(super) claim: Option<String>,
    pub(super) chunk_extension: usize,
    pub(super) trailers: Vec<(String, String)>,
    pub(super) head: Head,
    pub(super) interim: Vec<u16>,
    pub(super) delay: Duration,
    pub(super) dribble: Option<(usize, Duration)>,
    pub(super) events: Vec<(u64, Event)>,
    pub(super) closes: bool,
    pub(super) raw: Option<Bytes>,
    script: Vec<(usize, Route)>,
    choice: Option<Choice>,
}

/// What to serve.
impl Route {
    /// Serves these bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Route {
        Route::content(Content::bytes(bytes))
    }

    /// Serves `length` octets of [`super::pattern`] of this seed; they are never held in memory.
    pub fn pattern(seed: u64, length: u64) -> Route {
        Route::content(Content::pattern(seed, length))
    }

    /// Answers a status without a body.
    pub fn status(status: u16) -> Route {
        Route::bytes(Bytes::new()).with_status(status)
    }

    /// Redirects.
    pub fn redirect(status: u16, location: impl Into<String>) -> Route {
        Route::status(status).header("Location", location)
    }

    /// Writes these bytes as they are and closes the connection.
    pub fn raw(bytes: impl Into<Bytes>) -> Route {
        Route { raw: Some(bytes.into()), ..Route::bytes(Bytes::new()) }
    }

    /// Lets a function choose by the request, and how many came to this path before it.
    pub fn by(choice: impl Fn(&Request, usize) -> Route + Send + Sync + 'static) -> Route {
        Route { choice: Some(Arc::new(choice)), ..Route::bytes(Bytes::new()) }
    }

    fn content(content: Content) -> Route {
        Route {
            content,
            status: None,
            headers: Vec::new(),
            etag: None,
            last_modified: None,
            version: "HTTP/1.1",
            ranges: true,
            content_range: None,
            unsatisfiable: false,
            hides_total: false,
            framing: Framing::Length,
            claim: None,
            chunk_extension: 0,
            trailers: Vec::new(),
            head: Head::Written,
            interim: Vec::new(),
            delay: Duration::ZERO,
            dribble: None,
            events: Vec::new(),
            closes: false,
            raw: None,
            script: Vec::new(),
            choice: None,
        }
    }
}

/// The head.
impl Route {
    /// Answers with this status whatever the request's conditions and range say; the body is served whole.
    pub fn with_status(self, status: u16) -> Route {
        Route { status: Some(status), ..self }
    }

    /// Adds a header line, also one that contradicts the framing.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Route {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a header line of so many octets.
    pub fn huge_header(self, octets: usize) -> Route {
        self.header("X-Huge", "x".repeat(octets))
    }

    /// Names the version of the content, quotes (and `W/`) included: `"v1"`.
    pub fn etag(self, etag: impl Into<String>) -> Route {
        Route { etag: Some(etag.into()), ..self }
    }

    /// Says when the content changed: `Mon, 02 Nov 2026 10:00:00 GMT`.
    pub fn last_modified(self, date: impl Into<String>) -> Route {
        Route { last_modified: Some(date.into()), ..self }
    }

    /// Answers as HTTP/1.0: no keep-alive.
    pub fn http10(self) -> Route {
        Route { version: "HTTP/1.0", closes: true, ..self }
    }

    /// Writes interim heads (100, 103 …) before the answer.
    pub fn interim(self, statuses: &[u16]) -> Route {
        Route { interim: statuses.to_vec(), ..self }
    }

    /// Waits before the head.
    pub fn delay(self, delay: Duration) -> Route {
        Route { delay, ..self }
    }

    /// Does something else than write the head.
    pub fn head(self, head: Head) -> Route {
        Route { head, ..self }
    }
}

/// Ranges.
impl Route {
    /// Answers 200 with the whole content to ranged requests.
    pub fn ignores_ranges(self) -> Route {
        Route { ranges: false, ..self }
    }

    /// Answers ranged requests with this `Content-Range` instead of the true one.
    pub fn content_range(self, value: impl Into<String>) -> Route {
        Route { content_range: Some(value.into()), ..self }
    }

    /// Answers 416 to every ranged request.
    pub fn unsatisfiable(self) -> Route {
        Route { unsatisfiable: true, ..self }
    }

    /// Tells no total: `bytes 0-9/*` in a 206, no `Content-Range` in a 416.
    pub fn hides_total(self) -> Route {
        Route { hides_total: true, ..self }
    }
}

/// The body.
impl Route {
    /// Ends the body by chunks of 16 KiB.
    pub fn chunked(self) -> Route {
        self.chunks_of(16 << 10)
    }

    /// Ends the body by chunks of this size.
    pub fn chunks_of(self, octets: usize) -> Route {
        Route { framing: Framing::Chunked(octets), ..self }
    }

    /// Gives every chunk an extension of so many octets.
    pub fn chunk_extension(self, octets: usize) -> Route {
        Route { chunk_extension: octets, ..self }
    }

    /// Adds a trailer; only sent by a chunked route.
    pub fn trailer(mut self, name: impl Into<String>, value: impl Into<String>) -> Route {
        self.trailers.push((name.into(), value.into()));
        self
    }

    /// Ends the body by closing the connection.
    pub fn until_close(self) -> Route {
        Route { framing: Framing::Close, ..self }
    }

    /// Announces this `Content-Length` instead of the true one, sends the true body, and closes the connection.
    pub fn claims(self, length: impl ToString) -> Route {
        Route { claim: Some(length.to_string()), closes: true, ..self }
    }

    /// Sends so many octets of the body at a time.
    pub fn dribble(self, octets: usize, every: Duration) -> Route {
        Route { dribble: Some((octets, every)), ..self }
    }

    /// Sends the body at this rate, in octets a second, twenty times a second.
    pub fn rate(self, rate: u64) -> Route {
        self.dribble((rate / 20).max(1) as usize, Duration::from_millis(50))
    }

    /// Lets an event happen once so many octets of this answer's body are written; the order of calls decides at one place.
    pub fn at(mut self, octets: u64, event: Event) -> Route {
        self.events.push((octets, event));
        self.events.sort_by_key(|(at, _)| *at);
        self
    }

    /// Closes the connection after so many octets of the body.
    pub fn cut(self, octets: u64) -> Route {
        self.at(octets, Event::Cut)
    }

    /// Resets the connection after so many octets of the body.
    pub fn reset(self, octets: u64) -> Route {
        self.at(octets, Event::Reset)
    }

    /// Falls silent after so many octets of the body.
    pub fn hang(self, octets: u64) -> Route {
        self.at(octets, Event::Hang)
    }

    /// Waits at a gate after so many octets of the body.
    pub fn gate(self, octets: u64, gate: &Gate) -> Route {
        self.at(octets, Event::Wait(gate.clone()))
    }

    /// Closes the connection after the answer, and says so.
    pub fn closes(self) -> Route {
        Route { closes: true, ..self }
    }
}

/// Change over time.
impl Route {
    /// Answers the next `requests` requests with a deviation from what was said so far, then as said; calls follow one another.
    pub fn first(mut self, requests: usize, deviate: impl FnOnce(Route) -> Route) -> Route {
        let plain = Route { script: Vec::new(), ..self.clone() };
        self.script.push((requests, deviate(plain)));
        self
    }

    /// The route that answers the `nth` request, from 0.
    pub(super) fn resolve(&self, request: &Request, nth: usize) -> Route {
        let mut rest = nth;
        for (requests, route) in &self.script {
            if rest < *requests {
                return route.resolve(request, rest);
            }
            rest -= requests;
        }
        match &self.choice {
            Some(choice) => choice(request, nth),
            None => self.clone(),
        }
    }
}
