//! The Dependabot alerts of a repository.

use std::collections::HashSet;

use etl_extract::{History, Stream};
use etl_http::{Pages, Service};

use crate::args::Query;
use crate::{get, mapping, part, warn_of_move};

/// The alerts of a repository, as asked for.
pub(crate) struct List<'a> {
    pub(crate) repo: &'a str,
    pub(crate) filters: &'a Query,
}

impl List<'_> {
    /// Reads all pages; after a state, only those with alerts that were updated since.
    pub(crate) fn read(
        &self,
        service: &Service,
        history: &mut History,
        stream: &mut Stream,
    ) -> anyhow::Result<()> {
        let path = format!("repos/{}/dependabot/alerts", self.repo);
        let mut part = history.part(&part(&path, self.filters))?;
        let since = part.window().since;
        let mut request = get(service, &path, self.filters).query("per_page", 100);
        if since.is_some() {
            request = request.query("sort", "updated").query("direction", "desc");
        }
        let (mut pages, mut seen) = (Pages::by_link(request), HashSet::new());
        while let Some(reply) = pages.next(service)? {
            warn_of_move(&reply, stream);
            let alerts = mapping::alerts(self.repo, reply.fetched_at, &reply.body)?;
            for alert in alerts.iter().filter(|alert| seen.insert(alert.number)) {
                part.record(stream, alert.updated_at, alert)?;
            }
            stream.flush()?;
            if since.is_some_and(|since| alerts.last().is_some_and(|oldest| oldest.updated_at < since)) {
                break;
            }
        }
        Ok(part.done(stream)?)
    }
}
