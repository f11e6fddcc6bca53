//! A pod of Kubernetes, run by Docker from its template alone.

use etl_testkit::docker::Lab;
use etl_testkit::run::Ran;
use serde_json::{Map, Value, json};

use crate::LOCKED_UP;
use crate::manifest::{Objects, expand, texts};

/// A pod's template, and what the cluster knows besides.
pub(super) struct Pod<'t> {
    pub(super) template: &'t Value,
    /// The labels that the pod has got.
    pub(super) labels: Value,
    pub(super) objects: Objects,
}

/// The config maps and secrets that the pipelines of these tests name.
pub(super) fn objects() -> Objects {
    let object = |value: Value| serde_json::from_value::<Map<String, Value>>(value).expect("an object");
    Objects {
        config_maps: object(json!({
            "weather/URL": "http://replies:8080/data/2.5",
            "weather/DB_HOST": "database",
            "weather/DASHBOARD_DB": "weather",
        })),
        secrets: object(json!({
            "openweather/KEY": "k3y",
            "postgres/USER": "loader",
            "postgres/PASSWORD": super::PASSWORD,
        })),
    }
}

impl Pod<'_> {
    /// Runs its container in this network.
    pub(super) fn run(&self, lab: &Lab, network: &str) -> Ran {
        let spec = &self.template["spec"];
        let container = &spec["containers"][0];
        let user = format!(
            "--user={}:{}",
            container["securityContext"]["runAsUser"], spec["securityContext"]["runAsGroup"]
        );
        let mut args: Vec<String> = LOCKED_UP.map(str::to_owned).to_vec();
        args.extend([user, format!("--network={network}")]);
        for mount in container["volumeMounts"].as_array().into_iter().flatten() {
            assert_eq!(spec["volumes"][0], json!({ "name": mount["name"], "emptyDir": {} }));
            args.push(format!("--tmpfs={}", mount["mountPath"].as_str().expect("a path")));
        }
        let environment = self.environment(container);
        for (name, value) in &environment {
            args.extend(["-e".to_owned(), format!("{name}={value}")]);
        }
        let command = texts(&container["command"]);
        args.extend(["--entrypoint".to_owned(), command[0].clone()]);
        args.push(container["image"].as_str().expect("an image").to_owned());
        args.extend(texts(&container["args"]).iter().map(|arg| expand(arg, &environment)));
        lab.run(&args)
    }

    fn environment(&self, container: &Value) -> Vec<(String, String)> {
        let mut environment: Vec<(String, String)> = Vec::new();
        for variable in container["env"].as_array().expect("an environment") {
            let name = variable["name"].as_str().expect("a name").to_owned();
            let value = match (&variable["value"], variable["valueFrom"]["fieldRef"]["fieldPath"].as_str()) {
                (Value::String(text), _) => expand(text, &environment),
                (_, Some(path)) => {
                    let label =
                        path.strip_prefix("metadata.labels['").and_then(|path| path.strip_suffix("']"));
                    self.labels[label.expect("a label")].as_str().expect("the label").to_owned()
                }
                _ => self.objects.referred(&variable["valueFrom"]),
            };
            environment.push((name, value));
        }
        environment
    }
}
