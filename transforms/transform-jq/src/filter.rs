//! The filter.

use etl_component::{Env, Fault};
use etl_stream::json::shorten;
use jaq_core::compile::{TermId, Undefined};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Lut, Vars};
use jaq_json::Val;

use crate::args::{HASH_KEY, Program};
use crate::functions::{self, Data, Key, Shared};
use crate::{read, refuse};

/// A compiled filter.
pub(crate) struct Filter {
    id: TermId,
    shared: Shared,
    vars: Vars<Val>,
}

/// Why a filter cannot be compiled.
enum Broken {
    /// It hashes, which needs a key.
    NoKey,
    Wrong(String),
}

impl Filter {
    /// Compiles a filter.
    ///
    /// # Errors
    /// 2 if it cannot be followed, 78 if it hashes and there is no key.
    pub(crate) fn new(program: &Program, env: &Env) -> Result<Filter, Fault> {
        let mut values = Vec::new();
        for (name, value, json) in &program.variables {
            values.push(if *json {
                read::document(value)
                    .map_err(|error| Fault::usage(format!("{name}: not JSON").as_str()).because(error))?
            } else {
                Val::utf8_str(value.clone().into_bytes())
            });
        }
        // The key is asked for only where it is used.
        let compiled = match compile(program, false) {
            Err(Broken::NoKey) => {
                let key = Key::new(&env.required_secret(&HASH_KEY)?);
                compile(program, true).map(|compiled| (compiled, Some(key)))
            }
            compiled => compiled.map(|compiled| (compiled, None)),
        };
        match compiled {
            Ok(((id, lut), key)) => Ok(Filter { id, shared: Shared { lut, key }, vars: Vars::new(values) }),
            Err(Broken::NoKey) => Err(Fault::usage("the function `hash` has no such arguments")),
            Err(Broken::Wrong(what)) => Err(Fault::usage(match &program.file {
                Some(file) => format!("the filter {}: {what}", file.display()),
                None => format!("the filter: {what}"),
            })),
        }
    }

    /// What it makes of a record; an error ends its outputs.
    pub(crate) fn run(&self, input: Val) -> impl Iterator<Item = Result<Val, String>> {
        let context = Ctx::<Data>::new(&self.shared, self.vars.clone());
        self.id.run((context, input)).map(|output| {
            output.map_err(|exception| match exception.get_err() {
                Ok(error) => said(error),
                Err(_) => "the filter halts".to_owned(),
            })
        })
    }
}

/// What an error says: a text as it is, anything else as JSON.
fn said(error: jaq_core::Error<Val>) -> String {
    let said = match error.into_val() {
        Val::TStr(text) => String::from_utf8_lossy(&text).into_owned(),
        value => value.to_string(),
    };
    format!("the filter: {}", shorten(&said, 300))
}

fn compile(program: &Program, hashes: bool) -> Result<(TermId, Lut<Data>), Broken> {
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let defs = defs.filter(|def| !refuse::is_refused(def.name)).chain(functions::defs());
    let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let funs = funs.filter(|(name, ..)| !refuse::is_refused(name) && *name != functions::STDERR);
    let own = functions::funs().filter(|(name, ..)| hashes || *name != functions::HASH);
    let (arena, code) = (Arena::default(), program.code.as_str());
    let modules = Loader::new(defs).load(&arena, File { code, path: () });
    let modules = modules.map_err(|errors| Broken::Wrong(refuse::unread(code, errors)))?;
    let names = program.variables.iter().map(|(name, ..)| name.as_str());
    let compiler = Compiler::default().with_funs(funs.chain(own)).with_global_vars(names);
    match compiler.compile(modules) {
        Ok(filter) => Ok((filter.id, filter.lut)),
        Err(errors) => {
            let unknown: Vec<(&str, Undefined)> = errors.into_iter().flat_map(|(_, errors)| errors).collect();
            let hash = |(name, kind): &(&str, Undefined)| {
                *name == functions::HASH && matches!(kind, Undefined::Filter(0))
            };
            if !hashes && unknown.iter().all(hash) {
                return Err(Broken::NoKey);
            }
            let first = unknown.into_iter().find(|unknown| hashes || !hash(unknown));
            Err(Broken::Wrong(
                first.map(|(name, kind)| refuse::unknown(code, name, &kind)).unwrap_or_default(),
            ))
        }
    }
}
