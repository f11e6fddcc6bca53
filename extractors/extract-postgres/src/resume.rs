//! Reading on after the row that the last run has ended with: in the order of the cursor, and among rows with the same cursor in
//! that of the key.

use etl_component::{Fault, duration};
use etl_schema::quote_ident;

use crate::args::Cursor;
use crate::columns::Column;
use crate::decode::{Bytes, Codec};
use crate::query::Query;
use crate::state::State;

/// How a query is read on.
pub(crate) struct Resume<'s> {
    /// Where the last run has ended.
    state: Option<&'s State>,
    /// The position of the cursor's column.
    pub(crate) cursor: usize,
    /// The positions of the cursor and of the key's columns.
    order: Vec<usize>,
    /// The same columns in SQL, and the types that texts are cast to.
    names: Vec<String>,
    casts: Vec<String>,
    /// Those of them that may be NULL.
    unsure: Vec<String>,
    /// What is taken from the cursor, in SQL.
    back: Option<String>,
}

impl<'s> Resume<'s> {
    /// # Errors
    /// 2 if the cursor is of a type from which the look-back cannot be taken.
    pub(crate) fn new(
        settings: &'s Cursor,
        cursor: usize,
        key: &[usize],
        columns: &[Column],
    ) -> Result<Resume<'s>, Fault> {
        let back = settings.look_back.as_deref().map(|text| back(text, &columns[cursor])).transpose()?;
        let order: Vec<usize> = [cursor].into_iter().chain(key.iter().copied()).collect();
        let name = |index: &usize| format!("q.{}", quote_ident(&columns[*index].name));
        Ok(Resume {
            state: settings.state.as_ref(),
            cursor,
            names: order.iter().map(name).collect(),
            casts: order.iter().map(|index| columns[*index].cast.clone()).collect(),
            unsure: order.iter().filter(|index| !columns[**index].not_null).map(name).collect(),
            order,
            back,
        })
    }

    /// A query for whether there are rows to which the cursor never comes. A run from the start comes to all of them.
    pub(crate) fn nulls(&self, query: &Query) -> Option<String> {
        let is_asked = self.state.is_some() && !self.unsure.is_empty();
        let nulls = self.unsure.iter().map(|name| format!("{name} IS NULL")).collect::<Vec<_>>().join(" OR ");
        is_asked.then(|| format!("SELECT EXISTS (SELECT FROM ({}\n) AS q WHERE {nulls})", query.sql))
    }

    /// The query for these columns of the rows that are new, in their order.
    pub(crate) fn sql(&self, query: &Query, list: &str) -> String {
        let names = self.names.join(", ");
        let (flag, condition) = match (self.state, &self.back) {
            (None, _) => (String::new(), String::new()),
            (Some(_), back) => {
                let bound = self.casts.iter().enumerate();
                let bound = bound.map(|(at, cast)| format!("${}::{cast}", query.values.len() + 1 + at));
                let bound: Vec<String> = bound.collect();
                let is_new = format!("({names}) > ({})", bound.join(", "));
                match back {
                    None => (String::new(), format!(" WHERE {is_new}")),
                    Some(back) => {
                        (format!(", {is_new}"), format!(" WHERE {} >= {} - {back}", self.names[0], bound[0]))
                    }
                }
            }
        };
        format!("SELECT {list}{flag} FROM ({}\n) AS q{condition} ORDER BY {names}", query.sql)
    }

    /// The values of the parameters that the condition has.
    pub(crate) fn values(&self) -> impl Iterator<Item = &'s str> {
        self.state
            .into_iter()
            .flat_map(|state| [&state.cursor].into_iter().chain(&state.key))
            .map(String::as_str)
    }

    /// Whether each row ends with whether it is new.
    pub(crate) fn flags_new(&self) -> bool {
        self.state.is_some() && self.back.is_some()
    }
}

/// The look-back in SQL.
fn back(text: &str, cursor: &Column) -> Result<String, Fault> {
    let refuse = |what: &str| Err(Fault::usage(format!("--look-back {text}: {what}")));
    let number =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match cursor.codec {
        Codec::Date | Codec::Timestamp | Codec::TimestampTz => match duration(text) {
            Ok(back) => Ok(format!("interval '{}.{:06} seconds'", back.as_secs(), back.subsec_micros())),
            Err(wrong) => refuse(&wrong),
        },
        Codec::Int2 | Codec::Int4 | Codec::Int8 if text.parse::<u32>().is_ok() => Ok(text.to_owned()),
        Codec::Numeric | Codec::Float4 | Codec::Float8 if number(text) && text.parse::<f64>().is_ok() => {
            Ok(text.to_owned())
        }
        Codec::Int2 | Codec::Int4 | Codec::Int8 | Codec::Numeric | Codec::Float4 | Codec::Float8 => {
            refuse("the cursor is a number, so write a number, not negative")
        }
        _ => refuse("the cursor is neither a time nor a number"),
    }
}

/// The cursor and the key of the last row that is new.
pub(crate) struct Last {
    order: Vec<usize>,
    /// The position of the field that says whether a row is new.
    flag: Option<usize>,
    fields: Vec<Vec<u8>>,
    seen: bool,
    before: Option<State>,
}

impl Last {
    /// For rows of this many columns.
    pub(crate) fn new(resume: &Resume<'_>, columns: usize) -> Last {
        let (order, fields) = (resume.order.clone(), vec![Vec::new(); resume.order.len()]);
        let flag = resume.flags_new().then_some(columns);
        Last { order, flag, fields, seen: false, before: resume.state.cloned() }
    }

    /// Notes the fields of the next row.
    pub(crate) fn note<'f>(&mut self, fields: impl Iterator<Item = Option<Bytes<'f>>> + Clone) {
        if let Some(flag) = self.flag
            && fields.clone().nth(flag).flatten().is_none_or(|field| field.get() != [1])
        {
            return;
        }
        self.seen = true;
        for (index, kept) in self.order.iter().zip(&mut self.fields) {
            kept.clear();
            // One that is NULL is refused.
            kept.extend_from_slice(fields.clone().nth(*index).flatten().map(Bytes::get).unwrap_or_default());
        }
    }

    /// Where the query has ended: where the last run did, if nothing is new.
    pub(crate) fn state(self, columns: &[Column]) -> Option<State> {
        if !self.seen {
            return self.before;
        }
        let texts = self.order.iter().zip(&self.fields).map(|(index, field)| {
            let mut json = Vec::new();
            columns[*index].codec.append(field.as_slice().into(), &mut json).ok()?;
            let text = String::from_utf8(json).ok()?;
            if text.starts_with('"') { serde_json::from_str(&text).ok() } else { Some(text) }
        });
        let mut texts = texts.collect::<Option<Vec<String>>>()?;
        let key = texts.split_off(1);
        Some(State { cursor: texts.pop()?, key })
    }
}
