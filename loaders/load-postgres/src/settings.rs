//! Where to connect and as whom, told in the ways users of libpq know (PostgreSQL 15, chapters 34.1.2, 34.15 to 34.19).
//!
//! What libpq knows is either honoured or refused with 78. Nothing that was asked for is left out in silence.

mod conninfo;
mod hosts;
mod passfile;
mod service;
mod sources;
mod ssl;
mod system;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use etl_component::{Env, Fault};
use postgres::Config;
use postgres::config::{ChannelBinding, LoadBalanceHosts, TargetSessionAttrs};

use crate::tls::{Connector, Policy};
use sources::Params;
pub(crate) use words::VARIABLES;

/// How long one host may take to answer, unless `connect_timeout` says otherwise. libpq waits for ever.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The most that Linux takes for `TCP_KEEPIDLE` and `TCP_KEEPINTVL`, in seconds, and for `TCP_KEEPCNT` (include/net/tcp.h).
const MAX_KEEPALIVE: (i64, i64) = (32_767, 127);

/// How to connect.
pub(crate) struct Settings {
    config: Config,
    tls: Policy,
    name: String,
}

impl Settings {
    /// Reads the environment and the files it leads to.
    ///
    /// # Errors
    /// 78, naming the variable or the key word.
    pub(crate) fn from_env(env: &Env) -> Result<Settings, Fault> {
        let home = system::home(env);
        let params = Params::gather(env, home.as_deref())?;
        words::refuse_unsupported(&params)?;
        let hosts = hosts::endpoints(&params)?;
        let user = match params.text("user") {
            Some(user) => user.to_owned(),
            None => system::user(env)?,
        };
        let dbname = params.text("dbname").unwrap_or(&user).to_owned();
        let ssl = ssl::read(&params, env, home.as_deref(), &hosts)?;
        let password = match params.password() {
            Some(password) => Some(password.clone()),
            None => passfile::password(&params, home.as_deref(), &hosts, &dbname, &user)?,
        };

        let mut config = Config::new();
        config.user(&user).dbname(&dbname).ssl_mode(ssl.mode).ssl_negotiation(ssl.negotiation);
        if let Some(password) = password {
            config.password(password.expose());
        }
        hosts::apply(&hosts, &mut config);
        let name = params.text("application_name").or(params.text("fallback_application_name"));
        config.application_name(name.unwrap_or(env!("CARGO_PKG_NAME")));
        if let Some(options) = options(&params, env) {
            config.options(&options);
        }
        choices(&params, &mut config)?;
        times(&params, &mut config)?;
        let list: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        Ok(Settings { config, tls: ssl.policy, name: format!("{}/{dbname}", list.join(",")) })
    }

    /// What to connect with, together with [`Settings::tls`].
    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }

    /// The TLS side of a connection. Certificates and keys are read anew each time.
    ///
    /// # Errors
    /// 78 if one of their files is not usable.
    pub(crate) fn tls(&self) -> Result<Connector, Fault> {
        self.tls.connector()
    }

    /// `host:port/database` for messages.
    pub(crate) fn name(&self) -> String {
        self.name.clone()
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

fn choices(params: &Params, config: &mut Config) -> Result<(), Fault> {
    let attrs = [
        ("any", TargetSessionAttrs::Any),
        ("read-write", TargetSessionAttrs::ReadWrite),
        ("read-only", TargetSessionAttrs::ReadOnly),
    ];
    if let Some(attrs) = params.choice("target_session_attrs", &attrs)? {
        config.target_session_attrs(attrs);
    }
    let balance = [("disable", LoadBalanceHosts::Disable), ("random", LoadBalanceHosts::Random)];
    if let Some(balance) = params.choice("load_balance_hosts", &balance)? {
        config.load_balance_hosts(balance);
    }
    let binding = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    if let Some(binding) = params.choice("channel_binding", &binding)? {
        config.channel_binding(binding);
    }
    Ok(())
}

fn times(params: &Params, config: &mut Config) -> Result<(), Fault> {
    let any = i64::from(i32::MAX);
    let positive = |number: Option<i64>| number.and_then(|n| u64::try_from(n).ok()).filter(|&n| n > 0);
    match params.number("connect_timeout", any)? {
        None => config.connect_timeout(CONNECT_TIMEOUT),
        // Zero and less wait for ever.
        Some(seconds) if seconds <= 0 => config,
        Some(seconds) => config.connect_timeout(Duration::from_secs(seconds.unsigned_abs())),
    };
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
