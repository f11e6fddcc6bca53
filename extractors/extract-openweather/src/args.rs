//! What was typed, and what it means.

mod location;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use etl_component::{Env, Fault, Variable};
use etl_extract::{ExtractArgs, key, list, setting};
use etl_http::{BaseUrl, base_url};

use location::NO_CITIES;
pub(crate) use location::{Asked, Location};

/// The API key.
pub(crate) const KEY: Variable = key(
    "OPENWEATHER_API_KEY",
    &["OPENWEATHER_KEY", "OPEN_WEATHER_KEY"],
    "the key from openweathermap.org/api_keys; not needed with --replay",
);
const CITY: Variable = setting("CITY", "the city, where no flag gives a location");
const LAT: Variable = setting("LAT", "the latitude, where no flag gives a location");
const LONG: Variable = setting("LONG", "the longitude, with LAT");

/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[KEY, CITY, LAT, LONG];

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

/// Weather, forecast and air pollution of OpenWeather as records, always in metric units.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-openweather current --city Seattle --city Paris,FR | load-sqlite --db weather.db
  extract-openweather forecast --location home=47.6,-122.3 | load-postgres --create
  extract-openweather air-pollution --lat 47.6 --lon -122.3 | load-influx --db weather")]
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
        ask: Ask,
        #[command(flatten)]
        language: Language,
    },
    /// Five days in steps of three hours: openweather.forecast
    #[command(after_help = "Examples:
  extract-openweather forecast --city Seattle | load-sqlite --db weather.db
  extract-openweather forecast --location home=47.6,-122.3 --cnt 8 | load-postgres --create")]
    Forecast {
        #[command(flatten)]
        ask: Ask,
        #[command(flatten)]
        language: Language,
        /// How many steps, 1 to 40; all of them by default
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=40), help_heading = "Request")]
        cnt: Option<u8>,
    },
    /// The air quality now, by coordinates only: openweather.air_pollution
    #[command(after_help = "Examples:
  extract-openweather air-pollution --lat 47.6 --lon -122.3 | load-sqlite --db weather.db
  extract-openweather air-pollution --location home=47.6,-122.3 | load-influx --db weather")]
    AirPollution {
        #[command(flatten)]
        ask: Ask,
    },
}

#[derive(Debug, Args)]
struct Language {
    /// Language of the descriptions, such as de or pt_br
    #[arg(long, value_name = "CODE", help_heading = "Request")]
    lang: Option<String>,
}

/// Where, and of which server; without a location, the variables CITY, or LAT and LONG, are read.
#[derive(Debug, Args)]
struct Ask {
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
    /// The flags of every extractor.
    pub(crate) shared: ExtractArgs,
}

impl Settings {
    /// What these arguments mean in this environment.
    ///
    /// # Errors
    /// 2, 66 or 78 for a location or an address that is not one, naming the flag, the file and its line, or the variable.
    pub(crate) fn new(cli: Cli, env: &Env) -> Result<Settings, Fault> {
        let (endpoint, ask, language, cnt) = match cli.command {
            Command::Current { language, ask } => (Endpoint::Current, ask, language.lang, None),
            Command::Forecast { cnt, language, ask } => (Endpoint::Forecast, ask, language.lang, cnt),
            Command::AirPollution { ask } => (Endpoint::AirPollution, ask, None, None),
        };
        let locations = locations(&ask, endpoint, env)?;
        let mut query = Vec::new();
        if endpoint.knows_cities() {
            query.push(("units", "metric".to_owned()));
        }
        query.extend(language.map(|lang| ("lang", lang)));
        query.extend(cnt.map(|cnt| ("cnt", cnt.to_string())));
        let base_url = base_url(&ask.base_url, cli.shared.source.allow_http)?;
        Ok(Settings { endpoint, locations, base_url, query, shared: cli.shared })
    }
}

fn locations(ask: &Ask, endpoint: Endpoint, env: &Env) -> Result<Vec<Location>, Fault> {
    if let Some(city) = ask.city.first().filter(|_| !endpoint.knows_cities()) {
        return Err(Fault::usage(format!("--city {city}: {NO_CITIES}")));
    }
    let mut locations = from_flags(ask)?;
    if let Some(path) = &ask.locations {
        locations.extend(list(path, "location", |line| Location::listed(line, endpoint.knows_cities()))?);
    }
    if locations.is_empty() {
        locations.push(from_environment(endpoint, env)?);
    }
    refuse_doubles(&locations)?;
    Ok(locations)
}

fn from_flags(ask: &Ask) -> Result<Vec<Location>, Fault> {
    let wrong = |flag: &'static str| move |why: String| Fault::usage(format!("{flag}: {why}"));
    let mut locations = Vec::new();
    for city in &ask.city {
        locations.push(Location::city(city).map_err(wrong("--city"))?);
    }
    match (&ask.lat, &ask.lon) {
        (Some(lat), Some(lon)) => {
            locations.push(Location::coordinates(lat, lon).map_err(wrong("--lat, --lon"))?);
        }
        (None, None) => {}
        _ => return Err(Fault::usage("--lat and --lon go together")),
    }
    for location in &ask.location {
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
