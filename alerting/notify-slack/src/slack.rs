//! Slack over HTTP: where messages go, and how one is posted.

use std::io::Write;
use std::path::Path;

use etl_component::{Context, Env, Fault, Output, Secret, signals};
use etl_http::{BaseUrl, Client, Judge, Request, base_url, secret_url};
use etl_stream::writer::io_fault;

use crate::args::{BOT_TOKEN, Destination, WEBHOOK};
use crate::message::Message;
use crate::reply;

const JSON: &str = "application/json; charset=utf-8";

/// Where messages go.
pub(crate) enum Slack {
    /// To Slack.
    Online {
        /// Sends the messages.
        client: Box<Client>,
        /// How they are sent.
        transport: Transport,
        /// The channel, if the transport does not imply one.
        channel: Option<String>,
    },
    /// To stdout, one payload per line.
    DryRun {
        /// Where payloads are printed.
        output: Output,
        /// The channel they would go to.
        channel: Option<String>,
    },
}

/// The ways to post a message.
pub(crate) enum Transport {
    /// An incoming webhook, whose address is a secret.
    Webhook(BaseUrl),
    /// `chat.postMessage`.
    Api(BaseUrl, Secret),
}

impl Slack {
    /// Finds the credentials, without sending anything. A dry run needs no credentials.
    ///
    /// # Errors
    /// 78, naming the variable or flag that is missing or wrong; 74 if the output cannot be created.
    pub(crate) fn open(destination: &Destination, context: &Context) -> Result<Slack, Fault> {
        let channel = destination.channel.clone();
        if destination.dry_run {
            return Ok(Slack::DryRun { output: Output::create(Path::new("-"))?, channel });
        }
        let allow_http = destination.allow_http;
        let transport = if channel.is_some() {
            let base = base_url(&destination.api_url, allow_http)
                .map_err(|fault| Fault::config("--api-url").because(fault))?;
            Transport::Api(base, context.env.required_header_secret(&BOT_TOKEN)?)
        } else {
            Transport::Webhook(webhook(&context.env, allow_http)?)
        };
        let client = Client::new(&destination.http, allow_http, &context.env, &context.producer())?;
        Ok(Slack::Online { client: Box::new(client), transport, channel })
    }

    /// Posts a message, and posts it again without blocks if Slack refuses those.
    ///
    /// # Errors
    /// As the module `reply` says, with the host; 74 or 141 if a dry run cannot print.
    pub(crate) fn post(&mut self, message: &Message) -> Result<(), Fault> {
        match self {
            Slack::DryRun { output, channel } => {
                let line = message.payload(channel.as_deref(), true) + "\n";
                output.write_all(line.as_bytes()).map_err(io_fault)
            }
            Slack::Online { client, transport, channel } => {
                let payload = |with_blocks| message.payload(channel.as_deref(), with_blocks);
                let (judge, last): (Judge, Judge) = match transport {
                    Transport::Webhook(_) => (reply::of_webhook, reply::last_of_webhook),
                    Transport::Api(..) => (reply::of_api, reply::last_of_api),
                };
                let _under_way = signals::sending(1, "message");
                let answer = client.send(&transport.request(payload(true)).classify(judge))?;
                if let Some(refusal) = reply::refused_payload(&answer) {
                    log::warn!("{}: {refusal}; posting the message as plain text", answer.host);
                    client.send(&transport.request(payload(false)).classify(last))?;
                }
                signals::sent(1, "message");
                Ok(())
            }
        }
    }

    /// What was done with the messages, for the summary.
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
        Ok(Some((name, _))) => Fault::config(format!("{fault}; {name} is set, but needs --channel")),
        _ => fault,
    })?;
    let name = env.text(&WEBHOOK)?.map_or(WEBHOOK.name, |(name, _)| name);
    secret_url(&url, allow_http).map_err(|fault| Fault::config(name).because(fault))
}
