//! Connections beyond the limit: told so at once, without reading what they ask.
//!
//! The answer is HTTP/1.1 to everybody; a client that begins with HTTP/2 sees a protocol error, which is as
//! clear a refusal as it could get without the negotiation that there is no room for.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};

use crate::api::{Problem, RequestId};

/// How long the client has to read its refusal. Its request is thrown away meanwhile: a close with unread bytes
/// is a reset, which would overtake the answer.
const FAREWELL: Duration = Duration::from_secs(1);

/// Refusals under way at the same time; connections beyond are closed without a word, or the refusals
/// themselves would be the flood.
const FAREWELLS: usize = 64;

/// Refuses connections.
pub(super) struct Overflow(Arc<Semaphore>);

impl Overflow {
    /// Nobody was refused yet.
    pub(super) fn new() -> Overflow {
        Overflow(Arc::new(Semaphore::new(FAREWELLS)))
    }

    /// Answers 503 and closes.
    pub(super) fn refuse(&self, stream: TcpStream) {
        metrics::counter!("zipstream_connections_total", "outcome" => "refused").increment(1);
        if let Ok(permit) = self.0.clone().try_acquire_owned() {
            tokio::spawn(async move {
                // The outcome is the client's affair: there is nobody else to tell.
                _ = tokio::time::timeout(FAREWELL, say_farewell(stream)).await;
                drop(permit);
            });
        }
    }
}

/// Writes the refusal and reads until the client closes.
async fn say_farewell(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(&Problem::overloaded().to_http1(&RequestId::new())).await?;
    stream.shutdown().await?;
    let mut scrap = [0; 4096];
    while stream.read(&mut scrap).await? > 0 {}
    Ok(())
}
