//! Sources that have a history: what of it is read, and what was read before.

use std::collections::BTreeMap;
use std::time::Duration;

use etl_component::{Class, Fault};
use etl_stream::Digest;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::args::HistoryArgs;
use crate::state::State;
use crate::stream::Stream;
use crate::window::Window;

/// The digits of what is kept of a record that was seen: of a million records, two are alike once in 37 million times.
const SEEN_DIGITS: usize = 16;

/// What of a source's history a run reads.
///
/// A part of the source, such as a repository or a place, is read from its cursor on, less `--look-back`: what comes late
/// or changes within that time is not missed, and what was seen there before and has not changed is left out. Nothing is
/// read that lies before `--since`.
///
/// ```no_run
/// # use std::time::Duration;
/// # use etl_component::Context;
/// # use etl_extract::{ExtractArgs, History, HistoryArgs, counted};
/// # use etl_http::{Pages, Service};
/// # use jiff::Timestamp;
/// # struct Cli { history: HistoryArgs, shared: ExtractArgs, repos: Vec<String> }
/// # #[derive(serde::Serialize)]
/// # struct Run { created_at: Timestamp }
/// # mod mapping { pub fn runs(_: &[u8]) -> Result<Vec<super::Run>, etl_component::Fault> { Ok(vec![]) } }
/// # fn main() {}
/// # fn read(cli: Cli, service: Service, context: &Context) -> anyhow::Result<String> {
/// let mut history = History::new(&cli.history, Duration::from_secs(3600))?;
/// etl_extract::run(context, &cli.shared, "example.run", |stream| {
///     for repo in &cli.repos {
///         stream.part(&format!("repo {repo}"), |stream| {
///             let mut part = history.part(repo)?;
///             let since = part.window().since.unwrap_or(Timestamp::UNIX_EPOCH);
///             let mut pages = Pages::by_link(service.get("runs").query("repo", repo).query("since", since));
///             while let Some(reply) = pages.next(&service)? {
///                 for run in mapping::runs(&reply.body)? {
///                     part.record(stream, run.created_at, &run)?;
///                 }
///             }
///             Ok(part.done(stream)?)
///         })?;
///     }
///     Ok(counted(cli.repos.len() as u64, "repo", "repos"))
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct History {
    window: Window,
    look_back: SignedDuration,
    state: State,
}

/// What the state has of a part.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// The time of the newest record.
    cursor: Option<Timestamp>,
    /// Records since the cursor less the look-back: their digests and times.
    #[serde(default)]
    seen: BTreeMap<String, Timestamp>,
}

impl History {
    /// What these flags ask for. `look_back` is how late records of this source may come, where no flag says otherwise.
    ///
    /// # Errors
    /// 2 if the window is empty, 66 or 3 if the state cannot be read.
    pub fn new(args: &HistoryArgs, look_back: Duration) -> Result<History, Fault> {
        let window = Window { since: args.since, until: args.until };
        if let (Some(since), Some(until)) = (args.since, args.until)
            && until <= since
        {
            return Err(Fault::usage(format!("--until {until} is not after --since {since}")));
        }
        let look_back = SignedDuration::try_from(args.look_back.unwrap_or(look_back));
        let look_back = look_back.map_err(|_| Fault::usage("--look-back is too long"))?;
        Ok(History { window, look_back, state: State::read(args.state.state.as_deref())? })
    }

    /// Begins to read a part.
    ///
    /// # Errors
    /// 3 if the state has something else under its name.
    pub fn part(&mut self, name: &str) -> Result<Part<'_>, Fault> {
        let before: Seen = self.state.of(name)?.unwrap_or_default();
        let floor = before.cursor.map(|cursor| cursor.saturating_sub(self.look_back));
        let floor = floor.transpose().map_err(|error| Fault::new(Class::Bug, "look-back").because(error))?;
        let since = floor.max(self.window.since);
        let window = Window { since, until: self.window.until };
        Ok(Part { name: name.to_owned(), window, before, now: BTreeMap::new(), cursor: None, history: self })
    }
}

/// A part that is being read.
#[derive(Debug)]
pub struct Part<'h> {
    history: &'h mut History,
    name: String,
    window: Window,
    before: Seen,
    now: BTreeMap<String, Timestamp>,
    cursor: Option<Timestamp>,
}

impl Part<'_> {
    /// What to ask the source for.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Writes a record of this time, unless it lies outside the window or was seen before as it is now; `fetched_at` is
    /// not compared. Says whether it was written.
    ///
    /// # Errors
    /// Those of [`Stream::record`].
    pub fn record(
        &mut self,
        stream: &mut Stream,
        at: Timestamp,
        record: &impl Serialize,
    ) -> Result<bool, Fault> {
        if !self.window.contains(at) {
            return Ok(false);
        }
        self.cursor = self.cursor.max(Some(at));
        let digest = digest(record)?;
        let was_seen = self.before.seen.contains_key(&digest);
        self.now.insert(digest, at);
        if !was_seen {
            stream.record(record)?;
        }
        Ok(!was_seen)
    }

    /// All of the part has been read: its cursor moves, and goes into the stream. A run with `--until` moves none, since it
    /// reads a piece of the past.
    ///
    /// # Errors
    /// 70 if it does not serialize to JSON.
    pub fn done(self, stream: &mut Stream) -> Result<(), Fault> {
        let Part { history, name, before, mut now, cursor, window } = self;
        let cursor = cursor.max(before.cursor);
        let Some(newest) = cursor.filter(|_| window.until.is_none()) else { return Ok(()) };
        let floor = newest.saturating_sub(history.look_back);
        let floor = floor.map_err(|error| Fault::new(Class::Bug, "look-back").because(error))?;
        // What the source has left out this time may be there again.
        now.extend(before.seen);
        now.retain(|_, at| *at >= floor);
        history.state.put(stream, &name, &Seen { cursor, seen: now })
    }
}

/// The digest of a record without the time at which it was fetched.
fn digest(record: &impl Serialize) -> Result<String, Fault> {
    let value = serde_json::to_value(record).map(|mut value| {
        if let Some(fields) = value.as_object_mut() {
            fields.shift_remove("fetched_at");
        }
        value.to_string()
    });
    let text = value.map_err(|error| Fault::new(Class::Bug, "not a record").because(error))?;
    let mut digest = Digest::of(text.as_bytes()).to_string();
    digest.truncate(SEEN_DIGITS);
    Ok(digest)
}

#[cfg(test)]
mod tests;
