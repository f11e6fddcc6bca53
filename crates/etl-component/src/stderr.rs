//! stderr: lines that stay and, on a terminal, one below them that changes.
//!
//! The stages of a pipe share a terminal, and none knows what the others print. So the standing line is drawn one row
//! below the cursor, which waits at the start of an empty row: a line of another program lands there and stays whole.
//! What components print clears everything from the cursor on first, whoever has drawn it.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::secret::redact;
use crate::visible::visible;

/// To the start of the row, and clear what follows (ECMA-48: CR, ED).
const CLEAR: &str = "\r\x1b[J";
/// One row down, without wrapping what is wider than the terminal (DECAWM).
const BELOW: &str = "\n\x1b[?7l";
/// Back to the start of the empty row above.
const BACK: &str = "\x1b[?7h\x1b[A\r";

static STDERR: Mutex<State> =
    Mutex::new(State { terminal: false, within: false, standing: String::new(), closed: false });

struct State {
    /// Whether it is a terminal that obeys control sequences.
    terminal: bool,
    /// Whether a line has begun and not ended.
    within: bool,
    /// The standing line, empty if none is shown.
    standing: String,
    /// Whether the closing line was printed.
    closed: bool,
}

fn state() -> MutexGuard<'static, State> {
    STDERR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, stderr is treated as a terminal.
pub(crate) fn is_terminal() {
    state().terminal = true;
}

/// Prints the closing line, on a row of its own: nothing stands after it.
pub(crate) fn close(line: &str) {
    let mut state = state();
    state.closed = true;
    let after = if state.within { "\n" } else { "" };
    put(&state.lines(format!("{after}{line}").as_bytes()));
}

/// Prints lines, or a part of them: what a child writes comes in pieces.
pub fn print(bytes: &[u8]) {
    put(&state().lines(bytes));
}

/// Shows a line in place of the one that stands. Without a terminal, and after the closing line, nothing happens.
pub fn stand(text: &str) {
    let mut state = state();
    put(state.stand(&visible(&redact(text))).as_bytes());
}

/// Removes the line that stands.
pub fn clear() {
    put(state().clear().as_bytes());
}

/// One write, so that the lines of the stages of a pipe do not mix. Without stderr there is nobody to tell.
fn put(bytes: &[u8]) {
    if !bytes.is_empty() {
        let _ = io::stderr().write_all(bytes);
    }
}

impl State {
    fn lines(&mut self, bytes: &[u8]) -> Vec<u8> {
        let clear = if self.terminal && !self.within { CLEAR } else { "" };
        self.standing.clear();
        self.within = bytes.last().is_some_and(|last| *last != b'\n');
        [clear.as_bytes(), bytes].concat()
    }

    fn stand(&mut self, text: &str) -> String {
        if !self.terminal || self.closed || self.within || self.standing == text {
            return String::new();
        }
        text.clone_into(&mut self.standing);
        format!("{CLEAR}{BELOW}{text}{BACK}")
    }

    fn clear(&mut self) -> &'static str {
        if std::mem::take(&mut self.standing).is_empty() { "" } else { CLEAR }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(terminal: bool) -> State {
        State { terminal, within: false, standing: String::new(), closed: false }
    }

    fn lines(state: &mut State, text: &str) -> String {
        String::from_utf8(state.lines(text.as_bytes())).unwrap()
    }

    #[test]
    fn a_line_is_drawn_below_and_cleared_by_what_follows() {
        let mut state = fresh(true);
        assert_eq!(state.stand("one"), "\r\x1b[J\n\x1b[?7lone\x1b[?7h\x1b[A\r");
        assert_eq!(state.stand("one"), "");
        assert_eq!(lines(&mut state, "a log\n"), "\r\x1b[Ja log\n");
        assert_eq!(state.clear(), "");
        assert_ne!(state.stand("one"), "");
        assert_eq!((state.clear(), state.clear()), (CLEAR, ""));
    }

    #[test]
    fn nothing_stands_within_a_line_or_after_the_last() {
        let mut state = fresh(true);
        assert_eq!(lines(&mut state, "half"), "\r\x1b[Jhalf");
        assert_eq!(state.stand("one"), "");
        assert_eq!(lines(&mut state, " a line\n"), " a line\n");
        state.closed = true;
        assert_eq!(state.stand("one"), "");
    }

    #[test]
    fn a_file_gets_the_lines_only() {
        let mut state = fresh(false);
        assert_eq!((state.stand("one").as_str(), state.clear()), ("", ""));
        assert_eq!(lines(&mut state, "a log\n"), "a log\n");
    }
}
