//! The cursors of a load.

use etl_stream::{Format, StreamId};
use indexmap::IndexMap;
use serde_json::value::RawValue;

/// The last cursor of each stream that has one, and that of the whole input.
#[derive(Default)]
pub(super) struct States {
    last: IndexMap<Option<StreamId>, Box<RawValue>>,
    /// What a connector's runner is told once the load is durable, a line each.
    said: Vec<String>,
}

impl From<Option<Box<RawValue>>> for States {
    /// The cursor that a whole input ended with before.
    fn from(state: Option<Box<RawValue>>) -> States {
        let said = state.iter().map(|state| state.get().to_owned()).collect();
        States { last: state.map(|state| (None, state)).into_iter().collect(), said }
    }
}

impl States {
    /// Replaces the previous cursor of the same stream, or of the whole input.
    pub(super) fn put(&mut self, stream: Option<StreamId>, value: Box<RawValue>) {
        self.last.insert(stream, value);
    }

    /// What the runner is told, besides what it is told already.
    pub(super) fn say(&mut self, line: String) {
        self.said.push(line);
    }

    /// What the runner is told, in place of what it would have been.
    pub(super) fn say_last(&mut self, line: &str) {
        self.said.clear();
        self.said.push(line.to_owned());
    }

    /// The load was committed before and ended with this cursor. What an Airbyte source was told then is not known; it is what
    /// it would be told now if it has sent the `same`.
    pub(super) fn replay(&mut self, stored: Option<Box<RawValue>>, format: Format, same: bool) {
        let said = std::mem::take(&mut self.said);
        *self = States::from(stored);
        if format == Format::Airbyte {
            self.said = if same { said } else { Vec::new() };
        }
    }

    /// The lines for the runner.
    pub(super) fn said(&self) -> &[String] {
        &self.said
    }

    /// What is stored and printed: the cursor of the whole input as it is, or a list if streams have cursors, in the
    /// order in which they first came.
    pub(super) fn value(&self) -> Option<Box<RawValue>> {
        match (self.last.len(), self.last.get(&None)) {
            (0, _) => None,
            (1, Some(whole)) => Some(whole.clone()),
            _ => {
                let several: Vec<&str> = self.last.values().map(|value| value.get()).collect();
                RawValue::from_string(format!("[{}]", several.join(","))).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use etl_stream::{Decoder, Event, Line, Message};

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn value(states: &States) -> Option<String> {
        states.value().map(|value| value.get().to_owned())
    }

    #[test]
    fn the_last_cursor_of_each_counts() {
        let record = Event::Record(Line { number: 1, offset: 0, record: 1, bytes: b"{}" });
        let Message::Record(stream, ..) = Decoder::default().decode(record).unwrap() else {
            panic!("a record")
        };
        let stream = Some(stream);
        let mut states = States::default();
        assert_eq!(value(&states), None);
        states.put(None, raw("1"));
        states.put(None, raw(r#"{"at":2}"#));
        assert_eq!(value(&states).as_deref(), Some(r#"{"at":2}"#));
        states.put(stream, raw("3"));
        states.put(stream, raw("4"));
        assert_eq!(value(&states).as_deref(), Some(r#"[{"at":2},4]"#));
    }
}
