//! OTLP over HTTP, as JSON (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).

use std::time::{SystemTime, UNIX_EPOCH};

use etl_component::{Class, Context, Env, Fault, Secret, Variable, signals};
use etl_http::{BaseUrl, Client, HttpArgs, Reply, Request, Verdict, base_url};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::series::{METRICS, Series};

const fn variable(name: &'static str, secret: bool, help: &'static str) -> Variable {
    Variable { name, aliases: &[], secret, required: false, unless: &[], help }
}

const HEADERS: Variable = variable(
    "OTEL_EXPORTER_OTLP_HEADERS",
    true,
    "headers of `metrics --otlp`, such as Authorization=Bearer%20x",
);
const SERVICE: Variable = variable("OTEL_SERVICE_NAME", false, "service.name of `metrics --otlp`; standpipe");
const ATTRIBUTES: Variable = variable(
    "OTEL_RESOURCE_ATTRIBUTES",
    false,
    "attributes of the resource of `metrics --otlp`, such as a=b,c=d",
);
const PARENT: Variable =
    variable("TRACEPARENT", false, "the trace that the numbers of `metrics --otlp` belong to");

/// The variables, as OpenTelemetry names them
/// (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
pub(super) const VARIABLES: [Variable; 4] = [HEADERS, SERVICE, ATTRIBUTES, PARENT];

/// A collector that metrics are sent to.
pub(super) struct Otlp {
    client: Client,
    address: BaseUrl,
    headers: Vec<(String, Secret)>,
    /// The attributes of the resource.
    resource: Vec<(String, String)>,
    version: &'static str,
    trace: Option<Trace>,
}

/// The ids of a trace and of a span in it, with the header they come from.
struct Trace {
    header: String,
    trace: String,
    span: String,
}

impl Otlp {
    /// Prepares to send; nothing is sent.
    ///
    /// # Errors
    /// 78 if the address or a variable is wrong.
    pub(super) fn open(url: &str, http: &HttpArgs, context: &Context) -> Result<Otlp, Fault> {
        let env = &context.env;
        // Collectors sit in the same network, often in the same pod.
        let address = base_url(url, true)?;
        let headers = match env.header_secret(&HEADERS)? {
            Some(secret) => pairs(&HEADERS, secret.expose())?,
            None => Vec::new(),
        };
        if !headers.is_empty() && base_url(url, false).is_err() {
            log::warn!("{} goes to {} unencrypted", HEADERS.name, address.host());
        }
        let service = env.text(&SERVICE)?.map_or(context.component.name, |(_, name)| name);
        let mut resource = match env.text(&ATTRIBUTES)? {
            Some((_, text)) => pairs(&ATTRIBUTES, text)?,
            None => Vec::new(),
        };
        if env.get(SERVICE.name).is_some() || resource.iter().all(|(name, _)| name != "service.name") {
            resource.retain(|(name, _)| name != "service.name");
            resource.push(("service.name".to_owned(), service.to_owned()));
        }
        Ok(Otlp {
            client: Client::new(http, true, env, &context.producer())?,
            address,
            headers: headers.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
            resource,
            version: context.component.version,
            trace: Trace::of(env),
        })
    }

    /// Sends the numbers; without any, nothing.
    ///
    /// # Errors
    /// As the policy of requests says; 3 if the collector has refused some of them.
    pub(super) fn send(&self, series: &Series) -> Result<(), Fault> {
        if series.len() == 0 {
            return Ok(());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
        let body = self.body(series, &now).to_string().into_bytes();
        let mut request =
            Request::post(&self.address, "v1/metrics", "application/json", body).classify(judge);
        for (name, value) in &self.headers {
            request = request.secret_header(name, "", value);
        }
        if let Some(trace) = &self.trace {
            request = request.header("traceparent", &trace.header);
        }
        let _under_way = signals::sending(1, "message");
        self.client.send(&request)?;
        signals::sent(1, "message");
        Ok(())
    }

    /// An `ExportMetricsServiceRequest`.
    fn body(&self, series: &Series, now: &str) -> Value {
        let metrics = METRICS.iter().enumerate().filter_map(|(number, metric)| {
            let points: Vec<Value> = series
                .iter()
                .filter_map(|(labels, values)| {
                    let value = values[number].as_ref()?;
                    // A 64-bit integer is a text in the JSON of Protobuf.
                    let (key, value) = match value.as_u64() {
                        Some(count) => ("asInt", Value::from(count.to_string())),
                        None => ("asDouble", Value::from(value.clone())),
                    };
                    let mut point =
                        json!({ "attributes": attributes(labels), "timeUnixNano": now, key: value });
                    if let Some(Trace { trace, span, .. }) = &self.trace {
                        let exemplar =
                            json!({ "timeUnixNano": now, key: value, "traceId": trace, "spanId": span });
                        point["exemplars"] = json!([exemplar]);
                    }
                    Some(point)
                })
                .collect();
            (!points.is_empty()).then(|| {
                json!({
                    "name": metric.otlp(),
                    "unit": metric.unit,
                    "description": metric.help,
                    "gauge": { "dataPoints": points },
                })
            })
        });
        let scope = json!({ "name": "standpipe", "version": self.version });
        let scoped = json!([{ "scope": scope, "metrics": metrics.collect::<Vec<_>>() }]);
        let resource = self.resource.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        json!({ "resourceMetrics": [{ "resource": { "attributes": attributes(resource) }, "scopeMetrics": scoped }] })
    }
}

fn attributes<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    let attribute = |(key, value)| json!({ "key": key, "value": { "stringValue": value } });
    pairs.into_iter().map(attribute).collect()
}

/// A reply of success may say that some points were refused; sending them again would not help.
fn judge(reply: &Reply) -> Option<Verdict> {
    let body: Value = serde_json::from_slice(&reply.body).ok().filter(|_| reply.status == 200)?;
    let partial = &body["partialSuccess"];
    // A 64-bit integer, which JSON may also have as a number.
    let refused = &partial["rejectedDataPoints"];
    let refused = refused.as_str().and_then(|text| text.parse().ok()).or(refused.as_u64());
    let refused = refused.filter(|count| *count > 0)?;
    let why = partial["errorMessage"].as_str().unwrap_or("it does not say why");
    Some(Verdict::Fail { class: Class::Data, message: format!("{refused} data points were refused: {why}") })
}

/// `a=b,c=d`, percent-encoded (<https://www.w3.org/TR/baggage/>).
fn pairs(variable: &Variable, text: &str) -> Result<Vec<(String, String)>, Fault> {
    let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8_lossy().into_owned();
    let pair = |part: &str| part.split_once('=').map(|(name, value)| (decoded(name), decoded(value)));
    let parts = text.split(',').filter(|part| !part.trim().is_empty());
    let pairs: Option<Vec<(String, String)>> =
        parts.map(|part| pair(part).filter(|(name, _)| !name.is_empty())).collect();
    pairs.ok_or_else(|| Fault::config(format!("{} is not a list such as a=b,c=d", variable.name)))
}

impl Trace {
    /// The trace that a scheduler has put this process into; whatever is not one is ignored, as the standard asks for
    /// (<https://www.w3.org/TR/trace-context/#traceparent-header>).
    fn of(env: &Env) -> Option<Trace> {
        let header = env.get(PARENT.name)?.trim();
        let mut parts = header.split('-');
        let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
        let is_id = |text: &str, length: usize| {
            let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            text.len() == length && digits && text.bytes().any(|byte| byte != b'0')
        };
        let flags = parts.next().is_some_and(|flags| flags.len() == 2);
        let is_one = version.len() == 2 && version != "ff" && is_id(trace, 32) && is_id(span, 16) && flags;
        if !is_one {
            log::warn!("{} is not a trace context and is ignored", PARENT.name);
            return None;
        }
        Some(Trace { header: header.to_owned(), trace: trace.to_owned(), span: span.to_owned() })
    }
}
