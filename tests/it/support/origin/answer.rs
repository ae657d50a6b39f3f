//! The decision what a route says to a request: status, header lines and the range of the content (RFC 9110 §13, §14).

use std::ops::Range;

use super::request::Request;
use super::route::{Framing, Route};

/// An answer's head and the part of the content that is its body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Range<u64>>,
}

impl Answer {
    /// Decides as a good server does, but for the route's deviations.
    pub(super) fn decide(route: &Route, request: &Request) -> Answer {
        let total = route.content.length();
        let mut answer = Answer { status: 200, headers: Vec::new(), body: Some(0..total) };
        if let Some(status) = route.status {
            answer.status = status;
        } else if fails_precondition(route, request) {
            answer = Answer { status: 412, headers: Vec::new(), body: Some(0..0) };
        } else if is_unchanged(route, request) {
            answer.status = 304;
        } else if let Some(asked) = asked_range(route, request, total) {
            answer.limit(route, asked, total);
        }
        if matches!(answer.status, 100..=199 | 204 | 304) || request.method == "HEAD" {
            answer.body = None;
        }
        answer.add_headers(route);
        answer
    }

    /// Answers 206, or 416.
    fn limit(&mut self, route: &Route, asked: Option<Range<u64>>, total: u64) {
        let shown = if route.hides_total { "*".to_owned() } else { total.to_string() };
        match asked.filter(|_| !route.unsatisfiable) {
            Some(range) => {
                let truth = format!("bytes {}-{}/{shown}", range.start, range.end - 1);
                let told = route.content_range.clone().unwrap_or(truth);
                self.status = 206;
                self.headers.push(("Content-Range".to_owned(), told));
                self.body = Some(range);
            }
            None => {
                self.status = 416;
                self.body = Some(0..0);
                if !route.hides_total {
                    self.headers.push(("Content-Range".to_owned(), format!("bytes */{total}")));
                }
            }
        }
    }

    fn add_headers(&mut self, route: &Route) {
        let mut add = |name: &str, value: String| self.headers.push((name.to_owned(), value));
        if !route.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("date")) {
            add("Date", httpdate::fmt_http_date(std::time::SystemTime::now()));
        }
        if let Some(etag) = &route.etag {
            add("ETag", etag.clone());
        }
        if let Some(date) = &route.last_modified {
            add("Last-Modified", date.clone());
        }
        if route.ranges && route.status.is_none() {
            add("Accept-Ranges", "bytes".to_owned());
        }
        if let Some(range) = &self.body {
            match (&route.claim, route.framing) {
                (Some(claim), _) => add("Content-Length", claim.clone()),
                (None, Framing::Length) => add("Content-Length", (range.end - range.start).to_string()),
                (None, Framing::Chunked(_)) => add("Transfer-Encoding", "chunked".to_owned()),
                (None, Framing::Close) => {}
            }
            if route.closes || route.framing == Framing::Close {
                add("Connection", "close".to_owned());
            }
        }
        self.headers.extend(route.headers.iter().cloned());
    }
}

/// Judges `If-Match`, and `If-Unmodified-Since` in its absence.
fn fails_precondition(route: &Route, request: &Request) -> bool {
    match (request.header("if-match"), request.header("if-unmodified-since")) {
        (Some(tags), _) => !matches_strongly(tags, route),
        (None, Some(date)) => changed_after(route, date),
        (None, None) => false,
    }
}

/// Judges `If-None-Match`, weakly.
fn is_unchanged(route: &Route, request: &Request) -> bool {
    let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    match (request.header("if-none-match"), &route.etag) {
        (Some(tags), Some(etag)) => tags.split(',').any(|tag| tag.trim() == "*" || weak(tag) == weak(etag)),
        _ => false,
    }
}

/// The range that was asked for and is to be served: `None` no range, `Some(None)` none that the content has.
fn asked_range(route: &Route, request: &Request, total: u64) -> Option<Option<Range<u64>>> {
    let asked = request.header("range").filter(|_| route.ranges)?;
    let still = match request.header("if-range") {
        Some(tag) if tag.contains('"') => matches_strongly(tag, route),
        Some(date) => route.last_modified.as_deref() == Some(date),
        None => true,
    };
    let (first, last) = asked.strip_prefix("bytes=").filter(|_| still)?.split_once('-')?;
    let range = match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
        (Some(first), Some(last)) if last < first => return None,
        (Some(first), Some(last)) => first..total.min(last.saturating_add(1)),
        (Some(first), None) => first..total,
        (None, Some(suffix)) => total.saturating_sub(suffix)..total,
        (None, None) => return None,
    };
    Some((range.start < range.end).then_some(range))
}

/// Compares strongly: a weak tag never matches.
fn matches_strongly(tags: &str, route: &Route) -> bool {
    let own = route.etag.as_deref().filter(|own| !own.starts_with("W/"));
    tags.split(',').any(|tag| tag.trim() == "*" || Some(tag.trim()) == own)
}

fn changed_after(route: &Route, date: &str) -> bool {
    let parse = |date: &str| httpdate::parse_http_date(date).ok();
    match (route.last_modified.as_deref().and_then(parse), parse(date)) {
        (Some(own), Some(since)) => own > since,
        _ => false,
    }
}
