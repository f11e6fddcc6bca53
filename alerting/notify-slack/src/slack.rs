//! Slack over HTTP: where messages go, and how one is posted.

use std::io::Write;
use std::path::Path;

use etl_component::{Context, Env, Fault, Output, Secret, Variable, redact};
use etl_http::{BaseUrl, Client, Reply, Request, Verdict, base_url};
use etl_stream::writer::io_fault;

use crate::args::{BOT_TOKEN, Destination, WEBHOOK};
use crate::message::Message;
use crate::reply;

const JSON: &str = "application/json; charset=utf-8";
/// A part of a webhook's path that is at least so long may be a secret.
const SHORTEST_SECRET: usize = 8;

/// Where messages go.
pub(crate) enum Slack {
    /// To Slack.
    Online {
        /// Sends them.
        client: Client,
        /// By which way.
        transport: Transport,
        /// The channel, where the way does not lead to one.
        channel: Option<String>,
    },
    /// To stdout, a payload a line.
    DryRun {
        /// Where they are printed.
        output: Output,
        /// The channel they would go to.
        channel: Option<String>,
    },
}

/// The ways to post.
pub(crate) enum Transport {
    /// An incoming webhook, whose address is the secret.
    Webhook(BaseUrl),
    /// `chat.postMessage`.
    Api(BaseUrl, Secret),
}

/// Judges a reply; `None` leaves it to the common rules.
type Judge = fn(&Reply) -> Option<Verdict>;

impl Slack {
    /// Finds the credentials; sends nothing. A dry run needs none.
    ///
    /// # Errors
    /// 78, naming the variable or the flag that is missing or wrong; 74 if the output cannot be created.
    pub(crate) fn open(destination: &Destination, context: &Context) -> Result<Slack, Fault> {
        register_webhooks(&context.env);
        let channel = destination.channel.clone();
        if destination.dry_run {
            return Ok(Slack::DryRun { output: Output::create(Path::new("-"))?, channel });
        }
        let allow_http = destination.allow_http;
        let transport = if channel.is_some() {
            let base = base_url(&destination.api_url, allow_http)
                .map_err(|fault| Fault::config("--api-url").because(fault))?;
            Transport::Api(base, context.env.required_secret(&BOT_TOKEN)?)
        } else {
            Transport::Webhook(webhook(&context.env, allow_http)?)
        };
        let client = Client::new(&destination.http, allow_http, &context.env, &context.producer())?;
        Ok(Slack::Online { client, transport, channel })
    }

    /// Posts a message; once more without blocks if Slack does not take them.
    ///
    /// # Errors
    /// As `reply` says, with the host; 74 or 141 if a dry run cannot print.
    pub(crate) fn post(&mut self, message: &Message) -> Result<(), Fault> {
        match self {
            Slack::DryRun { output, channel } => {
                let line = redact(&message.payload(channel.as_deref(), true)) + "\n";
                output.write_all(line.as_bytes()).map_err(io_fault)
            }
            Slack::Online { client, transport, channel } => {
                let payload = |with_blocks| message.payload(channel.as_deref(), with_blocks);
                let (judge, last): (Judge, Judge) = match transport {
                    Transport::Webhook(_) => (reply::of_webhook, reply::last_of_webhook),
                    Transport::Api(..) => (reply::of_api, reply::last_of_api),
                };
                let answer = client.send(&transport.request(payload(true)).classify(judge))?;
                let Some(refusal) = reply::refused_payload(&answer) else { return Ok(()) };
                log::warn!("{}: {refusal}; posting the message as plain text", answer.host);
                client.send(&transport.request(payload(false)).classify(last)).map(|_| ())
            }
        }
    }

    /// What became of a message, for the summary.
    pub(crate) fn done(&self) -> &'static str {
        match self {
            Slack::Online { .. } => "posted",
            Slack::DryRun { .. } => "printed",
        }
    }
}

impl Transport {
    fn request(&self, payload: String) -> Request {
        let request = match self {
            Transport::Webhook(address) => Request::post(address, "", JSON, payload.into_bytes()),
            Transport::Api(base, token) => {
                Request::post(base, "chat.postMessage", JSON, payload.into_bytes())
                    .secret_header("Authorization", "Bearer ", token)
                    .header("Accept", "application/json")
            }
        };
        request.min_wait_429(reply::PACE)
    }
}

/// The webhook's address.
fn webhook(env: &Env, allow_http: bool) -> Result<BaseUrl, Fault> {
    let url = env.required_secret(&WEBHOOK).map_err(|fault| match env.text(&BOT_TOKEN) {
        Some((name, _)) => Fault::config(format!("{fault}; {name} is set, and needs --channel")),
        None => fault,
    })?;
    let name = env.text(&WEBHOOK).map_or(WEBHOOK.name, |(name, _)| name);
    base_url(url.expose(), allow_http).map_err(|fault| Fault::config(name).because(fault))
}

/// Registers what is secret in the addresses that are set, used or not: the cause of a failure may quote one.
fn register_webhooks(env: &Env) {
    for name in std::iter::once(WEBHOOK.name).chain(WEBHOOK.aliases.iter().copied()) {
        let variable = Variable { name, aliases: &[], ..WEBHOOK };
        if let Ok(Some(url)) = env.secret(&variable) {
            register_parts(url.expose());
        }
    }
}

/// Registers the path of a webhook's address and what in it may be a secret by itself, for other programs quote parts.
fn register_parts(url: &str) {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let Some((_, path)) = after_scheme.split_once('/') else { return };
    for part in path.split(['/', '?', '&', '=', '#', '@']).filter(|part| may_be_secret(part)) {
        Secret::new(part);
    }
    let path = path.trim_matches('/');
    if path.len() >= SHORTEST_SECRET {
        Secret::new(path);
    }
}

/// Words such as `services` and `workflows` are not: they would be blotted out wherever they stand.
fn may_be_secret(part: &str) -> bool {
    let is_word = part.len() < 20 && part.chars().all(|c| c.is_ascii_lowercase());
    part.len() >= SHORTEST_SECRET && !is_word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_in_an_address() {
        for (part, secret) in [
            ("T00000000", true),
            ("B0AAAAAAA1", true),
            ("XXXXXXXXXXXXXXXXXXXXXXXX", true),
            ("abcdefghijklmnopqrstuvwxyz", true),
            ("services", false),
            ("workflows", false),
            ("hooks", false),
            ("v1", false),
            ("", false),
        ] {
            assert_eq!(may_be_secret(part), secret, "{part}");
        }
    }
}
