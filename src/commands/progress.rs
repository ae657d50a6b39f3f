//! The progress bar, which shows itself only where stderr is a terminal.

use std::io::Read;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar for bytes of which the whole number is known.
const MEASURED: &str =
    "{bar:32} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left{msg}";

/// What stands in its place when nobody knows how many will come.
const UNMEASURED: &str = "{spinner} {binary_bytes}, {binary_bytes_per_sec}{msg}";

/// Starts a bar; dropping it removes it from the screen.
pub(super) fn bar(length: Option<u64>) -> Bar {
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    let template = if length.is_some() { MEASURED } else { UNMEASURED };
    let style = ProgressStyle::with_template(template);
    Bar(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
}

/// How far something is.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// So many bytes are done.
    pub(super) fn set(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    /// What else is to be said.
    pub(super) fn say(&self, text: String) {
        // Nobody sees it, and it is asked for at every piece.
        if !self.0.is_hidden() {
            self.0.set_message(text);
        }
    }

    /// Does something else with the screen.
    pub(super) fn beside(&self, what: impl FnOnce()) {
        self.0.suspend(what);
    }

    /// Counts what is read.
    pub(super) fn reading<'r>(&self, from: &'r mut impl Read) -> impl Read + 'r {
        self.0.wrap_read(from)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
