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
}

#[test]
fn what_cannot_be_asked_says_why() {
    /// Arguments, environment, and the code and message they lead to.
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], (u8, &'a str));
    let cases: [Case<'_>; 10] = [
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
        (
            &["air-pollution", "--city", "A"],
            &[],
            (2, "--city A: the service knows the air by coordinates only"),
        ),
        (
            &["air-pollution"],
            &[("CITY", "A")],
            (78, "CITY A: the service knows the air by coordinates only; set LAT and LONG"),
        ),
        (
            &["air-pollution"],
            &[],
            (2, "no location: give --lat and --lon, --location or --locations, or set LAT and LONG"),
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
