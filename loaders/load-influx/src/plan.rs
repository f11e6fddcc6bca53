//! What a load does with a measurement: how records become its points.

use std::fmt::Write as _;
use std::sync::Arc;

use etl_component::Fault;
use etl_load::{Changes, Mode, PlanError, Target};
use etl_schema::Column;
use etl_stream::Values;

use crate::line::Encoder;
use crate::mapping::{map, type_name};
use crate::reply::Server;
use crate::settings::Precision;

pub(crate) type Plan = etl_load::Plan<Encoder>;

/// Maps the target's schema; the server is not asked.
///
/// # Errors
/// 78 if the values are texts, if there is no schema, no time or no field, or if line protocol cannot represent a name or a type.
pub(crate) fn plan(target: Target, precision: Precision, server: Server) -> Result<Plan, PlanError> {
    let unfit = |what: String| PlanError::Unfit(Fault::config(what));
    if target.values == Values::Text {
        return Err(unfit(
            "the stream says that all its values are texts, which InfluxDB has no columns to read into: give \
             extract-file a --schema"
                .to_owned(),
        ));
    }
    let schema = Arc::new(target.schema.ok_or_else(|| {
        unfit(
            "the records have no schema, and InfluxDB has no columns to take one from: give --schema NAME \
             (`standpipe schema list` shows them) or --schema PATH (`standpipe schema infer` writes one from sample records)"
                .to_owned(),
        )
    })?);
    let mapping = map(&schema, target.table, server.whole_strings)
        .map_err(|what| unfit(format!("schema {}: {what}", schema.name)))?;
    Ok(Plan {
        name: mapping.measurement.clone(),
        // A point replaces the one with the same series and time.
        mode: Mode::Upsert,
        details: Encoder::new(&schema, mapping, precision, server),
        schema,
        changes: Changes::default(),
    })
}

/// What each column becomes, one on a line.
pub(crate) fn explain(plan: &Plan) -> String {
    let (schema, mapping) = (&plan.schema, plan.details.mapping());
    let width = schema.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or_default();
    let mut text = format!("measurement  {}\n", mapping.measurement);
    let mut row = |part: &str, position: usize, ty: &str| {
        let Column { name, unit, .. } = &schema.columns[position];
        let unit = unit.as_deref().unwrap_or_default();
        let line = format!("{part:<11}  {name:<width$}  {ty:<8}  {unit}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    mapping.tags.iter().for_each(|&tag| row("tag", tag, ""));
    mapping.fields.iter().for_each(|&(field, ty)| row("field", field, type_name(ty)));
    row("time", mapping.time, plan.details.precision().unit());
    mapping.ignored.iter().for_each(|&ignored| row("ignored", ignored, ""));
    text
}

#[cfg(test)]
mod tests;
