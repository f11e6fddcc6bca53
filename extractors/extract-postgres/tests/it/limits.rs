//! Timeouts, and what the transaction is.

use crate::{Place, lines};

const SETTINGS: &str =
    "SELECT current_setting('transaction_read_only') AS ro, current_setting('transaction_isolation') AS iso,
    current_setting('statement_timeout') AS st, current_setting('lock_timeout') AS lt,
    current_setting('idle_in_transaction_session_timeout') AS idle";

#[test]
fn the_transaction_only_reads_and_has_the_limits_that_were_asked_for() {
    let mut place = Place::new();
    let usual = r#"{"ro":"on","iso":"repeatable read","st":"0","lt":"0","idle":"5min"}"#;
    assert_eq!(lines(&place.extract(SETTINGS, "")), [usual]);
    let asked = "--statement-timeout 90s --lock-timeout 1500ms --idle-timeout 0";
    let expected = r#"{"ro":"on","iso":"repeatable read","st":"90s","lt":"1500ms","idle":"0"}"#;
    assert_eq!(lines(&place.extract(SETTINGS, asked)), [expected]);
    // What the role or the environment say holds where no flag says otherwise.
    place.set("PGOPTIONS", "-c statement_timeout=7min -c lock_timeout=8min");
    let expected = r#"{"ro":"on","iso":"repeatable read","st":"7min","lt":"8min","idle":"5min"}"#;
    assert_eq!(lines(&place.extract(SETTINGS, "")), [expected]);
    let expected = r#"{"ro":"on","iso":"repeatable read","st":"0","lt":"1ms","idle":"5min"}"#;
    assert_eq!(lines(&place.extract(SETTINGS, "--statement-timeout 0 --lock-timeout 0.0001ms")), [expected]);
}

#[test]
fn a_query_that_takes_too_long_is_for_another_time() {
    let place = Place::new();
    place.refused(
        "SELECT pg_sleep(1000) AS s",
        "--statement-timeout 50ms",
        75,
        "the query: canceling statement due to statement timeout (SQLSTATE 57014)",
    );
    place.sql("CREATE TABLE t (id int)");
    let mut holder = place.connect();
    let mut transaction = holder.transaction().unwrap();
    transaction.batch_execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE").unwrap();
    place.refused(
        "SELECT * FROM t",
        "--lock-timeout 50ms",
        75,
        "the query: canceling statement due to lock timeout (SQLSTATE 55P03)",
    );
}

#[test]
fn the_session_has_the_components_name() {
    let mut place = Place::new();
    place.env.retain(|(name, _)| name != "PGAPPNAME");
    let query = "SELECT current_setting('application_name') AS name";
    assert_eq!(lines(&place.extract(query, "")), [r#"{"name":"extract-postgres"}"#]);
    place.set("PGAPPNAME", "mine");
    assert_eq!(lines(&place.extract(query, "")), [r#"{"name":"mine"}"#]);
}
