//! The keywords of a schema object, none of which is silently ignored: each is taken out of its object when it is
//! understood, and whatever is left over is a fault.

use serde_json::{Map, Value};

/// Keywords that have no effect on what is valid.
const PURE: [&str; 7] = ["$id", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly"];

/// The keywords of one schema object that have not been understood yet.
pub(super) struct Keywords<'a> {
    left: Vec<(&'a str, &'a Value)>,
}

impl<'a> Keywords<'a> {
    pub(super) fn new(document: &'a Value) -> Result<Keywords<'a>, String> {
        let map: &Map<_, _> = document.as_object().ok_or("a schema must be an object")?;
        let left = map.iter().map(|(keyword, value)| (keyword.as_str(), value));
        Ok(Keywords { left: left.filter(|(keyword, _)| !PURE.contains(keyword)).collect() })
    }

    pub(super) fn take(&mut self, keyword: &str) -> Option<&'a Value> {
        let at = self.left.iter().position(|(known, _)| *known == keyword)?;
        Some(self.left.remove(at).1)
    }

    pub(super) fn text(&mut self, keyword: &str) -> Result<Option<&'a str>, String> {
        match self.take(keyword) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{keyword}: not a string")),
        }
    }

    pub(super) fn owned(&mut self, keyword: &str) -> Result<Option<String>, String> {
        Ok(self.text(keyword)?.map(str::to_owned))
    }

    pub(super) fn names(&mut self, keyword: &str) -> Result<Vec<&'a str>, String> {
        let Some(names) = self.take(keyword) else { return Ok(Vec::new()) };
        let names = names.as_array().and_then(|names| names.iter().map(Value::as_str).collect());
        names.ok_or_else(|| format!("{keyword}: not a list of names"))
    }

    /// The only string that an annotation object may hold, which must not be empty.
    pub(super) fn only(&mut self, annotation: &str, member: &str) -> Result<Option<String>, String> {
        let Some(object) = self.take(annotation) else { return Ok(None) };
        let mut inner = Keywords::new(object).map_err(|what| format!("{annotation}: {what}"))?;
        let text = inner.owned(member).map_err(|what| format!("{annotation}.{what}"))?;
        inner.finish().map_err(|what| format!("{annotation}: {what}"))?;
        match text {
            Some(text) if text.is_empty() => Err(format!("{annotation}.{member}: empty")),
            text => Ok(text),
        }
    }

    pub(super) fn finish(self) -> Result<(), String> {
        match self.left.first() {
            Some((keyword, _)) => Err(format!("the keyword {keyword:?} is not understood")),
            None => Ok(()),
        }
    }
}
