//! The functions that filters have besides those of jq: `hash`, `mask`, `mask(N)`, for personal data.

use std::fmt::Write;

use etl_component::Secret;
use hmac::{Hmac, KeyInit, Mac};
use jaq_core::data::HasLut;
use jaq_core::load::{self, parse::Def};
use jaq_core::native::{Filter, Fun, bome, run, unary, v};
use jaq_core::{DataT, Error, Lut, RunPtr, ValR};
use jaq_json::Val;
use sha2::Sha256;

/// What filters work with.
pub(crate) struct Data;

/// The compiled terms, and the key of `hash`.
pub(crate) struct Shared {
    pub(crate) lut: Lut<Data>,
    pub(crate) key: Option<Key>,
}

impl Shared {
    pub(crate) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}

impl DataT for Data {
    type V<'a> = Val;
    type Data<'a> = &'a Shared;
}

impl<'a> HasLut<'a, Data> for &'a Shared {
    fn lut(&self) -> &'a Lut<Data> {
        &self.lut
    }
}

/// The name of the function that needs a key.
pub(crate) const HASH: &str = "hash";

/// What jq's `stderr` is defined by.
pub(crate) const STDERR: &str = "stderr_empty";

/// Functions of jq 1.7 that jaq's libraries leave to programs.
const DEFS: &str = "
    def IN(values): . as $it | any(values; . == $it);
    def IN(source; values): any(source; IN(values));
    def toarray: if isarray then . else [.] end;
";

/// The definitions.
pub(crate) fn defs() -> impl Iterator<Item = Def<&'static str>> {
    load::parse(DEFS, |parser| parser.defs()).into_iter().flatten()
}

/// HMAC-SHA256 (RFC 2104) under one key.
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    pub(crate) fn new(secret: &Secret) -> Key {
        // A key of any length will do.
        Key(Hmac::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length"))
    }

    fn hex(&self, text: &[u8]) -> String {
        let digest = self.0.clone().chain_update(text).finalize().into_bytes();
        digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to memory cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// The functions.
pub(crate) fn funs() -> impl Iterator<Item = Fun<Data>> {
    let funs: Box<[Filter<RunPtr<Data>>]> = Box::new([
        (HASH, v(0), |cv| {
            let key = cv.0.data().key();
            bome(text(cv.1, |text| key.map(|key| key.hex(text.as_bytes())).unwrap_or_default()))
        }),
        (STDERR, v(0), |cv| {
            match &cv.1 {
                Val::TStr(text) => log::info!("{}", String::from_utf8_lossy(text)),
                value => log::info!("{value}"),
            }
            Box::new(std::iter::empty())
        }),
        ("mask", v(0), |cv| bome(text(cv.1, |text| mask(text, 0)))),
        ("mask", v(1), |cv| {
            unary(cv, |value, keep| match jaq_std::ValT::as_isize(&keep).map(usize::try_from) {
                Some(Ok(keep)) => text(value, |text| mask(text, keep)),
                _ => Err(Error::str(format!("mask(N) keeps a number of characters, not {keep}"))),
            })
        }),
    ]);
    funs.into_vec().into_iter().map(run::<Data>)
}

/// What a function makes of a text. Null stays null: the field has no data.
fn text(value: Val, of: impl FnOnce(&str) -> String) -> ValR<Val> {
    match &value {
        Val::Null => Ok(Val::Null),
        Val::TStr(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Val::utf8_str(of(text).into_bytes())),
            Err(_) => Err(Error::typ(value, "text")),
        },
        _ => Err(Error::typ(value, "text (`tostring` makes one)")),
    }
}

/// A text with a `*` in place of each character but the last ones. One that has no more than these has none left.
fn mask(text: &str, keep: usize) -> String {
    let count = text.chars().count();
    let hidden = if count > keep { count - keep } else { count };
    text.chars().enumerate().map(|(at, c)| if at < hidden { '*' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_the_last_characters_of_longer_texts() {
        for (text, keep, masked) in [
            ("5551234567", 3, "*******567"),
            ("é€🙂x", 2, "**🙂x"),
            ("123", 3, "***"),
            ("12", 3, "**"),
            ("abc", 0, "***"),
            ("", 0, ""),
        ] {
            assert_eq!(mask(text, keep), masked);
        }
    }

    #[test]
    fn a_hash_is_that_of_rfc_4231() {
        let key = Key::new(&Secret::new("Jefe"));
        assert_eq!(
            key.hex(b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
