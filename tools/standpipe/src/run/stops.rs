//! The signals that end a run, told to every pipe that is running.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etl_component::{Class, Fault, signals};

use super::pipe::Event;

/// The signal that has arrived, if one has, and who wants to know.
#[derive(Default)]
pub(super) struct Stops {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    signal: Option<i32>,
    listeners: Vec<Sender<Event>>,
}

impl Stops {
    /// From now on, a signal ends the pipes, and they this process.
    ///
    /// # Errors
    /// 74 if the system does not allow it.
    pub(super) fn watch() -> Result<Arc<Stops>, Fault> {
        let stops = Arc::<Stops>::default();
        let told = Arc::clone(&stops);
        let watched = signals::hand_over(move |signal| {
            let mut state = told.state();
            state.signal.get_or_insert(signal);
            state.listeners.retain(|listener| listener.send(Event::Signal(signal)).is_ok());
        });
        watched.map_err(|error| Fault::new(Class::Io, "cannot watch for signals").because(error))?;
        Ok(stops)
    }

    /// Tells this listener of signals, also of one that has already arrived.
    pub(super) fn listen(&self, listener: &Sender<Event>) {
        let mut state = self.state();
        if let Some(signal) = state.signal {
            let _ = listener.send(Event::Signal(signal));
        }
        state.listeners.push(listener.clone());
    }

    /// The signal that has arrived.
    pub(super) fn arrived(&self) -> Option<i32> {
        self.state().signal
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
