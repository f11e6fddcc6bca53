//! The client against a scripted server. Waits are recorded, not slept.

mod cassettes;
mod errors;
mod faults;
mod pages;
mod policy;
mod quotas;
mod redirects;
mod retries;
mod services;
mod tls;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::Parser;
use etl_component::{Class, Env, Fault, Variable};
use etl_testkit::http::{Script, Server};

use crate::{Api, BaseUrl, Client, Error, Reply, Request, Service, SourceArgs, base_url};

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    source: SourceArgs,
}

/// The key of the services here.
const KEY: Variable = Variable {
    name: "API_KEY",
    aliases: &["OLD_KEY"],
    secret: true,
    required: true,
    unless: &[],
    help: "the key",
};

type Waits = Arc<Mutex<Vec<Duration>>>;

/// A client with these flags and variables, without jitter, and the waits it would have slept.
fn client(flags: &str, env: &[(&str, &str)]) -> (Client, Waits) {
    let mut client = Client::of_source(&args(flags), &Env::of(env), "test/1").unwrap();
    let waits = watched(&mut client);
    (client, waits)
}

fn args(flags: &str) -> SourceArgs {
    Flags::try_parse_from(["test"].into_iter().chain(flags.split_whitespace())).unwrap().source
}

/// Without jitter, and with waits that are not slept but recorded.
fn watched(client: &mut Client) -> Waits {
    let waits = Waits::default();
    client.pace.sleep = Box::new({
        let waits = Arc::clone(&waits);
        move |wait| waits.lock().unwrap().push(wait)
    });
    client.pace.jitter = || 1.0;
    waits
}

/// A service at this address, with the flags and variables of a run.
fn service(api: &Api, url: &str, flags: &str, env: &[(&str, &str)]) -> Result<Service, Fault> {
    let args = args(flags);
    Service::new(api, &base_url(url, args.allow_http).unwrap(), &args, &Env::of(env), "test/1")
}

/// What was asked for, in order.
fn targets(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| request.target).collect()
}

fn base(server: &Server) -> BaseUrl {
    base_url(&server.url(), false).unwrap()
}

/// One GET of `/weather` with these flags: the result, the waits in milliseconds, the server.
fn get(script: impl Into<Script>, flags: &str) -> (Result<Reply, Error>, Vec<u128>, Server) {
    let server = Server::start(script);
    let (client, waits) = client(flags, &[]);
    let result = client.send(&Request::get(&base(&server), "weather"));
    let waits = waits.lock().unwrap().iter().map(Duration::as_millis).collect();
    (result, waits, server)
}

/// The fault that a component would end with.
fn fault(result: Result<Reply, Error>) -> Fault {
    result.unwrap_err().into()
}

/// As [`get`], for a failure: its class, message (with the port replaced), waits and the number of requests.
fn fails(script: impl Into<Script>, flags: &str) -> (Class, String, Vec<u128>, usize) {
    let (result, waits, server) = get(script, flags);
    let fault = fault(result);
    let message = fault.message().replace(&server.port().to_string(), "PORT");
    (fault.class(), message, waits, server.requests().len())
}

/// A server that answers one connection with these bytes, whatever it is sent; its host and port.
fn answering(bytes: &'static [u8]) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        stream.write_all(bytes).unwrap();
    });
    (address, server)
}
