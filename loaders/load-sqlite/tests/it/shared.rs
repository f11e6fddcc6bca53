//! What is asked of every loader into tables that reads Singer taps and Airbyte sources.

use std::path::PathBuf;

use etl_testkit::connectors::{Place, batches, changes, flatten, metadata, suite, versions};
use etl_testkit::run::Ran;

use crate::support::SqliteFolder;

impl Place for SqliteFolder {
    fn load(&self, args: &str, stream: &[u8]) -> Ran {
        SqliteFolder::load(self, args, stream)
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        SqliteFolder::rows(self, sql)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        (**self).write(name, bytes);
        self.path(name)
    }
}

/// A test for each of these, in a place of its own.
macro_rules! shared {
    ($($module:ident::$test:ident),* $(,)?) => { $(
        #[test]
        fn $test() {
            $module::$test(&SqliteFolder::new());
        }
    )* };
}

shared! {
    batches::records_of_a_batch,
    changes::a_long_stream_that_gets_a_column,
    changes::a_schema_that_gets_a_column,
    changes::numbers_that_json_does_not_have,
    changes::unknown_fields_are_refused_if_asked,
    flatten::objects_become_columns,
    metadata::of_airbyte,
    metadata::of_singer,
    suite::a_key_that_comes_twice,
    suite::long_integers_and_alternatives,
    suite::missing_fields,
    suite::names_in_any_case_and_words_of_sql,
    suite::no_key,
    suite::several_states,
    suite::streams_that_take_turns,
    suite::texts_of_any_script,
    versions::generations,
    versions::rows_of_earlier_generations_go,
    versions::rows_of_other_versions_go_at_the_end,
    versions::versions_are_guarded,
    versions::versions_need_a_column,
    versions::versions_of_a_late_stream,
}
