//! Refuses requests that this service sent: a source that leads back here, by whatever name and proxy, would
//! make archives of archives without end. `fetch` signs its requests `Via: 1.1 zipstream`.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, header::VIA};

use crate::api::Problem;

/// The name under which `fetch` signs (RFC 9110 §7.6.3, a pseudonym).
const PSEUDONYM: &str = "zipstream";

/// The layer around the API's routes.
pub(crate) async fn loop_guard(request: Request, next: Next) -> Result<Response, Problem> {
    if is_ours(request.headers()) { Err(Problem::looped()) } else { Ok(next.run(request).await) }
}

/// Whether some hop of the request was this service.
fn is_ours(headers: &HeaderMap) -> bool {
    let values = headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok());
    let mut hops = values.flat_map(|value| value.split(','));
    hops.any(|hop| hop.split_whitespace().nth(1).is_some_and(|name| name.eq_ignore_ascii_case(PSEUDONYM)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(text: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(VIA, text.parse().unwrap());
        is_ours(&headers)
    }

    #[test]
    fn our_own_hop_is_found_among_others() {
        assert!(via("1.1 zipstream"));
        assert!(via("1.0 proxy, 1.1 ZipStream (x), 2 cdn"));
        assert!(!via("1.1 zipstream.example.com"));
        assert!(!via("zipstream proxy"));
        assert!(!is_ours(&HeaderMap::new()));
    }
}
