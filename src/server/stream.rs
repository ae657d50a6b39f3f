//! HTTP/2 streams: each is a task of hyper's, and has a reader of its own.
//!
//! A reader may keep the window of one stream shut while it takes another's octets, and answer every ping meanwhile; hyper
//! has no clock for that. The body sees whether its last piece was taken, and dropping the task resets the stream and
//! nothing else; they meet in `READER`.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

tokio::task_local! {
    /// The reader of the stream whose task is running: hyper makes body and task, and hands nothing from one to the other.
    static READER: Reader;
}

/// Runs hyper's tasks among the server's own, so that the end waits for them too.
#[derive(Clone)]
pub(super) struct Streams {
    /// Pause between two looks at a stream.
    pub(super) look: Duration,
    /// Time a reader may take nothing.
    pub(super) stall: Duration,
    /// All that is running.
    pub(super) tasks: TaskTracker,
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let (look, stall, reader) = (self.look, self.stall, Reader::new());
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                _ = READER.scope(reader.clone(), stream) => {}
                () = reader.stalls(look, stall) => {
                    tracing::debug!("a stream is reset: its reader takes nothing");
                }
            }
        });
    }
}

/// The reader of one stream.
#[derive(Clone)]
pub(super) struct Reader(Arc<Record>);

struct Record {
    /// Since when there is the stream: the zero of its times.
    born: Instant,
    /// Milliseconds from birth to the moment at which the piece was given that waits, and one; zero when none waits.
    given: AtomicU64,
}

impl Reader {
    fn new() -> Reader {
        Reader(Arc::new(Record { born: Instant::now(), given: AtomicU64::new(0) }))
    }

    /// The reader of the running task's stream, where it is one.
    pub(super) fn current() -> Option<Reader> {
        READER.try_with(Clone::clone).ok()
    }

    /// Notes that a piece waits for it.
    pub(super) fn note_given(&self) {
        self.0.given.store(self.now() + 1, Relaxed);
    }

    /// Notes that the piece is taken, or gone.
    pub(super) fn note_taken(&self) {
        self.0.given.store(0, Relaxed);
    }

    /// Waits until a piece has waited for `stall`.
    async fn stalls(&self, look: Duration, stall: Duration) {
        loop {
            tokio::time::sleep(look).await;
            let given = self.0.given.load(Relaxed);
            if given > 0 && Duration::from_millis(self.now() + 1 - given) >= stall {
                return;
            }
        }
    }

    /// Milliseconds since birth.
    fn now(&self) -> u64 {
        u64::try_from(self.0.born.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}
