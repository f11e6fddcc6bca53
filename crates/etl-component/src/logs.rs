//! Logs on stderr, and the closing line.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use clap::ValueEnum;
use env_logger::Target;
use etl_stream::Class;
use log::{Level, LevelFilter};

use crate::secret::redact;
use crate::stderr;
use crate::visible::visible;

/// How lines on stderr look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `warning: …`, for people.
    #[default]
    Text,
    /// `ts=… level=warn msg="…"`.
    Logfmt,
    /// One JSON object per line, as Loki and others read it.
    Json,
}

static FORMAT: Mutex<Format> = Mutex::new(Format::Text);

/// The file from which Kubernetes reads why a container failed; `ETL_TERMINATION_LOG` names another one.
const TERMINATION_LOG: &str = "/dev/termination-log";
/// Kubernetes reads at most this many bytes of it.
const TERMINATION_LIMIT: usize = 4096;

impl Format {
    /// The format with this name, which has not been checked; the default for any other name.
    pub fn named(name: Option<&str>) -> Format {
        name.and_then(|name| Format::from_str(name, false).ok()).unwrap_or_default()
    }
}

/// Sets the format of lines from here on.
pub fn set_format(format: Format) {
    *FORMAT.lock().unwrap_or_else(PoisonError::into_inner) = format;
}

/// The format of lines.
pub fn format() -> Format {
    *FORMAT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets up the logs, once.
pub(crate) fn init(format: Format, level: LevelFilter) {
    set_format(format);
    env_logger::Builder::new()
        .filter_level(level)
        .filter_module("ureq", level.min(LevelFilter::Warn))
        .filter_module("rustls", level.min(LevelFilter::Warn))
        .target(Target::Pipe(Box::new(Stderr)))
        .format(|out, record| writeln!(out, "{}", line(record.level(), None, &record.args().to_string())))
        .init();
}

/// An instant as logs, receipts and ledgers write it: RFC 3339 in UTC, with three digits of a second.
pub fn instant(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// One line in the chosen format, redacted, without its newline.
fn line(level: Level, class: Option<Class>, message: &str) -> String {
    let message = visible(&redact(message));
    let now = || instant(jiff::Timestamp::now());
    let name = level.as_str().to_lowercase();
    match format() {
        Format::Text => match level {
            Level::Warn => format!("warning: {message}"),
            Level::Info => message,
            _ => format!("{name}: {message}"),
        },
        Format::Logfmt => {
            let code = class.map(|class| format!(" code={}", class.code())).unwrap_or_default();
            format!("ts={} level={name}{code} msg={}", now(), serde_json::Value::from(message))
        }
        Format::Json => {
            let mut object = serde_json::json!({ "ts": now(), "level": name, "msg": message });
            if let Some(class) = class {
                object["code"] = class.code().into();
            }
            object.to_string()
        }
    }
}

/// Prints the last line of a success.
pub(crate) fn summary(message: &str) {
    stderr::close(&format!("{}\n", line(Level::Info, None, message)));
}

/// Prints the last line of a check that found a difference.
pub(crate) fn difference(message: &str) {
    stderr::close(&format!("{}\n", line(Level::Error, None, message)));
}

/// Prints the last line of a failure, also to the termination log if the container has one.
pub(crate) fn failure(class: Class, message: &str, termination_log: Option<&str>) {
    let line = line(Level::Error, Some(class), message);
    stderr::close(&format!("{line}\n"));
    let cut = line.floor_char_boundary(TERMINATION_LIMIT);
    let log = OpenOptions::new().write(true).truncate(true).open(termination_log.unwrap_or(TERMINATION_LOG));
    if let Ok(mut log) = log {
        let _ = log.write_all(&line.as_bytes()[..cut]);
    }
}

/// Where the logger writes, a line at a time.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        stderr::print(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
