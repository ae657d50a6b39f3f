//! Counts requests by route and answer. Routes are patterns of ours and methods are those of HTTP, so that no client
//! can make series.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{Method, StatusCode};

/// The layer outside of all others.
pub(super) async fn measure(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = method(request.method());
    let mut asked = Asked { route: route.clone(), method, status: LEFT };
    let response = next.run(request).await;
    asked.status = class(response.status());
    metrics::histogram!("zipstream_http_request_duration_seconds", "route" => route, "method" => method)
        .record(begun.elapsed());
    response
}

/// What is said in place of a status of a request whose client left before there was one.
const LEFT: &str = "left";

/// A request, which is counted when it is answered, or when its client has left: nobody waits for the answer then.
struct Asked {
    route: String,
    method: &'static str,
    status: &'static str,
}

impl Drop for Asked {
    fn drop(&mut self) {
        let (route, method, status) = (std::mem::take(&mut self.route), self.method, self.status);
        metrics::counter!("zipstream_http_requests_total", "route" => route, "method" => method, "status" => status)
            .increment(1);
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
