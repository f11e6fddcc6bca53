//! `standpipe` as its users run it.

mod bare;
mod card;
mod check;
mod examples;
mod foreign;
mod help;
mod infer;
mod limits;
mod manual;
mod metrics;
mod pipeline;
mod readme;
mod receipts;
mod run;
mod runs;
mod schema;
mod seal;
mod support;
mod through;
mod verify;
