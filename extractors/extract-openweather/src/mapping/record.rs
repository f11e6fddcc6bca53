//! The records, with the fields of the schemas `openweather.*` in their order; each is always there, null where the reply
//! has nothing.

use etl_http::json::Number;
use jiff::Timestamp;
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Current<'a> {
    pub(super) location: &'a str,
    pub(super) observed_at: Timestamp,
    pub(super) fetched_at: Timestamp,
    pub(super) city_id: Option<i64>,
    pub(super) city: Option<String>,
    pub(super) country: Option<String>,
    pub(super) lat: Option<Number<'a>>,
    pub(super) lon: Option<Number<'a>>,
    #[serde(flatten)]
    pub(super) weather: Weather<'a>,
    pub(super) rain_1h: Option<Number<'a>>,
    pub(super) rain_3h: Option<Number<'a>>,
    pub(super) snow_1h: Option<Number<'a>>,
    pub(super) snow_3h: Option<Number<'a>>,
    pub(super) sunrise_at: Option<Timestamp>,
    pub(super) sunset_at: Option<Timestamp>,
    pub(super) timezone: Option<i64>,
}

#[derive(Serialize)]
pub(crate) struct Forecast<'a> {
    pub(super) location: &'a str,
    pub(super) forecast_at: Timestamp,
    pub(super) fetched_at: Timestamp,
    pub(super) city_id: Option<i64>,
    pub(super) city: Option<String>,
    pub(super) country: Option<String>,
    pub(super) lat: Option<Number<'a>>,
    pub(super) lon: Option<Number<'a>>,
    pub(super) population: Option<i64>,
    #[serde(flatten)]
    pub(super) weather: Weather<'a>,
    pub(super) pop: Option<Number<'a>>,
    pub(super) pod: Option<String>,
    pub(super) rain_3h: Option<Number<'a>>,
    pub(super) snow_3h: Option<Number<'a>>,
    pub(super) sunrise_at: Option<Timestamp>,
    pub(super) sunset_at: Option<Timestamp>,
    pub(super) timezone: Option<i64>,
}

#[derive(Serialize)]
pub(crate) struct AirPollution<'a> {
    pub(super) location: &'a str,
    pub(crate) observed_at: Timestamp,
    pub(super) fetched_at: Timestamp,
    #[serde(flatten)]
    pub(super) air: Air<'a>,
}

#[derive(Serialize)]
pub(crate) struct AirForecast<'a> {
    pub(super) location: &'a str,
    pub(super) forecast_at: Timestamp,
    pub(super) fetched_at: Timestamp,
    #[serde(flatten)]
    pub(super) air: Air<'a>,
}

/// What an hour of air pollution has, observed or forecast.
#[derive(Serialize)]
pub(crate) struct Air<'a> {
    pub(super) lat: Option<Number<'a>>,
    pub(super) lon: Option<Number<'a>>,
    pub(super) aqi: i64,
    pub(super) co: Option<Number<'a>>,
    pub(super) no: Option<Number<'a>>,
    pub(super) no2: Option<Number<'a>>,
    pub(super) o3: Option<Number<'a>>,
    pub(super) so2: Option<Number<'a>>,
    pub(super) pm2_5: Option<Number<'a>>,
    pub(super) pm10: Option<Number<'a>>,
    pub(super) nh3: Option<Number<'a>>,
}

/// What current weather and a step of the forecast have in common.
#[derive(Serialize)]
pub(crate) struct Weather<'a> {
    #[serde(flatten)]
    pub(super) conditions: Conditions,
    pub(super) temp: Number<'a>,
    pub(super) feels_like: Option<Number<'a>>,
    pub(super) temp_min: Option<Number<'a>>,
    pub(super) temp_max: Option<Number<'a>>,
    pub(super) pressure: Option<Number<'a>>,
    pub(super) humidity: Option<Number<'a>>,
    pub(super) sea_level: Option<Number<'a>>,
    pub(super) grnd_level: Option<Number<'a>>,
    pub(super) visibility: Option<Number<'a>>,
    pub(super) wind_speed: Option<Number<'a>>,
    pub(super) wind_deg: Option<Number<'a>>,
    pub(super) wind_gust: Option<Number<'a>>,
    pub(super) clouds: Option<Number<'a>>,
}

/// The primary condition, and all of them.
#[derive(Serialize)]
pub(crate) struct Conditions {
    pub(super) condition_id: Option<i64>,
    pub(super) condition: Option<String>,
    pub(super) description: Option<String>,
    pub(super) icon: Option<String>,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Clone, Serialize)]
pub(crate) struct Condition {
    pub(super) id: Option<i64>,
    pub(super) main: Option<String>,
    pub(super) description: Option<String>,
    pub(super) icon: Option<String>,
}
