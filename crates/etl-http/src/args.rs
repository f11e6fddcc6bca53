//! The flags of every component that uses the client.

use std::path::PathBuf;
use std::time::Duration;

use etl_component::args::bytes;
use etl_component::duration;

/// Limits of the network; flatten it into a component's arguments.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Network")]
pub struct HttpArgs {
    /// Time for all requests and waits together
    #[arg(long, global = true, value_name = "DURATION", default_value = "5m", env = "ETL_DEADLINE", value_parser = duration)]
    pub deadline: Duration,

    /// Time to resolve a name, connect and negotiate TLS
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub connect_timeout: Duration,

    /// Longest time that a server may be silent before or during its reply
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub read_timeout: Duration,

    /// Time for one request and its whole reply
    #[arg(long, global = true, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub request_timeout: Duration,

    /// How often a failed request is tried again; a wait that a limit asks for counts against --deadline only
    #[arg(long, global = true, value_name = "N", default_value_t = 5)]
    pub retries: u32,

    /// Largest reply, decompressed
    #[arg(long, global = true, value_name = "BYTES", default_value = "64M", value_parser = bytes)]
    pub max_body_bytes: usize,

    /// PEM file with more certificate authorities to trust
    #[arg(long, global = true, value_name = "PATH", env = "SSL_CERT_FILE")]
    pub ca_file: Option<PathBuf>,
}

/// The flags that only extractors have: where their replies come from, and whether a key may travel unencrypted.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Network")]
pub struct SourceArgs {
    /// Limits of the network.
    #[command(flatten)]
    pub http: HttpArgs,

    /// Allow http:// to hosts other than loopback
    #[arg(long, global = true)]
    pub allow_http: bool,

    /// Write each reply into this directory, without secrets
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "replay", help_heading = "Replay")]
    pub record: Option<PathBuf>,

    /// Read replies from this directory instead of the network
    #[arg(long, global = true, value_name = "DIR", help_heading = "Replay")]
    pub replay: Option<PathBuf>,

    /// Count requests in this file, which runs may share, and send none beyond the service's quota
    #[arg(long, global = true, value_name = "FILE")]
    pub quota: Option<PathBuf>,
}
