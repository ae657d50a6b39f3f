//! Whatever breaks on the way, the bytes are those of a plain read, each once and in order: random cases, many at once.

use std::time::Duration;

use futures_util::StreamExt;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use zipstream::fetch::{self, Client};

use super::{Bench, read};
use crate::support::origin::{Head, Origin, Route, pattern};

/// How many cases there are, and how many run at once.
const CASES: usize = 2000;
const AT_ONCE: usize = 200;

/// The clients, each with the length of its segments and how many it reads at once.
const CLIENTS: [(u64, usize); 10] = [
    (3_000, 1),
    (3_000, 8),
    (3_001, 3),
    (8_192, 4),
    (10_000, 2),
    (16_384, 8),
    (20_000, 5),
    (33_333, 3),
    (50_000, 4),
    (60_000, 2),
];

/// What one answer does instead of coming whole.
#[derive(Clone, Debug)]
enum Fate {
    Whole,
    Cut(u64),
    Reset(u64),
    Refused(u16),
    Silent,
    Delayed(u64),
    Closed,
}

/// One source and its reader.
#[derive(Clone, Debug)]
struct Case {
    length: u64,
    /// Which of the clients reads it.
    client: usize,
    budget: u64,
    /// How much of an answer comes at a time, and every how many milliseconds.
    beat: (usize, u64),
    chunked: Option<usize>,
    /// What happens to answers, by their number; later ones come whole.
    fates: Vec<Fate>,
    /// After how many bytes the reader pauses, and for how many milliseconds.
    pauses: Vec<(u64, u64)>,
}

fn cases() -> impl Strategy<Value = Case> {
    let fate = prop_oneof![
        4 => Just(Fate::Whole),
        4 => (0..80_000_u64).prop_map(Fate::Cut),
        2 => (0..80_000_u64).prop_map(Fate::Reset),
        2 => prop_oneof![Just(429_u16), Just(500), Just(503)].prop_map(Fate::Refused),
        1 => Just(Fate::Silent),
        2 => (1..150_u64).prop_map(Fate::Delayed),
        2 => Just(Fate::Closed),
    ];
    let source = (1..400_000_u64, 0..CLIENTS.len(), 1..500_000_u64);
    let answer = ((500..12_000_usize, 5..25_u64), proptest::option::of(1..20_000_usize));
    // A long one, and all that was read ahead is given up.
    let pause = prop_oneof![9 => 1..60_u64, 1 => 1000..2500_u64];
    let pauses = proptest::collection::vec((0..400_000_u64, pause), 0..3);
    (source, answer, proptest::collection::vec(fate, 0..5), pauses).prop_map(
        |((length, client, budget), (beat, chunked), fates, mut pauses)| {
            pauses.sort_unstable();
            Case { length, client, budget, beat, chunked, fates, pauses }
        },
    )
}

impl Case {
    fn route(&self, seed: u64) -> Route {
        let Case { length, beat: (octets, every), chunked, fates, .. } = self.clone();
        let route = Route::pattern(seed, length).etag("\"v1\"");
        let route = route.dribble(octets, Duration::from_millis(every));
        let route = match chunked {
            Some(octets) => route.chunks_of(octets),
            None => route,
        };
        Route::by(move |_, nth| {
            let route = route.clone();
            match fates.get(nth) {
                None | Some(Fate::Whole) => route,
                Some(Fate::Cut(octets)) => route.cut(*octets),
                Some(Fate::Reset(octets)) => route.reset(*octets),
                Some(Fate::Refused(status)) => Route::status(*status),
                Some(Fate::Silent) => route.hang(1000),
                Some(Fate::Delayed(millis)) => route.delay(Duration::from_millis(*millis)),
                Some(Fate::Closed) => route.head(Head::Closed),
            }
        })
    }

    /// Reads the source; says how many connections it was read by at most.
    async fn run(&self, client: &Client, number: u64) -> usize {
        let (origin, bench) = (Origin::start().await, Bench::of(client, self.budget));
        let mut reader = bench.reader(&origin.serve("/a", self.route(number)));
        let mut bytes = Vec::new();
        for (at, millis) in self.pauses.iter().copied().chain([(u64::MAX, 0)]) {
            let (more, ended) = read(&mut reader, at.saturating_sub(bytes.len() as u64)).await;
            assert!(ended.is_ok(), "{number} {self:?}: {ended:?} after {}", bytes.len() + more.len());
            bytes.extend(more);
            assert!(bench.budget.held() <= self.budget, "{number} {self:?}");
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        assert!(bytes == pattern(number, 0..self.length), "{number} {self:?}: {} bytes", bytes.len());
        drop(reader);
        assert_eq!(bench.budget.held(), 0, "{number} {self:?}");
        origin.most_answering()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_and_bytes_are_those_of_a_plain_read() {
    let mut runner = TestRunner::new(Config::default());
    let strategy = cases();
    let cases: Vec<Case> = (0..CASES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let clients = CLIENTS.map(|(segment_size, segments)| {
        let change = |config: &mut fetch::Config| {
            (config.segment_size.0, config.segments) = (segment_size, segments);
            // Every fate may meet the front.
            (config.attempts, config.retry_time) = (40, Duration::from_secs(60));
            config.idle_timeout = Duration::from_millis(400);
        };
        Bench::with(change, 1).client
    });
    let runs = cases.into_iter().enumerate();
    let runs = runs.map(|(number, case)| {
        let client = clients[case.client].clone();
        tokio::spawn(async move { (CLIENTS[case.client].1, case.run(&client, number as u64).await) })
    });
    let mut parallel = 0;
    // Made as they are taken: so many at once.
    let mut runs = futures_util::stream::iter(runs).buffer_unordered(AT_ONCE);
    while let Some(run) = runs.next().await {
        let (segments, most) = run.expect("the case says what is wrong");
        assert!(most <= segments.max(2) + 1, "{most} of {segments}");
        parallel += usize::from(most > 2);
    }
    assert!(parallel > CASES / 20, "only {parallel} cases were read by more than two connections");
}

/// What was read ahead of a segment is given up while its reader pauses, and the request that was made for what follows
/// the segment does not begin where the reader goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_within_a_segment() {
    let client = &Bench::with(|config| (config.segment_size.0, config.segments) = (16_384, 8), 1).client;
    let pauses = (16_000..140_000).step_by(2000);
    let cases = pauses.map(async |at| {
        let case = Case {
            length: 152_182,
            client: 0,
            // For one segment beside the front.
            budget: 28_000,
            beat: (4000, 20),
            chunked: None,
            fates: Vec::new(),
            pauses: vec![(at, 2200)],
        };
        case.run(client, at).await
    });
    let most = futures_util::future::join_all(cases).await;
    assert!(most.iter().any(|most| *most > 1));
}
