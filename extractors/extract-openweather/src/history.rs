//! The hours of air pollution that the service keeps, asked for in windows.

use std::time::Duration;

use anyhow::Context as _;
use etl_component::Fault;
use etl_extract::{History, Stream};
use etl_http::{Request, Service};
use jiff::{SignedDuration, Timestamp};

use crate::args::{BEGINNING, Location};
use crate::mapping;

/// What is asked for at once: some 2200 hours, in half a megabyte.
const STEP: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How late an hour may come or change.
pub(crate) const LOOK_BACK: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads the hours of a place that `history` asks for.
///
/// # Errors
/// 2 if there are none yet; those of the requests and of their mapping.
pub(crate) fn read(
    service: &Service,
    request: impl Fn(&Location) -> Request,
    location: &Location,
    history: &mut History,
    stream: &mut Stream,
) -> anyhow::Result<()> {
    let mut part = history.part(&location.name)?;
    let (window, now) = (part.window(), Timestamp::now());
    let mut from = window.since.unwrap_or(BEGINNING).max(BEGINNING);
    if from > now && !service.replaying() {
        return Err(Fault::usage(format!("--since {from} is in the future")).into());
    }
    loop {
        let ahead = from.checked_add(STEP).context("the end of a window")?;
        let to = window.until.map_or(ahead, |until| until.min(ahead));
        let request = request(location).query("start", from.as_second());
        let request = match window.until {
            Some(_) => request.query("end", seconds(to)),
            // The present is different when the reply is replayed.
            None => request.passing_query("end", seconds(to.min(now))),
        };
        let reply = service.send(&request)?;
        for record in mapping::observations(location, reply.fetched_at, &reply.body)? {
            let at = record.observed_at;
            // An hour at `end` is the next window's; one that lies ahead has not been observed.
            if from <= at && at < to && at <= reply.sent_at() {
                part.record(stream, at, &record)?;
            }
        }
        stream.flush()?;
        if window.until == Some(to) || to > reply.sent_at() {
            break;
        }
        from = to;
    }
    Ok(part.done(stream)?)
}

/// Whole seconds that do not lie before an instant.
fn seconds(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}
