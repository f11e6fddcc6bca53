//! Many texts in one message: as many as fit.

use crate::text::width;

/// A list that keeps what fits into a message and counts the rest.
#[derive(Debug)]
pub struct List {
    text: String,
    room: usize,
    rest: u64,
}

impl List {
    /// An empty list with room for this many UTF-16 code units.
    pub fn new(room: usize) -> List {
        List { text: String::new(), room, rest: 0 }
    }

    /// Adds an entry. Once an entry does not fit, it and all later ones are only counted. The first entry is always
    /// taken: if it is too long, it is shortened later.
    pub fn push(&mut self, entry: &str) {
        let entry = entry.trim_matches(['\n', '\r']);
        let needed = width(entry) + 1;
        if self.text.is_empty() {
            self.text = entry.to_owned();
        } else if self.rest > 0 || needed > self.room {
            self.rest += 1;
            return;
        } else {
            self.text.push('\n');
            self.text.push_str(entry);
        }
        self.room = self.room.saturating_sub(needed);
    }

    /// The whole text, and how many entries are not in it.
    pub fn finish(self) -> (String, u64) {
        (self.text, self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let list = |entries: &[&str]| {
            let mut list = List::new(10);
            entries.iter().for_each(|entry| list.push(entry));
            list.finish()
        };
        let of = |text: &str, rest| (text.to_owned(), rest);
        assert_eq!(list(&[]), of("", 0));
        assert_eq!(list(&["1234", "12\n"]), of("1234\n12", 0));
        assert_eq!(list(&["1234", "1234"]), of("1234\n1234", 0));
        // Nothing follows what was left out, though it would fit.
        assert_eq!(list(&["1234", "12345", "1", "2"]), of("1234", 3));
        assert_eq!(list(&["123456789012345", "1"]), of("123456789012345", 1));
    }
}
