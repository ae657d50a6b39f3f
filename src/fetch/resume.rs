//! How a reader goes on where a body ends or breaks: to the end, to the rest, to a segment, or anew.

use std::time::{Duration, Instant};

use super::open::open;
use super::rate::Rate;
use super::reader::{Reader, Rest, State};
use super::retry::Attempts;
use super::segment::{Opening, Progress};
use super::{Ask, Error, Opened};
use crate::plan::Head;

impl Reader {
    /// Goes on behind what was read ahead of a segment.
    pub(super) fn go_on(&mut self, progress: Progress) -> Result<(), Error> {
        let attempts = self.attempts.clone();
        self.state = match progress {
            Progress::Reading(body, end) => State::Reading { body, end: Some(end) },
            Progress::Broken(error) => return self.recover(error),
            Progress::Ended | Progress::Missing => return self.end_part(),
            Progress::Opening(opening) => {
                let again = self.open_rest(attempts.clone());
                State::Opening(Box::pin(async move {
                    match opening.await {
                        Ok(opened) => Ok(Opened { attempts, ..opened }),
                        Err(error @ (Error::Changed(_) | Error::Protocol(_))) => Err(error),
                        Err(_) => again.await,
                    }
                }))
            }
        };
        Ok(())
    }

    /// A body ended: as it announced, or before.
    pub(super) fn end_body(&mut self) -> Result<(), Error> {
        let State::Reading { end, .. } = &self.state else { return Ok(()) };
        let is_cut = match end {
            Some(end) => self.offset < *end,
            None => self.goal().is_some_and(|goal| self.offset < goal),
        };
        if is_cut { self.recover(Error::Truncated) } else { self.end_part() }
    }

    /// What was asked for has come: that is the end, or the end of a part.
    fn end_part(&mut self) -> Result<(), Error> {
        if self.is_over() {
            self.state = State::Ended;
            return Ok(());
        }
        if self.comes_to_segment() {
            return Ok(());
        }
        // Of a part less may have come than was asked for, or been kept: what follows that is another rest.
        self.state = match self.rest.take().filter(|rest| rest.from == self.offset) {
            Some(Rest { mut opening, .. }) => {
                // A request made early may have lain too long while the reader paused: that is no failure of the source.
                let again = self.open_rest(Attempts::new(self.client.config()));
                State::Opening(Box::pin(async move {
                    opening.as_mut().await;
                    match opening.as_mut().take_output() {
                        Some(Err(error)) if !error.is_transient() => Err(error),
                        Some(Ok(opened)) => Ok(opened),
                        Some(Err(_)) | None => again.await,
                    }
                }))
            }
            None => State::Opening(self.open_rest(self.attempts.clone())),
        };
        Ok(())
    }

    /// Whether all has been handed out, as far as an end is known.
    pub(super) fn is_over(&self) -> bool {
        self.to.or(self.length()).is_none_or(|end| self.offset >= end)
    }

    /// Turns to a segment that was opened where the front has ended.
    fn comes_to_segment(&mut self) -> bool {
        let is_turn = self.segments.turn(self.offset).is_some();
        if is_turn {
            (self.state, self.rest) = (State::Ahead, None);
        }
        is_turn
    }

    /// Asks for what follows, as far as no segment does.
    fn open_rest(&self, attempts: Attempts) -> Opening {
        let to = self.segments.next_start().or(self.to);
        let ask = Ask::Rest { from: self.offset, to, head: self.head.clone().unwrap_or_default() };
        open(&self.client, &self.source, ask, attempts, Duration::ZERO)
    }

    /// Goes on from another answer, where that is allowed and attempts are left.
    pub(super) fn recover(&mut self, error: Error) -> Result<(), Error> {
        let is_resumable = self.head.as_ref().is_some_and(Head::is_resumable);
        let end = self.to.or(self.length().filter(|_| is_resumable));
        if end == Some(self.offset) {
            // All of a proven length is there: only the frame around it broke.
            self.state = State::Ended;
            return Ok(());
        }
        if self.comes_to_segment() {
            return Ok(());
        }
        let ask = match self.offset {
            0 if self.to.is_none() => Ask::Whole,
            from if is_resumable => {
                let head = self.head.clone().unwrap_or_default();
                Ask::Rest { from, to: self.segments.next_start().or(self.to), head }
            }
            _ if self.is_forgettable => Ask::Whole,
            _ => return Err(error),
        };
        let now = Instant::now();
        // Servers close what a slow reader leaves waiting: cuts far from one another do not add up, unless it was the
        // source that was waited for.
        let least = (self.client.config().min_rate.0 as f64 * self.waited.as_secs_f64()) as u64;
        if self.progress > least && self.attempts.are_past(now) {
            self.attempts.restore();
        }
        let pause = self.attempts.spend(error, now)?;
        self.client.meter().note_retry();
        if matches!(ask, Ask::Whole) {
            self.offset = 0;
        }
        (self.progress, self.waited, self.rest, self.rate) = (0, Duration::ZERO, None, Rate::default());
        self.state = State::Opening(open(&self.client, &self.source, ask, self.attempts.clone(), pause));
        Ok(())
    }
}
