//! Reads the stream to its verified end, and tells what came of it.

use anyhow::Error;
use etl_component::format::warn_but_unsealed;
use etl_component::{Context, Fault, Relay};
use etl_stream::{Begin, Event, Reader};

use crate::args::Records;
use crate::failure::Failure;
use crate::gather::{Counts, Gather, Wanted};
use crate::input::{Input, Said};

/// What tells of a stream.
pub trait Alerter {
    /// Keeps what is to be told of a record until the stream has ended well. Returns whether there is anything to tell.
    ///
    /// # Errors
    /// If the record cannot be told.
    fn record(&mut self, wanted: &Wanted<'_>) -> Result<bool, Fault>;

    /// Tells what was kept: the stream has ended well. Returns the summary.
    ///
    /// # Errors
    /// What telling failed with.
    fn ended(&mut self, counts: Counts) -> Result<String, Error>;

    /// Tells that the stream failed, whatever was kept.
    ///
    /// # Errors
    /// What telling failed with.
    fn failed(&mut self, failure: &Failure) -> Result<(), Fault>;
}

/// Tells what a stream contained, or why it failed.
///
/// # Errors
/// If the stream failed, its own class, whether or not that could be told; otherwise what telling failed with.
pub fn tell(how: &Records, alerter: &mut dyn Alerter, context: &Context) -> Result<String, Error> {
    let mut gather = Gather::new(how);
    let mut begun = None;
    let relayed = open(how, context).and_then(|relay| read(how, &mut gather, alerter, relay, &mut begun));
    let counts = gather.counts;
    let ended = match relayed {
        Ok(relay) => {
            let summary = alerter.ended(counts)?;
            relay.map_or(Ok(()), close).map(|()| summary)
        }
        Err(fault) => Err(fault),
    };
    // The first cause is told, whatever it was; but that the reader of the output went away is not a failure.
    let fault = match ended {
        Ok(summary) => return Ok(summary),
        Err(fault) if fault.is_closed() => return Err(fault.into()),
        Err(fault) => fault,
    };
    let (class, details) = (fault.class(), fault.details().cloned());
    let pipeline = how.about.pipeline.clone();
    let said = said(&fault);
    let failure = Failure::new(&fault, &said, begun.as_ref(), counts.records, pipeline);
    let cause = match alerter.failed(&failure) {
        Ok(()) => said,
        Err(fault) => format!("{said}; posting this failed, too: {:#}", Error::from(fault)),
    };
    let fault = Fault::new(class, cause);
    Err(match details {
        Some(details) => fault.of_step(details),
        None => fault,
    }
    .into())
}

/// The fault with all its causes.
fn said(fault: &Fault) -> String {
    let mut text = fault.to_string();
    let mut source = std::error::Error::source(fault);
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// What passes the records on, if that was asked for.
fn open(how: &Records, context: &Context) -> Result<Option<Relay>, Fault> {
    let Some(output) = &how.emit else { return Ok(None) };
    Ok(Some(Relay::new(output.open()?, context.producer(), "--emit records")))
}

fn read(
    how: &Records,
    gather: &mut Gather<'_>,
    alerter: &mut dyn Alerter,
    mut relay: Option<Relay>,
    begun: &mut Option<Begin>,
) -> Result<Option<Relay>, Fault> {
    let mut reader: Reader<_> = how.input.open_with(warn_but_unsealed)?;
    let mut input = Input::new(how.messages.clone(), how.stream.clone(), how.input.seal);
    loop {
        if reader.is_drained() {
            relay.as_mut().map_or(Ok(()), Relay::flush)?;
        }
        match reader.next()? {
            Some(Event::Begin(begin)) => {
                relay.as_mut().map_or(Ok(()), |relay| relay.begin(begin.schema.as_ref(), begin.values))?;
                gather.begin(&begin);
                *begun = Some(begin);
            }
            Some(Event::Record(line)) => match input.line(line, begun.is_some())? {
                Said::Record(line) => {
                    gather.record(line, alerter)?;
                    relay.as_mut().map_or(Ok(()), |relay| relay.record(line.bytes))?;
                }
                Said::State(value) => relay.iter_mut().for_each(|relay| relay.state(value.clone())),
                Said::Nothing => (),
            },
            Some(Event::State(value)) => relay.iter_mut().for_each(|relay| relay.state(value.clone())),
            Some(Event::End(_)) => (),
            None => {
                input.end(&reader)?;
                return Ok(relay);
            }
        }
    }
}

/// The messages were accepted: the segment ends, and an output file appears.
fn close(mut relay: Relay) -> Result<(), Fault> {
    relay.end()?;
    relay.close()
}
