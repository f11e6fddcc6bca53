//! The part of a server that a test has to itself.

use std::thread;

use postgres::{Client, SimpleQueryMessage};

use super::{Address, PASSWORD, USER, poll};

/// The database in which [`super::Server::space`] makes schemas.
const SHARED: &str = "postgres";

/// A schema or a database of a test's own, dropped with everything in it when this is dropped.
#[derive(Debug)]
pub struct Space {
    address: Address,
    database: String,
    schema: String,
}

impl Space {
    pub(super) fn schema_of_its_own(address: Address) -> Space {
        let schema = unique("s");
        let space = Space { address, database: SHARED.to_owned(), schema };
        space.sql(&format!("CREATE SCHEMA {}", space.schema));
        space
    }

    pub(super) fn database_of_its_own(address: Address) -> Space {
        let database = unique("d");
        run(&address, SHARED, "public", &format!("CREATE DATABASE {database}"));
        Space { address, database, schema: "public".to_owned() }
    }

    /// The name of its schema, which needs no quotes.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The name of its database, which needs no quotes.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The environment for a program that works here as the superuser, over TCP.
    pub fn env(&self) -> Vec<(String, String)> {
        self.env_of(USER, PASSWORD)
    }

    fn env_of(&self, user: &str, password: &str) -> Vec<(String, String)> {
        let (address, options) = (self.address.tcp(), format!("-c search_path={}", self.schema));
        [
            ("PGHOST", address.ip().to_string().as_str()),
            ("PGPORT", &address.port().to_string()),
            ("PGUSER", user),
            ("PGPASSWORD", password),
            ("PGDATABASE", &self.database),
            ("PGOPTIONS", &options),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Connects as the superuser, with this schema as search path.
    ///
    /// # Panics
    /// If it cannot.
    #[track_caller]
    pub fn connect(&self) -> Client {
        self.connect_to(&self.database)
    }

    /// Connects to another database of the server.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn connect_to(&self, database: &str) -> Client {
        done("connecting", self.address.connect(database, &self.schema))
    }

    /// Runs statements.
    ///
    /// # Panics
    /// If one fails.
    #[track_caller]
    pub fn sql(&self, statements: &str) {
        run(&self.address, &self.database, &self.schema, statements);
    }

    /// The rows of a query, as the server prints them: `1|2.5|text|NULL`.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn rows(&self, query: &str) -> Vec<String> {
        rows(&mut self.connect(), query)
    }

    /// The single number that a query returns.
    ///
    /// # Panics
    /// If it fails, or returns anything else.
    #[track_caller]
    pub fn count(&self, query: &str) -> i64 {
        let rows = self.rows(query);
        let number = (rows.len() == 1).then(|| rows[0].parse().ok()).flatten();
        number.unwrap_or_else(|| panic!("{query}: not one number: {rows:?}"))
    }

    /// Repeats the query until its first row is this one.
    ///
    /// # Panics
    /// If the query fails, or after five minutes.
    #[track_caller]
    pub fn wait_until(&self, query: &str, first_row: &str) {
        let mut client = self.connect();
        let what = format!("{query}: {first_row:?}");
        poll(&what, || rows(&mut client, query).first().is_some_and(|row| row == first_row));
    }

    /// Creates a role that can log in and has these privileges, each as in
    /// [GRANT](https://www.postgresql.org/docs/15/sql-grant.html): `USAGE ON SCHEMA s`, `SELECT ON items`.
    ///
    /// Roles belong to the whole server, so the name gets a suffix that no other test has.
    ///
    /// # Panics
    /// If it cannot be created, or a privilege cannot be granted.
    #[track_caller]
    pub fn role(&self, name: &str, grants: &[&str]) -> Role<'_> {
        let (name, password) = (unique(name), unique("password"));
        self.sql(&format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"));
        let role = Role { space: self, name, password };
        for grant in grants {
            self.sql(&format!("GRANT {grant} TO {}", role.name));
        }
        role
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let drop = if self.database == SHARED {
            // Whatever still holds a lock here would otherwise hold up the test too.
            format!("SET lock_timeout = '20s'; DROP SCHEMA {} CASCADE", self.schema)
        } else {
            format!("DROP DATABASE {} WITH (FORCE)", self.database)
        };
        clean(&self.address, SHARED, &drop);
    }
}

/// A role of a [`Space`] that can log in. Dropping it drops the role and whatever it owns there.
#[derive(Debug)]
pub struct Role<'a> {
    space: &'a Space,
    name: String,
    password: String,
}

impl Role<'_> {
    /// Its name, which needs no quotes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The environment for a program that works as this role.
    pub fn env(&self) -> Vec<(String, String)> {
        self.space.env_of(&self.name, &self.password)
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        let drop = format!("SET lock_timeout = '20s'; DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.name);
        clean(&self.space.address, &self.space.database, &drop);
    }
}

fn unique(name: &str) -> String {
    format!("{name}_{:016x}", fastrand::u64(..))
}

#[track_caller]
fn run(address: &Address, database: &str, schema: &str, statements: &str) {
    let mut client = done("connecting", address.connect(database, schema));
    done(statements, client.batch_execute(statements));
}

/// Runs the statements of a drop. A server that is gone has nothing to drop.
fn clean(address: &Address, database: &str, statements: &str) {
    if let Ok(mut client) = address.connect(database, "public") {
        let result = client.batch_execute(statements);
        if !thread::panicking() {
            done(statements, result);
        }
    }
}

#[track_caller]
fn rows(client: &mut Client, query: &str) -> Vec<String> {
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => {
            let cells = (0..row.len()).map(|column| row.get(column).unwrap_or("NULL"));
            Some(cells.collect::<Vec<_>>().join("|"))
        }
        _ => None,
    };
    done(query, client.simple_query(query)).into_iter().filter_map(row).collect()
}

/// Unwraps a result. Without its source, an error of the crate `postgres` says no more than "db error".
#[track_caller]
fn done<T>(what: &str, result: Result<T, postgres::Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => match error.as_db_error() {
            Some(cause) => panic!("{what}: {cause}"),
            None => panic!("{what}: {error}"),
        },
    }
}
