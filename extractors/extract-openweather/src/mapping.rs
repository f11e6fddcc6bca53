//! Reply → records, as pure functions: no network, no clock.
//!
//! The replies are those of <https://openweathermap.org/current>, `/forecast5`, `/api/air-pollution` and `/api/one-call-3`,
//! with what recorded replies have beyond the documentation: `cod` as integer or string, `message` on success, several or
//! no weather entries, empty `rain`, integers among floats.

mod judge;
mod one_call;
mod record;

use std::time::Duration;

use etl_component::Fault;
use etl_http::json::{self, Number, Object, Shape, non_empty};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{Asked, Endpoint, Location};
pub(crate) use judge::{judge, judge_one_call};
pub(crate) use record::AirPollution;
use record::{Air, AirForecast, Condition, Conditions, Current, Forecast, Weather};

/// A record of one of the schemas.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Record<'a> {
    Current(Current<'a>),
    Forecast(Forecast<'a>),
    AirPollution(AirPollution<'a>),
    AirForecast(AirForecast<'a>),
    OneCall(one_call::OneCall<'a>),
}

/// The free plan counts calls by the minute, and the service sends no `Retry-After`.
pub(crate) const QUOTA_WINDOW: Duration = Duration::from_secs(60);

/// What one reply became.
#[derive(Default)]
pub(crate) struct Mapped<'a> {
    /// In the order of the reply.
    pub(crate) records: Vec<Record<'a>>,
    /// What is odd about the reply but does not make it wrong.
    pub(crate) warnings: Vec<String>,
}

/// The records of a reply to `endpoint` for `location`, fetched at `fetched_at`.
///
/// # Errors
/// 76 if the reply has another shape than documented; the message names the field.
pub(crate) fn records<'a>(
    endpoint: Endpoint,
    location: &'a Location,
    fetched_at: Timestamp,
    reply: &'a [u8],
) -> Result<Mapped<'a>, Fault> {
    let asked = Asking { location, fetched_at };
    json::object(reply)
        .and_then(|reply| match endpoint {
            Endpoint::Current => current(&reply, asked),
            Endpoint::Forecast => forecast(&reply, asked),
            Endpoint::AirPollution | Endpoint::AirHistory => {
                Ok(Mapped::of(observations_of(&reply, asked)?, Record::AirPollution))
            }
            Endpoint::AirForecast => Ok(Mapped::of(air_forecast(&reply, asked)?, Record::AirForecast)),
            Endpoint::OneCall(part) => {
                Ok(Mapped::of(one_call::records(part, &reply, asked)?, Record::OneCall))
            }
        })
        .map_err(|mismatch| mismatch.in_reply_to(endpoint.path()))
}

/// The records of a reply about the air at a place, now or in the past.
///
/// # Errors
/// As [`records`].
pub(crate) fn observations<'a>(
    location: &'a Location,
    fetched_at: Timestamp,
    reply: &'a [u8],
) -> Result<Vec<AirPollution<'a>>, Fault> {
    json::object(reply)
        .and_then(|reply| observations_of(&reply, Asking { location, fetched_at }))
        .map_err(|mismatch| mismatch.in_reply_to(Endpoint::AirHistory.path()))
}

impl<'a> Mapped<'a> {
    fn of<T>(records: Vec<T>, kind: impl Fn(T) -> Record<'a>) -> Mapped<'a> {
        Mapped { records: records.into_iter().map(kind).collect(), warnings: Vec::new() }
    }
}

#[derive(Clone, Copy)]
struct Asking<'a> {
    location: &'a Location,
    fetched_at: Timestamp,
}

fn current<'a>(reply: &Object<'a>, asked: Asking<'a>) -> Shape<Mapped<'a>> {
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
    Ok(Mapped { records: vec![Record::Current(record)], warnings: Vec::new() })
}

fn forecast<'a>(reply: &Object<'a>, asked: Asking<'a>) -> Shape<Mapped<'a>> {
    let (steps, city) = (reply.list("list")?, reply.object("city")?);
    let (lat, lon) = coordinates(&city, asked.location)?;
    let mut mapped = Mapped::default();
    for step in &steps {
        let (rain, snow) = (step.object("rain")?, step.object("snow")?);
        mapped.records.push(Record::Forecast(Forecast {
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
        }));
    }
    if let Some(cnt) = reply.integer("cnt")?.filter(|&cnt| usize::try_from(cnt) != Ok(steps.len())) {
        mapped.warnings.push(format!("the forecast says cnt {cnt} and lists {} steps", steps.len()));
    }
    Ok(mapped)
}

fn observations_of<'a>(reply: &Object<'a>, asked: Asking<'a>) -> Shape<Vec<AirPollution<'a>>> {
    let of = |(observed_at, air)| AirPollution {
        location: &asked.location.name,
        observed_at,
        fetched_at: asked.fetched_at,
        air,
    };
    Ok(air_pollution(reply, asked)?.into_iter().map(of).collect())
}

fn air_forecast<'a>(reply: &Object<'a>, asked: Asking<'a>) -> Shape<Vec<AirForecast<'a>>> {
    let of = |(forecast_at, air)| AirForecast {
        location: &asked.location.name,
        forecast_at,
        fetched_at: asked.fetched_at,
        air,
    };
    Ok(air_pollution(reply, asked)?.into_iter().map(of).collect())
}

fn air_pollution<'a>(reply: &Object<'a>, asked: Asking<'a>) -> Shape<Vec<(Timestamp, Air<'a>)>> {
    let (lat, lon) = coordinates(reply, asked.location)?;
    let entry = |entry: &Object<'a>| {
        let (main, gas) = (entry.object("main")?, entry.object("components")?);
        let aqi = main.required("aqi", Object::integer)?;
        if !(1..=5).contains(&aqi) {
            return Err(main.mismatch("aqi", &format!("is {aqi}, expected 1 to 5")));
        }
        let air = Air {
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
        };
        Ok((entry.required("dt", instant)?, air))
    };
    reply.list("list")?.iter().map(entry).collect()
}

fn weather<'a>(at: &Object<'a>) -> Shape<Weather<'a>> {
    let (main, wind) = (at.object("main")?, at.object("wind")?);
    Ok(Weather {
        conditions: conditions(at)?,
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

fn conditions(at: &Object<'_>) -> Shape<Conditions> {
    let conditions = at.list("weather")?.iter().map(condition).collect::<Shape<Vec<_>>>()?;
    let none = Condition { id: None, main: None, description: None, icon: None };
    let primary = conditions.first().cloned().unwrap_or(none);
    Ok(Conditions {
        condition_id: primary.id,
        condition: primary.main,
        description: primary.description,
        icon: primary.icon,
        conditions,
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
    let (asked_lat, asked_lon) = asked_for(location);
    if at.is_array("coord") {
        return Ok((asked_lat, asked_lon));
    }
    let coord = at.object("coord")?;
    Ok((coord.number("lat")?.or(asked_lat), coord.number("lon")?.or(asked_lon)))
}

fn asked_for<'a>(location: &Location) -> (Option<Number<'a>>, Option<Number<'a>>) {
    match location.asked {
        Asked::Coordinates { lat, lon } => (Some(Number::Asked(lat)), Some(Number::Asked(lon))),
        Asked::City(_) => (None, None),
    }
}

#[cfg(test)]
mod tests;
