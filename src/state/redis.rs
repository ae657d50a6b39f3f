//! The connection to Redis or Valkey: made when it is first needed, made again whenever it is lost.
//!
//! Everything is asked by script, so that each question is one round trip and nothing lies between a look and a
//! change. A question that gets no answer within a second fails; it is never known then whether it was carried out.
//! One whose connection breaks is asked again, where that does no harm: what cut the connection may be long past, and
//! is found out only by the next question.

use std::time::Duration;

use redis::{
    FromRedisValue, IntoConnectionInfo, RedisResult, ScriptInvocation,
    aio::{ConnectionManager, ConnectionManagerConfig},
    io::tcp::TcpSettings,
};

use super::Error;
use crate::value::Secret;

/// Time for an answer: requests of clients wait for it.
const ANSWER: Duration = Duration::from_secs(1);

/// Time for a connection.
const CONNECT: Duration = Duration::from_secs(1);

/// Longest pause between attempts to connect, while somebody asks.
const PAUSE: Duration = Duration::from_secs(1);

/// Time for the server's kernel to acknowledge a question. A server whose machine is gone says nothing at all, and a
/// connection to it would be tried for a quarter of an hour.
#[cfg(any(target_os = "android", target_os = "linux"))]
const ACKNOWLEDGED: Duration = Duration::from_secs(5);

/// A connection that all areas share; cheap to clone.
#[derive(Clone)]
pub struct Redis(ConnectionManager);

impl Redis {
    /// Prepares the connection; nothing is sent yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the URL is none that Redis is reached by.
    pub fn connect(url: &Secret<String>) -> Result<Redis, Error> {
        let server = url.expose().as_str().into_connection_info().map_err(|_| Error::Url)?;
        let client = redis::Client::open(server.set_tcp_settings(tcp_settings())).map_err(|_| Error::Url)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_number_of_retries(1)
            .set_max_delay(PAUSE);
        let manager = ConnectionManager::new_lazy_with_config(client, config).map_err(|_| Error::Url)?;
        Ok(Redis(manager))
    }

    /// Runs a script that may be carried out twice: when the connection breaks before the answer, it is asked again.
    ///
    /// # Errors
    /// When Redis is out of reach, does not answer in time, or the answer is not of the type `T`.
    pub async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        self.answer(again(|| self.ask(script))).await
    }

    /// Runs a script that is carried out once at most.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when the connection breaks before the answer.
    pub async fn run_once<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        self.answer(self.ask(script)).await
    }

    async fn ask<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        script.invoke_async(&mut self.0.clone()).await
    }

    async fn answer<T>(&self, asked: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
        // The manager's own clocks bound each step; this bounds all of them together.
        match tokio::time::timeout(CONNECT + ANSWER, asked).await {
            Ok(answer) => answer.map_err(|error| Error::Unavailable(error.to_string())),
            Err(_) => Err(Error::Unavailable("no answer in time".into())),
        }
    }

    /// Whether Redis answers.
    pub async fn is_reachable(&self) -> bool {
        let asked = again(|| async { redis::cmd("PING").query_async::<String>(&mut self.0.clone()).await });
        tokio::time::timeout(ANSWER, asked).await.is_ok_and(|answer| answer.is_ok())
    }
}

/// Asks, and once more when the connection broke. A server that refuses connections is away; any other may just have cut
/// this one.
async fn again<T, F: Future<Output = RedisResult<T>>>(ask: impl Fn() -> F) -> RedisResult<T> {
    match ask().await {
        Err(error) if error.is_connection_dropped() && !error.is_connection_refusal() => ask().await,
        answer => answer,
    }
}

/// A clock on what the server's kernel acknowledges.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_user_timeout(ACKNOWLEDGED)
}

/// Other kernels have no such clock.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn tcp_settings() -> TcpSettings {
    TcpSettings::default()
}
