use super::*;

fn shown(format: impl Fn(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    format(&mut out);
    String::from_utf8(out).expect("ASCII")
}

#[test]
fn dates() {
    for (text, days) in [
        ("1970-01-01", 0),
        ("2000-02-29", 11_016),
        ("0001-01-01", FIRST_DAY as i32),
        ("9999-12-31", LAST_DAY as i32),
    ] {
        assert_eq!(parse_date(text), Ok(days));
        assert_eq!(shown(|out| format_date(days, out)), text);
    }
    for text in
        ["2026-02-29", "1900-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "2026-04-31", "0000-01-01"]
    {
        assert_eq!(parse_date(text), Err("is not a day of the calendar"), "{text}");
    }
    for text in
        ["", "2026-1-01", "2026-01-01 ", "26-01-01", "+026-01-01", "2026/01/01", "20260101", "２026-01-01"]
    {
        assert_eq!(parse_date(text), Err(NO_DATE), "{text}");
    }
}

#[test]
fn moments() {
    let cases = [
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("2026-11-23t02:00:00.5z", "2026-11-23T02:00:00.5Z"),
        ("2026-11-23 02:00:00+02:30", "2026-11-22T23:30:00Z"),
        ("2026-11-23T02:00:00-00:00", "2026-11-23T02:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T10:59:60.5Z", "2016-12-31T11:00:00.5Z"),
        ("2026-11-23T02:00:00.123456789Z", "2026-11-23T02:00:00.123457Z"),
        ("2026-11-23T02:00:00.0000005Z", "2026-11-23T02:00:00Z"),
        ("2026-11-23T02:00:00.0000015Z", "2026-11-23T02:00:00.000002Z"),
        ("2026-11-23T02:00:00.00000050001Z", "2026-11-23T02:00:00.000001Z"),
        ("2026-12-31T23:59:59.9999999Z", "2027-01-01T00:00:00Z"),
    ];
    for (text, expected) in cases {
        let micros = parse_timestamptz(text).unwrap_or_else(|reason| panic!("{text} {reason}"));
        assert_eq!(shown(|out| format_timestamptz(micros, out)), expected, "{text}");
    }
    let refused = [
        ("2026-11-23T02:00:00", "has no zone, such as Z or +02:00"),
        ("2026-11-23T24:00:00Z", "has a time of day out of range"),
        ("2026-11-23T23:60:00Z", "has a time of day out of range"),
        ("2026-11-23T23:00:61Z", "has a time of day out of range"),
        ("2026-02-30T00:00:00Z", "is not a day of the calendar"),
        ("2026-11-23T02:00:00+16:00", "has a zone offset out of range"),
        ("2026-11-23T02:00:00+02:60", "has a zone offset out of range"),
        ("0001-01-01T00:00:00+01:00", "is outside the years 0001 to 9999"),
        ("9999-12-31T23:59:60Z", "is outside the years 0001 to 9999"),
        ("2016-12-31T23:59:60.5Z", "has a time of day out of range"),
        ("2026-11-23", NO_TIME),
        ("2026-11-23T02:00Z", NO_TIME),
        ("2026-11-23T02:00:00.Z", NO_TIME),
        ("2026-11-23T02:00:00,5Z", NO_TIME),
        ("2026-11-23T02:00:00+0200", NO_TIME),
        ("2026-11-23T02:00:00 Z", NO_TIME),
        ("2026-11-23_02:00:00Z", NO_TIME),
        ("1763863200", NO_TIME),
    ];
    for (text, reason) in refused {
        assert_eq!(parse_timestamptz(text), Err(reason), "{text}");
    }
    assert_eq!(parse_timestamp("1970-01-02T00:00:01.5"), Ok(DAY + 1_500_000));
    for text in ["1970-01-02T00:00:01Z", "1970-01-02T00:00:01+00:00"] {
        assert_eq!(parse_timestamp(text), Err("has a zone, but the column is a timestamp without one"));
    }
}

#[test]
fn agrees_with_jiff() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..20_000 {
        let micros = random.i64(FIRST_DAY * DAY + DAY..(LAST_DAY - 1) * DAY);
        let micros = if random.bool() { micros - micros.rem_euclid(1_000_000) } else { micros };
        let theirs = jiff::Timestamp::from_microsecond(micros).expect("in range");
        assert_eq!(shown(|out| format_timestamptz(micros, out)), theirs.to_string());

        let offset = jiff::tz::Offset::from_seconds(random.i32(-840..=840) * 60).expect("in range");
        let text = theirs.display_with_offset(offset).to_string();
        assert_eq!(parse_timestamptz(&text), Ok(micros), "{text}");
        let local = offset.to_datetime(theirs);
        let as_utc = jiff::tz::Offset::UTC.to_timestamp(local).expect("in range").as_microsecond();
        assert_eq!(parse_timestamp(&local.to_string()), Ok(as_utc), "{local}");

        let date = format!("{:04}-{:02}-{:02}", random.u32(0..2100), random.u32(0..14), random.u32(0..33));
        let theirs: Option<jiff::civil::Date> =
            date.parse().ok().filter(|date: &jiff::civil::Date| date.year() > 0);
        assert_eq!(parse_date(&date).is_ok(), theirs.is_some(), "{date}");
    }
}

/// The date and the time before the zone, digit by digit.
fn plainly(text: &[u8]) -> Result<(i64, usize), &'static str> {
    let digits = |from: usize, count: usize| -> Option<i64> {
        let mut digits = text.get(from..from + count)?.iter();
        digits.try_fold(0, |n, byte| byte.is_ascii_digit().then(|| n * 10 + i64::from(byte - b'0')))
    };
    let marks = |at: &[(usize, &str)]| {
        at.iter().all(|(at, any)| text.get(*at).is_some_and(|byte| any.as_bytes().contains(byte)))
    };
    let (Some(year), Some(month), Some(day), true) =
        (digits(0, 4), digits(5, 2), digits(8, 2), marks(&[(4, "-"), (7, "-")]))
    else {
        return Err(NO_TIME);
    };
    let leap = i64::from(year % 4 == 0 && year % 100 != 0 || year % 400 == 0);
    let lengths = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > lengths[month as usize - 1] {
        return Err("is not a day of the calendar");
    }
    let before = year - 1;
    let days = before * 365 + before / 4 - before / 100
        + before / 400
        + lengths[..month as usize - 1].iter().sum::<i64>()
        + day
        - 1
        + FIRST_DAY;
    let (Some(hour), Some(minute), Some(second), true) =
        (digits(11, 2), digits(14, 2), digits(17, 2), marks(&[(10, "Tt "), (13, ":"), (16, ":")]))
    else {
        return Err(NO_TIME);
    };
    if hour > 23 || minute > 59 || second > 60 {
        return Err("has a time of day out of range");
    }
    Ok((days * DAY + (hour * 3600 + minute * 60 + second) * 1_000_000, 19))
}

#[test]
fn agrees_with_reading_digit_by_digit() {
    let mut random = fastrand::Rng::with_seed(12);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..300_000 {
        let year =
            if random.bool() { random.u16(..10_000) } else { [1900, 2000, 2023, 2024][random.usize(..4)] };
        let (month, day) = (random.u8(..14), random.u8(..33));
        let (hour, minute, second) = (random.u8(..25), random.u8(..61), random.u8(..62));
        let mut text =
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z").into_bytes();
        if random.u8(..4) == 0 {
            text[random.usize(..20)] =
                if random.bool() { b"0/:-+ tT"[random.usize(..8)] } else { random.u8(..) };
        }
        text.truncate(if random.u8(..20) == 0 { random.usize(..20) } else { 20 });
        let expected = plainly(&text);
        // Only the part before the fraction is compared; a bad fraction is an error of its own.
        let found = local_time(&text).map(|(micros, zone)| (micros, text.len() - zone.len()));
        if found != Err(NO_TIME) || text.get(19) != Some(&b'.') {
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(&text));
        }
        *(if expected.is_ok() { &mut good } else { &mut bad }) += 1;
    }
    assert!(good > 50_000 && bad > 50_000, "one-sided: {good} good, {bad} bad");
}

#[test]
fn every_day_is_written_as_the_long_way_writes_it() {
    for days in
        (FIRST_DAY - 400..=LAST_DAY + 400).chain([-719_468, -719_528, i32::MIN.into(), i32::MAX.into()])
    {
        let (year, month, day) = civil_from_days(days);
        let year = if (0..=9999).contains(&year) { format!("{year:04}") } else { year.to_string() };
        assert_eq!(shown(|out| format_date(days as i32, out)), format!("{year}-{month:02}-{day:02}"));
    }
}
