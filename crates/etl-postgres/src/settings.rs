//! Where to connect and as whom, set in the ways that users of libpq know (PostgreSQL 15, chapters 34.1.2 and 34.15 to
//! 34.19).
//!
//! Every setting of libpq is either honoured or refused with 78. Nothing that was asked for is silently left out.

mod conninfo;
mod hosts;
mod params;
mod passfile;
mod service;
mod sources;
mod ssl;
mod system;
#[cfg(test)]
mod tests;
mod unsupported;
mod words;

use std::time::Duration;

use etl_component::{Env, Fault};
use postgres::config::ChannelBinding;
use tokio_postgres::Config;

use crate::tls::Policy;
pub(crate) use hosts::Endpoint;
use params::Params;
use passfile::PassFile;
pub use words::VARIABLES;

/// How long one host may take to answer, unless `connect_timeout` says otherwise. libpq waits forever.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The most that Linux accepts for `TCP_KEEPIDLE` and `TCP_KEEPINTVL`, in seconds, and for `TCP_KEEPCNT`
/// (include/net/tcp.h).
const MAX_KEEPALIVE: (i64, i64) = (32_767, 127);

/// How to connect.
pub struct Settings {
    pub(crate) hosts: Vec<Endpoint>,
    /// Whether they are tried in random order.
    pub(crate) random: bool,
    dbname: String,
    /// What is the same for all hosts.
    pub(crate) config: Config,
    pub(crate) tls: Policy,
    pub(crate) wanted: Wanted,
    /// `None` waits forever.
    pub(crate) timeout: Option<Duration>,
}

/// What a session must be like: `target_session_attrs`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wanted {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
}

impl Settings {
    /// Reads the environment ([`VARIABLES`]) and the files that it refers to. The component's name becomes the
    /// `application_name`, unless another was asked for.
    ///
    /// # Errors
    /// 78, naming the variable or the key word.
    pub fn new(env: &Env, component: &str) -> Result<Settings, Fault> {
        let home = system::home(env);
        let params = sources::gather(env, home.as_deref())?;
        unsupported::refuse(&params)?;
        let mut hosts = hosts::endpoints(&params)?;
        let user = match params.text("user") {
            Some(user) => user.to_owned(),
            None => system::user(env)?,
        };
        let dbname = dbname(&params)?.unwrap_or(&user).to_owned();
        let ssl = ssl::read(&params, env, home.as_deref(), &hosts)?;
        match params.password() {
            Some(password) => hosts.iter_mut().for_each(|host| host.password = Some(password.clone())),
            None => {
                if let Some(file) = PassFile::read(&params, home.as_deref()) {
                    hosts.iter_mut().for_each(|host| host.password = file.password(host, &dbname, &user));
                }
            }
        }

        let mut config = Config::new();
        config.user(&user).dbname(&dbname).ssl_mode(ssl.mode).ssl_negotiation(ssl.negotiation);
        let name = params.text("application_name").or(params.text("fallback_application_name"));
        config.application_name(name.unwrap_or(component));
        if let Some(options) = options(&params, env) {
            config.options(&options);
        }
        binding(&params, &mut config)?;
        keepalives(&params, &mut config)?;
        let timeout = timeout(&params)?;
        if let Some(timeout) = timeout {
            config.connect_timeout(timeout);
        }
        let balance = params.choice("load_balance_hosts", &[("disable", false), ("random", true)])?;
        let (random, wanted) = (balance == Some(true), wanted(&params)?);
        Ok(Settings { hosts, random, dbname, config, tls: ssl.policy, wanted, timeout })
    }

    /// `host:port/database` for messages.
    pub fn name(&self) -> String {
        let list: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        format!("{}/{}", list.join(","), self.dbname)
    }

    /// The same for one host.
    pub(crate) fn name_of(&self, host: &Endpoint) -> String {
        format!("{host}/{}", self.dbname)
    }
}

/// The database, if it is named. A URL in its place is refused: the name is shown in messages.
fn dbname(params: &Params) -> Result<Option<&str>, Fault> {
    match params.get("dbname") {
        Some(given) if given.text().contains("://") => {
            Err(given.refuse("a connection string belongs in DATABASE_URL"))
        }
        _ => Ok(params.text("dbname")),
    }
}

/// The command line of the server's process: `options`, then what libpq sends as parameters of their own, which the
/// `postgres` crate cannot. A later one wins, as there.
fn options(params: &Params, env: &Env) -> Option<String> {
    let mut parts: Vec<String> = params.text("options").map(str::to_owned).into_iter().collect();
    for (variable, parameter) in words::SESSION {
        let value = env.get(variable).filter(|value| !value.is_empty());
        // libpq does not send what is `default` (fe-protocol3.c, build_startup_packet).
        if let Some(value) = value.filter(|value| !value.eq_ignore_ascii_case("default")) {
            parts.push(format!("-c {parameter}={}", escape(value)));
        }
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// Whitespace and backslashes are escaped with a backslash (chapter 34.1.2, `options`).
fn escape(value: &str) -> String {
    value.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii_whitespace() || c == '\\' {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

/// Without `prefer-standby`, for which nobody has a use yet.
fn wanted(params: &Params) -> Result<Wanted, Fault> {
    let choices = [
        ("any", Wanted::Any),
        ("read-write", Wanted::ReadWrite),
        ("read-only", Wanted::ReadOnly),
        ("primary", Wanted::Primary),
        ("standby", Wanted::Standby),
    ];
    Ok(params.choice("target_session_attrs", &choices)?.unwrap_or(Wanted::Any))
}

fn binding(params: &Params, config: &mut Config) -> Result<(), Fault> {
    let choices = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    if let Some(binding) = params.choice("channel_binding", &choices)? {
        config.channel_binding(binding);
    }
    Ok(())
}

/// Zero and less wait forever.
fn timeout(params: &Params) -> Result<Option<Duration>, Fault> {
    Ok(match params.number("connect_timeout", i64::from(i32::MAX))? {
        None => Some(CONNECT_TIMEOUT),
        Some(seconds) => u64::try_from(seconds).ok().filter(|&seconds| seconds > 0).map(Duration::from_secs),
    })
}

fn keepalives(params: &Params, config: &mut Config) -> Result<(), Fault> {
    let any = i64::from(i32::MAX);
    let positive = |number: Option<i64>| number.and_then(|n| u64::try_from(n).ok()).filter(|&n| n > 0);
    if let Some(milliseconds) = positive(params.number("tcp_user_timeout", any)?) {
        config.tcp_user_timeout(Duration::from_millis(milliseconds));
    }
    config.keepalives(params.number("keepalives", any)? != Some(0));
    if let Some(seconds) = positive(params.number("keepalives_idle", MAX_KEEPALIVE.0)?) {
        config.keepalives_idle(Duration::from_secs(seconds));
    }
    if let Some(seconds) = positive(params.number("keepalives_interval", MAX_KEEPALIVE.0)?) {
        config.keepalives_interval(Duration::from_secs(seconds));
    }
    if let Some(count) = positive(params.number("keepalives_count", MAX_KEEPALIVE.1)?) {
        config.keepalives_retries(u32::try_from(count).unwrap_or(u32::MAX));
    }
    Ok(())
}
