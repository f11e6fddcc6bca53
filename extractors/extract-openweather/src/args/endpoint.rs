//! Which reply is asked for, and what its records are.

use clap::ValueEnum;

/// Which of the service's replies to map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The weather now.
    Current,
    /// Five days in steps of three hours.
    Forecast,
    /// The air quality now.
    AirPollution,
    /// The air quality of the coming days.
    AirForecast,
    /// The air quality of past hours.
    AirHistory,
    /// A part of One Call 3.0.
    OneCall(Part),
}

/// The parts of a reply of One Call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The weather now: openweather.one_call_current
    Current,
    /// The precipitation of the coming hour by the minute: openweather.one_call_minutely
    Minutely,
    /// Two days by the hour: openweather.one_call_hourly
    Hourly,
    /// Eight days: openweather.one_call_daily
    Daily,
    /// What national weather services warn of: openweather.one_call_alerts
    Alerts,
}

impl Endpoint {
    /// The last part of the request's path.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Endpoint::Current => "weather",
            Endpoint::Forecast => "forecast",
            Endpoint::AirPollution => "air_pollution",
            Endpoint::AirForecast => "air_pollution/forecast",
            Endpoint::AirHistory => "air_pollution/history",
            Endpoint::OneCall(_) => "onecall",
        }
    }

    /// Whether a city will do; the air and One Call are known by coordinates only.
    pub(crate) fn knows_cities(self) -> bool {
        matches!(self, Endpoint::Current | Endpoint::Forecast)
    }

    /// Whether the reply depends on the units asked for.
    pub(crate) fn has_units(self) -> bool {
        matches!(self, Endpoint::Current | Endpoint::Forecast | Endpoint::OneCall(_))
    }

    /// The schema of its records.
    pub(crate) const fn schema(self) -> &'static str {
        match self {
            Endpoint::Current => "openweather.current",
            Endpoint::Forecast => "openweather.forecast",
            Endpoint::AirPollution | Endpoint::AirHistory => "openweather.air_pollution",
            Endpoint::AirForecast => "openweather.air_pollution_forecast",
            Endpoint::OneCall(Part::Current) => "openweather.one_call_current",
            Endpoint::OneCall(Part::Minutely) => "openweather.one_call_minutely",
            Endpoint::OneCall(Part::Hourly) => "openweather.one_call_hourly",
            Endpoint::OneCall(Part::Daily) => "openweather.one_call_daily",
            Endpoint::OneCall(Part::Alerts) => "openweather.one_call_alerts",
        }
    }
}
