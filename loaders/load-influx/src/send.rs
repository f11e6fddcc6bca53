//! Points over HTTP: one request and its reply.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etl_component::{Class, Fault};
use etl_http::{Client, Reply, Request};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::reply::{self, Answer, Server};
use crate::settings::{Database, WriteApi};
use crate::tally::Tally;

/// A request of more bytes first asks whether it may be sent, so that one that is too large is answered before the server
/// closes the connection in the middle of it.
const ASK_FIRST: usize = 1 << 20;

/// Sends requests; each thread has its own.
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

    /// Sends so many points, whose text this is, and says what the server replies.
    ///
    /// # Errors
    /// What is not the fault of a point; also if another request has failed meanwhile.
    pub(crate) fn send(&self, count: usize, text: &[u8]) -> Result<Answer, Fault> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Fault::new(Class::Transient, "another request has failed"));
        }
        let request = self.request(text)?;
        let reply = self.post(&request).inspect_err(|error| {
            if error.is_transient() {
                self.tally().unanswered += count as u64;
            }
        })?;
        Ok(reply::answer(&reply))
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

    /// The address for messages.
    pub(crate) fn address(&self) -> String {
        self.database.address()
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

    /// The counts that all senders share.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compressed(text: &[u8]) -> Result<Vec<u8>, Fault> {
    let failed = |error| Fault::new(Class::Bug, "points cannot be compressed").because(error);
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    encoder.write_all(text).map_err(failed)?;
    encoder.finish().map_err(failed)
}
