//! Connections beyond the limit: told so at once, whatever they ask.
//!
//! The answer is HTTP/1.1 to everybody; a client that begins with HTTP/2 sees a protocol error, which is as
//! clear a refusal as it could get without the negotiation that there is no room for.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};

use crate::api::{Problem, RequestId};

/// How long the client has to read its refusal. Its request is thrown away meanwhile: a close with unread bytes
/// is a reset, which would overtake the answer.
const FAREWELL: Duration = Duration::from_secs(1);

/// Refusals that are waited for at the same time. Connections beyond are told and closed in one go, or the refusals
/// themselves would be the flood.
const FAREWELLS: usize = 64;

/// Reads of what such a connection has sent already, 4 KiB each: a request with the beginning of its body.
const GLANCES: usize = 16;

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
        // The outcome is the client's affair: there is nobody else to tell.
        match self.0.clone().try_acquire_owned() {
            Ok(permit) => {
                tokio::spawn(async move {
                    _ = tokio::time::timeout(FAREWELL, say_farewell(stream)).await;
                    drop(permit);
                });
            }
            Err(_) => _ = dismiss(stream),
        }
    }
}

/// Writes the refusal, reads what is there, and waits for nothing. A fresh socket takes so little whole, and a request that
/// comes later meets a close that the answer is ahead of.
fn dismiss(stream: TcpStream) -> io::Result<()> {
    let mut stream = stream.into_std()?;
    stream.write_all(&refusal())?;
    stream.shutdown(Shutdown::Write)?;
    let mut scrap = [0; 4096];
    for _ in 0..GLANCES {
        if stream.read(&mut scrap)? == 0 {
            break;
        }
    }
    Ok(())
}

/// Writes the refusal and reads until the client closes.
async fn say_farewell(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(&refusal()).await?;
    stream.shutdown().await?;
    let mut scrap = [0; 4096];
    while stream.read(&mut scrap).await? > 0 {}
    Ok(())
}

/// The answer to everybody.
fn refusal() -> Vec<u8> {
    Problem::overloaded().to_http1(&RequestId::new())
}
