//! What a store knows of downloads: the latest one's state, on every node.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use zipstream::links::{Links, State, Status, Token};

use super::{Bench, facts, is_missing, mint, record, until};

/// Two nodes: of memory the same one twice.
fn nodes(bench: &Bench) -> [Links; 2] {
    let one = bench.links(|_| {});
    let other = if bench.redis.is_some() { bench.links(|_| {}) } else { one.clone() };
    [one, other]
}

/// Waits for a state; reports may take a second.
async fn becomes(links: &Links, token: &Token, holds: impl Fn(&Status) -> bool) -> Status {
    until("the status", || async { links.status(token).await.ok().filter(&holds) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_tells_how_a_download_is_doing() {
    for bench in Bench::both().await {
        let [here, there] = nodes(&bench);
        let token = mint(&here).await.token;
        let waiting = there.status(&token).await.unwrap();
        assert_eq!((waiting.state, waiting.files_total), (State::Waiting, 3), "{}", bench.name);
        assert_eq!((waiting.started_at, waiting.finished_at), (None, None));

        let download = here.begin(&token, 3).await.unwrap().0;
        let begun = there.status(&token).await.unwrap();
        assert_eq!((begun.state, begun.bytes_sent, begun.bytes_total), (State::Running, 0, None));
        assert!(begun.started_at.is_some());
        let done = Arc::new(AtomicUsize::new(1));
        download.note_plan(Some(500), Arc::clone(&done), Arc::new(AtomicUsize::new(2)));
        download.note_sent(200);
        let running = becomes(&there, &token, |status| status.bytes_sent == 200).await;
        assert_eq!((running.state, running.bytes_total, running.files_done), (State::Running, Some(500), 1));
        assert_eq!(running.files_skipped, 2);

        done.store(3, Relaxed);
        download.note_sent(300);
        download.note_end();
        // What comes later changes nothing.
        download.note_failure("client_gone", "");
        drop(download);
        let ended = becomes(&there, &token, |status| status.finished_at.is_some()).await;
        assert_eq!((ended.state, ended.bytes_sent, ended.files_done), (State::Done, 500, 3));
        assert_eq!((ended.error, ended.started_at), (None, begun.started_at));
        here.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_and_so_is_a_client_that_left() {
    for bench in Bench::both().await {
        let [here, there] = nodes(&bench);
        let token = mint(&here).await.token;
        here.begin(&token, 3).await.unwrap().0.note_failure("source_status", "files[0]: it said 403");
        let failed = becomes(&there, &token, |status| status.state == State::Failed).await;
        let error = failed.error.unwrap();
        assert_eq!((error.code.as_str(), error.detail.as_str()), ("source_status", "files[0]: it said 403"));

        drop(here.begin(&token, 3).await.unwrap().0);
        becomes(&there, &token, |status| {
            status.error.as_ref().is_some_and(|error| error.code == "client_gone")
        })
        .await;
        here.settle().await;
    }
}

/// A node that is killed tells nothing of its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_download_whose_node_is_gone_is_told_to_have_failed() {
    let [_, bench] = Bench::both().await;
    let node = || bench.links(|config| config.resume_window = Duration::from_secs(4));
    let (here, there) = (node(), node());
    let token = mint(&there).await.token;
    // The tasks that report end with their runtime.
    let process = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let begun = process.spawn({
        let (here, token) = (here.clone(), token.clone());
        async move { here.begin(&token, 3).await.unwrap() }
    });
    let (download, book) = begun.await.unwrap();
    download.note_sent(7);
    becomes(&there, &token, |status| status.bytes_sent == 7).await;
    // Longer than the time after which it counts as lost.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    assert_eq!(there.status(&token).await.unwrap().state, State::Running, "it stands still");
    process.shutdown_background();
    let lost = becomes(&there, &token, |status| status.state == State::Failed).await;
    assert_eq!((lost.error.unwrap().code.as_str(), lost.bytes_sent), ("node_gone", 7));
    assert!(lost.finished_at > lost.started_at);
    let later = there.begin(&token, 3).await.unwrap().0;
    assert_eq!(there.status(&token).await.unwrap().state, State::Running);
    later.note_end();
    there.settle().await;
    drop((download, book));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_download_takes_over() {
    for bench in Bench::both().await {
        let [here, there] = nodes(&bench);
        let token = mint(&here).await.token;
        let earlier = here.begin(&token, 3).await.unwrap().0;
        let later = there.begin(&token, 3).await.unwrap().0;
        earlier.note_sent(7);
        earlier.note_failure("source_timeout", "");
        drop(earlier);
        // All that it had to say is said.
        here.settle().await;
        let status = there.status(&token).await.unwrap();
        assert_eq!((status.state, status.bytes_sent), (State::Running, 0), "{}", bench.name);
        later.note_end();
        becomes(&here, &token, |status| status.state == State::Done).await;
        there.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_link_tells_nothing_and_its_download_goes_on() {
    for bench in Bench::both().await {
        let [here, there] = nodes(&bench);
        let token = mint(&here).await.token;
        let download = here.begin(&token, 3).await.unwrap().0;
        there.remove(&token).await.unwrap();
        download.note_sent(1);
        download.note_end();
        here.settle().await;
        assert!(is_missing(there.status(&token).await), "{}", bench.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_keeps_the_record_past_the_links_time() {
    for bench in Bench::both().await {
        let links = bench.links(|config| {
            (config.ttl, config.resume_window) = (Duration::from_millis(1500), Duration::from_secs(1));
        });
        let token = &mint(&links).await.token;
        let download = links.begin(token, 3).await.unwrap().0;
        assert!(!links.find(token).await.unwrap().is_expired);
        until("its end", || async { links.find(token).await.unwrap().is_expired.then_some(()) }).await;
        // It stands still for longer than a window.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert_eq!(links.status(token).await.unwrap().state, State::Running, "{}", bench.name);
        links.freeze(token, &facts(1)).await.unwrap();
        download.note_end();
        until("forgotten", || async { is_missing(links.status(token).await).then_some(()) }).await;
        assert!(is_missing(links.find(token).await) && is_missing(links.begin(token, 3).await));
        drop(download);
        links.settle().await;
    }
}

/// A status is asked for again and again, by everybody who waits; the descriptor may measure a megabyte.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_does_not_cost_the_descriptor() {
    let [_, bench] = Bench::both().await;
    let redis = bench.redis.as_ref().unwrap();
    let links = bench.links(|_| {});
    let token = links.mint(&record("a", 900_000)).await.unwrap().token;
    let sent = || async {
        let numbers = redis.ask("INFO stats").await;
        let sent = numbers.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:")).unwrap();
        sent.parse::<u64>().unwrap()
    };
    let before = sent().await;
    assert_eq!(links.status(&token).await.unwrap().state, State::Waiting);
    let download = links.begin(&token, 3).await.unwrap().0;
    assert_eq!(links.status(&token).await.unwrap().state, State::Running);
    assert!(sent().await - before < 100_000, "{} bytes", sent().await - before);
    drop(download);
    links.settle().await;
}

/// Clients go at any moment, also while Redis is asked to begin their download.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_while_its_download_begins_is_told_to_have_left() {
    let [_, bench] = Bench::both().await;
    let [here, there] = nodes(&bench);
    let token = mint(&here).await.token;
    here.begin(&token, 3).await.unwrap().0.note_end();
    becomes(&there, &token, |status| status.state == State::Done).await;
    let redis = bench.redis.as_ref().unwrap();
    redis.freeze();
    let left = tokio::time::timeout(Duration::from_millis(200), here.begin(&token, 3)).await;
    assert!(left.is_err(), "it cannot have begun");
    redis.thaw();
    let status = becomes(&there, &token, |status| status.state == State::Failed).await;
    assert_eq!(status.error.unwrap().code, "client_gone");
    here.settle().await;
}
