//! How many records may be rejected.

/// `--max-rejects`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// So many; one more fails the run at once.
    Count(u64),
    /// A share of all records in percent, judged where a segment of `validate` or a load ends.
    Share(f64),
}

impl Limit {
    /// Parses the value of the flag.
    ///
    /// # Errors
    /// What the flag takes.
    pub fn parse(text: &str) -> Result<Limit, String> {
        let wrong = || "give a number of records, or a share from 0% to 100%, such as 1%".to_owned();
        match text.strip_suffix('%') {
            None => text.parse().map(Limit::Count).map_err(|_| wrong()),
            Some(share) => match share.parse() {
                Ok(share) if (0.0..=100.0).contains(&share) => Ok(Limit::Share(share)),
                _ => Err(wrong()),
            },
        }
    }

    /// How many may be rejected before the end shows their share.
    pub(super) fn at_once(self) -> u64 {
        match self {
            Limit::Count(count) => count,
            // Of all records, none is none.
            Limit::Share(0.0) => 0,
            Limit::Share(_) => u64::MAX,
        }
    }

    /// How many of so many records may be rejected.
    pub(super) fn most(self, records: u64) -> u64 {
        match self {
            Limit::Count(count) => count,
            // A product of the share need not be exact.
            Limit::Share(share) => {
                let about = (share * records as f64 / 100.0) as u64;
                let least = if self.is_over(about, records) { about - 1 } else { about };
                least + u64::from(!self.is_over(least + 1, records))
            }
        }
    }

    /// Whether so many of so many records are too many.
    pub(super) fn is_over(self, rejected: u64, records: u64) -> bool {
        match self {
            Limit::Count(count) => rejected > count,
            Limit::Share(share) => rejected as f64 * 100.0 > share * records as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_shares() {
        assert_eq!(Limit::parse("3"), Ok(Limit::Count(3)));
        assert_eq!(Limit::parse("0.5%"), Ok(Limit::Share(0.5)));
        for wrong in ["", "-1", "1.5", "%", "101%", "-1%", "nan%", "1 %x"] {
            assert!(Limit::parse(wrong).is_err(), "{wrong}");
        }
        let one = Limit::Share(1.0);
        for (share, records, most) in
            [(1.0, 100, 1), (1.0, 99, 0), (0.07, 10_000, 7), (0.1, 10_000, 10), (100.0, 3, 3)]
        {
            assert_eq!(Limit::Share(share).most(records), most, "{share}% of {records}");
        }
        assert!(!one.is_over(1, 100) && one.is_over(2, 100) && one.is_over(1, 99) && !one.is_over(0, 0));
        assert_eq!((one.at_once(), Limit::Share(0.0).at_once(), Limit::Count(2).at_once()), (u64::MAX, 0, 2));
    }
}
