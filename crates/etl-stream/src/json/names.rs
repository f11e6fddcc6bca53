//! The check that no key of a record comes twice, and none is reserved.

use super::cursor::Step;
use super::{Error, Span, keys, shorten, unescape_into};

/// Scratch for the check that no key comes twice.
#[derive(Default)]
pub(super) struct Names {
    decoded: Vec<u8>,
    /// Start and end in `decoded`, and the offset of the key in the line.
    order: Vec<(u32, u32, u32)>,
}

impl Names {
    /// Above this many keys, sorting is cheaper than comparing each with each.
    const FEW: usize = 24;

    pub(super) fn check(&mut self, text: &str, spans: &[Span]) -> Step<()> {
        let plain = !keys(text, spans).any(|(_, key)| key.contains('\\'));
        if plain && spans.len() <= Names::FEW {
            for (i, (at, key)) in keys(text, spans).enumerate() {
                if key == "_etl" {
                    return Err(reserved(at));
                }
                if keys(text, spans).take(i).any(|(_, other)| other == key) {
                    return Err(twice(key, at));
                }
            }
            return Ok(());
        }
        self.check_many(text, spans)
    }

    fn check_many(&mut self, text: &str, spans: &[Span]) -> Step<()> {
        self.decoded.clear();
        self.order.clear();
        for (at, key) in keys(text, spans) {
            let start = self.decoded.len() as u32;
            unescape_into(key, &mut self.decoded);
            self.order.push((start, self.decoded.len() as u32, at));
        }
        let decoded = &self.decoded;
        let name = |&(start, end, _): &(u32, u32, u32)| &decoded[start as usize..end as usize];
        // The length first: it tells most keys apart without touching their bytes.
        self.order.sort_unstable_by(|a, b| {
            let (a_name, b_name) = (name(a), name(b));
            (a_name.len(), a_name, a.2).cmp(&(b_name.len(), b_name, b.2))
        });
        if let Some(key) = self.order.iter().find(|key| name(key) == b"_etl") {
            return Err(reserved(key.2));
        }
        match self.order.windows(2).find(|pair| name(&pair[0]) == name(&pair[1])) {
            Some(pair) => Err(twice(&String::from_utf8_lossy(name(&pair[1])), pair[1].2)),
            None => Ok(()),
        }
    }
}

fn reserved(offset: u32) -> Box<Error> {
    Box::new(Error {
        offset: offset as usize,
        message: "the key `_etl` is reserved for control lines".into(),
    })
}

fn twice(key: &str, offset: u32) -> Box<Error> {
    Box::new(Error {
        offset: offset as usize,
        message: format!("the key `{}` comes twice", shorten(key, 80)),
    })
}
