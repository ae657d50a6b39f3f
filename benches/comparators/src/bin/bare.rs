//! An archive of many sources without promises: hyper's client and server and ZipStream's encoder, eight sources asked
//! ahead. No source is asked beforehand, no address is judged, nothing is counted, checked, resumed or limited.
//!
//! `POST /api/downloads` as ZipStream's (the harness' style `api`; STORE only); listens on the port in `PORT`.

use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::mpsc::{Sender, channel};
use zipstream::zip::{Content, Encoder, Entry, Method, Name, Timestamp};

/// How many sources are asked ahead.
const AHEAD: usize = 8;
/// How many pieces may wait for the response.
const PIECES: usize = 4;
/// The largest read, in bytes.
const READ: usize = 1 << 20;

type Source = Client<HttpConnector, Empty<Bytes>>;

#[derive(serde::Deserialize)]
struct Descriptor {
    files: Vec<File>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    url: String,
    zip_path: String,
}

#[tokio::main]
async fn main() {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Source = Client::builder(TokioExecutor::new()).http1_max_buf_size(READ).build(connector);
    let limit = axum::extract::DefaultBodyLimit::max(16 << 20);
    let router = Router::new().route("/api/downloads", post(download)).layer(limit).with_state(client);
    let port = std::env::var("PORT").expect("PORT is set by the harness");
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("a free port");
    axum::serve(listener, router).await.expect("it serves until it is stopped");
}

async fn download(State(client): State<Source>, Json(descriptor): Json<Descriptor>) -> Body {
    let (give, pieces) = channel(PIECES);
    tokio::spawn(produce(client, descriptor, give));
    let pieces = stream::unfold(pieces, async |mut pieces| Some((pieces.recv().await?, pieces)));
    Body::from_stream(pieces.map(Ok::<_, std::convert::Infallible>))
}

async fn produce(client: Source, descriptor: Descriptor, give: Sender<Bytes>) -> Option<()> {
    let asked = stream::iter(descriptor.files).map(|file| {
        let answer = client.get(file.url.parse().expect("the harness asks for URLs"));
        async move { (file.zip_path, answer.await) }
    });
    let mut answers = asked.buffered(AHEAD);
    let mut encoder = Encoder::new();
    while let Some((name, answer)) = answers.next().await {
        let mut body = answer.ok().filter(|answer| answer.status().is_success())?.into_body();
        let entry = Entry {
            name: Name::new(&name).ok()?,
            method: Method::Store,
            modified: Timestamp::from_unix(0),
            mode: 0o644,
            content: Content::Streamed { length: None },
        };
        give.send(encoder.begin(entry).ok()?).await.ok()?;
        while let Some(frame) = body.frame().await {
            if let Ok(chunk) = frame.ok()?.into_data() {
                encoder.stored(&chunk).ok()?;
                give.send(chunk).await.ok()?;
            }
        }
        give.send(encoder.end(None).ok()?).await.ok()?;
    }
    for piece in encoder.finish().ok()? {
        give.send(piece).await.ok()?;
    }
    Some(())
}
