use super::*;

fn read(text: &str, names: &[&str]) -> Result<Query, Fault> {
    let given: Vec<(String, String)> =
        names.iter().map(|name| ((*name).to_owned(), format!("<{name}>"))).collect();
    Query::read(text, &given)
}

fn sql(text: &str, names: &[&str]) -> String {
    read(text, names).unwrap_or_else(|fault| panic!("{text}: {fault}")).sql
}

#[test]
fn parameters_are_numbered_as_they_come() {
    let query = read("SELECT :b, :a, :b::int FROM t WHERE x>:a AND y=:b;", &["a", "b"]).expect("a query");
    assert_eq!(query.sql, "SELECT $1, $2, $1::int FROM t WHERE x>$2 AND y=$1");
    assert_eq!(query.values, ["<b>", "<a>"]);
    assert_eq!(sql("SELECT 1 LIMIT:n", &["n"]), "SELECT 1 LIMIT $1");
    assert_eq!(sql("SELECT :größe_1$, :_x", &["größe_1$", "_x"]), "SELECT $1, $2");
    assert_eq!(sql("SELECT f(a := :a)", &["a"]), "SELECT f(a := $1)");
}

#[test]
fn what_is_quoted_is_left_alone() {
    for text in [
        "SELECT ':a', \":a\", 'it''s :a', \"a\"\":a\"",
        "SELECT E':a \\' :a', e'\\\\', U&':a', B'1', N':a'",
        "SELECT $$ :a $$, $x$ $$ :a $y$ $x$, $größe$:a$größe$",
        "SELECT 1 -- :a\n, /* :a /* :a */ :a */ 2",
        "SELECT x::a, x :: a, now()::timestamptz",
        "SELECT list[1:a], list[b:a], list[f(x):a], list[list[1]:a], list[\"b\":a]",
        "SELECT a$b, a$1 FROM \"x\" WHERE 'a' = 'b' \n",
        "SELECT name'a' -- e'\\",
    ] {
        assert_eq!(sql(text, &[]), text);
    }
    // An e at the end of a name is not that of a literal.
    assert_eq!(sql("SELECT date'\\', :a", &["a"]), "SELECT date'\\', $1");
    assert_eq!(sql("SELECT '\\', :a", &["a"]), "SELECT '\\', $1");
    // Where no value comes before it, it is no slice.
    assert_eq!(
        sql("SELECT list[:a], list[:a:3], list[ :a : :b ]", &["a", "b"]),
        "SELECT list[$1], list[$1:3], list[ $1 : $2 ]"
    );
    assert_eq!(sql("SELECT list[1:a], :a", &["a"]), "SELECT list[1:a], $1");
}

#[test]
fn one_query_may_end_with_semicolons_and_comments() {
    assert_eq!(sql("select 1", &[]), "select 1");
    assert_eq!(sql(" ( SELECT 1 ) ;; -- done\n/* really */ ; ", &[]), " ( SELECT 1 ) ");
    assert_eq!(sql("TABLE t -- all", &[]), "TABLE t -- all");
    assert_eq!(
        sql("-- first\nWITH a AS (SELECT ';') SELECT * FROM a", &[]),
        "-- first\nWITH a AS (SELECT ';') SELECT * FROM a"
    );
}

#[test]
fn what_may_be_null_where_its_table_has_no_null() {
    for (text, pads) in [
        ("SELECT * FROM a JOIN b USING (id)", false),
        ("SELECT * FROM a LEFT JOIN b USING (id)", true),
        ("SELECT * FROM a nAtUrAl fUlL JOIN b", true),
        ("SELECT id FROM a GROUP BY GROUPING SETS ((id), ())", true),
        ("SELECT id FROM a GROUP BY ROLLUP (id)", true),
        ("SELECT 'left', \"left\" FROM a", false),
    ] {
        assert_eq!(read(text, &[]).expect(text).pads, pads, "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_query() {
    for (text, names, code, message) in [
        ("", &[][..], 78, "the query is empty"),
        (" ; -- nothing", &[], 78, "the query is empty"),
        ("SELECT 1; SELECT 2", &[], 78, "the query is several statements; write one"),
        ("SELECT 1; -- a\n;(", &[], 78, "the query is several statements; write one"),
        (
            "DELETE FROM t",
            &[],
            78,
            "the query begins with DELETE; only SELECT, WITH, VALUES and TABLE are read",
        ),
        ("'SELECT'", &[], 78, "the query begins with 'SELECT'; only SELECT, WITH, VALUES and TABLE are read"),
        ("SELECT $1", &[], 78, "the query has $1; write :name, and give its value by --param name=VALUE"),
        ("SELECT :a", &[], 2, "the query has :a, but no --param a=VALUE is given"),
        ("SELECT :a", &["a", "b"], 2, "--param b: the query has no :b"),
        ("SELECT ':a'", &["a"], 2, "--param a: the query has no :a"),
        ("SELECT 'a", &[], 78, "the query has a text in quotes that does not end"),
        ("SELECT E'a\\'", &[], 78, "the query has a text in quotes that does not end"),
        ("SELECT \"a", &[], 78, "the query has a name in quotes that does not end"),
        ("SELECT $a$ $b$", &[], 78, "the query has a text in dollar quotes that does not end"),
        ("SELECT 1 /* /* */", &[], 78, "the query has a comment that does not end"),
    ] {
        let fault = read(text, names).expect_err(text);
        assert_eq!((fault.class().code(), fault.message()), (code, message), "{text}");
    }
}
