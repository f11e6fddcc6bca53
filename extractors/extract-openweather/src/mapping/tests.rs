//! The shapes that no recorded reply shows.

use etl_component::Class;
use serde_json::{Value, json};

use super::*;
use crate::args::Part;

fn fetched_at() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn here() -> Location {
    Location { name: "here".into(), asked: Asked::Coordinates { lat: 48.14, lon: 11.58 } }
}

fn map(endpoint: Endpoint, reply: &Value) -> Result<Vec<Value>, String> {
    let reply = serde_json::to_vec(reply).unwrap();
    match records(endpoint, &here(), fetched_at(), &reply) {
        Ok(mapped) => Ok(mapped.records.iter().map(|record| serde_json::to_value(record).unwrap()).collect()),
        Err(fault) => {
            assert_eq!(fault.class(), Class::Protocol);
            Err(fault.message().to_owned())
        }
    }
}

#[test]
fn a_place_at_sea_has_no_city() {
    let reply = json!({
        "coord": {"lon": 0, "lat": 0.5}, "weather": [], "main": {"temp": 26}, "rain": {}, "snow": null,
        "wind": {"speed": 3}, "dt": 1700000000, "sys": {"sunrise": 0, "sunset": 1700031600},
        "timezone": 0, "id": 0, "name": "", "cod": 200
    });
    let record = map(Endpoint::Current, &reply).unwrap().remove(0);
    assert_eq!(record["observed_at"], "2023-11-14T22:13:20Z");
    for absent in
        ["city_id", "city", "country", "condition_id", "icon", "rain_1h", "snow_3h", "wind_deg", "sunrise_at"]
    {
        assert_eq!(record[absent], Value::Null, "{absent}");
    }
    assert_eq!(record["conditions"], json!([]));
    assert_eq!((&record["lat"], &record["lon"]), (&json!(0.5), &json!(0)));
    assert_eq!((&record["temp"], &record["timezone"]), (&json!(26), &json!(0)));
    assert_eq!(record["sunset_at"], "2023-11-15T07:00:00Z");
}

#[test]
fn coordinates_as_a_list_are_not_guessed_at() {
    let entry = json!({"dt": 1700000000, "main": {"aqi": 4.0}, "components": {}});
    let record = map(Endpoint::AirPollution, &json!({"coord": [50, 50], "list": [entry]})).unwrap().remove(0);
    assert_eq!((&record["lat"], &record["lon"]), (&json!(48.14), &json!(11.58)));
    assert_eq!((&record["aqi"], &record["nh3"]), (&json!(4), &Value::Null));

    let city = Location::city("Munich").unwrap();
    let reply = br#"{"coord":[50,50],"dt":1700000000,"main":{"temp":1},"weather":[]}"#;
    let mapped = records(Endpoint::Current, &city, fetched_at(), reply).unwrap();
    let record = serde_json::to_value(&mapped.records[0]).unwrap();
    assert_eq!((&record["location"], &record["lat"]), (&json!("Munich"), &Value::Null));
}

#[test]
fn a_forecast_of_the_air_differs_in_its_time() {
    let entry = json!({"dt": 1700000000, "main": {"aqi": 1}, "components": {"no": 0}});
    let reply = json!({"coord": {"lat": 1, "lon": 2}, "list": [entry]});
    let [observed, forecast] = [Endpoint::AirHistory, Endpoint::AirForecast]
        .map(|endpoint| map(endpoint, &reply).unwrap().remove(0));
    assert_eq!(
        (&observed["observed_at"], &observed["forecast_at"]),
        (&json!("2023-11-14T22:13:20Z"), &Value::Null)
    );
    assert_eq!(
        (&forecast["forecast_at"], &forecast["observed_at"]),
        (&json!("2023-11-14T22:13:20Z"), &Value::Null)
    );
    assert_eq!((&observed["no"], &forecast["no"]), (&json!(0), &json!(0)));
}

#[test]
fn a_day_of_one_call_is_that_of_the_place() {
    let day = |dt: i64, offset: i64| {
        let reply =
            json!({"lat": 1, "lon": 2, "timezone_offset": offset, "daily": [{"dt": dt, "weather": []}]});
        map(Endpoint::OneCall(Part::Daily), &reply).unwrap().remove(0)["date"].clone()
    };
    // Noon on Kiritimati and in Pago Pago, which share neither day nor clock.
    assert_eq!(day(1_699_912_800, 14 * 3600), "2023-11-14");
    assert_eq!(day(1_700_002_800, -11 * 3600), "2023-11-14");
}

#[test]
fn an_empty_list_is_no_record() {
    let reply = json!({"lat": 1, "lon": 2, "timezone_offset": 0, "daily": [], "hourly": []});
    for part in [Part::Minutely, Part::Hourly, Part::Daily, Part::Alerts] {
        assert_eq!(map(Endpoint::OneCall(part), &reply), Ok(vec![]), "{part:?}");
    }
    assert_eq!(map(Endpoint::AirPollution, &json!({"coord": {"lon": 0, "lat": 0}, "list": []})), Ok(vec![]));
    let forecast = json!({"cod": "200", "message": 0, "cnt": 0, "list": [], "city": {"id": 1}});
    assert_eq!(map(Endpoint::Forecast, &forecast), Ok(vec![]));
}

#[test]
fn another_shape_names_the_field() {
    use Endpoint::{AirForecast, AirPollution, Current, Forecast, OneCall};
    let dt = 1700000000;
    let step = json!({"dt": dt, "main": {"temp": 1}, "weather": []});
    for (endpoint, reply, why) in [
        (Current, json!([]), "weather is not as documented: a list, expected an object"),
        (
            Current,
            json!({"main": {"temp": 1}, "weather": []}),
            "weather is not as documented: `dt` is missing",
        ),
        (
            Current,
            json!({"dt": "x"}),
            "weather is not as documented: `dt` is a string, expected a whole number",
        ),
        (
            Current,
            json!({"dt": dt, "main": {"temp": 1}}),
            "weather is not as documented: `weather` is missing",
        ),
        (Current, json!({"dt": dt, "weather": []}), "weather is not as documented: `main.temp` is missing"),
        (
            Current,
            json!({"dt": dt, "weather": [{"id": "800"}], "main": {"temp": 1}}),
            "weather is not as documented: `weather[0].id` is a string, expected a whole number",
        ),
        (
            Current,
            json!({"rain": 0.3}),
            "weather is not as documented: `rain` is a number, expected an object",
        ),
        (Forecast, json!({"city": {}}), "forecast is not as documented: `list` is missing"),
        (
            Forecast,
            json!({"list": [step, {"dt": dt, "main": {"temp": "1"}, "weather": []}], "city": {}}),
            "forecast is not as documented: `list[1].main.temp` is a string, expected a number that a double can hold",
        ),
        (
            Forecast,
            json!({"list": [{}], "city": "Munich"}),
            "forecast is not as documented: `city` is a string, expected an object",
        ),
        (
            AirPollution,
            json!({"list": {}}),
            "air_pollution is not as documented: `list` is an object, expected a list",
        ),
        (
            AirPollution,
            json!({"list": [{"dt": dt, "main": {"aqi": 6}}]}),
            "air_pollution is not as documented: `list[0].main.aqi` is 6, expected 1 to 5",
        ),
        (
            AirForecast,
            json!({"list": [{"main": {"aqi": 1}}]}),
            "air_pollution/forecast is not as documented: `list[0].dt` is missing",
        ),
        (OneCall(Part::Current), json!({}), "onecall is not as documented: `current.dt` is missing"),
        (
            OneCall(Part::Hourly),
            json!({"hourly": [{"dt": dt, "weather": []}]}),
            "onecall is not as documented: `hourly[0].temp` is missing",
        ),
        (OneCall(Part::Hourly), json!({"daily": []}), "onecall is not as documented: `hourly` is missing"),
        (
            OneCall(Part::Daily),
            json!({"daily": []}),
            "onecall is not as documented: `timezone_offset` is missing",
        ),
        (
            OneCall(Part::Daily),
            json!({"timezone_offset": 1_000_000, "daily": []}),
            "onecall is not as documented: `timezone_offset` is 1000000, which is no offset from UTC",
        ),
        (
            OneCall(Part::Alerts),
            json!({"alerts": [{"event": "Wind"}]}),
            "onecall is not as documented: `alerts[0].start` is missing",
        ),
    ] {
        let message = map(endpoint, &reply).unwrap_err();
        assert_eq!(message, format!("the reply to {why}"));
    }
}
