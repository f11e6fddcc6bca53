//! The signals that end a run, told to every pipe that is running.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etl_component::{Class, Fault, signals};

/// Takes a signal; `false` if nobody wants to know any more.
type Listener = Box<dyn Fn(i32) -> bool + Send>;

/// The signal that has arrived, if one has, and who wants to know.
#[derive(Default)]
pub(super) struct Stops {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    signal: Option<i32>,
    listeners: Vec<Listener>,
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
            state.listeners.retain(|listener| listener(signal));
        });
        watched.map_err(|error| Fault::new(Class::Io, "cannot watch for signals").because(error))?;
        Ok(stops)
    }

    /// Tells this listener of signals, also of one that has already arrived.
    pub(super) fn listen(&self, listener: impl Fn(i32) -> bool + Send + 'static) {
        let mut state = self.state();
        if state.signal.is_none_or(&listener) {
            state.listeners.push(Box::new(listener));
        }
    }

    /// The signal that has arrived.
    pub(super) fn arrived(&self) -> Option<i32> {
        self.state().signal
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
