//! A real terminal: what a script shows in tmux, as whoever sits before it reads it.

use std::path::Path;

use crate::run::{Cmd, Folder, Ran, wait_until};

/// Runs the script that is its argument, says how it ended, and keeps the terminal open, also after a Ctrl-C.
const KEEP: &str = "trap : INT; sh -c \"$0\"; echo \"ended $?\"; while :; do read -r line; done";

/// A terminal of 24 rows. Its server has a socket of its own, and ends when this is dropped.
pub struct Screen {
    folder: Folder,
}

impl Screen {
    /// Runs a script with `sh` in this folder, on a screen of 80 columns. The screen stays after the end, which is its last line: `ended 0`.
    ///
    /// # Panics
    /// If tmux is missing.
    pub fn run(script: &str, folder: impl AsRef<Path>) -> Screen {
        Screen::of(80, script, folder)
    }

    /// The same, on a screen of so many columns.
    ///
    /// # Panics
    /// If tmux is missing.
    pub fn of(columns: u32, script: &str, folder: impl AsRef<Path>) -> Screen {
        let screen = Screen { folder: Folder::new() };
        let start = screen.tmux(&format!("-f /dev/null new-session -d -x {columns} -y 24"));
        start.args(["sh", "-c", KEEP, script]).in_folder(folder).run().ok();
        screen
    }

    /// What the screen shows: its rows, without blanks at their ends and without empty ones at the end.
    pub fn rows(&self) -> Vec<String> {
        self.ran("capture-pane -p").stdout.trim_end().lines().map(|row| row.trim_end().to_owned()).collect()
    }

    /// Waits until a row starts with this text, and returns all rows.
    ///
    /// # Panics
    /// If none ever does.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> Vec<String> {
        let mut rows = Vec::new();
        wait_until(&format!("{text:?} on the screen"), || {
            rows = self.rows();
            rows.iter().any(|row| row.starts_with(text))
        });
        rows
    }

    /// Presses a key, as tmux calls it: `C-c`.
    pub fn press(&self, key: &str) {
        self.ran(&format!("send-keys {key}"));
    }

    fn ran(&self, command: &str) -> Ran {
        self.tmux(command).run().ok().clone()
    }

    fn tmux(&self, command: &str) -> Cmd {
        Cmd::new("tmux").arg("-u").arg("-S").arg(self.folder.path("socket")).words(command)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.tmux("kill-server").run();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_shows_what_is_left_of_what_was_printed() {
        let folder = Folder::new();
        let screen = Screen::run("printf 'one\\ntwo\\rT\\n'; read line; echo three; exit 3", folder.path(""));
        assert_eq!(screen.wait_for("Two"), ["one", "Two"]);
        screen.press("Enter");
        assert_eq!(screen.wait_for("ended"), ["one", "Two", "", "three", "ended 3"]);
        screen.press("C-c");
        assert_eq!(screen.wait_for("^C"), ["one", "Two", "", "three", "ended 3", "^C"]);
    }
}
