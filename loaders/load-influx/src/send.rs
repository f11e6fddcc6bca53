//! Batches over HTTP: what is refused is halved until it stands alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etl_component::{Class, Fault, signals};
use etl_http::{Client, Reply, Request};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::batch::Batch;
use crate::reply::{self, Answer};
use crate::settings::{Api, Database};

/// How many refused points are named.
const NAMED: usize = 20;

/// What became of the points of a load, for all who send.
#[derive(Default)]
pub(crate) struct Tally {
    /// Points that are there.
    pub(crate) stored: u64,
    /// Points that the server refused.
    pub(crate) refused: u64,
    /// Lines of some of them by the server's reason.
    named: BTreeMap<String, Vec<u64>>,
    /// The size, in bytes, that was too large for the server.
    too_large: Option<usize>,
}

impl Tally {
    fn is_full(&self) -> bool {
        self.named.values().map(Vec::len).sum::<usize>() >= NAMED
    }

    fn store(&mut self, points: usize) {
        self.stored += points as u64;
        signals::sent(points as u64, "points");
    }

    fn refuse(&mut self, line: u64, reason: &str) {
        self.refused += 1;
        if !self.is_full() {
            self.named.entry(reply::core(reason).to_owned()).or_default().push(line);
        }
    }

    /// `line 3: reason; lines 4, 5: reason; and 7 more`, in the order of the stream.
    pub(crate) fn sentence(&self) -> String {
        let mut groups: Vec<(Vec<u64>, &str)> = Vec::new();
        for (reason, lines) in &self.named {
            let mut lines = lines.clone();
            lines.sort_unstable();
            groups.push((lines, reason));
        }
        groups.sort();
        let mut named = 0;
        let mut parts = Vec::new();
        for (lines, reason) in &groups {
            named += lines.len() as u64;
            let list: Vec<String> = lines.iter().map(ToString::to_string).collect();
            parts.push(format!(
                "line{} {}: {reason}",
                if lines.len() > 1 { "s" } else { "" },
                list.join(", ")
            ));
        }
        if self.refused > named {
            parts.push(format!("and {} more", self.refused - named));
        }
        parts.join("; ")
    }
}

/// One who sends; each thread has its own.
pub(crate) struct Sender {
    client: Client,
    database: Arc<Database>,
    tally: Arc<Mutex<Tally>>,
}

impl Sender {
    /// # Errors
    /// 78 if the CA file or a proxy variable is no use.
    pub(crate) fn new(database: &Arc<Database>, tally: &Arc<Mutex<Tally>>) -> Result<Sender, Fault> {
        Ok(Sender { client: database.client()?, database: Arc::clone(database), tally: Arc::clone(tally) })
    }

    /// Asks whether a write would be taken, before there is anything to write; gives back whether the server reads strings to
    /// their closing quote.
    ///
    /// # Errors
    /// 77 and 78 as for any write, 75 if the server cannot be reached.
    pub(crate) fn check(&self) -> Result<bool, Fault> {
        if self.database.create {
            self.create()?;
        }
        let reply = self.post(&[])?;
        match reply::answer(&reply) {
            Answer::Refused(reason)
                if self.database.api == Api::V1 || reason.to_lowercase().contains("org") =>
            {
                Err(Fault::config(format!("{}: {reason}", self.database.address())))
            }
            // Version 2 says 400 to a write without a point, once it has found the bucket and looked at the token.
            _ => Ok(reply.header("x-server-hostname").is_none()),
        }
    }

    /// <https://docs.influxdata.com/influxdb/v1/query_language/manage-database/#create-database>: nothing happens if
    /// it is there.
    fn create(&self) -> Result<(), Fault> {
        let name = self.database.name.replace('\\', "\\\\").replace('"', "\\\"");
        let request =
            Request::post(&self.database.base, "query", "application/x-www-form-urlencoded", Vec::new())
                .query("q", format!("CREATE DATABASE \"{name}\""));
        let reply = self.client.send(&self.authorized(request))?;
        let answer: serde_json::Value = reply.json()?;
        match answer["results"][0]["error"].as_str().or_else(|| answer["error"].as_str()) {
            None => Ok(()),
            Some(error) => {
                Err(Fault::config(format!("database {} cannot be created: {error}", self.database.name)))
            }
        }
    }

    /// Sends a batch; the tally has what became of it.
    ///
    /// # Errors
    /// What no point is to blame for.
    pub(crate) fn send(&self, batch: &Batch) -> Result<(), Fault> {
        self.part(batch, 0..batch.points.len()).map(|_| ())
    }

    /// Sends a part of a batch, gives back how many of its points are refused.
    fn part(&self, batch: &Batch, points: Range<usize>) -> Result<usize, Fault> {
        let count = points.len();
        if count == 0 {
            return Ok(0);
        }
        let text = batch.text(points.clone());
        let lines = batch.points[points.clone()].iter().map(|point| point.line);
        if count > 1 && self.tally().too_large.is_some_and(|limit| text.len() >= limit) {
            return self.halves(batch, points);
        }
        match reply::answer(&self.post(text)?) {
            Answer::Stored => {
                self.tally().store(count);
                Ok(0)
            }
            Answer::TooLarge(_) if count > 1 => {
                let mut tally = self.tally();
                tally.too_large = Some(tally.too_large.map_or(text.len(), |limit| limit.min(text.len())));
                drop(tally);
                self.halves(batch, points)
            }
            Answer::Partial { reason, dropped } if dropped.is_some_and(|dropped| dropped >= count) => {
                let mut tally = self.tally();
                lines.for_each(|line| tally.refuse(line, &reason));
                Ok(count)
            }
            Answer::Partial { dropped: Some(dropped), .. } if self.tally().is_full() => {
                let mut tally = self.tally();
                tally.refused += dropped as u64;
                tally.store(count - dropped);
                Ok(dropped)
            }
            Answer::Partial { dropped: Some(dropped), .. } if count > 1 => {
                let middle = points.start + count / 2;
                let found = self.part(batch, points.start..middle)?;
                if found < dropped {
                    return Ok(found + self.part(batch, middle..points.end)?);
                }
                // All of them are in the first half, so the second is there.
                self.tally().store(points.end - middle);
                Ok(found)
            }
            Answer::Partial { .. } | Answer::Refused(_) if count > 1 => self.halves(batch, points),
            Answer::Partial { reason, .. } | Answer::Refused(reason) | Answer::TooLarge(reason) => {
                let mut tally = self.tally();
                lines.for_each(|line| tally.refuse(line, &reason));
                if tally.is_full() && tally.stored == 0 {
                    let what = format!(
                        "{} refuses one point after the other: {}",
                        self.database.address(),
                        tally.sentence()
                    );
                    return Err(Fault::data(what));
                }
                Ok(1)
            }
        }
    }

    fn halves(&self, batch: &Batch, points: Range<usize>) -> Result<usize, Fault> {
        let middle = points.start + points.len() / 2;
        Ok(self.part(batch, points.start..middle)? + self.part(batch, middle..points.end)?)
    }

    fn post(&self, text: &[u8]) -> Result<Reply, Fault> {
        let Database { base, api, query, gzip, .. } = &*self.database;
        let compress = *gzip && !text.is_empty();
        let body = if compress { compressed(text)? } else { text.to_vec() };
        let path = match api {
            Api::V1 => "write",
            Api::V2 => "api/v2/write",
        };
        let mut request =
            Request::post(base, path, "text/plain; charset=utf-8", body).classify(reply::classify);
        for (name, value) in query {
            request = request.query(name, value);
        }
        if compress {
            request = request.header("Content-Encoding", "gzip");
        }
        self.client.renew_deadline();
        self.client.send(&self.authorized(request)).map_err(|fault| match fault.class() {
            Class::Config if fault.message().contains("database not found") => {
                fault.adding(" (--create makes it)")
            }
            _ => fault,
        })
    }

    fn authorized(&self, request: Request) -> Request {
        match &self.database.authorization {
            Some((scheme, secret)) => request.secret_header("Authorization", scheme, secret),
            None => request,
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compressed(text: &[u8]) -> Result<Vec<u8>, Fault> {
    let failed = |error| Fault::new(Class::Bug, "points cannot be compressed").because(error);
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    encoder.write_all(text).map_err(failed)?;
    encoder.finish().map_err(failed)
}
