//! ureq's agent, with two of its ways changed (3.5.2): what it makes of a name that does not resolve, and of an answer in
//! place of `100 Continue`.
//!
//! It reads such an answer while it waits for leave to send a body, finds that it is not `100 Continue`, and then
//! waits for more input before it looks at the answer again. Where the connection stays open, none comes.

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};

/// An agent with ureq's own resolver and connections, but for that.
pub(crate) fn agent(config: Config) -> Agent {
    Agent::with_parts(config, DefaultConnector::default().chain(Again), Names(DefaultResolver::default()))
}

/// ureq returns what the resolver says as an I/O error, which only its words tell from that of a connection.
#[derive(Debug)]
struct Names(DefaultResolver);

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.0.resolve(uri, config, timeout).map_err(|error| match error {
            ureq::Error::Io(_) => ureq::Error::HostNotFound,
            error => error,
        })
    }
}

/// A connection in which input that was not used is offered once more.
#[derive(Debug)]
struct Again;

impl<T: Transport> Connector<T> for Again {
    type Out = Offering<T>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<T>,
    ) -> Result<Option<Offering<T>>, ureq::Error> {
        Ok(chained.map(|inner| Offering { inner, once_more: false }))
    }
}

#[derive(Debug)]
struct Offering<T> {
    inner: T,
    /// Whether input has come since it was last offered again.
    once_more: bool,
}

impl<T: Transport> Transport for Offering<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        if std::mem::take(&mut self.once_more) && !self.inner.buffers().input().is_empty() {
            return Ok(true);
        }
        self.once_more = self.inner.await_input(timeout)?;
        Ok(self.once_more)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
