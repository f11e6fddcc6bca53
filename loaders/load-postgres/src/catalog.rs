//! What the server says of a table (PostgreSQL 15, chapter 53, system catalogs), in one round trip.

use etl_component::Fault;
use etl_load::stamp;
use etl_schema::{Column, Schema, Type, quote_ident};
use postgres::SimpleQueryRow;

use crate::encode::Encoder;
use crate::session::{Session, failed};
use crate::types::{self, Types};

/// A table's name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    /// The schema it is in; where it was not named, the one that was found or would be created in.
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
}

impl Name {
    /// Reads `[schema.]table`, as written: no case is folded.
    ///
    /// # Errors
    /// 78 if it cannot be a table's name.
    pub(crate) fn parse(text: &str) -> Result<Name, Fault> {
        let wrong = |what: &str| Err(Fault::config(format!("table {text:?}: {what}")));
        let parts: Vec<&str> = text.split('.').collect();
        if parts.len() > 2 {
            return wrong("a table is named TABLE or SCHEMA.TABLE");
        }
        for part in &parts {
            match part.len() {
                0 => return wrong("a part of the name is empty"),
                // PostgreSQL cuts longer names, so that two of them may become one.
                64.. => return wrong("a part of the name is longer than 63 bytes"),
                _ if part.contains(char::is_control) => return wrong("the name has a control character"),
                _ => (),
            }
        }
        let table = parts[parts.len() - 1].to_owned();
        Ok(Name { schema: (parts.len() > 1).then(|| parts[0].to_owned()), table })
    }

    /// The name as messages, receipts and the ledger have it.
    pub(crate) fn text(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.table),
            None => self.table.clone(),
        }
    }

    /// The name as SQL has it.
    pub(crate) fn sql(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote_ident(schema), quote_ident(&self.table)),
            None => quote_ident(&self.table),
        }
    }

    /// Another table of the same schema.
    pub(crate) fn sibling(&self, table: &str) -> Name {
        Name { schema: self.schema.clone(), table: table.to_owned() }
    }
}

/// A text as SQL writes it, whatever `standard_conforming_strings` is.
pub(crate) fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// What is there under a name.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The name, with its schema.
    pub(crate) name: Name,
    /// The table, if there is one.
    pub(crate) table: Option<Table>,
    /// Whether the ledger of its schema is there.
    pub(crate) ledger: bool,
}

/// A table that is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Found1>,
    /// The columns of each unique index that ON CONFLICT can go by; the primary key comes first.
    pub(crate) unique: Vec<Vec<String>>,
    /// The columns of the primary key.
    pub(crate) primary: Vec<String>,
    /// What may be done: INSERT, SELECT, UPDATE, DELETE.
    pub(crate) may: [bool; 4],
}

/// A column of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found1 {
    pub(crate) name: String,
    /// Its type as SQL spells it.
    pub(crate) spelled: String,
    /// The type without its modifiers, to cast to: a cast to `varchar(3)` would cut texts.
    pub(crate) bare: String,
    pub(crate) kind: types::Kind,
    pub(crate) not_null: bool,
    /// The SQL of its default, also of an identity column.
    pub(crate) default: Option<String>,
    pub(crate) generated: bool,
    pub(crate) identity_always: bool,
}
