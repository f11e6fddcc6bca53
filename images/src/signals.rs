//! Signals that end the work, but only after everything that was made has been removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::ensure;

/// Once this exists, INT and TERM no longer end this program; the programs that it runs still get them from the terminal.
#[derive(Clone)]
pub(crate) struct Interrupted(Arc<AtomicBool>);

impl Interrupted {
    /// Begins to hold signals back.
    pub(crate) fn watch() -> anyhow::Result<Interrupted> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Interrupted(flag))
    }

    /// Fails once a signal has come.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.0.load(Ordering::SeqCst), "interrupted");
        Ok(())
    }
}
