//! A run event of OpenLineage (<https://openlineage.io/docs/spec/object-model>): how the run of a job ended, and how many
//! rows its output tables got.

use etl_component::derived_id;
use etl_notify::Receipt;
use serde_json::{Map, Value, json};

use super::without_nulls;
use crate::report::{Outcome, Report};

const PRODUCER: &str = env!("CARGO_PKG_REPOSITORY");
const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
const ERROR: &str =
    "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet";
const STATISTICS: &str = "https://openlineage.io/spec/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet";

/// The event of a run.
pub(super) fn event(report: &Report, namespace: &str) -> Value {
    let name = report.pipeline.as_deref().unwrap_or_default();
    let failed = report.outcome == Outcome::Failed;
    let mut facets = Map::new();
    if failed {
        let trace = (!report.log.is_empty()).then(|| report.log.join("\n"));
        let facet = json!({
            "_producer": PRODUCER,
            "_schemaURL": ERROR,
            "message": report.error.clone().unwrap_or_else(|| report.ended()),
            // Required, though a step may be written in any language.
            "programmingLanguage": "unknown",
            "stackTrace": trace,
        });
        facets.insert("errorMessage".to_owned(), without_nulls(facet));
    }
    json!({
        "eventType": if failed { "FAIL" } else { "COMPLETE" },
        "eventTime": report.time.to_string(),
        "producer": PRODUCER,
        "schemaURL": EVENT,
        "run": {"runId": run_id(report, namespace), "facets": facets},
        "job": {"namespace": namespace, "name": name},
        "inputs": [],
        "outputs": report.receipts.iter().map(|receipt| output(receipt, namespace)).collect::<Vec<_>>(),
    })
}

fn output(receipt: &Receipt, namespace: &str) -> Value {
    let facet = json!({
        "_producer": PRODUCER,
        "_schemaURL": STATISTICS,
        "rowCount": receipt.inserted.unwrap_or(0) + receipt.updated.unwrap_or(0),
    });
    json!({"namespace": namespace, "name": receipt.target, "outputFacets": {"outputStatistics": facet}})
}

/// The UUID of the run: the same for the same load, so that a load that is told twice is one run.
fn run_id(report: &Report, namespace: &str) -> String {
    let load = report.receipts.iter().find_map(|receipt| receipt.load_id.as_deref());
    match load {
        Some(load) => {
            let name = report.pipeline.as_deref().unwrap_or_default();
            uuid(&derived_id([namespace.as_bytes(), name.as_bytes(), load.as_bytes()]), '8')
        }
        None => uuid(&report.id, '4'),
    }
}

/// 32 hexadecimal digits as a UUID of this version (RFC 9562).
fn uuid(digits: &str, version: char) -> String {
    let variant = match digits.as_bytes().get(16) {
        Some(digit) => char::from(b"89ab"[usize::from(digit % 4)]),
        None => '8',
    };
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{version}{}-{variant}{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}
