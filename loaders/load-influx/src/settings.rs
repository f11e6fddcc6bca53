//! What was typed and what the environment says: where points go, and how.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::{Arg, ValueEnum};
use etl_component::args::bytes;
use etl_component::rejects::Limit;
use etl_component::{Env, Fault, Secret, Variable, duration};
use etl_http::{BaseUrl, Client, HttpArgs, base_url};
use etl_load::StreamArgs;
use etl_load::args::{EmitKind, Task, VARIABLES as COMMON};
use etl_load::front::Cuts;

const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

const URL: Variable = Variable {
    required: true,
    unless: &["--url", "--plan"],
    ..text("INFLUX_URL", &[], "the server, if --url does not give it")
};
const DATABASE: Variable =
    text("INFLUX_DATABASE", &[], "the database of API v1 or v3, if --db does not give it");
const USERNAME: Variable = text("INFLUX_USERNAME", &[], "the user of API v1");
const PASSWORD: Variable = secret("INFLUX_PASSWORD", &[], "the user's password");
const BUCKET: Variable = text("INFLUX_BUCKET", &[], "the bucket of API v2, if --bucket does not give it");
const EITHER: Variable = text("BUCKET", &[], "the bucket if a token is set, otherwise the database");
const ORG: Variable = text("INFLUX_ORG", &[], "the organization of API v2, if --org does not give it");
const TOKEN: Variable = secret("INFLUX_TOKEN", &["INFLUX_KEY"], "the token of API v2 or v3");

/// Everything read from the environment, for `--describe`.
pub(crate) static VARIABLES: [Variable; 9] =
    [COMMON[0], URL, DATABASE, USERNAME, PASSWORD, BUCKET, EITHER, ORG, TOKEN];

const fn text(name: &'static str, aliases: &'static [&'static str], help: &'static str) -> Variable {
    Variable { name, aliases, secret: false, required: false, unless: &[], help }
}

const fn secret(name: &'static str, aliases: &'static [&'static str], help: &'static str) -> Variable {
    Variable { name, aliases, secret: true, required: false, unless: &[], help }
}

/// Load a stream of records as points into InfluxDB 1, 2 or 3, or into what has the same write API (VictoriaMetrics,
/// Telegraf). A point that is sent again replaces the earlier one, so a load can be repeated.
///
/// A short stream is verified before its first point is sent; one of more than 8 MiB is sent as it is read, unless
/// --spool is given
#[derive(clap::Parser)]
#[command(
    mut_args(as_points),
    after_help = "Examples:
  extract-openweather current --city Seattle | load-influx --url http://influx:8086 --db weather
  extract-file power.csv --schema power.schema.json | load-influx --bucket home --table power
  load-influx --schema power.schema.json --input power.ndjson --plan"
)]
pub(crate) struct Args {
    /// The server: http://HOST:8086, with a path if it has one [env: INFLUX_URL]
    #[arg(long, value_name = "URL", help_heading = "Server")]
    url: Option<String>,
    /// The write API; InfluxDB 3 has all of them; default: v2 with a bucket, otherwise v1
    #[arg(long, value_enum, help_heading = "Server")]
    api: Option<WriteApi>,
    /// The database of API v1 or v3 [env: INFLUX_DATABASE]
    #[arg(long, value_name = "NAME", help_heading = "Server")]
    db: Option<String>,
    /// The bucket of API v2 [env: INFLUX_BUCKET]
    #[arg(long, value_name = "NAME", help_heading = "Server")]
    bucket: Option<String>,
    /// The organization of API v2 [env: INFLUX_ORG]
    #[arg(long, value_name = "NAME", help_heading = "Server")]
    org: Option<String>,
    /// Create the database of API v1 if it is missing
    #[arg(long, help_heading = "Server")]
    create: bool,
    #[command(flatten)]
    stream: StreamArgs,
    /// Unit of the timestamps sent; a time that is finer is refused
    #[arg(long, value_enum, default_value = "ns", help_heading = "Load")]
    precision: Precision,
    /// What to do with points that the server refuses because they are older than it keeps points
    #[arg(long, value_enum, default_value = "reject", help_heading = "Load")]
    too_old: TooOld,
    /// Send what an endless input has brought this long after its first record, at the end of a segment, and go on
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Load")]
    flush_interval: Option<Duration>,
    /// Keep all points in a temporary file in this folder until the stream has ended and is verified
    #[arg(long, value_name = "DIR", help_heading = "Load")]
    spool: Option<PathBuf>,
    /// Most points in one request
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Network")]
    batch_lines: u32,
    /// Most bytes in one request, before compression
    #[arg(long, value_name = "BYTES", default_value = "4M", value_parser = bytes, help_heading = "Network")]
    batch_bytes: usize,
    /// Compress requests
    #[arg(long, help_heading = "Network")]
    gzip: bool,
    #[command(flatten)]
    http: HttpArgs,
}

/// The flags of every loader as they are meant for points. (`mut_arg` would move them to the end of the help.)
fn as_points(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "table" => arg
            .visible_alias("measurement")
            .value_name("MEASUREMENT")
            .help("The measurement to load into; default: that of the schema"),
        "schema" => arg.help(
            "The schema of the records: a name that `standpipe schema list` shows, or the path of a JSON Schema; default: that of the stream",
        ),
        "load_id" => arg.help(
            "Names the logical run, in the receipt only: points are not kept in a ledger [env: ETL_LOAD_ID]",
        ),
        "pipeline" => arg.help("Name of the pipeline, in the receipt only; --state-out keeps its state"),
        "rejects" => arg.help(
            "A file for records that fail the checks or that the server refuses, with --max-rejects; `standpipe unreject` reads it",
        ),
        "max_rejects" => arg.help("How many records of a load may be set aside, or what share of them"),
        "plan" => arg.help("Print what each field becomes, and touch nothing"),
        "retries" => arg.default_value("100"),
        "deadline" => arg.help("Time for one request and all its retries and waits"),
        _ => arg,
    }
}

/// The write API: <https://docs.influxdata.com/influxdb/v1/tools/api/#write-http-endpoint>,
/// <https://docs.influxdata.com/influxdb/v2/api/v2/#operation/PostWrite> or
/// <https://docs.influxdata.com/influxdb3/core/write-data/http-api/v3-write-lp/>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WriteApi {
    /// POST /write?db=
    V1,
    /// POST /api/v2/write?org=&bucket=
    V2,
    /// POST /api/v3/write_lp?db=
    V3,
}

/// The unit of timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Precision {
    /// Nanoseconds
    Ns,
    /// Microseconds
    Us,
    /// Milliseconds
    Ms,
    /// Seconds
    S,
}

impl Precision {
    /// Its name, as in `--precision`.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Precision::Ns => "ns",
            Precision::Us => "us",
            Precision::Ms => "ms",
            Precision::S => "s",
        }
    }

    /// Its name in a request: API v1 calls microseconds `u`, and v3 takes words.
    fn name(self, api: WriteApi) -> &'static str {
        match (self, api) {
            (Precision::Us, WriteApi::V1) => "u",
            (Precision::Ns, WriteApi::V3) => "nanosecond",
            (Precision::Us, WriteApi::V3) => "microsecond",
            (Precision::Ms, WriteApi::V3) => "millisecond",
            (Precision::S, WriteApi::V3) => "second",
            _ => self.unit(),
        }
    }
}

/// What to do with points that are older than the server keeps points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TooOld {
    /// Leave them out, with a warning and a count in the receipt
    Warn,
    /// Treat them as all points that the server refuses: set them aside under --max-rejects, otherwise fail
    Reject,
    /// Fail, also under --max-rejects
    Fail,
}

/// What becomes of points that the server refuses.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) too_old: TooOld,
    /// How many may be set aside; if none, refused points fail the load.
    pub(crate) aside: u64,
}

/// What a run does, every value checked.
pub(crate) struct Settings {
    /// What is loaded, and how it is reported.
    pub(crate) load: etl_load::Settings,
    /// Where it goes.
    pub(crate) database: Database,
}

/// Where points go, and how.
pub(crate) struct Database {
    pub(crate) base: BaseUrl,
    pub(crate) api: WriteApi,
    /// The database or bucket.
    pub(crate) name: String,
    /// The parameters of a write.
    pub(crate) query: Vec<(&'static str, String)>,
    /// The value of `Authorization`: its scheme, with a space, and the secret.
    pub(crate) authorization: Option<(&'static str, Secret)>,
    pub(crate) create: bool,
    pub(crate) terms: Terms,
    pub(crate) precision: Precision,
    pub(crate) batch_lines: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) gzip: bool,
    pub(crate) spool: Option<PathBuf>,
    http: HttpArgs,
    env: Env,
}

impl Settings {
    /// What these flags mean in this environment.
    ///
    /// # Errors
    /// 2 if flags contradict each other, 78 if nothing says where points go, or if a variable is empty.
    pub(crate) fn new(args: Args, env: &Env) -> Result<Settings, Fault> {
        let cuts = Cuts { every: None, interval: args.flush_interval };
        let load = etl_load::Settings::of_stream(args.stream, cuts, env)?;
        if load.emit == EmitKind::New {
            return Err(Fault::usage("--emit new: InfluxDB does not say which points are new"));
        }
        let known = |flag: Option<String>, variable: &Variable| match flag {
            Some(flag) => Ok(Some(flag)),
            None => Ok::<_, Fault>(env.text(variable)?.map(|(_, value)| value.to_owned())),
        };
        // A plan asks no server, so it does not matter which one it would be.
        let planned = |instead: &str| (load.task == Task::Plan).then(|| instead.to_owned());
        let url = known(args.url, &URL)?
            .or_else(|| planned("http://localhost:8086"))
            .ok_or_else(|| Fault::config("no server is given: set INFLUX_URL or --url"))?;
        let (db, bucket) = (known(args.db, &DATABASE)?, known(args.bucket, &BUCKET)?);
        let (either, org) = (known(None, &EITHER)?, known(args.org, &ORG)?);
        let (token, password) = (env.header_secret(&TOKEN)?, env.secret(&PASSWORD)?);
        let username = known(None, &USERNAME)?;
        // RFC 7617, section 2: the colon ends the name.
        if username.as_ref().is_some_and(|name| name.contains(|c: char| c == ':' || c.is_control())) {
            let name = USERNAME.name;
            return Err(Fault::config(format!(
                "{name} contains a colon or a control character, which a header cannot carry"
            )));
        }

        let api = match args.api {
            Some(api) => api,
            None => api(db.is_some(), bucket.is_some(), token.is_some())?,
        };
        let (own, what) = match api {
            WriteApi::V1 => (
                db,
                "no database is given: set INFLUX_DATABASE or --db (API v1), or INFLUX_BUCKET or --bucket (API v2)",
            ),
            WriteApi::V2 => (bucket, "no bucket is given: set INFLUX_BUCKET or --bucket"),
            WriteApi::V3 => (db, "no database is given: set INFLUX_DATABASE or --db"),
        };
        let name = own.or(either).or_else(|| planned("…")).ok_or_else(|| Fault::config(what))?;
        if args.create && api != WriteApi::V1 {
            return Err(Fault::usage(match api {
                WriteApi::V3 => {
                    "--create creates a database of API v1; InfluxDB 3 creates one with its first point"
                }
                _ => "--create creates a database of API v1; a bucket of API v2 must already exist",
            }));
        }
        let precision = ("precision", args.precision.name(api).to_owned());
        let query = match api {
            WriteApi::V1 => vec![("db", name.clone()), precision],
            WriteApi::V2 => {
                org.map(|org| ("org", org)).into_iter().chain([("bucket", name.clone()), precision]).collect()
            }
            // What is answered as stored is on disk, and a refused point keeps no other one out.
            WriteApi::V3 => {
                let fixed = [("accept_partial", "true"), ("no_sync", "false")];
                let fixed = fixed.map(|(name, value)| (name, value.to_owned()));
                [("db", name.clone()), precision].into_iter().chain(fixed).collect()
            }
        };
        let authorization = authorization(api, username, password, token)?;
        let base = base_url(&url, true)?;
        if authorization.is_some() && base_url(&url, false).is_err() {
            log::warn!("{}: credentials travel unencrypted over http://", base.host());
        }
        let aside = match load.max_rejects {
            Limit::Count(count) => count,
            // The end of the load shows how many that are.
            Limit::Share(_) => u64::MAX,
        };
        let database = Database {
            base,
            api,
            name,
            query,
            authorization,
            create: args.create,
            terms: Terms { too_old: args.too_old, aside },
            precision: args.precision,
            batch_lines: args.batch_lines as usize,
            batch_bytes: args.batch_bytes,
            gzip: args.gzip,
            spool: args.spool,
            http: args.http,
            env: env.clone(),
        };
        Ok(Settings { load, database })
    }
}

/// The API that follows from what is given.
fn api(db: bool, bucket: bool, token: bool) -> Result<WriteApi, Fault> {
    match (db, bucket) {
        (true, true) => Err(Fault::usage(
            "both a database (--db, INFLUX_DATABASE) and a bucket (--bucket, INFLUX_BUCKET) are given; choose with --api v1, \
             v2 or v3",
        )),
        (true, false) => Ok(WriteApi::V1),
        (false, true) => Ok(WriteApi::V2),
        (false, false) => Ok(if token { WriteApi::V2 } else { WriteApi::V1 }),
    }
}

/// The value of `Authorization`: its scheme, with a space, and the secret.
fn authorization(
    api: WriteApi,
    username: Option<String>,
    password: Option<Secret>,
    token: Option<Secret>,
) -> Result<Option<(&'static str, Secret)>, Fault> {
    let lacks = |set: &str, unset: &str| Err(Fault::config(format!("{set} is set, but {unset} is not")));
    match (api, username, password, token) {
        (WriteApi::V1, Some(user), Some(password), _) => {
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            Ok(Some(("Basic ", Secret::new(pair))))
        }
        (WriteApi::V3, .., Some(token)) => Ok(Some(("Bearer ", token))),
        // InfluxDB 2 accepts its token for API v1, too.
        (.., Some(token)) => Ok(Some(("Token ", token))),
        (WriteApi::V1, Some(_), None, None) => lacks(USERNAME.name, PASSWORD.name),
        (WriteApi::V1, None, Some(_), None) => lacks(PASSWORD.name, USERNAME.name),
        (.., None) => Ok(None),
    }
}

impl Database {
    /// A new client, for one thread; sends nothing.
    ///
    /// # Errors
    /// 78 if the CA file or a proxy variable cannot be used.
    pub(crate) fn client(&self) -> Result<Client, Fault> {
        Client::new(&self.http, true, &self.env, USER_AGENT)
    }

    /// The address for messages: `influx:8086/weather`.
    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.base.host(), self.name)
    }
}
