//! The webhook over HTTP: where messages go, and how one is posted.

use std::io::Write;
use std::path::Path;

use etl_component::{Context, Env, Fault, Output, Secret, signals};
use etl_http::{BaseUrl, Client, Request, secret_address, secret_url};
use etl_stream::writer::io_fault;
use ring::hmac;
use serde_json::json;

use crate::args::{ADDRESS, Destination, HMAC_KEY, Method, SECRET};
use crate::form::Message;
use crate::header::Header;

/// The header of the signature.
const SIGNATURE: &str = "X-Signature-256";

/// Where messages go.
pub(crate) enum Webhook {
    /// To the address.
    Online(Box<Online>),
    /// To stdout, a message per line.
    DryRun {
        /// Where they are printed.
        output: Output,
        /// Whether they are pings.
        pings: bool,
    },
}

/// What a request is made of.
pub(crate) struct Online {
    client: Client,
    address: BaseUrl,
    /// Where a ping says that a run has failed.
    failure: Option<BaseUrl>,
    method: Method,
    headers: Vec<Header>,
    secret: Option<(String, Secret)>,
    key: Option<Secret>,
}

impl Webhook {
    /// Finds address and secrets, without sending anything. A dry run needs none.
    ///
    /// # Errors
    /// 78, naming the variable that is missing or wrong; 74 if the output cannot be created.
    pub(crate) fn open(destination: &Destination, context: &Context) -> Result<Webhook, Fault> {
        let (env, allow_http) = (&context.env, destination.allow_http);
        if destination.dry_run {
            return Ok(Webhook::DryRun { output: Output::create(Path::new("-"))?, pings: destination.pings });
        }
        let url = env.required_secret(&ADDRESS)?;
        let named = |fault| Fault::config(ADDRESS.name).because(fault);
        let (address, failure) = if destination.pings {
            // The address of a failure is below that of success, so it cannot have a query.
            let below = Secret::new(format!("{}/fail", url.expose().trim().trim_end_matches('/')));
            let success = secret_url(&url, allow_http).map_err(named)?;
            (success, Some(secret_url(&below, allow_http).map_err(named)?))
        } else {
            (secret_address(&url, allow_http).map_err(named)?, None)
        };
        Ok(Webhook::Online(Box::new(Online {
            client: Client::new(&destination.http, allow_http, env, &context.producer())?,
            address,
            failure,
            method: destination.method,
            headers: destination.headers.clone(),
            secret: secret(env, destination.secret_header.as_deref())?,
            key: env.secret(&HMAC_KEY)?,
        })))
    }

    /// Posts a message.
    ///
    /// # Errors
    /// As the policy of requests says, with the host; 74 or 141 if a dry run cannot print.
    pub(crate) fn post(&mut self, message: &Message) -> Result<(), Fault> {
        match self {
            Webhook::DryRun { output, pings } => {
                let line = match pings {
                    true => json!({"ping": message.ping(), "body": message.body}).to_string(),
                    false => message.body.clone(),
                };
                output.write_all(format!("{line}\n").as_bytes()).map_err(io_fault)
            }
            Webhook::Online(online) => {
                let _under_way = signals::sending(1, "message");
                online.client.send(&online.request(message))?;
                signals::sent(1, "message");
                Ok(())
            }
        }
    }

    /// What was done with the messages, for the summary.
    pub(crate) fn done(&self) -> &'static str {
        match self {
            Webhook::Online(_) => "posted",
            Webhook::DryRun { .. } => "printed",
        }
    }
}

impl Online {
    fn request(&self, message: &Message) -> Request {
        let address = self.failure.as_ref().filter(|_| message.failed).unwrap_or(&self.address);
        let body = message.body.as_bytes();
        let mut request =
            Request::post(address, "", &message.content_type, body.to_vec()).method(self.method.name());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some((name, secret)) = &self.secret {
            request = request.secret_header(name, "", secret);
        }
        match &self.key {
            Some(key) => request.header(SIGNATURE, &signature(key, body)),
            None => request,
        }
    }
}

/// `sha256=` and the HMAC-SHA256 of the body, as GitHub and others sign.
fn signature(key: &Secret, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    let digits: String = hmac::sign(&key, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

/// The header that is a secret, if there is one.
fn secret(env: &Env, header: Option<&str>) -> Result<Option<(String, Secret)>, Fault> {
    let value = match header {
        Some(_) => Some(env.required_header_secret(&SECRET)?),
        None => env.header_secret(&SECRET)?,
    };
    Ok(value.map(|value| (header.unwrap_or("Authorization").to_owned(), value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        assert_eq!(
            signature(&Secret::new("Jefe"), b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
