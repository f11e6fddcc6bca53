//! `anyOf` and `oneOf` of a property.

use serde_json::{Map, Value, json};

use super::flat::{Flat, Keywords, Trail, add};
use crate::schema::infer::draft::Column;

/// How a schema is put into a column, and what no column says into the keywords that are left.
pub(super) type Put =
    fn(&Flat<'_>, Keywords, &mut Column, &mut Map<String, Value>, &Trail<'_>) -> Result<(), String>;

/// Puts the one schema into the column that is left without null, or else what all of them have in common.
pub(super) fn choose(
    put: Put,
    flat: &Flat<'_>,
    (keyword, branches): (&str, &[Value]),
    beside: &Map<String, Value>,
    column: &mut Column,
    left: &mut Map<String, Value>,
    trail: &Trail<'_>,
) -> Result<(), String> {
    let mut found = Vec::new();
    for branch in branches {
        let branch = flat.of(branch)?;
        if branch.is_null() {
            column.nullable = true;
        } else {
            // What stands beside holds for each of them.
            let mut keywords = beside.clone();
            add(&mut keywords, branch.keywords);
            found.push(Keywords { keywords, from: branch.from });
        }
    }
    if found.is_empty() {
        column.comments.push("only null: its type is not known".to_owned());
        return Ok(());
    }
    if found.len() == 1 {
        let one = found.remove(0);
        column.comments.extend(one.from.iter().cloned());
        return put(flat, one, column, left, trail);
    }
    let (mut columns, mut of_all) = (Vec::new(), Map::new());
    for branch in found {
        let (mut one, mut of_one) = (Column::default(), Map::new());
        put(flat, branch, &mut one, &mut of_one, trail)?;
        column.nullable |= one.nullable;
        of_all.extend(of_one);
        columns.push(one);
    }
    let types: Vec<String> = columns.iter().map(Column::type_name).collect();
    let is_one = |ty: &String| *ty == types[0] && ty != "any";
    let Some(first) = columns.first().filter(|_| types.iter().all(is_one)) else {
        let several = differing(&columns, column);
        column.comments.push(format!("{keyword} of {}: {several}", types.join(", ")));
        return Ok(());
    };
    left.extend(of_all);
    // What all say alike holds; of values that are listed, those of all.
    let lists: Option<Vec<&Vec<Value>>> =
        columns.iter().map(|one| one.keywords.get("enum").and_then(Value::as_array)).collect();
    for (name, value) in &first.keywords {
        if name != "enum" && columns.iter().all(|one| one.keywords.get(name) == Some(value)) {
            column.keywords.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    keep_decimal(&columns, column);
    if let Some(lists) = lists {
        let mut values: Vec<Value> = Vec::new();
        lists.into_iter().flatten().for_each(|value| {
            if !values.contains(value) {
                values.push(value.clone());
            }
        });
        column.keywords.insert("enum".to_owned(), values.into());
    }
    column.comments.push(format!(
        "{keyword} of {} that are {}: what they have in common",
        columns.len(),
        types[0]
    ));
    Ok(())
}

/// Decides the type of a column whose kinds differ in theirs, and says which it is.
fn differing(columns: &[Column], column: &mut Column) -> &'static str {
    let mut types: Vec<String> = Vec::new();
    for name in columns.iter().map(Column::type_name) {
        for ty in name.split(" or ") {
            if !types.iter().any(|known| known == ty) {
                types.push(ty.to_owned());
            }
        }
    }
    if !types.is_empty() && types.iter().all(|ty| matches!(ty.as_str(), "integer" | "number")) {
        column.keywords.insert("type".to_owned(), json!("number"));
        keep_decimal(columns, column);
        return "a number";
    }
    if types.iter().all(|ty| ty != "any") {
        column.one_of(&types);
    }
    let has = |wanted: &str| types.iter().any(|ty| ty == wanted);
    let is_decimal = types.iter().all(|ty| matches!(ty.as_str(), "integer" | "number" | "string"));
    if is_decimal && has("number") && has("string") {
        return "JSON, since a column has one type; if these are decimals that are written as texts, type string with \
                x-postgres {\"type\": \"numeric\"} stores them as such";
    }
    "JSON, since a column has one type"
}

/// A column that has decimals keeps their digits.
fn keep_decimal(columns: &[Column], column: &mut Column) {
    let numeric = json!({ "type": "numeric" });
    if columns.iter().any(|one| one.keywords.get("x-postgres") == Some(&numeric)) {
        column.keywords.entry("x-postgres").or_insert(numeric);
    }
}
