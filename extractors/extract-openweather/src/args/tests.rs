use super::*;

fn settings(args: &[&str], env: &[(&str, &str)]) -> Result<Settings, (u8, String)> {
    let cli = Cli::try_parse_from([&["extract-openweather"], args].concat()).unwrap();
    Settings::new(cli, &Env::of(env)).map_err(|fault| (fault.class().code(), fault.message().to_owned()))
}

fn names(args: &[&str], env: &[(&str, &str)]) -> Vec<String> {
    settings(args, env).unwrap().locations.into_iter().map(|location| location.name).collect()
}

#[test]
fn flags_keep_their_order_and_silence_the_environment() {
    let args =
        ["current", "--location", "X=1,2", "--lat", "-3.50", "--lon", "4", "--city", "B", "--city", "A"];
    assert_eq!(names(&args, &[("CITY", "Paris")]), ["B", "A", "-3.50,4", "X"]);
}

#[test]
fn the_environment_of_existing_deployments_is_read() {
    let both = [("CITY", "Paris"), ("LAT", "48.85"), ("LONG", "2.35")];
    assert_eq!(names(&["current"], &both), ["Paris"]);
    assert_eq!(names(&["air-pollution"], &both), ["48.85,2.35"]);
    assert_eq!(names(&["forecast"], &both[1..]), ["48.85,2.35"]);
}

#[test]
fn requests_are_metric_and_have_what_was_asked() {
    let args = ["forecast", "--city", "A", "--lang", "de", "--cnt", "3"];
    let asked = settings(&args, &[]).unwrap();
    assert_eq!(asked.query, [("units", "metric".into()), ("lang", "de".into()), ("cnt", "3".into())]);
    assert_eq!(settings(&["air-pollution", "--location", "A=1,2"], &[]).unwrap().query, []);
    let asked = settings(&["one-call", "--location", "A=1,2", "--lang", "de"], &[]).unwrap();
    assert_eq!(asked.query, [("units", "metric".into()), ("lang", "de".into())]);
}

#[test]
fn flags_say_which_hours_of_the_air_and_which_part_of_one_call() {
    use Endpoint::{AirForecast, AirHistory, AirPollution, OneCall};
    for (args, endpoint) in [
        ("air-pollution", AirPollution),
        ("air-pollution --forecast", AirForecast),
        ("air-pollution --since 2026-01-01", AirHistory),
        ("air-pollution --until 2026-01-01T06:00:00Z", AirHistory),
        ("air-pollution --state s --look-back 1h", AirHistory),
        ("one-call", OneCall(Part::Current)),
        ("one-call --part minutely", OneCall(Part::Minutely)),
        ("one-call --part hourly", OneCall(Part::Hourly)),
        ("one-call --part daily", OneCall(Part::Daily)),
        ("one-call --part alerts", OneCall(Part::Alerts)),
    ] {
        let words: Vec<&str> = args.split(' ').chain(["--location", "A=1,2"]).collect();
        assert_eq!(settings(&words, &[]).unwrap().endpoint, endpoint, "{args}");
    }
    for other in ["--state s", "--look-back 1h", "--since 2026-01-01", "--until 2026-01-01"] {
        let args = format!("x air-pollution --location A=1,2 --forecast {other}");
        assert!(Cli::try_parse_from(args.split(' ')).is_err(), "{other}");
    }
}

#[test]
fn one_call_has_a_prefix_of_its_own() {
    let host = |args: &[&str]| format!("{:?}", settings(args, &[]).unwrap().base_url);
    assert!(host(&["air-pollution", "--location", "A=1,2"]).contains("/data/2.5"));
    assert!(host(&["one-call", "--location", "A=1,2"]).contains("/data/3.0"));
}

#[test]
fn what_cannot_be_asked_says_why() {
    /// Arguments, environment, and the code and message they lead to.
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], (u8, &'a str));
    let cases: [Case<'_>; 14] = [
        (
            &["current"],
            &[("CITY", " ")],
            (
                2,
                "no location: give --city, --lat and --lon, --location or --locations, or set CITY, or LAT and LONG",
            ),
        ),
        (&["current", "--lat", "1"], &[], (2, "--lat and --lon go together")),
        (
            &["current", "--lat", "91", "--lon", "0"],
            &[],
            (2, "--lat, --lon: latitude \"91\" is not a number from -90 to 90"),
        ),
        (&["current"], &[("LAT", "1")], (78, "LAT and LONG go together; one is not set")),
        (
            &["current"],
            &[("LAT", "1"), ("LONG", "east")],
            (78, "LAT, LONG: longitude \"east\" is not a number from -180 to 180"),
        ),
        (&["current", "--city", "A", "--city", " A"], &[], (2, "the location A is given twice")),
        (&["air-pollution", "--city", "A"], &[], (2, "--city A: the service knows this by coordinates only")),
        (
            &["air-pollution"],
            &[("CITY", "A")],
            (78, "CITY A: the service knows this by coordinates only; set LAT and LONG"),
        ),
        (
            &["air-pollution"],
            &[],
            (2, "no location: give --lat and --lon, --location or --locations, or set LAT and LONG"),
        ),
        (&["one-call", "--city", "A"], &[], (2, "--city A: the service knows this by coordinates only")),
        (
            &["one-call"],
            &[("CITY", "A")],
            (78, "CITY A: the service knows this by coordinates only; set LAT and LONG"),
        ),
        (
            &["air-pollution", "--location", "A=1,2", "--until", "2020-11-27"],
            &[],
            (2, "--until 2020-11-27T00:00:00Z: the history of the air begins at 2020-11-27T00:00:00Z"),
        ),
        (
            &["air-pollution", "--location", "A=1,2", "--look-back", "1h"],
            &[],
            (2, "--look-back goes with --state"),
        ),
        (&["current", "--locations", "/nowhere/places"], &[], (66, "cannot read /nowhere/places")),
    ];
    for (args, env, (code, why)) in cases {
        assert_eq!(settings(args, env).unwrap_err(), (code, why.to_owned()), "{args:?}");
    }
}

#[test]
fn cnt_is_from_1_to_40() {
    for (cnt, taken) in [("0", false), ("1", true), ("40", true), ("41", false)] {
        let parsed = Cli::try_parse_from(["x", "forecast", "--city", "A", "--cnt", cnt]);
        assert_eq!(parsed.is_ok(), taken, "{cnt}");
    }
}
