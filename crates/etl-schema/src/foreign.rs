//! Schemas of Singer taps and Airbyte sources, compiled to columns.
//!
//! They are JSON Schemas of any draft, often of several at once, and taps contradict them. So they only choose the type
//! in which a column keeps what comes: bounds, patterns, lengths and formats refuse nothing, only the fields of the key are
//! required, and a loader drops fields that the schema lacks unless it is told otherwise. What a schema leaves open, and a union, is `jsonb`, which keeps
//! the type of each value.

mod difference;

use etl_stream::{Fault, digest::Digest};
use serde_json::{Map, Value as Json};

use crate::rules::{Kinds, Rules};
use crate::schema::{Column, Schema};
use crate::spelled;
use crate::types::Type;

pub use difference::Difference;

/// How deep references and alternatives are followed. Those that refer to themselves end here.
const DEEPEST: usize = 16;

/// How columns follow from the properties of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// How they are named.
    pub names: Names,
    /// How many levels of objects are taken apart.
    pub flatten: u32,
    /// Whether arrays of scalars of one type are arrays of that type, not JSON.
    pub arrays: bool,
}

/// How the names of columns follow from those of properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// As they are.
    #[default]
    Keep,
    /// In lower case.
    Lower,
    /// In lower case, with `_` between words and for what is neither a letter nor a digit.
    Snake,
}

impl Names {
    /// The longest name, in bytes: what PostgreSQL keeps of one.
    const LONGEST: usize = 63;

    /// The column's or the table's name. One that is too long is cut, and gets a part of its digest, so that two that begin
    /// alike stay two.
    pub fn of(self, name: &str) -> String {
        let name = match self {
            Names::Keep => name.to_owned(),
            Names::Lower => name.to_lowercase(),
            Names::Snake => snake(name),
        };
        if name.len() <= Names::LONGEST {
            return name;
        }
        let digest = Digest::of(name.as_bytes()).to_string();
        let digest = &digest[..12];
        let mut end = Names::LONGEST - digest.len() - 1;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}_{digest}", &name[..end])
    }
}

fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 4);
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            out.push('_');
            continue;
        }
        let before = i.checked_sub(1).map(|before| chars[before]);
        let after = chars.get(i + 1);
        let begins = before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
            || before.is_some_and(char::is_uppercase) && after.is_some_and(|after| after.is_lowercase());
        if c.is_uppercase() && begins {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

impl Schema {
    /// Compiles the schema of a connector's stream with this key.
    ///
    /// # Errors
    /// 78: it is not an object, has no properties, lacks a field of the key, or two of its properties would become one
    /// column.
    pub fn from_foreign(name: &str, document: &str, key: &[String], layout: Layout) -> Result<Schema, Fault> {
        let fault = |what: String| Fault::config(format!("schema {name}: {what}"));
        let root: Json = serde_json::from_str(document)
            .map_err(|error| Fault::config(format!("schema {name}: not JSON")).because(error))?;
        let Some(properties) = root.get("properties").and_then(Json::as_object) else {
            return Err(fault("it has no properties".to_owned()));
        };
        let (mut columns, mut objects) = (Vec::new(), Vec::new());
        flat(properties, "", &root, layout.flatten, &mut |property, document, fields| match fields {
            true => objects.push(property.into()),
            false => columns.push(column(&property, document, &root, layout)),
        });
        let mut schema = Schema {
            name: name.to_owned(),
            title: None,
            description: text(&root, "description"),
            columns,
            key: Vec::new(),
            time: None,
            table: None,
            deleted: None,
            measurement: None,
            additional: false,
            document: Some(document.into()),
            objects,
        };
        schema.check_names()?;
        for wanted in key {
            let found = schema.columns.iter().position(|column| column.property() == wanted);
            let position =
                found.ok_or_else(|| fault(format!("the key {wanted:?} is not one of its properties")))?;
            if schema.key.contains(&position) {
                continue;
            }
            (schema.columns[position].nullable, schema.columns[position].required) = (false, true);
            schema.key.push(position);
        }
        Ok(schema)
    }

    /// Whether it is that of a connector.
    pub fn is_foreign(&self) -> bool {
        self.columns.iter().any(|column| column.rules.lenient)
    }

    /// Makes the integers of these columns numbers of any length, because the table has room for them.
    pub fn widen(&mut self, has_room: impl Fn(&str) -> bool) {
        for column in &mut self.columns {
            if column.rules.lenient && matches!(column.ty, Type::Integer { .. }) && has_room(&column.name) {
                column.ty = Type::Decimal { precision: None };
            }
        }
    }
}

/// The type of the elements of an array, if all are scalars of one type.
fn elements(document: &Json, root: &Json) -> Option<Type> {
    let either =
        || ["anyOf", "oneOf"].iter().filter_map(|keyword| document.get(keyword)?.as_array()).flatten();
    let items = document.get("items").or_else(|| either().find_map(|other| other.get("items")))?;
    let ty = Seen::of(items, root, 0).ty();
    (ty != Type::Json).then_some(ty)
}

/// Hands on each property with its name, and whether it is an object whose properties follow in its place, because `levels` are
/// left.
fn flat<'d>(
    properties: &'d Map<String, Json>,
    prefix: &str,
    root: &'d Json,
    levels: u32,
    each: &mut impl FnMut(String, &'d Json, bool),
) {
    for (name, document) in properties {
        let name = format!("{prefix}{name}");
        match fields(document, root, 0).filter(|_| levels > 0) {
            Some(inside) => {
                each(name.clone(), document, true);
                flat(inside, &format!("{name}__"), root, levels - 1, each);
            }
            None => each(name, document, false),
        }
    }
}

/// The properties of what is an object or null and nothing else.
fn fields<'d>(document: &'d Json, root: &'d Json, depth: usize) -> Option<&'d Map<String, Json>> {
    if depth > DEEPEST || Seen::of(document, root, 0).kinds != Kinds::OBJECT {
        return None;
    }
    let own = document.get("properties").and_then(Json::as_object).filter(|own| !own.is_empty());
    let refers = || root.pointer(document.get("$ref")?.as_str()?.strip_prefix('#')?);
    let either =
        || ["anyOf", "oneOf"].iter().filter_map(|keyword| document.get(keyword)?.as_array()).flatten();
    let inside = |other: &'d Json| fields(other, root, depth + 1);
    own.or_else(|| refers().and_then(inside)).or_else(|| {
        let mut objects = either().filter_map(inside);
        objects.next().filter(|_| objects.next().is_none())
    })
}

fn column(property: &str, document: &Json, root: &Json, layout: Layout) -> Column {
    let seen = Seen::of(document, root, 0);
    let elements = elements(document, root).filter(|_| layout.arrays && seen.kinds == Kinds::ARRAY);
    let ty = elements.map_or_else(|| seen.ty(), |element| Type::Array(Box::new(element)));
    let mut column = Column::new(layout.names.of(property), ty, true, false);
    if column.name != property {
        column.property = Some(property.into());
    }
    column.description = text(document, "description");
    column.rules = Rules::LENIENT;
    column
}

fn text(object: &Json, keyword: &str) -> Option<String> {
    object.get(keyword)?.as_str().map(str::to_owned)
}

/// What a property's schema says that matters for its type.
#[derive(Clone, Debug)]
struct Seen {
    /// The types besides null.
    kinds: Kinds,
    format: Option<String>,
    /// `airbyte_type`
    airbyte: Option<String>,
    /// `x-sql-datatype` of the Singer SDK
    sql: Option<String>,
    /// Integers may be beyond 64 bits.
    wide: bool,
}

impl Seen {
    const ANY: Seen = Seen { kinds: Kinds::ANY, format: None, airbyte: None, sql: None, wide: false };

    fn of(document: &Json, root: &Json, depth: usize) -> Seen {
        if depth > DEEPEST {
            return Seen::ANY;
        }
        let get = |keyword: &str| document.get(keyword);
        let follow = |document: &Json| Seen::of(document, root, depth + 1);
        let list = |keyword: &str| get(keyword).and_then(Json::as_array).into_iter().flatten();
        let refers =
            get("$ref").and_then(Json::as_str).and_then(|path| root.pointer(path.strip_prefix('#')?));
        let mut seen = match refers {
            Some(document) => follow(document),
            None => Seen::ANY,
        };
        for document in list("allOf") {
            let also = follow(document);
            if seen.kinds == Kinds::ANY {
                seen = also;
            }
        }
        let mut either = list("anyOf").chain(list("oneOf")).map(follow).peekable();
        if let Some(first) = either.next() {
            seen = either.fold(first, Seen::or);
        }
        if let Some(kinds) = get("type").and_then(declared).or_else(|| of_literals(document)) {
            seen.kinds = kinds;
        } else if get("type").is_none() && seen.kinds == Kinds::ANY {
            seen.kinds = match (get("properties"), get("items")) {
                (Some(_), None) => Kinds::OBJECT,
                (None, Some(_)) => Kinds::ARRAY,
                _ => Kinds::ANY,
            };
        }
        let own = |keyword: &str, inherited: Option<String>| text(document, keyword).or(inherited);
        seen.format = own("format", seen.format);
        seen.airbyte = own("airbyte_type", seen.airbyte);
        seen.sql = own("x-sql-datatype", seen.sql);
        let beyond = |bound: &Json| bound.is_number() && bound.as_i64().is_none();
        seen.wide |= ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
            .iter()
            .any(|keyword| get(keyword).is_some_and(beyond));
        seen
    }

    /// One or the other. What only one of them says of a text does not hold for both; an alternative of null says nothing.
    fn or(self, other: Seen) -> Seen {
        if self.kinds == Kinds::NONE || other.kinds == Kinds::NONE {
            return if self.kinds == Kinds::NONE { other } else { self };
        }
        let both = |a: Option<String>, b: Option<String>| a.filter(|a| b.as_ref() == Some(a));
        Seen {
            kinds: self.kinds.with(other.kinds),
            format: both(self.format, other.format),
            airbyte: both(self.airbyte, other.airbyte),
            sql: both(self.sql, other.sql),
            wide: self.wide || other.wide,
        }
    }

    fn ty(&self) -> Type {
        if let Some(asked) = self.sql.as_deref().and_then(spelled::parse).map(|(ty, _)| ty)
            && self.stores(&asked)
        {
            return asked;
        }
        match (self.kinds, self.airbyte.as_deref()) {
            (Kinds::STRING, Some("timestamp_without_timezone")) => Type::Timestamp,
            (Kinds::STRING, Some("timestamp_with_timezone")) => Type::TimestampTz,
            (Kinds::STRING, Some("big_integer" | "big_number")) => Type::Decimal { precision: None },
            (Kinds::NUMBER, Some("integer")) => Type::Integer { bits: 64 },
            (Kinds::STRING, _) => match self.format.as_deref() {
                Some("date") => Type::Date,
                Some("date-time") => Type::TimestampTz,
                _ => Type::Text { max: None },
            },
            (Kinds::INTEGER, _) if !self.wide => Type::Integer { bits: 64 },
            (Kinds::INTEGER | Kinds::NUMBER, _) => Type::Decimal { precision: None },
            (Kinds::BOOLEAN, _) => Type::Boolean,
            _ => Type::Json,
        }
    }

    /// Whether the type that a tap asks for takes what it announces; each value is looked at anyway.
    fn stores(&self, ty: &Type) -> bool {
        match self.kinds {
            Kinds::STRING => !matches!(ty, Type::Bytes | Type::Array(_) | Type::Boolean),
            Kinds::INTEGER => matches!(ty, Type::Integer { .. } | Type::Decimal { .. }),
            Kinds::NUMBER => matches!(ty, Type::Double | Type::Float | Type::Decimal { .. }),
            Kinds::BOOLEAN => *ty == Type::Boolean,
            _ => *ty == Type::Json,
        }
    }
}

/// The types that `type` names, except null.
fn declared(ty: &Json) -> Option<Kinds> {
    let of = |name: &Json| match name.as_str()? {
        "boolean" => Some(Kinds::BOOLEAN),
        "integer" => Some(Kinds::INTEGER),
        "number" => Some(Kinds::NUMBER),
        "string" => Some(Kinds::STRING),
        "array" => Some(Kinds::ARRAY),
        "object" => Some(Kinds::OBJECT),
        "null" => Some(Kinds::NONE),
        _ => None,
    };
    match ty {
        Json::Array(names) => names.iter().try_fold(Kinds::NONE, |kinds, name| Some(kinds.with(of(name)?))),
        name => of(name),
    }
}

/// The types of the values that `enum` or `const` lists, where `type` is missing.
fn of_literals(document: &Json) -> Option<Kinds> {
    if document.get("type").is_some() {
        return None;
    }
    let of = |literal: &Json| match literal {
        Json::Null => Kinds::NONE,
        Json::Bool(_) => Kinds::BOOLEAN,
        Json::Number(number) if number.is_f64() => Kinds::NUMBER,
        Json::Number(_) => Kinds::INTEGER,
        Json::String(_) => Kinds::STRING,
        Json::Array(_) => Kinds::ARRAY,
        Json::Object(_) => Kinds::OBJECT,
    };
    match (document.get("const"), document.get("enum").and_then(Json::as_array)) {
        (Some(literal), _) => Some(of(literal)),
        (None, Some(literals)) => Some(literals.iter().map(of).fold(Kinds::NONE, Kinds::with)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests;
