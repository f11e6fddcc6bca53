use super::*;
use crate::series::YIELD_CURVE;

const AT: Timestamp = Timestamp::UNIX_EPOCH;

fn mapped(text: &str) -> Result<File, String> {
    file(&YIELD_CURVE, Period::Year(2026), AT, text.as_bytes()).map_err(|fault| {
        assert_eq!(fault.class(), Class::Protocol);
        let message = fault.message();
        let what = "the reply to daily_treasury_yield_curve is not as documented: ";
        message.strip_prefix(what).unwrap_or_else(|| panic!("{message}")).to_owned()
    })
}

/// The fields of the first row that are not null.
fn first(text: &str) -> String {
    let file = mapped(text).unwrap();
    let row = serde_json::to_value(&file.rows[0]).unwrap();
    let fields =
        row.as_object().unwrap().iter().filter(|(name, value)| *name != "fetched_at" && !value.is_null());
    fields.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn dates_are_read_as_others_save_them() {
    for (text, day) in [
        ("01/07/2022", "2022-01-07"),
        ("1/7/2022", "2022-01-07"),
        ("1/7/22", "2022-01-07"),
        ("12/31/90", "1990-12-31"),
        ("01/02/89", "2089-01-02"),
        ("2022-01-07", "2022-01-07"),
        ("2022-1-7", "2022-01-07"),
        ("2022-01-07 00:00:00", "2022-01-07"),
        ("2022-01-07T00:00:00.000", "2022-01-07"),
    ] {
        assert_eq!(date(text), Some(day.parse().unwrap()), "{text}");
    }
    for text in [
        "",
        "13/01/2022",
        "02/30/2022",
        "1/7",
        "1/7/202",
        "1/7/02022",
        "22-01-07",
        "01-07-2022",
        "2022/01/07",
        "+1/7/2022",
        "01/07/2022 12:00",
        "7 Jan 2022",
        "1/7/2022/",
        "1-7/2022",
        "44568",
    ] {
        assert_eq!(date(text), None, "{text}");
    }
}

#[test]
fn values_keep_their_digits_and_what_is_missing_is_null() {
    for (text, json) in [
        ("4.40", "4.40"),
        ("-0.02", "-0.02"),
        (".05", "0.05"),
        ("-.5", "-0.5"),
        ("5", "5"),
        ("", "null"),
        ("N/A", "null"),
        ("n/a", "null"),
        ("4.123456789012345678901", "4.123456789012345678901"),
    ] {
        assert_eq!(serde_json::to_string(&value(text).unwrap()).unwrap(), json, "{text}");
    }
    for text in
        ["x", "4.4%", "4,4", "04.4", "4.", ".", "-", "+1", "true", "null", "[1]", "\"1\"", "NaN", "1 2"]
    {
        assert!(value(text).is_none(), "{text}");
    }
}

#[test]
fn columns_are_known_by_name_in_any_order_and_spelling() {
    let row = "date=\"2026-01-02\" m1=1.0 m1_5=1.5 y10=4.19";
    for text in [
        "Date,\"1 Mo\",\"1.5 Month\",\"10 Yr\"\n01/02/2026,1.0,1.5,4.19",
        "Date,1 Mo,1.5 Mo,10 Yr\r\n1/2/2026,1.0,1.5,4.19\r\n",
        "\u{feff}DATE, 1MO , 1.5month ,10 YR\n2026-01-02, 1.0 , 1.5 ,4.19\n\n",
        "10 Yr,1.5 Month,date,1 Mo\n\"4.19\",\"1.5\",\"01/02/26\",\"1.0\"\n,,,\n",
    ] {
        assert_eq!(first(text), row, "{text}");
        assert!(mapped(text).unwrap().warnings.is_empty(), "{text}");
    }
}

#[test]
fn a_column_that_is_new_is_a_field_and_shifts_nothing() {
    let text =
        "Date,1 Mo,1.5 Month,9 Mo,10 Yr,Spread 10-2,,Fetched At\n01/02/2026,1.0,1.5,N/A,4.19,wide,7,8\n";
    assert_eq!(first(text), "date=\"2026-01-02\" m1=1.0 m1_5=1.5 y10=4.19 spread_10_2=\"wide\"");
    let file = mapped(text).unwrap();
    let line = serde_json::to_string(&file.rows[0]).unwrap();
    assert!(line.ends_with(",\"y20\":null,\"y30\":null,\"m9\":null,\"spread_10_2\":\"wide\"}"), "{line}");
    assert_eq!(
        file.warnings,
        [
            "the column \"9 Mo\" is new: treasury.yield_curve has no field m9 yet",
            "the column \"Spread 10-2\" is new: treasury.yield_curve has no field spread_10_2 yet",
            "column 7 of the file (\"\") is left out: no field can have its name",
            "column 8 of the file (\"Fetched At\") is left out: no field can have its name",
        ]
    );
}

#[test]
fn a_header_alone_is_a_file_without_rows() {
    for text in ["Date,\"1 Mo\",\"10 Yr\"", "Date,10 Yr\n", "Date,10 Yr\r\n\r\n"] {
        let file = mapped(text).unwrap();
        assert!(file.rows.is_empty() && file.warnings.is_empty(), "{text}");
    }
}

#[test]
fn days_of_another_time_are_warned_of() {
    let file = mapped("Date,10 Yr\n01/02/2026,1\n12/31/2025,2\n12/30/2025,3").unwrap();
    assert_eq!(
        (file.rows.len(), file.warnings),
        (3, vec!["2 rows are of another time than 2026".to_owned()])
    );
    let twice = mapped("Date,10 Yr\n01/02/2026,1\n1/2/2026,1\n12/31/2025,").unwrap();
    assert_eq!(
        (twice.rows.len(), twice.warnings),
        (2, vec!["1 row is of another time than 2026".to_owned()])
    );
}

#[test]
fn what_is_not_such_a_file_says_where() {
    for (text, why) in [
        ("", "nothing, not even a header"),
        ("\n\n", "nothing, not even a header"),
        (" <!DOCTYPE html><p>Date,10 Yr", "HTML where CSV is expected"),
        ("10 Yr,20 Yr\n1,2", "no column Date: 10 Yr,20 Yr"),
        ("Date,Open\n1,2", "no column of treasury.yield_curve: Date,Open"),
        ("Date,1.5 Mo,1.5 Month\n", "the header has \"1.5 Month\" twice"),
        ("Date,date,10 Yr\n", "the header has \"date\" twice"),
        ("Date,9 Mo,9 Month,10 Yr\n", "the header has \"9 Month\" twice"),
        ("Date,10 Yr,20 Yr\n01/05/2026,1,2\n01/02/2026,1", "line 3: 2 cells, but there are 3 columns"),
        ("Date,10 Yr\n\n\n01/05/2026,1\r\n\r\n01/02/2026,1,", "line 6: 3 cells, but there are 2 columns"),
        ("\u{feff}Date,10 Yr\n01/05/2026,x", "line 2: \"10 Yr\" is \"x\", not a number"),
        ("Date,10 Yr\n01/05/2026,1\n13/05/2026,1", "line 3: \"13/05/2026\" is not a date"),
        ("Date,10 Yr\n,1", "line 2: \"\" is not a date"),
        ("Date,10 Yr\n1/5/2026,1\n01/05/2026,1.0", "line 3: 2026-01-05 is there twice, with other values"),
        ("Date,\"10 Yr\"\n01/05/2026,\"1", "a quoted cell does not end"),
    ] {
        assert_eq!(mapped(text).unwrap_err(), why, "{text}");
    }
    let fault = file(&YIELD_CURVE, Period::Year(2026), AT, b"Date,10 Yr\n\xff").unwrap_err();
    assert!(fault.message().ends_with("not UTF-8"), "{}", fault.message());
}

#[test]
fn a_file_is_told_from_a_page_by_its_type_or_by_its_first_cell() {
    for (kind, body, is_file) in [
        (Some("text/csv; charset=UTF-8"), "", true),
        (Some("application/csv"), "x", true),
        (Some("application/octet-stream"), "\u{feff}\"Date\",\"1 Mo\"\n", true),
        (Some("text/plain"), "date\n", true),
        (None, "Date,1 Mo", true),
        (None, "Dates,1 Mo", false),
        (Some("text/html"), "<p>Date,", false),
        (Some("text/plain"), "", false),
    ] {
        let headers: Vec<_> = kind.iter().map(|kind| ("content-type", *kind)).collect();
        let verdict = judge(&Reply::of(200, &headers, body));
        assert_eq!(verdict.is_none(), is_file, "{kind:?} {body}: {verdict:?}");
    }
    assert_eq!(judge(&Reply::of(503, &[], "<html>")), None);
}
