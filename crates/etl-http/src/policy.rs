//! The decision after each attempt: done, again and when, or given up with which class. Pure, so that a table can
//! test it.

use std::time::{Duration, SystemTime};

use etl_component::Class;

/// Waits between attempts double from here,
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
/// up to here, each shortened at random by up to a half so that many clients do not come back together.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// The retries of a name that does not resolve: more often it is misspelt than out of order, and nobody waits minutes to
/// learn that.
const RETRIES_OF_NAME: u32 = 2;
/// "At once" for a server that said 0 or a time in the past.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
/// A limit that asks for a wait of at least this costs no retry. A shorter one does: otherwise a server that says 0
/// would be asked forever.
const FREE_WAIT: Duration = Duration::from_secs(1);

/// What an API knows about a reply beyond its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is a good reply.
    Accept,
    /// Try again; without a readable `Retry-After`, not before `min_wait`.
    Retry {
        /// The shortest wait.
        min_wait: Duration,
    },
    /// A limit that does not say until when: without a readable `Retry-After`, not before `first_wait`, and after each wait
    /// that was too short not before twice that time.
    Limited {
        /// The first wait.
        first_wait: Duration,
    },
    /// It will not get better.
    Fail {
        /// The class it ends with.
        class: Class,
        /// Why, instead of the status; redacted when printed.
        message: String,
    },
}

/// Why no reply came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Refused, unreachable, reset, closed without an answer.
    Connection,
    /// A name that does not resolve.
    Unknown,
    /// A timeout of the connection, a read or the whole request.
    Timeout,
    /// A body shorter than its length, a missing or malformed chunk, broken gzip.
    BrokenBody,
    /// A certificate that does not verify, or a server without TLS.
    Tls,
    /// Something that is not HTTP.
    Protocol,
    /// More bytes than `--max-body-bytes`.
    TooLarge,
    /// A redirect that is not followed.
    Redirect,
    /// The proxy cannot connect to the host.
    Proxy,
    /// The proxy refuses the credentials, or the host.
    ProxyDenied,
    /// The request cannot be sent as it is.
    Invalid,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A reply, with the wait it asks for (see [`retry_after`]).
    Reply {
        /// The HTTP status.
        status: u16,
        /// The wait its `Retry-After` asks for.
        retry_after: Option<Duration>,
    },
    /// No reply.
    Failed(Failure),
}

/// What a request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Attempts after the first, not counting those after a wait that a limit asked for.
    pub retries: u32,
    /// The time for all requests and waits of the run together.
    pub deadline: Duration,
    /// The shortest wait after a 429 without a readable `Retry-After`.
    pub min_wait_429: Duration,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The reply is good.
    Done,
    /// Ask again after the wait.
    Retry {
        /// The wait.
        wait: Duration,
        /// Whether a limit asked for it, so that only the deadline bounds it.
        free: bool,
    },
    /// It will not get better.
    Fail {
        /// The class to end with.
        class: Class,
    },
    /// It may get better, but not within the retries and the deadline.
    GiveUp {
        /// How long from the reply the server, or the API's rule, wants to be left alone.
        retry_in: Option<Duration>,
    },
}

enum Sort {
    Good,
    Again { min_wait: Duration },
    Bad(Class),
}

/// Decides what follows attempt number `attempt` (from 1). `free` of the attempts before it cost no retry, and `spent` of
/// the deadline is gone.
/// `jitter` is from 0 to 1.
pub fn decide(
    terms: &Terms,
    attempt: u32,
    free: u32,
    outcome: Outcome,
    verdict: Option<&Verdict>,
    spent: Duration,
    jitter: f64,
) -> Decision {
    let min_wait = match sort(terms, free, outcome, verdict) {
        Sort::Good => return Decision::Done,
        Sort::Bad(class) => return Decision::Fail { class },
        Sort::Again { min_wait } => min_wait,
    };
    let asked = match outcome {
        Outcome::Reply { retry_after, .. } => retry_after,
        Outcome::Failed(_) => None,
    };
    // Obeyed as it is: a server that names a time knows more than our minimum or backoff.
    let wait = asked.map_or(backoff(attempt, jitter).max(min_wait), |asked| asked.max(SHORTEST_WAIT));
    let is_limit = matches!(outcome, Outcome::Reply { status: 429, .. }) || !min_wait.is_zero();
    let is_free = is_limit && asked.unwrap_or(min_wait) >= FREE_WAIT;
    let retries = match outcome {
        Outcome::Failed(Failure::Unknown) => terms.retries.min(RETRIES_OF_NAME),
        _ => terms.retries,
    };
    if !is_free && attempt - free > retries || wait >= terms.deadline.saturating_sub(spent) {
        let retry_in = asked.or((!min_wait.is_zero()).then_some(wait));
        return Decision::GiveUp { retry_in };
    }
    Decision::Retry { wait, free: is_free }
}

fn sort(terms: &Terms, free: u32, outcome: Outcome, verdict: Option<&Verdict>) -> Sort {
    let again = Sort::Again { min_wait: Duration::ZERO };
    match (verdict, outcome) {
        (Some(Verdict::Accept), _) => Sort::Good,
        (Some(Verdict::Retry { min_wait }), _) => Sort::Again { min_wait: *min_wait },
        (Some(Verdict::Limited { first_wait }), _) => {
            Sort::Again { min_wait: first_wait.saturating_mul(2_u32.saturating_pow(free)) }
        }
        (Some(Verdict::Fail { class, .. }), _) => Sort::Bad(*class),
        (None, Outcome::Reply { status, .. }) => match status {
            200..=299 | 304 => Sort::Good,
            429 => Sort::Again { min_wait: terms.min_wait_429 },
            // What a server does not implement now, it will not implement within a minute.
            501 | 505 => Sort::Bad(Class::Protocol),
            408 | 425 | 500..=599 => again,
            401 | 403 | 407 => Sort::Bad(Class::Denied),
            400..=499 => Sort::Bad(Class::Config),
            _ => Sort::Bad(Class::Protocol),
        },
        (None, Outcome::Failed(failure)) => match failure {
            Failure::Connection
            | Failure::Unknown
            | Failure::Timeout
            | Failure::BrokenBody
            | Failure::Proxy => again,
            Failure::Tls | Failure::Protocol | Failure::TooLarge | Failure::Redirect => {
                Sort::Bad(Class::Protocol)
            }
            Failure::ProxyDenied => Sort::Bad(Class::Denied),
            Failure::Invalid => Sort::Bad(Class::Config),
        },
    }
}

fn backoff(attempt: u32, jitter: f64) -> Duration {
    let doubled =
        FIRST_BACKOFF.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(LONGEST_BACKOFF).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

/// The wait that a `Retry-After` asks for (RFC 9110, section 10.2.3): seconds, or a date measured from the reply's own
/// `Date`, otherwise from `now`. A date in the past is zero; a value that is neither is `None`.
pub fn retry_after(value: &str, date: Option<&str>, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // A number of seconds that is too large is still a wait, beyond any deadline.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let then = httpdate::parse_http_date(value).ok()?;
    let from = date.and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    Some(then.duration_since(from).unwrap_or_default())
}
