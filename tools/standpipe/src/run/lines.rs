//! The stderr of a step: passed on a line at a time, so that the lines of several steps do not mix, and what a closing
//! line says.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::process::ChildStderr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use etl_component::{Fault, stderr};
use serde_json::Value;

use crate::process::no_thread;

/// The last lines that are kept, and what of each.
const LINES: usize = 10;
const LONGEST: usize = 1000;
/// What has no newline after so many bytes is passed on as it is.
const BUFFER: usize = 64 * 1024;

/// The last lines of a step.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// The lines, without blank ones.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// What the last line says.
    pub(super) fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).back().map(|line| said(line))
    }

    fn push(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if !line.is_empty() {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == LINES {
                lines.pop_front();
            }
            lines.push_back(line[..line.floor_char_boundary(LONGEST)].to_owned());
        }
    }
}

/// Passes lines on as they come, in a thread of its own, and reports the end. Of several items, each line says whose
/// it is.
pub(super) fn pass_on(
    mut from: ChildStderr,
    item: Option<String>,
    tail: Tail,
    over: Sender<()>,
) -> Result<(), Fault> {
    let relay = move || {
        let (mut buf, mut end) = (vec![0; BUFFER], 0);
        loop {
            match from.read(&mut buf[end..]) {
                Ok(0) => break,
                Ok(n) => end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(_) => break,
            }
            let whole = buf[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let whole = if whole == 0 && end == BUFFER { end } else { whole };
            print(&buf[..whole], item.as_deref(), &tail);
            buf.copy_within(whole..end, 0);
            end -= whole;
        }
        print(&buf[..end], item.as_deref(), &tail);
        let _ = over.send(());
    };
    thread::Builder::new().name("stderr".to_owned()).spawn(relay).map_err(no_thread)?;
    Ok(())
}

fn print(text: &[u8], item: Option<&str>, tail: &Tail) {
    let mut out = Vec::with_capacity(text.len() + 1);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        tail.push(line);
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match item {
            Some(item) => out.extend(labelled(line, item)),
            None => out.extend_from_slice(line),
        }
        out.push(b'\n');
    }
    if !out.is_empty() {
        stderr::print(&out);
    }
}

/// A line that says whose it is, in its own format.
fn labelled(line: &[u8], item: &str) -> Vec<u8> {
    let quoted = Value::from(item);
    if let Some(rest) = line.strip_prefix(b"{\"") {
        [format!("{{\"item\":{quoted},\"").as_bytes(), rest].concat()
    } else if line.starts_with(b"ts=") {
        [line, format!(" item={quoted}").as_bytes()].concat()
    } else {
        [format!("{item}: ").as_bytes(), line].concat()
    }
}

/// What a line of a log says, without its level and time.
fn said(line: &str) -> String {
    let json = || serde_json::from_str::<Value>(line).ok()?["msg"].as_str().map(str::to_owned);
    let logfmt = || {
        let (_, quoted) = line.strip_prefix("ts=")?.split_once(" msg=")?;
        serde_json::from_str::<String>(quoted).ok()
    };
    let text = || line.strip_prefix("error: ").unwrap_or(line).to_owned();
    json().or_else(logfmt).unwrap_or_else(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGFMT: &str = r#"ts=2026-11-23T02:00:00.000Z level=error code=77 msg="no \"key\"""#;
    const JSON: &str = r#"{"ts":"2026-11-23T02:00:00.000Z","level":"error","msg":"no \"key\"","code":77}"#;

    #[test]
    fn what_a_closing_line_says_in_each_format() {
        for line in ["no \"key\"", "error: no \"key\"", LOGFMT, JSON] {
            assert_eq!(said(line), "no \"key\"", "{line}");
        }
        for line in ["{\"a\":1}", "ts=1", "warning: x"] {
            assert_eq!(said(line), line);
        }
    }

    #[test]
    fn a_line_says_whose_it_is() {
        let labelled = |line: &str| String::from_utf8(labelled(line.as_bytes(), "city=Köln")).unwrap();
        assert_eq!(labelled("error: no"), "city=Köln: error: no");
        assert_eq!(labelled(""), "city=Köln: ");
        assert_eq!(labelled(LOGFMT), format!("{LOGFMT} item=\"city=Köln\""));
        assert_eq!(labelled(JSON), format!("{{\"item\":\"city=Köln\",{}", &JSON[1..]));
    }

    #[test]
    fn the_last_lines_are_kept() {
        let tail = Tail::default();
        assert_eq!(tail.last(), None);
        (0..12).for_each(|n| tail.push(format!(" {n} \n").as_bytes()));
        tail.push(b"\n");
        tail.push("é".repeat(LONGEST).as_bytes());
        let lines = tail.lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[8].as_str()), (LINES, "3", "11"));
        assert_eq!(lines[9], "é".repeat(LONGEST / 2));
    }
}
