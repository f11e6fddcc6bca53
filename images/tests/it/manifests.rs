//! What the manifests for Argo and compose say, without a cluster or an engine.

use std::collections::BTreeMap;
use std::io::Write;

use etl_stream::Class;
use etl_testkit::run::Cmd;
use serde_json::Value;

use crate::manifest::{containers, definitions, documents, image, list, rendered, retries, text, texts};

#[test]
fn every_manifest_is_what_argo_takes() {
    let Some(path) = definitions() else {
        // Written so that it is not captured as the test's output.
        let why =
            "SKIPPED: without ../shared/argo/argo-crd-strict.json the Argo manifests were not validated";
        writeln!(std::io::stderr(), "\n{why}").expect("stderr");
        return;
    };
    let definitions: Value =
        serde_json::from_slice(&std::fs::read(path).expect("the definitions")).expect("JSON");
    for (name, documents) in rendered() {
        for document in documents {
            let kind = text(&document["kind"]);
            let validator = jsonschema::validator_for(&definitions[kind]).expect("a schema");
            let errors = validator.iter_errors(&document);
            let errors: Vec<String> =
                errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{name}: {kind}: {errors:#?}");
        }
    }
}

#[test]
fn every_reference_and_variable_is_of_something_that_exists() {
    for (name, documents) in rendered() {
        let workflow = &documents[0];
        let spec = &workflow["spec"];
        let mut called = vec![text(&spec["entrypoint"]).to_owned()];
        called.extend(spec["onExit"].as_str().map(str::to_owned));
        for one in list(&spec["templates"]) {
            let tasks = list(&one["dag"]["tasks"]).iter().chain(list(&one["steps"]).iter().flat_map(list));
            called.extend(tasks.map(|task| text(&task["template"]).to_owned()));
        }
        called.sort();
        let mut names: Vec<String> =
            list(&spec["templates"]).iter().map(|one| text(&one["name"]).to_owned()).collect();
        names.sort();
        // Each is called, by one.
        assert_eq!(called, names, "{name}");
        if let Some(cron) = documents.get(1) {
            let started = &cron["spec"]["workflowSpec"];
            assert_eq!(started["workflowTemplateRef"]["name"], workflow["metadata"]["name"], "{name}");
            assert_eq!(cron["spec"]["concurrencyPolicy"], "Forbid", "{name}");
            for parameter in list(&started["arguments"]["parameters"]) {
                let there = list(&spec["arguments"]["parameters"]);
                assert!(there.iter().any(|one| one["name"] == parameter["name"]), "{name}: {parameter}");
            }
        }
    }
}

#[test]
fn a_step_is_tried_again_exactly_after_the_codes_that_another_try_may_cure() {
    for (name, documents) in rendered() {
        for template in containers(&documents[0]) {
            let strategy = &template["retryStrategy"];
            // `Always`: the expression alone decides, whether a step failed or the cluster did.
            assert_eq!(strategy["retryPolicy"], "Always", "{name}");
            let expression = text(&strategy["expression"]);
            let again: Vec<i64> = (-1..=255).filter(|&code| retries(expression, code, "Failed")).collect();
            assert_eq!(again, [-1, 75, 137, 143], "{name}");
            let again: Vec<i64> = (-1..=255).filter(|&code| retries(expression, code, "Error")).collect();
            assert_eq!(again, [-1, 0, 75, 137, 143], "{name}");
            for class in Class::ALL {
                let code = i64::from(class.code());
                assert_eq!(retries(expression, code, "Failed"), class == Class::Transient, "{code}");
            }
        }
    }
}

#[test]
fn every_container_is_locked_up_and_of_this_version() {
    for (name, documents) in rendered() {
        for template in containers(&documents[0]) {
            let container = &template["container"];
            let security = &container["securityContext"];
            assert_eq!(security["runAsNonRoot"], true, "{name}");
            assert_eq!(security["runAsUser"], 65532, "{name}");
            assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]), "{name}");
            assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{name}");
            assert_eq!(image(container).1, env!("CARGO_PKG_VERSION"), "{name}");
        }
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
                    for variable in list(value) {
                        names.extend(variable["name"].as_str().map(str::to_owned));
                        names.extend(texts(&variable["aliases"]));
                    }
                }
                _ => stack.extend(list(value)),
            }
        }
    }
    names
}

#[test]
fn every_variable_is_one_that_its_component_reads() {
    let mut components: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, documents) in rendered() {
        for template in containers(&documents[0]) {
            let container = &template["container"];
            let (image, _) = image(container);
            // In the image of all, the steps are the arguments after `--`.
            let args = texts(&container["args"]);
            let words = args.iter().skip_while(|word| *word != "--").skip(1).cloned().collect::<Vec<_>>();
            let programs = words.split(|word| word == "|").filter_map(|step| step.first().cloned());
            let programs: Vec<String> = if image == "all" { programs.collect() } else { vec![image] };
            let mut reads = |variable: &str| {
                programs.iter().any(|program| {
                    let known = components.entry(program.clone()).or_insert_with(|| known(program));
                    known.iter().any(|own| own == variable)
                })
            };
            for variable in list(&container["env"]) {
                let variable = text(&variable["name"]);
                // It stands for a brace in the values and arguments.
                assert!(
                    reads(variable) || variable == "STANDPIPE_BRACE",
                    "{name}: {programs:?} do not read {variable}"
                );
            }
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
