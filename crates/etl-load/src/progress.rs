//! The progress line on a terminal.

use std::time::{Duration, Instant};

use etl_component::Terminal;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

/// How often the line changes, at most.
const INTERVAL: Duration = Duration::from_millis(200);

/// A line that shows how far the load is; nothing unless stderr is a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    shown: Instant,
}

impl Progress {
    /// A line for what is loaded into this target, if stderr is a terminal.
    pub(crate) fn new(target: String, terminal: Terminal) -> Progress {
        let bar = if terminal.stderr { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg}, {bytes} in {elapsed}") {
            bar.set_style(style);
        }
        bar.set_prefix(target);
        Progress { bar, shown: Instant::now() }
    }

    /// Shows how much has been read. Cheap enough to be called now and then.
    pub(crate) fn update(&mut self, records: u64, bytes: u64) {
        if !self.bar.is_hidden() && self.shown.elapsed() >= INTERVAL {
            self.shown = Instant::now();
            self.bar.set_position(bytes);
            self.bar.set_message(format!("{} records", HumanCount(records)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
