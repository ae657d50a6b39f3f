//! The client: what all fetches share, and one exchange with one server.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING, USER_AGENT, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::Empty;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Origin, Position, Url};

use crate::descriptor::HttpSource;
use crate::egress;

use super::allowance::{Allowance, Lane};
use super::answer::Answer;
use super::body::Body;
use super::connection::Connection;
use super::meter::Meter;
use super::pool::Pool;
use super::tls::{Tls, TrustError};
use super::transport::Stream;
use super::{Config, Error};

/// How the service names itself to sources, and knows its own requests when they come back.
const VIA_SELF: HeaderValue = HeaderValue::from_static("1.1 zipstream");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("zipstream/", env!("CARGO_PKG_VERSION")));

/// A header that says which part of which version of a source is asked for.
pub(super) type Condition = (HeaderName, HeaderValue);

/// Reads sources; cheap to clone.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    allowance: Option<Allowance>,
}

struct Shared {
    config: Config,
    dialer: egress::Dialer,
    meter: Meter,
    tls: Tls,
    pool: Arc<Pool>,
    unanswered: Mutex<HashMap<Origin, Weak<Semaphore>>>,
}

impl Client {
    /// Makes a client that dials through `dialer`; needs a tokio runtime.
    ///
    /// # Errors
    /// When the extra CA file cannot be read.
    pub fn new(config: Config, dialer: egress::Dialer) -> Result<Client, TrustError> {
        let tls = Tls::new(config.ca_file.as_deref())?;
        let pool = Pool::new(config.per_host);
        let (meter, unanswered) = (Meter::new(), Mutex::default());
        let shared = Arc::new(Shared { config, dialer, meter, tls, pool, unanswered });
        Ok(Client { shared, allowance: None })
    }

    /// This client for one archive, which may read ahead within `allowance`.
    pub fn within(&self, allowance: Allowance) -> Client {
        Client { shared: Arc::clone(&self.shared), allowance: Some(allowance) }
    }

    pub(super) fn allowance(&self) -> Option<&Allowance> {
        self.allowance.as_ref()
    }

    /// Whether one more connection may be opened ahead beside `more` that are under way; one of the host's is left for the
    /// entry whose turn it is.
    pub fn has_room(&self, more: usize) -> bool {
        self.allowance.as_ref().is_none_or(|allowance| allowance.has_room(self.config().per_host, more))
    }

    /// Takes the place of one more connection for reading ahead, where there is one.
    pub fn lane(&self) -> Option<Lane> {
        self.allowance.as_ref()?.lane(self.config().per_host)
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.shared.meter
    }

    pub(super) fn policy(&self) -> &egress::Policy {
        self.shared.dialer.policy()
    }

    /// Waits until a source's host may be asked for one more source by archives that are starting; the permit is
    /// held until it has answered.
    pub async fn admit(&self, source: &HttpSource) -> Option<OwnedSemaphorePermit> {
        let origin = source.url.origin();
        let semaphore = {
            // The map is whole between any two statements, so another thread's panic spoils nothing.
            let mut hosts = self.shared.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
            if hosts.len() > 1024 {
                hosts.retain(|_, semaphore| semaphore.strong_count() > 0);
            }
            let known = hosts.get(&origin).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let semaphore = Arc::new(Semaphore::new(self.shared.config.per_host));
                hosts.insert(origin, Arc::downgrade(&semaphore));
                semaphore
            })
        };
        semaphore.acquire_owned().await.ok()
    }

    /// Sends one GET to one server, with these headers and conditions, and waits for the head of the answer.
    ///
    /// # Errors
    /// Whatever keeps a sound head from arriving in time.
    pub(super) async fn exchange(
        &self,
        url: &Url,
        headers: &HeaderMap,
        conditions: &[Condition],
    ) -> Result<Answer, Error> {
        let origin = url.origin();
        if let Some(connection) = self.shared.pool.take(&origin) {
            match self.ask(connection, url, headers, conditions).await {
                // The server closed it in the meantime: that says nothing of the source.
                Err(Error::Truncated) => {}
                answer => return answer,
            }
        }
        let connection = self.connect(url, origin).await?;
        self.ask(connection, url, headers, conditions).await
    }

    async fn ask(
        &self,
        mut connection: Connection,
        url: &Url,
        headers: &HeaderMap,
        conditions: &[Condition],
    ) -> Result<Answer, Error> {
        let request = request(url, headers, conditions)?;
        let clock = self.shared.config.first_byte_timeout;
        let answer = within(clock, "no answer within fetch.first_byte_timeout", async {
            connection.exchange(request).await
        });
        let (parts, incoming) = answer.await?.into_parts();
        let has_body = matches!(parts.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT);
        if has_body && has_other_coding(&parts.headers) {
            return Err(Error::Protocol("its Transfer-Encoding is another than chunked"));
        }
        let home = if binds_connection(headers) { Weak::new() } else { Arc::downgrade(&self.shared.pool) };
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: Body::new(incoming, connection, home, self.shared.meter.received.clone()),
        })
    }

    async fn connect(&self, url: &Url, origin: Origin) -> Result<Connection, Error> {
        let clock = self.shared.config.connect_timeout;
        let tcp = within(clock, "no connection within fetch.connect_timeout", async {
            self.shared.dialer.dial(url).await.map_err(Error::of_dial)
        });
        let tcp = tcp.await?;
        let stream = match (url.scheme(), url.host_str()) {
            ("https", Some(host)) => {
                let handshake = self.shared.tls.handshake(host, tcp);
                within(clock, "no TLS handshake within fetch.connect_timeout", handshake).await?
            }
            _ => Stream::Plain(tcp),
        };
        Connection::new(stream, origin).await.map_err(|error| Error::of_exchange(&error))
    }
}

async fn within<T>(
    clock: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(clock, work).await.unwrap_or(Err(Error::Timeout(what)))
}

/// Whether an answer's body is coded otherwise than in chunks: its end could not be told from a cut (RFC 9112 §6.3).
fn has_other_coding(headers: &HeaderMap) -> bool {
    headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

/// Whether a source's headers prove who asks to the connection rather than to the request (RFC 4559 §6): nobody else may
/// use it.
fn binds_connection(headers: &HeaderMap) -> bool {
    let values = headers.get_all(AUTHORIZATION).iter().chain(headers.get_all(PROXY_AUTHORIZATION));
    values
        .filter_map(|value| value.as_bytes().split(|&octet| octet == b' ').next())
        .any(|scheme| scheme.eq_ignore_ascii_case(b"negotiate") || scheme.eq_ignore_ascii_case(b"ntlm"))
}

/// A GET in origin form (RFC 9112 §3.2.1).
fn request(url: &Url, headers: &HeaderMap, conditions: &[Condition]) -> Result<Request<Empty<Bytes>>, Error> {
    let unfit = || Error::Protocol("its URL cannot be asked for over HTTP/1.1");
    let target: Uri = url[Position::BeforePath..Position::AfterQuery].parse().map_err(|_| unfit())?;
    let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]).map_err(|_| unfit())?;
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = target;
    let sent = request.headers_mut();
    // So many are set here.
    sent.reserve(5 + headers.len() + conditions.len());
    sent.insert(HOST, host);
    sent.insert(USER_AGENT, AGENT);
    sent.insert(ACCEPT, HeaderValue::from_static("*/*"));
    for (name, value) in headers {
        sent.insert(name, value.clone());
    }
    for (name, value) in conditions {
        sent.insert(name, value.clone());
    }
    sent.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    sent.insert(VIA, VIA_SELF);
    Ok(request)
}
