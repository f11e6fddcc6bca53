//! A service as one run uses it: its key, what its requests have in common, and the rules for its replies.

use std::time::Duration;

use etl_component::{Class, Env, Fault, Secret, Variable, redact};

use crate::args::SourceArgs;
use crate::client::Client;
use crate::error::Error;
use crate::quota::{Ledger, Quota};
use crate::quote::quote;
use crate::reply::Reply;
use crate::request::{Judge, Request};
use crate::url::BaseUrl;

/// What is known about a service before a run.
///
/// ```
/// use etl_component::Variable;
/// use etl_http::{Api, Key, Per, Place, Quota};
///
/// const KEY: Variable =
///     Variable { name: "FINNHUB_API_KEY", aliases: &[], secret: true, required: true, unless: &[], help: "the key" };
/// const FINNHUB: Api = Api {
///     key: Some(Key { variable: KEY, place: Place::Header("X-Finnhub-Token") }),
///     headers: &[("Accept", "application/json")],
///     quota: Some(Quota { calls: 60, per: Per::Minute }),
///     ..Api::PLAIN
/// };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Api {
    /// The key, if the service has one.
    pub key: Option<Key>,
    /// Headers of every request.
    pub headers: &'static [(&'static str, &'static str)],
    /// Judges each reply before the common rules do.
    pub judge: Option<Judge>,
    /// The shortest wait after a 429 that has no readable `Retry-After`.
    pub min_wait_429: Duration,
    /// The limit that `--quota` enforces; without one the flag is refused.
    pub quota: Option<Quota>,
    /// The least time from one request to the next of a run, for a limit by the second.
    pub gap: Duration,
}

impl Api {
    /// No key and no rule of its own.
    pub const PLAIN: Api = Api {
        key: None,
        headers: &[],
        judge: None,
        min_wait_429: Duration::ZERO,
        quota: None,
        gap: Duration::ZERO,
    };
}

/// A key, and how it travels.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it is read from. If the variable is not required and not set, requests go without a key.
    pub variable: Variable,
    /// Where the service looks for it.
    pub place: Place,
}

/// The places of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A query parameter of this name, the last one.
    Query(&'static str),
    /// A header of this name.
    Header(&'static str),
    /// `Authorization: Bearer …`
    Bearer,
}

/// Asks one service. Its key goes to the origin of its base address and nowhere else.
#[derive(Debug)]
pub struct Service {
    pub(crate) client: Client,
    api: Api,
    base: BaseUrl,
    key: Option<(Place, Secret)>,
    allow_http: bool,
}

impl Service {
    /// Reads the key and prepares the client; sends nothing. A replay needs no key, and asks no quota. `user_agent`
    /// is like `extract-openweather/0.1.0`.
    ///
    /// # Errors
    /// 78 if the key is missing, empty or not fit for its header, or if the CA file or a proxy variable cannot be used;
    /// 2 for `--quota` where the service has none.
    pub fn new(
        api: &Api,
        base: &BaseUrl,
        args: &SourceArgs,
        env: &Env,
        user_agent: &str,
    ) -> Result<Service, Fault> {
        let mut client = Client::of_source(args, env, user_agent)?;
        let ledger = match (&args.quota, api.quota) {
            (None, _) => None,
            (Some(path), Some(quota)) => Some(Ledger::new(path.clone(), quota)),
            (Some(_), None) => return Err(Fault::usage("--quota: the service has no known quota")),
        };
        let mut key = None;
        if !client.replaying() {
            client.quota = ledger;
            client.gap = api.gap;
            key = api.key.map(|key| key.read(env)).transpose()?.flatten();
        }
        Ok(Service { client, api: *api, base: base.clone(), key, allow_http: args.allow_http })
    }

    /// Whether replies come from cassettes: then neither key nor network is needed.
    pub fn replaying(&self) -> bool {
        self.client.replaying()
    }

    /// A GET of `path` below the base address; the path is percent-encoded here, slashes excepted.
    pub fn get(&self, path: &str) -> Request {
        self.dressed(Request::get(&self.base, path))
    }

    /// A GET of a whole address, as a feed's is, which may be another server's.
    pub fn at(&self, address: &BaseUrl) -> Request {
        self.dressed(Request::get(address, ""))
    }

    /// A GET of a link that the reply to `from` had in a header or in its body: absolute or relative, and used as
    /// given. To another origin it goes without the key. In a replay nothing is sent, and a recorded link may name
    /// another server than `--base-url` does: every link then counts as the service's own.
    ///
    /// # Errors
    /// 76 if it is not a link, leads to plain HTTP that is not allowed, or would carry a secret to another origin.
    pub fn follow(&self, from: &Request, link: &str) -> Result<Request, Error> {
        let refused = |why: &str| {
            let message = redact(&format!("{}: the link {:?} {why}", from.base.host(), quote(link)));
            Error::lasting(Class::Protocol, message, None)
        };
        let to = from.url().join(link).map_err(|why| refused(&format!("cannot be followed: {why}")))?;
        if self.replaying() || to.origin == self.base.origin {
            let folder = format!("{}/", self.base.path);
            let below = to.target.strip_prefix(&folder).filter(|_| !self.base.whole);
            let path = if below.is_some() { &self.base.path } else { "" };
            let base = BaseUrl { path: path.to_owned(), whole: false, ..self.base.clone() };
            return Ok(self.dressed(Request::given(base, below.unwrap_or(&to.target))));
        }
        if self.base.origin.https && !to.origin.https || !to.origin.is_allowed(self.allow_http) {
            return Err(refused("is not followed: it leads to http://"));
        }
        if redact(&to.target) != to.target {
            return Err(refused("is not followed: it would carry a secret to another server"));
        }
        let base = BaseUrl { origin: to.origin, path: String::new(), secret: false, whole: false };
        Ok(self.dressed(Request::given(base, &to.target)))
    }

    /// Whether a request goes to the origin of the base address.
    pub(crate) fn owns(&self, request: &Request) -> bool {
        request.base.origin == self.base.origin
    }

    /// Sends a request, with the key if it goes to the service's own origin, until a good reply comes, or trying again is
    /// useless.
    ///
    /// # Errors
    /// Those of [`Client::send`].
    pub fn send(&self, request: &Request) -> Result<Reply, Error> {
        match &self.key {
            Some((place, key)) if self.owns(request) => self.client.send(&place.put(key, request.clone())),
            _ => self.client.send(request),
        }
    }

    fn dressed(&self, request: Request) -> Request {
        let headers = self.api.headers.iter();
        let request = headers.fold(request, |request, (name, value)| request.header(name, value));
        let request = request.min_wait_429(self.api.min_wait_429);
        match self.api.judge {
            Some(judge) => request.classify(judge),
            None => request,
        }
    }
}

impl Key {
    fn read(self, env: &Env) -> Result<Option<(Place, Secret)>, Fault> {
        let key = match (self.place.is_header(), self.variable.required) {
            (true, true) => Some(env.required_header_secret(&self.variable)?),
            (true, false) => env.header_secret(&self.variable)?,
            (false, true) => Some(env.required_secret(&self.variable)?),
            (false, false) => env.secret(&self.variable)?,
        };
        Ok(key.map(|key| (self.place, key)))
    }
}

impl Place {
    fn is_header(self) -> bool {
        !matches!(self, Place::Query(_))
    }

    fn put(self, key: &Secret, request: Request) -> Request {
        match self {
            // A link that is followed may already have it.
            Place::Query(name) if request.is_given(name) => request,
            Place::Query(name) => request.secret_query(name, key),
            Place::Header(name) => request.secret_header(name, "", key),
            Place::Bearer => request.secret_header("Authorization", "Bearer ", key),
        }
    }
}
