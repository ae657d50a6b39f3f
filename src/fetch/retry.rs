//! One budget of attempts and time for everything that is tried again at one source.

use std::time::{Duration, Instant};

use super::{Config, Error};

/// The pause before the first retry; each further one doubles it.
const PAUSE: Duration = Duration::from_millis(100);
/// How many bytes a source must have sent since it last failed to have its attempts back.
pub(super) const PROGRESS: u64 = 1 << 20;

/// What is left of a source's attempts.
#[derive(Clone, Debug)]
pub(super) struct Attempts {
    all: u32,
    failed: u32,
    time: Duration,
    deadline: Option<Instant>,
}

impl Attempts {
    /// All attempts that the configuration allows.
    pub(super) fn new(config: &Config) -> Attempts {
        Attempts { all: config.attempts.max(1), failed: 0, time: config.retry_time, deadline: None }
    }

    /// Counts a failure; says how long to wait before trying again.
    ///
    /// # Errors
    /// The failure itself, where trying again cannot help or nothing is left.
    pub(super) fn spend(&mut self, error: Error, now: Instant) -> Result<Duration, Error> {
        self.failed += 1;
        let deadline = *self.deadline.get_or_insert(now + self.time);
        if !error.is_transient() || self.failed >= self.all {
            return Err(error);
        }
        let pause = match &error {
            Error::Status { retry_after: Some(pause), .. } => *pause,
            // Equal jitter, half of it fixed and half by chance, so that sources failing together are not asked together again.
            _ => (PAUSE * (1 << (self.failed - 1).min(10))).mul_f64(0.5 + fastrand::f64() / 2.0),
        };
        // A source may ask for any pause, also for one that no clock holds.
        let left = deadline.checked_duration_since(now);
        if left.is_some_and(|left| pause <= left) { Ok(pause) } else { Err(error) }
    }

    /// Whether the time for trying again is over.
    pub(super) fn are_past(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now > deadline)
    }

    /// Gives all attempts back, after the source has sent a good piece.
    pub(super) fn restore(&mut self) {
        (self.failed, self.deadline) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    fn attempts() -> Attempts {
        Attempts { all: 4, failed: 0, time: Duration::from_secs(30), deadline: None }
    }

    #[test]
    fn the_fourth_failure_is_final_and_pauses_double() {
        let (now, mut attempts) = (Instant::now(), attempts());
        for factor in [1, 2, 4] {
            let pause = attempts.spend(Error::Truncated, now).expect("attempts are left");
            assert!(pause <= PAUSE * factor && pause >= PAUSE * factor / 2, "{pause:?}");
        }
        assert!(attempts.spend(Error::Truncated, now).is_err());
        attempts.restore();
        assert!(attempts.spend(Error::Truncated, now).is_ok());
    }

    #[test]
    fn a_definite_answer_is_not_asked_for_again() {
        let status = |status| Error::Status { status, retry_after: None };
        assert!(attempts().spend(status(StatusCode::NOT_FOUND), Instant::now()).is_err());
        assert!(attempts().spend(status(StatusCode::BAD_GATEWAY), Instant::now()).is_ok());
    }

    #[test]
    fn a_source_is_not_waited_for_longer_than_the_time_allows() {
        let wait = |seconds| Error::Status {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        let now = Instant::now();
        assert_eq!(attempts().spend(wait(2), now).expect("2 s fit into 30"), Duration::from_secs(2));
        assert!(attempts().spend(wait(31), now).is_err());
        assert!(attempts().spend(wait(u64::MAX), now).is_err());
    }
}
