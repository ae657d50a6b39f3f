//! How fast a source sends: slower than is lawful, or slower than it is asked.

use std::time::{Duration, Instant};

use super::Error;

/// How often it is judged who waits for whom.
const WINDOW: Duration = Duration::from_millis(200);

/// The rate at which a source sends while it is asked to.
#[derive(Default)]
pub(super) struct Rate {
    bytes: u64,
    waited: Duration,
}

impl Rate {
    /// Notes bytes that were waited for; fails once a whole window brought less than `min_rate` a second.
    ///
    /// # Errors
    /// [`Error::Timeout`].
    pub(super) fn note(
        &mut self,
        bytes: u64,
        waited: Duration,
        window: Duration,
        min_rate: u64,
    ) -> Result<(), Error> {
        self.bytes += bytes;
        self.waited += waited;
        if self.waited < window {
            return Ok(());
        }
        let enough = self.bytes as f64 >= min_rate as f64 * self.waited.as_secs_f64();
        *self = Rate::default();
        if enough { Ok(()) } else { Err(Error::Timeout("it sends less than fetch.min_rate")) }
    }
}

/// Who waits for whom: the reader for the source, or the source for the reader.
#[derive(Default)]
pub(super) struct Gauge {
    since: Option<Instant>,
    bytes: u64,
    waited: Duration,
}

impl Gauge {
    /// Notes bytes that were asked for and have come; at the end of a window in which it was the source that was
    /// waited for, says what it brought in a second.
    pub(super) fn note(&mut self, bytes: u64, asked: Instant, now: Instant) -> Option<u64> {
        let elapsed = now - *self.since.get_or_insert(asked);
        self.bytes += bytes;
        self.waited += now - asked;
        if elapsed < WINDOW {
            return None;
        }
        let Gauge { bytes, waited, .. } =
            std::mem::replace(self, Gauge { since: Some(now), ..Gauge::default() });
        (waited * 2 >= elapsed).then(|| (bytes as f64 / elapsed.as_secs_f64()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_source_that_is_waited_for_most_of_the_time_is_slow() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut gauge = Gauge::default();
        assert_eq!(gauge.note(1000, at(0), at(150)), None);
        assert_eq!(gauge.note(1000, at(200), at(250)), Some(8000), "200 of 250 ms");
        assert_eq!(gauge.note(1000, at(350), at(360)), None);
        assert_eq!(gauge.note(1000, at(450), at(460)), None, "20 of 210 ms");
        assert_eq!(gauge.note(500, at(460), at(710)), Some(2000), "a window of its own");
    }
}
