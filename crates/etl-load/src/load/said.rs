//! What the messages of a connector have said.

use etl_stream::StreamId;
use etl_stream::decode::Statuses;

/// What a connector has said in this attempt.
#[derive(Default)]
pub(super) struct Said {
    /// How far the source is with each stream; only Airbyte's says it.
    pub(super) statuses: Statuses,
    /// Whether an empty cursor was warned of, and the streams whose versions were.
    pub(super) empty: bool,
    pub(super) versions: Vec<usize>,
    /// How many records of each stream its cursors cover.
    pub(super) covered: Vec<u64>,
    /// The streams of a tap of which nothing was sent yet, with the places of their schemas.
    pub(super) waiting: Vec<(StreamId, String)>,
}
