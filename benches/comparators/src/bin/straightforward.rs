//! The version everybody would write: axum, reqwest and async_zip through a pipe, one source after another.
//!
//! `POST /api/downloads` as ZipStream's (the harness' style `api`); listens on the port in `PORT`.

use async_zip::base::write::ZipFileWriter;
use async_zip::{Compression, ZipEntryBuilder};
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use futures_util::io::copy;
use futures_util::{AsyncWriteExt, TryStreamExt};
use tokio_util::compat::TokioAsyncWriteCompatExt;
use tokio_util::io::ReaderStream;

/// The size of the pipe between the archive's writer and the response.
const PIPE: usize = 64 << 10;

#[derive(serde::Deserialize)]
struct Descriptor {
    files: Vec<File>,
    #[serde(default)]
    compression: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    url: String,
    zip_path: String,
}

#[tokio::main]
async fn main() {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().expect("no other provider was installed");
    let mut client = reqwest::Client::builder().no_proxy();
    if let Some(path) = std::env::var_os("CA_FILE") {
        let pem = std::fs::read(path).expect("CA_FILE can be read");
        client = client.add_root_certificate(reqwest::Certificate::from_pem(&pem).expect("CA_FILE is PEM"));
    }
    let client = client.build().expect("a client");
    let limit = axum::extract::DefaultBodyLimit::max(16 << 20);
    let router = Router::new().route("/api/downloads", post(download)).layer(limit).with_state(client);
    let port = std::env::var("PORT").expect("PORT is set by the harness");
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("a free port");
    axum::serve(listener, router).await.expect("it serves until it is stopped");
}

async fn download(State(client): State<reqwest::Client>, Json(descriptor): Json<Descriptor>) -> Body {
    let (reader, writer) = tokio::io::duplex(PIPE);
    tokio::spawn(async move {
        let deflate = descriptor.compression.eq_ignore_ascii_case("DEFLATE");
        let method = if deflate { Compression::Deflate } else { Compression::Stored };
        let mut archive = ZipFileWriter::new(writer.compat_write());
        for file in descriptor.files {
            let answer = client.get(file.url).send().await?.error_for_status()?;
            let body = answer.bytes_stream().map_err(std::io::Error::other).into_async_read();
            let entry = ZipEntryBuilder::new(file.zip_path.into(), method);
            let mut entry = archive.write_entry_stream(entry).await?;
            copy(body, &mut entry).await?;
            entry.close().await?;
        }
        archive.close().await?.close().await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    });
    Body::from_stream(ReaderStream::new(reader))
}
