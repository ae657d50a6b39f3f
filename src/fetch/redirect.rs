//! Redirects, followed by hand: every hop is judged, and a source's own headers stay with its own origin. What another has
//! chosen there is none of the client's choice: headers that were dropped once do not come back.

use std::borrow::Cow;

use http::HeaderMap;
use url::Url;

use crate::descriptor::HttpSource;
use crate::egress;

use super::answer::Answer;
use super::client::Condition;
use super::{Client, Error};

/// How many redirects are followed; browsers allow 20, object stores need 2.
const HOPS: usize = 10;

impl Client {
    /// Asks for a source, wherever it redirects to, with `conditions` on every hop.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where the policy refuses a hop, and whatever an exchange fails with.
    pub(super) async fn follow(
        &self,
        source: &HttpSource,
        conditions: &[Condition],
    ) -> Result<Answer, Error> {
        let elsewhere = HeaderMap::new();
        let mut url = Cow::Borrowed(&source.url);
        let mut is_at_home = true;
        for hop in 0..=HOPS {
            is_at_home &= url.origin() == source.url.origin();
            let own = if is_at_home { &source.headers } else { &elsewhere };
            let answer = self.exchange(&url, own, conditions).await.map_err(|error| on_hop(error, hop))?;
            let Some(next) = target(&answer, &url)? else { return Ok(answer) };
            if url.scheme() == "https" && next.scheme() == "http" {
                return Err(Error::Protocol("it redirects from https to http"));
            }
            let verdict = self.policy().judge_url(&next);
            verdict.map_err(|refusal| Error::Forbidden { refusal, redirected: true })?;
            answer.body.recycle();
            url = Cow::Owned(next);
        }
        Err(Error::TooManyRedirects(HOPS))
    }
}

/// Where an answer redirects to (RFC 9110 §15.4); `None` where it does not.
fn target(answer: &Answer, from: &Url) -> Result<Option<Url>, Error> {
    if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = answer.location().ok_or(Error::Protocol("it redirects without a sound Location"))?;
    let url = egress::parse_url(location, Some(from));
    url.map(Some).map_err(|malformed| Error::Forbidden { refusal: malformed.into(), redirected: true })
}

/// Notes that a refusal was met behind a redirect.
fn on_hop(error: Error, hop: usize) -> Error {
    match error {
        Error::Forbidden { refusal, .. } => Error::Forbidden { refusal, redirected: hop > 0 },
        error => error,
    }
}
