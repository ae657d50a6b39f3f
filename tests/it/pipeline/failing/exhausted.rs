//! A service that has no room for another connection says so, and blames no source for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use rustix::io::Errno;
use serde_json::json;
use tokio::net::TcpStream;

use super::super::download::{assert_problem, assert_whole, numbered, post};
use super::hasty;
use crate::support::App;
use crate::support::client::Request;
use crate::support::origin::{Origin, Route, pattern};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_source_is_blamed_or_left_out_for_the_services_own_limits() {
    let (near, far) = (Origin::start().await, Origin::start().await);
    let (is_full, of_far) = (Arc::new(AtomicBool::new(false)), far.address());
    let full = Arc::clone(&is_full);
    for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
        let full = Arc::clone(&full);
        let app = App::connecting(
            hasty,
            Some(Arc::new(move |address| {
                if address == of_far && full.load(Ordering::Relaxed) {
                    return std::future::ready(Err(errno.into())).boxed();
                }
                TcpStream::connect(address).boxed()
            })),
        )
        .await;
        let urls = [
            near.serve("/a", Route::pattern(1, 5000).etag("\"v\"")),
            far.serve("/b", Route::pattern(2, 5000).etag("\"v\"")),
        ];
        let mut descriptor = numbered(urls);
        for rule in ["abort", "skip"] {
            descriptor["onSourceError"] = json!(rule);
            is_full.store(true, Ordering::Relaxed);
            let answer = post(&app, &descriptor).send().await;
            assert_problem(&answer, 503, "overloaded", Some(1), rule);
            assert!(answer.header("retry-after").is_some(), "{rule}");
            let validation =
                Request::post(app.address(), "/api/validations").json(&descriptor).send().await.json();
            assert_eq!(validation["results"][1]["error"]["code"], "overloaded", "{validation}");
            assert_eq!(validation["valid"], false, "{validation}");
            is_full.store(false, Ordering::Relaxed);
        }
        descriptor["onSourceError"] = json!("abort");
        let bodies = [pattern(1, 0..5000), pattern(2, 0..5000)];
        assert_whole(&post(&app, &descriptor).send().await, &bodies, "with room again");
    }
}
