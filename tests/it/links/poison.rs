//! A link whose content failed a check is finished for good, on every node and in every part.

use serde_json::{Value, json};
use zipstream::zip::Crc32;

use super::{Link, becomes, get, mint, nodes::pair};
use crate::{
    pipeline::download::{assert_problem, numbered},
    support::{
        App,
        client::{Answer, Request},
        origin::{Origin, Route, pattern},
        redis::Redis,
    },
};

const LENGTH: u64 = 300_000;

/// What is wrong with the source, from the second request on, or with what is declared of it.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Crc32,
    Sha256,
    Tag,
    Total,
}

impl Wrong {
    fn code(self) -> &'static str {
        match self {
            Wrong::Crc32 | Wrong::Sha256 => "source_mismatch",
            Wrong::Tag | Wrong::Total => "source_changed",
        }
    }

    fn descriptor(self, url: &str) -> Value {
        let mut descriptor = numbered([url, "data:,behind"]);
        match self {
            Wrong::Crc32 => descriptor["files"][0]["crc32"] = json!("00000001"),
            Wrong::Sha256 => descriptor["files"][0]["sha256"] = json!("00".repeat(32)),
            Wrong::Tag | Wrong::Total => {}
        }
        descriptor
    }

    /// The source once it has gone wrong.
    fn route(self) -> Route {
        match self {
            Wrong::Crc32 | Wrong::Sha256 => good(),
            Wrong::Tag => good().etag("\"w\""),
            Wrong::Total => Route::pattern(1, LENGTH + 1).etag("\"v\""),
        }
    }
}

fn good() -> Route {
    Route::pattern(1, LENGTH).etag("\"v\"")
}

async fn part(node: &App, link: &Link, range: &str) -> Answer {
    Request::get(node.address(), &link.path).header("range", range).send().await
}

/// Lets a check fail in a part or in the whole, and sees that nothing completes the archive afterwards.
async fn fails_for_good(nodes: &[App], wrong: Wrong, failing: Option<&str>) {
    let what = format!("{wrong:?} in {failing:?}");
    let origin = Origin::start().await;
    let link = mint(nodes[0].address(), &wrong.descriptor(&origin.serve("/a", good()))).await;
    assert_eq!(part(&nodes[0], &link, "bytes=0-99999").await.status, 206, "{what}");
    origin.serve("/a", wrong.route());
    let node = &nodes[nodes.len() - 1];
    let failed = match failing {
        Some(range) => part(node, &link, range).await,
        None => get(node.address(), &link).await,
    };
    assert!(failed.status == 502 || !failed.is_whole(), "{what}");
    becomes(nodes[0].address(), &link, |status| status["state"] == "failed").await;
    origin.serve("/a", good());
    for node in nodes {
        for range in ["bytes=100000-", "bytes=0-", "bytes=-1", "bytes=5-9"] {
            assert_problem(&part(node, &link, range).await, 502, wrong.code(), None, &what);
        }
        assert_problem(&get(node.address(), &link).await, 502, wrong.code(), None, &what);
        let head = Request::new("HEAD", node.address(), &link.path).send().await;
        assert_eq!(head.status, 502, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_part_completes_what_failed_a_check() {
    let nodes = [App::start().await];
    for wrong in [Wrong::Crc32, Wrong::Sha256, Wrong::Tag, Wrong::Total] {
        for failing in [Some("bytes=100000-"), Some("bytes=-22"), None] {
            fails_for_good(&nodes, wrong, failing).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_node_completes_what_failed_on_another() {
    let redis = Redis::start().await;
    let nodes = pair(&redis).await;
    for wrong in [Wrong::Crc32, Wrong::Sha256, Wrong::Tag, Wrong::Total] {
        for failing in [Some("bytes=100000-"), Some("bytes=-22"), None] {
            fails_for_good(&nodes, wrong, failing).await;
        }
    }
}

/// Parts that run while another one fails end without an archive, too: none of them holds the end.
#[tokio::test(flavor = "multi_thread")]
async fn parts_beside_a_failing_one_complete_nothing() {
    let app = App::start().await;
    let origin = Origin::start().await;
    let url = origin.serve("/a", good());
    let link = mint(app.address(), &Wrong::Sha256.descriptor(&url)).await;
    let total: usize = {
        let first = part(&app, &link, "bytes=0-0").await;
        first.header("content-range").unwrap().rsplit('/').next().unwrap().parse().unwrap()
    };
    let ranges: Vec<_> = (0..total).step_by(25_000).map(|at| (at, total.min(at + 25_000))).collect();
    let parts = ranges.iter().map(|(from, to)| {
        let (app, link) = (&app, &link);
        async move {
            let answer = part(app, link, &format!("bytes={from}-{}", to - 1)).await;
            (answer.status == 206 && answer.is_whole()).then_some(answer.body)
        }
    });
    let parts = futures_util::future::join_all(parts).await;
    assert!(parts.last().unwrap().is_none(), "the end was handed out");
    assert!(parts.iter().any(Option::is_some), "nothing was handed out");
}

/// What was declared rightly does not stand in the way: a download that is cut goes on with given checksums, too.
#[tokio::test(flavor = "multi_thread")]
async fn given_checksums_that_hold_let_downloads_go_on() {
    let (app, origin) = (App::start().await, Origin::start().await);
    let length = 20 << 20;
    let body = pattern(1, 0..length);
    let mut crc32 = Crc32::new();
    crc32.update(&body);
    let mut descriptor = numbered([origin.serve("/a", Route::pattern(1, length).etag("\"v\""))]);
    descriptor["files"][0]["size"] = json!(length);
    descriptor["files"][0]["crc32"] = json!(format!("{:08x}", crc32.value()));
    descriptor["files"][0]["sha256"] = json!(hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&body)));
    let link = mint(app.address(), &descriptor).await;
    let mut bytes = Vec::new();
    for cut in [1_000_000, 9_000_000, 8_500_000, 70_000] {
        let request = Request::get(app.address(), &link.path);
        let mut reading = request.header("range", &format!("bytes={}-", bytes.len())).open().await;
        assert_eq!(reading.status, 206);
        bytes.extend(reading.take(cut).await);
    }
    bytes.extend(part(&app, &link, &format!("bytes={}-", bytes.len())).await.body);
    assert!(bytes == get(app.address(), &link).await.body);
}
