//! The corpus over HTTP: every case of `tests/corpus/*.json`, and siblings of our own, against the running service.
//!
//! `src.example.net` and all names of the cases are answered by a scripted DNS with public addresses, and every connection
//! that the service opens ends at a scripted origin, whatever address was wanted; the addresses are written down.

mod case;
mod clients;
mod descriptors;
mod large;
mod names;
mod own;
mod problems;
mod properties;
mod requests;
mod script;
mod secrets;
mod sources;
mod ssrf;
mod validations;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use rc_zip_sync::ReadZip;
use serde_json::Value;
use tokio::net::TcpStream;
use zipstream::config::Config;
use zipstream::egress;

use crate::preflight;
use crate::support::App;
use crate::support::client::{Answer, Request};
use crate::support::dns::{self, Dns};

/// Where `src.example.net` is, as far as the service knows.
const PUBLIC: &str = "93.184.215.14";

/// The service in a world where every address is one origin.
struct World {
    app: App,
    dns: Dns,
    dialled: Arc<Mutex<Vec<SocketAddr>>>,
    target: Arc<Mutex<SocketAddr>>,
}

impl World {
    /// Starts the service with its own defaults, and sources at `target`.
    async fn start(target: SocketAddr) -> World {
        World::with(target, |_| {}).await
    }

    /// Starts the service with what `change` makes of the configuration.
    async fn with(target: SocketAddr, change: impl FnOnce(&mut Config)) -> World {
        let dns = Dns::start().await;
        dns.script("src.example.net", vec![dns::Answer::addresses(&[PUBLIC])]);
        let dialled = Arc::new(Mutex::new(Vec::new()));
        let target = Arc::new(Mutex::new(target));
        let (record, to) = (dialled.clone(), target.clone());
        let connect: egress::Connect = Arc::new(move |address| {
            record.lock().unwrap().push(address);
            let target = *to.lock().unwrap();
            TcpStream::connect(target).boxed()
        });
        let nameserver = dns.address();
        let configure = |config: &mut Config| {
            config.egress = egress::Config { nameservers: vec![nameserver], ..egress::Config::default() };
            config.fetch.retry_time = Duration::from_secs(5);
            change(config);
        };
        let app = App::connecting(configure, Some(connect)).await;
        World { app, dns, dialled, target }
    }

    /// Lets later connections end elsewhere.
    fn redirect_dials(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
    }

    /// The addresses dialled since the last call.
    fn dialled(&self) -> Vec<SocketAddr> {
        std::mem::take(&mut *self.dialled.lock().unwrap())
    }

    /// Posts a body, without saying of what type.
    async fn post(&self, body: impl Into<Vec<u8>>) -> Answer {
        Request::post(self.app.address(), "/api/downloads").body(body).send().await
    }

    /// Validates what a body holds.
    async fn validate(&self, body: impl Into<Vec<u8>>) -> Answer {
        preflight::post(self.app.address(), body).await
    }

    /// Posts a descriptor.
    async fn download(&self, descriptor: &Value) -> Answer {
        self.post(descriptor.to_string()).await
    }
}

/// Reads an archive: names and contents, in order.
fn contents(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = archive.read_zip().expect("an archive");
    archive.entries().map(|entry| (entry.name.clone(), entry.bytes().expect("a sound entry"))).collect()
}

/// Writes a small archive as another program would, to be a source.
fn nested_zip() -> Vec<u8> {
    let script = "import io,zipfile,sys\nb=io.BytesIO()\nz=zipfile.ZipFile(b,'w',zipfile.ZIP_DEFLATED)\n\
        for i in range(20): z.writestr(f'{i}/PK.txt', b'PK\\x03\\x04PK\\x05\\x06'*i)\nz.close()\n\
        sys.stdout.buffer.write(b.getvalue())";
    let output = std::process::Command::new("python3").args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The clocks towards sources, short enough to be waited out and long enough for a loaded machine.
fn hurried(config: &mut Config) {
    let clock = Duration::from_millis(600);
    config.fetch.connect_timeout = clock;
    config.fetch.first_byte_timeout = clock;
    config.fetch.idle_timeout = clock;
    config.fetch.attempts = 2;
}
