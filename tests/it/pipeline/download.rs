//! Downloads over every protocol the service speaks, and the judgement on how they ended.
//!
//! A failure shows in three ways: a problem document, or an answer that breaks off; never as an archive that a reader
//! takes for whole, which is what [`assert_aborted`] is about.

use std::net::SocketAddr;

use rc_zip_sync::ReadZip;
use serde_json::{Value, json};

use crate::support::App;
use crate::support::client::{Abort, Answer, Ended, Request, http2};

/// How an archive is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http10,
    Http11,
    Http2,
}

impl Protocol {
    pub(crate) const ALL: [Protocol; 3] = [Protocol::Http10, Protocol::Http11, Protocol::Http2];

    /// Posts a descriptor and reads the whole answer.
    pub(crate) async fn download(self, app: &App, descriptor: &Value) -> Answer {
        self.download_from(app.address(), descriptor).await
    }

    /// The same of a service that is known by its address.
    pub(crate) async fn download_from(self, address: SocketAddr, descriptor: &Value) -> Answer {
        let request = || Request::post(address, "/api/downloads").json(descriptor);
        match self {
            Protocol::Http10 => request().http10().send().await,
            Protocol::Http11 => request().send().await,
            Protocol::Http2 => {
                let mut connection = http2::Connection::open(address).await;
                let request = connection.request("POST", "/api/downloads", descriptor.to_string());
                connection.send(request).await
            }
        }
    }
}

/// The request for the archive of a descriptor.
pub(crate) fn post(app: &App, descriptor: &Value) -> Request {
    Request::post(app.address(), "/api/downloads").json(descriptor)
}

/// A descriptor of these sources, named by their index.
pub(crate) fn numbered<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Value {
    let file = |(index, url): (usize, U)| json!({ "url": url.as_ref(), "zipPath": index.to_string() });
    json!({ "files": urls.into_iter().enumerate().map(file).collect::<Vec<_>>() })
}

/// What an archive holds, in its order, by a reader that checks every CRC.
pub(crate) fn contents(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = archive.read_zip().expect("a ZIP file");
    let read = |entry: rc_zip_sync::EntryHandle<'_, &[u8]>| {
        (entry.name.clone(), entry.bytes().expect("a sound entry"))
    };
    archive.entries().map(read).collect()
}

/// The answer is an archive that ended in order and holds exactly these bodies, in order.
pub(crate) fn assert_whole<B: AsRef<[u8]>>(answer: &Answer, bodies: &[B], what: &str) {
    let problem = || String::from_utf8_lossy(&answer.body[..answer.body.len().min(400)]).into_owned();
    assert_eq!(answer.status, 200, "{what}: {}", problem());
    assert_eq!(answer.ended, Ended::Whole, "{what}");
    if let Some(length) = answer.header("content-length") {
        assert_eq!(length, answer.body.len().to_string(), "{what}");
    }
    let read = contents(&answer.body);
    assert_eq!(read.len(), bodies.len(), "{what}: entries");
    for ((name, bytes), body) in read.iter().zip(bodies) {
        assert!(bytes == body.as_ref(), "{what}: {name} differs, {} bytes", bytes.len());
    }
}

/// The answer began as an archive and broke off, so that nobody can take it for whole.
pub(crate) fn assert_aborted(answer: &Answer, protocol: Protocol, what: &str) {
    let shown = String::from_utf8_lossy(&answer.body[..answer.body.len().min(400)]);
    assert_eq!(answer.status, 200, "{what}: {shown}");
    let ended = &answer.ended;
    let shows = match (protocol, answer.header("content-length")) {
        (Protocol::Http2, _) => matches!(ended, Ended::Aborted(Abort::StreamReset(_))),
        // To such a client an orderly close would be the end.
        (Protocol::Http10, None) => *ended == Ended::Aborted(Abort::Reset),
        (Protocol::Http10, Some(_)) | (Protocol::Http11, _) => {
            matches!(ended, Ended::Aborted(Abort::Closed | Abort::Reset))
        }
    };
    assert!(shows, "{what}: {ended:?} after {} bytes", answer.body.len());
    assert!(answer.body.as_slice().read_zip().is_err(), "{what}: a reader takes it for an archive");
    // Readers look for it in the last 64 KiB and 22 octets.
    let tail = &answer.body[answer.body.len().saturating_sub((64 << 10) + 22)..];
    let end = |bytes: &[u8]| bytes == b"PK\x05\x06";
    assert!(!tail.windows(4).any(end), "{what}: it has an end of central directory");
}

/// The answer is a problem document with this status, code and blamed file.
pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str, index: Option<usize>, what: &str) {
    assert_ne!(answer.status, 200, "{what}: {} bytes, {:?}", answer.body.len(), answer.ended);
    let problem = answer.json();
    assert_eq!(answer.ended, Ended::Whole, "{what}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
    assert_eq!((answer.status, &problem["code"]), (status, &json!(code)), "{what}: {problem}");
    assert_eq!(problem["status"], status, "{what}");
    let pointer = index.map_or(Value::Null, |index| json!(format!("/files/{index}/url")));
    assert_eq!(problem["errors"][0]["pointer"], pointer, "{what}: {problem}");
}
