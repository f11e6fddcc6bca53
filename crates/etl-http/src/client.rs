//! The client: attempts, decisions, waits, and how much of the deadline is spent.

use std::cell::Cell;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use etl_component::{Class, Env, Fault, redact};
use jiff::{SignedDuration, Timestamp};

use crate::args::{HttpArgs, SourceArgs};
use crate::cassette;
use crate::error::Error;
use crate::policy::{Decision, Failure, Outcome, Terms, Verdict, decide, retry_after};
use crate::quota::Ledger;
use crate::reply::Reply;
use crate::request::Request;
use crate::transport::{Broken, Transport, now};

/// Sends requests under one policy and one deadline.
pub struct Client {
    source: Source,
    record: Option<PathBuf>,
    /// Asked before each attempt; a replay has no quota.
    pub(crate) quota: Option<Ledger>,
    /// The least time from one attempt to the next.
    pub(crate) gap: Duration,
    /// When the last attempt started.
    last: Cell<Option<Instant>>,
    retries: u32,
    deadline: Duration,
    /// Requests and waits so far; the time between them belongs to whoever reads our output.
    spent: Cell<Duration>,
    /// Set once replies are no longer wanted.
    stop: Arc<AtomicBool>,
    pub(crate) pace: Pace,
}

/// What a test replaces, so that waits are asserted instead of slept.
pub(crate) struct Pace {
    pub(crate) sleep: Box<dyn Fn(Duration) + Send>,
    /// From 0 to 1.
    pub(crate) jitter: fn() -> f64,
    /// What the clock says when a quota is asked.
    pub(crate) now: fn() -> Timestamp,
}

enum Source {
    Network(Box<Transport>),
    Cassettes(PathBuf),
}

/// An attempt, and what the API made of its reply.
struct JudgedAttempt {
    number: u32,
    /// How many of those before it cost no retry.
    free: u32,
    result: Result<Reply, Broken>,
    verdict: Option<Verdict>,
    /// The time spent on this request so far, including waits.
    took: Duration,
}

impl Client {
    /// Prepares the client; sends nothing. `user_agent` is like `extract-openweather/0.1.0`; with `allow_http` a redirect
    /// may lead to `http://`.
    ///
    /// # Errors
    /// 78 if the CA file or a proxy variable cannot be used.
    pub fn new(args: &HttpArgs, allow_http: bool, env: &Env, user_agent: &str) -> Result<Client, Fault> {
        let transport = Transport::new(args, allow_http, env, user_agent)?;
        Ok(Client::of(Source::Network(Box::new(transport)), args))
    }

    /// Prepares the client of an extractor, which may record replies or replay them.
    ///
    /// # Errors
    /// Those of [`Client::new`]; 2 if it is to do both.
    pub fn of_source(args: &SourceArgs, env: &Env, user_agent: &str) -> Result<Client, Fault> {
        // Clap sees no conflict where one of them is typed before a subcommand and one after it.
        if args.record.is_some() && args.replay.is_some() {
            return Err(Fault::usage("--record cannot be used with --replay"));
        }
        let client = match &args.replay {
            Some(folder) => Client::of(Source::Cassettes(folder.clone()), &args.http),
            None => Client::new(&args.http, args.allow_http, env, user_agent)?,
        };
        Ok(Client { record: args.record.clone(), ..client })
    }

    fn of(source: Source, args: &HttpArgs) -> Client {
        Client {
            source,
            record: None,
            quota: None,
            gap: Duration::ZERO,
            last: Cell::default(),
            retries: args.retries,
            deadline: args.deadline,
            spent: Cell::new(Duration::ZERO),
            stop: Arc::default(),
            pace: Pace { sleep: Box::new(thread::sleep), jitter: fastrand::f64, now },
        }
    }

    /// Whether replies come from cassettes: then neither key nor network is needed.
    pub fn replaying(&self) -> bool {
        matches!(self.source, Source::Cassettes(_))
    }

    /// Starts the deadline anew: whoever sends for as long as records come gives each request a deadline of its own.
    pub fn renew_deadline(&self) {
        self.spent.set(Duration::ZERO);
    }

    /// Makes this the flag, set by another thread, after which nothing is tried again.
    pub fn stopped_by(self, stop: &Arc<AtomicBool>) -> Client {
        Client { stop: Arc::clone(stop), ..self }
    }

    /// Sends a request until a good reply comes, or trying again is useless.
    ///
    /// # Errors
    /// As [`decide`] says, with host, status and cause; 75 if a quota is spent; 66 for a missing cassette, 74 if one cannot
    /// be written.
    pub fn send(&self, request: &Request) -> Result<Reply, Error> {
        let began = self.spent.get();
        let (mut number, mut free) = (1, 0);
        loop {
            let result = match &self.source {
                Source::Network(transport) => {
                    self.ask_quota(request)?;
                    self.keep_distance();
                    self.timed(|left| transport.attempt(request, left))
                }
                Source::Cassettes(folder) => Ok(cassette::replay(folder, request)?),
            };
            let verdict =
                result.as_ref().ok().and_then(|reply| request.classify.and_then(|classify| classify(reply)));
            let took = self.spent.get().saturating_sub(began);
            let attempt = JudgedAttempt { number, free, result, verdict, took };
            match self.decide(request, &attempt) {
                Decision::Retry { wait, free: is_free } => {
                    log::warn!("{}; trying again in {wait:.1?}", redact(&attempt.words(request)));
                    self.wait(wait);
                    number += 1;
                    free += u32::from(is_free);
                }
                Decision::Done => {
                    self.record(request, &attempt)?;
                    // A failed attempt never leads to `Done`.
                    return attempt.result.map_err(|broken| Fault::new(Class::Bug, broken.cause).into());
                }
                Decision::Fail { class } => {
                    self.record_failure(request, &attempt);
                    return Err(Error::lasting(class, attempt.message(request, None), attempt.status()));
                }
                Decision::GiveUp { retry_in } => {
                    self.record_failure(request, &attempt);
                    let retry_at = retry_in.and_then(|wait| later(attempt.ended_at(), wait));
                    return Err(Error::passing(
                        attempt.message(request, retry_at),
                        attempt.status(),
                        retry_at,
                    ));
                }
            }
        }
    }

    fn ask_quota(&self, request: &Request) -> Result<(), Error> {
        let Some(ledger) = &self.quota else { return Ok(()) };
        let started = Instant::now();
        let left = self.deadline.saturating_sub(self.spent.get());
        let taken = ledger.take((self.pace.now)(), left);
        self.spent.set(self.spent.get() + started.elapsed());
        let Some(until) = taken? else { return Ok(()) };
        let (host, quota) = (request.base.host(), ledger.quota);
        let message = format!("{host}: the quota of {quota} is spent (--quota); retry_at {until}");
        Err(Error::passing(message, None, Some(until)))
    }

    fn keep_distance(&self) {
        let since = self.last.get().map(|last| last.elapsed());
        let wait = since.map_or(Duration::ZERO, |since| self.gap.saturating_sub(since));
        if !wait.is_zero() {
            self.wait(wait);
        }
        self.last.set(Some(Instant::now()));
    }

    /// Waits, and counts it against the deadline.
    fn wait(&self, wait: Duration) {
        (self.pace.sleep)(wait);
        self.spent.set(self.spent.get().saturating_add(wait));
    }

    fn record(&self, request: &Request, attempt: &JudgedAttempt) -> Result<(), Fault> {
        match (&attempt.result, &self.record) {
            (Ok(reply), Some(folder)) => cassette::record(folder, request, reply),
            _ => Ok(()),
        }
    }

    /// The failed reply is the first cause, so a failure to record it is only logged.
    fn record_failure(&self, request: &Request, attempt: &JudgedAttempt) {
        if let Err(fault) = self.record(request, attempt) {
            log::warn!("{fault}");
        }
    }

    /// Runs an attempt, and counts its time against the deadline.
    fn timed(
        &self,
        attempt: impl FnOnce(&dyn Fn() -> Duration) -> Result<Reply, Broken>,
    ) -> Result<Reply, Broken> {
        let start = Instant::now();
        let left = self.deadline.saturating_sub(self.spent.get());
        if left.is_zero() {
            return Err(Broken::new(
                Failure::Timeout,
                format!("the --deadline of {:?} is used up", self.deadline),
            ));
        }
        let result = attempt(&|| left.saturating_sub(start.elapsed()));
        self.spent.set(self.spent.get().saturating_add(start.elapsed()));
        result
    }

    fn decide(&self, request: &Request, attempt: &JudgedAttempt) -> Decision {
        let outcome = match &attempt.result {
            Ok(reply) => Outcome::Reply { status: reply.status, retry_after: asked_wait(reply) },
            Err(broken) => Outcome::Failed(broken.kind),
        };
        // A cassette does not change while we wait.
        let useless = self.replaying() || self.stop.load(Ordering::Relaxed);
        let deadline = if useless { Duration::ZERO } else { self.deadline };
        let terms = Terms { retries: self.retries, deadline, min_wait_429: request.min_wait_429 };
        let jitter = (self.pace.jitter)();
        let verdict = attempt.verdict.as_ref();
        decide(&terms, attempt.number, attempt.free, outcome, verdict, self.spent.get(), jitter)
    }
}

impl JudgedAttempt {
    /// `api.example: 503 Service Unavailable`; of a limit with the status 200, the server's words.
    fn words(&self, request: &Request) -> String {
        match (&self.result, &self.verdict) {
            (Ok(reply), Some(Verdict::Fail { message, .. })) => format!("{}: {message}", reply.host),
            // Its status says nothing.
            (Ok(reply), Some(_)) if reply.status < 400 && !reply.body.is_empty() && !reply.is_html() => {
                format!("{}: {}", reply.host, reply.excerpt())
            }
            (Ok(reply), _) => format!("{}: {}", reply.host, reply.status_line()),
            (Err(broken), _) => format!("{}: {}", request.base.host(), broken.cause),
        }
    }

    fn status(&self) -> Option<u16> {
        self.result.as_ref().ok().map(|reply| reply.status)
    }

    fn ended_at(&self) -> Timestamp {
        self.result.as_ref().map_or_else(|_| now(), |reply| reply.fetched_at)
    }

    fn message(&self, request: &Request, retry_at: Option<Timestamp>) -> String {
        let mut message = self.words(request);
        if self.number > 1 {
            message.push_str(&format!(" after {} attempts in {} s", self.number, self.took.as_secs()));
        }
        if let (Ok(reply), None | Some(Verdict::Retry { .. } | Verdict::Limited { .. })) =
            (&self.result, &self.verdict)
            && reply.status >= 400
            && !reply.body.is_empty()
            && !reply.is_html()
        {
            message.push_str(&format!(": {}", reply.excerpt()));
        }
        if let Some(at) = retry_at {
            message.push_str(&format!("; retry_at {at}"));
        }
        redact(&message)
    }
}

fn asked_wait(reply: &Reply) -> Option<Duration> {
    let fetched_at = Duration::from_secs(reply.fetched_at.as_second().unsigned_abs());
    retry_after(reply.header("retry-after")?, reply.header("date"), SystemTime::UNIX_EPOCH + fetched_at)
}

/// The instant when a wait ends, unless that is beyond the calendar.
fn later(from: Timestamp, wait: Duration) -> Option<Timestamp> {
    // Rounded up: whoever comes back a fraction early is refused again.
    let seconds = wait.as_secs().checked_add(u64::from(wait.subsec_nanos() > 0))?;
    from.checked_add(SignedDuration::from_secs(i64::try_from(seconds).ok()?)).ok()
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("replaying", &self.replaying())
            .field("deadline", &self.deadline)
            .field("spent", &self.spent.get())
            .finish_non_exhaustive()
    }
}
