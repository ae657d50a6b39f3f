//! Two nodes with one Redis behind a real nginx with the very configuration that is handed out.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Process, tool};
use crate::support::client::{Ended, Request};
use crate::support::origin::{Gate, Origin, Route, pattern};
use crate::support::redis::Redis;

/// How long what happens at once may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// nginx on a port of its own; it ends when this is dropped.
struct Balancer {
    address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Balancer {
    /// Starts nginx in front of these nodes. Of the configuration only addresses and paths are changed.
    async fn start(nodes: [SocketAddr; 2]) -> Balancer {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/config/nginx.conf");
        let config = std::fs::read_to_string(own)
            .unwrap()
            .replace("listen 8080;", &format!("listen {address};"))
            .replace("node-1:8080", &nodes[0].to_string())
            .replace("node-2:8080", &nodes[1].to_string())
            .replace("/tmp/", &format!("{}/", folder.path().display()));
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, config).unwrap();
        let nginx = || {
            let mut nginx = tool("nginx");
            nginx.arg("-c").arg(&file).arg("-p").arg(folder.path()).args(["-e", "stderr"]);
            nginx
        };
        let judged = nginx().arg("-t").output().expect("nginx is there: scripts/check installs it");
        let said = String::from_utf8_lossy(&judged.stderr).into_owned();
        assert!(judged.status.success() && !said.contains("[warn] conflicting"), "{said}");
        let child = nginx().args(["-g", "daemon off;"]).stderr(Stdio::null()).spawn().unwrap();
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < end, "nginx does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Balancer { address, child, _folder: folder }
    }

    fn post(&self, descriptor: &Value) -> Request {
        Request::post(self.address, "/api/downloads").json(descriptor)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // The master ends its workers, which a kill would leave behind.
        drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status());
        drop(self.child.wait());
    }
}

/// Two nodes that trust the loopback's proxies.
fn nodes(redis: &Redis, environment: &[(&str, &str)]) -> [Process; 2] {
    let url = redis.url();
    let environment = [&[("ZIPSTREAM__STATE__URL", url.as_str())], environment].concat();
    [(); 2].map(|()| Process::start(&environment))
}

fn archive(url: &str) -> Value {
    json!({ "files": [{ "url": url, "zipPath": "a" }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_passes_as_it_comes_and_a_broken_one_stays_broken() {
    let (origin, redis) = (Origin::start().await, Redis::start().await);
    let nodes = nodes(&redis, &[("ZIPSTREAM__FETCH__ATTEMPTS", "1")]);
    let balancer = Balancer::start([nodes[0].address, nodes[1].address]).await;

    // The first bytes are here while the source still keeps the rest: nothing was buffered.
    let gate = Gate::closed();
    let url = origin.serve("/gated", Route::pattern(1, 8 << 20).gate(4096, &gate));
    let mut reading = balancer.post(&archive(&url)).open().await;
    let begin = timeout(PATIENCE, reading.take(4000)).await.expect("the balancer keeps bytes back");
    assert!(begin.starts_with(b"PK\x03\x04"));
    gate.open();
    let answer = reading.finish().await;
    assert!(answer.is_whole());
    assert_eq!(answer.header("content-length").unwrap(), (begin.len() + answer.body.len()).to_string());

    for (name, route) in [
        ("a length", Route::pattern(1, 3 << 20).cut(2 << 20)),
        ("no length", Route::pattern(1, 3 << 20).ignores_ranges().chunked().cut(2 << 20)),
    ] {
        let url = origin.serve("/cut", route);
        let answer = balancer.post(&archive(&url)).send().await;
        assert!(answer.status == 200 && answer.ended != Ended::Whole, "{name}: {:?}", answer.ended);
    }

    // A link made on one node leads to its archive from each.
    let link =
        Request::post(balancer.address, "/api/download-links").json(&archive("data:,hello")).send().await;
    let link = link.json()["downloadUrl"].as_str().unwrap().to_owned();
    for _ in 0..4 {
        let answer = Request::get(balancer.address, &link).send().await;
        assert!(answer.status == 200 && answer.is_whole(), "{}", answer.status);
    }

    // Problems come through as they are, and numbers do not.
    let long = vec![b' '; (1 << 20) + (1 << 19)];
    let refused = Request::post(balancer.address, "/api/downloads").body(long).send().await;
    assert_eq!((refused.status, &refused.json()["code"]), (413, &json!("body_too_large")));
    assert_eq!(Request::get(balancer.address, "/metrics").send().await.status, 404);
    assert_eq!(Request::get(balancer.address, "/docs/").send().await.status, 200);
}

/// Both nodes count together and know each client by its own address, whatever it says of itself.
#[tokio::test(flavor = "multi_thread")]
async fn clients_are_known_behind_the_balancer() {
    let redis = Redis::start().await;
    let limit = [
        ("ZIPSTREAM__SERVER__TRUSTED_PROXIES", "127.0.0.1"),
        ("ZIPSTREAM__TIERS__ANONYMOUS__ARCHIVES_PER_HOUR", "3"),
    ];
    let nodes = nodes(&redis, &limit);
    let balancer = Balancer::start([nodes[0].address, nodes[1].address]).await;
    // Clients from addresses of their own, the last from one that the nodes trust; all forge another with each request.
    for client in ["127.0.0.2", "127.0.0.3", "127.0.0.1"] {
        let mut statuses = Vec::new();
        for attempt in 0..5 {
            statuses.push(
                curl(client, &format!("X-Forwarded-For: 198.51.100.{attempt}"), balancer.address).await,
            );
        }
        assert_eq!(statuses, ["200", "200", "200", "429", "429"], "{client}");
    }
    for node in &nodes {
        let archives = node.numbers().await.sum("zipstream_archives_total", &[("outcome", "sent")]);
        assert!(archives >= 1.0, "the balancer uses both nodes");
    }
}

/// The status of a download that is asked for from an address of this machine.
async fn curl(from: &str, header: &str, at: SocketAddr) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--interface", from, "-H", header])
        .args(["-d", &archive("data:,hello").to_string()])
        .arg(format!("http://{at}/api/downloads"));
    let output = tokio::task::spawn_blocking(move || curl.output()).await.unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_ends_is_not_noticed() {
    let (origin, redis) = (Origin::start().await, Redis::start().await);
    let [first, second] = nodes(&redis, &[]);
    let balancer = Balancer::start([first.address, second.address]).await;
    let gate = Gate::closed();
    let url = origin.serve("/gated", Route::pattern(1, 3 << 20).gate(1 << 20, &gate));
    // One download on each node.
    let mut running = Vec::new();
    for _ in 0..2 {
        let mut reading = balancer.post(&archive(&url)).open().await;
        running.push((reading.take(65_536).await, reading));
    }
    for node in [&first, &second] {
        assert_eq!(node.numbers().await.sum("zipstream_open_archives", &[]), 1.0);
    }
    let ending = first.address;
    let ended = tokio::task::spawn_blocking(move || first.end());
    let end = Instant::now() + PATIENCE;
    while Request::get(ending, "/readyz").send().await.status != 503 {
        assert!(Instant::now() < end, "the node does not drain");
    }
    for _ in 0..10 {
        let answer = balancer.post(&archive("data:,hello")).send().await;
        assert!(answer.status == 200 && answer.is_whole(), "{}", answer.status);
    }
    gate.open();
    let body = pattern(1, 0..3 << 20);
    for (begin, reading) in running {
        let answer = reading.finish().await;
        assert!(answer.is_whole());
        // Behind a local file header of one octet's name and a timestamp.
        let archive = [begin, answer.body].concat();
        assert!((31..100).any(|offset| archive[offset..].starts_with(&body)));
    }
    ended.await.unwrap();
    for _ in 0..10 {
        assert_eq!(balancer.post(&archive("data:,hello")).send().await.status, 200);
    }
    drop(second);
}
