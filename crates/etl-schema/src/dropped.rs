//! Fields that are dropped.

use std::borrow::Cow;
use std::fmt;

use etl_stream::json;

/// The fields that the schema does not know and that were dropped.
#[derive(Clone, Debug, Default)]
pub struct Dropped {
    /// How many.
    pub fields: u64,
    /// In how many records.
    pub records: u64,
    /// The names of the first of them.
    pub names: Vec<String>,
}

impl Dropped {
    /// How many names are kept.
    const NAMED: usize = 20;

    /// The names of the first of them, as they may be shown.
    pub fn shown(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.names.iter().take(Self::NAMED).map(|name| json::shorten(name, 80))
    }

    /// Takes note of one.
    pub(crate) fn name(&mut self, name: &str) {
        if self.names.len() <= Self::NAMED && !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.shown().map(|name| format!("{name:?}")).collect();
        let more = if self.names.len() > Self::NAMED { " and more" } else { "" };
        write!(f, "{}{more}", shown.join(", "))
    }
}
