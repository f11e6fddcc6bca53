//! The parts of a reply of One Call 3.0, <https://openweathermap.org/api/one-call-3>.

use etl_http::json::{Number, Object, Shape};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::Serialize;

use super::record::Conditions;
use super::{Asking, asked_for, conditions, instant, text};
use crate::args::Part;

/// A record of one of the schemas `openweather.one_call_*`, with its fields in their order.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum OneCall<'a> {
    Current(Current<'a>),
    Minutely(Minutely<'a>),
    Hourly(Hourly<'a>),
    Daily(Box<Daily<'a>>),
    Alert(Alert<'a>),
}

#[derive(Serialize)]
pub(crate) struct Current<'a> {
    location: &'a str,
    observed_at: Timestamp,
    #[serde(flatten)]
    place: Place<'a>,
    #[serde(flatten)]
    hour: Hour<'a>,
    rain_1h: Option<Number<'a>>,
    snow_1h: Option<Number<'a>>,
    sunrise_at: Option<Timestamp>,
    sunset_at: Option<Timestamp>,
    #[serde(flatten)]
    zone: Zone,
}

#[derive(Serialize)]
pub(crate) struct Minutely<'a> {
    location: &'a str,
    forecast_at: Timestamp,
    #[serde(flatten)]
    place: Place<'a>,
    precipitation: Option<Number<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Hourly<'a> {
    location: &'a str,
    forecast_at: Timestamp,
    #[serde(flatten)]
    place: Place<'a>,
    #[serde(flatten)]
    hour: Hour<'a>,
    pop: Option<Number<'a>>,
    rain_1h: Option<Number<'a>>,
    snow_1h: Option<Number<'a>>,
    #[serde(flatten)]
    zone: Zone,
}

#[derive(Serialize)]
pub(crate) struct Daily<'a> {
    location: &'a str,
    date: Date,
    forecast_at: Timestamp,
    #[serde(flatten)]
    place: Place<'a>,
    summary: Option<String>,
    #[serde(flatten)]
    conditions: Conditions,
    temp_day: Option<Number<'a>>,
    temp_min: Option<Number<'a>>,
    temp_max: Option<Number<'a>>,
    temp_morn: Option<Number<'a>>,
    temp_eve: Option<Number<'a>>,
    temp_night: Option<Number<'a>>,
    feels_like_day: Option<Number<'a>>,
    feels_like_morn: Option<Number<'a>>,
    feels_like_eve: Option<Number<'a>>,
    feels_like_night: Option<Number<'a>>,
    pressure: Option<Number<'a>>,
    humidity: Option<Number<'a>>,
    dew_point: Option<Number<'a>>,
    uvi: Option<Number<'a>>,
    clouds: Option<Number<'a>>,
    wind_speed: Option<Number<'a>>,
    wind_deg: Option<Number<'a>>,
    wind_gust: Option<Number<'a>>,
    pop: Option<Number<'a>>,
    rain: Option<Number<'a>>,
    snow: Option<Number<'a>>,
    sunrise_at: Option<Timestamp>,
    sunset_at: Option<Timestamp>,
    moonrise_at: Option<Timestamp>,
    moonset_at: Option<Timestamp>,
    moon_phase: Option<Number<'a>>,
    #[serde(flatten)]
    zone: Zone,
}

#[derive(Serialize)]
pub(crate) struct Alert<'a> {
    location: &'a str,
    sender_name: String,
    event: String,
    start_at: Timestamp,
    number: usize,
    end_at: Option<Timestamp>,
    #[serde(flatten)]
    place: Place<'a>,
    description: Option<String>,
    tags: Vec<String>,
}

/// When and for where.
#[derive(Clone, Copy, Serialize)]
struct Place<'a> {
    fetched_at: Timestamp,
    lat: Option<Number<'a>>,
    lon: Option<Number<'a>>,
}

/// What now and an hour of the forecast have in common.
#[derive(Serialize)]
struct Hour<'a> {
    #[serde(flatten)]
    conditions: Conditions,
    temp: Number<'a>,
    feels_like: Option<Number<'a>>,
    pressure: Option<Number<'a>>,
    humidity: Option<Number<'a>>,
    dew_point: Option<Number<'a>>,
    uvi: Option<Number<'a>>,
    clouds: Option<Number<'a>>,
    visibility: Option<Number<'a>>,
    wind_speed: Option<Number<'a>>,
    wind_deg: Option<Number<'a>>,
    wind_gust: Option<Number<'a>>,
}

#[derive(Clone, Serialize)]
struct Zone {
    timezone: Option<String>,
    timezone_offset: Option<i64>,
}

/// The records of a part of the reply. `minutely` and `alerts` are not there where the service has none.
pub(super) fn records<'a>(part: Part, reply: &Object<'a>, asked: Asking<'a>) -> Shape<Vec<OneCall<'a>>> {
    let head = Head::read(reply, asked)?;
    match part {
        Part::Current => Ok(vec![OneCall::Current(head.current(&reply.object("current")?)?)]),
        Part::Minutely => {
            let minutes = reply.list_or_empty("minutely")?;
            minutes.iter().map(|minute| Ok(OneCall::Minutely(head.minute(minute)?))).collect()
        }
        Part::Hourly => {
            reply.list("hourly")?.iter().map(|hour| Ok(OneCall::Hourly(head.hour(hour)?))).collect()
        }
        Part::Daily => {
            let offset = offset(reply)?;
            let days = reply.list("daily")?;
            days.iter().map(|day| Ok(OneCall::Daily(Box::new(head.day(day, offset)?)))).collect()
        }
        Part::Alerts => {
            let mut alerts: Vec<Alert<'a>> = Vec::new();
            for alert in reply.list_or_empty("alerts")? {
                head.alert(&alert)?.join(&mut alerts);
            }
            Ok(alerts.into_iter().map(OneCall::Alert).collect())
        }
    }
}

/// What all parts have in common.
struct Head<'a> {
    location: &'a str,
    place: Place<'a>,
    zone: Zone,
}

impl<'a> Head<'a> {
    fn read(reply: &Object<'a>, asked: Asking<'a>) -> Shape<Head<'a>> {
        let (asked_lat, asked_lon) = asked_for(asked.location);
        Ok(Head {
            location: &asked.location.name,
            place: Place {
                fetched_at: asked.fetched_at,
                lat: reply.number("lat")?.or(asked_lat),
                lon: reply.number("lon")?.or(asked_lon),
            },
            zone: Zone {
                timezone: text(reply, "timezone")?,
                timezone_offset: reply.integer("timezone_offset")?,
            },
        })
    }

    fn current(&self, now: &Object<'a>) -> Shape<Current<'a>> {
        Ok(Current {
            location: self.location,
            observed_at: now.required("dt", instant)?,
            place: self.place,
            hour: hour(now)?,
            rain_1h: now.object("rain")?.number("1h")?,
            snow_1h: now.object("snow")?.number("1h")?,
            sunrise_at: instant(now, "sunrise")?,
            sunset_at: instant(now, "sunset")?,
            zone: self.zone.clone(),
        })
    }

    fn minute(&self, minute: &Object<'a>) -> Shape<Minutely<'a>> {
        Ok(Minutely {
            location: self.location,
            forecast_at: minute.required("dt", instant)?,
            place: self.place,
            precipitation: minute.number("precipitation")?,
        })
    }

    fn hour(&self, at: &Object<'a>) -> Shape<Hourly<'a>> {
        Ok(Hourly {
            location: self.location,
            forecast_at: at.required("dt", instant)?,
            place: self.place,
            hour: hour(at)?,
            pop: at.number("pop")?,
            rain_1h: at.object("rain")?.number("1h")?,
            snow_1h: at.object("snow")?.number("1h")?,
            zone: self.zone.clone(),
        })
    }

    fn day(&self, day: &Object<'a>, offset: Offset) -> Shape<Daily<'a>> {
        let forecast_at = day.required("dt", instant)?;
        let (temp, feels_like) = (day.object("temp")?, day.object("feels_like")?);
        Ok(Daily {
            location: self.location,
            date: offset.to_datetime(forecast_at).date(),
            forecast_at,
            place: self.place,
            summary: text(day, "summary")?,
            conditions: conditions(day)?,
            temp_day: temp.number("day")?,
            temp_min: temp.number("min")?,
            temp_max: temp.number("max")?,
            temp_morn: temp.number("morn")?,
            temp_eve: temp.number("eve")?,
            temp_night: temp.number("night")?,
            feels_like_day: feels_like.number("day")?,
            feels_like_morn: feels_like.number("morn")?,
            feels_like_eve: feels_like.number("eve")?,
            feels_like_night: feels_like.number("night")?,
            pressure: day.number("pressure")?,
            humidity: day.number("humidity")?,
            dew_point: day.number("dew_point")?,
            uvi: day.number("uvi")?,
            clouds: day.number("clouds")?,
            wind_speed: day.number("wind_speed")?,
            wind_deg: day.number("wind_deg")?,
            wind_gust: day.number("wind_gust")?,
            pop: day.number("pop")?,
            rain: day.number("rain")?,
            snow: day.number("snow")?,
            sunrise_at: instant(day, "sunrise")?,
            sunset_at: instant(day, "sunset")?,
            moonrise_at: instant(day, "moonrise")?,
            moonset_at: instant(day, "moonset")?,
            moon_phase: day.number("moon_phase")?,
            zone: self.zone.clone(),
        })
    }

    fn alert(&self, alert: &Object<'a>) -> Shape<Alert<'a>> {
        Ok(Alert {
            location: self.location,
            // Parts of the key, which cannot be null.
            sender_name: alert.text("sender_name")?.unwrap_or_default(),
            event: alert.text("event")?.unwrap_or_default(),
            start_at: alert.required("start", instant)?,
            number: 1,
            end_at: instant(alert, "end")?,
            place: self.place,
            description: text(alert, "description")?,
            tags: alert.texts("tags")?,
        })
    }
}

impl<'a> Alert<'a> {
    /// Takes its place among those before it. One sender may warn of one event from one instant on in several regions at
    /// once, with another text for each; that the same text comes twice means nothing.
    fn join(mut self, earlier: &mut Vec<Alert<'a>>) {
        let alike = earlier.iter().filter(|other| {
            (&other.sender_name, &other.event, other.start_at)
                == (&self.sender_name, &self.event, self.start_at)
        });
        let alike: Vec<_> = alike.collect();
        let said = |alert: &Alert<'a>| (alert.end_at, alert.description.clone(), alert.tags.clone());
        if alike.iter().any(|other| said(other) == said(&self)) {
            return;
        }
        self.number = alike.len() + 1;
        earlier.push(self);
    }
}

fn hour<'a>(at: &Object<'a>) -> Shape<Hour<'a>> {
    Ok(Hour {
        conditions: conditions(at)?,
        temp: at.required("temp", Object::number)?,
        feels_like: at.number("feels_like")?,
        pressure: at.number("pressure")?,
        humidity: at.number("humidity")?,
        dew_point: at.number("dew_point")?,
        uvi: at.number("uvi")?,
        clouds: at.number("clouds")?,
        visibility: at.number("visibility")?,
        wind_speed: at.number("wind_speed")?,
        wind_deg: at.number("wind_deg")?,
        wind_gust: at.number("wind_gust")?,
    })
}

/// The offset by which a place's days are told.
fn offset(reply: &Object<'_>) -> Shape<Offset> {
    let seconds = reply.required("timezone_offset", Object::integer)?;
    let offset = i32::try_from(seconds).ok().and_then(|seconds| Offset::from_seconds(seconds).ok());
    offset.ok_or_else(|| {
        reply.mismatch("timezone_offset", &format!("is {seconds}, which is no offset from UTC"))
    })
}
