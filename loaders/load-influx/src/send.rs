//! Batches over HTTP: what is refused is halved until each refused point stands alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etl_component::{Class, Fault, signals};
use etl_http::{Client, Reply, Request};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::batch::Batch;
use crate::reply::{self, Answer, Server};
use crate::settings::{Database, WriteApi};
use crate::tally::Tally;

/// A request of more bytes first asks whether it may be sent, so that one that is too large is answered before the server
/// closes the connection in the middle of it.
const ASK_FIRST: usize = 1 << 20;

/// Sends batches; each thread has its own.
pub(crate) struct Sender {
    client: Client,
    database: Arc<Database>,
    tally: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
}

impl Sender {
    /// A sender that no longer halves or retries once `stop` is set.
    ///
    /// # Errors
    /// 78 if the CA file or a proxy variable cannot be used.
    pub(crate) fn new(
        database: &Arc<Database>,
        tally: &Arc<Mutex<Tally>>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Sender, Fault> {
        let client = database.client()?.stopped_by(stop);
        let (database, tally, stop) = (Arc::clone(database), Arc::clone(tally), Arc::clone(stop));
        Ok(Sender { client, database, tally, stop })
    }

    /// Asks whether a write would be accepted, before there is anything to write.
    ///
    /// # Errors
    /// 77 and 78 as for any write, 75 if the server cannot be reached.
    pub(crate) fn check(&self) -> Result<Server, Fault> {
        if self.database.create {
            self.create()?;
        }
        reply::server(&self.post(&self.request(&[])?)?, self.database.api)
            .map_err(|reason| Fault::config(format!("{}: {reason}", self.database.address())))
    }

    /// <https://docs.influxdata.com/influxdb/v1/query_language/manage-database/#create-database>: nothing happens if
    /// it exists.
    fn create(&self) -> Result<(), Fault> {
        let name = self.database.name.replace('\\', "\\\\").replace('"', "\\\"");
        let request =
            Request::post(&self.database.base, "query", "application/x-www-form-urlencoded", Vec::new())
                .query("q", format!("CREATE DATABASE \"{name}\""));
        let answer = self.client.send(&self.authorized(request))?.json()?;
        reply::created(&answer).map_err(|error| {
            Fault::config(format!("database {} cannot be created: {error}", self.database.name))
        })
    }

    /// Sends a batch; the tally then says what became of it.
    ///
    /// # Errors
    /// What is not the fault of a point.
    pub(crate) fn send(&self, batch: &Batch) -> Result<(), Fault> {
        self.part(batch, 0..batch.points.len())
    }

    /// Sends a part of a batch. If it is halved, both halves are sent, in order: otherwise a point of the first half
    /// would replace the same one in the second.
    fn part(&self, batch: &Batch, points: Range<usize>) -> Result<(), Fault> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Fault::new(Class::Transient, "another request has failed"));
        }
        let (count, text) = (points.len(), batch.text(points.clone()));
        if count > 1 && self.tally().too_large.is_some_and(|limit| text.len() >= limit) {
            return self.halves(batch, points);
        }
        let request = self.request(text)?;
        let _under_way = signals::sending(count as u64, "point");
        let reply = self.post(&request).inspect_err(|error| {
            if error.is_transient() {
                self.tally().unanswered += count as u64;
            }
        })?;
        let mut tally = self.tally();
        let refuse = |tally: &mut Tally, reason: &str| {
            batch.points[points.clone()].iter().for_each(|point| tally.refuse(point.line, reason));
        };
        match reply::answer(&reply) {
            Answer::Stored => tally.store(count),
            Answer::Partial { reason, dropped } => {
                tally.takes_points();
                if dropped >= count || count == 1 {
                    refuse(&mut tally, &reason);
                } else {
                    return self.search(tally, batch, points, dropped.max(1));
                }
            }
            Answer::Named(named) => {
                tally.takes_points();
                let reasons: BTreeMap<usize, String> = named.into_iter().collect();
                if reasons.range(1..=count).count() < reasons.len() {
                    // It counts lines in another way than we do.
                    return self.search(tally, batch, points, 1);
                }
                for (place, reason) in &reasons {
                    tally.refuse(batch.points[points.start + place - 1].line, reason);
                }
                tally.store(count - reasons.len());
            }
            Answer::TooLarge(_) if count > 1 => {
                tally.limit(text.len());
                drop(tally);
                return self.halves(batch, points);
            }
            Answer::Refused(_) if count > 1 => return self.search(tally, batch, points, 1),
            Answer::Refused(reason) | Answer::TooLarge(reason) => {
                refuse(&mut tally, &reason);
                if tally.is_hopeless() {
                    return Err(Fault::data(format!(
                        "{}: no point is accepted, so no more are sent",
                        self.database.address()
                    )));
                }
            }
        }
        Ok(())
    }

    /// Sends the halves of what was refused, unless that has become too many requests: then at least `refused` of the
    /// points are refused.
    fn search(
        &self,
        mut tally: MutexGuard<'_, Tally>,
        batch: &Batch,
        points: Range<usize>,
        refused: usize,
    ) -> Result<(), Fault> {
        if !tally.may_search() {
            tally.count(points.len(), refused);
            return Ok(());
        }
        drop(tally);
        self.halves(batch, points)
    }

    fn halves(&self, batch: &Batch, points: Range<usize>) -> Result<(), Fault> {
        let middle = points.start + points.len() / 2;
        self.part(batch, points.start..middle)?;
        self.part(batch, middle..points.end)
    }

    /// The request that writes these points.
    fn request(&self, text: &[u8]) -> Result<Request, Fault> {
        let Database { base, api, query, gzip, .. } = &*self.database;
        let compress = *gzip && !text.is_empty();
        let body = if compress { compressed(text)? } else { text.to_vec() };
        let path = match api {
            WriteApi::V1 => "write",
            WriteApi::V2 => "api/v2/write",
            WriteApi::V3 => "api/v3/write_lp",
        };
        let mut request = Request::post(base, path, "text/plain; charset=utf-8", body)
            .classify(reply::classify)
            .whole_errors();
        for (name, value) in query {
            request = request.query(name, value);
        }
        if compress {
            request = request.header("Content-Encoding", "gzip");
        }
        if text.len() > ASK_FIRST {
            request = request.header("Expect", "100-continue");
        }
        Ok(self.authorized(request))
    }

    fn post(&self, request: &Request) -> Result<Reply, etl_http::Error> {
        self.client.renew_deadline();
        self.client.send(request)
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
