//! What the service can be asked.

/// Which of the service's three replies to map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The weather now.
    Current,
    /// Five days in steps of three hours.
    Forecast,
    /// The air quality now.
    AirPollution,
}

impl Endpoint {
    /// The last part of the request's path.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Endpoint::Current => "weather",
            Endpoint::Forecast => "forecast",
            Endpoint::AirPollution => "air_pollution",
        }
    }

    /// Whether a city will do; the air is known by coordinates only.
    pub(crate) fn knows_cities(self) -> bool {
        self != Endpoint::AirPollution
    }

    /// The schema of its records.
    pub(crate) const fn schema(self) -> &'static str {
        match self {
            Endpoint::Current => "openweather.current",
            Endpoint::Forecast => "openweather.forecast",
            Endpoint::AirPollution => "openweather.air_pollution",
        }
    }
}
