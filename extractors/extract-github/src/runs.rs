//! The workflow runs of a repository.

use std::collections::HashSet;

use etl_component::Fault;
use etl_extract::{History, Stream};
use etl_http::{Pages, Request, Service};

use crate::args::Query;
use crate::span::{MOST, Span};
use crate::{get, mapping, part, warn_of_move};

/// The runs of a repository, as asked for.
pub(crate) struct List<'a> {
    pub(crate) repo: &'a str,
    pub(crate) workflow: Option<&'a str>,
    pub(crate) filters: &'a Query,
}

impl List<'_> {
    /// Reads all runs. What GitHub calls a search, and counts more results of than it lists, is read in halves.
    pub(crate) fn read(
        &self,
        service: &Service,
        history: &mut History,
        stream: &mut Stream,
    ) -> anyhow::Result<()> {
        let mut part = history.part(&part(&self.path(), self.filters))?;
        // New runs come first and push others onto later pages; the halves of a search may be read after a part of it.
        let mut seen = HashSet::new();
        let mut spans = vec![Span::of(part.window())];
        'spans: while let Some(span) = spans.pop() {
            let created = span.created();
            let is_search = created.is_some() || !self.filters.is_empty();
            let mut pages = Pages::by_link(self.request(service, created.as_deref()));
            let (mut counted, mut listed) = (0, 0);
            while let Some(reply) = pages.next(service)? {
                // Of the spans of a search, only the first one tells.
                if spans.is_empty() && seen.is_empty() {
                    warn_of_move(&reply, stream);
                }
                let page = mapping::runs(self.repo, reply.fetched_at, &reply.body)?;
                if is_search && page.total_count >= MOST {
                    let [newer, older] =
                        span.halves(reply.sent_at()).ok_or_else(|| too_many(created.as_deref()))?;
                    spans.extend([older, newer]);
                    continue 'spans;
                }
                (counted, listed) = (page.total_count, listed + page.runs.len());
                for run in page.runs.iter().filter(|run| seen.insert((run.id, run.run_attempt))) {
                    part.record(stream, run.created_at, run)?;
                }
                stream.flush()?;
            }
            if i64::try_from(listed).is_ok_and(|listed| listed < counted) {
                let listed = etl_extract::counted(listed as u64, "run", "runs");
                stream.warn(&format!("GitHub says total_count {counted} and lists {listed}"));
            }
        }
        Ok(part.done(stream)?)
    }

    fn path(&self) -> String {
        match self.workflow {
            Some(workflow) => format!("repos/{}/actions/workflows/{workflow}/runs", self.repo),
            None => format!("repos/{}/actions/runs", self.repo),
        }
    }

    fn request(&self, service: &Service, created: Option<&str>) -> Request {
        let request = get(service, &self.path(), self.filters);
        let request = created.into_iter().fold(request, |request, created| request.query("created", created));
        request.query("per_page", 100)
    }
}

fn too_many(created: Option<&str>) -> Fault {
    let created = created.unwrap_or_default();
    Fault::config(format!(
        "GitHub lists no more than {MOST} of the runs created {created}; narrow it with a filter"
    ))
}
