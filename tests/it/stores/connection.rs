//! The connection comes and goes with the server, and nobody waits for long.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use zipstream::value::Secret;

use crate::support::{
    App,
    client::{Answer, Request},
    process::Process,
    redis::Redis,
};

async fn readiness(app: &App) -> (u16, String) {
    let answer = Request::get(app.address(), "/readyz").send().await;
    (answer.status, answer.json()["status"].as_str().unwrap().to_owned())
}

/// Asks until the answer is as expected: a connection is made again in the background.
async fn becomes(app: &App, status: &str) {
    for _ in 0..100 {
        if readiness(app).await == (200, status.to_owned()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", readiness(app).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_of_a_lost_redis_and_of_its_return() {
    let mut redis = Redis::start().await;
    let app = App::with(|config| config.state.url = Some(Secret::new(redis.url()))).await;
    assert_eq!(readiness(&app).await, (200, "ready".into()));
    redis.kill();
    becomes(&app, "degraded").await;
    redis.revive().await;
    becomes(&app, "ready").await;
    redis.freeze();
    becomes(&app, "degraded").await;
    redis.thaw();
    becomes(&app, "ready").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_starts_while_its_redis_is_away() {
    let mut redis = Redis::start().await;
    redis.kill();
    let app = App::with(|config| config.state.url = Some(Secret::new(redis.url()))).await;
    becomes(&app, "degraded").await;
    redis.revive().await;
    becomes(&app, "ready").await;
}

/// Mints a link to an archive that needs no source.
async fn mint(app: &App) -> Answer {
    let descriptor = json!({ "files": [{ "url": "data:,hello", "zipPath": "hello.txt" }] });
    Request::post(app.address(), "/api/download-links").json(&descriptor).send().await
}

/// Connections are cut by whoever finds them idle; Redis is well, and no client needs to know.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_cut_is_made_again_before_anybody_notices() {
    let redis = Redis::start().await;
    let app = App::with(|config| {
        config.state.url = Some(Secret::new(redis.url()));
        config.tiers.anonymous.archives_per_hour = 100;
    })
    .await;
    for left in (95..100).rev() {
        redis.ask("CLIENT KILL TYPE normal").await;
        let minted = mint(&app).await;
        // Counted by all nodes together, and not by this one alone.
        let counted = minted.header("x-ratelimit-remaining").map(str::to_owned);
        assert_eq!((minted.status, counted), (201, Some(left.to_string())));
        let path = minted.json()["downloadUrl"].as_str().unwrap().to_owned();
        let status = format!("{path}/status");
        for (method, target, expected) in [
            ("GET", &status, 200),
            ("HEAD", &path, 200),
            ("GET", &path, 200),
            ("DELETE", &path, 204),
            ("GET", &status, 404),
        ] {
            redis.ask("CLIENT KILL TYPE normal").await;
            let answer = Request::new(method, app.address(), target).send().await;
            assert_eq!(answer.status, expected, "{method} {target}");
        }
        redis.ask("CLIENT KILL TYPE normal").await;
        assert_eq!(readiness(&app).await, (200, "ready".into()));
    }
}

/// An address that leads new connections to the server that is the master now; those that stand stay where they are.
struct Failover {
    address: SocketAddr,
    master: Arc<Mutex<SocketAddr>>,
}

impl Failover {
    async fn to(redis: &Redis) -> Failover {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let master = Arc::new(Mutex::new(redis.address()));
        let now = Arc::clone(&master);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let server = *now.lock().unwrap();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Failover { address, master }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_became_a_replica_is_left_for_the_new_one() {
    let (old, new) = (Redis::start().await, Redis::start().await);
    let failover = Failover::to(&old).await;
    let node =
        || App::with(|config| config.state.url = Some(Secret::new(format!("redis://{}", failover.address))));
    let (asked, probed) = (node().await, node().await);
    for app in [&asked, &probed] {
        assert_eq!((mint(app).await.status, readiness(app).await.1.as_str()), (201, "ready"));
    }
    old.follow(&new).await;
    // No master can be reached yet.
    becomes(&asked, "degraded").await;
    assert_eq!(mint(&asked).await.status, 503);
    *failover.master.lock().unwrap() = new.address();
    // Whoever asks finds the new one, and so does whoever only looks whether it could.
    for _ in 0..100 {
        if mint(&asked).await.status == 201 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    becomes(&probed, "ready").await;
    for app in [&asked, &probed] {
        assert_eq!((mint(app).await.status, readiness(app).await.1.as_str()), (201, "ready"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_it_is_reached_where_its_authority_is_trusted() {
    let (redis, other) = (Redis::start_tls().await, Redis::start_tls().await);
    let url = format!("rediss://localhost:{}", redis.address().port());
    for (trusted, status) in [(&redis, "ready"), (&other, "degraded")] {
        let authority = trusted.certificate().display().to_string();
        let service = Process::start(&[("ZIPSTREAM__STATE__URL", &url), ("SSL_CERT_FILE", &authority)]);
        let answer = Request::get(service.address, "/readyz").send().await;
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some(status)));
        let log = service.end();
        assert_eq!(log.contains("certificate"), status == "degraded", "{log}");
    }
}
