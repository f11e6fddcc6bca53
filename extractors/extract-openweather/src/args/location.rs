//! What places can be asked for, and how they are written.

/// Why a city is no location of air pollution, nor of One Call.
pub(crate) const NO_CITIES: &str = "the service knows this by coordinates only";

/// A place, and the name that its records carry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Location {
    /// The field `location` of the records: the NAME given, else the city, else `LAT,LON`, as given.
    pub(crate) name: String,
    /// What the service is asked for.
    pub(crate) asked: Asked,
}

/// The two ways to ask.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// By name, through the service's own geocoder: `city[,state of the US],country`.
    City(String),
    /// By decimal degrees.
    Coordinates {
        /// Latitude, -90 to 90.
        lat: f64,
        /// Longitude, -180 to 180.
        lon: f64,
    },
}

impl Location {
    /// A city by name.
    pub(crate) fn city(text: &str) -> Result<Location, String> {
        let name = name(text)?;
        Ok(Location { asked: Asked::City(name.clone()), name })
    }

    /// A pair of coordinates, named by its own text.
    pub(crate) fn coordinates(lat: &str, lon: &str) -> Result<Location, String> {
        let asked = coordinates(lat, lon)?;
        Ok(Location { name: format!("{},{}", lat.trim(), lon.trim()), asked })
    }

    /// `NAME=LAT,LON`. The name may hold `=`.
    pub(crate) fn named(text: &str) -> Result<Location, String> {
        let form = || format!("{text:?} is not NAME=LAT,LON, such as Seattle=47.6062,-122.3321");
        let (left, right) = text.rsplit_once('=').ok_or_else(form)?;
        let (lat, lon) = right.split_once(',').ok_or_else(form)?;
        Ok(Location { name: name(left)?, asked: coordinates(lat, lon)? })
    }

    /// A line of a file: `NAME=LAT,LON` or a city; without `cities`, one is refused.
    pub(crate) fn listed(line: &str, cities: bool) -> Result<Location, String> {
        match line.contains('=') {
            true => Location::named(line),
            false if cities => Location::city(line),
            false => Err(format!("{line}: {NO_CITIES}")),
        }
    }

    /// The parameters of the request that ask for this place.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        match &self.asked {
            Asked::City(city) => vec![("q", city.clone())],
            Asked::Coordinates { lat, lon } => vec![("lat", lat.to_string()), ("lon", lon.to_string())],
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.contains(char::is_control) {
        return Err(format!("{text:?} is no name of a location: it is empty or has control characters"));
    }
    Ok(name.to_owned())
}

fn coordinates(lat: &str, lon: &str) -> Result<Asked, String> {
    Ok(Asked::Coordinates { lat: degrees("latitude", lat, 90.0)?, lon: degrees("longitude", lon, 180.0)? })
}

fn degrees(what: &str, text: &str, limit: f64) -> Result<f64, String> {
    // A NaN is in no range, so it is refused with the rest.
    match text.trim().parse::<f64>() {
        Ok(degrees) if (-limit..=limit).contains(&degrees) => Ok(degrees),
        _ => Err(format!("{what} {text:?} is not a number from -{limit} to {limit}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_as_written() {
        let city = Location::city(" Portland,OR,US ").unwrap();
        assert_eq!(
            (city.name.as_str(), city.query()),
            ("Portland,OR,US", vec![("q", "Portland,OR,US".into())])
        );

        let pair = Location::coordinates("47.60", "-122.3").unwrap();
        assert_eq!(pair.name, "47.60,-122.3");
        assert_eq!(pair.query(), [("lat", "47.6".to_owned()), ("lon", "-122.3".to_owned())]);

        let named = Location::named("a=b = 90 , -180").unwrap();
        assert_eq!(named.name, "a=b");
        assert_eq!(named.asked, Asked::Coordinates { lat: 90.0, lon: -180.0 });
    }

    #[test]
    fn what_is_no_location_is_refused_with_its_text() {
        for (text, why) in [
            ("Seattle", "\"Seattle\" is not NAME=LAT,LON, such as Seattle=47.6062,-122.3321"),
            ("Seattle=47.6", "\"Seattle=47.6\" is not NAME=LAT,LON, such as Seattle=47.6062,-122.3321"),
            ("=1,2", "\"\" is no name of a location: it is empty or has control characters"),
            ("a\nb=1,2", "\"a\\nb\" is no name of a location: it is empty or has control characters"),
            ("a=90.01,2", "latitude \"90.01\" is not a number from -90 to 90"),
            ("a=nan,2", "latitude \"nan\" is not a number from -90 to 90"),
            ("a=1,-180.5", "longitude \"-180.5\" is not a number from -180 to 180"),
            ("a=1,2,3", "longitude \"2,3\" is not a number from -180 to 180"),
        ] {
            assert_eq!(Location::named(text).unwrap_err(), why);
        }
    }

    #[test]
    fn a_line_of_a_file_is_a_name_with_coordinates_or_a_city() {
        let name = |line, cities| Location::listed(line, cities).map(|location| location.name);
        assert_eq!(name("Seattle=47.6,-122.3", false), Ok("Seattle".to_owned()));
        assert_eq!(name("Lisbon,PT", true), Ok("Lisbon,PT".to_owned()));
        let why = "Lisbon: the service knows this by coordinates only";
        assert_eq!(name("Lisbon", false), Err(why.to_owned()));
    }
}
