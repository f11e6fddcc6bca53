//! What every extractor shares, so that a source is its arguments and one pure mapping.
//!
//! An extractor's `main.rs` names its schemas and hands [`run`] a closure, which asks the source and gives each
//! record to a [`Stream`]:
//!
//! ```no_run
//! # use etl_component::Context;
//! # use etl_extract::{ExtractArgs, counted};
//! # use etl_http::{Api, Pages, Service, base_url};
//! # fn read(args: &ExtractArgs, context: &Context, projects: &[String]) -> anyhow::Result<String> {
//! let base = base_url("https://api.example", args.source.allow_http)?;
//! let service = Service::new(&Api::PLAIN, &base, &args.source, &context.env, &context.producer())?;
//! etl_extract::run(context, args, "example.task", |stream| {
//!     for project in projects {
//!         stream.part(&format!("project {project}"), |stream| {
//!             let mut pages = Pages::by_link(service.get("tasks").query("project", project));
//!             while let Some(reply) = pages.next(&service)? {
//!                 let task = serde_json::json!({ "fetched_at": reply.fetched_at.to_string() });
//!                 stream.record(&task)?;
//!                 stream.flush()?;
//!             }
//!             Ok(())
//!         })?;
//!     }
//!     Ok(counted(projects.len() as u64, "project", "projects"))
//! })
//! # }
//! ```

mod args;
mod history;
mod list;
mod state;
mod stream;
mod window;

pub use args::{ExtractArgs, HistoryArgs, StateArgs, key, setting};
pub use etl_stream::counted;
pub use history::{History, Part};
pub use list::list;
pub use state::State;
pub use stream::{Stream, run};
pub use window::{Window, instant, midnight, new_york};
