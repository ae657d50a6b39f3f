//! The connection to Redis or Valkey: made when it is first needed, made again whenever it is lost.
//!
//! Everything is asked by script, so that each question is one round trip and nothing lies between a look and a
//! change. A question that gets no answer within a second fails; it is never known then whether it was carried out.
//! One whose connection breaks is asked again, where that does no harm: what cut the connection may be long past, and
//! is found out only by the next question. One that meets a server that takes no changes makes the connection anew: a
//! master that became a replica keeps its connections, and the way to the new one leads through the same address.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redis::{
    ErrorKind, FromRedisValue, IntoConnectionInfo, RedisResult, Script, ScriptInvocation, ServerErrorKind,
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

/// A key that never is; it lies with those of links.
const NOTHING: &str = "{zipstream}:nothing";

/// The least time between two connections that are made because the server takes no changes: until there is a new master,
/// the address may go on to lead to the old one.
const LEAVE: Duration = Duration::from_secs(1);

/// A connection that all areas share; cheap to clone.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    /// A change that finds nothing: a server that takes no changes refuses it all the same.
    change_nothing: Script,
    client: redis::Client,
    current: Mutex<Current>,
}

/// The connection in use.
#[derive(Clone)]
struct Current {
    manager: ConnectionManager,
    /// Of the connections that were made.
    number: u64,
    since: Instant,
}

impl Redis {
    /// Prepares the connection; nothing is sent yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the URL is none that Redis is reached by.
    pub fn connect(url: &Secret<String>) -> Result<Redis, Error> {
        let server = url.expose().as_str().into_connection_info().map_err(|_| Error::Url)?;
        let client = redis::Client::open(server.set_tcp_settings(tcp_settings())).map_err(|_| Error::Url)?;
        let current = Current { manager: manager(&client)?, number: 0, since: Instant::now() };
        let change_nothing = Script::new("return redis.call('DEL', KEYS[1])");
        Ok(Redis(Arc::new(Shared { change_nothing, client, current: Mutex::new(current) })))
    }

    /// Runs a script that may be carried out twice: when the connection breaks before the answer, it is asked again.
    ///
    /// # Errors
    /// When Redis is out of reach, does not answer in time, or the answer is not of the type `T`.
    pub async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        bounded(CONNECT + ANSWER, again(|| self.ask(script))).await
    }

    /// Runs a script that is carried out once at most.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when the connection breaks before the answer.
    pub async fn run_once<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Error> {
        bounded(CONNECT + ANSWER, self.ask(script)).await
    }

    /// Asks whether Redis answers, and takes changes.
    ///
    /// # Errors
    /// When it does not.
    pub async fn reach(&self) -> Result<(), Error> {
        let nothing = self.0.change_nothing.key(NOTHING);
        bounded(ANSWER, again(|| self.ask::<u64>(&nothing))).await.map(drop)
    }

    /// Asks over the current connection; where that takes no changes, nothing was carried out and a new one is asked.
    async fn ask<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        let mut asked = self.current().clone();
        match script.invoke_async(&mut asked.manager).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) => {
                match self.after(asked.number) {
                    Some(mut next) => script.invoke_async(&mut next).await,
                    None => Err(error),
                }
            }
            answer => answer,
        }
    }

    /// The connection that took the place of this one, if there is one by now or it is time for one.
    fn after(&self, number: u64) -> Option<ConnectionManager> {
        let mut current = self.current();
        if current.number == number && (number == 0 || current.since.elapsed() >= LEAVE) {
            let manager = manager(&self.0.client).ok()?;
            *current = Current { manager, number: number + 1, since: Instant::now() };
            tracing::warn!("the shared state takes no changes: it is connected to anew");
        }
        (current.number != number).then(|| current.manager.clone())
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // Every change is a single assignment.
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects when it is first asked, and again whenever the connection is lost.
fn manager(client: &redis::Client) -> Result<ConnectionManager, Error> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        .set_number_of_retries(1)
        .set_max_delay(PAUSE);
    ConnectionManager::new_lazy_with_config(client.clone(), config).map_err(|_| Error::Url)
}

/// Waits for an answer. The manager's own clocks bound each step; this bounds all of them together.
async fn bounded<T>(time: Duration, asked: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
    match tokio::time::timeout(time, asked).await {
        Ok(answer) => answer.map_err(|error| Error::Unavailable(error.to_string())),
        Err(_) => Err(Error::Unavailable("no answer in time".into())),
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
