//! `standpipe` as its users run it.

mod bare;
mod card;
mod examples;
mod foreign;
mod help;
mod infer;
mod limits;
mod manual;
mod pipeline;
mod readme;
mod run;
mod schema;
mod seal;
mod support;
mod through;
mod verify;
