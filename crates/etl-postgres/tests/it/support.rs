//! Sessions for the tests.

use etl_component::Env;
use etl_postgres::{Session, Settings};
use etl_testkit::postgres::Space;

/// A session in a space, with these variables. Its `application_name` is the name of the space's schema.
#[track_caller]
pub(crate) fn session(space: &Space, changes: &[(&str, &str)]) -> Session {
    let env = space.env();
    let mut pairs: Vec<(&str, &str)> = env.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    pairs.extend(changes);
    let settings = Settings::new(&Env::of(&pairs), space.schema()).expect("settings");
    Session::connect(&settings).unwrap_or_else(|error| panic!("{error}"))
}

/// A query for the number of connections of such sessions.
pub(crate) fn connections(space: &Space) -> String {
    format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}'", space.schema())
}
