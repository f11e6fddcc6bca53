//! The usage of an account.

use etl_extract::Stream;
use etl_http::Service;

use crate::args::{Account, Query};
use crate::{get, judge, mapping};

/// Reads what an account used. The list has no pages.
pub(crate) fn read(
    service: &Service,
    account: &Account,
    time: &Query,
    stream: &mut Stream,
) -> anyhow::Result<()> {
    // Organizations are under another word here than elsewhere.
    let (path, judge) = match account {
        Account::User(name) => (format!("users/{name}/settings/billing/usage"), judge::USAGE_OF_USER),
        Account::Org(name) => (format!("organizations/{name}/settings/billing/usage"), judge::USAGE_OF_ORG),
    };
    let reply = service.send(&get(service, &path, time).classify(judge))?;
    let usage = mapping::usage(account.name(), reply.fetched_at, &reply.body)?;
    Ok(usage.iter().try_for_each(|item| stream.record(item))?)
}
