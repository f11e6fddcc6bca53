//! The series that the Treasury publishes, with the columns of their files.

/// A series, which is a command of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Series {
    /// The command.
    pub(crate) command: &'static str,
    /// The `type` that the service knows it by.
    pub(crate) kind: &'static str,
    /// The schema of its records.
    pub(crate) schema: &'static str,
    /// The year in which it begins.
    pub(crate) first_year: i16,
    /// The fields of the schema after `date` and `fetched_at`, in its order. A file has some of them.
    pub(crate) fields: &'static [&'static str],
}

pub(crate) const YIELD_CURVE: Series = Series {
    command: "yield-curve",
    kind: "daily_treasury_yield_curve",
    schema: "treasury.yield_curve",
    first_year: 1990,
    fields: &["m1", "m1_5", "m2", "m3", "m4", "m6", "y1", "y2", "y3", "y5", "y7", "y10", "y20", "y30"],
};

pub(crate) const BILL_RATES: Series = Series {
    command: "bill-rates",
    kind: "daily_treasury_bill_rates",
    schema: "treasury.bill_rates",
    first_year: 2002,
    fields: &[
        "w4_bank_discount",
        "w4_coupon_equivalent",
        "w6_bank_discount",
        "w6_coupon_equivalent",
        "w8_bank_discount",
        "w8_coupon_equivalent",
        "w13_bank_discount",
        "w13_coupon_equivalent",
        "w17_bank_discount",
        "w17_coupon_equivalent",
        "w26_bank_discount",
        "w26_coupon_equivalent",
        "w52_bank_discount",
        "w52_coupon_equivalent",
    ],
};

pub(crate) const LONG_TERM_RATE: Series = Series {
    command: "long-term-rate",
    kind: "daily_treasury_long_term_rate",
    schema: "treasury.long_term_rate",
    first_year: 2000,
    fields: &["lt_composite_10_yrs", "treasury_20_yr_cmt", "extrapolation_factor"],
};

pub(crate) const REAL_YIELD_CURVE: Series = Series {
    command: "real-yield-curve",
    kind: "daily_treasury_real_yield_curve",
    schema: "treasury.real_yield_curve",
    first_year: 2003,
    fields: &["y5", "y7", "y10", "y20", "y30"],
};

pub(crate) const REAL_LONG_TERM: Series = Series {
    command: "real-long-term",
    kind: "daily_treasury_real_long_term",
    schema: "treasury.real_long_term",
    first_year: 2000,
    fields: &["lt_real_average_10_yrs"],
};

/// The field of a column, such as `m1_5` of `1.5 Month` and of `1.5 MO`, `w4_bank_discount` of `4 WEEKS BANK DISCOUNT`;
/// empty if its name has neither a letter nor a digit.
pub(crate) fn field(column: &str) -> String {
    let words = words(column);
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [number, "mo" | "mos" | "month" | "months"] => format!("m{number}"),
        [number, "yr" | "yrs" | "year" | "years"] => format!("y{number}"),
        [number, "week" | "weeks", ref rest @ ..] => {
            [&[format!("w{number}").as_str()], rest].concat().join("_")
        }
        ref words => words.join("_"),
    }
}

/// The words of a column's name in lower case. `10Yr` is two of them, as `10 Yr` is; the point in `1.5` becomes `_`.
fn words(column: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut chars = column.chars().peekable();
    let mut before = ' ';
    while let Some(char) = chars.next() {
        let is_point =
            char == '.' && before.is_ascii_digit() && chars.peek().is_some_and(char::is_ascii_digit);
        let continues =
            |word: &String| word.starts_with(|c: char| c.is_ascii_digit()) == char.is_ascii_digit();
        match words.last_mut() {
            Some(word) if is_point => word.push('_'),
            Some(word)
                if char.is_alphanumeric()
                    && (before == '.' || before.is_alphanumeric() && continues(word)) =>
            {
                word.extend(char.to_lowercase());
            }
            _ if char.is_alphanumeric() => words.push(char.to_lowercase().collect()),
            _ => (),
        }
        before = if char == '.' && !is_point { ' ' } else { char };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_named_after_its_column_whatever_its_case_and_blanks() {
        for (column, name) in [
            ("1 Mo", "m1"),
            ("1.5 Month", "m1_5"),
            ("1.5 Mo", "m1_5"),
            (" 1.5MONTHS ", "m1_5"),
            ("15 Mo", "m15"),
            ("10 Yr", "y10"),
            ("10YR", "y10"),
            ("10-year", "y10"),
            ("30 Yr.", "y30"),
            ("4 WEEKS BANK DISCOUNT", "w4_bank_discount"),
            ("52 weeks coupon  equivalent", "w52_coupon_equivalent"),
            ("LT COMPOSITE (>10 Yrs)", "lt_composite_10_yrs"),
            ("LT Composite > 10Yrs", "lt_composite_10_yrs"),
            ("TREASURY 20-Yr CMT", "treasury_20_yr_cmt"),
            ("Extrapolation Factor", "extrapolation_factor"),
            ("LT Real Average (10> Yrs)", "lt_real_average_10_yrs"),
            ("Date", "date"),
            ("1. Mo", "m1"),
            (".5 Mo", "m5"),
            ("", ""),
            (" – ", ""),
        ] {
            assert_eq!(field(column), name, "{column}");
        }
    }
}
