//! Receipts, as loaders print them, for `metrics`, `runs` and `check`.

use crate::support::segment;

/// A receipt of a load, with the rest of its fields.
pub(crate) fn receipt(target: &str, rest: &str) -> String {
    format!(
        "{{\"target\":\"{target}\",\"load_id\":\"n-1\",\"mode\":\"upsert\",\"unchanged\":0,\"superseded\":0,\
         \"dropped_fields\":0,\"sha256\":\"{}\",\"state\":null,{rest}}}\n",
        "0".repeat(64)
    )
}

/// The counts of a load of 4 records, committed at this time.
pub(crate) fn counts(at: &str) -> String {
    format!(
        "\"records\":4,\"inserted\":2,\"updated\":1,\"rejected\":1,\"seconds\":0.25,\"already_loaded\":false,\"loaded_at\":\"{at}\""
    )
}

/// A sealed segment of these receipts.
pub(crate) fn sealed(receipts: &[String]) -> String {
    let body = receipts.concat();
    segment("r", ",\"schema\":\"etl.receipt\"", receipts.len() as u64, &body)
}

/// What stands in place of receipts when the load has failed.
pub(crate) const ABORT: &str = "{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":77,\"message\":\"api.example: 401\",\"step\":\"extract-x\"}}\n";
