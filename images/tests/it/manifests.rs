//! What the manifests for Argo and compose say, without a cluster or an engine.

use std::io::Write;

use etl_stream::Class;
use etl_testkit::run::Cmd;
use serde_json::Value;

use crate::manifest::{self, containers, definitions, documents, image, workflow};

#[test]
fn the_manifest_is_what_argo_takes() {
    let Some(path) = definitions() else {
        // Written so that it is not captured as the test's output.
        let why = "SKIPPED: without ../shared/argo/argo-crd-strict.json the Argo manifest was not validated";
        writeln!(std::io::stderr(), "\n{why}").expect("stderr");
        return;
    };
    let definitions: Value =
        serde_json::from_slice(&std::fs::read(path).expect("the definitions")).expect("JSON");
    let documents = documents("argo/openweather-current.yaml");
    assert_eq!(documents.len(), 2);
    for document in documents {
        let kind = document["kind"].as_str().expect("a kind");
        let validator = jsonschema::validator_for(&definitions[kind]).expect("a schema");
        let errors = validator.iter_errors(&document);
        let errors: Vec<String> = errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{kind}: {errors:#?}");
    }
}

#[test]
fn the_cron_workflow_runs_the_template() {
    let documents = documents("argo/openweather-current.yaml");
    let cron = documents.iter().find(|document| document["kind"] == "CronWorkflow").expect("a CronWorkflow");
    assert_eq!(cron["spec"]["workflowSpec"]["workflowTemplateRef"]["name"], workflow()["metadata"]["name"]);
    assert_eq!(cron["spec"]["concurrencyPolicy"], "Forbid");
}

/// Whether a template's expression wants another try. Argo passes the code as a text, `-1` if there is none, and has the
/// function `asInt` in addition to those of the language
/// (<https://argo-workflows.readthedocs.io/en/latest/retries/#conditional-retries>).
fn retries(expression: &str, code: i64, status: &str) -> bool {
    let mut environment = expr::Environment::new();
    environment.add_function("asInt", |call| {
        let text = call.args.first().and_then(expr::Value::as_string).expect("a text");
        Ok(text.parse::<i64>().expect("a number").into())
    });
    let last = [("exitCode", code.to_string()), ("status", status.to_owned())];
    let last = last.map(|(name, text)| (name.to_owned(), expr::Value::from(text)));
    let mut context = expr::Context::default();
    context.insert("lastRetry".to_owned(), expr::Value::from_iter(last));
    let wanted = environment.eval(expression, &context).expect("an expression");
    wanted.as_bool().expect("true or false")
}

#[test]
fn a_step_is_tried_again_exactly_after_the_codes_that_another_try_may_cure() {
    let workflow = workflow();
    for template in containers(&workflow) {
        let strategy = &template["retryStrategy"];
        // `Always`: the expression alone decides, whether a step failed or the cluster did.
        assert_eq!(strategy["retryPolicy"], "Always");
        let expression = strategy["expression"].as_str().expect("an expression");
        let again: Vec<i64> = (-1..=255).filter(|&code| retries(expression, code, "Failed")).collect();
        assert_eq!(again, [-1, 75, 137, 143]);
        let again: Vec<i64> = (-1..=255).filter(|&code| retries(expression, code, "Error")).collect();
        assert_eq!(again, [-1, 0, 75, 137, 143]);
        for class in Class::ALL {
            let code = i64::from(class.code());
            assert_eq!(retries(expression, code, "Failed"), class == Class::Transient, "{code}");
        }
    }
}

#[test]
fn every_container_is_locked_up_and_of_this_version() {
    let workflow = workflow();
    assert_eq!(containers(&workflow).len(), 3);
    for template in containers(&workflow) {
        let container = &template["container"];
        let security = &container["securityContext"];
        assert_eq!(security["runAsNonRoot"], true);
        assert_eq!(security["runAsUser"], 65532);
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]));
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(image(container).1, env!("CARGO_PKG_VERSION"));
    }
}

/// Every variable a component reads, by its card.
fn known(component: &str) -> Vec<String> {
    let ran = Cmd::bin(component).arg("--describe").run();
    let card: Value = serde_json::from_str(&ran.ok().stdout).expect("a card");
    let mut names = Vec::new();
    let mut stack = vec![&card];
    while let Some(value) = stack.pop() {
        for (key, value) in value.as_object().into_iter().flatten() {
            match key.as_str() {
                "variable" => names.extend(value.as_str().map(str::to_owned)),
                "variables" => {
                    for variable in value.as_array().into_iter().flatten() {
                        names.extend(variable["name"].as_str().map(str::to_owned));
                        names.extend(manifest::texts(&variable["aliases"]));
                    }
                }
                _ => stack.extend(value.as_array().into_iter().flatten()),
            }
        }
    }
    names
}

#[test]
fn every_variable_is_one_that_its_component_reads() {
    let workflow = workflow();
    for template in containers(&workflow) {
        let (component, _) = image(&template["container"]);
        let known = known(&component);
        for variable in template["container"]["env"].as_array().expect("an environment") {
            let name = variable["name"].as_str().expect("a name").to_owned();
            assert!(known.contains(&name), "{component} does not read {name}; it reads {known:?}");
        }
    }
}

#[test]
fn every_container_of_ours_in_compose_is_locked_up_and_of_this_version() {
    let compose = documents("compose/compose.yaml").remove(0);
    let services = compose["services"].as_object().expect("services");
    let ours =
        |service: &&Value| service["image"].as_str().is_some_and(|name| name.starts_with("standpipe/"));
    let mut names = Vec::new();
    for service in services.values().filter(ours) {
        assert_eq!(service["read_only"], true);
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]));
        assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]));
        let name = service["image"].as_str().expect("an image");
        let tag = format!(":${{STANDPIPE_TAG:-{}}}", env!("CARGO_PKG_VERSION"));
        names.push(name.strip_suffix(&tag).expect("this version").trim_start_matches("standpipe/"));
    }
    let steps = ["extract-openweather", "load-influx", "load-postgres", "notify-slack"];
    assert!(steps.iter().all(|step| names.contains(step)), "{names:?}");
}
