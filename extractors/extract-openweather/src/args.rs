//! What was typed, and what it means.

mod endpoint;
mod location;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use etl_component::{Env, Fault, Variable};
use etl_extract::{ExtractArgs, HistoryArgs, key, list, setting};
use etl_http::{BaseUrl, base_url};
use jiff::Timestamp;

pub(crate) use endpoint::{Endpoint, Part};
use location::NO_CITIES;
pub(crate) use location::{Asked, Location};

/// The API key.
pub(crate) const KEY: Variable = key(
    "OPENWEATHER_API_KEY",
    &["OPENWEATHER_KEY", "OPEN_WEATHER_KEY"],
    "the key from openweathermap.org/api_keys; not needed with --replay",
);
const CITY: Variable = Variable {
    required: true,
    unless: &["--city", "--lat", "--location", "--locations", "LAT"],
    ..setting("CITY", "the city, where no flag gives a location")
};
const LAT: Variable = setting("LAT", "the latitude, where no flag gives a location");
const LONG: Variable = setting("LONG", "the longitude, with LAT");

/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[KEY, CITY, LAT, LONG];

/// <https://openweathermap.org/api/air-pollution>: when the history of the air begins, 2020-11-27.
pub(crate) const BEGINNING: Timestamp = Timestamp::constant(1_606_435_200, 0);

/// Weather, forecast, air pollution and One Call of OpenWeather as records, always in metric units.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-openweather current --city Seattle --city Paris,FR | load-sqlite --db weather.db
  extract-openweather forecast --location home=47.6,-122.3 | load-postgres --create
  extract-openweather air-pollution --lat 47.6 --lon -122.3 | load-influx --db weather
  extract-openweather one-call --part alerts --location home=47.6,-122.3 | load-postgres --create")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    shared: ExtractArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The weather now: openweather.current
    #[command(after_help = "Examples:
  extract-openweather current --city Seattle | load-sqlite --db weather.db
  extract-openweather current --locations places.txt --quota calls | load-influx --db weather")]
    Current {
        #[command(flatten)]
        places: Places,
        #[command(flatten)]
        language: Language,
        #[command(flatten)]
        prefix: Prefix,
    },
    /// Five days in steps of three hours: openweather.forecast
    #[command(after_help = "Examples:
  extract-openweather forecast --city Seattle | load-sqlite --db weather.db
  extract-openweather forecast --location home=47.6,-122.3 --cnt 8 | load-postgres --create")]
    Forecast {
        #[command(flatten)]
        places: Places,
        #[command(flatten)]
        language: Language,
        #[command(flatten)]
        prefix: Prefix,
        /// How many steps, 1 to 40; all of them by default
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=40), help_heading = "Request")]
        cnt: Option<u8>,
    },
    /// The air quality now, in the coming days or in the past, by coordinates only: openweather.air_pollution
    #[command(after_help = "Examples:
  extract-openweather air-pollution --lat 47.6 --lon -122.3 | load-sqlite --db weather.db
  extract-openweather air-pollution --forecast --locations places.txt | load-postgres --create
  extract-openweather air-pollution --since 2026-01-01 --until 2026-02-01 | load-postgres --create
  extract-openweather air-pollution --state air.json | load-postgres --state-out air.json")]
    AirPollution {
        #[command(flatten)]
        places: Places,
        /// The coming four days by the hour: openweather.air_pollution_forecast
        #[arg(long, conflicts_with_all = ["state", "look_back", "since", "until"], help_heading = "Request")]
        forecast: bool,
        #[command(flatten)]
        history: HistoryArgs,
        #[command(flatten)]
        prefix: Prefix,
    },
    /// A part of One Call 3.0, which needs a subscription of its own, by coordinates only: openweather.one_call_current
    #[command(after_help = "Examples:
  extract-openweather one-call --lat 47.6 --lon -122.3 | load-sqlite --db weather.db
  extract-openweather one-call --part daily --record replies | load-postgres --create
  extract-openweather one-call --part alerts --replay replies | load-postgres --create")]
    OneCall {
        #[command(flatten)]
        places: Places,
        #[command(flatten)]
        language: Language,
        /// Which part of the reply becomes records
        #[arg(long, value_name = "PART", value_enum, default_value = "current", help_heading = "Request")]
        part: Part,
        /// The service's prefix
        #[arg(
            long,
            value_name = "URL",
            env = "OPENWEATHER_ONE_CALL_BASE_URL",
            default_value = "https://api.openweathermap.org/data/3.0",
            help_heading = "Network"
        )]
        base_url: String,
    },
}

#[derive(Debug, Args)]
struct Language {
    /// Language of the descriptions, such as de or pt_br
    #[arg(long, value_name = "CODE", help_heading = "Request")]
    lang: Option<String>,
}

/// Where; without a location, the variables CITY, or LAT and LONG, are read.
#[derive(Debug, Args)]
struct Places {
    /// A city: NAME[,STATE of the US],COUNTRY; repeatable
    #[arg(long, value_name = "CITY", help_heading = "Places")]
    city: Vec<String>,
    /// Latitude in decimal degrees, with --lon
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, help_heading = "Places")]
    lat: Option<String>,
    /// Longitude in decimal degrees, with --lat
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, help_heading = "Places")]
    lon: Option<String>,
    /// Coordinates with a name for the records; repeatable
    #[arg(long, value_name = "NAME=LAT,LON", help_heading = "Places")]
    location: Vec<String>,
    /// A file of locations, NAME=LAT,LON or a city a line; # starts a comment
    #[arg(long, value_name = "FILE", help_heading = "Places")]
    locations: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Prefix {
    /// The service's prefix
    #[arg(
        long,
        value_name = "URL",
        env = "OPENWEATHER_BASE_URL",
        default_value = "https://api.openweathermap.org/data/2.5",
        help_heading = "Network"
    )]
    base_url: String,
}

/// What a run does, every value checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Which reply to ask for.
    pub(crate) endpoint: Endpoint,
    /// The places to ask for, in the order given, no name twice.
    pub(crate) locations: Vec<Location>,
    /// The service's prefix.
    pub(crate) base_url: BaseUrl,
    /// The parameters that every request has beside its place and the key.
    pub(crate) query: Vec<(&'static str, String)>,
    /// What of the air's history is read, and what was read before.
    pub(crate) history: HistoryArgs,
    /// The flags of every extractor.
    pub(crate) shared: ExtractArgs,
}

impl Settings {
    /// What these arguments mean in this environment.
    ///
    /// # Errors
    /// 2, 66 or 78 for a location or an address that is not one, naming the flag, the file and its line, or the variable.
    pub(crate) fn new(cli: Cli, env: &Env) -> Result<Settings, Fault> {
        let mut history = HistoryArgs::default();
        let (endpoint, places, language, cnt, prefix) = match cli.command {
            Command::Current { places, language, prefix } => {
                (Endpoint::Current, places, language.lang, None, prefix.base_url)
            }
            Command::Forecast { places, language, cnt, prefix } => {
                (Endpoint::Forecast, places, language.lang, cnt, prefix.base_url)
            }
            Command::AirPollution { places, forecast, history: asked, prefix } => {
                history = asked;
                (of_air(forecast, &history)?, places, None, None, prefix.base_url)
            }
            Command::OneCall { places, language, part, base_url } => {
                (Endpoint::OneCall(part), places, language.lang, None, base_url)
            }
        };
        let locations = locations(&places, endpoint, env)?;
        let mut query = Vec::new();
        if endpoint.has_units() {
            query.push(("units", "metric".to_owned()));
        }
        query.extend(language.map(|lang| ("lang", lang)));
        query.extend(cnt.map(|cnt| ("cnt", cnt.to_string())));
        let base_url = base_url(&prefix, cli.shared.source.allow_http)?;
        Ok(Settings { endpoint, locations, base_url, query, history, shared: cli.shared })
    }
}

/// Which hours of the air are asked for.
fn of_air(forecast: bool, history: &HistoryArgs) -> Result<Endpoint, Fault> {
    let HistoryArgs { state, look_back, since, until } = history;
    if let Some(until) = until.filter(|&until| until <= BEGINNING) {
        return Err(Fault::usage(format!("--until {until}: the history of the air begins at {BEGINNING}")));
    }
    match (since, until, &state.state) {
        _ if forecast => Ok(Endpoint::AirForecast),
        (None, None, None) if look_back.is_some() => Err(Fault::usage("--look-back goes with --state")),
        (None, None, None) => Ok(Endpoint::AirPollution),
        _ => Ok(Endpoint::AirHistory),
    }
}

fn locations(places: &Places, endpoint: Endpoint, env: &Env) -> Result<Vec<Location>, Fault> {
    if let Some(city) = places.city.first().filter(|_| !endpoint.knows_cities()) {
        return Err(Fault::usage(format!("--city {city}: {NO_CITIES}")));
    }
    let mut locations = from_flags(places)?;
    if let Some(path) = &places.locations {
        locations.extend(list(path, "location", |line| Location::listed(line, endpoint.knows_cities()))?);
    }
    if locations.is_empty() {
        locations.push(from_environment(endpoint, env)?);
    }
    refuse_doubles(&locations)?;
    Ok(locations)
}

fn from_flags(places: &Places) -> Result<Vec<Location>, Fault> {
    let wrong = |flag: &'static str| move |why: String| Fault::usage(format!("{flag}: {why}"));
    let mut locations = Vec::new();
    for city in &places.city {
        locations.push(Location::city(city).map_err(wrong("--city"))?);
    }
    match (&places.lat, &places.lon) {
        (Some(lat), Some(lon)) => {
            locations.push(Location::coordinates(lat, lon).map_err(wrong("--lat, --lon"))?);
        }
        (None, None) => {}
        _ => return Err(Fault::usage("--lat and --lon go together")),
    }
    for location in &places.location {
        locations.push(Location::named(location).map_err(wrong("--location"))?);
    }
    Ok(locations)
}

/// The variables of the deployments this replaces. They often set a city for the weather beside coordinates for the
/// air, so the city goes first where a city will do.
fn from_environment(endpoint: Endpoint, env: &Env) -> Result<Location, Fault> {
    let set = |variable: Variable| env.get(variable.name).filter(|value| !value.trim().is_empty());
    let (city, lat, lon) = (set(CITY), set(LAT), set(LONG));
    let by_city = endpoint.knows_cities();
    match (city, lat, lon) {
        (Some(city), _, _) if by_city => {
            Location::city(city).map_err(|why| Fault::config(format!("CITY: {why}")))
        }
        (_, Some(lat), Some(lon)) => {
            Location::coordinates(lat, lon).map_err(|why| Fault::config(format!("LAT, LONG: {why}")))
        }
        (_, Some(_), None) | (_, None, Some(_)) => {
            Err(Fault::config("LAT and LONG go together; one is not set"))
        }
        (Some(city), None, None) => Err(Fault::config(format!("CITY {city}: {NO_CITIES}; set LAT and LONG"))),
        (None, None, None) if by_city => Err(Fault::usage(
            "no location: give --city, --lat and --lon, --location or --locations, or set CITY, or LAT and LONG",
        )),
        (None, None, None) => Err(Fault::usage(
            "no location: give --lat and --lon, --location or --locations, or set LAT and LONG",
        )),
    }
}

/// The name is part of the records' key: two places under one name would overwrite each other.
fn refuse_doubles(locations: &[Location]) -> Result<(), Fault> {
    for (i, location) in locations.iter().enumerate() {
        if locations[..i].iter().any(|earlier| earlier.name == location.name) {
            return Err(Fault::usage(format!("the location {} is given twice", location.name)));
        }
        if let Some(earlier) = locations[..i].iter().find(|earlier| earlier.asked == location.asked) {
            log::warn!("the locations {} and {} are the same place", earlier.name, location.name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
