//! What downloads write down for each other.

use std::time::Duration;

use zipstream::plan::{Checkpoint, Checksums};

use super::{Bench, is_missing, mint, until};

const WHOLE: Checksums = Checksums { crc32: 5, compressed_crc32: Some(6), sha256: Some([7; 32]) };

fn at(offset: u64) -> Checkpoint {
    Checkpoint {
        offset,
        crc32: offset as u32,
        compressed_crc32: Some(!offset as u32),
        sha256: Some(vec![7; 100]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_reads_what_others_wrote() {
    for bench in Bench::both().await {
        let (here, there) = (bench.links(|_| {}), bench.links(|_| {}));
        // Memory is one node's own.
        let there = if bench.name == "memory" { here.clone() } else { there };
        let token = &mint(&here).await.token;
        let (first, book) = here.begin(token, 3).await.unwrap();
        book.note(0, at(8));
        book.note_whole(1, WHOLE);
        book.note(2, at(16));
        book.note(2, at(24));
        let (second, other) = there.begin(token, 3).await.unwrap();
        until("seen", || async { other.seen().await.before(2, 30).map(|mark| mark.offset == 24) }).await;
        let seen = other.seen().await;
        assert_eq!((seen.before(0, 9), seen.whole(1)), (Some(&at(8)), Some(WHOLE)), "{}", bench.name);

        // Whoever comes without having looked takes nothing away.
        let (third, blank) = there.begin(token, 3).await.unwrap();
        blank.note(1, at(1));
        blank.note(2, at(2));
        until("told", || async { other.seen().await.before(2, 3).map(|_| ()) }).await;
        let seen = other.seen().await;
        assert_eq!((seen.before(2, 30), seen.whole(1)), (Some(&at(24)), Some(WHOLE)), "{}", bench.name);
        drop((first, second, third, book, other, blank));
        here.settle().await;
        there.settle().await;
    }
}

/// Every download keeps a bounded number of its own checkpoints, and none takes those of another away: whoever goes on
/// where the last one broke finds what that one wrote, however much others wrote before.
#[tokio::test(flavor = "multi_thread")]
async fn the_latest_checkpoints_of_every_download_are_found() {
    for bench in Bench::both().await {
        let links = bench.links(|_| {});
        let token = &mint(&links).await.token;
        let mut downloads = Vec::new();
        for number in 0..6_u64 {
            let (download, book) = links.begin(token, 1).await.unwrap();
            let last = number * 1000 + 100;
            (number * 1000..=last).for_each(|offset| book.note(0, at(offset)));
            let seen =
                || async { book.seen().await.before(0, last).filter(|mark| mark.offset == last).map(|_| ()) };
            until("written", seen).await;
            downloads.push((download, book));
        }
        drop(downloads);
        links.settle().await;
        let (download, book) = links.begin(token, 1).await.unwrap();
        let seen = book.seen().await;
        assert_eq!(seen.before(0, u64::MAX), Some(&at(5100)), "{}", bench.name);
        if bench.name != "memory" {
            for last in [100, 1100, 2100, 3100, 4100] {
                assert_eq!(seen.before(0, last + 500), Some(&at(last)), "{}", bench.name);
            }
        }
        drop((download, book));
        links.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_found_with_the_link_and_the_first_one_holds() {
    for bench in Bench::both().await {
        let links = bench.links(|_| {});
        let token = &mint(&links).await.token;
        let (download, book) = links.begin(token, 3).await.unwrap();
        assert!(links.find(token).await.unwrap().fault.is_none());
        book.note_fault("source_mismatch", "files[0]: its crc32 is 1, not 2");
        book.note_fault("source_changed", "later");
        drop((download, book));
        let fault = until("the fault", || async { links.find(token).await.unwrap().fault }).await;
        assert_eq!(fault.code, "source_mismatch", "{}", bench.name);
        links.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_running_download_keeps_the_record_but_not_beyond_its_age() {
    for bench in Bench::both().await {
        let links = bench.links(|config| {
            (config.ttl, config.resume_window) = (Duration::from_millis(300), Duration::from_millis(600));
            config.max_age = Duration::from_millis(3500);
        });
        let token = &mint(&links).await.token;
        let (long, first) = links.begin(token, 3).await.unwrap();
        let (short, second) = links.begin(token, 3).await.unwrap();
        short.note_end();
        drop((short, second));
        tokio::time::sleep(Duration::from_millis(1800)).await;
        assert!(links.find(token).await.is_ok(), "{}: one still runs", bench.name);
        until("its age", || async { is_missing(links.find(token).await).then_some(()) }).await;
        drop((long, first));
        links.settle().await;
    }
}
