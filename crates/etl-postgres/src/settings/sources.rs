//! Where settings come from. For each setting, the first source that has a value wins: `DATABASE_URL`, the service
//! file, the variables of libpq (in this order: chapter 34.17), and then the names that older deployments use.
//!
//! An empty value counts as not set, so that a manifest can leave a variable blank.

use std::path::Path;

use etl_component::{Env, Fault};

use super::params::{Origin, Params};
use super::{conninfo, service, words};

/// Gathers the settings from every source.
///
/// # Errors
/// 78.
pub(super) fn gather(env: &Env, home: Option<&Path>) -> Result<Params, Fault> {
    let mut params = Params::default();
    if let Some(url) = env.secret(&words::DATABASE_URL)? {
        for (word, text) in conninfo::parse(url.expose())? {
            params.add(word, &text, Origin::Url)?;
        }
    }
    let service = params.text("service").or(env.get("PGSERVICE")).filter(|name| !name.is_empty());
    if let Some(name) = service.map(str::to_owned) {
        for (word, text) in service::read(&name, env, home)? {
            params.add(word, &text, Origin::Service(name.clone()))?;
        }
    }
    add_variables(&mut params, env)?;
    add_aliases(&mut params, env)?;
    Ok(params)
}

fn add_variables(params: &mut Params, env: &Env) -> Result<(), Fault> {
    for (word, variable) in words::variables() {
        params.add(word, env.get(variable).unwrap_or_default(), Origin::Variable(variable))?;
    }
    // Only values that begin with 1 have a meaning (fe-connect.c, conninfo_add_defaults).
    if env.get("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
        params.add("sslmode", "require", Origin::Variable("PGREQUIRESSL"))?;
    }
    // The variable is read even if the URL has a password: one that is set but empty is a mistake.
    params.add_password(env.secret(&words::PASSWORD)?);
    Ok(())
}

fn add_aliases(params: &mut Params, env: &Env) -> Result<(), Fault> {
    for (word, names) in words::ALIASES {
        for &name in names {
            let text = env.get(name).unwrap_or_default();
            // Kubernetes sets DB_PORT and POSTGRES_PORT to such a text if there is a service named db or postgres.
            if !text.starts_with("tcp://") {
                params.add(word, text, Origin::Variable(name))?;
            }
        }
    }
    if params.password().is_none() {
        params.add_password(env.secret(&words::ALIAS_PASSWORD)?);
    }
    Ok(())
}
