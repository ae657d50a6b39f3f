//! A service that is told to end lets running downloads finish, and begins no others.

use std::time::Duration;

use serde_json::Value;

use super::download::{Protocol, assert_aborted, assert_problem, assert_whole, numbered, post};
use crate::support::App;
use crate::support::client::{Abort, Ended, Request};
use crate::support::origin::{Gate, Origin, Route, pattern};
use crate::support::process::Process;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_downloads_finish_and_new_ones_are_refused() {
    let (origin, mut app) = (Origin::start().await, App::start().await);
    let gate = Gate::closed();
    let gated = origin.serve("/gated", Route::pattern(1, 3 << 20).gate(1 << 20, &gate));
    let chunked = origin.serve("/chunked", Route::pattern(2, 70_000).ignores_ranges().chunked());
    let descriptors = [numbered([&gated]), numbered([&chunked, &gated])];
    let runs =
        Protocol::ALL.into_iter().flat_map(|protocol| descriptors.iter().map(move |of| (protocol, of)));
    let address = app.address();
    let downloads = runs.map(|(protocol, descriptor)| protocol.download_from(address, descriptor));
    let mut downloads = std::pin::pin!(futures_util::future::join_all(downloads));
    tokio::select! {
        _ = &mut downloads => panic!("the gate is closed"),
        // The second one of an archive is asked when probed and at its turn.
        () = origin.until("all are running", |origin| origin.requests_to("/gated").len() == 9) => {}
    }
    app.drain();
    // The signal is taken by another thread: until then an archive may still begin.
    let refused = async {
        loop {
            let answer = post(&app, &numbered([&chunked])).send().await;
            if answer.status != 200 {
                break answer;
            }
        }
    };
    let refused = tokio::select! {
        _ = &mut downloads => panic!("the gate is closed"),
        refused = refused => refused,
    };
    assert_problem(&refused, 503, "draining", None, "draining");
    gate.open();
    let (large, small) = (pattern(1, 0..3 << 20), pattern(2, 0..70_000));
    for (index, answer) in downloads.await.iter().enumerate() {
        let bodies = if index % 2 == 0 { vec![&large] } else { vec![&small, &large] };
        assert_whole(answer, &bodies, &format!("download {index}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_outlasts_the_drain_is_cut_off_and_shows_it() {
    for protocol in Protocol::ALL {
        let origin = Origin::start().await;
        let mut app = App::with(|config| config.server.drain_timeout = Duration::from_millis(300)).await;
        let gate = Gate::closed();
        let gated = origin.serve("/gated", Route::pattern(1, 3 << 20).gate(2 << 20, &gate));
        let chunked = origin.serve("/chunked", Route::pattern(2, 70_000).ignores_ranges().chunked());
        let (address, descriptor) = (app.address(), numbered([chunked, gated]));
        let download = tokio::spawn(async move { protocol.download_from(address, &descriptor).await });
        origin.until("running", |origin| origin.requests_to("/gated").len() == 2).await;
        let connection = origin.requests_to("/gated")[1].connection;
        origin.until("at the gate", |origin| origin.sent_on(connection) >= 2 << 20).await;
        app.drain();
        let answer = download.await.unwrap();
        if protocol == Protocol::Http2 {
            // The whole connection goes, and its streams with it.
            assert!(
                matches!(answer.ended, Ended::Aborted(Abort::Closed | Abort::Reset)),
                "{:?}",
                answer.ended
            );
        } else {
            assert_aborted(&answer, protocol, &format!("{protocol:?}"));
        }
    }
}

/// Whoever tells it twice waits for nobody, and cuts off what is running: no client is to blame for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_cuts_off_what_is_running() {
    let (origin, service) = (
        Origin::start().await,
        Process::start(&[("ZIPSTREAM__TIERS__ANONYMOUS__CONCURRENT_ARCHIVES", "100")]),
    );
    let gate = Gate::closed();
    let gated = numbered([origin.serve("/gated", Route::pattern(1, 3 << 20).gate(1 << 20, &gate))]);
    let address = service.address;
    let runs = Protocol::ALL.into_iter().cycle().take(12);
    let downloads = runs.map(|protocol| protocol.download_from(address, &gated));
    let mut downloads = std::pin::pin!(futures_util::future::join_all(downloads));
    tokio::select! {
        _ = &mut downloads => panic!("the gate is closed"),
        () = origin.until("all are running", |origin| origin.answering() == 12) => {}
    }
    service.terminate();
    while Request::get(address, "/readyz").send().await.status == 200 {
        tokio::task::yield_now().await;
    }
    let log = tokio::task::spawn_blocking(|| service.end());
    let (answers, log) = tokio::join!(downloads, log);
    assert!(answers.iter().all(|answer| answer.status == 200 && !answer.is_whole()));
    let log = log.unwrap();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let faults = lines.iter().filter_map(|line| line["fields"]["fault"].as_str().or(line["fault"].as_str()));
    assert_eq!(faults.collect::<Vec<_>>(), ["server"; 12], "{log}");
}
