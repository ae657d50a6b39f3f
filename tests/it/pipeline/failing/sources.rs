//! The failing sources, each with how early its failure can be known.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::origin::{Event, Head, Origin, Route, Tls};

/// A source that fails.
pub(super) struct Failing {
    pub(super) what: &'static str,
    pub(super) tls: Option<Tls>,
    /// Serves it, and gives the file of the descriptor without its name.
    pub(super) file: fn(&Origin) -> Value,
    pub(super) shows: Shows,
}

/// When a failure is known.
#[derive(Clone, Copy)]
pub(super) enum Shows {
    /// Before the first byte: status and code of the problem.
    Before(u16, &'static str),
    /// At its turn, of whose body nothing was written yet: before the first byte where it is the first.
    Turn(u16, &'static str),
    /// When the archive has begun; before it where the source is read ahead to find out how long it is.
    Ahead,
    /// When the archive has begun.
    Within,
}

use Shows::{Ahead, Before, Turn, Within};

/// A length above everything that is read ahead of a turn.
const LARGE: u64 = 3 << 20;
/// A length that is inlined.
const SMALL: u64 = 10_000;

const fn row(what: &'static str, shows: Shows, file: fn(&Origin) -> Value) -> Failing {
    Failing { what, tls: None, file, shows }
}

const fn tls(what: &'static str, tls: Tls, shows: Shows, file: fn(&Origin) -> Value) -> Failing {
    Failing { what, tls: Some(tls), file, shows }
}

fn serve(origin: &Origin, route: Route) -> Value {
    json!({ "url": origin.serve("/a", route) })
}

fn large() -> Route {
    Route::pattern(1, LARGE)
}

fn small() -> Route {
    Route::pattern(1, SMALL)
}

/// A body whose length nothing tells.
fn unknown() -> Route {
    large().ignores_ranges().chunked()
}

const STATUS: Shows = Before(502, "source_status");
const PROTOCOL: Shows = Before(502, "source_protocol");
const TRUNCATED: Shows = Before(502, "source_truncated");
const MISMATCH: Shows = Before(502, "source_mismatch");
const TIMEOUT: Shows = Before(504, "source_timeout");
const BAD_TLS: Shows = Before(502, "source_tls");

/// All of them.
pub(super) const FAILING: &[Failing] = &[
    row("404", STATUS, |o| serve(o, Route::status(404))),
    row("403 with a page", STATUS, |o| serve(o, small().with_status(403))),
    row("500 always", STATUS, |o| serve(o, Route::status(500))),
    row("503 with a long Retry-After", STATUS, |o| {
        serve(o, Route::status(503).header("Retry-After", "86400"))
    }),
    row("101", STATUS, |o| {
        serve(o, Route::status(101).header("Upgrade", "x").header("Connection", "upgrade"))
    }),
    row("204", STATUS, |o| serve(o, Route::status(204))),
    row("304", STATUS, |o| serve(o, Route::status(304))),
    row("206 without a range", PROTOCOL, |o| serve(o, small().with_status(206))),
    row("206 to a plain request", STATUS, |o| {
        let plain_206 = |request: &crate::support::origin::Request, _| match request.header("range") {
            Some(_) => Route::status(416),
            None => small().with_status(206),
        };
        serve(o, Route::by(plain_206))
    }),
    row("416 always", STATUS, |o| serve(o, Route::status(416))),
    row("416 with another total", STATUS, |o| {
        serve(o, Route::status(416).header("Content-Range", "bytes */5"))
    }),
    row("cut, small", TRUNCATED, |o| serve(o, small().cut(5000))),
    row("cut at once, small", TRUNCATED, |o| serve(o, small().cut(0))),
    row("cut", Within, |o| serve(o, large().cut(100_000))),
    row("cut late", Within, |o| serve(o, large().cut(LARGE - 1))),
    row("cut without ranges", Within, |o| serve(o, large().ignores_ranges().etag("\"v\"").cut(1_500_000))),
    row("cut, chunked", Ahead, |o| serve(o, unknown().cut(100_000))),
    row("cut late, chunked", Within, |o| serve(o, unknown().cut(2_000_000))),
    row("cut before the last chunk", Within, |o| serve(o, unknown().cut(LARGE))),
    row("no chunk head", Within, |o| serve(o, unknown().at(2_000_000, Event::InvalidChunk))),
    row("longer than its range", Within, |o| {
        let range = format!("bytes 0-{}/{}", LARGE / 2 - 1, LARGE / 2);
        serve(o, large().chunked().content_range(range))
    }),
    row("shorter than its range", Within, |o| {
        let range = format!("bytes 0-{}/{}", LARGE * 2 - 1, LARGE * 2);
        serve(o, large().chunked().content_range(range))
    }),
    row("shorter than announced", Within, |o| serve(o, large().ignores_ranges().claims(LARGE + 1))),
    row("reset before the head", TRUNCATED, |o| serve(o, large().head(Head::Reset))),
    row("closed before the head", TRUNCATED, |o| serve(o, large().head(Head::Closed))),
    row("reset in the body", Within, |o| serve(o, large().reset(100_000))),
    row("reset in a chunked body", Ahead, |o| serve(o, unknown().reset(100_000))),
    row("silent before the head", TIMEOUT, |o| serve(o, large().head(Head::Hung))),
    row("silent within the head", TIMEOUT, |o| serve(o, large().head(Head::HungWithin))),
    row("dripping head", TIMEOUT, |o| serve(o, large().head(Head::Dripping))),
    row("silent in the body", Within, |o| serve(o, large().hang(100_000))),
    row("silent in a chunked body", Within, |o| serve(o, unknown().hang(100_000))),
    row("silent in a small body", TIMEOUT, |o| serve(o, small().hang(100))),
    row("dribbling", Within, |o| serve(o, large().dribble(10, Duration::from_millis(100)))),
    row("dribbling, small", TIMEOUT, |o| serve(o, small().dribble(10, Duration::from_millis(100)))),
    row("redirects to itself", Before(502, "too_many_redirects"), |o| serve(o, Route::redirect(302, "/a"))),
    row("eleven redirects", Before(502, "too_many_redirects"), |o| {
        o.serve("/end", small());
        json!({ "url": o.serve_chain("/a", 11, "/end") })
    }),
    row("redirects nowhere", PROTOCOL, |o| serve(o, Route::status(302))),
    row("redirects to a private address", Before(502, "forbidden_url"), |o| {
        serve(o, Route::redirect(302, "http://10.0.0.1/"))
    }),
    row("redirects to another scheme", Before(502, "forbidden_url"), |o| {
        serve(o, Route::redirect(302, "file:///etc/passwd"))
    }),
    row("connection refused", Before(502, "source_unreachable"), |_| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        json!({ "url": format!("http://{}/", listener.local_addr().unwrap()) })
    }),
    row("another range than asked for", PROTOCOL, |o| serve(o, small().content_range("bytes 5-10004/20000"))),
    row("an impossible range", PROTOCOL, |o| serve(o, small().content_range("bytes 0-10000/10000"))),
    row("no range at all", PROTOCOL, |o| serve(o, small().content_range("all of it"))),
    row("a range that its length denies", PROTOCOL, |o| serve(o, small().content_range("bytes 0-99/100"))),
    row("a huge head", PROTOCOL, |o| serve(o, small().huge_header(200 << 10))),
    row("too many header lines", PROTOCOL, |o| {
        serve(o, (0..500).fold(small(), |route, line| route.header(format!("X-{line}"), "x")))
    }),
    row("HTTP/0.9", PROTOCOL, |o| serve(o, Route::raw("<html>old</html>"))),
    row("no HTTP", PROTOCOL, |o| serve(o, Route::raw(vec![0, 1, 2, 3, b'\r', b'\n', b'\r', b'\n']))),
    row("an overlong length", PROTOCOL, |o| {
        serve(o, small().ignores_ranges().claims("99999999999999999999"))
    }),
    row("a negative length", PROTOCOL, |o| serve(o, small().ignores_ranges().claims("-1"))),
    row("two lengths", PROTOCOL, |o| serve(o, small().ignores_ranges().header("Content-Length", "9999"))),
    row(
        "another size than declared",
        MISMATCH,
        |o| json!({ "url": o.serve("/a", large()), "size": LARGE - 1 }),
    ),
    row(
        "another size than declared, chunked",
        Within,
        |o| json!({ "url": o.serve("/a", unknown()), "size": LARGE - 1 }),
    ),
    row(
        "less than declared, chunked",
        Within,
        |o| json!({ "url": o.serve("/a", unknown()), "size": LARGE + 1 }),
    ),
    row(
        "far more than the small size declared, chunked",
        Turn(502, "source_mismatch"),
        |o| json!({ "url": o.serve("/a", unknown()), "size": 5 }),
    ),
    row(
        "another CRC than declared, small",
        Turn(502, "source_mismatch"),
        |o| json!({ "url": o.serve("/a", small()), "crc32": "00000000" }),
    ),
    row(
        "another hash than declared, small",
        Turn(502, "source_mismatch"),
        |o| json!({ "url": o.serve("/a", small()), "sha256": "0".repeat(64) }),
    ),
    row(
        "another CRC than declared",
        Within,
        |o| json!({ "url": o.serve("/a", large()), "size": LARGE, "crc32": "00000000" }),
    ),
    row(
        "another CRC than declared, without size",
        Within,
        |o| json!({ "url": o.serve("/a", large()), "crc32": "00000000" }),
    ),
    row(
        "another hash than declared",
        Within,
        |o| json!({ "url": o.serve("/a", large()), "sha256": "0".repeat(64) }),
    ),
    row(
        "another hash than declared, unknown length",
        Within,
        |o| json!({ "url": o.serve("/a", unknown()), "sha256": "0".repeat(64) }),
    ),
    tls("expired certificate", Tls::Expired, BAD_TLS, |o| serve(o, small())),
    tls("certificate of another name", Tls::WrongName, BAD_TLS, |o| serve(o, small())),
    tls("self-signed certificate", Tls::SelfSigned, BAD_TLS, |o| serve(o, small())),
    tls("silent in the handshake", Tls::Silent, TIMEOUT, |o| serve(o, small())),
    tls("cut without close_notify", Tls::Trusted, Ahead, |o| {
        serve(o, large().ignores_ranges().until_close().cut(100_000))
    }),
];
