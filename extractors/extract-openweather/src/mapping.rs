//! Reply → records, as pure functions: bytes in, lines out.
//!
//! The replies are those of <https://openweathermap.org/current>, `/forecast5` and `/api/air-pollution`, with what
//! recorded replies have beyond the documentation: `cod` as integer or string, `message` on success, several or no
//! weather entries, empty `rain`, integers among floats. The structs here have the fields of the schemas
//! `openweather.*` in their order; each is always there, null where the reply has nothing.

use etl_component::Fault;
use etl_http::json::{self, Mismatch, Number, Object, Shape, non_empty};
use jiff::Timestamp;
use serde::Serialize;

use crate::endpoint::Endpoint;
use crate::location::{Asked, Location};

/// What one reply became.
#[derive(Debug, Default)]
pub(crate) struct Mapped {
    /// One JSON object each, without newline.
    pub(crate) records: Vec<Vec<u8>>,
    /// What is odd about the reply but does not make it wrong.
    pub(crate) warnings: Vec<String>,
}

#[derive(Serialize)]
struct Current<'a> {
    location: &'a str,
    observed_at: Timestamp,
    fetched_at: &'a str,
    city_id: Option<i64>,
    city: Option<String>,
    country: Option<String>,
    lat: Option<Number<'a>>,
    lon: Option<Number<'a>>,
    #[serde(flatten)]
    weather: Weather<'a>,
    rain_1h: Option<Number<'a>>,
    rain_3h: Option<Number<'a>>,
    snow_1h: Option<Number<'a>>,
    snow_3h: Option<Number<'a>>,
    sunrise_at: Option<Timestamp>,
    sunset_at: Option<Timestamp>,
    timezone: Option<i64>,
}

#[derive(Serialize)]
struct Forecast<'a> {
    location: &'a str,
    forecast_at: Timestamp,
    fetched_at: &'a str,
    city_id: Option<i64>,
    city: Option<String>,
    country: Option<String>,
    lat: Option<Number<'a>>,
    lon: Option<Number<'a>>,
    population: Option<i64>,
    #[serde(flatten)]
    weather: Weather<'a>,
    pop: Option<Number<'a>>,
    pod: Option<String>,
    rain_3h: Option<Number<'a>>,
    snow_3h: Option<Number<'a>>,
    sunrise_at: Option<Timestamp>,
    sunset_at: Option<Timestamp>,
    timezone: Option<i64>,
}

#[derive(Serialize)]
struct AirPollution<'a> {
    location: &'a str,
    observed_at: Timestamp,
    fetched_at: &'a str,
    lat: Option<Number<'a>>,
    lon: Option<Number<'a>>,
    aqi: i64,
    co: Option<Number<'a>>,
    no: Option<Number<'a>>,
    no2: Option<Number<'a>>,
    o3: Option<Number<'a>>,
    so2: Option<Number<'a>>,
    pm2_5: Option<Number<'a>>,
    pm10: Option<Number<'a>>,
    nh3: Option<Number<'a>>,
}

/// What current weather and a step of the forecast have in common.
#[derive(Serialize)]
struct Weather<'a> {
    condition_id: Option<i64>,
    condition: Option<String>,
    description: Option<String>,
    icon: Option<String>,
    conditions: Vec<Condition>,
    temp: Number<'a>,
    feels_like: Option<Number<'a>>,
    temp_min: Option<Number<'a>>,
    temp_max: Option<Number<'a>>,
    pressure: Option<Number<'a>>,
    humidity: Option<Number<'a>>,
    sea_level: Option<Number<'a>>,
    grnd_level: Option<Number<'a>>,
    visibility: Option<Number<'a>>,
    wind_speed: Option<Number<'a>>,
    wind_deg: Option<Number<'a>>,
    wind_gust: Option<Number<'a>>,
    clouds: Option<Number<'a>>,
}

#[derive(Clone, Serialize)]
struct Condition {
    id: Option<i64>,
    main: Option<String>,
    description: Option<String>,
    icon: Option<String>,
}

/// The records of a reply to `endpoint` for `location`, fetched at `fetched_at` (RFC 3339).
///
/// A reply of another shape than documented is a [`Class::Protocol`] failure that names the field.
pub(crate) fn records(
    endpoint: Endpoint,
    location: &Location,
    fetched_at: &str,
    reply: &[u8],
) -> Result<Mapped, Fault> {
    let asked = Asking { location, fetched_at };
    json::object(reply)
        .and_then(|reply| match endpoint {
            Endpoint::Current => current(&reply, asked),
            Endpoint::Forecast => forecast(&reply, asked),
            Endpoint::AirPollution => air_pollution(&reply, asked),
        })
        .map_err(|mismatch| mismatch.in_reply_to(endpoint.path()))
}

#[derive(Clone, Copy)]
struct Asking<'a> {
    location: &'a Location,
    fetched_at: &'a str,
}

fn current(reply: &Object<'_>, asked: Asking<'_>) -> Shape<Mapped> {
    let (rain, snow, sys) = (reply.object("rain")?, reply.object("snow")?, reply.object("sys")?);
    let (lat, lon) = coordinates(reply, asked.location)?;
    let record = Current {
        location: &asked.location.name,
        observed_at: reply.required("dt", instant)?,
        fetched_at: asked.fetched_at,
        city_id: city_id(reply)?,
        city: text(reply, "name")?,
        country: text(&sys, "country")?,
        lat,
        lon,
        weather: weather(reply)?,
        rain_1h: rain.number("1h")?,
        rain_3h: rain.number("3h")?,
        snow_1h: snow.number("1h")?,
        snow_3h: snow.number("3h")?,
        sunrise_at: instant(&sys, "sunrise")?,
        sunset_at: instant(&sys, "sunset")?,
        timezone: reply.integer("timezone")?,
    };
    Ok(Mapped { records: vec![line(&record)?], warnings: Vec::new() })
}

fn forecast(reply: &Object<'_>, asked: Asking<'_>) -> Shape<Mapped> {
    let (steps, city) = (reply.list("list")?, reply.object("city")?);
    let (lat, lon) = coordinates(&city, asked.location)?;
    let mut mapped = Mapped::default();
    for step in &steps {
        let (rain, snow) = (step.object("rain")?, step.object("snow")?);
        mapped.records.push(line(&Forecast {
            location: &asked.location.name,
            forecast_at: step.required("dt", instant)?,
            fetched_at: asked.fetched_at,
            city_id: city_id(&city)?,
            city: text(&city, "name")?,
            country: text(&city, "country")?,
            lat,
            lon,
            population: city.integer("population")?,
            weather: weather(step)?,
            pop: step.number("pop")?,
            pod: text(&step.object("sys")?, "pod")?,
            rain_3h: rain.number("3h")?,
            snow_3h: snow.number("3h")?,
            sunrise_at: instant(&city, "sunrise")?,
            sunset_at: instant(&city, "sunset")?,
            timezone: city.integer("timezone")?,
        })?);
    }
    if let Some(cnt) = reply.integer("cnt")?.filter(|&cnt| usize::try_from(cnt) != Ok(steps.len())) {
        mapped.warnings.push(format!("the forecast says cnt {cnt} and lists {} steps", steps.len()));
    }
    Ok(mapped)
}

fn air_pollution(reply: &Object<'_>, asked: Asking<'_>) -> Shape<Mapped> {
    let (lat, lon) = coordinates(reply, asked.location)?;
    let mut mapped = Mapped::default();
    for entry in reply.list("list")? {
        let (main, gas) = (entry.object("main")?, entry.object("components")?);
        let aqi = main.required("aqi", Object::integer)?;
        if !(1..=5).contains(&aqi) {
            return Err(main.mismatch("aqi", &format!("is {aqi}, expected 1 to 5")));
        }
        mapped.records.push(line(&AirPollution {
            location: &asked.location.name,
            observed_at: entry.required("dt", instant)?,
            fetched_at: asked.fetched_at,
            lat,
            lon,
            aqi,
            co: gas.number("co")?,
            no: gas.number("no")?,
            no2: gas.number("no2")?,
            o3: gas.number("o3")?,
            so2: gas.number("so2")?,
            pm2_5: gas.number("pm2_5")?,
            pm10: gas.number("pm10")?,
            nh3: gas.number("nh3")?,
        })?);
    }
    Ok(mapped)
}

fn weather<'a>(at: &Object<'a>) -> Shape<Weather<'a>> {
    let (main, wind) = (at.object("main")?, at.object("wind")?);
    let conditions = at.list("weather")?.iter().map(condition).collect::<Shape<Vec<_>>>()?;
    let none = Condition { id: None, main: None, description: None, icon: None };
    let primary = conditions.first().cloned().unwrap_or(none);
    Ok(Weather {
        condition_id: primary.id,
        condition: primary.main,
        description: primary.description,
        icon: primary.icon,
        conditions,
        temp: main.required("temp", Object::number)?,
        feels_like: main.number("feels_like")?,
        temp_min: main.number("temp_min")?,
        temp_max: main.number("temp_max")?,
        pressure: main.number("pressure")?,
        humidity: main.number("humidity")?,
        sea_level: main.number("sea_level")?,
        grnd_level: main.number("grnd_level")?,
        visibility: at.number("visibility")?,
        wind_speed: wind.number("speed")?,
        wind_deg: wind.number("deg")?,
        wind_gust: wind.number("gust")?,
        clouds: at.object("clouds")?.number("all")?,
    })
}

fn condition(entry: &Object<'_>) -> Shape<Condition> {
    Ok(Condition {
        id: entry.integer("id")?,
        main: text(entry, "main")?,
        description: text(entry, "description")?,
        icon: text(entry, "icon")?,
    })
}

/// The API says `""` where it has no text.
fn text(at: &Object<'_>, key: &str) -> Shape<Option<String>> {
    Ok(at.text(key)?.filter(non_empty))
}

/// The API says 0 where the sun does not rise or set.
fn instant(at: &Object<'_>, key: &str) -> Shape<Option<Timestamp>> {
    Ok(at.unix_time(key)?.filter(|&at| at != Timestamp::UNIX_EPOCH))
}

/// The API says 0 where there is no city.
fn city_id(at: &Object<'_>) -> Shape<Option<i64>> {
    Ok(at.integer("id")?.filter(|&id| id != 0))
}

/// The place of the values: the reply's `coord`, else what was asked for.
///
/// The documentation of air pollution also shows `coord` as a list of two equal numbers, so that their order cannot
/// be told: a list is not read.
fn coordinates<'a>(at: &Object<'a>, location: &Location) -> Shape<(Option<Number<'a>>, Option<Number<'a>>)> {
    let (asked_lat, asked_lon) = match location.asked {
        Asked::Coordinates { lat, lon } => (Some(Number::Asked(lat)), Some(Number::Asked(lon))),
        Asked::City(_) => (None, None),
    };
    if at.is_array("coord") {
        return Ok((asked_lat, asked_lon));
    }
    let coord = at.object("coord")?;
    Ok((coord.number("lat")?.or(asked_lat), coord.number("lon")?.or(asked_lon)))
}

fn line(record: &impl Serialize) -> Shape<Vec<u8>> {
    serde_json::to_vec(record).map_err(|error| Mismatch::new(error.to_string()))
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
